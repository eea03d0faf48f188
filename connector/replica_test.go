package connector_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"s1graph/connector"
	"s1graph/graph/jsonstore"
	"s1graph/state"
)

// inBucket is an option that has a worker keep the directory in a bucket too.
func (c *console) inBucket(b state.Bucket, worker string) func(*connector.Options) {
	r := state.Of(b, "test", worker, c.dir)
	return func(o *connector.Options) { o.Replica = r }
}

// newBucket is a bucket in a folder.
func newBucket(t *testing.T) state.Bucket {
	t.Helper()
	b, err := state.Open(t.Context(), "file://"+filepath.Join(t.TempDir(), "bucket"))
	require.NoError(t, err)
	return b
}

func TestWhereTheFolderIsLostTheRunGoesOnFromTheBucket(t *testing.T) {
	t.Parallel()
	c, b := newConsole(t, busy()), newBucket(t)
	told := c.tellBy(filepath.Join(c.dir, "alerts.db"), newAgent)
	first := c.mustSync(told.of, c.inBucket(b, "w1"))
	c.SetDay(1)
	second := c.mustSync(told.of, c.inBucket(b, "w1"))
	require.NoError(t, os.RemoveAll(c.dir))
	c.SetDay(2)
	third := c.mustSync(told.of, c.inBucket(b, "w1"))
	assert.Equal(t, second.Run, third.Previous)
	assert.Contains(t, third.Notices, "The run "+second.Run+" came from the bucket.")
	_, keys := told.events()
	assert.ElementsMatch(t, newAgents(c.Plan(1)), keys, "what waits is there, and what was there before is not new")
	log, err := jsonstore.ChangeLog(c.dir)
	require.NoError(t, err)
	require.NotEmpty(t, log)
	assert.Equal(t, second.Run, log[0].ID)
	assert.Equal(t, c.clean(), c.graph())
	var history []string
	for line, err := range connector.History(c.dir) {
		require.NoError(t, err)
		history = append(history, line.Run)
	}
	assert.Equal(t, []string{first.Run, second.Run, third.Run}, history)
}

func TestTwoWorkersNeverCommitToTheSameRun(t *testing.T) {
	t.Parallel()
	c, b := newConsole(t, busy()), newBucket(t)
	one := c.inBucket(b, "w1")
	first := c.mustSync(one)
	other := c.elsewhere()
	c.SetDay(1)
	second := other.mustSync(other.inBucket(b, "w2"))
	assert.Equal(t, first.Run, second.Previous)
	requests := c.Requests()
	told := c.tell(newAgent)
	result := c.sync(one, told.of)
	require.True(t, connector.IsFenced(result.err), "%v", result.err)
	assert.Equal(t, requests, c.Requests(), "the tenant is not read")
	ids, _ := told.events()
	assert.Empty(t, ids)
}

func TestAnAcceptanceInTheBucketLetsGoWhatWasWithheldAndNothingElse(t *testing.T) {
	t.Parallel()
	c, b := newConsole(t, crowd()), newBucket(t)
	in := c.inBucket(b, "w1")
	c.mustSync(in)
	c.lose(0, 80)
	withheld := c.mustSyncInPart(in)
	require.NotEmpty(t, withheld.WithheldDeletions)
	o := c.options()
	w, err := connector.ReadWithheld(o.Config)
	require.NoError(t, err)
	var keys bytes.Buffer
	require.NoError(t, connector.WriteAccepted(&keys, w, false))
	require.NoError(t, state.Accept(t.Context(), b, "test", withheld.Run, false, &keys))

	require.NoError(t, os.RemoveAll(c.dir)) // another worker finds it just as well
	result := c.mustSync(c.inBucket(b, "w2"))
	assert.Empty(t, result.WithheldDeletions)
	names, err := b.List(t.Context(), "test/asks/")
	require.NoError(t, err)
	assert.Empty(t, names)
}

func TestWhatIsDamagedInTheFolderComesFromTheBucketAndIsNoBaseline(t *testing.T) {
	t.Parallel()
	c, b := newConsole(t, busy()), newBucket(t)
	in := c.inBucket(b, "w1")
	c.mustSync(in)
	files, err := filepath.Glob(filepath.Join(c.dir, "current", "graph", "agents", "entities", "sentinelone_agent-*.json"))
	require.NoError(t, err)
	require.NotEmpty(t, files)
	require.NoError(t, os.WriteFile(files[0], []byte("{"), 0o600))
	c.SetDay(1)
	result := c.mustSync(in)
	assert.Contains(t, strings.Join(result.Notices, " "), "were damaged, and the bucket had them")
	assert.Zero(t, result.Changes["sentinelone_agent"].Baseline)
	assert.NotZero(t, result.Changes["sentinelone_agent"].Created)
}

func TestABucketThatIsAwayFailsTheRunAndOneThatGoesAwayAfterTheCommitDoesNot(t *testing.T) {
	t.Parallel()
	c := newConsole(t, small())
	b := &failing{Bucket: newBucket(t)}
	in := c.inBucket(b, "w1")
	first := c.mustSync(in)
	b.fails = func(string) bool { return true }
	result := c.sync(in)
	require.ErrorIs(t, result.err, errAway)

	records := 0
	b.fails = func(op string) bool { // after the run's own record
		if op == "Create" {
			records++
		}
		return records > 1
	}
	settled := c.mustSyncInPart(in)
	assert.Contains(t, strings.Join(settled.Notices, " "), "the bucket lacks what came after it")
	assert.Equal(t, first.Run, settled.Previous)
	b.fails = nil
	other := c.elsewhere() // as after a kill between the record of the run and what comes after it
	third := other.mustSync(other.inBucket(b, "w2"))
	assert.Equal(t, settled.Run, third.Previous)
	var history []string
	for _, line := range other.history() {
		history = append(history, line.Run)
		assert.NotEmpty(t, line.Figures)
	}
	assert.Equal(t, []string{first.Run, settled.Run, third.Run}, history)
}

func TestADryRunLeavesTheBucketAlone(t *testing.T) {
	t.Parallel()
	c := newConsole(t, small())
	in := c.inBucket(&failing{Bucket: newBucket(t), fails: func(string) bool { return true }}, "w1")
	require.NoError(t, c.sync(in, func(o *connector.Options) { o.DryRun = true }).err)
}

var errAway = errors.New("the bucket is away")

// failing is a bucket that is away now and then.
type failing struct {
	state.Bucket
	fails func(op string) bool
}

func (f *failing) check(op string) error {
	if f.fails != nil && f.fails(op) {
		return errAway
	}
	return nil
}

func (f *failing) Put(ctx context.Context, name string, content io.Reader) error {
	if err := f.check("Put"); err != nil {
		return err
	}
	return f.Bucket.Put(ctx, name, content)
}

func (f *failing) Create(ctx context.Context, name string, content []byte) error {
	if err := f.check("Create"); err != nil {
		return err
	}
	return f.Bucket.Create(ctx, name, content)
}

func (f *failing) List(ctx context.Context, prefix string) ([]string, error) {
	if err := f.check("List"); err != nil {
		return nil, err
	}
	return f.Bucket.List(ctx, prefix)
}

func TestNeo4jIsWrittenInTheEpochOfWhoHasTheInstance(t *testing.T) {
	t.Parallel()
	c, b, d := newConsole(t, little()), newBucket(t), newDatabase(t)
	c.mustSync(c.inBucket(b, "w1"), d.write)
	first, err := d.open(t).Marker(t.Context())
	require.NoError(t, err)
	assert.NotEmpty(t, first.Log)
	assert.Positive(t, first.Epoch)
	other := c.elsewhere()
	other.mustSync(other.inBucket(b, "w2"), d.write) // which finds nothing to write
	second, err := d.open(t).Marker(t.Context())
	require.NoError(t, err)
	assert.Equal(t, first.Log, second.Log)
	assert.Greater(t, second.Epoch, first.Epoch)

	// The bucket is restored to an older state: its epochs are those that were given already.
	second.Epoch += 100
	require.NoError(t, d.open(t).Claim(t.Context(), second, second.Owner))
	other.mustRefuse(d, "another worker has taken the instance over, or the bucket was restored from an older state", other.inBucket(b, "w2"), d.write)

	// Without the bucket, or with another, the folder goes on, and says so.
	result := other.mustSync(d.write)
	assert.Contains(t, strings.Join(result.Notices, " "), "another log of")
	d.assertHolds(t, other.dir)
}

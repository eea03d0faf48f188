package connector_test

import (
	"encoding/json"
	"encoding/pem"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"s1graph/connector"
	"s1graph/fleet/fleettest"
	"s1graph/graph/jsonstore"
	"s1graph/state"
)

// allChangeIDs are the IDs of all changes that are kept.
func allChangeIDs(t *testing.T, dir string) (ids []string) {
	t.Helper()
	log, err := jsonstore.ChangeLog(dir)
	require.NoError(t, err)
	for _, run := range log {
		for change, err := range run.Changes(t.Context()) {
			require.NoError(t, err)
			ids = append(ids, change.ID)
		}
	}
	return ids
}

// natsAt starts a server of NATS in this process, with what a folder holds.
func natsAt(t *testing.T, dir string) *server.Server {
	t.Helper()
	return fleettest.Nodes(t, 1, func(o *server.Options) { o.StoreDir = dir })[0]
}

// to is an option that publishes events.
func to(url string) func(*connector.Options) {
	return func(o *connector.Options) { o.Config.Events.URL = url }
}

// published are the IDs of the events in the stream, in their order, and the runs that it says are whole.
func published(t *testing.T, s *server.Server) (ids, runs []string) {
	t.Helper()
	conn, err := nats.Connect(s.ClientURL())
	require.NoError(t, err)
	defer conn.Close()
	js, err := jetstream.New(conn)
	require.NoError(t, err)
	stream, err := js.Stream(t.Context(), "s1graph-events")
	require.NoError(t, err)
	info, err := stream.Info(t.Context())
	require.NoError(t, err)
	for seq := uint64(1); seq <= info.State.LastSeq; seq++ {
		message, err := stream.GetMsg(t.Context(), seq)
		require.NoError(t, err)
		var e struct{ ID, Run string }
		require.NoError(t, json.Unmarshal(message.Data, &e))
		if strings.HasPrefix(message.Subject, "s1graph.runs.") {
			runs = append(runs, e.Run)
		} else {
			ids = append(ids, e.ID)
		}
	}
	return ids, runs
}

func TestCommittedRunsArePublished(t *testing.T) {
	t.Parallel()
	s := natsAt(t, t.TempDir())
	c := newConsole(t, busy())
	first := c.mustSync(to(s.ClientURL()))
	c.SetDay(1)
	c.sync(to(s.ClientURL()), func(o *connector.Options) { o.DryRun = true })
	second := c.mustSync(to(s.ClientURL()))
	third := c.mustSync(to(s.ClientURL()))
	ids, runs := published(t, s)
	assert.Equal(t, []string{first.Run, second.Run, third.Run}, runs)
	assert.ElementsMatch(t, allChangeIDs(t, c.dir), ids, "each change, by the ID that it has in the change log")
	assert.NotEmpty(t, ids)
}

func TestRunsThatNATSWasAwayForAreKeptAndPublishedWhenItIsBack(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := natsAt(t, dir)
	way, err := fleettest.NewLine(s)
	require.NoError(t, err)
	t.Cleanup(way.Close)
	url := way.URL()
	c := newConsole(t, busy())
	first := c.mustSync(to(url))
	fleettest.Stop(s)

	c.SetDay(1)
	second := c.sync(to(url))
	require.NoError(t, second.err)
	assert.Equal(t, connector.Partial, second.Status)
	assert.Contains(t, strings.Join(second.Notices, "\n"), "Events are behind, and the next run catches up: no server of NATS can be reached")
	c.SetDay(2)
	third := c.sync(to(url))
	require.NoError(t, third.err)
	assert.DirExists(t, filepath.Join(c.dir, "runs", second.Run), "kept until it is published")

	again := natsAt(t, dir)
	way.Mend(again)
	c.SetDay(3)
	fourth := c.mustSync(to(url))
	ids, runs := published(t, again)
	assert.Equal(t, []string{first.Run, second.Run, third.Run, fourth.Run}, runs)
	assert.ElementsMatch(t, allChangeIDs(t, c.dir), ids)
}

func TestEventsThatAreTooFarBehindAreMovedOnAndThatIsSaid(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := natsAt(t, dir)
	c := newConsole(t, busy())
	c.mustSync(to(s.ClientURL()))
	little := func(o *connector.Options) { o.Config.RunsKeptGiB = 1e-9 }
	for day := 1; day <= 3; day++ {
		c.SetDay(day)
		require.NoError(t, c.sync(to("nats://127.0.0.1:1"), little).err)
	}
	result := c.sync(to("nats://127.0.0.1:1"), little)
	require.NoError(t, result.err)
	c.SetDay(4)
	back := c.sync(to(s.ClientURL()))
	require.NoError(t, back.err)
	require.NotEmpty(t, back.MovedOn)
	assert.Equal(t, "events", back.MovedOn[0].Consumer)
	assert.Contains(t, back.MovedOn[0].What, "Events did not see")
	_, runs := published(t, s)
	assert.Contains(t, runs, back.Run)
}

func TestAStreamThatIsNewBeginsWithTheLastRun(t *testing.T) {
	t.Parallel()
	c := newConsole(t, busy())
	c.mustSync()
	c.SetDay(1)
	last := c.mustSync()
	s := natsAt(t, t.TempDir())
	next := c.mustSync(to(s.ClientURL()))
	ids, runs := published(t, s)
	assert.Equal(t, []string{last.Run, next.Run}, runs)
	assert.ElementsMatch(t, allChangeIDs(t, c.dir), ids)
}

func TestARunWaitsForNoSecondAnswerOfAnAddressBeforeItReadsTheTenant(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	status, asked := http.StatusUnauthorized, 0
	posted := posts(t, func(w http.ResponseWriter, _ *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		asked++
		w.WriteHeader(status)
	})
	c := newConsole(t, busy())
	require.NoError(t, c.sync(posted).err)
	status, asked = http.StatusServiceUnavailable, 0 // which a later try may find otherwise
	second := c.sync(posted)
	require.NoError(t, second.err)
	assert.Equal(t, 1, asked, "neither before the read nor after the commit is it asked once more")
	assert.Contains(t, strings.Join(second.Notices, "\n"), "Events are behind, and the next run catches up: the address of events.url answers 503")
	status = http.StatusOK
	c.mustSync(posted)
}

// posts is an option that posts events to a server of https.
func posts(t *testing.T, answer http.HandlerFunc) func(*connector.Options) {
	t.Helper()
	web := httptest.NewTLSServer(answer)
	t.Cleanup(web.Close)
	ca := filepath.Join(t.TempDir(), "ca.pem")
	require.NoError(t, os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: web.Certificate().Raw}), 0o600))
	return func(o *connector.Options) { o.Config.Events.URL, o.Config.CAFile = web.URL, ca }
}

func TestAnAddressIsPostedToAndItsCursorIsInTheFolder(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var ids []string
	broken := false
	posted := posts(t, func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		if broken {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		body, _ := io.ReadAll(r.Body)
		var batch []struct{ ID string }
		assert.NoError(t, json.Unmarshal(body, &batch))
		for _, e := range batch {
			ids = append(ids, e.ID)
		}
	})

	c := newConsole(t, busy())
	c.mustSync(posted)
	c.SetDay(1)
	broken = true
	second := c.sync(posted)
	require.NoError(t, second.err)
	assert.Contains(t, strings.Join(second.Notices, "\n"), "Events are behind, and the next run catches up: the address of events.url answers 401")
	broken = false
	c.mustSync(posted)
	c.mustSync(posted)
	var changes []string
	for _, id := range ids {
		if !strings.HasPrefix(id, "run-") {
			changes = append(changes, id)
		}
	}
	assert.ElementsMatch(t, allChangeIDs(t, c.dir), changes, "each once, although a run in between failed to post")
	assert.Equal(t, 4, len(ids)-len(changes))
	assert.Len(t, slices.Compact(slices.Sorted(slices.Values(ids))), len(ids))
}

func TestAfterAnOlderBucketWasRestoredEventsSayHowTheyGoOnAndThenDo(t *testing.T) {
	t.Parallel()
	s := natsAt(t, t.TempDir())
	c := newConsole(t, busy())
	bucket := filepath.Join(t.TempDir(), "bucket")
	worker := func() *console { // a new one, with an empty folder
		c.dir = filepath.Join(t.TempDir(), "test")
		return c
	}
	sync := func(day int) outcome {
		c.SetDay(day)
		b, err := state.Open(t.Context(), "file://"+bucket)
		require.NoError(t, err)
		return worker().sync(c.inBucket(b, "w1"), to(s.ClientURL()))
	}
	require.NoError(t, sync(0).err)
	older := filepath.Join(t.TempDir(), "older")
	require.NoError(t, os.CopyFS(older, os.DirFS(bucket)))
	for day := 1; day <= 3; day++ {
		require.NoError(t, sync(day).err)
	}
	require.NoError(t, os.RemoveAll(bucket))
	require.NoError(t, os.Rename(older, bucket))

	behind := sync(4)
	require.NoError(t, behind.err)
	said := strings.Join(behind.Notices, "\n")
	require.Contains(t, said, "another worker has taken the instance over, or the bucket was restored from an older state")
	purge := regexp.MustCompile(`nats stream purge (\S+) --subject (\S+) --force`).FindStringSubmatch(said)
	require.NotNil(t, purge, said)

	conn, err := nats.Connect(s.ClientURL())
	require.NoError(t, err)
	defer conn.Close()
	js, err := jetstream.New(conn)
	require.NoError(t, err)
	stream, err := js.Stream(t.Context(), purge[1])
	require.NoError(t, err)
	require.NoError(t, stream.Purge(t.Context(), jetstream.WithPurgeSubject(purge[2])))

	on := sync(5)
	require.NoError(t, on.err)
	assert.Equal(t, connector.Complete, on.Status, on.Notices)
	last, err := stream.GetLastMsgForSubject(t.Context(), purge[2])
	require.NoError(t, err)
	assert.Contains(t, string(last.Data), on.Run)
}

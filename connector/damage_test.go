package connector_test

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"s1graph/connector"
	"s1graph/s1/s1test"
)

func TestADamagedGraphFileOrIndexIsSaidAndHealed(t *testing.T) {
	t.Parallel()
	for _, pattern := range []string{
		"graph/agents/entities/sentinelone_agent-0001.json",
		"graph/agents/relationships/sentinelone_group_has_agent-0001.json",
		"index/sentinelone_device",
		"index/sentinelone_threat",
	} {
		t.Run(pattern, func(t *testing.T) {
			t.Parallel()
			c := newConsole(t, busy())
			c.mustSync()
			before := c.graph()
			path := filepath.Join(c.dir, "current", filepath.FromSlash(pattern))
			content, err := os.ReadFile(path)
			require.NoError(t, err)
			content[len(content)/2] ^= 0x20
			require.NoError(t, os.WriteFile(path, content, 0o600))

			result := c.mustSync()
			require.NotEmpty(t, result.Notices)
			assert.Contains(t, result.Notices[0], "damaged")
			assert.Empty(t, result.changes, "what was damaged is no change of the tenant")
			assertSame(t, before, c.graph())
			assert.Empty(t, c.mustSync().Notices)
		})
	}
}

// What is left of a damaged file is not lost where its list fails too.
func TestADamagedTypeWhoseListFailsKeepsWhatCanBeRead(t *testing.T) {
	t.Parallel()
	c := newConsole(t, busy())
	c.mustSync()
	path := filepath.Join(c.dir, "current", "graph", "threats", "entities", "sentinelone_threat-0001.json")
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	at := bytes.Index(content, []byte(`"sha1"`))
	require.Positive(t, at)
	content[at+2] = 'X'
	require.NoError(t, os.WriteFile(path, content, 0o600))
	c.Break(s1test.Fault{Path: "/threats", Effect: s1test.Status(500)})
	result := c.sync()
	require.NoError(t, result.err)
	assert.Len(t, ofType(c.graph(), "sentinelone_threat"), c.Totals().Threats-1)
}

// A process that is killed at any moment leaves the last committed run, and the next run gives what a
// clean one gives.
func TestKilledAtRandomMomentsTheNextGoodRunEqualsACleanOne(t *testing.T) {
	t.Parallel()
	tenant := small()
	tenant.Seed = 9
	c := newConsole(t, tenant)
	c.mustSync()
	started := time.Now()
	require.NoError(t, c.child().Run())
	whole := time.Since(started)
	random := rand.New(rand.NewPCG(1, 2))
	for day := range 20 {
		c.SetDay(1 + day%4)
		child := c.child()
		require.NoError(t, child.Start())
		moment := time.AfterFunc(time.Duration(random.Float64()*float64(whole)), func() { _ = child.Process.Kill() })
		_ = child.Wait() // killed, or done before
		moment.Stop()
		assert.NotEmpty(t, c.graph(), "the last committed run stands")
	}
	c.mustSync()
	assertSame(t, c.clean(), c.graph())
}

func TestACancelledRunCommitsNothing(t *testing.T) {
	t.Parallel()
	c := newConsole(t, small())
	ctx, cancel := context.WithCancel(t.Context())
	c.OnRequest(func(r request) {
		if strings.HasSuffix(r.URL.Path, "/threats") {
			cancel()
		}
	})
	o := c.options()
	summary, err := connector.Sync(ctx, o)
	require.ErrorIs(t, err, context.Canceled)
	assert.Equal(t, connector.Failed, summary.Status)
	assert.NoFileExists(t, filepath.Join(c.dir, "current"))
	runs, err := os.ReadDir(filepath.Join(c.dir, "runs"))
	require.NoError(t, err)
	assert.Empty(t, runs)
}

func TestADirectoryThatCannotBeWrittenIsAnErrorThatNamesIt(t *testing.T) {
	t.Parallel()
	c := newConsole(t, small())
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	c.dir = filepath.Join(file, "instance")
	result := c.sync()
	require.ErrorContains(t, result.err, file)
}

func TestOnAFullDiskTheLastRunStands(t *testing.T) {
	t.Parallel()
	c := newConsole(t, busy())
	c.mustSync()
	before := c.graph()
	c.SetDay(1)
	for _, limit := range []int{1_000, 40_000, 160_000} {
		out, err := c.child(fmt.Sprint("S1GRAPH_TEST_DISK=", limit)).CombinedOutput()
		require.Error(t, err)
		assert.Contains(t, string(out), c.dir)
		assert.Contains(t, string(out), syscall.EFBIG.Error())
		assert.NotContains(t, string(out), "goroutine")
		assertSame(t, before, c.graph())
	}
	c.mustSync()
	assertSame(t, c.clean(), c.graph())
}

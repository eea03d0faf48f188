package connector_test

import (
	"context"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"s1graph/connector"
	"s1graph/s1/s1test"
)

// A console, or what stands before it, that sends without end. Not parallel: what others allocate would count too.
func TestAHostileListCostsItsStepAloneAndNeitherMemoryNorDisk(t *testing.T) {
	long := strings.Repeat("x", 100<<10)
	for name, fault := range map[string]struct {
		effect func(sent *atomic.Int64) s1test.Effect
		says   string
	}{
		"gzip that unfolds to gigabytes": {func(sent *atomic.Int64) s1test.Effect {
			return s1test.GzipFlood(http.StatusOK, `{"data":[`, `{"id":"1","computerName":"`+long+`"},`, sent)
		}, "page 1: the answer has more than 64 MiB"},
		"a name without end": {func(sent *atomic.Int64) s1test.Effect {
			return s1test.Flood(http.StatusOK, `{"data":[{"id":"1","computerName":"`, long, sent)
		}, "page 1: the answer has a text of more than 1 MiB"},
		"a name of 10 MB": {func(*atomic.Int64) s1test.Effect {
			return s1test.StatusWith(http.StatusOK, nil, `{"data":[{"id":"1","computerName":"`+strings.Repeat(long, 100)+`"}],"pagination":{"totalItems":1}}`)
		}, "page 1: the answer has a text of more than 1 MiB"},
		"rows without end": {func(sent *atomic.Int64) s1test.Effect {
			return s1test.Flood(http.StatusOK, `{"data":[`, `{"id":"1"},`, sent)
		}, "page 1: the answer has more than 2000 rows"},
		"pages without end":       {func(*atomic.Int64) s1test.Effect { return s1test.EndlessList() }, "the list goes on where"},
		"empty pages without end": {func(*atomic.Int64) s1test.Effect { return s1test.EndlessEmptyPages() }, "the list goes on where"},
		"a wait of many years":    {func(*atomic.Int64) s1test.Effect { return s1test.Unavailable("999999999") }, "the console asks to wait 277777h46m39s"},
		"a header without end":    {func(*atomic.Int64) s1test.Effect { return s1test.LongHeader(1 << 30) }, "page 1: the headers of the answer have more than 256 KiB"},
	} {
		t.Run(name, func(t *testing.T) {
			c := newConsole(t, small())
			c.mustSync()
			before, disk := c.graph(), diskUsage(t, c.dir)
			c.SetDay(3)
			var sent atomic.Int64
			mend := c.Break(s1test.Fault{Path: "/agents", Match: ofRows, Effect: fault.effect(&sent)})
			var start, end runtime.MemStats
			runtime.ReadMemStats(&start)

			result := c.sync(func(o *connector.Options) { o.Config.PageDeadline = 10 * time.Minute }) // however slow the machine is

			runtime.ReadMemStats(&end)
			require.NoError(t, result.err)
			assert.Equal(t, connector.Partial, result.Status)
			assert.Equal(t, "failed", result.step("agents").State)
			assert.Contains(t, result.step("agents").Error, "on /agents: ")
			assert.Contains(t, result.step("agents").Error, fault.says)
			assert.Equal(t, agentTypes, result.IncompleteTypes)
			for _, step := range []string{"accounts", "sites", "groups", "threats"} {
				assert.Equal(t, "ok", result.step(step).State, "%s: %s", step, result.step(step).Error)
			}
			after := c.graph()
			assert.Less(t, end.TotalAlloc-start.TotalAlloc, uint64(600<<20), "bytes allocated, the server's own among them")
			assert.LessOrEqual(t, sent.Load(), int64(4<<30))
			assert.Less(t, diskUsage(t, c.dir)-disk, int64(2<<20), "bytes on disk")

			mend()
			c.mustSync()
			clean := c.clean()
			assertSame(t, clean, c.graph())
			for _, typeName := range agentTypes {
				assert.Empty(t, lackingUnsaid(only(before, typeName), after, clean), "of %s nothing is deleted", typeName)
			}
		})
	}
}

func TestARunThatTakesTooLongEndsAndCommitsNothing(t *testing.T) {
	t.Parallel()
	for name, path := range map[string]string{"at first": "/user", "in the middle": "/agents"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newConsole(t, small())
			c.mustSync()
			before, runs := readFiles(t, filepath.Join(c.dir, "graph")), entriesOf(t, filepath.Join(c.dir, "runs"))
			c.SetDay(3)
			mend := c.Break(s1test.Fault{Path: path, Effect: s1test.Unavailable("300")})

			result := c.sync(func(o *connector.Options) {
				o.Config.RunDeadline = 300 * time.Millisecond
				o.Sleep = func(ctx context.Context, _ time.Duration) error { // for ever, as seen from here
					<-ctx.Done()
					return ctx.Err()
				}
			})

			var late *connector.DeadlineError
			require.ErrorAs(t, result.err, &late)
			assert.Equal(t, connector.Failed, result.Status)
			assert.Equal(t, "the run took longer than runDeadline allows, 300ms, and was ended: nothing was committed and nothing is lost; "+
				"see which step took so long, and raise runDeadline (--run-deadline) if the tenant needs more time", result.Error)
			assert.Empty(t, result.Run)
			assert.Equal(t, before, readFiles(t, filepath.Join(c.dir, "graph")))
			assert.Equal(t, runs, entriesOf(t, filepath.Join(c.dir, "runs")))
			mend()
			c.mustSync()
			assertSame(t, c.clean(), c.graph())
		})
	}
}

func TestAnInterruptedRunIsNotCalledLate(t *testing.T) {
	t.Parallel()
	c := newConsole(t, small())
	ctx, cancel := context.WithCancel(t.Context())
	c.OnRequest(func(*http.Request) { cancel() })
	_, err := connector.Sync(ctx, c.options())
	require.ErrorIs(t, err, context.Canceled)
	assert.NotContains(t, err.Error(), "runDeadline")
}

// entriesOf are the names in a folder.
func entriesOf(t *testing.T, dir string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	for _, entry := range entries {
		names = append(names, entry.Name())
	}
	return names
}

// diskUsage is how many bytes the files of a folder have.
func diskUsage(t *testing.T, dir string) (bytes int64) {
	t.Helper()
	require.NoError(t, filepath.WalkDir(dir, func(_ string, d os.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		info, err := d.Info()
		bytes += info.Size()
		return err
	}))
	return bytes
}

package check_test

import (
	"net/http"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"s1graph/check"
	"s1graph/s1/s1test"
)

// Not parallel: what others allocate would count too.
func TestAHostileConsoleIsAFaultThatCostsLittle(t *testing.T) {
	long := strings.Repeat("x", 100<<10)
	gzip := func(sent *atomic.Int64) s1test.Effect {
		return s1test.GzipFlood(http.StatusOK, `{"data":[`, `{"id":"1","computerName":"`+long+`"},`, sent)
	}
	for name, c := range map[string]struct {
		path, subject string
		effect        func(sent *atomic.Int64) s1test.Effect
		says          string
	}{
		"gzip in place of a count":  {"/agents", "list /agents", gzip, "the answer has more than 64 MiB"},
		"gzip in place of the user": {"/user", "token", gzip, "the answer has more than 64 MiB"},
		"a list without end": {"/threats", "list /threats", func(sent *atomic.Int64) s1test.Effect {
			return s1test.Flood(http.StatusOK, `{"data":[`, "{},", sent)
		}, "the answer has more than 1000000 values"},
		"a wait of many years": {"/groups", "list /groups", func(*atomic.Int64) s1test.Effect {
			return s1test.Unavailable("999999999")
		}, "the console asks to wait 277777h46m39s"},
		"a page without end before there is a token": {"/system/status", "token", func(sent *atomic.Int64) s1test.Effect {
			return s1test.Flood(http.StatusOK, "<html>", "<p>", sent)
		}, "accepted"},
		"headers without end": {"/system/status", "connection", func(*atomic.Int64) s1test.Effect {
			return s1test.LongHeader(1 << 30)
		}, "headers exceeded"},
	} {
		t.Run(name, func(t *testing.T) {
			server, o := tenant(t)
			o.Config.PageDeadline = 10 * time.Minute // however slow the machine is
			var sent atomic.Int64
			server.Break(s1test.Fault{Path: c.path, Effect: c.effect(&sent)})
			var start, end runtime.MemStats
			runtime.ReadMemStats(&start)

			found := findings(t, o)[c.subject]

			runtime.ReadMemStats(&end)
			assert.Contains(t, found.Detail, c.says)
			if c.says != "accepted" {
				assert.Equal(t, check.Fault, found.State)
			}
			assert.Less(t, end.TotalAlloc-start.TotalAlloc, uint64(400<<20), "bytes allocated, the server's own among them")
			assert.Equal(t, 1, server.Requests()[c.path])
		})
	}
}

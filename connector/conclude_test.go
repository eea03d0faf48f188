package connector_test

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"s1graph/connector"
	"s1graph/graph"
	"s1graph/s1/s1test"
)

func TestAllIsABaselineOfATypeOfWhichTheLastRunHasNothing(t *testing.T) {
	t.Parallel()
	c := newConsole(t, small())
	quiet := func(o *connector.Options) {
		o.Config.Skip = []string{"applications"}
		o.Changes = func(change graph.Change, _, _ graph.Snapshot) error {
			assert.Fail(t, "a baseline is no change", change.Key)
			return nil
		}
	}
	assertAllNew := func(of outcome, types ...string) {
		t.Helper()
		for _, name := range types {
			n := int64(len(ofType(c.graph(), name)))
			require.NotZero(t, n, name)
			assert.Equal(t, graph.Counts{Created: n, Baseline: n}, of.Changes[name], name)
		}
	}
	installed := []string{"sentinelone_application", "sentinelone_device_has_application"}

	first := c.mustSync(quiet)
	assertAllNew(first, "sentinelone_site", "sentinelone_agent", "sentinelone_device", "sentinelone_agent_protects_device", "sentinelone_threat")
	assert.Zero(t, first.Changes[installed[0]], "none were read")

	later := c.mustSync(quiet, func(o *connector.Options) { o.Config.Skip = nil })
	assertAllNew(later, installed...)
	assert.Zero(t, later.Changes["sentinelone_device"], "it is as it was")
}

func TestTheFirstThreatsOfATenantAreChanges(t *testing.T) {
	t.Parallel()
	tenant := small()
	tenant.Threats = 0
	c := newConsole(t, tenant)
	var now atomic.Pointer[s1test.Server]
	now.Store(c.Server)
	web := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) { now.Load().ServeHTTP(rw, r) }))
	t.Cleanup(web.Close)
	c.url = web.URL
	assert.Zero(t, c.mustSync().Changes["sentinelone_threat"])

	tenant.Threats = 3
	now.Store(s1test.New(tenant))
	struck := c.mustSync()
	assert.Equal(t, graph.Counts{Created: 3}, struck.Changes["sentinelone_threat"])
	assert.Len(t, slices.DeleteFunc(struck.changes, func(change graph.Change) bool { return change.Type.Name != "sentinelone_threat" }), 3)
}

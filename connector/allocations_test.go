//go:build !race

package connector_test

import (
	"net/http/httptest"
	"runtime"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"s1graph/config"
	"s1graph/connector"
	"s1graph/s1/s1test"
)

// What a row costs is bounded by what is allocated for it, of which a machine that has much else to do changes nothing: for the
// decoding of an installation the texts that no row before had, for mapping, sorting and writing it its relationship's key,
// twice. (The race detector has pools forget what they hold.)
func TestARowOfInstalledApplicationsTakesFewAllocations(t *testing.T) {
	const agents, few, many = 200, 30, 130
	allocations := func(applications int) (first, unchanged uint64) {
		tenant := s1test.Large(agents, applications)
		tenant.Catalog = 1000
		server := httptest.NewServer(s1test.New(tenant))
		defer server.Close()
		settings := config.Default()
		settings.Vulnerabilities = []string{"off"}
		settings.URL, settings.Token = server.URL, config.NewSecret(s1test.DefaultToken)
		settings.Instance, settings.Dir = "row", t.TempDir()
		sync := func() uint64 {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			_, err := connector.Sync(t.Context(), connector.Options{Config: &settings})
			require.NoError(t, err)
			runtime.ReadMemStats(&after)
			return after.Mallocs - before.Mallocs
		}
		return sync(), sync()
	}
	firstFew, unchangedFew := allocations(few)
	firstMany, unchangedMany := allocations(many)
	perRow := func(ofFew, ofMany uint64) float64 {
		return (float64(ofMany) - float64(ofFew)) / (agents * (many - few))
	}
	t.Logf("%.2f allocations a row in a first run, %.2f in an unchanged one", perRow(firstFew, firstMany), perRow(unchangedFew, unchangedMany))
	assert.Less(t, perRow(firstFew, firstMany), 7.0, "first run")
	assert.Less(t, perRow(unchangedFew, unchangedMany), 7.0, "unchanged run")
}

package connector_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"s1graph/connector"
	"s1graph/s1/s1test"
)

// vulnerabilityFigures are those of the overview, by name.
func vulnerabilityFigures(s outcome) map[string]int64 {
	some := make(map[string]int64)
	for name, n := range s.Overview.Figures {
		if strings.HasPrefix(name, "vulnerabilities") {
			some[name] = n
		}
	}
	return some
}

func TestOpenVulnerabilitiesAreCountedBySeverityWhereTheyAreRead(t *testing.T) {
	t.Parallel()
	c := newConsole(t, s1test.Tenant{Seed: 9, Sites: 3, Groups: 6, Agents: 60, ApplicationsPerAgent: 8, Catalog: 60, Vulnerabilities: 5})
	assert.Empty(t, vulnerabilityFigures(c.mustSync(severities("off"))), "off")

	all := vulnerabilityFigures(c.mustSync(severities()))
	want := map[string]int64{"vulnerabilitiesOpen": 0, "vulnerabilitiesCritical": 0, "vulnerabilitiesHigh": 0, "vulnerabilitiesMedium": 0, "vulnerabilitiesLow": 0}
	for _, v := range of(t, c.graph(), "sentinelone_vulnerability") {
		if v["open"] == true {
			want["vulnerabilitiesOpen"]++
			severity := text(v, "severity")
			want["vulnerabilities"+strings.ToUpper(severity[:1])+severity[1:]]++
		}
	}
	assert.Equal(t, want, all)
	require.Positive(t, want["vulnerabilitiesCritical"])
	require.Positive(t, want["vulnerabilitiesLow"])

	some := vulnerabilityFigures(c.mustSync(severities("critical", "high")))
	assert.ElementsMatch(t, []string{"vulnerabilitiesOpen", "vulnerabilitiesCritical", "vulnerabilitiesHigh"}, slices.Sorted(maps.Keys(some)), "of others 0 would mislead")
	assert.Equal(t, want["vulnerabilitiesCritical"], some["vulnerabilitiesCritical"])
	assert.Equal(t, want["vulnerabilitiesCritical"]+want["vulnerabilitiesHigh"], some["vulnerabilitiesOpen"], "those that are kept are not asked for")
	assert.Equal(t, map[string]int64{"vulnerabilitiesOpen": 0}, vulnerabilityFigures(c.mustSync(severities("none"))))
	assert.Equal(t, some, vulnerabilityFigures(c.mustSync(severities("critical", "high"))))

	rests := func(o *connector.Options) { o.Config.Skip = []string{"vulnerabilities"} }
	assert.Equal(t, some, vulnerabilityFigures(c.mustSync(severities("critical", "high"), rests)), "what rests is as it was")

	c.Break(s1test.Fault{Path: risks, Effect: s1test.Refused("")})
	assert.Empty(t, vulnerabilityFigures(c.mustSync(severities("critical", "high"))), "unavailable, though something is kept")
	assert.Empty(t, vulnerabilityFigures(c.mustSync(severities("critical", "high"), rests)), "and while that rests")
	assert.Empty(t, vulnerabilityFigures(c.mustSync(severities("off"))), "off, though something is kept")
}

package connector_test

import (
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"s1graph/s1/s1test"
)

// of are the records of a type in a graph, by key.
func of(t *testing.T, graph map[string]string, typeName string) map[string]map[string]any {
	t.Helper()
	records := make(map[string]map[string]any)
	for key, line := range graph {
		var record map[string]any
		require.NoError(t, json.Unmarshal([]byte(line), &record))
		if record["_type"] == typeName {
			records[key] = record
		}
	}
	return records
}

func TestConsoleOfClonesHasADeviceForEach(t *testing.T) {
	t.Parallel()
	c := newConsole(t, small())
	devices := len(of(t, c.clean(), "sentinelone_device"))
	c.Break(s1test.Clones())
	c.mustSync()
	assert.Len(t, of(t, c.graph(), "sentinelone_device"), devices)
	assert.Empty(t, c.mustSync().changes)
}

func TestConsoleThatNamesAgentsOfThreatsByUUIDAloneHasThemAllTheSame(t *testing.T) {
	t.Parallel()
	c := newConsole(t, small())
	want := of(t, c.clean(), "sentinelone_agent_has_threat")
	require.NotEmpty(t, want)
	c.Break(s1test.ThreatsWithoutAgentIDs())
	c.mustSync()
	assert.Equal(t, want, of(t, c.graph(), "sentinelone_agent_has_threat"))
}

func TestConsoleOfClonesThatNamesAgentsOfThreatsByUUIDAloneGuessesNone(t *testing.T) {
	t.Parallel()
	c := newConsole(t, small())
	c.Break(s1test.Clones())
	c.Break(s1test.ThreatsWithoutAgentIDs())
	c.mustSync()
	assert.Empty(t, of(t, c.graph(), "sentinelone_agent_has_threat"))
	assert.NotEmpty(t, of(t, c.graph(), "sentinelone_threat"))
}

func TestConsoleThatFoundThreatsElsewhereHasThemWhereTheAgentIs(t *testing.T) {
	t.Parallel()
	c := newConsole(t, small())
	want := of(t, c.clean(), "sentinelone_threat")
	for name, fault := range map[string]s1test.Fault{"elsewhere": s1test.ThreatsFoundElsewhere(), "not told": s1test.ThreatsWithoutDetection()} {
		mend := c.Break(fault)
		got := of(t, c.clean(), "sentinelone_threat")
		mend()
		for key, threat := range want {
			for _, property := range []string{"siteId", "groupId", "accountId", "agentOsName", "agentDomain"} {
				assert.Equal(t, threat[property], got[key][property], "%s: %s of %s", name, property, key)
			}
		}
	}
}

func TestConsoleThatEscapesNamesHasThemUnescaped(t *testing.T) {
	t.Parallel()
	c := newConsole(t, small())
	paths := map[string]string{
		"/accounts": "sentinelone_account", "/sites": "sentinelone_site", "/groups": "sentinelone_group", "/installed-applications": "sentinelone_application",
	}
	for path := range paths {
		c.Break(s1test.EscapedNames(path))
	}
	c.mustSync()
	for _, typeName := range paths {
		records := of(t, c.graph(), typeName)
		require.NotEmpty(t, records)
		for key, record := range records {
			name := record["name"].(string)
			assert.True(t, strings.HasSuffix(name, " & 'Co'") && !strings.Contains(name, "amp;"), "%s: %s", key, name)
		}
	}
}

func TestConsoleThatWritesMinusOneHasLicencesWithoutLimit(t *testing.T) {
	t.Parallel()
	c := newConsole(t, small())
	for path, typeName := range map[string]string{"/accounts": "sentinelone_account", "/sites": "sentinelone_site"} {
		mend := c.Break(s1test.LicencesWithoutLimit(path))
		for key, record := range of(t, c.clean(), typeName) {
			assert.Equal(t, true, record["unlimitedLicenses"], key)
			assert.NotContains(t, record, "totalLicenses", key)
		}
		mend()
	}
}

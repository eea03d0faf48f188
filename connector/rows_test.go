package connector_test

import (
	"fmt"
	"html"
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

func TestConsoleThatEscapesNamesOfComputersGivesTheSameGraph(t *testing.T) {
	t.Parallel()
	c := newConsole(t, small())
	graphs := map[bool]map[string]string{}
	for _, escapes := range []bool{false, true} {
		name := func(value any) any {
			text := fmt.Sprint(value) + "'s & Co"
			if escapes {
				return html.EscapeString(text)
			}
			return text
		}
		mends := []func(){
			c.Break(s1test.Fault{Path: "/agents", Effect: s1test.Rewrite(func(row map[string]any) {
				row["computerName"], row["lastLoggedInUserName"] = name(row["computerName"]), name(row["id"])
				row["activeDirectory"], row["serialNumber"] = nil, nil
			})}),
			c.Break(s1test.Fault{Path: "/threats", Effect: s1test.Rewrite(func(row map[string]any) {
				now := row["agentRealtimeInfo"].(map[string]any)
				now["agentComputerName"] = name(now["agentComputerName"])
			})}),
		}
		graphs[escapes] = c.clean()
		for _, mend := range mends {
			mend()
		}
	}
	assertSame(t, graphs[false], graphs[true])
}

func TestConsoleThatWritesMinusOneHasLicensesWithoutLimit(t *testing.T) {
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

// What analysts ask for arrives where the data model says. The rows are those of the API document's own names.
func TestConsoleThatTellsMoreOfAgentsAndThreatsHasItInTheGraph(t *testing.T) {
	t.Parallel()
	c := newConsole(t, s1test.Tenant{Agents: 1, Threats: 1})
	at := "2026-03-01T08:00:00Z"
	c.Break(s1test.Fault{Path: "/agents", Effect: s1test.Rewrite(func(row map[string]any) {
		row["computerName"], row["machineSid"], row["activeProtection"], row["healthStatus"] = "PC-1", "S-1-5-21-1-2-3", []any{"edr", "epp"}, true
		row["tags"] = map[string]any{"sentinelone": []any{map[string]any{"key": "env", "value": "prod", "assignedBy": "Ada", "assignedAt": at}}}
	})})
	c.Break(s1test.Fault{Path: "/threats", Effect: s1test.Rewrite(func(row map[string]any) {
		row["agentDetectionInfo"] = map[string]any{"agentOsName": nil, "agentDomain": nil, "agentVersion": nil, "cloudProviders": map[string]any{"AWS": map[string]any{"cloudInstanceId": "i-1"}}}
		now := row["agentRealtimeInfo"].(map[string]any)
		now["agentOsName"], now["agentDomain"], now["agentVersion"] = "Windows 11", "ACME", "24.1"
		row["ecsInfo"] = map[string]any{"clusterName": "blue"}
		row["threatInfo"].(map[string]any)["rootProcessUpn"] = "ada@acme.example"
		row["mitigationStatus"] = []any{map[string]any{"action": "kill", "status": "failed", "latestReport": "/threats/mitigation-report/1",
			"actionsCounters": map[string]any{"failed": 2, "pendingReboot": 3}}}
	})})
	c.mustSync()
	host := strings.TrimPrefix(c.url, "http://")
	for key, want := range map[string]map[string]any{
		"sentinelone_agent:" + c.AgentID(0): {
			"machineSid": "S-1-5-21-1-2-3", "activeProtection": []any{"edr", "epp"}, "tagsAssigned": []any{"env:prod: Ada, " + at},
			"webLink": "https://" + host + "/sentinels/devices?page=1&filter=%7B%22computerName__contains%22%3A%22%5C%22PC-1%5C%22%22%7D", "healthStatus": nil,
		},
		"sentinelone_threat:" + c.ThreatID(0): {
			"agentOsName": "Windows 11", "agentDomain": "ACME", "agentVersion": "24.1", "cloudInstanceId": "i-1", "ecsCluster": "blue",
			"rootProcessUpn": "ada@acme.example", "mitigationFailedCount": 2.0, "mitigationPendingCount": 3.0,
			"latestReports": []any{"/threats/mitigation-report/1"}, "webLink": "https://" + host + "/incidents/threats/" + c.ThreatID(0) + "/overview",
		},
	} {
		typeName, _, _ := strings.Cut(key, ":")
		record := of(t, c.graph(), typeName)[key]
		for property, value := range want {
			assert.Equal(t, value, record[property], "%s of %s", property, key)
		}
	}
}

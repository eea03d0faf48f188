package s1test_test

import (
	"net/http"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"s1graph/s1/s1test"
)

func TestTheOddAgentsAreWhatTheirNamesSay(t *testing.T) {
	s := s1test.New(s1test.Hostile())
	agents := snapshot(t, s, "/agents")
	agent := func(n int) row { return agents[s.AgentID(n)] }
	same := func(a, b int, fields ...string) {
		for _, f := range fields {
			assert.Equal(t, agent(a)[f], agent(b)[f], f)
			assert.NotEmpty(t, agent(a)[f], f)
		}
	}

	for name, v := range agent(s1test.NullAgent) {
		switch name {
		case "id", "accountId", "siteId", "groupId", "uuid":
			assert.NotNil(t, v, name)
		default:
			assert.Nil(t, v, name)
		}
	}
	for name, v := range agent(s1test.PodAgent) {
		assert.NotNil(t, v, name)
		assert.NotEqual(t, []any{}, v, name)
	}
	assert.Equal(t, "novel_machineType", agent(s1test.NovelAgent)["machineType"])
	assert.NotNil(t, agent(s1test.NovelAgent)["novelField"])
	assert.Equal(t, "9999999999999999991", s.AgentID(s1test.LongIDAgent))

	same(s1test.ComposedAgent, s1test.DecomposedAgent, "serialNumber", "accountId", "siteId")
	assert.NotEqual(t, agent(s1test.ComposedAgent)["computerName"], agent(s1test.DecomposedAgent)["computerName"])
	same(s1test.ReinstalledAgent, s1test.ReinstallAgent, "serialNumber", "computerName", "accountId")
	assert.Equal(t, true, agent(s1test.ReinstalledAgent)["isDecommissioned"])
	assert.Less(t, agent(s1test.ReinstalledAgent).text("registeredAt"), agent(s1test.ReinstallAgent).text("registeredAt"))
	assert.Less(t, agent(s1test.ReinstalledAgent).text("lastActiveDate"), agent(s1test.ReinstallAgent).text("lastActiveDate"))
	same(s1test.CloneAgent, s1test.ClonedAgent, "serialNumber", "accountId")
	assert.NotEqual(t, agent(s1test.CloneAgent)["computerName"], agent(s1test.ClonedAgent)["computerName"])

	groups, sites := snapshot(t, s, "/groups"), snapshot(t, s, "/sites")
	assert.NotContains(t, groups, agent(s1test.GrouplessAgent).text("groupId"))
	assert.Contains(t, sites, agent(s1test.GrouplessAgent).text("siteId"))
	assert.NotContains(t, sites, agent(s1test.SitelessAgent).text("siteId"))
	assert.Nil(t, agent(s1test.LateSerialAgent)["serialNumber"])
	assert.Nil(t, agent(s1test.NoMailAgent).at("activeDirectory", "mail"))
	assert.Equal(t, "", agent(s1test.NoMailAgent).at("activeDirectory", "userPrincipalName"))
	assert.NotEmpty(t, agent(s1test.NoPrincipalAgent).at("activeDirectory", "mail"))
	for n, name := range map[int]string{
		s1test.AdministratorAgent: "Administrator", s1test.RootAgent: "root", s1test.SystemAgent: "SYSTEM",
		s1test.LocalServiceAgent: "LOCAL SERVICE", s1test.MbsetupAgent: "_mbsetupuser",
	} {
		assert.Equal(t, name, agent(n)["lastLoggedInUserName"])
		assert.Nil(t, agent(n).at("activeDirectory", "mail"))
	}
	for _, v := range []string{"createdAt", "lastActiveDate", "updatedAt", "osStartTime", "scanFinishedAt"} {
		assert.NotContains(t, agent(s1test.WholeSecondsAgent).text(v), ".")
		assert.Len(t, agent(s1test.WholeSecondsAgent).text(v), len("2026-11-20T05:00:00Z"))
	}
	for i, serial := range s1test.FillerSerials {
		assert.Equal(t, serial, agent(s1test.FillerAgent + i)["serialNumber"])
	}
	for i, name := range s1test.HostileNames {
		assert.Equal(t, name, agent(s1test.HostileAgent + i)["computerName"])
	}
	assert.Equal(t, true, agent(s1test.UninstalledAgent)["isUninstalled"])
	assert.Equal(t, "windows_legacy", agent(s1test.LegacyAgent)["osType"])
	assert.NotNil(t, agent(s1test.AWSAgent).at("cloudProviders", "AWS", "cloudInstanceId"))
	assert.NotNil(t, agent(s1test.AzureAgent).at("cloudProviders", "Azure", "azureResourceGroup"))

	keys := map[string]int{}
	for _, n := range []int{s1test.ManyTagsAgent, s1test.OddTagsAgent} {
		for _, tag := range agent(n).at("tags", "sentinelone").([]any) {
			keys[row(tag.(map[string]any)).text("key")]++
		}
	}
	assert.Equal(t, 3, keys["owner"])
	assert.Contains(t, keys, "cost:center")
	assert.Contains(t, keys, "")

	var macs []string
	for _, face := range agent(s1test.MACAgent).at("networkInterfaces").([]any) {
		macs = append(macs, row(face.(map[string]any)).text("physical"))
	}
	assert.Contains(t, macs, "0A-1B-2C-3D-4E-5F")
	assert.Contains(t, macs, "00:00:00:00:00:00")
	assert.NotContains(t, agents, s.AgentID(s1test.GhostAgent))

	s.SetDay(1)
	agents = snapshot(t, s, "/agents")
	assert.NotEmpty(t, agent(s1test.LateSerialAgent)["serialNumber"])
	assert.Equal(t, "ACME-LT-0012-R1", agent(s1test.RenamedAgent)["computerName"])
}

func TestTheOddApplicationsAreThere(t *testing.T) {
	s := s1test.New(s1test.Hostile())
	slots := s.Tenant().ApplicationsPerAgent
	rows := snapshot(t, s, "/installed-applications")
	of := func(agent, slot int) row { return rows[s.InstallationID(agent, slot)] }

	one, two := of(s1test.TwiceInstalledAgent, slots), of(s1test.TwiceInstalledAgent, slots+1)
	require.NotNil(t, one)
	for name := range one {
		if name != "id" {
			assert.Equal(t, one[name], two[name], name)
		}
	}
	high, low := of(s1test.HighRiskAgent, slots), of(s1test.LowRiskAgent, slots)
	assert.Equal(t, high["name"], low["name"])
	assert.Equal(t, high["version"], low["version"])
	assert.Equal(t, []any{"critical", "none"}, []any{high["riskLevel"], low["riskLevel"]})
	assert.Equal(t, s.AgentID(s1test.GhostAgent), of(s1test.GhostAgent, 0)["agentId"])

	without := map[string]bool{}
	hostile := 0
	for slot := slots; of(s1test.OddApplicationsAgent, slot) != nil; slot++ {
		r := of(s1test.OddApplicationsAgent, slot)
		for _, name := range []string{"name", "publisher", "version"} {
			if r[name] == nil {
				without[name] = true
			}
		}
		if strings.Contains(r.text("name"), "<script>") || strings.ContainsRune(r.text("name"), '\x1b') {
			hostile++
		}
	}
	assert.Equal(t, map[string]bool{"name": true, "publisher": true, "version": true}, without)
	assert.Equal(t, 2, hostile)
}

func TestTheOddThreatsAreThere(t *testing.T) {
	s := s1test.New(s1test.Hostile())
	threats, agents := snapshot(t, s, "/threats"), snapshot(t, s, "/agents")
	threat := func(n int) row { return threats[s.ThreatID(n)] }
	for name, v := range threat(s1test.NullThreat).at("threatInfo").(map[string]any) {
		assert.Nil(t, v, name)
	}
	for _, part := range []string{"agentDetectionInfo", "agentRealtimeInfo", "containerInfo", "kubernetesInfo", "threatInfo"} {
		for name, v := range threat(s1test.FullThreat).at(part).(map[string]any) {
			assert.NotNil(t, v, "%s.%s", part, name)
		}
	}
	assert.Equal(t, "novel_incidentStatus", threat(s1test.NovelThreat).at("threatInfo", "incidentStatus"))
	for _, n := range []int{s1test.GhostThreat, s1test.OrphanThreat} {
		assert.NotContains(t, agents, threat(n).text("agentRealtimeInfo", "agentId"))
	}
	assert.Contains(t, s1test.HostileNames, threat(s1test.HostileThreat).text("threatInfo", "threatName"))
}

func TestHostileNamesAreTextNonetheless(t *testing.T) {
	long := 0
	for _, name := range s1test.HostileNames {
		assert.True(t, utf8.ValidString(name))
		if len(name) >= 1000 {
			long++
		}
	}
	assert.Equal(t, 1, long)
}

func TestSecretsArePlantedWhereConsolesHaveThem(t *testing.T) {
	s := s1test.New(s1test.Hostile())
	for path, secret := range map[string]string{
		"/sites": s1test.SecretRegistrationToken, "/groups": s1test.SecretRegistrationToken,
		"/agents": s1test.SecretLicenseKey, "/threats": s1test.SecretArguments,
	} {
		p := get(t, s, path, everything(path, 300))
		require.Equal(t, http.StatusOK, p.status)
		assert.True(t, strings.HasPrefix(secret, s1test.SecretPrefix))
		assert.Contains(t, string(p.Data), secret, path)
	}
	assert.True(t, strings.HasPrefix(s1test.DefaultToken, s1test.SecretPrefix))
}

// TestARowHasTheSameFieldsWhateverIsWrongWithIt keeps the special ways of writing a row in step.
func TestARowHasTheSameFieldsWhateverIsWrongWithIt(t *testing.T) {
	s := s1test.New(s1test.Hostile())
	for _, path := range listPaths {
		var names map[string]any
		for id, r := range snapshot(t, s, path) {
			delete(r, "novelField")
			if names == nil {
				names = r
			}
			assert.Len(t, r, len(names), "%s %s", path, id)
			for name := range r {
				assert.Contains(t, names, name)
			}
		}
	}
}

func TestAFullLastPageHasACursor(t *testing.T) {
	s := s1test.New(s1test.Hostile())
	p := get(t, s, "/sites", map[string][]string{"limit": {"6"}})
	require.Len(t, p.rows(t), 6)
	require.NotEmpty(t, p.cursor())
	assert.Empty(t, get(t, s, "/sites", map[string][]string{"limit": {"6"}, "cursor": {p.cursor()}}).rows(t))
}

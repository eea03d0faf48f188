package alerts_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"s1graph/alerts"
	"s1graph/config"
	"s1graph/entities"
	"s1graph/graph"
	"s1graph/graph/storetest"
)

func TestARuleThatCanBeTrueOfNothingSaysWhy(t *testing.T) {
	agent, device := entities.Agent.GraphType(), entities.Device.GraphType()
	snapshot := storetest.NewSnapshot(model,
		entity(agent, "1", properties{"networkStatus": "connected", "siteName": "HQ", "infected": false, "tags": []string{"env:prod"}}),
		entity(agent, "2", properties{"networkStatus": "disconnected", "siteName": "Lab"}),
		entity(device, "3", properties{"osType": "windows"}),
	)
	const agents = `change.type == "sentinelone_agent" && `
	for when, why := range map[string]string{
		agents + `change.after.networkStatus == "disconnected"`:                              "",
		agents + `change.after.networkStatus == "disconected"`:                               `no sentinelone_agent has networkStatus "disconected"`,
		agents + `"disconected" == change.before.networkStatus`:                              `no sentinelone_agent has networkStatus "disconected"`,
		agents + `change.after.networkStatus != "disconected"`:                               "",
		agents + `!(change.after.networkStatus == "disconected")`:                            "",
		agents + `change.after.networkStatus in ["disconected", "disconnecting"]`:            `no sentinelone_agent has networkStatus "disconected" or "disconnecting"`,
		agents + `change.after.networkStatus in ["disconected", "connected"]`:                "",
		agents + `(change.after.siteName == "Hq" || change.after.siteName == "HQ")`:          "",
		agents + `(change.after.siteName == "Hq" || change.after.siteName == "hq")`:          `no sentinelone_agent has siteName "Hq", and no sentinelone_agent has siteName "hq"`,
		agents + `"env:prod" in change.after.tags`:                                           "",
		agents + `"env:prd" in change.after.tags`:                                            `no sentinelone_agent has tags "env:prd"`,
		agents + `change.after.infected == true`:                                             "",
		agents + `change.after.encryptedApplications == false`:                               "no sentinelone_agent has encryptedApplications",
		agents + `has(change.after.encryptedApplications)`:                                   "no sentinelone_agent has encryptedApplications",
		`entity.type == "sentinelone_agent" && entity.encryptedApplications`:                 "no sentinelone_agent has encryptedApplications",
		`entity.type == "sentinelone_agent" && entity.lastActiveDate < now - days(3)`:        "no sentinelone_agent has lastActiveDate",
		`entity.type == "sentinelone_device" && entity.osType == "macos"`:                    `no sentinelone_device has osType "macos"`,
		`entity.type == "sentinelone_device" && entity.compliant == false`:                   "",
		`change.type == "sentinelone_threat" && change.after.classification == "Ransomware"`: "", // there are no threats yet
		`change.type == "sentinelone_threat" && change.device.osType == "macos"`:             `no sentinelone_device has osType "macos"`,
		`change.type == "sentinelone_agent" && change.after.siteName.startsWith("Hq")`:       "",
		`run.failedInRow == 3`: "",
		`change.type in ["sentinelone_agent", "sentinelone_device"] && change.after.osType == "macos"`: `no sentinelone_agent and no sentinelone_device has osType "macos"`,
	} {
		rules, faults := alerts.Compile(&config.Alerts{Destinations: []config.Destination{hook}, Rules: []config.Rule{{Name: "mine", When: when}}})
		require.Empty(t, faults, when)
		got, err := rules.Idle(t.Context(), snapshot, func(string) bool { return true })
		require.NoError(t, err)
		if why == "" {
			assert.Empty(t, got, when)
			continue
		}
		assert.Equal(t, []string{`The rule "mine" does nothing so far: ` + why + "."}, got, when)
	}
}

func TestARuleOnWhatIsNotReadSaysSo(t *testing.T) {
	rules, faults := alerts.Compile(&config.Alerts{Destinations: []config.Destination{hook}, Rules: []config.Rule{
		{Name: "threats", When: `change.type == "sentinelone_threat"`},
		{Name: "threats and agents", When: `change.type in ["sentinelone_agent", "sentinelone_threat"]`},
		{Name: "any", When: `change.op == "deleted"`},
	}})
	require.Empty(t, faults)
	got, err := rules.Idle(t.Context(), graph.Nothing(model), func(name string) bool { return name != "sentinelone_threat" })
	require.NoError(t, err)
	assert.Equal(t, []string{`The rule "threats" does nothing: it looks at sentinelone_threat alone, which is not read.`}, got)
}

func TestAReadyMadeRuleOnWhatIsNotReadSaysSo(t *testing.T) {
	rules, faults := alerts.Compile(&config.Alerts{Destinations: []config.Destination{hook}, Rules: aboutVulnerabilities})
	require.Empty(t, faults)
	got, err := rules.Idle(t.Context(), graph.Nothing(model), func(name string) bool {
		return name != "sentinelone_vulnerability" && name != "sentinelone_device_has_vulnerability"
	})
	require.NoError(t, err)
	assert.Equal(t, []string{
		`The rule "critical vulnerability" does nothing: it looks at sentinelone_vulnerability alone, which is not read.`,
		`The rule "exploitable vulnerability" does nothing: it looks at sentinelone_vulnerability alone, which is not read.`,
		`The rule "vulnerable device with a threat" does nothing: it looks at vulnerabilities of devices, which are not read.`,
	}, got)
}

func TestReadyMadeRulesWaitForWhatIsRare(t *testing.T) {
	rules, faults := alerts.Compile(&config.Alerts{Destinations: []config.Destination{hook}, Rules: allReady()})
	require.Empty(t, faults)
	snapshot := storetest.NewSnapshot(model, entity(entities.Agent.GraphType(), "1", properties{"networkStatus": "connected"}))
	got, err := rules.Idle(t.Context(), snapshot, func(string) bool { return true })
	require.NoError(t, err)
	assert.Empty(t, got)
}

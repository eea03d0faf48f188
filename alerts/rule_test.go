package alerts_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"s1graph/alerts"
	"s1graph/config"
)

var soc = config.Destination{Name: "soc", URL: config.NewSecret("https://example.test"), Format: "json"}

// oneRule are alerts with one rule and one destination.
func oneRule(r config.Rule) *config.Alerts {
	return &config.Alerts{Destinations: []config.Destination{soc}, Rules: []config.Rule{r}}
}

func TestEveryReadyMadeRuleCompilesByItsNameAlone(t *testing.T) {
	var all config.Alerts
	all.Destinations = []config.Destination{soc}
	for _, r := range alerts.Ready() {
		all.Rules = append(all.Rules, config.Rule{Use: r.Name})
		assert.NotEmpty(t, r.Doc, r.Name)
	}
	rules, faults := alerts.Compile(&all)
	require.Empty(t, faults)
	assert.Len(t, rules.Names(), len(all.Rules))
}

func TestWhatIsWrongWithARuleIsToldWithItsPlaceAndWhatWasPerhapsMeant(t *testing.T) {
	places := map[string]string{"": "s1graph.yaml:3:7: alerts.rules[0]"}
	for _, key := range []string{"use", "name", "when", "severity", "title", "text", "to", "atLeast", "mute", "ended", "days"} {
		places[key] = "s1graph.yaml: " + key
	}
	const agents = `change.type == "sentinelone_agent" && `
	for name, c := range map[string]struct {
		rule  config.Rule
		where string
		says  []string
	}{
		"an unknown property":                 {config.Rule{When: agents + `change.before.mitigationmode == "protect"`}, "when", []string{"sentinelone_agent has no property mitigationmode", "did you mean mitigationMode?", "character 52"}},
		"another type's property":             {config.Rule{When: agents + `change.after.riskLevel == "high"`}, "when", []string{"sentinelone_agent has no property riskLevel"}},
		"an unknown property of what is near": {config.Rule{When: agents + `change.device.serialNumber == "x"`}, "when", []string{"sentinelone_device has no property serialNumber"}},
		"an unknown type":                     {config.Rule{When: `change.type == "sentinelone_agnt"`}, "when", []string{`there is no type "sentinelone_agnt": did you mean sentinelone_agent?`}},
		"a relationship's state":              {config.Rule{When: `entity.type == "sentinelone_user_owns_device"`}, "when", []string{"there is no type"}},
		"an unknown operation":                {config.Rule{When: `change.op in ["create", "updated"]`}, "when", []string{`there is no op "create": did you mean created?`}},
		"a wrong type":                        {config.Rule{When: agents + `change.after.infected == "yes"`}, "when", []string{"no matching overload"}},
		"an answer that is no yes or no":      {config.Rule{When: agents[:len(agents)-4] + ` ? change.after.activeThreats : 0`}, "when", []string{"must be true or false, and is of the type int"}},
		"no variable at all":                  {config.Rule{When: `1 == 1`}, "when", []string{"must look at change", "entity", "run"}},
		"two kinds at once":                   {config.Rule{When: `change.op == "created" && run.status == "failed"`}, "when", []string{"change and run"}},
		"an unknown word":                     {config.Rule{When: `change.op == "created" && nwo > 3`}, "when", []string{"nwo is not known in conditions", "did you mean now?"}},
		"a broken expression":                 {config.Rule{When: `change.op == `}, "when", []string{"Syntax error"}},
		"a broken regular expression":         {config.Rule{When: agents + `change.after.name.matches("(")`}, "when", []string{"missing closing )"}},
		"a condition without end":             {config.Rule{When: `change.op == "` + strings.Repeat("x", 9000) + `"`}, "when", []string{"size"}},
		"an unknown ready-made rule":          {config.Rule{Use: "agent gon"}, "use", []string{"did you mean agent gone?"}},
		"days where there are none":           {config.Rule{Use: "agent gone", Days: 3}, "days", []string{"agent silent"}},
		"the end of what has none":            {config.Rule{Use: "agent gone", Ended: new(true)}, "ended", []string{"only a state ends"}},
		"a broken template":                   {config.Rule{Use: "agent gone", Title: "{{.Name"}, "title", []string{"must be a template"}},
		"a template of nothing":               {config.Rule{Use: "agent gone", Title: "{{.Afetr.displayName}}"}, "title", []string{"did you mean After?"}},
		"a template of no property":           {config.Rule{Use: "agent gone", Text: "{{.Before.displayNam}}"}, "text", []string{".Before has no property displayNam", "displayName"}},
		"a template within another":           {config.Rule{Use: "agent gone", Text: "{{with .Owner}}{{$.Device.nam}}{{end}}"}, "text", []string{".Device has no property nam"}},
		"a change's word for a state":         {config.Rule{Use: "agent silent", Title: "{{.After.displayName}}"}, "title", []string{".After is not known in this rule's texts"}},
	} {
		t.Run(name, func(t *testing.T) {
			c.rule.Places = places
			if c.rule.Use == "" {
				c.rule.Name = "mine"
			}
			faults := alerts.Check(oneRule(c.rule))
			require.Len(t, faults, 1)
			assert.Equal(t, places[c.where], faults[0].Where)
			for _, words := range c.says {
				assert.Contains(t, faults[0].Detail, words)
			}
		})
	}
}

func TestAllFaultsAreToldAtOnce(t *testing.T) {
	faults := alerts.Check(&config.Alerts{
		Destinations: []config.Destination{soc},
		Rules: []config.Rule{
			{Use: "agent gone", Days: 14, Title: "{{.Name"},
			{Name: "mine", When: "change.after.nam == change.before.nam"},
			{Use: "agent gon"},
		},
	})
	assert.Len(t, faults, 5, "%v", faults)
}

func TestADestinationThatIsNotUnderstoodIsAFaultWithItsPlaceAndWithoutItsSecret(t *testing.T) {
	faults := alerts.Check(&config.Alerts{Destinations: []config.Destination{
		{Name: "soc", URL: config.NewSecret("slak://hook:T0000-B0000-secretsecretsecretsecret@webhook"), Places: map[string]string{"url": "s1graph.yaml:4:12: alerts.destinations.soc.url"}},
	}})
	require.Len(t, faults, 1)
	assert.Equal(t, "s1graph.yaml:4:12: alerts.destinations.soc.url", faults[0].Where)
	assert.NotContains(t, faults[0].Detail, "secretsecret")
}

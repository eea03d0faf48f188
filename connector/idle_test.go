package connector_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"s1graph/alerts"
	"s1graph/config"
	"s1graph/connector"
	"s1graph/s1/s1test"
)

func TestWhatOfTheConfigurationDoesNothingIsNamedByRunsAndAfterThem(t *testing.T) {
	t.Parallel()
	c := newConsole(t, small())
	yes := true
	hook := config.Destination{Name: "hook", URL: config.NewSecret("https://127.0.0.1:1"), Format: "json"}
	spare := hook
	spare.Name = "spare"
	limited := func(o *connector.Options) {
		o.Config.Sites = []string{c.SiteID(0), "404"}
		o.Config.Skip = []string{"threats"}
		o.Config.Posture = []config.PosturePolicy{
			{Name: "good", Groups: []string{c.GroupID(0)}, FirewallEnabled: &yes},
			{Name: "laptops", Groups: []string{"405"}, FirewallEnabled: &yes},
			{Name: "some", Groups: []string{c.GroupID(0), "406"}, FirewallEnabled: &yes},
		}
		o.Config.Alerts = &config.Alerts{Destinations: []config.Destination{hook, spare}, Rules: []config.Rule{
			{Name: "lab", When: `entity.type == "sentinelone_agent" && entity.siteName == "Labb"`, To: []string{"hook"}},
			{Name: "threats", When: `change.type == "sentinelone_threat"`, To: []string{"hook"}},
			{Name: "good", When: `change.type == "sentinelone_agent" && change.op == "deleted"`, To: []string{"hook"}},
			{Use: "threat reopened", To: []string{"hook"}},
		}}
		engine, err := alerts.Open(o.Config, alerts.Config{})
		require.NoError(t, err)
		o.Alerts = engine
	}
	want := []string{
		"Runs are limited to sites that are not there, or that the token does not see: 404. Correct sites in the configuration file, or --sites.",
		`The posture policy "laptops" does nothing: there is no group with the ID 405.`,
		`The posture policy "some" names groups that are not there: 406.`,
		`The rule "lab" does nothing so far: no sentinelone_agent has siteName "Labb".`,
		`The rule "threats" does nothing: it looks at sentinelone_threat alone, which is not read.`,
		`The rule "threat reopened" does nothing: it looks at sentinelone_threat alone, which is not read.`,
		`The destination "spare" gets no alerts: no rule names it.`,
	}
	assert.Equal(t, want, c.mustSync(limited).Notices)

	o := c.options()
	limited(&o)
	idle, err := connector.Idle(t.Context(), o.Config)
	require.NoError(t, err)
	assert.Equal(t, want[1:], idle, "what limits runs is looked for at the console")
}

func TestAListThatCouldNotBeReadMakesNothingIdle(t *testing.T) {
	t.Parallel()
	c := newConsole(t, small())
	c.Break(s1test.Fault{Path: "/groups", Effect: s1test.Status(500)})
	yes := true
	result := c.sync(func(o *connector.Options) {
		o.Config.Groups = []string{c.GroupID(1)}
		o.Config.Posture = []config.PosturePolicy{{Name: "laptops", Groups: []string{c.GroupID(0)}, FirewallEnabled: &yes}}
	})
	require.NoError(t, result.err)
	assert.NotContains(t, strings.Join(result.Notices, "\n"), "not there")
	assert.NotContains(t, strings.Join(result.Notices, "\n"), "does nothing")
}

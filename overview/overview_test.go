package overview_test

import (
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"s1graph/entities"
	"s1graph/graph"
	"s1graph/graph/storetest"
	"s1graph/overview"
	"s1graph/relationships"
	"s1graph/steps"
)

var now = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

func ago(d time.Duration) int64 { return now.Add(-d).UnixMilli() }

const day = 24 * time.Hour

type properties map[string]any

func record(t *graph.Type, id string, p properties) graph.Record {
	r := graph.Record{Type: t, Key: t.Name + ":" + id}
	r.Set("id", graph.String(id))
	for name, v := range p {
		switch v := v.(type) {
		case bool:
			r.Set(name, graph.Bool(v))
		case string:
			r.Set(name, graph.String(v))
		case int64:
			r.Set(name, graph.Int(v))
		default:
			panic(fmt.Sprintf("%s: %T", name, v))
		}
	}
	return r
}

func agent(id string, p properties) graph.Record { return record(entities.Agent.GraphType(), id, p) }
func device(id string, p properties) graph.Record {
	return record(entities.Device.GraphType(), id, p)
}
func threat(id string, p properties) graph.Record {
	return record(entities.Threat.GraphType(), id, p)
}
func application(id string, p properties) graph.Record {
	return record(entities.Application.GraphType(), id, p)
}
func site(id string, p properties) graph.Record { return record(entities.Site.GraphType(), id, p) }

func edge(t *graph.Type, from, to string) graph.Record {
	r := graph.Record{Type: t, From: t.From + ":" + from, To: t.To + ":" + to}
	r.Key = graph.RelationshipKey(r.From, t.Class, r.To)
	return r
}
func protects(agent, device string) graph.Record {
	return edge(relationships.AgentProtectsDevice.GraphType(), agent, device)
}
func owns(user, device string) graph.Record {
	return edge(relationships.UserOwnsDevice.GraphType(), user, device)
}

func everything(*graph.Type, string) (time.Time, bool) { return now, true }

func of(t *testing.T, readAt func(*graph.Type, string) (time.Time, bool), records ...graph.Record) overview.Overview {
	t.Helper()
	o, err := overview.Of(t.Context(), storetest.NewSnapshot(steps.GraphTypes(), records...), readAt)
	require.NoError(t, err)
	return o
}

// counted are the figures that are not 0.
func counted(o overview.Overview) map[string]int64 {
	c := map[string]int64{}
	for name, n := range o.Figures {
		if n != 0 {
			c[name] = n
		}
	}
	return c
}

func TestAnAgentCountsAsWhatItIs(t *testing.T) {
	for name, test := range map[string]struct {
		agent properties
		want  []string
	}{
		"one of which little is known":                {properties{}, nil},
		"a healthy one":                               {properties{"isActive": true, "infected": false, "networkStatus": "connected", "operationalState": "na", "isUpToDate": true, "mitigationMode": "protect", "lastSeenOn": ago(time.Hour)}, []string{"agentsOnline"}},
		"one that is switched off":                    {properties{"isActive": false}, []string{"agentsOffline"}},
		"one last heard of 14 days ago":               {properties{"lastSeenOn": ago(14 * day)}, nil},
		"one last heard of 14 days and more":          {properties{"lastSeenOn": ago(14*day + time.Millisecond)}, []string{"agentsSilent"}},
		"one that was never heard of":                 {properties{"lastSeenOn": int64(0)}, nil},
		"an infected one":                             {properties{"infected": true}, []string{"agentsInfected"}},
		"one that is cut off":                         {properties{"networkStatus": "disconnected"}, []string{"agentsIsolated"}},
		"one that is about to be":                     {properties{"networkStatus": "disconnecting"}, []string{"agentsIsolated"}},
		"one that is not yet let in again":            {properties{"networkStatus": "connecting"}, []string{"agentsIsolated"}},
		"an old version":                              {properties{"isUpToDate": false}, []string{"agentsOutOfDate"}},
		"one that only reports":                       {properties{"mitigationMode": "detect"}, []string{"agentsDetectOnly"}},
		"one that is disabled":                        {properties{"operationalState": "auto_fully_disabled"}, []string{"agentsDisabled"}},
		"a decommissioned one counts as nothing else": {properties{"isDecommissioned": true, "infected": true, "isActive": false, "lastSeenOn": ago(99 * day)}, []string{"agentsDecommissioned"}},
		"an uninstalled one neither":                  {properties{"isUninstalled": true, "isUpToDate": false}, []string{"agentsDecommissioned"}},
	} {
		want := map[string]int64{"agents": 1}
		for _, figure := range test.want {
			want[figure] = 1
			if figure == "agentsDecommissioned" {
				delete(want, "agents")
			}
		}
		assert.Equal(t, want, counted(of(t, everything, agent("1", test.agent))), name)
	}
}

func TestADeviceCountsByItsAgentsAndItsOwner(t *testing.T) {
	assert.Equal(t, map[string]int64{
		"agents": 4, "devices": 4, "devicesUnprotected": 1, "devicesSeveralAgents": 1, "devicesWithoutOwner": 2, "devicesNotEncrypted": 1, "devicesFirewallOff": 1,
	}, counted(of(t, everything,
		agent("1", nil), agent("2", nil), agent("3", nil), agent("4", nil),
		device("alone", properties{"encrypted": false, "firewallEnabled": false}), // that nobody protects it says more
		device("open", properties{"encrypted": false, "firewallEnabled": false}), protects("1", "open"), owns("eve", "open"), owns("bob", "open"),
		device("two", properties{"encrypted": true, "firewallEnabled": true}), protects("2", "two"), protects("3", "two"),
		device("unknown", nil), protects("4", "unknown"), owns("eve", "unknown"),
	)))
}

func TestAThreatCountsWhileItIsOpen(t *testing.T) {
	assert.Equal(t, map[string]int64{
		"threatsOpen": 7, "threatsCritical": 1, "threatsHigh": 1, "threatsMedium": 1, "threatsLow": 4, "threatsUnmitigated": 5,
		"threatsOfDay": 2, "threatsOfWeek": 1, "threatsOfMonth": 1, "threatsOlder": 2,
	}, counted(of(t, everything,
		threat("1", properties{"open": false, "severity": "critical", "mitigationStatus": "not_mitigated", "identifiedAt": ago(day)}),
		threat("2", properties{"open": true, "severity": "critical", "mitigationStatus": "not_mitigated", "identifiedAt": ago(0), "createdAt": ago(300 * day)}),
		threat("3", properties{"open": true, "severity": "high", "mitigationStatus": "mitigated", "identifiedAt": ago(day)}),
		threat("4", properties{"open": true, "severity": "medium", "mitigationStatus": "marked_as_benign", "createdAt": ago(7 * day)}),
		threat("5", properties{"open": true, "severity": "low", "identifiedAt": ago(30 * day)}),
		threat("6", properties{"open": true, "severity": "low", "identifiedAt": ago(3000 * day)}),
		threat("7", properties{"open": true, "severity": "low", "identifiedAt": ago(-time.Hour)}), // its machine's clock is ahead
		threat("8", properties{"open": true, "severity": "low"}),
	)))
}

func TestApplicationsAndLicenses(t *testing.T) {
	o := of(t, everything,
		application("1", properties{"riskLevel": "critical"}), application("2", properties{"riskLevel": "high"}), application("3", properties{"riskLevel": "none"}),
		application("4", properties{"riskLevel": "medium"}), application("5", properties{"riskLevel": "low"}), application("6", nil),
		site("1", properties{"name": "Berlin", "activeLicenses": int64(12), "totalLicenses": int64(20)}),
		site("2", properties{"name": "Lab", "activeLicenses": int64(3), "totalLicenses": int64(5), "unlimitedLicenses": true}),
		site("3", properties{"name": "Old", "totalLicenses": int64(-1)}),
	)
	assert.Equal(t, map[string]int64{
		"applications": 6, "applicationsCritical": 1, "applicationsHigh": 1, "applicationsMedium": 1, "applicationsLow": 1,
		"licensesUsed": 15, "licensesTotal": 20,
	}, counted(o))
	assert.Equal(t, []overview.SiteLicenses{{"1", "Berlin", 12, 20}, {"2", "Lab", 3, 0}, {"3", "Old", 0, 0}}, o.Licenses)
}

func TestAVulnerabilityCountsWhileADeviceHasIt(t *testing.T) {
	v := func(id string, p properties) graph.Record { return record(entities.Vulnerability.GraphType(), id, p) }
	assert.Equal(t, map[string]int64{
		"vulnerabilitiesOpen": 6, "vulnerabilitiesCritical": 2, "vulnerabilitiesHigh": 1, "vulnerabilitiesMedium": 1, "vulnerabilitiesLow": 1,
	}, counted(of(t, everything,
		v("1", properties{"open": true, "severity": "critical"}), v("2", properties{"open": true, "severity": "critical"}), v("3", properties{"open": false, "severity": "critical"}),
		v("4", properties{"open": true, "severity": "high"}), v("5", properties{"open": true, "severity": "medium"}), v("6", properties{"open": true, "severity": "low"}),
		v("7", properties{"open": true}),
	)))
}

func TestWhatIsNotKnownIsNotToldAsNone(t *testing.T) {
	o := of(t, func(typ *graph.Type, _ string) (time.Time, bool) {
		return now, typ != entities.Threat.GraphType() && typ != entities.Site.GraphType()
	})
	assert.Contains(t, o.Figures, "agentsInfected", "there are agents, and none is infected")
	assert.NotContains(t, o.Figures, "threatsOpen")
	assert.NotContains(t, o.Figures, "licensesUsed")
	assert.NotContains(t, o.Figures, "devicesCompliant", "whoever evaluates posture adds it")
}

func TestADifferenceIsToldOfWhatIsKnownOfBoth(t *testing.T) {
	o := overview.Overview{Figures: map[string]int64{"agents": 5, "agentsInfected": 1, "devices": 3, "threatsOpen": 2}}
	o.Compare(map[string]int64{"agents": 7, "agentsInfected": 0, "devices": 3, "devicesCompliant": 1})
	assert.Equal(t, map[string]int64{"agents": -2, "agentsInfected": 1}, o.Change)
}

func TestTheDocumentationSaysWhatEachFigureCounts(t *testing.T) {
	text, err := os.ReadFile("../docs/operations.md")
	require.NoError(t, err)
	for _, f := range overview.Figures() {
		assert.Contains(t, string(text), fmt.Sprintf("| `%s` | %s |\n", f.Name, f.Doc))
	}
}

func TestEachRecordIsToldInWhichFiguresItCounts(t *testing.T) {
	infected := agent("1", properties{"infected": true, "isActive": true, "networkStatus": "disconnected"})
	c, err := overview.NewClassifier(t.Context(), storetest.NewSnapshot(steps.GraphTypes(), infected), everything)
	require.NoError(t, err)
	var in []string
	for i, f := range overview.FiguresOf("sentinelone_agent") {
		assert.Equal(t, "sentinelone_agent", f.Type())
		if c.Counts(infected.Type, infected)>>i&1 == 1 {
			in = append(in, f.Name)
		}
	}
	assert.Equal(t, []string{"agents", "agentsInfected", "agentsIsolated", "agentsOnline"}, in)
}

func TestWhatNeedsAttentionIsAFigure(t *testing.T) {
	all, ofType := map[string]bool{}, map[string]int{}
	for _, f := range overview.Figures() {
		all[f.Name] = true
		ofType[f.Type()]++
	}
	for _, name := range overview.Attention() {
		assert.True(t, all[name], name)
	}
	for name, n := range ofType {
		assert.LessOrEqual(t, n, 31, "%s: a bit each, of a number that JavaScript reckons bits with", name)
	}
}

func TestAGraphOfWhichNothingElseIsKnownWasReadWhenItsLastAgentWasHeardOf(t *testing.T) {
	g := storetest.NewSnapshot(steps.GraphTypes(), agent("1", properties{"lastSeenOn": ago(300 * day)}), agent("2", properties{"lastSeenOn": ago(315 * day)}))
	readAt, err := overview.Heard(t.Context(), g)
	require.NoError(t, err)
	o, err := overview.Of(t.Context(), g, readAt)
	require.NoError(t, err)
	assert.EqualValues(t, 1, o.Figures["agentsSilent"])
	assert.NotContains(t, o.Figures, "threatsOpen", "whether there are none, or they were not read, nobody knows")
}

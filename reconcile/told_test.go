package reconcile_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"s1graph/entities"
	"s1graph/graph"
	"s1graph/model"
	"s1graph/reconcile"
	"s1graph/relationships"
	"s1graph/s1"
)

// everyType are the names of the types that a scope in doubt puts in doubt.
var everyType = []string{
	accounts, sites, groups, agents, threats, devices, users, applications,
	groupHasAgent, agentProtectsDevice, userOwnsDevice, deviceHasApplication, agentHasThreat,
}

const agentHasThreat = "sentinelone_agent_has_threat"

// What a run's rows say of a thing replaces what was known, whatever else is in doubt.
func TestWhatTheRowsSayOfAThingReplacesWhatWasKnownWhateverIsInDoubt(t *testing.T) {
	uuid := func(uuid string) func(*s1.Agent) { return func(row *s1.Agent) { row.UUID = uuid } }
	few := reconcile.Guard{Percent: 20, Count: 1} // of agents two are missing
	others := slices.Concat(agent("9"), agent("10"))
	owned, sold := agent("1", ownedBy("jane@acme.example")), agent("1", ownedBy("joe@acme.example"))
	for name, test := range map[string]struct {
		before, now []graph.Record
	}{
		"an agent is decommissioned and protects nothing": {agent("1"), agent("1", decommissioned)},
		"an agent is in one group":                        {agent("1"), inGroup("2", agent("1"))},
		"a device has one owner":                          {owned, sold},
		"a device without an owner has none":              {owned, agent("1", unowned)},
		"a device has the UUID that its agent has":        {agent("1", uuid("old")), agent("1", uuid("new"))},
		"an agent is on one device":                       {agent("1"), agent("1", on("7"))},
		"a threat is on the agent that its row names":     {slices.Concat(agent("1"), agent("2"), threat("1", "1")), slices.Concat(agent("1"), agent("2"), threat("1", "2"))},
	} {
		for doubt, run := range map[string]run{
			"the scope":                            {doubted: everyType, guard: off},
			"agents are withheld":                  {guard: few},
			"an agent is elsewhere":                {elsewhere: []string{entities.AgentKey("9")}, guard: off},
			"the list of groups":                   {failed: []string{groups, groupHasAgent}, guard: off},
			"the groups alone, which were skipped": {skipped: []string{groups}, guard: off},
			"all lists break":                      {failed: everyType, guard: off},
			"nothing":                              {guard: off},
			"nothing, and the guard":               {guard: reconcile.Guard{Percent: 0, Count: 5}},
			"the scope and the guard":              {doubted: everyType, guard: reconcile.Guard{Percent: 0, Count: 5}},
		} {
			if doubt == "all lists break" && name == "a device without an owner has none" {
				continue // who owns what is known when all agents are
			}
			t.Run(name+", in doubt: "+doubt, func(t *testing.T) {
				run.last, run.fresh = slices.Concat(test.before, agent("8"), others), slices.Concat(test.now, agent("8"))
				if strings.HasPrefix(doubt, "nothing") {
					run.fresh = append(run.fresh, others...)
				}
				o := run.do(t)
				want := snapshot(test.now)
				for _, typ := range []string{agents, devices, threats} {
					for _, key := range keysOf(t, want, typ) {
						assert.Equal(t, lineOf(t, want, typ, key), lineOf(t, o.draft, typ, key))
					}
				}
				for typ, subject := range map[string]model.End{
					groupHasAgent: model.To, agentProtectsDevice: model.From, userOwnsDevice: model.To, agentHasThreat: model.To,
				} {
					got := slices.DeleteFunc(keysOf(t, o.draft, typ), func(key string) bool {
						from, to, _ := graph.RelationshipEnds(key)
						if subject == model.From {
							to = from
						}
						return !slices.ContainsFunc(test.now, func(r graph.Record) bool { return r.Key == to })
					})
					if doubt == "the groups alone, which were skipped" { // a new one is not known then
						assert.Subset(t, keysOf(t, want, typ), got, typ)
						continue
					}
					assert.Equal(t, keysOf(t, want, typ), got, typ)
				}
			})
		}
	}
}

func lineOf(t *testing.T, s graph.Snapshot, typ, key string) string {
	for e, err := range s.Fetch(t.Context(), typ, []string{key}) {
		require.NoError(t, err)
		return string(e.JSON)
	}
	return ""
}

// What describes a device names its owner, whether it was read or not.
func TestADeviceOfWhichOneAgentIsUnreadHasTheOwnerThatTheDescribingOneNames(t *testing.T) {
	seen := func(at s1.Time, owner string) func(*s1.Agent) {
		return func(row *s1.Agent) { row.LastActiveDate = at; ownedBy(owner)(row) }
	}
	// The last graph has the owner that the newer of two agents named.
	last := func(owner string, at s1.Time) []graph.Record {
		older := slices.DeleteFunc(agent("2", on("1"), seen(500, "old@acme.example")), func(r graph.Record) bool { return r.Type.Name == userOwnsDevice })
		return slices.Concat(agent("1", seen(at, owner)), older)
	}
	for name, test := range map[string]struct {
		unreadAt, readAt s1.Time
		owner            string
	}{
		"the unread one describes it": {3000, 2000, "jane@acme.example"},
		"the read one describes it":   {1000, 2000, "joe@acme.example"},
	} {
		for doubt, run := range map[string]run{
			"the scope": {doubted: everyType}, "the agents are withheld": {guard: all}, "one is out of scope": {elsewhere: []string{entities.AgentKey("1")}},
		} {
			t.Run(name+", "+doubt, func(t *testing.T) {
				run.last = last("jane@acme.example", test.unreadAt)
				run.fresh = agent("2", on("1"), seen(test.readAt, "joe@acme.example"))
				o := run.do(t)
				owner := keyOf(agent("1", ownedBy(test.owner)), users)
				assert.Equal(t, []string{graph.RelationshipKey(owner, "OWNS", deviceOf("1"))}, o.keys(t, userOwnsDevice))
				assert.Equal(t, []string{"uuid-1", "uuid-2"}, deviceIDs(t, o), "what the unread one said is not lost")
			})
		}
	}
}

func deviceIDs(t *testing.T, o outcome) []string {
	device := o.get(t, devices, deviceOf("1"))
	return device.Get("deviceId").List()
}

// Agents that are moved to another group in great number are no fault of the console.
func TestTheGuardWithholdsNothingOfWhatTheRowsContradict(t *testing.T) {
	var last, fresh []graph.Record
	for i := 1; i <= 30; i++ {
		last = append(last, agent(fmt.Sprint(i))...)
		fresh = append(fresh, inGroup("2", agent(fmt.Sprint(i)))...)
	}
	o := run{last: last, fresh: append(fresh, group("1")), guard: reconcile.Guard{Percent: 20, Count: 10}}.do(t)
	assert.Empty(t, o.withheldKeys(t))
	assert.Len(t, o.keys(t, groupHasAgent), 30)
}

// Rows that all of a sudden say of no agent what it protects are more likely a fault.
func TestTheGuardWithholdsWhatManyRowsSayNothingOf(t *testing.T) {
	var last, fresh []graph.Record
	for i := 1; i <= 30; i++ {
		last = append(last, agent(fmt.Sprint(i))...)
		fresh = append(fresh, agent(fmt.Sprint(i), decommissioned)...)
	}
	o := run{last: last, fresh: fresh, doubted: everyType, guard: reconcile.Guard{Percent: 20, Count: 10}}.do(t)
	assert.Len(t, o.keys(t, agentProtectsDevice), 30)
	o = run{last: last, fresh: slices.Concat(fresh[:6], last[6:]), doubted: everyType, guard: reconcile.Guard{Percent: 20, Count: 10}}.do(t)
	assert.Less(t, len(o.keys(t, agentProtectsDevice)), 30)
}

// Installations have rows of their own: one that is missing is no word of the device.
func TestAnInstallationThatIsMissingStaysWhileTheScopeIsInDoubt(t *testing.T) {
	risky := func(level, agentID string) []graph.Record {
		row := &entities.Installation{Name: "Chrome", RiskLevel: level}
		return []graph.Record{
			entities.Application.Entity(row), relationships.DeviceHasApplication.Between(deviceOf(agentID), entities.ApplicationKey(row), row),
		}
	}
	last := slices.Concat(agent("1"), agent("2"), application("Zoom", "1"), risky("high", "1"), risky("high", "2"))
	for name, test := range map[string]struct {
		run  run
		risk string
	}{
		"all its devices were read, and the list":   {run{fresh: slices.Concat(agent("1"), agent("2"), risky("low", "1")), doubted: everyType}, "low"},
		"one of its devices was not read":           {run{fresh: slices.Concat(agent("1"), risky("low", "1")), doubted: everyType}, "high"},
		"the list of installations was not whole":   {run{fresh: slices.Concat(agent("1"), agent("2"), risky("low", "1")), failed: []string{applications, deviceHasApplication}}, "high"},
		"nothing is in doubt, and rows count alone": {run{fresh: slices.Concat(agent("1"), agent("2"), risky("low", "1")), guard: off}, "low"},
	} {
		t.Run(name, func(t *testing.T) {
			test.run.last = last
			o := test.run.do(t)
			chrome := o.get(t, applications, keyOf(risky("", "1"), applications))
			assert.Equal(t, test.risk, chrome.Get("riskLevel").Text())
			if test.run.guard != off {
				assert.Len(t, o.keys(t, deviceHasApplication), 3)
			}
		})
	}
}

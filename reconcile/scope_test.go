package reconcile_test

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"

	"s1graph/entities"
	"s1graph/graph"
	"s1graph/reconcile"
	"s1graph/relationships"
	"s1graph/s1"
)

func TestWhatIsMissingAndOutOfScopeStays(t *testing.T) {
	here := slices.Concat([]graph.Record{account("1"), site("1")}, agent("1"), threat("1", "1"), application("Chrome", "1"))
	for name, test := range map[string]struct {
		records []graph.Record // beside those that are here
		says    string         // key of what says that it is out of scope; "" where nothing does
		typ     string
		stays   bool
	}{
		"an account": {[]graph.Record{account("2")}, entities.AccountKey("2"), accounts, true},
		"a site":     {[]graph.Record{site("2")}, entities.SiteKey("2"), sites, true},
		"a group":    {[]graph.Record{group("2")}, entities.GroupKey("2"), groups, true},
		"an agent":   {agent("2"), entities.AgentKey("2"), agents, true},
		"a threat":   {threat("2", "1"), entities.ThreatKey("2"), threats, true},
		"a device":   {agent("2"), entities.AgentKey("2"), devices, true},
		"a user":     {agent("2"), entities.AgentKey("2"), users, true},
		"an application": {
			slices.Concat(agent("2"), application("Zoom", "2")), entities.AgentKey("2"), applications, true,
		},

		"a site in scope":   {[]graph.Record{site("2")}, entities.SiteKey("9"), sites, false},
		"an agent in scope": {agent("2"), entities.AgentKey("9"), agents, false},
		"a device whose agent is in scope, although the device itself would be out of it": {
			agent("2"), deviceOf("2"), devices, false,
		},
		"a device that no agent is known of": {
			[]graph.Record{entities.Device.Entity(agentRow("2"))}, entities.AgentKey("9"), devices, false,
		},
		"a user whom no agent names any more": {
			[]graph.Record{entities.User.Entity(agentRow("2"))}, entities.AgentKey("9"), users, false,
		},
		"a user who owns nothing, named by an agent that is out of scope": {
			without(agent("2"), keyOf(agent("2"), userOwnsDevice)), entities.AgentKey("2"), users, true,
		},
		"a user who owns nothing, named by an agent in scope that is gone": {
			without(agent("2"), keyOf(agent("2"), userOwnsDevice)), entities.AgentKey("9"), users, false,
		},
		"a user known everywhere who owns nothing, named by an agent that is out of scope": {
			without(agent("2", ownedBy("jane@acme.example")), keyOf(agent("2", ownedBy("jane@acme.example")), userOwnsDevice)),
			entities.AgentKey("2"), users, true,
		},
		"an application that is on no known device": {
			application("Zoom", "2")[:1], entities.AgentKey("9"), applications, true,
		},
		"a user whose device is in scope": {agent("2"), entities.AgentKey("9"), users, false},
		"a device of a decommissioned agent that is out of scope": {
			agent("2", decommissioned), entities.AgentKey("2"), devices, true,
		},
	} {
		t.Run(name, func(t *testing.T) {
			key := keyOf(test.records, test.typ)
			o := run{last: slices.Concat(test.records, here), fresh: here, elsewhere: []string{test.says}, guard: off}.do(t)
			listed := reconcile.Key{Type: test.typ, Key: key, OutOfScope: true}
			if test.stays {
				assert.Contains(t, o.keys(t, test.typ), key)
				assert.Equal(t, int64(1), o.Types[test.typ].OutOfScope)
				assert.Contains(t, o.withheldKeys(t), listed)
			} else {
				assert.NotContains(t, o.keys(t, test.typ), key)
				assert.Zero(t, o.Types[test.typ].OutOfScope)
				assert.NotContains(t, o.withheldKeys(t), listed)
			}
		})
	}
}

func decommissioned(row *s1.Agent) { row.IsDecommissioned = s1.True }

func TestWhatIsOutOfScopeButListedIsWhatTheRowsSay(t *testing.T) {
	last := []graph.Record{site("1", siteCalled("old"))}
	o := run{last: last, fresh: []graph.Record{site("1", siteCalled("new"))}, elsewhere: []string{entities.SiteKey("1")}}.do(t)
	one := o.get(t, sites, entities.SiteKey("1"))
	assert.Equal(t, "new", one.Get("name").Text())
	assert.Zero(t, o.Types[sites].OutOfScope)
}

// An application may have lost its device while its own list was not read.
func TestAnApplicationThatIsOnNoDeviceGoesWhereItWasInScopeBefore(t *testing.T) {
	zoom := application("Zoom", "2")[:1]
	o := run{last: append(agent("1"), zoom...), fresh: agent("1"), elsewhere: []string{"another"}, inside: []string{zoom[0].Key}, guard: off}.do(t)
	assert.Empty(t, o.keys(t, applications))
	// What was accepted of it is let go like anything else in scope.
	accepted := reconcile.Key{Type: applications, Key: zoom[0].Key}
	o = run{
		last: append(agent("1"), zoom...), fresh: agent("1"), elsewhere: []string{"another"}, inside: []string{zoom[0].Key}, guard: all,
		accepted: []reconcile.Key{accepted},
	}.do(t)
	assert.Equal(t, []reconcile.Key{accepted}, o.releasedKeys(t))
}

// A relationship is a fact about one of its ends, and is out of scope where that one is.
func TestARelationshipIsOutOfScopeWhereItsSubjectIs(t *testing.T) {
	records := slices.Concat(agent("1"), agent("2", on("1")), application("Chrome", "1"))
	for name, test := range map[string]struct {
		lost  graph.Record
		says  []string
		stays bool
	}{
		"the group of an agent that is out of scope":  {keep(records, groupHasAgent, entities.AgentKey("2")), []string{entities.AgentKey("2")}, true},
		"the group of an agent that is in scope":      {keep(records, groupHasAgent, entities.AgentKey("1")), []string{entities.AgentKey("2")}, false},
		"what an agent that is out of scope protects": {keep(records, agentProtectsDevice, entities.AgentKey("2")), []string{entities.AgentKey("2")}, true},
		"what an agent that is in scope protects":     {keep(records, agentProtectsDevice, entities.AgentKey("1")), []string{entities.AgentKey("2")}, false},
		"what is on a device that an agent out of scope shares": {
			keep(records, deviceHasApplication, deviceOf("1")), []string{entities.AgentKey("2")}, true,
		},
	} {
		t.Run(name, func(t *testing.T) {
			// What is out of scope is missing from the rows; what is in scope is there but for the relationship.
			fresh := without(records, append(slices.Clone(test.says), test.lost.Key)...)
			o := run{last: records, fresh: fresh, elsewhere: test.says, guard: off}.do(t)
			if test.stays {
				assert.Contains(t, o.keys(t, test.lost.Type.Name), test.lost.Key)
			} else {
				assert.NotContains(t, o.keys(t, test.lost.Type.Name), test.lost.Key)
			}
			for _, k := range o.withheldKeys(t) {
				assert.Equal(t, agents, k.Type, "what is accepted is the agent: its relationships go with it")
			}
		})
	}
}

// keep is the relationship of a type that has an end.
func keep(records []graph.Record, typeName, end string) graph.Record {
	i := slices.IndexFunc(records, func(r graph.Record) bool { return r.Type.Name == typeName && (r.From == end || r.To == end) })
	return records[i]
}

// Rows that say less than is known keep all that they lack. Only what is out of scope can be accepted.
func TestWhatStaysSinceRowsSayLessIsNotListed(t *testing.T) {
	o := run{last: manySites(1, 3), fresh: manySites(3, 3), partly: []string{sites}, elsewhere: siteKeys(1, 1), guard: off}.do(t)
	assert.Equal(t, siteKeys(1, 3), o.keys(t, sites))
	assert.Equal(t, []reconcile.Key{{Type: sites, Key: entities.SiteKey("1"), OutOfScope: true}}, o.withheldKeys(t))
}

func TestARelationshipOutOfScopeGoesWithItsOtherEnd(t *testing.T) {
	last := append(agent("1"), group("2"), relationships.GroupHasAgent.Between(entities.GroupKey("2"), entities.AgentKey("1"), nil))
	fresh := []graph.Record{group("1")}
	o := run{last: last, fresh: fresh, elsewhere: []string{entities.AgentKey("1")}, guard: off}.do(t)
	assert.Equal(t, []string{keyOf(agent("1"), groupHasAgent)}, o.keys(t, groupHasAgent))
}

// An agent that moved out of the part that is read was read all the same, and other rows do not tell what is on its device.
func TestWhatIsOnTheDeviceOfAnAgentThatMovedStays(t *testing.T) {
	risky := func(level, agentID string) []graph.Record {
		row := &entities.Installation{Name: "Chrome", RiskLevel: level}
		return []graph.Record{
			entities.Application.Entity(row), relationships.DeviceHasApplication.Between(deviceOf(agentID), entities.ApplicationKey(row), row),
		}
	}
	last := slices.Concat(agent("1"), agent("2"), application("Zoom", "1"), application("Word", "2"), risky("high", "1"), risky("high", "2"))
	for name, test := range map[string]struct {
		now  []graph.Record // of agent 1, which moved
		says []string       // types of which the rows are believed, whatever of them is lost
	}{
		"nothing else changed":                    {agent("1"), nil},
		"it was decommissioned":                   {agent("1", decommissioned), []string{agentProtectsDevice}},
		"it has another owner":                    {agent("1", ownedBy("joe@acme.example")), []string{users, userOwnsDevice}},
		"it has no owner":                         {agent("1", unowned), []string{users, userOwnsDevice}},
		"it is in another group":                  {inGroup("2", agent("1")), []string{groups, groupHasAgent}},
		"it is in a group that the run reads not": {without(inGroup("2", agent("1")), "sentinelone_group:2"), []string{groups, groupHasAgent}},
	} {
		t.Run(name, func(t *testing.T) {
			fresh := slices.Concat(test.now, agent("2"), risky("low", "2"))
			o := run{last: last, fresh: fresh, moved: []string{deviceOf("1")}, guard: off}.do(t)
			zoom, chrome := keyOf(application("Zoom", "1"), applications), keyOf(risky("", "1"), applications)
			assert.Equal(t, sorted(zoom, chrome), o.keys(t, applications), "what is gone from a device in scope is gone")
			assert.Equal(t, sorted(
				graph.RelationshipKey(deviceOf("1"), "HAS", zoom), graph.RelationshipKey(deviceOf("1"), "HAS", chrome), graph.RelationshipKey(deviceOf("2"), "HAS", chrome),
			), o.keys(t, deviceHasApplication))
			one := o.get(t, applications, chrome)
			assert.Equal(t, "high", one.Get("riskLevel").Text(), "as it is on the device that was not read")
			assert.Equal(t, []reconcile.Key{{Type: applications, Key: zoom, OutOfScope: true}}, o.withheldKeys(t))
			want := snapshot(fresh)
			for _, typ := range test.says {
				expected := keysOf(t, want, typ)
				if typ == groupHasAgent && !slices.Contains(keysOf(t, want, groups), "sentinelone_group:2") {
					expected = []string{keyOf(agent("2"), groupHasAgent)}
				}
				assert.Equal(t, expected, o.keys(t, typ), typ)
			}
		})
	}
}

// While agents are not read whole, one of them may have moved without anybody knowing.
func TestWhatIsOnTheDeviceOfAnAgentThatWasNotReadStaysUnderANarrowScope(t *testing.T) {
	last := slices.Concat(agent("1"), agent("2"), application("Zoom", "1"), application("Word", "2"))
	o := run{
		last: last, fresh: agent("2"), failed: []string{agents, devices, users, groupHasAgent, agentProtectsDevice, userOwnsDevice},
		elsewhere: []string{entities.AgentKey("9")}, guard: off,
	}.do(t)
	assert.Equal(t, []string{keyOf(application("Zoom", "1"), applications)}, o.keys(t, applications))
}

// Nobody knows how a device is that is described by an agent out of scope, although another agent on it is in scope.
func TestWhatIsOutOfScopeIsListedAsNotRead(t *testing.T) {
	here := slices.Concat([]graph.Record{account("1"), site("1")}, agent("1"), threat("1", "1"), application("Chrome", "1"))
	away := slices.Concat([]graph.Record{site("2")}, agent("2"), application("Zoom", "2"))
	listed := func(o outcome) (keys []string) {
		for _, k := range list(t, o.OutOfScopeKeys(t.Context())) {
			assert.True(t, k.OutOfScope)
			keys = append(keys, k.Key)
		}
		return keys
	}
	elsewhere := []string{entities.AgentKey("2"), entities.SiteKey("2")}
	o := run{last: slices.Concat(here, away), fresh: here, elsewhere: elsewhere, guard: off}.do(t)
	assert.ElementsMatch(t, []string{
		entities.AgentKey("2"), entities.SiteKey("2"), keyOf(away, devices), keyOf(away, users), keyOf(away, applications),
	}, listed(o))
	all := run{last: slices.Concat(here, away), fresh: slices.Concat(here, away), guard: off}.do(t)
	assert.Empty(t, listed(all))

	for lastHeard, described := range map[int64]bool{1: false, 3: true} {
		on := func(id string, at int64) []graph.Record {
			return agent(id, func(a *s1.Agent) {
				a.ComputerName, a.SerialNumber, a.LastActiveDate = "shared", "VM-shared", s1.Time(at*1000)
			})
		}
		inside, outside := on("1", 2), on("2", lastHeard)
		o := run{last: slices.Concat(outside, inside), fresh: inside, elsewhere: elsewhere, guard: off}.do(t)
		assert.Equal(t, described, slices.Contains(listed(o), keyOf(inside, devices)), "the agent out of scope was heard of at %d", lastHeard)
	}
}

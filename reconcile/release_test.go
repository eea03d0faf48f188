package reconcile_test

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"

	"s1graph/entities"
	"s1graph/graph"
	"s1graph/reconcile"
)

func acceptedAgent(id string) reconcile.Key {
	return reconcile.Key{Type: agents, Key: entities.AgentKey(id)}
}

func acceptedSite(id string, outOfScope bool) reconcile.Key {
	return reconcile.Key{Type: sites, Key: entities.SiteKey(id), OutOfScope: outOfScope}
}

func TestWhatWasAcceptedGoesWhateverTheGuardSays(t *testing.T) {
	o := run{last: manySites(1, 6), fresh: manySites(5, 6), guard: all, accepted: []reconcile.Key{acceptedSite("1", false), acceptedSite("2", false)}}.do(t)
	assert.Equal(t, siteKeys(3, 6), o.keys(t, sites))
	assert.Equal(t, int64(2), o.Types[sites].Released)
	assert.Equal(t, int64(2), o.Types[sites].Withheld)
	assert.Equal(t, []reconcile.Key{acceptedSite("1", false), acceptedSite("2", false)}, o.releasedKeys(t))
	assert.Equal(t, []reconcile.Key{acceptedSite("3", false), acceptedSite("4", false)}, o.withheldKeys(t))
	assert.False(t, o.Waits(acceptedSite("1", false)))
}

func TestTheGuardDoesNotCountWhatWasAccepted(t *testing.T) {
	var accepted []reconcile.Key
	for _, key := range siteKeys(1, 4) {
		accepted = append(accepted, reconcile.Key{Type: sites, Key: key})
	}
	// Four of ten go by acceptance. Three of the other six are half of them.
	for name, test := range map[string]struct {
		guard    reconcile.Guard
		withheld int64
	}{
		"among what is gone":  {reconcile.Guard{Percent: 0, Count: 3}, 0},
		"among what there is": {reconcile.Guard{Percent: 40, Count: 1}, 3},
	} {
		t.Run(name, func(t *testing.T) {
			o := run{last: manySites(1, 10), fresh: manySites(8, 10), guard: test.guard, accepted: accepted}.do(t)
			assert.Equal(t, test.withheld, o.Types[sites].Withheld)
		})
	}
}

func TestWhatIsDerivedFromAcceptedThingsAloneGoesWithThem(t *testing.T) {
	apps := slices.Concat(application("Chrome", "1"), application("Chrome", "2"), application("Zoom", "1"))
	zoom, chrome := keyOf(application("Zoom", "1"), applications), keyOf(application("Chrome", "1"), applications)
	for name, test := range map[string]struct {
		last, fresh []graph.Record
		accepted    []reconcile.Key
		released    []string // keys of what went beside the agents that were accepted
	}{
		"the device, its owner and its applications": {
			slices.Concat(agent("1"), agent("2"), apps), slices.Concat(agent("2"), application("Chrome", "2")),
			[]reconcile.Key{acceptedAgent("1")}, []string{deviceOf("1"), userOf("1"), zoom},
		},
		"not the device where another agent is on it": {
			slices.Concat(agent("1"), agent("3", on("1")), agent("2")), slices.Concat(agent("2"), agent("3", on("1"))),
			[]reconcile.Key{acceptedAgent("1")}, nil,
		},
		"not the device where another agent was on it that is withheld": {
			slices.Concat(agent("1"), agent("3", on("1")), agent("2")), agent("2"), []reconcile.Key{acceptedAgent("1")}, nil,
		},
		"not the owner where he owns another device": {
			slices.Concat(agent("1", ownedBy("jane@acme.example")), agent("2", ownedBy("jane@acme.example"))),
			agent("2", unowned), []reconcile.Key{acceptedAgent("1")}, []string{deviceOf("1")},
		},
		"a user who owns nothing": {
			slices.Concat(without(agent("1"), keyOf(agent("1"), userOwnsDevice)), agent("2")), agent("2"),
			[]reconcile.Key{acceptedAgent("1")}, []string{deviceOf("1"), userOf("1")},
		},
		"not a user who owns nothing whom another agent names too": {
			slices.Concat(agent("1", ownedBy("jane@acme.example")), without(agent("2", ownedBy("jane@acme.example")), keyOf(agent("2", ownedBy("jane@acme.example")), userOwnsDevice))),
			agent("2", unowned), []reconcile.Key{acceptedAgent("1")}, []string{deviceOf("1")},
		},
		"the last of all": {
			agent("1"), nil, []reconcile.Key{acceptedAgent("1")}, []string{deviceOf("1"), userOf("1")},
		},
		"not a user whom nobody names, of whom the guard decides": {
			slices.Concat(agent("1"), agent("2"), []graph.Record{entities.User.Entity(agentRow("9"))}), agent("2"),
			[]reconcile.Key{acceptedAgent("1")}, []string{deviceOf("1"), userOf("1")},
		},
		"nothing of what was not accepted": {
			slices.Concat(agent("1"), agent("2"), apps), slices.Concat(agent("2"), application("Chrome", "2")), nil, nil,
		},
	} {
		t.Run(name, func(t *testing.T) {
			o := run{last: test.last, fresh: test.fresh, guard: all, accepted: test.accepted}.do(t)
			var released []string
			for _, k := range o.releasedKeys(t) {
				if !slices.Contains(test.accepted, k) {
					released = append(released, k.Key)
				}
			}
			assert.ElementsMatch(t, test.released, released)
			for _, key := range test.released {
				assert.NotContains(t, slices.Concat(o.keys(t, devices), o.keys(t, users), o.keys(t, applications)), key)
			}
			assert.NotContains(t, released, chrome)
		})
	}
}

func TestWhatWasAcceptedWaitsWhileItCannotBeEvaluated(t *testing.T) {
	for name, test := range map[string]struct {
		run     run
		waits   bool
		present bool
	}{
		"its list failed":               {run{failed: []string{sites}, fresh: manySites(2, 3)}, true, true},
		"its list was not read":         {run{skipped: []string{sites}}, true, true},
		"it is out of scope now":        {run{elsewhere: siteKeys(1, 1), fresh: manySites(2, 3)}, true, true},
		"it is back":                    {run{fresh: manySites(1, 3)}, false, true},
		"it is back, and a list failed": {run{fresh: manySites(1, 3), failed: []string{sites}}, false, true},
		"it went":                       {run{fresh: manySites(2, 3)}, false, false},
		"it went before":                {run{fresh: manySites(2, 3), last: manySites(2, 3)}, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			if test.run.last == nil {
				test.run.last = manySites(1, 3)
			}
			test.run.guard, test.run.accepted = all, []reconcile.Key{acceptedSite("1", false)}
			o := test.run.do(t)
			assert.Equal(t, test.waits, o.Waits(acceptedSite("1", false)))
			assert.False(t, o.Waits(acceptedSite("2", false)), "nobody accepted it")
			assert.Equal(t, test.present, slices.Contains(o.keys(t, sites), entities.SiteKey("1")))
		})
	}
}

func TestWhatGoesAnywayIsNotReleased(t *testing.T) {
	o := run{last: slices.Concat(agent("1"), agent("2")), guard: off, accepted: []reconcile.Key{acceptedAgent("1")}}.do(t)
	assert.Empty(t, o.keys(t, devices))
	assert.Equal(t, []reconcile.Key{acceptedAgent("1"), {Type: devices, Key: deviceOf("1")}, {Type: users, Key: userOf("1")}}, o.releasedKeys(t))
}

func TestOfRelationshipsOnlyTheAcceptedOnesWithBothEndsAreReleased(t *testing.T) {
	last := slices.Concat(agent("1"), agent("2"), agent("3"), agent("4"))
	key := func(id string) reconcile.Key {
		return reconcile.Key{Type: groupHasAgent, Key: keyOf(agent(id), groupHasAgent)}
	}
	fresh := without(last, key("1").Key, key("2").Key, key("3").Key, entities.AgentKey("2"))
	o := run{last: last, fresh: fresh, guard: off, accepted: []reconcile.Key{key("1"), key("2")}}.do(t)
	assert.Equal(t, []string{key("4").Key}, o.keys(t, groupHasAgent))
	var released []reconcile.Key
	for _, k := range o.releasedKeys(t) {
		if k.Type == groupHasAgent {
			released = append(released, k)
		}
	}
	assert.Equal(t, []reconcile.Key{key("1")}, released)
}

func TestAnAcceptedDeviceWaitsWhileAgentsAreWithheld(t *testing.T) {
	device := reconcile.Key{Type: devices, Key: deviceOf("1")}
	last := slices.Concat(agent("1"), agent("2"))
	o := run{last: last, guard: all, accepted: []reconcile.Key{device}}.do(t)
	assert.True(t, o.Waits(device))
	assert.Contains(t, o.keys(t, devices), device.Key)

	fresh := without(last, device.Key)
	o = run{last: last, fresh: fresh, guard: all, accepted: []reconcile.Key{device}}.do(t)
	assert.False(t, o.Waits(device))
	assert.NotContains(t, o.keys(t, devices), device.Key)
}

// Two commands accept the two reasons for which something stays, and neither accepts the other's.
func TestWhatIsOutOfScopeGoesOnlyWhereThatWasAccepted(t *testing.T) {
	for name, test := range map[string]struct {
		accepted []reconcile.Key
		failed   []string
		goes     bool
	}{
		"it was accepted as out of scope":                      {[]reconcile.Key{acceptedSite("1", true)}, nil, true},
		"it was accepted as withheld":                          {[]reconcile.Key{acceptedSite("1", false)}, nil, false},
		"it was accepted as out of scope, and its list failed": {[]reconcile.Key{acceptedSite("1", true)}, []string{sites}, false},
		"nothing was accepted":                                 {nil, nil, false},
	} {
		t.Run(name, func(t *testing.T) {
			o := run{
				last: manySites(1, 3), fresh: manySites(2, 3), guard: off, elsewhere: siteKeys(1, 1), accepted: test.accepted, failed: test.failed,
			}.do(t)
			assert.Equal(t, test.goes, !slices.Contains(o.keys(t, sites), entities.SiteKey("1")))
			assert.Equal(t, test.goes, slices.Contains(o.releasedKeys(t), acceptedSite("1", false)))
			assert.Equal(t, test.goes, o.Types[sites].OutOfScope == 0)
			if len(test.accepted) > 0 {
				assert.Equal(t, !test.goes, o.Waits(test.accepted[0]))
			}
		})
	}
}

func TestAnApplicationThatNobodyKnowsWhereGoesOnceThatWasAccepted(t *testing.T) {
	zoom := application("Zoom", "9")[:1]
	key := reconcile.Key{Type: applications, Key: zoom[0].Key, OutOfScope: true}
	o := run{last: append(agent("1"), zoom...), fresh: agent("1"), guard: all, elsewhere: []string{"another"}, accepted: []reconcile.Key{key}}.do(t)
	assert.Empty(t, o.keys(t, applications))
}

func TestAnAcceptedRelationship(t *testing.T) {
	last := slices.Concat(agent("1"), agent("2"))
	one, two := keyOf(agent("1"), groupHasAgent), keyOf(agent("2"), groupHasAgent)
	k := reconcile.Key{Type: groupHasAgent, Key: one}
	for name, test := range map[string]struct {
		run   run
		left  []string
		waits bool
	}{
		"goes":                                       {run{fresh: without(last, one, two)}, []string{two}, false},
		"is back":                                    {run{fresh: last}, []string{one, two}, false},
		"waits while its list failed":                {run{fresh: without(last, one, two), failed: []string{groupHasAgent}}, []string{one, two}, true},
		"waits while its agent is out of scope":      {run{fresh: without(last, one, entities.AgentKey("1")), elsewhere: []string{entities.AgentKey("1")}}, []string{one, two}, true},
		"is done with when its agent went":           {run{fresh: without(last, one, entities.AgentKey("1")), guard: off}, []string{two}, false},
		"is done with when its agent went, whatever": {run{fresh: without(last, one, entities.AgentKey("1")), guard: off, failed: []string{groupHasAgent}}, []string{two}, false},
	} {
		t.Run(name, func(t *testing.T) {
			test.run.last, test.run.accepted = last, []reconcile.Key{k}
			o := test.run.do(t)
			assert.Equal(t, sorted(test.left...), o.keys(t, groupHasAgent))
			assert.Equal(t, test.waits, o.Waits(k))
			assert.Equal(t, name == "goes", slices.Contains(o.releasedKeys(t), k))
		})
	}
}

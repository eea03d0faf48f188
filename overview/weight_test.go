package overview_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"s1graph/entities"
	"s1graph/graph"
	"s1graph/overview"
)

// became is a change of an entity's properties; each has its value before and its value after.
func became(t *graph.Type, values map[string][2]graph.Value) graph.Change {
	c := graph.Change{Op: graph.Updated, Type: t, Before: &graph.Record{Type: t}, After: &graph.Record{Type: t}}
	for name, v := range values {
		c.Before.Set(name, v[0])
		c.After.Set(name, v[1])
		if !v[0].Equal(v[1]) {
			c.Changed = append(c.Changed, name)
		}
	}
	return c
}

func TestWhatSomebodyShouldLookIntoWeighsMoreThanMovesAndMovesMoreThanUpgrades(t *testing.T) {
	agent, device, threat := entities.Agent.GraphType(), entities.Device.GraphType(), entities.Threat.GraphType()
	text := func(before, after string) [2]graph.Value {
		return [2]graph.Value{graph.String(before), graph.String(after)}
	}
	flag := func(before, after bool) [2]graph.Value { return [2]graph.Value{graph.Bool(before), graph.Bool(after)} }
	found := graph.Change{Op: graph.Created, Type: threat, After: &graph.Record{Type: threat}}
	found.After.Set("open", graph.Bool(true))
	found.After.Set("severity", graph.String("critical"))
	came := graph.Change{Op: graph.Created, Type: agent, After: &graph.Record{Type: agent}}
	went := graph.Change{Op: graph.Deleted, Type: agent, Before: &graph.Record{Type: agent}}
	descending := []struct {
		what string
		graph.Change
	}{
		{"infection", became(agent, map[string][2]graph.Value{"infected": flag(false, true), "networkStatus": text("connected", "disconnected")})},
		{"critical threat", found},
		{"reopened threat", became(threat, map[string][2]graph.Value{"open": flag(false, true), "severity": text("medium", "medium")})},
		{"isolation", became(agent, map[string][2]graph.Value{"networkStatus": text("connected", "disconnected")})},
		{"protection lost", became(device, map[string][2]graph.Value{"malwareProtected": flag(true, false)})},
		{"detect mode", became(agent, map[string][2]graph.Value{"mitigationMode": text("protect", "detect")})},
		{"infection over", became(agent, map[string][2]graph.Value{"infected": flag(true, false)})},
		{"new agent", came},
		{"move of one that has been infected", became(agent, map[string][2]graph.Value{"infected": flag(true, true), "siteId": text("1", "2")})},
		{"tag", became(agent, map[string][2]graph.Value{"externalId": text("1", "2")})},
		{"upgrade", became(agent, map[string][2]graph.Value{"agentVersion": text("1", "2")})},
	}
	for i, of := range descending[1:] {
		above := descending[i]
		assert.Greater(t, overview.Weight(&above.Change), overview.Weight(&of.Change), "%s and %s", above.what, of.what)
	}
	renamed := became(device, map[string][2]graph.Value{"name": text("a", "b"), "hostname": text("a", "b")})
	renamed.Op = graph.Rekeyed
	assert.Equal(t, overview.Weight(&descending[len(descending)-1].Change), overview.Weight(&renamed))
	assert.Equal(t, overview.Weight(&came), overview.Weight(&went))
	back := became(device, map[string][2]graph.Value{"malwareProtected": flag(false, true)})
	assert.Greater(t, overview.Weight(&back), overview.Weight(&came))
	assert.Less(t, overview.Weight(&back), overview.Weight(&descending[4].Change))
}

func TestPropertiesThatPeopleWantToReadFirstComeFirst(t *testing.T) {
	assert.Equal(t, []string{"infected", "malwareProtected", "siteId", "groupId", "agentVersion", "formerAgentIds"},
		overview.ByWeight([]string{"agentVersion", "formerAgentIds", "groupId", "infected", "malwareProtected", "siteId"}))
}

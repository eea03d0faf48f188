package overview

import (
	"slices"

	"s1graph/entities"
	"s1graph/graph"
)

// Weight is how much a change of an entity matters to people: the greater it is, the earlier they want to read of it. First
// comes what an entity became that somebody should look into, in the order of Attention, then what else changed in what
// figures look at, then what came or went, then moves, and last what was only renamed or upgraded.
func Weight(c *graph.Change) int {
	if i := newAttention(c); i >= 0 {
		return 1000 - 10*i + levels[c.After.Get("severity").Text()]
	}
	isOneOf := func(names ...string) func(string) bool {
		return func(name string) bool { return slices.Contains(names, name) }
	}
	switch {
	case c.Op == graph.Created || c.Op == graph.Deleted:
		return 300
	case slices.ContainsFunc(c.Changed, Reads) || slices.Contains(c.Changed, "malwareProtected"):
		return 500
	case slices.ContainsFunc(c.Changed, isOneOf("accountId", "siteId", "groupId")):
		return 200
	case c.Op == graph.Rekeyed || slices.ContainsFunc(c.Changed, isOneOf("name", "agentVersion")):
		return 0
	}
	return 100
}

var levels = map[string]int{"critical": 4, "high": 3, "medium": 2, "low": 1}

// newAttention is the place in Attention of the most urgent figure in which an entity counts and did not count before; -1 where
// there is none.
func newAttention(c *graph.Change) int {
	if c.After == nil {
		return -1
	}
	after := subjectOf(c.After)
	for i, name := range Attention() {
		if name == ThreatsReopened {
			if c.Type.Name == entities.Threat.GraphType().Name && c.Before != nil && c.Before.Get("open").Equal(graph.Bool(false)) && after.isTrue("open") {
				return i
			}
			continue
		}
		of := FiguresOf(c.Type.Name)
		f := slices.IndexFunc(of, func(f Figure) bool { return f.Name == name })
		if f < 0 || !of[f].is(&after) {
			continue
		}
		if before := c.Before; before != nil {
			if was := subjectOf(before); of[f].is(&was) {
				continue
			}
		}
		return i
	}
	return -1
}

// subjectOf is a record alone: whether an agent protects a device is what the device says.
func subjectOf(r *graph.Record) subject {
	s := subject{Record: *r, agents: 1}
	if s.isFalse("malwareProtected") {
		s.agents = 0
	}
	return s
}

// ByWeight are the names of properties that changed, those first that people want to read first. The rest stay in their order.
func ByWeight(changed []string) []string {
	first := []string{
		"infected", "networkStatus", "open", "severity", "mitigationStatus", "mitigationMode", "operationalState",
		"malwareProtected", "encrypted", "firewallEnabled", "accountId", "siteId", "groupId", "name",
	}
	sorted := slices.Clone(changed)
	slices.SortStableFunc(sorted, func(a, b string) int {
		place := func(name string) int {
			if i := slices.Index(first, name); i >= 0 {
				return i
			}
			return len(first)
		}
		return place(a) - place(b)
	})
	return sorted
}

package graph_test

import (
	"slices"
	"testing"

	"go.uber.org/goleak"

	"s1graph/graph"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var (
	groups = &graph.Type{Name: "sentinelone_group", Class: "Group", Step: "groups", Schema: "1"}
	agents = &graph.Type{Name: "sentinelone_agent", Class: "HostAgent", Step: "agents", Schema: "1",
		Volatile: []string{"lastSeenOn"}}
	devices = &graph.Type{Name: "sentinelone_device", Class: "Device", Step: "agents", Schema: "1",
		Combine: map[string]func(a, b graph.Value) graph.Value{
			"agentIds":  func(a, b graph.Value) graph.Value { return graph.Set(append(slices.Clone(a.List()), b.List()...)) },
			"firstSeen": func(a, b graph.Value) graph.Value { return graph.Int(min(a.Int64(), b.Int64())) },
		}}
	hasAgent = &graph.Type{Name: "sentinelone_group_has_agent", Class: "HAS", Relationship: true,
		From: groups.Name, To: agents.Name, Step: "agents", Schema: "1"}
	protects = &graph.Type{Name: "sentinelone_agent_protects_device", Class: "PROTECTS", Relationship: true,
		From: agents.Name, To: devices.Name, Step: "agents", Schema: "1"}
	model = []*graph.Type{groups, agents, devices, hasAgent, protects}
)

func entity(t *graph.Type, id string, properties ...graph.Property) graph.Record {
	r := graph.Record{Type: t, Key: t.Name + ":" + id}
	for _, p := range properties {
		r.Set(p.Name, p.Value)
	}
	return r
}

func between(t *graph.Type, from, to string) graph.Record {
	r := graph.Record{Type: t, From: t.From + ":" + from, To: t.To + ":" + to}
	r.Key = graph.RelationshipKey(r.From, t.Class, r.To)
	return r
}

func is(name string, v graph.Value) graph.Property { return graph.Property{Name: name, Value: v} }

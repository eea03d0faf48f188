// Package storetest is the suite that every store of graphs passes, and a graph in memory to test with. What is
// special to one store (its files, its transactions, its crashes) is tested beside that store.
package storetest

import (
	"context"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"s1graph/graph"
)

// Store is what the suite asks of a store.
type Store interface {
	// Apply makes the store hold this graph and nothing else.
	Apply(ctx context.Context, after graph.Snapshot) error

	// Load gives what the store holds.
	Load(ctx context.Context) (graph.Snapshot, error)

	// State tells whether something was written: two equal states mean that between them nothing was.
	State(ctx context.Context) (string, error)
}

// Run holds a store to what all stores promise. open gives an empty store, which it closes when the test ends.
func Run(t *testing.T, open func(t *testing.T) Store) {
	for _, c := range []struct {
		name   string
		graphs []*Snapshot
	}{
		{"AnEmptyGraph", []*Snapshot{NewSnapshot(types)}},
		{"EveryKindOfValue", []*Snapshot{awkward}},
		{"ManyRecords", []*Snapshot{many(1201)}},
		{"EveryKindOfChange", []*Snapshot{yesterday, today, yesterday}},
		{"GrowingAndShrinking", []*Snapshot{many(499), many(1000), many(501), many(500), many(0), many(3)}},
		{"ATypeThatVanishesFromTheModelAndReturns", []*Snapshot{today, withoutThreats, today}},
		{"IncompleteTypesKeepWhatTheyHad", []*Snapshot{yesterday, withIncompleteAgents, today}},
	} {
		t.Run(c.name, func(t *testing.T) {
			store := open(t)
			for i, g := range c.graphs {
				apply(t, store, g)
				before := state(t, store)
				apply(t, store, g)
				require.Equal(t, before, state(t, store), "graph %d: the second apply wrote something", i)
			}
		})
	}

	t.Run("TwoStoresDoNotTouchEachOther", func(t *testing.T) {
		one, other := open(t), open(t)
		apply(t, one, yesterday)
		apply(t, other, today)
		before := state(t, one)
		for _, g := range []*Snapshot{withoutThreats, NewSnapshot(types), yesterday} {
			apply(t, other, g)
			require.Equal(t, before, state(t, one))
		}
	})

	t.Run("WhatAnApplyBroughtHalfwayTheNextOneBringsToTheEnd", func(t *testing.T) {
		store := open(t)
		var before, after graph.Snapshot = many(120), many(200)
		apply(t, store, before)
		for records := 0; ; records = 1 + records*3/2 {
			err := store.Apply(t.Context(), BreakAfter(after, records))
			if err == nil {
				require.Greater(t, records, 240)
				return
			}
			require.ErrorIs(t, err, ErrBroken)
			apply(t, store, after)
			before, after = after, before
		}
	})

	t.Run("FetchPassesOverWhatIsNotThere", func(t *testing.T) {
		store := open(t)
		apply(t, store, many(1201))
		loaded, err := store.Load(t.Context())
		require.NoError(t, err)
		var got []string
		for e, err := range loaded.Fetch(t.Context(), Agent.Name, []string{
			"sentinelone_agent:", key(0), key(0) + "-", key(499), key(500), key(1200), key(1201), "z"}) {
			require.NoError(t, err)
			got = append(got, e.Key)
		}
		require.Equal(t, []string{key(0), key(499), key(500), key(1200)}, got)
		for range loaded.Fetch(t.Context(), "sentinelone_unknown", []string{key(0)}) {
			require.Fail(t, "a type that the graph does not have gave a record")
		}
	})

	t.Run("ReadingEndsWithItsContext", func(t *testing.T) {
		store := open(t)
		apply(t, store, many(3))
		loaded, err := store.Load(t.Context())
		require.NoError(t, err)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		for _, err := range loaded.Digests(ctx, Agent.Name) {
			require.ErrorIs(t, err, context.Canceled)
		}
		for _, err := range loaded.Fetch(ctx, Agent.Name, []string{key(0)}) {
			require.ErrorIs(t, err, context.Canceled)
		}
	})
}

// apply brings a graph into the store, and looks whether the store then has that graph.
func apply(t *testing.T, store Store, g graph.Snapshot) {
	t.Helper()
	require.NoError(t, store.Apply(t.Context(), g))
	loaded, err := store.Load(t.Context())
	require.NoError(t, err)
	RequireSame(t, g, loaded)
}

func state(t *testing.T, store Store) string {
	t.Helper()
	s, err := store.State(t.Context())
	require.NoError(t, err)
	return s
}

// RequireSame fails the test where two graphs are not the same to the last byte of their records.
func RequireSame(t *testing.T, want, got graph.Snapshot) {
	t.Helper()
	counts, err := graph.Diff(t.Context(), want, got, graph.DiffOptions{Touches: true}, func(c graph.Change) error {
		require.Fail(t, "the graphs differ", "%s", graph.AppendChange(nil, "", &c))
		return nil
	})
	require.NoError(t, err)
	for name := range counts {
		require.Equal(t, contents(t, want, name), contents(t, got, name), name)
	}
}

func contents(t *testing.T, s graph.Snapshot, typeName string) []string {
	t.Helper()
	var lines []string
	for e, err := range graph.All(t.Context(), s, typeName) {
		require.NoError(t, err)
		lines = append(lines, string(e.JSON))
	}
	return lines
}

// A small data model, and records of it.
var (
	Agent     = &graph.Type{Name: "sentinelone_agent", Class: "HostAgent", Step: "agents", Volatile: []string{"lastSeenOn"}, Schema: "1"}
	Device    = &graph.Type{Name: "sentinelone_device", Class: "Device", Step: "agents", Schema: "1"}
	Group     = &graph.Type{Name: "sentinelone_group", Class: "Group", Step: "groups", Schema: "1"}
	Threat    = &graph.Type{Name: "sentinelone_threat", Class: "Finding", Step: "threats", Schema: "1"}
	HasAgent  = relationshipType(Group, "HAS", Agent, "agents")
	HasThreat = relationshipType(Agent, "HAS", Threat, "threats")
	Protects  = relationshipType(Agent, "PROTECTS", Device, "agents")

	types = []*graph.Type{Agent, Group, Threat, HasAgent, HasThreat}
)

func relationshipType(from *graph.Type, class string, to *graph.Type, step string) *graph.Type {
	name := fmt.Sprintf("%s_%s_%s", from.Name, strings.ToLower(class), strings.TrimPrefix(to.Name, "sentinelone_"))
	return &graph.Type{Name: name, Class: class, Relationship: true, From: from.Name, To: to.Name, Step: step, Schema: "1"}
}

// Entity is one with the given properties.
func Entity(t *graph.Type, id string, properties ...graph.Property) graph.Record {
	r := graph.Record{Type: t, Key: t.Name + ":" + id}
	for _, p := range properties {
		r.Set(p.Name, p.Value)
	}
	return r
}

// Between is a relationship between the entities of two IDs.
func Between(t *graph.Type, from, to string) graph.Record {
	r := graph.Record{Type: t, From: t.From + ":" + from, To: t.To + ":" + to}
	r.Key = graph.RelationshipKey(r.From, t.Class, r.To)
	return r
}

// Is is a property.
func Is(name string, v graph.Value) graph.Property { return graph.Property{Name: name, Value: v} }

func named(t *graph.Type, id string, properties ...graph.Property) graph.Record {
	return Entity(t, id, append(properties, Is("displayName", graph.String(id)), Is("name", graph.String(id)))...)
}

func key(n int) string { return fmt.Sprintf("%s:%06d", Agent.Name, n) }

// many has n agents in one group.
func many(n int) *Snapshot {
	records := []graph.Record{named(Group, "1")}
	for i := range n {
		id := fmt.Sprintf("%06d", i)
		records = append(records, named(Agent, id, Is("id", graph.String(id))), Between(HasAgent, "1", id))
	}
	return NewSnapshot(types, records...)
}

// Between yesterday and today agent 2 is updated, 3 deleted, 4 created, 5 touched, and 6 has become 7; agent 2
// moves to another group.
var (
	yesterday = NewSnapshot(types,
		named(Group, "1"), named(Group, "2"),
		named(Agent, "1"), named(Agent, "2", Is("isInfected", graph.Bool(false))), named(Agent, "3"),
		named(Agent, "5", Is("lastSeenOn", graph.Int(1))), named(Agent, "6"),
		Between(HasAgent, "1", "1"), Between(HasAgent, "1", "2"), Between(HasAgent, "1", "3"),
		Between(HasAgent, "1", "5"), Between(HasAgent, "1", "6"),
		named(Threat, "1"), Between(HasThreat, "3", "1"))
	today = NewSnapshot(types,
		named(Group, "1"), named(Group, "2"),
		named(Agent, "1"), named(Agent, "2", Is("isInfected", graph.Bool(true)), Is("osName", graph.String("Linux"))),
		named(Agent, "4"), named(Agent, "5", Is("lastSeenOn", graph.Int(2))), named(Agent, "7"),
		Between(HasAgent, "1", "1"), Between(HasAgent, "2", "2"), Between(HasAgent, "1", "4"),
		Between(HasAgent, "1", "5"), Between(HasAgent, "1", "7"),
		named(Threat, "2"), Between(HasThreat, "2", "2"))
	withoutThreats = NewSnapshot([]*graph.Type{Agent, Group, HasAgent},
		named(Group, "1"), named(Agent, "1"), Between(HasAgent, "1", "1"))
	withIncompleteAgents = NewSnapshot(types, // of today's only 2 and 4 were read
		named(Group, "1"), named(Group, "2"),
		named(Agent, "1"), named(Agent, "2", Is("isInfected", graph.Bool(true)), Is("osName", graph.String("Linux"))),
		named(Agent, "3"), named(Agent, "4"), named(Agent, "5", Is("lastSeenOn", graph.Int(1))), named(Agent, "6"),
		Between(HasAgent, "1", "1"), Between(HasAgent, "1", "2"), Between(HasAgent, "2", "2"),
		Between(HasAgent, "1", "3"), Between(HasAgent, "1", "4"), Between(HasAgent, "1", "5"), Between(HasAgent, "1", "6"),
		named(Threat, "1"), Between(HasThreat, "3", "1"))
)

// awkward has what tenants have and stores stumble over.
var awkward = NewSnapshot(types,
	named(Agent, "1234567890123456789",
		Is("id", graph.String("1234567890123456789")),
		Is("BIOS", graph.String("sorts before the meta properties")),
		Is("computerName", graph.String("Контроллер-ü-東京-🖥\u0301")),
		Is("control", graph.String("\x00\x01\x1b[31m\a\b\f\n\r\t\x7f\u2028\u2029\ufeff")),
		Is("quotes", graph.String(`"\'`+"`"+`<script>{}$&;--`)),
		Is("empty", graph.String("")),
		Is("long", graph.String(strings.Repeat("long ", 200_000))),
		Is("yes", graph.Bool(true)),
		Is("no", graph.Bool(false)),
		Is("zero", graph.Int(0)),
		Is("greatest", graph.Int(math.MaxInt64)),
		Is("least", graph.Int(math.MinInt64)),
		Is("whole", graph.Float(3)),
		Is("tiny", graph.Float(5e-324)),
		Is("huge", graph.Float(-1.7976931348623157e308)),
		Is("noneOfThem", graph.Strings([]string{})),
		Is("emptyOne", graph.Strings([]string{""})),
		Is("inOrder", graph.Strings([]string{"b", "a", "b", "\n", "é"})),
		Is("tag.Cost center", graph.String("42")),
	),
	named(Agent, strings.Repeat("k", graph.MaxKeyBytes-len("sentinelone_agent:"))),
	named(Agent, ` "quoted\key"|<&>`),
)

package neo4jstore_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/neo4j/neo4j-go-driver/v5/neo4j"
	"github.com/stretchr/testify/require"

	"s1graph/graph"
	"s1graph/graph/neo4jstore"
	"s1graph/graph/neo4jstore/neo4jtest"
	"s1graph/graph/storetest"
)

// A small data model.
var (
	group, agent, threat, hasThreat = storetest.Group, storetest.Agent, storetest.Threat, storetest.HasThreat

	hasAgent = &graph.Type{Name: storetest.HasAgent.Name, Class: "HAS", Relationship: true, From: group.Name, To: agent.Name, Step: "agents", Volatile: []string{"checkedOn"}, Schema: "1"}
	model    = []*graph.Type{group, agent, threat, hasAgent, hasThreat}
)

// names are the properties that the model declares.
var names = map[string][]string{
	group.Name:    {"displayName"},
	agent.Name:    {"displayName", "isInfected", "lastSeenOn", "osName", "ips"},
	threat.Name:   {"displayName"},
	hasAgent.Name: {"displayName", "checkedOn", "since"},
}

// record makes an entity or, of an ID such as 1|2, a relationship. Properties are names and values by turns.
func record(t *graph.Type, id string, properties ...any) graph.Record {
	r := graph.Record{Type: t, Key: t.Name + ":" + id}
	if t.Relationship {
		from, to, _ := strings.Cut(id, "|")
		r.From, r.To = t.From+":"+from, t.To+":"+to
		r.Key = graph.RelationshipKey(r.From, t.Class, r.To)
	} else {
		r.Set("displayName", graph.String(id))
	}
	for i := 0; i < len(properties); i += 2 {
		var v graph.Value
		switch p := properties[i+1].(type) {
		case string:
			v = graph.String(p)
		case int:
			v = graph.Int(int64(p))
		case bool:
			v = graph.Bool(p)
		case []string:
			v = graph.Strings(p)
		}
		r.Set(properties[i].(string), v)
	}
	return r
}

func snapshot(records ...graph.Record) graph.Snapshot {
	return storetest.NewSnapshot(model, records...)
}

// numbered is a graph of n agents in groups of ten, whose names have a word in them.
func numbered(n int, word string) graph.Snapshot { return span(0, n, word) }

// span is such a graph without the first agents.
func span(from, to int, word string) graph.Snapshot {
	var records []graph.Record
	for i := from; i < to; i++ {
		if i%10 == 0 || i == from {
			records = append(records, record(group, fmt.Sprint(i/10)))
		}
		records = append(records,
			record(agent, fmt.Sprint(i), "osName", fmt.Sprintf("%s %d", word, i)),
			record(hasAgent, fmt.Sprintf("%d|%d", i/10, i), "since", i))
	}
	return snapshot(records...)
}

// target is the graph of a run; no other one is kept.
func target(run string, g graph.Snapshot) neo4jstore.Target {
	return neo4jstore.Target{RunID: run, Graph: g, Declared: names}
}

// following is the graph of a run that follows one which is kept.
func following(run string, g graph.Snapshot, keptRun string, keptGraph graph.Snapshot) neo4jstore.Target {
	t := target(run, g)
	t.Kept = func(id string) (graph.Snapshot, bool) { return keptGraph, id == keptRun }
	return t
}

func apply(t testing.TB, s *neo4jstore.Store, target neo4jstore.Target) neo4jstore.Result {
	t.Helper()
	result, err := s.Apply(t.Context(), target)
	require.NoError(t, err)
	return result
}

// open opens a scope until the test ends.
func open(t testing.TB, server *neo4jtest.Server, scope string) *neo4jstore.Store {
	t.Helper()
	return openWith(t, server, neo4jstore.Config{Scope: scope})
}

// openWith opens a scope until the test ends, with settings that differ from the usual ones.
func openWith(t testing.TB, server *neo4jtest.Server, c neo4jstore.Config) *neo4jstore.Store {
	t.Helper()
	if c.URI == "" {
		c.URI = server.URI
	}
	c.Username, c.Password = server.Username, server.Password
	s, err := neo4jstore.Open(t.Context(), c)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close(context.Background())) })
	return s
}

// scoped opens a scope of its own on the shared server.
func scoped(t testing.TB) (*neo4jtest.Server, *neo4jstore.Store) {
	t.Helper()
	server := neo4jtest.Shared(t)
	return server, open(t, server, server.Scope(t))
}

// query runs a statement, with the scope as $s, and gives its rows.
func query(t testing.TB, server *neo4jtest.Server, scope, cypher string) [][]any {
	t.Helper()
	result, err := neo4j.ExecuteQuery(context.Background(), server.Driver(t), cypher, map[string]any{"s": scope}, neo4j.EagerResultTransformer,
		neo4j.ExecuteQueryWithoutBookmarkManager()) // a database that was restored would be waited for
	require.NoError(t, err, cypher)
	var rows [][]any
	for _, r := range result.Records {
		rows = append(rows, r.Values)
	}
	return rows
}

// contents is all that a scope has, the marker included, a line each.
func contents(t testing.TB, server *neo4jtest.Server, scope string) []string {
	t.Helper()
	var lines []string
	for _, row := range query(t, server, scope, "MATCH (n) WHERE $s IN [n._scope, n.testScope] RETURN labels(n), properties(n)") {
		lines = append(lines, fmt.Sprint(row...))
	}
	for _, row := range query(t, server, scope, "MATCH (a)-[r]->(b) WHERE $s IN [r._scope, r.testScope] RETURN a._key, type(r), properties(r), b._key") {
		lines = append(lines, fmt.Sprint(row...))
	}
	slices.Sort(lines)
	return lines
}

// requireClean fails the test where a scope is other than one into which the graph was written at once: node by node
// and relationship by relationship, with all that s1graph writes but times.
func requireClean(t testing.TB, server *neo4jtest.Server, scope string, g graph.Snapshot) {
	t.Helper()
	requireHolds(t, server, scope, cleanly(t, server, g))
}

// cleanly is what a scope has into which the graph was written at once, for requireHolds.
func cleanly(t testing.TB, server *neo4jtest.Server, g graph.Snapshot) map[string]any {
	t.Helper()
	scope := server.Scope(t)
	apply(t, open(t, server, scope), target("clean", g))
	return written(t, server, scope)
}

// requireHolds fails the test where a scope has anything else, or does not know what it has.
func requireHolds(t testing.TB, server *neo4jtest.Server, scope string, want map[string]any) {
	t.Helper()
	require.Equal(t, want, written(t, server, scope))
	marker := query(t, server, scope, "MATCH (m:S1GraphScope {_scope: $s}) RETURN m.underWay IS NULL, m.withheld")
	require.Equal(t, [][]any{{true, false}}, marker)
}

// written is all that s1graph wrote and did not take back, by where it is.
func written(t testing.TB, server *neo4jtest.Server, scope string) map[string]any {
	t.Helper()
	all := map[string]any{}
	add := func(where string, properties map[string]any) {
		maps.DeleteFunc(properties, func(name string, _ any) bool {
			return slices.Contains([]string{"_scope", "_createdOn", "_updatedOn", "_changedOn"}, name)
		})
		_, twice := all[where]
		require.False(t, twice, where)
		all[where] = properties
	}
	for _, row := range query(t, server, scope, "MATCH (n) WHERE n._scope = $s AND NOT n:S1GraphScope AND NOT n:S1GraphGone RETURN labels(n), n._key, properties(n)") {
		labels := row[0].([]any)
		slices.SortFunc(labels, func(a, b any) int { return strings.Compare(a.(string), b.(string)) })
		add(fmt.Sprint(row[:2]), row[2].(map[string]any))
	}
	for _, row := range query(t, server, scope, "MATCH (a)-[r]->(b) WHERE r._scope = $s RETURN a._key, type(r), r._key, b._key, properties(r)") {
		add(fmt.Sprint(row[:4]), row[4].(map[string]any))
	}
	return all
}

// node is what there is of an entity: labels and properties; nil if it is not there.
func node(t testing.TB, server *neo4jtest.Server, scope, key string) map[string]any {
	t.Helper()
	rows := query(t, server, scope, "MATCH (n) WHERE n._scope = $s AND n._key = '"+key+"' RETURN labels(n), properties(n)")
	if len(rows) == 0 {
		return nil
	}
	require.Len(t, rows, 1)
	properties := rows[0][1].(map[string]any)
	labels := []string{}
	for _, label := range rows[0][0].([]any) {
		labels = append(labels, label.(string))
	}
	slices.Sort(labels)
	properties["labels"] = labels
	return properties
}

// clock tells a time that moves by a second whenever it is asked, from 1,000,000 ms on.
func clock() func() time.Time {
	now := time.UnixMilli(1_000_000)
	return func() time.Time {
		defer func() { now = now.Add(time.Second) }()
		return now
	}
}

// loaded is the graph that a scope holds.
func loaded(ctx context.Context, store *neo4jstore.Store) (graph.Snapshot, error) {
	written, err := store.ReadBack(ctx, nil, nil)
	if err != nil {
		return nil, err
	}
	types := map[string]*graph.Type{}
	for _, t := range written.Types() {
		types[t.Name] = t
	}
	var records []graph.Record
	for name := range types {
		for e, err := range written.All(ctx, name) {
			if err != nil {
				return nil, err
			}
			r, err := graph.Decode(e.JSON, types)
			if err != nil {
				return nil, err
			}
			records = append(records, r)
		}
	}
	return storetest.NewSnapshot(written.Types(), records...), nil
}

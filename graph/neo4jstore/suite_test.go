package neo4jstore_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/neo4j/neo4j-go-driver/v5/neo4j"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"s1graph/graph"
	"s1graph/graph/neo4jstore"
	"s1graph/graph/neo4jstore/neo4jtest"
	"s1graph/graph/storetest"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(neo4jtest.Main{M: m})
}

func TestTheStorePassesTheSuite(t *testing.T) {
	server := neo4jtest.Shared(t)
	storetest.Run(t, func(t *testing.T) storetest.Store {
		return &suiteStore{Store: open(t, server, server.Scope(t)), server: server, t: t}
	})
}

// suiteStore is how the suite sees the store: each apply follows the graph of the one before.
type suiteStore struct {
	*neo4jstore.Store
	server *neo4jtest.Server
	t      *testing.T
	graphs []graph.Snapshot
}

func (s *suiteStore) Apply(ctx context.Context, after graph.Snapshot) error {
	s.graphs = append(s.graphs, after)
	_, err := s.Store.Apply(ctx, target(s.t, s.graphs...))
	return err
}

func (s *suiteStore) State(context.Context) (string, error) {
	return contents(s.t, s.server, s.Scope()), nil
}

// target is the graph of the last of several runs, numbered from 1, all of which are kept.
func target(t testing.TB, graphs ...graph.Snapshot) neo4jstore.Target {
	g := graphs[len(graphs)-1]
	return neo4jstore.Target{
		RunID: fmt.Sprint(len(graphs)), Graph: g, Declared: declared(t, g),
		Kept: func(id string) (graph.Snapshot, bool) {
			for i, g := range graphs {
				if fmt.Sprint(i+1) == id {
					return g, true
				}
			}
			return nil, false
		},
	}
}

// declared is what a data model declares that has just the properties of a graph.
func declared(t testing.TB, g graph.Snapshot) map[string][]string {
	types := map[string]*graph.Type{}
	for _, typ := range g.Types() {
		types[typ.Name] = typ
	}
	names := map[string][]string{}
	for name := range types {
		declared := map[string]bool{}
		for e, err := range graph.All(context.Background(), g, name) {
			require.NoError(t, err)
			r, err := graph.Decode(e.JSON, types)
			require.NoError(t, err)
			for _, p := range r.Properties {
				if !strings.HasPrefix(p.Name, "tag.") {
					declared[p.Name] = true
				}
			}
		}
		names[name] = slices.Collect(maps.Keys(declared))
	}
	return names
}

// open opens a scope until the test ends.
func open(t testing.TB, server *neo4jtest.Server, scope string) *neo4jstore.Store {
	t.Helper()
	s, err := neo4jstore.Open(t.Context(), neo4jstore.Config{
		URI: server.URI, Username: server.Username, Password: server.Password, Scope: scope})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close(context.Background())) })
	return s
}

// contents is every node and relationship of a scope, with all that they have.
func contents(t testing.TB, server *neo4jtest.Server, scope string) string {
	t.Helper()
	var lines []string
	for _, cypher := range []string{
		"MATCH (n) WHERE $scope IN [n._scope, n.testScope] RETURN labels(n), properties(n)",
		"MATCH (a)-[r]->(b) WHERE $scope IN [r._scope, r.testScope] RETURN a._key, type(r), properties(r), b._key",
	} {
		for _, row := range query(t, server, cypher, map[string]any{"scope": scope}) {
			lines = append(lines, fmt.Sprint(row...))
		}
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

// query runs a statement and gives its rows.
func query(t testing.TB, server *neo4jtest.Server, cypher string, parameters map[string]any) [][]any {
	t.Helper()
	result, err := neo4j.ExecuteQuery(context.Background(), server.Driver(t), cypher, parameters, neo4j.EagerResultTransformer)
	require.NoError(t, err)
	var rows [][]any
	for _, r := range result.Records {
		rows = append(rows, r.Values)
	}
	return rows
}

package neo4jstore_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"s1graph/graph"
	"s1graph/graph/neo4jstore"
	"s1graph/graph/neo4jstore/neo4jtest"
	"s1graph/graph/storetest"
)

func TestTheStorePassesTheSuite(t *testing.T) {
	t.Parallel()
	for name, keeps := range map[string]bool{"following kept runs": true, "reading the database": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			storetest.Run(t, func(t *testing.T) storetest.Store {
				server, store := scoped(t)
				return &suiteStore{Store: store, t: t, server: server, keeps: keeps}
			})
		})
	}
}

// suiteStore is how the suite sees the store.
type suiteStore struct {
	*neo4jstore.Store
	t      *testing.T
	server *neo4jtest.Server
	keeps  bool
	graphs []graph.Snapshot // that were applied, well or not; their runs are numbered from 1
}

func (s *suiteStore) Apply(ctx context.Context, after graph.Snapshot) error {
	s.graphs = append(s.graphs, after)
	_, err := s.Store.Apply(ctx, neo4jstore.Target{
		RunID: fmt.Sprint(len(s.graphs)), Graph: after, Declared: propertiesOf(after),
		Kept: func(id string) (graph.Snapshot, bool) {
			for i, g := range s.graphs {
				if s.keeps && fmt.Sprint(i+1) == id {
					return g, true
				}
			}
			return nil, false
		},
	})
	return err
}

func (s *suiteStore) Load(ctx context.Context) (graph.Snapshot, error) { return loaded(ctx, s.Store) }

// State leaves the marker out, which notes the run where nothing is kept to compare with.
func (s *suiteStore) State(context.Context) (string, error) {
	lines := contents(s.t, s.server, s.Scope())
	if !s.keeps {
		lines = slices.DeleteFunc(lines, func(line string) bool { return strings.HasPrefix(line, "[S1GraphScope]") })
	}
	return strings.Join(lines, "\n"), nil
}

// propertiesOf is what a data model declares that has just the properties of a graph, as far as that can be read.
func propertiesOf(g graph.Snapshot) map[string][]string {
	types := map[string]*graph.Type{}
	for _, t := range g.Types() {
		types[t.Name] = t
	}
	names := map[string][]string{}
	for name := range types {
		properties := map[string]bool{}
		for e, err := range graph.All(context.Background(), g, name) {
			if err != nil {
				break
			}
			if r, err := graph.Decode(e.JSON, types); err == nil {
				for _, p := range r.Properties {
					properties[p.Name] = !strings.HasPrefix(p.Name, "tag.")
				}
			}
		}
		maps.DeleteFunc(properties, func(_ string, declared bool) bool { return !declared })
		names[name] = slices.Collect(maps.Keys(properties))
	}
	return names
}

package queries_test

import (
	"context"
	"iter"
	"maps"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"s1graph/config"
	"s1graph/connector"
	"s1graph/graph"
	"s1graph/graph/jsonstore"
	"s1graph/graph/neo4jstore"
	"s1graph/graph/neo4jstore/neo4jtest"
	"s1graph/graph/storetest"
	"s1graph/s1/s1test"
	"s1graph/steps"
)

// today is when the questions are asked: two days after the tenant's first.
var today = time.Date(2026, time.November, 22, 12, 0, 0, 0, time.UTC)

// known is a graph in memory, on which each answer is worked out a second time.
type known struct {
	scope    string
	entities map[string]*entity // by key
}

// entity is a record of the graph, with what is around it.
type entity struct {
	graph.Record
	in, out map[string][]*entity // by relationship type
	edges   map[*entity]*graph.Record
}

func newKnown(scope string, records []graph.Record) *known {
	k := &known{scope: scope, entities: map[string]*entity{}}
	for _, r := range records {
		if !r.Type.Relationship {
			k.entities[r.Key] = &entity{r, map[string][]*entity{}, map[string][]*entity{}, map[*entity]*graph.Record{}}
		}
	}
	for i, r := range records {
		if r.Type.Relationship {
			from, to := k.entities[r.From], k.entities[r.To]
			from.out[r.Type.Name] = append(from.out[r.Type.Name], to)
			from.edges[to] = &records[i]
			to.in[r.Type.Name] = append(to.in[r.Type.Name], from)
		}
	}
	return k
}

// all are the entities of a type, in the order of their keys.
func (k *known) all(typeName string) []*entity {
	var found []*entity
	for _, key := range slices.Sorted(maps.Keys(k.entities)) {
		if k.entities[key].Type.Name == "sentinelone_"+typeName {
			found = append(found, k.entities[key])
		}
	}
	return found
}

// any is a property as the driver gives it: nil where it is absent.
func (e *entity) any(name string) any {
	if e == nil {
		return nil
	}
	if v := e.Get(name); v.Kind() == graph.StringsKind {
		return list(v.List()...)
	}
	return e.Get(name).Any()
}

func (e *entity) text(name string) string { return e.Get(name).Text() }
func (e *entity) int(name string) int64   { return e.Get(name).Int64() }
func (e *entity) is(name string) bool     { return e.Get(name).Equal(graph.Bool(true)) }

// first is what is at the one end of a relationship, or nil.
func first(entities []*entity) *entity {
	if len(entities) == 0 {
		return nil
	}
	return entities[0]
}

func list(texts ...string) []any {
	values := make([]any, len(texts))
	for i, text := range texts {
		values[i] = text
	}
	return values
}

// names are the names of entities, without repetition, sorted.
func names(entities []*entity, property string) []any {
	var texts []string
	for _, e := range entities {
		if v := e.Get(property); !v.IsAbsent() {
			texts = append(texts, v.Text())
		}
	}
	slices.Sort(texts)
	return list(slices.Compact(texts)...)
}

// load puts graphs into Neo4j, each under a scope of its own.
func load(t *testing.T, server *neo4jtest.Server, graphs ...[]graph.Record) []*known {
	t.Helper()
	var knowns []*known
	for _, records := range graphs {
		scope := server.Scope(t)
		apply(t, server, scope, today, records)
		knowns = append(knowns, newKnown(scope, records))
	}
	return knowns
}

// apply brings a scope to the last of several graphs, of which it holds the one before, at the given moment.
func apply(t *testing.T, server *neo4jtest.Server, scope string, at time.Time, graphs ...[]graph.Record) {
	t.Helper()
	store, err := neo4jstore.Open(t.Context(), neo4jstore.Config{
		URI: server.URI, Username: server.Username, Password: server.Password, Scope: scope,
		Clock: func() time.Time { return at },
	})
	require.NoError(t, err)
	defer store.Close(context.Background())
	last := len(graphs)
	_, err = store.Apply(t.Context(), neo4jstore.Target{
		RunID:    strconv.Itoa(last),
		Graph:    snapshot(graphs[last-1]),
		Overlays: []neo4jstore.Overlay{postureOf(graphs)},
		Kept: func(id string) (graph.Snapshot, bool) {
			n, err := strconv.Atoi(id)
			return snapshot(graphs[n-1]), err == nil
		},
	})
	require.NoError(t, err)
}

// postureOf has the verdicts on the devices of each graph.
func postureOf(graphs [][]graph.Record) neo4jstore.Overlay {
	return neo4jstore.Overlay{
		Type: "sentinelone_device", Properties: []string{"compliant", "nonCompliantReasons"},
		Values: func(_ context.Context, runID string) iter.Seq2[neo4jstore.OverlayValues, error] {
			return func(yield func(neo4jstore.OverlayValues, error) bool) {
				n, err := strconv.Atoi(runID)
				if err != nil {
					yield(neo4jstore.OverlayValues{}, err)
					return
				}
				for _, d := range newKnown("", graphs[n-1]).all("device") {
					reasons, evaluated := d.evaluated()
					values := map[string]graph.Value{"compliant": graph.Bool(len(reasons) == 0), "nonCompliantReasons": graph.Strings(reasons)}
					if evaluated && !yield(neo4jstore.OverlayValues{Key: d.Key, Properties: values}, nil) {
						return
					}
				}
			}
		},
	}
}

// evaluated is the verdict on a device of a policy on those that say whether they are encrypted.
func (e *entity) evaluated() (reasons []string, evaluated bool) {
	reasons = []string{}
	for _, d := range [][2]string{{"encrypted", "encryptedApplications"}, {"firewallEnabled", "firewallEnabled"}} {
		if e.any(d[0]) == false {
			reasons = append(reasons, d[1]+" is false, and must be true")
		}
	}
	return reasons, e.any("encrypted") != nil
}

func snapshot(records []graph.Record) graph.Snapshot {
	return storetest.NewSnapshot(steps.GraphTypes(), records...)
}

// collect is the graph of a tenant on a day.
func collect(t *testing.T, tenant s1test.Tenant, day int) []graph.Record {
	t.Helper()
	server := s1test.New(tenant)
	server.SetDay(day)
	web := httptest.NewServer(server)
	defer web.Close()
	settings := config.Default()
	settings.URL, settings.Token = web.URL, config.NewSecret(s1test.DefaultToken)
	settings.Instance, settings.Dir = "test", filepath.Join(t.TempDir(), "instance")
	_, err := connector.Sync(t.Context(), connector.Options{Config: &settings})
	require.NoError(t, err)
	store, err := jsonstore.Open(settings.Dir, jsonstore.Options{})
	require.NoError(t, err)
	defer store.Close()
	return decode(t, store.Last())
}

func decode(t *testing.T, snapshot graph.Snapshot) []graph.Record {
	t.Helper()
	types := modelTypes()
	var records []graph.Record
	for name := range types {
		for encoded, err := range graph.All(context.Background(), snapshot, name) {
			require.NoError(t, err)
			r, err := graph.Decode(encoded.JSON, types)
			require.NoError(t, err)
			records = append(records, r)
		}
	}
	return records
}

func modelTypes() map[string]*graph.Type {
	types := map[string]*graph.Type{}
	for _, t := range steps.GraphTypes() {
		types[t.Name] = t
	}
	return types
}

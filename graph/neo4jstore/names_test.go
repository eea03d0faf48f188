package neo4jstore_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/neo4j/neo4j-go-driver/v5/neo4j"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"s1graph/graph"
	"s1graph/graph/neo4jstore"
	"s1graph/graph/neo4jstore/neo4jtest"
	"s1graph/graph/storetest"
)

// hostile are names that would be more than a name in a statement. Neo4j turns \u0060 into a backtick before it looks
// at the statement, so that no doubling of backticks helps.
var hostile = []string{
	"", "x`) DETACH DELETE n //", `x\u0060) DETACH DELETE n //`, `HostAgent\u0060 WITH count(n) AS c MATCH (m) DETACH DELETE m RETURN DISTINCT c //`,
	"../../etc", "a b", "a-b", "a.b", "Gerät", "x\x00", "x\n", strings.Repeat("x", 101),
}

// tamper changes what the marker says of one type.
func tamper(t *testing.T, server *neo4jtest.Server, scope string, change func(types []map[string]any) []map[string]any) {
	t.Helper()
	rows := query(t, server, scope, "MATCH (m:S1GraphScope {_scope: $s}) RETURN m.types")
	var types []map[string]any
	require.NoError(t, json.Unmarshal([]byte(rows[0][0].(string)), &types))
	changed, err := json.Marshal(change(types))
	require.NoError(t, err)
	_, err = neo4j.ExecuteQuery(t.Context(), server.Driver(t), "MATCH (m:S1GraphScope {_scope: $s}) SET m.types = $types",
		map[string]any{"s": scope, "types": string(changed)}, neo4j.EagerResultTransformer)
	require.NoError(t, err)
}

// The marker lies in a database that others may write to.
func TestAMarkerWithAHostileNameDeletesNothingAndIsRefused(t *testing.T) {
	t.Parallel()
	server, store := scoped(t)
	scope := store.Scope()
	before := snapshot(record(group, "1"), record(agent, "1", "osName", "Linux"), record(hasAgent, "1|1"))
	after := snapshot(record(group, "1"), record(agent, "1", "osName", "Windows"), record(hasAgent, "1|1"))
	apply(t, store, target("1", before))
	query(t, server, scope, "CREATE (:Precious {testScope: $s})")
	good := query(t, server, scope, "MATCH (m:S1GraphScope {_scope: $s}) RETURN m.types")[0][0].(string)

	for _, name := range hostile {
		for place, change := range map[string]func(types []map[string]any) []map[string]any{
			"a type more": func(types []map[string]any) []map[string]any {
				return append(types, map[string]any{"name": name, "class": "Host", "step": "agents", "schema": "1", "properties": []string{}})
			},
			"the class of a type": func(types []map[string]any) []map[string]any {
				for _, typ := range types {
					if typ["name"] == agent.Name {
						typ["class"] = name
					}
				}
				return types
			},
			"the class of a relationship": func(types []map[string]any) []map[string]any {
				for _, typ := range types {
					if typ["name"] == hasAgent.Name {
						typ["class"] = name
					}
				}
				return types
			},
			"the start of a relationship": func(types []map[string]any) []map[string]any {
				for _, typ := range types {
					if typ["name"] == hasAgent.Name {
						typ["from"] = name
					}
				}
				return types
			},
			"the end of a relationship": func(types []map[string]any) []map[string]any {
				for _, typ := range types {
					if typ["name"] == hasAgent.Name {
						typ["to"] = name
					}
				}
				return types
			},
		} {
			tamper(t, server, scope, change)
			there := contents(t, server, scope)
			attempts := map[string]func() error{
				"apply": func() error {
					_, err := store.Apply(t.Context(), following("2", after, "1", before))
					return err
				},
				"verify": func() error {
					verify := target("1", before)
					verify.Verify = true
					_, err := store.Apply(t.Context(), verify)
					return err
				},
				"wipe":      func() error { _, err := store.Wipe(t.Context(), model, nil); return err },
				"read back": func() error { _, err := store.ReadBack(t.Context(), nil, nil); return err },
				"inspect": func() error {
					_, err := neo4jstore.Inspect(t.Context(), neo4jstore.Config{URI: server.URI, Username: server.Username, Password: server.Password, Scope: scope})
					return err
				},
			}
			if place != "the class of a type" {
				attempts = map[string]func() error{"apply": attempts["apply"]} // all read the marker in one way
			}
			for what, attempt := range attempts {
				err := attempt()
				require.Error(t, err, "%s: %s %q", what, place, name)
				var marker *neo4jstore.MarkerError
				assert.ErrorAs(t, err, &marker)
				assert.ErrorContains(t, err, "S1GraphScope")
				assert.ErrorContains(t, err, scope)
				assert.ErrorContains(t, err, "REMOVE m.types", "what to do")
				assert.Less(t, len(err.Error()), 700)
				require.Equal(t, there, contents(t, server, scope), "%s: %s %q", what, place, name)
			}
			_, err := neo4j.ExecuteQuery(t.Context(), server.Driver(t), "MATCH (m:S1GraphScope {_scope: $s}) SET m.types = $types",
				map[string]any{"s": scope, "types": good}, neo4j.EagerResultTransformer)
			require.NoError(t, err)
		}
	}

	// What the error says is what helps.
	query(t, server, scope, "MATCH (m:S1GraphScope {_scope: $s}) REMOVE m.types")
	apply(t, store, following("2", after, "1", before))
	requireClean(t, server, scope, after)
	assert.Len(t, query(t, server, scope, "MATCH (n:Precious {testScope: $s}) RETURN n"), 1)
}

// Names of properties come from the tenant's data, such as tag.KEY, and are parameters.
func TestNamesOfPropertiesAreDataAndNothingElse(t *testing.T) {
	t.Parallel()
	server, store := scoped(t)
	scope := store.Scope()
	named := slices.DeleteFunc(slices.Clone(hostile), func(name string) bool { return strings.Contains(name, "\x00") }) // which no tag has
	tags := func(value string) graph.Snapshot {
		r := record(agent, "1")
		if value != "" {
			for _, name := range named {
				r.Set("tag."+name, graph.String(value))
			}
		}
		return snapshot(r)
	}
	query(t, server, scope, "CREATE (:Precious {testScope: $s})")
	before := tags("")
	for i, value := range []string{"one", "two", "", "three"} {
		run := fmt.Sprint(i + 1)
		apply(t, store, following(run, tags(value), fmt.Sprint(i), before))
		before = tags(value)
		properties := node(t, server, scope, "sentinelone_agent:1")
		for _, name := range named {
			if value == "" {
				assert.NotContains(t, properties, "tag."+name)
			} else {
				assert.Equal(t, value, properties["tag."+name])
			}
		}
		requireClean(t, server, scope, before)
	}
	apply(t, store, target("healed", tags("four")))
	requireClean(t, server, scope, tags("four"))
	assert.Len(t, query(t, server, scope, "MATCH (n:Precious {testScope: $s}) RETURN n"), 1)
}

func TestATargetWithAHostileNameIsRefused(t *testing.T) {
	t.Parallel()
	server, store := scoped(t)
	apply(t, store, target("1", numbered(3, "Linux")))
	for _, name := range hostile {
		bad := *agent
		bad.Class = name
		g := storetest.NewSnapshot([]*graph.Type{group, &bad}, record(group, "1"))
		_, err := store.Apply(t.Context(), target("2", g))
		assert.ErrorContains(t, err, "the run 2: type \"sentinelone_agent\": class: ", "%q", name)
		overlaid := target("2", numbered(3, "Linux"))
		overlaid.Overlays = []neo4jstore.Overlay{{Type: name}}
		_, err = store.Apply(t.Context(), overlaid)
		assert.ErrorContains(t, err, "is not a name", "%q", name)
		_, err = store.Wipe(t.Context(), []*graph.Type{&bad}, nil)
		assert.ErrorContains(t, err, "is not a name", "%q", name)
		// A kept run that cannot be used is as good as none.
		kept := following("2", numbered(3, "Linux"), "1", g)
		_, err = store.Apply(t.Context(), kept)
		require.NoError(t, err)
		apply(t, store, target("1", numbered(3, "Linux")))
	}
	requireClean(t, server, store.Scope(), numbered(3, "Linux"))
}

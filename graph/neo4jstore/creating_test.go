package neo4jstore_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"s1graph/graph"
	"s1graph/graph/neo4jstore"
	"s1graph/graph/neo4jstore/neo4jtest"
)

// heard counts how many statements that create relationships a store sends.
type heard struct {
	mu   sync.Mutex
	said []byte
}

func (h *heard) listen(b []byte) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.said = append(h.said, b...)
}

// count says how many of them find entities by their IDs, and how many by their keys, since it was asked last.
func (h *heard) count() (byID, byKey int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	defer func() { h.said = nil }()
	return bytes.Count(h.said, []byte("MATCH (a) WHERE elementId(a) = row[1] AND")), bytes.Count(h.said, []byte("{_scope: $scope, _key: row[0]}) UNWIND"))
}

// overheard opens a scope of its own, and hears what is said to the server. Batches are of ten rows.
func overheard(t *testing.T) (*neo4jtest.Server, *neo4jstore.Store, *heard) {
	t.Helper()
	server, h := neo4jtest.Shared(t), &heard{}
	uri := through(t, server, &proxy{listen: h.listen})
	return server, openWith(t, server, neo4jstore.Config{URI: uri, Scope: server.Scope(t), BatchRows: 10}), h
}

func TestRelationshipsFindEntitiesThatTheSameApplyMadeByTheirIDs(t *testing.T) {
	t.Parallel()
	server, store, said := overheard(t)
	requireSaid := func(byID, byKey int) {
		t.Helper()
		gotID, gotKey := said.count()
		assert.Equal(t, []int{byID, byKey}, []int{gotID, gotKey}, "by ID and by key")
	}
	apply(t, store, target("1", numbered(30, "Linux")))
	requireSaid(3, 0)
	requireClean(t, server, store.Scope(), numbered(30, "Linux"))

	// A group that was there before, and agents that are new: what made the group was another apply.
	apply(t, store, following("2", numbered(38, "Linux"), "1", numbered(30, "Linux")))
	requireSaid(1, 0) // group 3 is new too
	apply(t, store, following("3", numbered(40, "Linux"), "2", numbered(38, "Linux")))
	requireSaid(0, 1)
	requireClean(t, server, store.Scope(), numbered(40, "Linux"))
}

// The commit of the second batch of relationships is lost, and nothing more is tried.
func TestAFirstLoadThatBreaksOffBetweenEntitiesAndRelationshipsIsResumedByKeys(t *testing.T) {
	t.Parallel()
	server, first := neo4jtest.Shared(t), &heard{}
	scope := server.Scope(t)
	ctx, cancel := context.WithCancelCause(t.Context())
	relating, commits := false, 0
	between := &proxy{listen: first.listen, commit: func(int) fate {
		if byID, _ := first.count(); byID > 0 {
			relating = true
		}
		if relating {
			commits++
		}
		if commits < 2 {
			return arrives
		}
		cancel(errors.New("cut off"))
		return lost
	}}
	broken := openWith(t, server, neo4jstore.Config{URI: through(t, server, between), Scope: scope, BatchRows: 10})
	_, err := broken.Apply(ctx, target("1", numbered(30, "Linux")))
	require.Error(t, err)
	require.Len(t, query(t, server, scope, "MATCH (:HostAgent {_scope: $s})<-[r]-() RETURN r"), 10)

	// The store that resumes has a connection of its own, so that nothing is heard late of what the first one said.
	said := &heard{}
	store := openWith(t, server, neo4jstore.Config{URI: through(t, server, &proxy{listen: said.listen}), Scope: scope, BatchRows: 10})
	result := apply(t, store, target("1", numbered(30, "Linux")))
	assert.EqualValues(t, 20, result.Rows, "the relationships that were missing")
	byID, byKey := said.count()
	assert.Equal(t, []int{0, 2}, []int{byID, byKey}, "by ID and by key")
	requireClean(t, server, scope, numbered(30, "Linux"))
}

// Between the transaction that makes an agent and the one that relates it, somebody puts another node in the agent's place, so that its ID
// is that of something else.
func TestAnIDThatIsAnotherNodesByNowIsNotRelated(t *testing.T) {
	t.Parallel()
	const its = "MATCH (n:HostAgent {_scope: $s, _key: 'sentinelone_agent:13'}) "
	const anew = "WITH n, properties(n) AS p, $s AS s %s WITH p CREATE (m:HostAgent:sentinelone_agent) SET m = p"
	for name, c := range map[string]struct{ becomes, other string }{
		"one with another key": {
			"SET n = {testScope: s, _scope: s, _key: 'something:13'} REMOVE n:HostAgent:sentinelone_agent", "MATCH (n {testScope: $s, _key: 'something:13'}) "},
		"one of another scope": {
			"SET n = {testScope: s, _scope: s + ', another', _key: p._key} REMOVE n:HostAgent:sentinelone_agent", "MATCH (n {testScope: $s, _key: 'sentinelone_agent:13'}) "},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server, store, said := overheard(t)
			scope := store.Scope()
			next := target("1", numbered(30, "Linux"))
			next.Progress = func(name string, done, _ int64) {
				if name == group.Name { // agents are made before groups, and all entities before relationships
					query(t, server, scope, its+fmt.Sprintf(anew, c.becomes))
				}
			}
			result := apply(t, store, next)
			assert.False(t, result.Compared, "the keys say what is meant, so there was nothing to heal")
			byID, byKey := said.count()
			assert.Equal(t, []int{2, 2}, []int{byID, byKey}, "the first batch by ID, the second by ID in vain, and it and the last by key")
			assert.Equal(t, [][]any{{int64(0)}}, query(t, server, scope, c.other+"RETURN count { (n)--() }"))
			query(t, server, scope, c.other+"DELETE n")
			requireClean(t, server, scope, numbered(30, "Linux"))
		})
	}
	t.Run("none", func(t *testing.T) {
		t.Parallel()
		server, store, _ := overheard(t)
		next := target("1", numbered(30, "Linux"))
		removed := false
		next.Progress = func(name string, done, _ int64) {
			if name == group.Name && !removed {
				removed = true
				query(t, server, store.Scope(), its+"DELETE n")
			}
		}
		apply(t, store, next)
		requireClean(t, server, store.Scope(), numbered(30, "Linux"))
	})
}

// A relationship has what the model declares, of which the statement knows the names, and perhaps more.
func TestPropertiesOfRelationshipsAreWrittenWhetherTheyAreDeclaredOrNot(t *testing.T) {
	t.Parallel()
	server, store := scoped(t)
	scope := store.Scope()
	query(t, server, scope, "CREATE (:Precious {testScope: $s})")
	all := snapshot(record(group, "1"), record(agent, "1"), record(agent, "2"), record(agent, "3"),
		record(hasAgent, "1|1", "since", 1, "tag.Owner", "Ada"), record(hasAgent, "1|2"),
		record(hasAgent, "1|3", "displayName", "HAS", "checkedOn", 3, "é`}) DETACH DELETE a //", "x"))
	next := target("1", all)
	next.Declared = map[string][]string{hasAgent.Name: append([]string{"_scope", "_type"}, hostile...)}
	next.Declared[hasAgent.Name] = append(next.Declared[hasAgent.Name], names[hasAgent.Name]...)
	apply(t, store, next)
	rows := query(t, server, scope, `MATCH (a {_scope: $s})-[r:HAS]->(b) WITH b, properties(r) AS p ORDER BY b._key
		RETURN b._key, p.since, p.checkedOn, p.displayName, p["tag.Owner"], p["é`+"`"+`}) DETACH DELETE a //"], p._scope = $s, p._type, p._class, p._createdOn > 0, p._digest IS NULL, p._updatedOn, size(keys(p))`)
	const typeName = "sentinelone_group_has_agent"
	assert.Equal(t, [][]any{
		{"sentinelone_agent:1", int64(1), nil, nil, "Ada", nil, true, typeName, "HAS", true, false, nil, int64(10)},
		{"sentinelone_agent:2", nil, nil, nil, nil, nil, true, typeName, "HAS", true, false, nil, int64(8)},
		{"sentinelone_agent:3", nil, int64(3), "HAS", nil, "x", true, typeName, "HAS", true, false, nil, int64(11)},
	}, rows)
	assert.Len(t, query(t, server, scope, "MATCH (n:Precious {testScope: $s}) RETURN n"), 1)
}

// What an earlier version wrote, whose relationships were written from rows with all their properties, is not written again.
func TestWhatAnEarlierVersionWroteIsTheSame(t *testing.T) {
	t.Parallel()
	server, store := scoped(t)
	scope := store.Scope()
	before := numbered(12, "Linux")
	apply(t, store, target("1", before))
	query(t, server, scope, `MATCH (a {_scope: $s})-[r:HAS]->(b) WITH a, b, r, properties(r) AS row DELETE r
		WITH a, b, row CREATE (a)-[n:HAS]->(b) SET n = row`)
	verify := following("1", before, "1", before)
	verify.Verify = true
	assert.Zero(t, apply(t, store, verify).Rows)
	read, err := loaded(t.Context(), store)
	require.NoError(t, err)
	counts, err := graph.Diff(t.Context(), before, read, graph.DiffOptions{Touches: true}, nil)
	require.NoError(t, err)
	for name, c := range counts {
		assert.Zero(t, c.Created+c.Updated+c.Touched+c.Deleted, name)
	}
}

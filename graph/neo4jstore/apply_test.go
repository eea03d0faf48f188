package neo4jstore_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"s1graph/graph"
	"s1graph/graph/neo4jstore"
	"s1graph/graph/neo4jstore/neo4jtest"
	"s1graph/graph/storetest"
)

func TestAnEntityIsANodeAndARelationshipIsOne(t *testing.T) {
	t.Parallel()
	server := neo4jtest.Shared(t)
	scope := server.Scope(t)
	store := openWith(t, server, neo4jstore.Config{Scope: scope, Clock: clock()})
	apply(t, store, target("1", snapshot(
		record(group, "7"), record(agent, "1234567890123456789", "isInfected", true, "ips", []string{}, "tag.Cost center", "42"),
		record(hasAgent, "7|1234567890123456789", "since", 5))))

	got := node(t, server, scope, "sentinelone_agent:1234567890123456789")
	assert.Len(t, got["_digest"], 32)
	delete(got, "_digest")
	assert.Equal(t, map[string]any{
		"labels": []string{"HostAgent", "sentinelone_agent"}, "_scope": scope, "_key": "sentinelone_agent:1234567890123456789",
		"_type": "sentinelone_agent", "_class": []any{"HostAgent"}, "_createdOn": int64(1_000_000),
		"displayName": "1234567890123456789", "isInfected": true, "ips": []any{}, "tag.Cost center": "42",
	}, got)

	rows := query(t, server, scope, "MATCH (a:sentinelone_group)-[r]->(b:HostAgent) WHERE r._scope = $s RETURN type(r), properties(r)")
	require.Len(t, rows, 1)
	assert.Equal(t, "HAS", rows[0][0])
	properties := rows[0][1].(map[string]any)
	assert.Len(t, properties["_digest"], 32)
	delete(properties, "_digest")
	assert.Equal(t, map[string]any{
		"_scope": scope, "_key": "sentinelone_group:7|has|sentinelone_agent:1234567890123456789", "_type": "sentinelone_group_has_agent",
		"_class": "HAS", "_fromEntityKey": "sentinelone_group:7", "_toEntityKey": "sentinelone_agent:1234567890123456789",
		"_createdOn": int64(1_000_000), "since": int64(5),
	}, properties)

	constraints := query(t, server, scope, "SHOW CONSTRAINTS YIELD name, labelsOrTypes, properties WHERE name = 's1graph_sentinelone_agent' RETURN labelsOrTypes, properties")
	assert.Equal(t, [][]any{{[]any{"sentinelone_agent"}, []any{"_scope", "_key"}}}, constraints)
}

func TestAnUnchangedRunIsReadAndNotWritten(t *testing.T) {
	t.Parallel()
	server, store := scoped(t)
	g := numbered(30, "Linux")
	first := apply(t, store, target("1", g))
	assert.EqualValues(t, 3+30+30, first.Rows)
	assert.False(t, first.Compared)
	before := contents(t, server, store.Scope())

	for name, again := range map[string]neo4jstore.Target{
		"the same run":              target("1", g),
		"another run of that graph": following("2", g, "1", g),
	} {
		assert.Equal(t, neo4jstore.Result{Run: "1"}, apply(t, store, again), name)
	}
	verify := target("1", g)
	verify.Verify = true
	assert.Equal(t, neo4jstore.Result{Run: "1", Compared: true}, apply(t, store, verify))
	assert.Equal(t, before, contents(t, server, store.Scope()))
}

func TestAChangeIsWrittenAndNothingElse(t *testing.T) {
	t.Parallel()
	server := neo4jtest.Shared(t)
	store := openWith(t, server, neo4jstore.Config{Scope: server.Scope(t), Clock: clock()})
	before := snapshot(record(group, "1"), record(group, "2"),
		record(agent, "1", "osName", "Linux", "lastSeenOn", 1), record(agent, "2", "osName", "Linux", "lastSeenOn", 1), record(agent, "3"),
		record(hasAgent, "1|1", "checkedOn", 1), record(hasAgent, "1|2", "since", 3), record(hasAgent, "1|3"))
	after := snapshot(record(group, "1"), record(group, "2"),
		record(agent, "1", "osName", "Linux", "lastSeenOn", 2), record(agent, "2", "isInfected", true), record(agent, "4"),
		record(hasAgent, "1|1", "checkedOn", 2), record(hasAgent, "1|2"), record(hasAgent, "2|4"))
	apply(t, store, target("1", before))
	result := apply(t, store, following("2", after, "1", before))
	assert.EqualValues(t, 4+4, result.Rows) // of the nodes two updated, one new, one gone; the same of the relationships
	assert.Equal(t, "2", result.Run)
	assert.False(t, result.Compared)
	requireClean(t, server, store.Scope(), after)

	created, updated := int64(1_000_000), int64(1_002_000)
	touched := node(t, server, store.Scope(), "sentinelone_agent:1")
	assert.Equal(t, []any{created, nil}, []any{touched["_createdOn"], touched["_updatedOn"]}, "a touch is no update")
	changed := node(t, server, store.Scope(), "sentinelone_agent:2")
	assert.Equal(t, []any{created, updated}, []any{changed["_createdOn"], changed["_updatedOn"]})
	fresh := node(t, server, store.Scope(), "sentinelone_agent:4")
	assert.Equal(t, []any{updated, nil}, []any{fresh["_createdOn"], fresh["_updatedOn"]})
	assert.Equal(t, [][]any{{"sentinelone_agent:1", nil}, {"sentinelone_agent:2", updated}, {"sentinelone_agent:4", nil}},
		query(t, server, store.Scope(), "MATCH ()-[r:HAS]->(n) WHERE r._scope = $s RETURN n._key, r._updatedOn ORDER BY n._key"))
	assert.Equal(t, []any{nil, updated, updated}, []any{touched["_changedOn"], changed["_changedOn"], fresh["_changedOn"]})
}

func TestWhatABaselineWritesDoesNotCountAsChanged(t *testing.T) {
	t.Parallel()
	server, store := scoped(t)
	before := snapshot(record(group, "1"), record(agent, "1", "osName", "Linux"))
	after := snapshot(record(group, "1"), record(group, "2"), record(agent, "1", "osName", "Windows"), record(agent, "2"))
	apply(t, store, target("1", before))
	mapping := following("2", after, "1", before)
	mapping.Baseline = func(typeName string) bool { return typeName == agent.Name }
	apply(t, store, mapping)
	assert.Equal(t, [][]any{{"sentinelone_agent:1", false}, {"sentinelone_agent:2", false}, {"sentinelone_group:1", false}, {"sentinelone_group:2", true}},
		query(t, server, store.Scope(), "MATCH (n) WHERE n._scope = $s AND n._key IS NOT NULL RETURN n._key, n._changedOn IS NOT NULL ORDER BY n._key"))
}

func TestAScopeIsComparedWhereTheRunThatItHoldsIsNotKept(t *testing.T) {
	t.Parallel()
	server, store := scoped(t)
	apply(t, store, target("1", numbered(30, "Linux")))

	same := apply(t, store, target("7", numbered(30, "Linux")))
	assert.True(t, same.Compared)
	assert.Zero(t, same.Rows)
	assert.Equal(t, "7", same.Run)

	other := apply(t, store, target("8", numbered(25, "Windows")))
	assert.True(t, other.Compared)
	assert.EqualValues(t, 25+5+5, other.Rows) // the group's agents are others, the relationships stay
	requireClean(t, server, store.Scope(), numbered(25, "Windows"))
}

func TestARunThatCannotBeReadAnyMoreIsNoObstacle(t *testing.T) {
	t.Parallel()
	server, store := scoped(t)
	run, g := "0", numbered(30, "Linux")
	apply(t, store, target(run, g))
	for _, records := range []int{0, 20, 70, 1000} { // in the comparison, and in the writing
		next := fmt.Sprint(records + 1)
		damaged := storetest.BreakAfter(g, records)
		g = numbered(30, next)
		result := apply(t, store, following(next, g, run, damaged))
		assert.Equal(t, records < 1000, result.Compared)
		requireClean(t, server, store.Scope(), g)
		run = next
	}
}

func TestWhatSomebodyElseAddedStays(t *testing.T) {
	t.Parallel()
	server, store := scoped(t)
	scope := store.Scope()
	before, after := numbered(30, "Linux"), numbered(25, "Windows")
	apply(t, store, target("1", before))
	query(t, server, scope, `
		MATCH (a:sentinelone_agent {_scope: $s, _key: 'sentinelone_agent:1'})-[r:HAS]-(g:sentinelone_group)
		CREATE (p:Person {testScope: $s, name: 'Bob', _key: 'x'})-[:USES {testScope: $s, since: 1}]->(a)-[:HAS {testScope: $s}]->(p)
		SET a.comment = 'mine', a:Important, r.comment = 'mine too'
		CREATE (:HostAgent:sentinelone_agent {testScope: $s, _key: 'sentinelone_agent:1'})`)
	foreign := func() [][]any {
		return query(t, server, scope, `
			MATCH (p:Person {testScope: $s})-[u:USES]->(a:Important {comment: 'mine'})-[h:HAS]->(p), (a)<-[r:HAS {comment: 'mine too'}]-(:Group)
			MATCH (other:sentinelone_agent {testScope: $s}) WHERE other._scope IS NULL
			RETURN properties(p), properties(u), properties(h), properties(other)`)
	}
	untouched := foreign()
	require.Len(t, untouched, 1)

	apply(t, store, following("2", after, "1", before))
	assert.Equal(t, untouched, foreign())
	verify := target("2", after)
	verify.Verify = true
	assert.Zero(t, apply(t, store, verify).Statements)
	apply(t, store, target("3", before))
	assert.Equal(t, untouched, foreign())
}

func TestANodeThatSomebodyElseIsTiedToBecomesATombstoneAndReturns(t *testing.T) {
	t.Parallel()
	server := neo4jtest.Shared(t)
	scope := server.Scope(t)
	store := openWith(t, server, neo4jstore.Config{Scope: scope, Clock: clock()})
	full := snapshot(record(group, "1"), record(agent, "1", "osName", "Linux", "tag.Owner", "Bob"), record(agent, "2"),
		record(hasAgent, "1|1"), record(hasAgent, "1|2"))
	without := snapshot(record(group, "1"))
	back := snapshot(record(group, "1"), record(agent, "1", "isInfected", true), record(agent, "2"), record(hasAgent, "1|1"))
	tie := func() {
		query(t, server, scope, `
			MATCH (a:sentinelone_agent {_scope: $s, _key: 'sentinelone_agent:1'}) SET a.comment = 'mine'
			CREATE (:Person {testScope: $s})-[:USES {testScope: $s}]->(a)`)
	}
	tied := "MATCH (p:Person {testScope: $s})-[u:USES]->(n {comment: 'mine'}) RETURN count(u)"

	for i, keeps := range []bool{true, false} {
		to := func(g, before graph.Snapshot) { // with and without a kept run
			if next := fmt.Sprint(i, g); keeps {
				apply(t, store, following(next, g, fmt.Sprint(i, before), before))
			} else {
				apply(t, store, target(next, g))
			}
		}
		apply(t, store, target(fmt.Sprint(i, full), full))
		tie()
		to(without, full)
		gone := node(t, server, scope, "sentinelone_agent:1")
		assert.Equal(t, []string{"S1GraphGone"}, gone["labels"])
		assert.Greater(t, gone["goneAt"], int64(1_000_000))
		assert.Nil(t, node(t, server, scope, "sentinelone_agent:2"))
		assert.Empty(t, query(t, server, scope, "MATCH (:S1GraphGone {_scope: $s})-[r:HAS]-() RETURN r"))
		assert.Equal(t, [][]any{{int64(1)}}, query(t, server, scope, tied))

		to(back, without)
		returned := node(t, server, scope, "sentinelone_agent:1")
		assert.Equal(t, []string{"HostAgent", "sentinelone_agent"}, returned["labels"])
		assert.Equal(t, gone["_createdOn"], returned["_createdOn"])
		assert.Greater(t, returned["_updatedOn"], gone["goneAt"])
		assert.Equal(t, "mine", returned["comment"])
		for _, name := range []string{"goneAt", "osName", "tag.Owner"} {
			assert.NotContains(t, returned, name)
		}
		assert.Equal(t, [][]any{{int64(1)}}, query(t, server, scope, tied))
		query(t, server, scope, "MATCH (p:Person {testScope: $s})-[:USES]->(n) REMOVE n.comment DETACH DELETE p")
		requireClean(t, server, scope, back)
	}

	tie()
	apply(t, store, target("gone again", without))
	query(t, server, scope, "MATCH (p:Person {testScope: $s}) DETACH DELETE p")
	apply(t, store, target("let go", without))
	requireClean(t, server, scope, without)
}

func TestAnEntityThatIsThereAlreadyIsNoObstacle(t *testing.T) {
	t.Parallel()
	server, store := scoped(t)
	before, after := numbered(10, "Linux"), numbered(20, "Linux")
	apply(t, store, target("1", before))
	query(t, server, store.Scope(), "CREATE (:sentinelone_agent {_scope: $s, _key: 'sentinelone_agent:15'})")
	assert.True(t, apply(t, store, following("2", after, "1", before)).Compared)
	requireClean(t, server, store.Scope(), after)
}

func TestKeysThatBeginWithOneAnotherAreReadInOrder(t *testing.T) {
	t.Parallel()
	server, store := scoped(t)
	var many, some []graph.Record
	for i := range 1300 { // more groups than a page has
		g, a := record(group, strings.TrimRight(fmt.Sprint(i), "0")+strings.Repeat("}", i%3)+strings.Repeat("0", i%7)), record(agent, fmt.Sprint(i))
		many = append(many, g, a, record(hasAgent, strings.TrimPrefix(g.Key, "sentinelone_group:")+"|"+fmt.Sprint(i)))
	}
	many = unique(many)
	for i, r := range many {
		if i%5 > 0 || !r.Type.Relationship {
			some = append(some, r)
		}
	}
	apply(t, store, target("1", snapshot(some...)))
	apply(t, store, target("2", snapshot(many...)))
	assert.Zero(t, apply(t, store, target("3", snapshot(many...))).Rows)
	now, err := loaded(t.Context(), store)
	require.NoError(t, err)
	storetest.RequireSame(t, snapshot(many...), now)
	requireClean(t, server, store.Scope(), snapshot(many...))
}

func TestATypeMayGetAnotherClass(t *testing.T) {
	t.Parallel()
	finding, user := *threat, *hasThreat
	finding.Class, user.Class = "Vulnerability", "REPORTED"
	for name, keeps := range map[string]bool{"following a kept run": true, "reading the database": false} {
		t.Run(name, func(t *testing.T) {
			server, store := scoped(t)
			before := snapshot(record(agent, "1"), record(threat, "1"), record(threat, "2"), record(hasThreat, "1|1"), record(hasThreat, "1|2"))
			after := storetest.NewSnapshot([]*graph.Type{group, agent, &finding, hasAgent, &user},
				record(agent, "1"), record(&finding, "1"), record(&finding, "3"), record(&user, "1|1"), record(&user, "1|3"))
			apply(t, store, target("1", before))
			next := target("2", after)
			if keeps {
				next = following("2", after, "1", before)
			}
			apply(t, store, next)
			requireClean(t, server, store.Scope(), after)
			assert.Empty(t, query(t, server, store.Scope(), "MATCH (n:Finding {_scope: $s}) RETURN n"))
		})
	}
}

func TestWipeRemovesWhatIsOursInOneScope(t *testing.T) {
	t.Parallel()
	server, store := scoped(t)
	other := open(t, server, server.Scope(t))
	apply(t, store, target("1", numbered(30, "Linux")))
	apply(t, other, target("1", numbered(30, "Linux")))
	untouched := contents(t, server, other.Scope())
	query(t, server, store.Scope(), `
		MATCH (a:sentinelone_agent {_scope: $s, _key: 'sentinelone_agent:1'})
		CREATE (:Person {testScope: $s})-[:USES {testScope: $s}]->(a)`)

	done := map[string]int64{}
	result, err := store.Wipe(t.Context(), model, func(name string, n, total int64) { done[name] = n })
	require.NoError(t, err)
	assert.EqualValues(t, 30+30+3, result.Rows)
	assert.Equal(t, map[string]int64{hasAgent.Name: 30, agent.Name: 30, group.Name: 3}, done)
	assert.Equal(t, [][]any{{"S1GraphGone"}}, query(t, server, store.Scope(), "MATCH (n {_scope: $s}) UNWIND labels(n) AS label RETURN label"))
	assert.Equal(t, untouched, contents(t, server, other.Scope()))

	query(t, server, store.Scope(), "MATCH (p:Person {testScope: $s}) DETACH DELETE p")
	apply(t, store, target("1", numbered(20, "Linux")))
	query(t, server, store.Scope(), "MATCH (m:S1GraphScope {_scope: $s}) DELETE m") // the types are known to the caller
	_, err = store.Wipe(t.Context(), model, nil)
	require.NoError(t, err)
	assert.Empty(t, contents(t, server, store.Scope()))
	again, err := store.Wipe(t.Context(), model, nil)
	require.NoError(t, err)
	assert.Zero(t, again.Rows)
}

func TestARelationshipWhoseKeyIsNotMadeOfItsEndsIsRefused(t *testing.T) {
	t.Parallel()
	_, store := scoped(t)
	r := record(hasAgent, "1|1")
	r.Key = "sentinelone_group_has_agent:1"
	_, err := store.Apply(t.Context(), target("1", snapshot(record(group, "1"), record(agent, "1"), r)))
	require.ErrorContains(t, err, "relationship sentinelone_group_has_agent:1: its key is not made of its ends")
}

func TestProgressTellsHowMuchIsToCome(t *testing.T) {
	t.Parallel()
	server := neo4jtest.Shared(t)
	store := openWith(t, server, neo4jstore.Config{Scope: server.Scope(t), BatchRows: 10})
	before := numbered(10, "Linux")
	apply(t, store, target("1", before))
	var told []string
	next := following("2", numbered(25, "Linux"), "1", before)
	next.Progress = func(name string, done, total int64) { told = append(told, fmt.Sprint(name, " ", done, "/", total)) }
	apply(t, store, next)
	assert.Equal(t, []string{
		"sentinelone_agent 10/15", "sentinelone_agent 15/15", "sentinelone_group 2/2",
		"sentinelone_group_has_agent 10/15", "sentinelone_group_has_agent 15/15",
	}, told)
}

func TestAPanicWhileWritingReachesTheCallerAndIsHealed(t *testing.T) {
	t.Parallel()
	server := neo4jtest.Shared(t)
	scope := server.Scope(t)
	store := openWith(t, server, neo4jstore.Config{Scope: scope, BatchRows: 10})
	all := numbered(200, "Linux")
	broken := target("1", all)
	broken.Progress = func(string, int64, int64) { panic("index out of range") }
	assert.Panics(t, func() { _, _ = store.Apply(t.Context(), broken) })
	apply(t, store, target("1", all))
	requireClean(t, server, scope, all)
}

// records are all of a graph.
func records(t *testing.T, g graph.Snapshot) (all []graph.Record) {
	t.Helper()
	types := map[string]*graph.Type{}
	for _, typ := range g.Types() {
		types[typ.Name] = typ
	}
	for _, typ := range g.Types() {
		for e, err := range graph.All(t.Context(), g, typ.Name) {
			require.NoError(t, err)
			r, err := graph.Decode(e.JSON, types)
			require.NoError(t, err)
			all = append(all, r)
		}
	}
	return all
}

// unique leaves one record a key.
func unique(records []graph.Record) []graph.Record {
	seen := map[string]bool{}
	return slices.DeleteFunc(records, func(r graph.Record) bool {
		defer func() { seen[r.Key] = true }()
		return seen[r.Key]
	})
}

package neo4jstore_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"s1graph/graph"
)

func TestVerifyHealsWhatWasEditedByHand(t *testing.T) {
	t.Parallel()
	server, store := scoped(t)
	scope := store.Scope()
	g := snapshot(record(group, "1"), record(group, "2"), record(agent, "1", "osName", "Linux"), record(agent, "2"), record(threat, "9"),
		record(hasAgent, "1|1", "since", 1), record(hasAgent, "1|2"), record(hasThreat, "1|9"))
	clean := cleanly(t, server, g)
	verify := target("1", g)
	verify.Verify = true
	apply(t, store, verify)
	const one, edge = "MATCH (n:sentinelone_agent {_scope: $s, _key: 'sentinelone_agent:1'}) ", "MATCH (a:sentinelone_group)-[r:HAS]->(n:sentinelone_agent {_scope: $s, _key: 'sentinelone_agent:1'}) "
	for name, edit := range map[string]string{
		"a property is another":                       one + "SET n.osName = 'Windows'",
		"a property is of another kind":               one + "SET n.osName = 3",
		"a property is of a kind that no record has":  one + "SET n.osName = date()",
		"a property is a list of numbers":             one + "SET n.osName = [1, 2]",
		"a property is gone":                          one + "REMOVE n.osName",
		"a property is there":                         one + "SET n.isInfected = true",
		"a tag is there":                              one + "SET n.`tag.Owner` = 'Bob'",
		"a meta property is another":                  one + "SET n._type = 'x'",
		"the class is a text":                         one + "SET n._class = 'HostAgent'",
		"the digest is another":                       one + "SET n._digest = 'x'",
		"the digest is gone":                          one + "REMOVE n._digest",
		"the class's label is gone":                   one + "REMOVE n:HostAgent",
		"the key is another":                          one + "SET n._key = 'sentinelone_agent:3'",
		"a node is gone":                              one + "DETACH DELETE n",
		"a node is new":                               "CREATE (:sentinelone_threat {_scope: $s, _key: 'sentinelone_threat:1'})",
		"all nodes are gone":                          "MATCH (n {_scope: $s}) WHERE NOT n:S1GraphScope DETACH DELETE n",
		"a relationship's property is another":        edge + "SET r.since = 2",
		"a relationship's meta property is another":   edge + "SET r._fromEntityKey = 'x'",
		"a relationship's type is another":            edge + "SET r._type = 'x'",
		"a relationship's key is gone":                edge + "REMOVE r._key",
		"a relationship is gone":                      edge + "DELETE r",
		"a relationship is there twice":               edge + "CREATE (a)-[c:HAS]->(n) SET c = properties(r)",
		"a relationship is there twice and another":   edge + "CREATE (a)-[c:HAS]->(n) SET c = properties(r), c.since = 2, r.since = 3",
		"a relationship is there the other way round": edge + "CREATE (a)<-[c:HAS]-(n) SET c = properties(r)",
		"a relationship leads elsewhere":              edge + "MATCH (other:sentinelone_agent {_scope: $s, _key: 'sentinelone_agent:2'}) CREATE (a)-[c:HAS]->(other) SET c = properties(r) DELETE r",
		"a relationship leads to a node of others":    edge + "CREATE (a)-[c:HAS]->(:Person {testScope: $s}) SET c = properties(r) DELETE r",
		"a relationship is new":                       "MATCH (a:sentinelone_group {_scope: $s, _key: 'sentinelone_group:2'}), (n:sentinelone_agent {_scope: $s, _key: 'sentinelone_agent:2'}) CREATE (a)-[:HAS {_scope: $s, _type: 'sentinelone_group_has_agent', _key: a._key + '|has|' + n._key}]->(n)",
	} {
		before := contents(t, server, scope)
		query(t, server, scope, edit)
		require.NotEqual(t, before, contents(t, server, scope), name)
		result := apply(t, store, verify)
		assert.True(t, result.Compared, name)
		assert.NotZero(t, result.Rows, name)
		requireHolds(t, server, scope, clean)
		assert.Zero(t, apply(t, store, verify).Statements, name)
	}
}

func TestWhereAnEndWasDeletedByHandTheScopeIsHealed(t *testing.T) {
	t.Parallel()
	for name, edit := range map[string]string{
		"that a new relationship starts at": "MATCH (n:sentinelone_group {_scope: $s, _key: 'sentinelone_group:2'}) DETACH DELETE n",
		"that a new relationship leads to":  "MATCH (n:sentinelone_agent {_scope: $s, _key: 'sentinelone_agent:20'}) DETACH DELETE n",
		"that is changed":                   "MATCH (n:sentinelone_agent {_scope: $s, _key: 'sentinelone_agent:1'}) DETACH DELETE n",
		"of a relationship that is changed": "MATCH ()-[r:HAS]->(:sentinelone_agent {_scope: $s, _key: 'sentinelone_agent:1'}) DELETE r",
	} {
		t.Run(name, func(t *testing.T) {
			server, store := scoped(t)
			before := numbered(30, "Linux")
			changed := records(t, before)
			for i := range changed {
				switch changed[i].Key {
				case "sentinelone_agent:1":
					changed[i].Set("osName", graph.String("Windows"))
				case "sentinelone_group:0|has|sentinelone_agent:1":
					changed[i].Set("since", graph.Int(77))
				}
			}
			after := snapshot(append(changed, record(hasAgent, "2|1"), record(hasAgent, "1|20"))...)
			apply(t, store, target("1", before))
			query(t, server, store.Scope(), edit)
			result := apply(t, store, following("2", after, "1", before))
			assert.True(t, result.Compared)
			requireClean(t, server, store.Scope(), after)
		})
	}
}

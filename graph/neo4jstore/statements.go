package neo4jstore

import (
	"fmt"
	"strings"

	"s1graph/graph"
)

// The constraints, which bring an index each; a statement that makes one does nothing if it is there.

const constraintPrefix = "s1graph_"

const (
	scopeConstraint = "CREATE CONSTRAINT " + constraintPrefix + "scope IF NOT EXISTS FOR (m:S1GraphScope) REQUIRE m._scope IS UNIQUE"
	goneConstraint  = "CREATE CONSTRAINT " + constraintPrefix + "gone IF NOT EXISTS FOR (n:S1GraphGone) REQUIRE (n._scope, n._key) IS UNIQUE"
)

func keyConstraint(typeName string) string {
	return fmt.Sprintf("CREATE CONSTRAINT %s IF NOT EXISTS FOR (n:%s) REQUIRE (n._scope, n._key) IS UNIQUE", constraintPrefix+typeName, quote(typeName))
}

// statements are those of one type. What differs from one batch to the next is a parameter, so that the server
// plans each once. The names in them are those of types, of classes and of declared properties, which were checked; what the tenant's
// data names is a parameter. Each that writes is given $scope and $rows and returns how many rows it found what it needs for, if nothing
// else is said.
type statements struct {
	create string // of entities: rows are property maps; returns the list of their IDs in the database
	update string // rows are {key, set}, and of a relationship {from, to} too; null in set removes a property
	revive string // rows are keys; returns the key and the property names of each tombstone that is a node again
	remove []string
	single string // of relationships that are there twice, removes all but one

	keys     string // a page: key that the next page comes after, key, _digest
	contents string // a page: key that the next page comes after, key, all properties, whether the class is right
	fetch    string // of rows, which are keys or {key, from, to}: key, all properties
}

func statementsOf(t, before *graph.Type) statements {
	if t.Relationship {
		return relationshipStatements(t)
	}
	label, class := quote(t.Name), quote(t.Class)
	one := fmt.Sprintf("UNWIND $rows AS row MATCH (n:%s {_scope: $scope, _key: row})", label)
	relabel := "SET n:" + class
	if before != nil && before.Class != t.Class {
		relabel += " REMOVE n:" + quote(before.Class)
	}
	page := pageOf(t.Name)
	return statements{
		create: fmt.Sprintf("UNWIND $rows AS row CREATE (n:%s:%s) SET n = row RETURN collect(elementId(n))", class, label),
		update: fmt.Sprintf("UNWIND $rows AS row MATCH (n:%s {_scope: $scope, _key: row.key}) SET n += row.set %s RETURN count(n)", label, relabel),
		revive: fmt.Sprintf("UNWIND $rows AS row MATCH (n:S1GraphGone {_scope: $scope, _key: row}) SET n:%s:%s REMOVE n:S1GraphGone, n.goneAt RETURN n._key, keys(n)", class, label),
		remove: []string{
			fmt.Sprintf("UNWIND $rows AS row MATCH (n:%s {_scope: $scope, _key: row})-[r]-() WHERE r._scope = $scope DELETE r RETURN count(*)", label),
			one + " WHERE EXISTS { (n)--() } SET n:S1GraphGone, n.goneAt = $now REMOVE n:" + label + ":" + class + " RETURN count(n)",
			one + " DELETE n RETURN count(*)",
		},
		keys:     page + "RETURN n._key AS after, n._key AS key, n._digest",
		contents: page + fmt.Sprintf("RETURN n._key AS after, n._key AS key, properties(n), n:%s", class),
		fetch:    one + " RETURN row, properties(n)",
	}
}

// pageOf begins a statement that reads a page of the entities of a type.
func pageOf(typeName string) string {
	return fmt.Sprintf("MATCH (n:%s) WHERE n._scope = $scope AND n._key > $after WITH n ORDER BY n._scope, n._key LIMIT $limit ", quote(typeName))
}

// overlayOfType reads a page of entities: key, the values of the properties $names.
func overlayOfType(typeName string) string {
	return pageOf(typeName) + "RETURN n._key, [name IN $names | n[name]]"
}

func relationshipStatements(t *graph.Type) statements {
	from, to, class := quote(t.From), quote(t.To), quote(t.Class)
	one := fmt.Sprintf("UNWIND $rows AS row MATCH (a:%s {_scope: $scope, _key: row.from})-[r:%s]->(b:%s {_scope: $scope, _key: row.to}) WHERE r._key = row.key", from, class, to)
	page := fmt.Sprintf("MATCH (a:%s) WHERE a._scope = $scope AND a._key > $after WITH a ORDER BY a._scope, a._key LIMIT $limit OPTIONAL MATCH (a)-[r:%s]->(b) WHERE r._scope = $scope AND r._type = $type ", from, class)
	return statements{
		update: one + " SET r += row.set RETURN count(DISTINCT row.key)",
		remove: []string{one + " DELETE r RETURN count(*)"},
		single: one + " WITH row, tail(collect(r)) AS others UNWIND others AS r DELETE r RETURN count(*)",

		keys:     page + "RETURN a._key, r._key, r._digest",
		contents: page + "RETURN a._key, r._key, properties(r), true",
		fetch:    one + " RETURN row.key, properties(r)",
	}
}

// creations are the statements that make the relationships of a type. Their rows are those of nested. They write what they know
// beforehand as a literal, and let the server put together the names that many relationships share. That takes half of the time
// of SET r = row, which looks for an old value of each property, and makes the planner put an Eager before it.
type creations struct {
	names []string // of the properties that stand in the statements, sorted

	// By the IDs that the entities had when this apply made them, or by their keys. IDs are used again: what has the ID is
	// matched only if it has scope and key as well.
	byID, byKey string
}

// further follows where a row has properties that the statement does not name.
const further = " SET r += coalesce(e[3], {})"

func creationsOf(t *graph.Type, declared []string) creations {
	c := creations{}
	var literal strings.Builder
	for _, name := range declared {
		if graph.CheckName(name) == nil && !strings.HasPrefix(name, "_") { // the marker, which others may write to, can hold any
			c.names = append(c.names, name)
			fmt.Fprintf(&literal, "%s: e[%d], ", quote(name), firstValue+len(c.names)-1)
		}
	}
	statement := func(entity func(name, row, label string) string) string {
		return "UNWIND $rows AS row " + entity("a", "row", quote(t.From)) + "UNWIND row[2] AS e " + entity("b", "e", quote(t.To)) +
			fmt.Sprintf("CREATE (a)-[r:%s {%s_fromEntityKey: row[0], _toEntityKey: e[0], _key: row[0] + $infix + e[0], "+
				"_type: $type, _class: $class, _scope: $scope, _digest: e[2], _createdOn: $now}]->(b)", quote(t.Class), literal.String())
	}
	c.byID = statement(func(name, row, _ string) string { // with a label the planner would take the index of the keys
		return fmt.Sprintf("MATCH (%[1]s) WHERE elementId(%[1]s) = %[2]s[1] AND %[1]s._key = %[2]s[0] AND %[1]s._scope = $scope ", name, row)
	})
	c.byKey = statement(func(name, row, label string) string {
		return fmt.Sprintf("MATCH (%s:%s {_scope: $scope, _key: %s[0]}) ", name, label, row)
	})
	return c
}

// findStrays finds, as r, relationships of a class that have our _scope and are not ours: between other nodes than
// their key says, or of a type that there is not.
func findStrays(class string) string {
	return fmt.Sprintf(`
		MATCH (a)-[r:%s]->(b)
		WHERE r._scope = $scope AND NOT coalesce(
			a._scope = $scope AND b._scope = $scope AND r._key = a._key + $infix + b._key
			AND any(t IN $rows WHERE r._type = t.name AND t.from IN labels(a) AND t.to IN labels(b)), false)`, quote(class))
}

// findGone finds, as n, tombstones that no foreign relationship keeps any more.
const findGone = `MATCH (n:S1GraphGone) WHERE n._scope = $scope AND NOT EXISTS { (n)--() }`

const countGone = `MATCH (n:S1GraphGone) WHERE n._scope = $scope RETURN count(n)`

package main

import (
	"context"
	"encoding/hex"
	"fmt"
	"slices"
	"time"

	"github.com/neo4j/neo4j-go-driver/v5/neo4j"

	"s1graph/graph"
	"s1graph/graph/neo4jstore/neo4jtest"
)

// loader is the plain loader: UNWIND … CREATE of the same records in batches, under the same constraints
// on the keys of the nodes, and nothing else: no digests, no marker, no counts. Of its time only that counts which it
// spends on the server's answers; making rows of records is free.
type loader struct {
	driver neo4j.DriverWithContext
	noted  bool // its rows are the store's, which have a digest and a time beside the record
}

const batchRows = 5000 // the store has half as many, of which it writes one batch while the one before commits

func newLoader(server *neo4jtest.Server) (*loader, error) {
	d, err := neo4j.NewDriverWithContext(server.URI, neo4j.BasicAuth(server.Username, server.Password, ""))
	return &loader{driver: d}, err
}

// empty removes everything from the database, constraints included.
func (l *loader) empty(ctx context.Context) error {
	for _, cypher := range []string{
		"MATCH ()-[r]->() CALL (r) { DELETE r } IN TRANSACTIONS OF 10000 ROWS",
		"MATCH (n) CALL (n) { DELETE n } IN TRANSACTIONS OF 10000 ROWS",
	} {
		if _, err := l.ask(ctx, cypher); err != nil {
			return err
		}
	}
	constraints, err := l.ask(ctx, "SHOW CONSTRAINTS YIELD name")
	for _, c := range constraints {
		name, _ := c.Values[0].(string)
		if err == nil {
			err = graph.CheckName(name)
		}
		if err == nil {
			_, err = l.ask(ctx, "DROP CONSTRAINT "+name)
		}
	}
	return err
}

// ask runs a statement that makes its own transactions, or none.
func (l *loader) ask(ctx context.Context, cypher string) ([]*neo4j.Record, error) {
	session := l.driver.NewSession(ctx, neo4j.SessionConfig{})
	defer session.Close(ctx)
	result, err := session.Run(ctx, cypher, nil)
	if err != nil {
		return nil, err
	}
	return result.Collect(ctx)
}

func (l *loader) load(ctx context.Context, g graph.Snapshot) (measure, error) {
	types := slices.Clone(g.Types())
	byName := graph.TypesByName(g)
	var m measure
	for _, relationships := range []bool{false, true} {
		for _, t := range types {
			if t.Relationship != relationships {
				continue
			}
			rows, took, err := l.loadType(ctx, g, t, byName)
			if err != nil {
				return m, fmt.Errorf("type %s: %w", t.Name, err)
			}
			m.Seconds += took.Seconds()
			if relationships {
				m.Edges += rows
				m.EdgeSeconds += took.Seconds()
			} else {
				m.Nodes += rows
				m.NodeSeconds += took.Seconds()
			}
		}
	}
	m.Rows = m.Nodes + m.Edges
	return m, nil
}

func (l *loader) loadType(ctx context.Context, g graph.Snapshot, t *graph.Type, types map[string]*graph.Type) (n int64, took time.Duration, err error) {
	if err := t.Check(); err != nil {
		return 0, 0, err
	}
	cypher := fmt.Sprintf("UNWIND $rows AS row CREATE (n:%s:%s) SET n = row", t.Class, t.Name)
	constraint := fmt.Sprintf("CREATE CONSTRAINT IF NOT EXISTS FOR (n:%s) REQUIRE (n._scope, n._key) IS UNIQUE", t.Name)
	if t.Relationship {
		cypher = fmt.Sprintf("UNWIND $rows AS row MATCH (a:%s {_scope: $scope, _key: row._fromEntityKey}) MATCH (b:%s {_scope: $scope, _key: row._toEntityKey}) CREATE (a)-[r:%s]->(b) SET r = row", t.From, t.To, t.Class)
		constraint = "RETURN 1"
	}
	session := l.driver.NewSession(ctx, neo4j.SessionConfig{})
	defer session.Close(ctx)
	write := func(cypher string, rows []any) error {
		started := time.Now()
		_, err := session.ExecuteWrite(ctx, func(tx neo4j.ManagedTransaction) (any, error) {
			result, err := tx.Run(ctx, cypher, map[string]any{"rows": rows, "scope": scope})
			if err != nil {
				return nil, err
			}
			return result.Consume(ctx)
		})
		took += time.Since(started)
		n += int64(len(rows))
		return err
	}
	if err := write(constraint, nil); err != nil {
		return n, took, err
	}
	var rows []any
	for e, err := range graph.All(ctx, g, t.Name) {
		if err != nil {
			return n, took, err
		}
		row, err := l.row(e, types)
		if err != nil {
			return n, took, err
		}
		if rows = append(rows, row); len(rows) == batchRows {
			if err := write(cypher, rows); err != nil {
				return n, took, err
			}
			rows = rows[:0]
		}
	}
	if len(rows) > 0 {
		err = write(cypher, rows)
	}
	return n, took, err
}

// row is a record's properties, the meta properties and the scope.
func (l *loader) row(e graph.Encoded, types map[string]*graph.Type) (map[string]any, error) {
	r, err := graph.Decode(e.JSON, types)
	if err != nil {
		return nil, err
	}
	row := map[string]any{"_key": r.Key, "_type": r.Type.Name, "_scope": scope}
	if l.noted {
		row["_digest"], row["_createdOn"] = hex.EncodeToString(e.Full[:]), int64(1_790_000_000_000)
	}
	for _, p := range r.Properties {
		row[p.Name] = p.Value.Any()
	}
	if r.Type.Relationship {
		row["_class"], row["_fromEntityKey"], row["_toEntityKey"] = r.Type.Class, r.From, r.To
	} else {
		row["_class"] = []string{r.Type.Class}
	}
	return row, nil
}

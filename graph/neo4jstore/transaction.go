package neo4jstore

import (
	"context"
	"fmt"
	"maps"
	"strings"

	"github.com/neo4j/neo4j-go-driver/v5/neo4j"

	"s1graph/graph"
)

// transaction is one attempt to write a batch in a transaction.
type transaction struct {
	ctx   context.Context
	tx    neo4j.ManagedTransaction
	of    *written
	made  *made
	scope string
	now   int64

	rows, statements int64 // that were written
}

func (t *transaction) run(b batch, mayReturn bool) error {
	switch b.action {
	case create:
		if t.of.Relationship {
			return t.relate(b.rows)
		}
		if mayReturn {
			var err error
			if b.rows, err = t.revive(b.rows); err != nil {
				return err
			}
		}
		return t.make(b.rows)
	case update:
		return t.exactly(t.of.update, b.rows, len(b.rows))
	case single:
		n, err := t.count(t.of.single, b.rows)
		t.rows += n
		return err
	}
	for _, cypher := range t.of.remove {
		n, err := t.count(cypher, b.rows)
		if err != nil {
			return err
		}
		t.rows += n
	}
	return nil
}

func (t *transaction) count(cypher string, rows []any) (int64, error) {
	t.statements++
	return count(t.ctx, t.tx, cypher, t.parameters(rows))
}

func (t *transaction) parameters(rows []any) parameters {
	p := parameters{"scope": t.scope, "rows": rows, "now": t.now}
	if t.of.Relationship {
		p["type"], p["class"], p["infix"] = t.of.Name, t.of.Class, graph.RelationshipKey("", t.of.Class, "")
	}
	return p
}

// exactly runs a statement that must find what it needs for all of so many records. One less means that somebody removed
// something: UNWIND … MATCH passes over what it does not find.
func (t *transaction) exactly(cypher string, rows []any, want int) error {
	if len(rows) == 0 {
		return nil
	}
	n, err := t.count(cypher, rows)
	if err != nil {
		return err
	}
	t.rows += n
	if n != int64(want) {
		return &differentError{fmt.Errorf("of %d rows %d found what they belong to", want, n)}
	}
	return nil
}

// revive makes nodes of those tombstones that the rows are of, and gives the rows that still are to be created.
func (t *transaction) revive(rows []any) ([]any, error) {
	keys := make([]any, 0, len(rows))
	for _, row := range rows {
		keys = append(keys, row.(map[string]any)["_key"])
	}
	t.statements++
	records, err := collect(t.ctx, t.tx, t.of.revive, parameters{"scope": t.scope, "rows": keys})
	if err != nil || len(records) == 0 {
		return rows, err
	}
	names := map[any][]any{} // of the properties that the tombstones have
	for _, r := range records {
		names[r.Values[0]], _ = r.Values[1].([]any)
	}
	var updates, creates []any
	for _, row := range rows {
		set := maps.Clone(row.(map[string]any)) // the transaction may be tried again
		old, ok := names[set["_key"]]
		if !ok {
			creates = append(creates, row)
			continue
		}
		delete(set, createdProperty)
		set[updatedProperty] = t.now
		for _, name := range old {
			name, _ := name.(string)
			if _, ok := set[name]; !ok && (t.of.declared[name] || t.of.overlaid[name] || strings.HasPrefix(name, graph.TagPrefix)) {
				set[name] = nil
			}
		}
		updates = append(updates, parameters{"key": set["_key"], "set": set})
	}
	return creates, t.exactly(t.of.update, updates, len(updates))
}

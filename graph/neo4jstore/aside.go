package neo4jstore

import (
	"context"
	"fmt"
	"iter"

	"github.com/neo4j/neo4j-go-driver/v5/neo4j"

	"s1graph/graph"
)

// Aside is what stands on the nodes of an entity type beside their records, such as what was judged of them. It is
// in no digest, so that it comes and goes without the records being written; a difference in it is written to the nodes
// that it concerns, without their _updatedOn.
type Aside struct {
	Type string

	// Properties are the names, none of which the data model declares. They are ours on all nodes of the type.
	Properties []string

	// Values yields what the nodes have by a run, in ascending order of the keys; nodes that are not named have none of
	// the properties. It is asked for the target's run, and for the one that the scope holds where that is kept. What is
	// named must be in the run's graph.
	Values func(ctx context.Context, runID string) iter.Seq2[AsideValues, error]
}

// AsideValues are those of one node. What is absent is not there.
type AsideValues struct {
	Key        string
	Properties map[string]graph.Value
}

// asideSource is where it is found out what the nodes have so far.
type asideSource func(ctx context.Context, s *Aside) iter.Seq2[AsideValues, error]

// keptAside takes it from the run that the scope holds. A run that cannot be read is no obstacle: then the database is.
func (a *apply) keptAside(ctx context.Context, s *Aside) iter.Seq2[AsideValues, error] {
	return func(yield func(AsideValues, error) bool) {
		for v, err := range s.Values(ctx, a.marker.run) {
			if err != nil {
				err = &differentError{err}
			}
			if !yield(v, err) || err != nil {
				return
			}
		}
	}
}

// asideOf takes it from the database, but where that held nothing of the scope: what is new has nothing beside it.
func (a *apply) asideOf(before *held) asideSource {
	if a.marker.exists() || before.isAny() {
		return a.heldAside
	}
	return func(context.Context, *Aside) iter.Seq2[AsideValues, error] {
		return func(func(AsideValues, error) bool) {}
	}
}

// heldAside takes it from the database.
func (a *apply) heldAside(ctx context.Context, s *Aside) iter.Seq2[AsideValues, error] {
	return func(yield func(AsideValues, error) bool) {
		cypher := asideOfType(s.Type)
		for after := ""; ; {
			records, err := a.store.read(ctx, cypher, parameters{
				"scope": a.store.config.Scope, "after": after, "limit": pageRows, "names": s.Properties})
			if err != nil {
				yield(AsideValues{}, err)
				return
			}
			for _, r := range records {
				v := asideOf(r, s.Properties)
				if after = v.Key; len(v.Properties) > 0 && !yield(v, nil) {
					return
				}
			}
			if len(records) < pageRows {
				return
			}
		}
	}
}

func asideOf(r *neo4j.Record, names []string) AsideValues {
	v := AsideValues{Properties: map[string]graph.Value{}}
	v.Key, _ = r.Values[0].(string)
	held, _ := r.Values[1].([]any)
	for i, property := range held {
		if property != nil {
			v.Properties[names[i]] = value(property)
		}
	}
	return v
}

// differing yields the rows of what differs from the target, as the update statement wants them.
func (a *apply) differing(ctx context.Context, s *Aside, from asideSource) iter.Seq2[parameters, error] {
	return func(yield func(parameters, error) bool) {
		keyOf := func(v AsideValues) string { return v.Key }
		for p, err := range graph.Join(from(ctx, s), a.wantedAside(ctx, s), keyOf) {
			var row parameters
			switch {
			case err != nil:
			case p.Right == nil:
				row = s.row(p.Left.Key, p.Left.Properties, nil)
			case p.Left == nil:
				row = s.row(p.Right.Key, nil, p.Right.Properties)
			default:
				row = s.row(p.Right.Key, p.Left.Properties, p.Right.Properties)
			}
			if (row != nil || err != nil) && !yield(row, err) || err != nil {
				return
			}
		}
	}
}

// wantedAside takes it from the target's run.
func (a *apply) wantedAside(ctx context.Context, s *Aside) iter.Seq2[AsideValues, error] {
	return func(yield func(AsideValues, error) bool) {
		for v, err := range s.Values(ctx, a.target.RunID) {
			if err != nil {
				err = fmt.Errorf("what stands beside %s in the run %s: %w", s.Type, a.target.RunID, err)
			}
			if !yield(v, err) || err != nil {
				return
			}
		}
	}
}

// row sets what differs, and is nil where nothing does.
func (s *Aside) row(key string, was, is map[string]graph.Value) parameters {
	set := map[string]any{}
	for _, name := range s.Properties {
		if !was[name].Equal(is[name]) {
			set[name] = is[name].Any() // null, where it is absent, removes the property
		}
	}
	if len(set) == 0 {
		return nil
	}
	return parameters{"key": key, "set": set}
}

// countAside adds to the totals how many nodes differ in what stands beside them from the run that the scope holds.
func (a *apply) countAside(ctx context.Context) error {
	for i := range a.target.Aside {
		s := &a.target.Aside[i]
		for _, err := range a.differing(ctx, s, a.keptAside) {
			if err != nil {
				return err
			}
			a.totals[s.Type]++
		}
	}
	return nil
}

// aside writes what differs in what stands beside the records: after the nodes are made, and before any is removed,
// so that tombstones have none of it.
func (w *writer) aside(from asideSource) error {
	if err := w.flush(); err != nil {
		return err
	}
	for i := range w.target.Aside {
		s := &w.target.Aside[i]
		t := w.types[s.Type]
		if t == nil {
			continue // neither the run nor the scope has such nodes
		}
		for row, err := range w.differing(w.ctx, s, from) {
			if err == nil {
				err = w.add(t, update, row, asideSize(row))
			}
			if err != nil {
				return err
			}
		}
	}
	return w.flush()
}

// asideSize is roughly how many bytes a row is in a batch.
func asideSize(row parameters) int {
	set, _ := row["set"].(map[string]any)
	n := 200
	for name, v := range set {
		n += len(name) + 10
		switch v := v.(type) {
		case string:
			n += len(v)
		case []string:
			for _, s := range v {
				n += len(s) + 5
			}
		}
	}
	return n
}

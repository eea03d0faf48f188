package neo4jstore

import (
	"context"
	"fmt"
	"iter"

	"github.com/neo4j/neo4j-go-driver/v5/neo4j"

	"s1graph/graph"
)

// Overlay is a set of properties that the nodes of an entity type have besides their records, such as what posture
// found of them. No digest covers them: an overlay comes and goes while the records stay as they are. An apply writes a
// difference to the nodes that it concerns, and leaves their _updatedOn alone.
type Overlay struct {
	Type string

	// Properties are their names, none of which the data model declares. The store owns them on all nodes of the type.
	Properties []string

	// Values yields what a run says of the nodes, in ascending order of their keys. A node that it does not name has none
	// of the properties; one that it names must be in the run's graph. The store calls it for the target's run, and for
	// the run that the scope holds if that is kept.
	Values func(ctx context.Context, runID string) iter.Seq2[OverlayValues, error]
}

// OverlayValues are the properties of one node. It lacks those that are absent.
type OverlayValues struct {
	Key        string
	Properties map[string]graph.Value
}

// overlaySource yields what the nodes have so far.
type overlaySource func(ctx context.Context, s *Overlay) iter.Seq2[OverlayValues, error]

// keptOverlay reads the run that the scope holds. Where that fails, the apply reads the database instead.
func (a *apply) keptOverlay(ctx context.Context, s *Overlay) iter.Seq2[OverlayValues, error] {
	return different(s.Values(ctx, a.marker.Run))
}

// overlayBefore reads the database. If that held nothing of the scope, the nodes are new and have no overlay.
func (a *apply) overlayBefore(before *held) overlaySource {
	if a.marker.Exists || before.isAny() {
		return a.heldOverlay
	}
	return func(context.Context, *Overlay) iter.Seq2[OverlayValues, error] { return graph.None }
}

// heldOverlay reads the database.
func (a *apply) heldOverlay(ctx context.Context, s *Overlay) iter.Seq2[OverlayValues, error] {
	return func(yield func(OverlayValues, error) bool) {
		cypher := overlayOfType(s.Type)
		for after := ""; ; {
			records, err := a.store.read(ctx, cypher, parameters{
				"scope": a.store.config.Scope, "after": after, "limit": pageRows, "names": s.Properties})
			if err != nil {
				yield(OverlayValues{}, err)
				return
			}
			for _, r := range records {
				v := overlayOf(r, s.Properties)
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

func overlayOf(r *neo4j.Record, names []string) OverlayValues {
	v := OverlayValues{Properties: map[string]graph.Value{}}
	v.Key, _ = r.Values[0].(string)
	held, _ := r.Values[1].([]any)
	for i, property := range held {
		if property != nil {
			v.Properties[names[i]] = value(property)
		}
	}
	return v
}

// differing compares the nodes with the target, and yields a row of the update statement for each that differs.
func (a *apply) differing(ctx context.Context, s *Overlay, from overlaySource) iter.Seq2[parameters, error] {
	return func(yield func(parameters, error) bool) {
		keyOf := func(v OverlayValues) string { return v.Key }
		for p, err := range graph.Join(from(ctx, s), a.wantedOverlay(ctx, s), keyOf) {
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

// wantedOverlay reads the target's run.
func (a *apply) wantedOverlay(ctx context.Context, s *Overlay) iter.Seq2[OverlayValues, error] {
	return graph.MapErrors(s.Values(ctx, a.target.RunID), func(err error) error {
		return fmt.Errorf("the overlay of %s in the run %s: %w", s.Type, a.target.RunID, err)
	})
}

// row sets the properties that differ. It is nil if none does.
func (s *Overlay) row(key string, was, is map[string]graph.Value) parameters {
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

// countOverlays adds to the totals how many nodes have another overlay than in the run that the scope holds.
func (a *apply) countOverlays(ctx context.Context) error {
	for i := range a.target.Overlays {
		s := &a.target.Overlays[i]
		for _, err := range a.differing(ctx, s, a.keptOverlay) {
			if err != nil {
				return err
			}
			a.totals[s.Type]++
		}
	}
	return nil
}

// overlay writes what differs in the overlays. It comes after the nodes are made, and before any is removed, so that
// tombstones have none.
func (w *writer) overlay(from overlaySource) error {
	if err := w.flush(); err != nil {
		return err
	}
	for i := range w.target.Overlays {
		s := &w.target.Overlays[i]
		t := w.types[s.Type]
		if t == nil {
			continue // neither the run nor the scope has such nodes
		}
		for row, err := range w.differing(w.ctx, s, from) {
			if err == nil {
				err = w.add(t, update, row)
			}
			if err != nil {
				return err
			}
		}
	}
	return w.flush()
}

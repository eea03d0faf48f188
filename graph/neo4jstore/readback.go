package neo4jstore

import (
	"context"
	"iter"
	"strings"

	"s1graph/graph"
)

// Written is the graph that a scope holds as it was written: what a folder that lost its own can begin with. It has no
// properties that others put on our nodes. Of a record whose noted digest is not that of what there is, it has the key alone:
// somebody else wrote the rest.
type Written struct {
	held *held

	// What All found, by type.
	Edited  map[string]int64 // records that were not as they were written
	Strange map[string]int64 // records that were left out, since they have no key that we would give
}

// ReadBack gives the graph that the scope holds. It is read when All is called, page by page. The types are those of the
// data model, with the properties that it declares: what the marker has forgotten is found by them.
func (s *Store) ReadBack(ctx context.Context, types []*graph.Type, declared map[string][]string) (*Written, error) {
	s = s.anew()
	m, err := s.marker(ctx)
	if err != nil {
		return nil, err
	}
	var model []known
	for _, t := range types {
		model = append(model, known{*t, declared[t.Name]})
	}
	w := &Written{held: s.held(union(model, m.types), true), Edited: map[string]int64{}, Strange: map[string]int64{}}
	w.held.encoded = true
	return w, nil
}

// Types are those of the data model, and others that were ever written to the scope, sorted by name.
func (w *Written) Types() []*graph.Type { return w.held.Types() }

// All yields the records of a type in ascending order of their keys.
func (w *Written) All(ctx context.Context, typeName string) iter.Seq2[graph.Encoded, error] {
	return func(yield func(graph.Encoded, error) bool) {
		t := w.held.types[typeName]
		if t == nil {
			return
		}
		last := ""
		for page, err := range w.held.pages(ctx, t) {
			if err != nil {
				yield(graph.Encoded{}, err)
				return
			}
			for _, f := range page {
				switch {
				case f.Key == last: // a relationship that somebody doubled
					continue
				case !t.isOurs(f):
					w.Strange[typeName]++
					continue
				case f.edited:
					w.Edited[typeName]++
				}
				last = f.Key
				if !yield(f.record, nil) {
					return
				}
			}
		}
	}
}

// isOurs says whether a record has a key that we would give.
func (t *heldType) isOurs(f found) bool {
	if graph.CheckKey(f.Key) != nil {
		return false
	}
	if !t.Relationship {
		return strings.HasPrefix(f.Key, t.Name+":")
	}
	from, to, ok := graph.RelationshipEnds(f.Key)
	return ok && from == f.from && f.Key == graph.RelationshipKey(from, t.Class, to)
}

// asWritten is a record with its properties if they are as they were written, else one without any. Where no digest is noted
// nobody can tell, and they count as written so.
func (t *heldType) asWritten(key string, properties map[string]any) (record graph.Encoded, edited bool) {
	record = t.encode(key, properties)
	if noted := properties[digestProperty]; noted == nil || decodeDigest(noted) == record.Full {
		return record, false
	}
	return t.encode(key, nil), true
}

package connector

import (
	"context"
	"iter"
	"maps"
	"slices"
	"strings"

	"s1graph/graph"
)

// release takes out of gone, which are entities that this run's rows lack, those that go because that was accepted,
// and what was made of such things alone. The guard does not count them.
func (r *resolver) release(ctx context.Context, s *typeState, gone map[string]bool) error {
	if r.accepted.isEmpty() || len(gone) == 0 {
		return nil
	}
	derived, err := r.madeOfReleased(ctx, s, gone)
	if err != nil {
		return err
	}
	for key := range gone {
		// What a type is made of is withheld anew: what else of it was accepted waits until that is settled.
		switch {
		case derived[key] || !s.derived && r.accepted.has(s.Name, key):
			r.released[key] = true
			s.released++
			delete(gone, key)
		case s.derived:
			r.wait(s, key)
		}
	}
	return nil
}

// madeOfReleased finds, among things that are gone, those that were made of something that is released, and of nothing
// that stays. Of users whose device is not known it is told only where no agent stays.
func (r *resolver) madeOfReleased(ctx context.Context, s *typeState, gone map[string]bool) (map[string]bool, error) {
	derived := make(map[string]bool)
	if len(r.released) == 0 || placedBy[s.Name] == nil {
		return derived, nil
	}
	held := make(map[string]bool)
	unrelated := maps.Clone(gone)
	err := r.eachSource(ctx, s.Name, func(source, key string) {
		if !gone[key] {
			return
		}
		delete(unrelated, key)
		switch {
		case r.nodes.has(source):
			held[strings.Clone(key)] = true
		case r.released[source]:
			derived[strings.Clone(key)] = true
		}
	})
	stays := func(source string) bool { return r.types[source].records > 0 }
	if sources := derivedFrom[s.Name]; len(sources) > 0 && !slices.ContainsFunc(sources, stays) {
		maps.Copy(derived, unrelated)
	}
	maps.DeleteFunc(derived, func(key string, _ bool) bool { return held[key] })
	return derived, err
}

// wait notes of a record that this run's rows lack and that this run cannot judge, that it was accepted.
func (r *resolver) wait(s *typeState, key string) {
	if r.accepted.has(s.Name, key) {
		r.waiting[key] = true
	}
}

// waitAll does so for all relationships of a type that this run's rows lack.
func (r *resolver) waitAll(ctx context.Context, s *typeState) error {
	if !r.accepted.hasAny(s.Name) {
		return nil
	}
	_, err := graph.Compare(ctx, r.last, r.draft, s.Name, func(key string) {
		if r.hasEnds(key) {
			r.wait(s, key)
		}
	})
	return err
}

// waits says whether what was accepted waits for another run. What does not wait was released, or is back, and then
// it is no longer accepted.
func (r *resolver) waits(k listedKey) bool { return r.waiting[k.Key] }

// withheldKeys lists what of the last graph stays although this run's rows lack it: what the guard withheld, and
// what lies out of scope. It agrees with what is counted of both.
func (r *resolver) withheldKeys(ctx context.Context) keySequence {
	keys := func(s *typeState) iter.Seq2[string, error] {
		if s.withheld+s.outside == 0 {
			return nil
		}
		return graph.Missing(ctx, r.draft, freshRows{r.builder}, s.Name)
	}
	return r.list(keys, func(s *typeState, key string) (k listedKey, listed bool) {
		k = listedKey{Type: s.Name, Key: key, OutOfScope: r.isOutside(s, key)}
		if k.OutOfScope {
			return k, s.outside > 0
		}
		return k, s.withheld > 0 && r.rekeyed[key] == ""
	})
}

// releasedKeys lists what went because that was accepted, and what was made of it; the relationships that hang on it
// are not listed.
func (r *resolver) releasedKeys(ctx context.Context) keySequence {
	keys := func(s *typeState) iter.Seq2[string, error] {
		if s.released == 0 {
			return nil
		}
		return graph.Missing(ctx, r.last, r.draft, s.Name)
	}
	return r.list(keys, func(s *typeState, key string) (listedKey, bool) {
		released := r.released[key]
		if s.Relationship {
			released = r.hasEnds(key) && r.accepted.has(s.Name, key)
		}
		return listedKey{Type: s.Name, Key: key}, released
	})
}

// list yields those of the keys that are to be listed, type by type; keys is nil for a type that has none.
func (r *resolver) list(keys func(*typeState) iter.Seq2[string, error], as func(s *typeState, key string) (k listedKey, listed bool)) keySequence {
	return func(yield func(listedKey, error) bool) {
		for _, name := range slices.Sorted(maps.Keys(r.types)) {
			all := keys(r.types[name])
			if all == nil {
				continue
			}
			for key, err := range all {
				k, listed := listedKey{}, false
				if err == nil {
					k, listed = as(r.types[name], key)
				}
				if (listed || err != nil) && !yield(k, err) {
					return
				}
			}
		}
	}
}

// freshRows are the records that this run's rows made, as far as graph.Missing looks at a snapshot.
type freshRows struct{ builder *graph.Builder }

func (f freshRows) Types() []*graph.Type { return nil }

func (f freshRows) Digests(ctx context.Context, typeName string) iter.Seq2[graph.KeyDigest, error] {
	return func(yield func(graph.KeyDigest, error) bool) {
		for e, err := range f.builder.Sorted(ctx, typeName) {
			if !yield(e.KeyDigest, err) {
				return
			}
		}
	}
}

func (f freshRows) Fetch(context.Context, string, []string) iter.Seq2[graph.Encoded, error] {
	return func(func(graph.Encoded, error) bool) {}
}

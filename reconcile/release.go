package reconcile

import (
	"cmp"
	"context"
	"iter"
	"maps"
	"slices"
	"strings"

	"s1graph/graph"
)

// release takes out of gone the entities that go because somebody accepted that, and those that are derived from such
// entities alone. The guard does not count them.
func (r *reconciler) release(ctx context.Context, s *Type, gone map[string]bool) error {
	if r.Accepted.IsEmpty() || len(gone) == 0 {
		return nil
	}
	derived, err := r.derivedFromReleased(ctx, s, gone)
	if err != nil {
		return err
	}
	for key := range gone {
		// While the type's sources are withheld, what else of it was accepted waits.
		switch {
		case derived[key] || !s.Derived && r.Accepted.Has(s.Name, key):
			r.released[key] = true
			s.Released++
			delete(gone, key)
		case s.Derived:
			r.wait(s, key)
		}
	}
	return nil
}

// derivedFromReleased finds, among the things that are gone, those that are derived from something released and from
// nothing that stays.
func (r *reconciler) derivedFromReleased(ctx context.Context, s *Type, gone map[string]bool) (map[string]bool, error) {
	derived := make(map[string]bool)
	if len(r.released) == 0 || r.placedBy[s.Name] == nil {
		return derived, nil
	}
	held := make(map[string]bool)
	err := r.eachSource(ctx, s.Name, func(source, key string) {
		switch {
		case !gone[key]:
		case r.nodes.has(source):
			held[strings.Clone(key)] = true
		case r.released[source]:
			derived[strings.Clone(key)] = true
		}
	})
	maps.DeleteFunc(derived, func(key string, _ bool) bool { return held[key] })
	return derived, err
}

// wait notes an accepted record that this run's rows lack and that the run cannot evaluate.
func (r *reconciler) wait(s *Type, key string) {
	if r.Accepted.Has(s.Name, key) {
		r.waiting[key] = true
	}
}

// waitAll calls wait for all relationships of a type that this run's rows lack.
func (r *reconciler) waitAll(ctx context.Context, s *Type) error {
	if !r.Accepted.hasAny(s.Name) {
		return nil
	}
	missing := graph.Missing(ctx, r.Last, r.Draft, s.Name)
	if s.Skipped {
		missing = graph.Keys(ctx, r.Last, s.Name)
	}
	for key, err := range missing {
		if err != nil {
			return err
		}
		if r.hasEnds(key) {
			r.wait(s, key)
		}
	}
	return nil
}

// Waits says whether an accepted record waits for another run. One that does not was released or is back, and is no
// longer accepted.
func (result *Result) Waits(k Key) bool { return result.reconciler.waiting[k.Key] }

// stillWithheld yields what the guard withheld of skipped types when they were last read, and nobody accepted that it goes. Where
// an end of a relationship has another key now, the relationship does too.
func (r *reconciler) stillWithheld() Keys {
	is := func(k Key) bool {
		s := r.types[k.Type]
		return s != nil && s.Skipped && !k.OutOfScope && !r.Accepted.Has(k.Type, k.Key) && !r.isOutOfScope(s, k.Key) && (!s.Relationship || r.hasEnds(k.Key))
	}
	return func(yield func(Key, error) bool) {
		var followed []Key
		stays := graph.Filter(r.Withheld, is)
		if len(r.rekeyed) > 0 {
			for k, err := range r.Withheld {
				if err != nil {
					yield(k, err)
					return
				}
				if now := r.followed(k); now != k && is(now) {
					followed = append(followed, now)
				}
			}
			slices.SortFunc(followed, func(a, b Key) int { return cmp.Compare(a.place(), b.place()) })
		}
		UnionOfKeys(stays, func(yield func(Key, error) bool) {
			for _, k := range followed {
				if !yield(k, nil) {
					return
				}
			}
		})(yield)
	}
}

// followed is the key that a relationship of the last graph has where an end of it has another key now.
func (r *reconciler) followed(k Key) Key {
	if s := r.types[k.Type]; s != nil && s.Relationship {
		from, to, _ := graph.RelationshipEnds(k.Key)
		k.Key = graph.RelationshipKey(cmp.Or(r.rekeyed[from], from), s.Class, cmp.Or(r.rekeyed[to], to))
	}
	return k
}

func (r *reconciler) countStillWithheld(s *Type) (n int64, err error) {
	for k, err := range r.stillWithheld() {
		if err != nil {
			return n, err
		}
		if k.Type == s.Name {
			n++
		}
	}
	return n, nil
}

// WithheldKeys lists what of the last graph stays although its list, when it was last read, lacked it: what the guard
// withheld, and what is out of scope. It agrees with what is counted of both.
func (result *Result) WithheldKeys(ctx context.Context) Keys {
	r := result.reconciler
	keys := func(s *Type) iter.Seq2[string, error] {
		if s.Withheld+s.OutOfScope == 0 {
			return nil
		}
		fresh := graph.Map(r.Fresh.Sorted(ctx, s.Name), func(e graph.Encoded) graph.KeyDigest { return e.KeyDigest })
		return graph.MissingKeys(r.Draft.Digests(ctx, s.Name), fresh)
	}
	listed := r.list(keys, func(s *Type, key string) (k Key, listed bool) {
		k = Key{Type: s.Name, Key: key, OutOfScope: r.isOutOfScope(s, key)}
		if k.OutOfScope {
			return k, s.OutOfScope > 0
		}
		return k, s.Withheld > 0 && !s.Skipped && r.rekeyed[key] == ""
	})
	return UnionOfKeys(listed, r.stillWithheld())
}

// ReleasedKeys lists what went because somebody accepted that, and what is derived from it. It does not list the
// relationships that went with their ends.
func (result *Result) ReleasedKeys(ctx context.Context) Keys {
	r := result.reconciler
	keys := func(s *Type) iter.Seq2[string, error] {
		if s.Released == 0 {
			return nil
		}
		return graph.Missing(ctx, r.Last, r.Draft, s.Name)
	}
	return r.list(keys, func(s *Type, key string) (Key, bool) {
		released := r.released[key]
		if s.Relationship {
			released = r.hasEnds(key) && r.Accepted.Has(s.Name, key)
		}
		return Key{Type: s.Name, Key: key}, released
	})
}

// list yields those of the keys that are to be listed, type by type; keys is nil for a type that has none.
func (r *reconciler) list(keys func(*Type) iter.Seq2[string, error], as func(s *Type, key string) (k Key, listed bool)) Keys {
	return func(yield func(Key, error) bool) {
		for _, name := range slices.Sorted(maps.Keys(r.types)) {
			all := keys(r.types[name])
			if all == nil {
				continue
			}
			for key, err := range all {
				k, listed := Key{}, false
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

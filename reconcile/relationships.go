package reconcile

import (
	"cmp"
	"context"
	"iter"
	"strings"

	"s1graph/graph"
	"s1graph/model"
)

func (r *reconciler) reconcileRelationships(ctx context.Context, s *Type) error {
	start, end := r.types[s.From], r.types[s.To]
	s.Incomplete = s.Incomplete || !s.Skipped && (start.Incomplete || end.Incomplete)
	s.Derived = start.Withheld > 0 || end.Withheld > 0 || start.Derived || end.Derived
	kept, err := r.writeFresh(ctx, s, r.withEnds(ctx, s, start, end), !start.lost && !end.lost)
	if err != nil || s.Before == 0 {
		return err
	}
	if s.Skipped {
		if s.Withheld, err = r.countStillWithheld(s); err != nil {
			return err
		}
	}
	if kept {
		return r.waitAll(ctx, s)
	}
	said, err := r.contradicted(ctx, s)
	if err != nil {
		return err
	}
	if s.KeepsAll() {
		if err := r.waitAll(ctx, s); err != nil {
			return err
		}
		return r.carryFollowing(ctx, s, func(key string) bool { return r.hasEnds(key) && !said[key] })
	}
	isNotAsked := r.Tenant.NotAsked(s.Name)
	doubted := make(map[string]bool) // some of those that are gone, if they are asked for
	var gone, outOfScope int64
	var failed error
	findNotAsked := func() {
		failed = cmp.Or(failed, r.eachOf(ctx, s.Name, doubted, func(record *graph.Record) {
			if isNotAsked(record) {
				r.notAsked[record.Key] = true
				gone, outOfScope = gone-1, outOfScope+1
			}
		}))
		clear(doubted)
	}
	same, err := graph.Compare(ctx, r.Last, r.Draft, s.Name, func(key string) {
		switch {
		case !r.hasEnds(key), said[key]: // it goes with its node, whatever the rows say, or as they say
		case r.isOutOfScope(s, key):
			outOfScope++
			r.wait(s, key)
		case r.Accepted.Has(s.Name, key):
			s.Released++
		default:
			gone++
			if isNotAsked != nil {
				doubted[strings.Clone(key)] = true
			}
			if len(doubted) == someKeys {
				findNotAsked()
			}
		}
	})
	findNotAsked()
	if err = cmp.Or(err, failed); err != nil {
		return err
	}
	r.same[s.Name] = same
	if s.guard.Withholds(gone, s.Before-outOfScope-s.Released, s.Fresh) {
		s.Withheld = gone
	}
	keep := func(key string) bool {
		return r.hasEnds(key) && !said[key] && (r.isOutOfScope(s, key) || s.Withheld > 0 && !r.Accepted.Has(s.Name, key))
	}
	switch {
	case len(r.untold[s.Step]) > 0:
		return r.carryFollowing(ctx, s, keep)
	case s.Withheld > 0 || outOfScope > 0:
		return r.carry(ctx, s, graph.All(ctx, r.Last, s.Name), keep)
	}
	return nil
}

// hasEnds says whether both ends of a relationship are in the graph that results.
func (r *reconciler) hasEnds(key string) bool {
	from, to, ok := graph.RelationshipEnds(key)
	return ok && r.nodes.has(from) && r.nodes.has(to)
}

// isOutOfScope says whether a record of the last graph is out of scope. A relationship is where its subject is.
func (r *reconciler) isOutOfScope(s *Type, key string) bool {
	if !s.Relationship {
		return r.outOfScope[key]
	}
	from, to, _ := graph.RelationshipEnds(key)
	subject := s.subjectOf(from, to)
	return r.notAsked[key] || r.notAsked[from] || r.notAsked[to] || r.outOfScope[subject] || r.moved[subject] && !r.isToldBySubject(s) ||
		r.untold[s.Step][subject] && (r.outOfScope[from] || r.outOfScope[to])
}

// withEnds yields the relationships of this run's rows that have both ends in the graph. It counts the others, unless the
// end is missing because its type was not read whole.
func (r *reconciler) withEnds(ctx context.Context, s, start, end *Type) iter.Seq2[graph.Encoded, error] {
	excused := func(end *Type, key string) bool { return r.nodes.has(key) || end.Incomplete || end.Skipped }
	return func(yield func(graph.Encoded, error) bool) {
		there, isThere := "", false // where the relationship before starts, as most do
		for record, err := range r.Fresh.Sorted(ctx, s.Name) {
			if err == nil {
				from, to, _ := graph.RelationshipEnds(record.Key)
				if from != there {
					there, isThere = from, r.nodes.has(from)
				}
				if !isThere || !r.nodes.has(to) {
					if !excused(start, from) || !excused(end, to) {
						r.dangling++
					}
					continue
				}
				if r.describedBefore[s.subjectOf(from, to)] && r.isToldBySubject(s) {
					continue // what describes the thing says another one
				}
			}
			if !yield(record, err) {
				return
			}
		}
	}
}

// subjectOf is the end that a relationship is a fact about.
func (s *Type) subjectOf(from, to string) string {
	if s.subject == model.To {
		return to
	}
	return from
}

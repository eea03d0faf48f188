package reconcile

import (
	"context"
	"iter"
	"time"

	"s1graph/graph"
)

// OutOfScopeKeys lists the entities of the graph that are as an earlier run found them, since they are out of scope: those that
// this run's rows lack, and devices that are described by an agent out of scope.
func (result *Result) OutOfScopeKeys(ctx context.Context) Keys {
	r := result.reconciler
	keys := func(s *Type) iter.Seq2[string, error] {
		if s.Relationship || len(r.outOfScope) == 0 {
			return nil
		}
		return graph.Keys(ctx, r.Draft, s.Name)
	}
	return r.list(keys, func(s *Type, key string) (Key, bool) {
		return Key{Type: s.Name, Key: key, OutOfScope: true}, r.outOfScope[key] && (r.unread[key] || r.describedBefore[key])
	})
}

// Dated gives keys the date that they have in a list from before, and now to those that are not in it.
func Dated(keys, before Keys, now time.Time) Keys {
	listed := graph.Filter(graph.Join(before, keys, Key.place), func(p graph.Pair[Key]) bool { return p.Right != nil })
	return graph.Map(listed, func(p graph.Pair[Key]) Key {
		k := *p.Right
		k.Since = now
		if p.Left != nil {
			k.Since = p.Left.Since
		}
		return k
	})
}

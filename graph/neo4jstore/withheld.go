package neo4jstore

import (
	"context"
	"iter"
	"slices"
	"strings"

	"s1graph/graph"
)

// evaluate says from which types only what was accepted may be removed, and notes how much of each it withholds.
func (a *apply) evaluate(ctx context.Context, before *held, counts map[string]graph.Counts) (withheld map[string]bool, err error) {
	known := map[string]bool{}
	for _, t := range a.types {
		known[t.Name] = true
	}
	withheld = map[string]bool{}
	types := before.Types()
	slices.SortStableFunc(types, graph.EntitiesFirst)
	records := map[string]int64{}
	for _, t := range types {
		records[t.Name] = before.types[t.Name].records
	}
	for _, t := range types {
		c := counts[t.Name]
		if c.Deleted == 0 {
			continue
		}
		gone, accepted, err := a.countGone(ctx, before, t, c.Deleted, withheld)
		if err != nil {
			return nil, err
		}
		switch {
		case gone == 0:
		case !a.target.Complete(t.Name), withheld[t.From], withheld[t.To],
			known[t.Name] && a.target.Withholds(gone, records[t.Name]-accepted, records[t.Name]-c.Deleted+c.Created):
			withheld[t.Name] = true
			a.withhold(t.Name, gone)
		}
	}
	return withheld, nil
}

// countGone counts, among the deleted records of a type, those that are gone and those that were accepted. A relationship
// that goes with one of its entities is neither.
func (a *apply) countGone(ctx context.Context, before *held, t *graph.Type, deleted int64, withheld map[string]bool) (gone, accepted int64, err error) {
	if !t.Relationship && a.target.Accepted == nil {
		return deleted, 0, nil
	}
	err = chunked(a.missing(ctx, before, t.Name), func(keys []string) error {
		if t.Relationship {
			if keys, err = a.between(ctx, t, keys, withheld); err != nil {
				return err
			}
		}
		for _, key := range keys {
			if a.accepted(t.Name, key) {
				accepted++
			} else {
				gone++
			}
		}
		return nil
	})
	return gone, accepted, err
}

// between returns the relationships whose two entities stay, either because the target has them or because the deletions
// of their types are withheld.
func (a *apply) between(ctx context.Context, t *graph.Type, keys []string, withheld map[string]bool) ([]string, error) {
	var from, to []string
	for _, key := range keys {
		f, t, _ := graph.RelationshipEnds(key)
		from, to = append(from, f), append(to, t)
	}
	fromStays, err := a.stays(ctx, t.From, from, withheld)
	if err != nil {
		return nil, err
	}
	toStays, err := a.stays(ctx, t.To, to, withheld)
	if err != nil {
		return nil, err
	}
	var stay []string
	for i, key := range keys {
		if fromStays[from[i]] && toStays[to[i]] {
			stay = append(stay, key)
		}
	}
	return stay, nil
}

// missing yields the keys that before has of a type and the target lacks, once the writer has compared them.
func (a *apply) missing(ctx context.Context, before graph.Snapshot, typeName string) iter.Seq2[string, error] {
	if keys, all := a.gone.of(typeName); all {
		return func(yield func(string, error) bool) {
			for _, key := range keys {
				if !yield(key, nil) {
					return
				}
			}
		}
	}
	return graph.Missing(ctx, before, a.target.Graph, typeName)
}

// goneKeys remembers keys by type. It forgets a type once there are too many keys for the bound on memory; who needs
// them compares again.
type goneKeys struct {
	types map[string][]string
	many  map[string]bool // types that it does not know all of
	room  int             // for so many more
}

func newGoneKeys() *goneKeys {
	return &goneKeys{types: map[string][]string{}, many: map[string]bool{}, room: 100_000}
}

func (g *goneKeys) add(typeName, key string) {
	if g.room == 0 {
		g.many[typeName] = true
		return
	}
	g.room--
	g.types[typeName] = append(g.types[typeName], strings.Clone(key))
}

// of gives the keys of a type, and says whether these are all.
func (g *goneKeys) of(typeName string) (keys []string, all bool) {
	return g.types[typeName], !g.many[typeName]
}

// stays says which of the keys stay: the target has them, or their type is withheld and they were not accepted.
func (a *apply) stays(ctx context.Context, typeName string, keys []string, withheld map[string]bool) (map[string]bool, error) {
	stays := map[string]bool{}
	for _, key := range keys {
		stays[key] = withheld[typeName] && !a.accepted(typeName, key)
	}
	for e, err := range a.target.Graph.Fetch(ctx, typeName, slices.Compact(slices.Sorted(slices.Values(keys)))) {
		if err != nil {
			return nil, err
		}
		stays[e.Key] = true
	}
	return stays, nil
}

// withhold notes that n records of a type stay although the target lacks them.
func (a *apply) withhold(typeName string, n int64) {
	if a.result.Withheld == nil {
		a.result.Withheld = map[string]int64{}
	}
	a.result.Withheld[typeName] += n
}

func (a *apply) accepted(typeName, key string) bool {
	return a.target.Accepted != nil && a.target.Accepted(typeName, key)
}

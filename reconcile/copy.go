package reconcile

import (
	"context"
	"iter"

	"s1graph/graph"
)

// Kept is a graph that is kept somewhere else, and is read type by type.
type Kept interface {
	Types() []*graph.Type
	All(ctx context.Context, typeName string) iter.Seq2[graph.Encoded, error] // in ascending order of the keys
}

// Copy writes a graph to a draft as it is, without the relationships that lack an end, and says how many records there
// are of each type.
func Copy(ctx context.Context, from Kept, to Draft) (map[string]int64, error) {
	records := make(map[string]int64)
	nodes := newNodeSet()
	hasEnds := func(key string) bool {
		from, to, _ := graph.RelationshipEnds(key)
		return nodes.has(from) && nodes.has(to)
	}
	note := func(key string) bool {
		nodes.add(key)
		return true
	}
	for _, relationships := range []bool{false, true} { // a relationship needs both its ends
		keep := note
		if relationships {
			keep = hasEnds
		}
		for _, t := range from.Types() {
			if t.Relationship != relationships {
				continue
			}
			n, err := to.Write(ctx, t, only(from.All(ctx, t.Name), keep))
			if err != nil {
				return nil, err
			}
			records[t.Name] = n
		}
	}
	return records, nil
}

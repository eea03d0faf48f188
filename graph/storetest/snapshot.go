package storetest

import (
	"context"
	"errors"
	"iter"
	"slices"
	"strings"
	"sync/atomic"

	"s1graph/graph"
)

// Snapshot is a graph in memory.
type Snapshot struct {
	types   []*graph.Type
	records map[string][]graph.Encoded // by type, ascending
}

var _ graph.Snapshot = (*Snapshot)(nil)

// NewSnapshot makes a graph of records of the given types, in any order, one a key.
func NewSnapshot(types []*graph.Type, records ...graph.Record) *Snapshot {
	s := &Snapshot{types: slices.Clone(types), records: map[string][]graph.Encoded{}}
	slices.SortFunc(s.types, func(a, b *graph.Type) int { return strings.Compare(a.Name, b.Name) })
	for i := range records {
		name := records[i].Type.Name
		s.records[name] = append(s.records[name], graph.Encode(&records[i]))
	}
	for _, list := range s.records {
		slices.SortFunc(list, func(a, b graph.Encoded) int { return strings.Compare(a.Key, b.Key) })
	}
	return s
}

// Types are the types that the graph was made with.
func (s *Snapshot) Types() []*graph.Type { return s.types }

// Digests yields what there is of a type.
func (s *Snapshot) Digests(ctx context.Context, typeName string) iter.Seq2[graph.KeyDigest, error] {
	return func(yield func(graph.KeyDigest, error) bool) {
		for _, e := range s.records[typeName] {
			if err := ctx.Err(); !yield(e.KeyDigest, err) || err != nil {
				return
			}
		}
	}
}

// Fetch yields records by their keys.
func (s *Snapshot) Fetch(ctx context.Context, typeName string, keys []string) iter.Seq2[graph.Encoded, error] {
	return func(yield func(graph.Encoded, error) bool) {
		list := s.records[typeName]
		for _, key := range keys {
			i, found := slices.BinarySearchFunc(list, key, func(e graph.Encoded, key string) int { return strings.Compare(e.Key, key) })
			if !found {
				continue
			}
			if err := ctx.Err(); !yield(list[i], err) || err != nil {
				return
			}
		}
	}
}

// ErrBroken is the error of a graph that breaks.
var ErrBroken = errors.New("the graph broke")

// BreakAfter is a graph that gives so many digests and records, and then only ErrBroken.
func BreakAfter(g graph.Snapshot, records int) graph.Snapshot {
	b := &breaking{Snapshot: g}
	b.left.Store(int64(records))
	return b
}

type breaking struct {
	graph.Snapshot
	left atomic.Int64
}

func (b *breaking) Digests(ctx context.Context, typeName string) iter.Seq2[graph.KeyDigest, error] {
	return breakIn(b, b.Snapshot.Digests(ctx, typeName))
}

func (b *breaking) Fetch(ctx context.Context, typeName string, keys []string) iter.Seq2[graph.Encoded, error] {
	return breakIn(b, b.Snapshot.Fetch(ctx, typeName, keys))
}

func breakIn[T any](b *breaking, seq iter.Seq2[T, error]) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for v, err := range seq {
			if b.left.Add(-1) < 0 {
				var none T
				yield(none, ErrBroken)
				return
			}
			if !yield(v, err) {
				return
			}
		}
	}
}

package graph

import (
	"context"
	"fmt"
	"iter"
	"strings"
)

// TypesByName are the types of a snapshot as Decode wants them.
func TypesByName(s Snapshot) map[string]*Type {
	types := map[string]*Type{}
	for _, t := range s.Types() {
		types[t.Name] = t
	}
	return types
}

// Nothing is a snapshot without records of some types.
type Nothing []*Type

// Types are those that it has no records of.
func (n Nothing) Types() []*Type { return n }

// Digests yields nothing.
func (n Nothing) Digests(context.Context, string) iter.Seq2[KeyDigest, error] { return None }

// Fetch yields nothing.
func (n Nothing) Fetch(context.Context, string, []string) iter.Seq2[Encoded, error] { return None }

// None is a sequence that yields nothing.
func None[T any](func(T, error) bool) {}

// Map yields what f makes of each element of a sequence, and ends with its first error.
func Map[T, R any](seq iter.Seq2[T, error], f func(T) R) iter.Seq2[R, error] {
	return func(yield func(R, error) bool) {
		for v, err := range seq {
			var made R
			if err == nil {
				made = f(v)
			}
			if !yield(made, err) || err != nil {
				return
			}
		}
	}
}

// MapErrors yields a sequence with what f makes of its error.
func MapErrors[T any](seq iter.Seq2[T, error], f func(error) error) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for v, err := range seq {
			if err != nil {
				err = f(err)
			}
			if !yield(v, err) {
				return
			}
		}
	}
}

// Filter yields those elements of a sequence that keep wants, and its errors.
func Filter[T any](seq iter.Seq2[T, error], keep func(T) bool) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for v, err := range seq {
			if (err != nil || keep(v)) && !yield(v, err) {
				return
			}
		}
	}
}

// Chunks yields the elements of a sequence in lists of n; the last one may be shorter. It ends with the first error of the
// sequence. A list is valid until the next one.
func Chunks[T any](seq iter.Seq2[T, error], n int) iter.Seq2[[]T, error] {
	return func(yield func([]T, error) bool) {
		chunk := make([]T, 0, n)
		for v, err := range seq {
			if err != nil {
				yield(nil, err)
				return
			}
			if chunk = append(chunk, v); len(chunk) == n {
				if !yield(chunk, nil) {
					return
				}
				chunk = chunk[:0]
			}
		}
		if len(chunk) > 0 {
			yield(chunk, nil)
		}
	}
}

// Keys yields the keys that a snapshot has of a type, in ascending order.
func Keys(ctx context.Context, s Snapshot, typeName string) iter.Seq2[string, error] {
	return Map(s.Digests(ctx, typeName), func(d KeyDigest) string { return strings.Clone(d.Key) })
}

// SetOf gathers the texts of a sequence.
func SetOf(seq iter.Seq2[string, error]) (map[string]bool, error) {
	set := map[string]bool{}
	for text, err := range seq {
		if err != nil {
			return nil, err
		}
		set[text] = true
	}
	return set, nil
}

// All yields the records that a snapshot has of a type, in ascending order of their keys. A snapshot that
// knows a faster way than asking for them by key has a method of this name.
func All(ctx context.Context, s Snapshot, typeName string) iter.Seq2[Encoded, error] {
	if all, ok := s.(interface {
		All(ctx context.Context, typeName string) iter.Seq2[Encoded, error]
	}); ok {
		return all.All(ctx, typeName)
	}
	return func(yield func(Encoded, error) bool) {
		for keys, err := range Chunks(Keys(ctx, s, typeName), fetchBatch) {
			if err != nil {
				yield(Encoded{}, err)
				return
			}
			for e, err := range s.Fetch(ctx, typeName, keys) {
				if !yield(e, err) || err != nil {
					return
				}
			}
		}
	}
}

// fetchBatch is how many records are asked for at once.
const fetchBatch = 256

// Missing yields the keys that before has of a type and after lacks, in ascending order.
func Missing(ctx context.Context, before, after Snapshot, typeName string) iter.Seq2[string, error] {
	return MissingKeys(before.Digests(ctx, typeName), after.Digests(ctx, typeName))
}

// MissingKeys yields the keys that one ascending sequence has and another lacks, in ascending order.
func MissingKeys(before, after iter.Seq2[KeyDigest, error]) iter.Seq2[string, error] {
	gone := Filter(Join(before, after, digestKey), func(p Pair[KeyDigest]) bool { return p.Right == nil })
	return Map(gone, func(p Pair[KeyDigest]) string { return strings.Clone(p.Left.Key) })
}

// Compare calls missing with each key that before has of a type and after lacks, in ascending order, and says
// whether the two hold the same records of it. An after that knows that by itself has a method IsAs; a before that hands on
// what other snapshots have has a method Of, which says whose the records of a type are.
func Compare(ctx context.Context, before, after Snapshot, typeName string, missing func(key string)) (same bool, err error) {
	if of, ok := before.(interface {
		Of(typeName string) Snapshot
	}); ok {
		before = of.Of(typeName)
	}
	if one, ok := after.(interface{ IsAs(Snapshot, string) bool }); ok && one.IsAs(before, typeName) {
		return true, nil
	}
	same = true
	for p, err := range Join(before.Digests(ctx, typeName), after.Digests(ctx, typeName), digestKey) {
		switch {
		case err != nil:
			return false, err
		case p.Right == nil:
			same = false
			missing(strings.Clone(p.Left.Key))
		case p.Left == nil || p.Left.Full != p.Right.Full:
			same = false
		}
	}
	return same, nil
}

// Merge lays one ascending sequence of records over another: what only one has is taken from there, and
// of two with one key both says what becomes of them. The result is ascending.
func Merge(ctx context.Context, primary, carried iter.Seq2[Encoded, error], both func(primary, carried Encoded) (Encoded, error)) iter.Seq2[Encoded, error] {
	return func(yield func(Encoded, error) bool) {
		n := 0
		for p, err := range Join(carried, primary, func(e Encoded) string { return e.Key }) {
			if n++; err == nil && n%1024 == 0 && ctx.Err() != nil {
				err = context.Cause(ctx)
			}
			var e Encoded
			switch {
			case err != nil:
			case p.Left == nil:
				e = *p.Right
			case p.Right == nil:
				e = *p.Left
			default:
				if e, err = both(*p.Right, *p.Left); err != nil {
					err = fmt.Errorf("record %s: %w", p.Left.Key, err)
				}
			}
			if !yield(e, err) || err != nil {
				return
			}
		}
	}
}

// Pair is what two sequences have under one key; nil where one has nothing.
type Pair[T any] struct{ Left, Right *T }

func digestKey(d KeyDigest) string { return d.Key }

// Join walks two sequences side by side, in the order of their keys. Each must be ascending, and one that is not
// ends with an error: it would look as if things had gone. An error of either ends the walk and is passed on as it
// is. A pair is valid until the next one.
func Join[T any](left, right iter.Seq2[T, error], key func(T) string) iter.Seq2[Pair[T], error] {
	return func(yield func(Pair[T], error) bool) {
		next, stop := iter.Pull2(Ascending(left, key))
		defer stop()
		l, err, more := next()
		var r T
		for v, rightErr := range Ascending(right, key) {
			if rightErr != nil {
				yield(Pair[T]{}, rightErr)
				return
			}
			r = v       // one variable for all of them: what a pair points to is allocated once
			order := -1 // of the left one to the right one
			for more && err == nil {
				if order = strings.Compare(key(l), key(r)); order >= 0 {
					break
				}
				if !yield(Pair[T]{Left: &l}, nil) {
					return
				}
				l, err, more = next()
			}
			switch {
			case err != nil:
				yield(Pair[T]{}, err)
				return
			case more && order == 0:
				if !yield(Pair[T]{&l, &r}, nil) {
					return
				}
				l, err, more = next()
			default:
				if !yield(Pair[T]{Right: &r}, nil) {
					return
				}
			}
		}
		for more {
			if err != nil {
				yield(Pair[T]{}, err)
				return
			}
			if !yield(Pair[T]{Left: &l}, nil) {
				return
			}
			l, err, more = next()
		}
	}
}

// Ascending passes a sequence on and ends it with an error where its keys do not ascend.
func Ascending[T any](seq iter.Seq2[T, error], key func(T) string) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		last := ""
		for v, err := range seq {
			if err == nil {
				k := key(v)
				if k <= last {
					err = fmt.Errorf("the record %s comes after %s, but they should ascend", k, last)
				}
				last = k
			}
			if !yield(v, err) || err != nil {
				return
			}
		}
	}
}

package graph

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
)

// DiffOptions says what Diff is to make of differences.
type DiffOptions struct {
	// Rekeyed has, for entities that may be the same thing under another key, the key before and the key
	// now. It counts where the one is gone and the other new.
	Rekeyed map[string]string

	// Baseline says whether the changes of a type are only counted, and not emitted. Nil: those of no type.
	Baseline func(typeName string) bool

	// Same says whether both snapshots are known to hold the same records of a type, so that these are not compared again. Nil:
	// of no type.
	Same func(typeName string) bool

	// Touches asks for the touches to be emitted too; they are always counted.
	Touches bool
}

// Diff tells what became of before in after: it emits the changes, entities first, type by type in the
// order of their names and in ascending order of the keys, and counts them for every type of either
// snapshot. What is alike is told by its digests and never fetched.
//
// An entity under a new key is one rekeyed change in place of two, at the place of its new key.
// Relationships whose ends were rekeyed, and that are there again between the new keys, are counted as
// rekeyed and not emitted.
func Diff(ctx context.Context, before, after Snapshot, o DiffOptions, emit func(Change) error) (map[string]Counts, error) {
	if o.Baseline == nil {
		o.Baseline = func(string) bool { return false }
	}
	if o.Same == nil {
		o.Same = func(string) bool { return false }
	}
	d := &differ{
		before:  side{before, TypesByName(before)},
		after:   side{after, TypesByName(after)},
		options: o,
		emit:    emit,
		ends:    map[string]string{},
		moved:   map[string]bool{},
	}
	counts := map[string]Counts{}
	for _, t := range d.types() {
		if o.Same(t.Name) {
			counts[t.Name] = Counts{}
			continue
		}
		c, err := d.diff(ctx, t)
		if err != nil {
			return nil, fmt.Errorf("type %s: %w", t.Name, err)
		}
		counts[t.Name] = c
	}
	return counts, nil
}

// differ is one Diff under way.
type differ struct {
	before, after side
	options       DiffOptions
	emit          func(Change) error

	ends  map[string]string // keys of the entities that were found rekeyed so far, before and now
	moved map[string]bool   // types that have some
}

type side struct {
	Snapshot
	types map[string]*Type
}

// types are the types of both sides, entities before relationships.
func (d *differ) types() []*Type {
	types := slices.Clone(d.after.Types())
	for name, t := range d.before.types {
		if d.after.types[name] == nil {
			types = append(types, t)
		}
	}
	slices.SortFunc(types, func(a, b *Type) int { return cmp.Or(EntitiesFirst(a, b), strings.Compare(a.Name, b.Name)) })
	return types
}

func (d *differ) pairs(ctx context.Context, t *Type) iter.Seq2[Pair[KeyDigest], error] {
	return Join(d.before.Digests(ctx, t.Name), d.after.Digests(ctx, t.Name), digestKey)
}

func (d *differ) diff(ctx context.Context, t *Type) (Counts, error) {
	was, err := d.rekeyed(ctx, t) // key now -> key before
	if err != nil {
		return Counts{}, err
	}
	isNow := make(map[string]bool, len(was)) // the keys before
	for _, key := range was {
		isNow[key] = true
	}

	var c Counts
	baseline := d.options.Baseline(t.Name)
	queue := changeQueue{differ: d, typ: t}
	report := func(op Op, key, previous string, count *int64) error {
		*count++
		switch {
		case baseline && (op == Created || op == Updated || op == Deleted):
			c.Baseline++
			return nil
		case baseline, op == Touched && !d.options.Touches, op == Rekeyed && t.Relationship:
			return nil
		}
		return queue.add(ctx, op, key, previous)
	}
	for p, err := range d.pairs(ctx, t) {
		switch {
		case err != nil:
		case p.Right == nil:
			if !isNow[p.Left.Key] {
				err = report(Deleted, p.Left.Key, "", &c.Deleted)
			}
		case p.Left == nil:
			if previous, ok := was[p.Right.Key]; ok {
				err = report(Rekeyed, p.Right.Key, previous, &c.Rekeyed)
			} else {
				err = report(Created, p.Right.Key, "", &c.Created)
			}
		case p.Left.Stable != p.Right.Stable:
			err = report(Updated, p.Right.Key, "", &c.Updated)
		case p.Left.Full != p.Right.Full:
			err = report(Touched, p.Right.Key, "", &c.Touched)
		}
		if err != nil {
			return c, err
		}
	}
	return c, queue.flush(ctx)
}

// rekeyed finds which records of the type are there under another key: for each, the key now and the key
// before. This takes a pass of its own over the digests, which is only made where it can find something.
func (d *differ) rekeyed(ctx context.Context, t *Type) (map[string]string, error) {
	candidates := d.options.Rekeyed
	if t.Relationship {
		candidates = d.ends
		if t.From != "" && !d.moved[t.From] && !d.moved[t.To] {
			candidates = nil
		}
	}
	if len(candidates) == 0 {
		return nil, nil
	}
	isNow := make(map[string]bool, len(candidates))
	for _, now := range candidates {
		isNow[now] = true
	}

	was := map[string]string{}   // for what is gone: key that it would have now -> key before
	arrived := map[string]bool{} // keys of what is new and could be such
	for p, err := range d.pairs(ctx, t) {
		switch {
		case err != nil:
			return nil, err
		case p.Right == nil:
			now, ok := renamed(t, p.Left.Key, candidates)
			if !ok {
				continue
			}
			if _, taken := was[now]; !taken { // two that became one: the other one is gone
				was[now] = strings.Clone(p.Left.Key)
			}
		case p.Left == nil && mayBeRenamed(t, p.Right.Key, isNow):
			arrived[strings.Clone(p.Right.Key)] = true
		}
	}
	for now, before := range was {
		if !arrived[now] {
			delete(was, now)
		} else if !t.Relationship {
			d.ends[before] = now
			d.moved[t.Name] = true
		}
	}
	return was, nil
}

// renamed is the key that a record has after the entities in now were rekeyed, if that is another.
func renamed(t *Type, key string, now map[string]string) (string, bool) {
	if !t.Relationship {
		k, ok := now[key]
		return k, ok && k != key
	}
	from, to, ok := RelationshipEnds(key)
	if !ok {
		return "", false
	}
	k := RelationshipKey(cmp.Or(now[from], from), t.Class, cmp.Or(now[to], to))
	return k, k != key
}

func mayBeRenamed(t *Type, key string, isNow map[string]bool) bool {
	if !t.Relationship {
		return isNow[key]
	}
	from, to, ok := RelationshipEnds(key)
	return ok && (isNow[from] || isNow[to])
}

// changeQueue gathers changes of one type, fetches the records they are about, and emits them.
type changeQueue struct {
	differ *differ
	typ    *Type
	queued []Change
}

func (q *changeQueue) add(ctx context.Context, op Op, key, previous string) error {
	q.queued = append(q.queued, Change{Op: op, Type: q.typ, Key: key, PreviousKey: previous})
	if len(q.queued) < fetchBatch {
		return nil
	}
	return q.flush(ctx)
}

func (q *changeQueue) flush(ctx context.Context) error {
	if len(q.queued) == 0 {
		return nil
	}
	var before, after []string
	for _, c := range q.queued {
		if c.Op != Created {
			before = append(before, cmp.Or(c.PreviousKey, c.Key))
		}
		if c.Op != Deleted {
			after = append(after, c.Key)
		}
	}
	slices.Sort(before) // a previous key is out of the order
	was, err := q.differ.before.fetch(ctx, q.typ, before)
	if err != nil {
		return err
	}
	is, err := q.differ.after.fetch(ctx, q.typ, after)
	if err != nil {
		return err
	}
	for _, c := range q.queued {
		c.Before, c.After, c.Full = was[cmp.Or(c.PreviousKey, c.Key)].record, is[c.Key].record, is[c.Key].full
		if c.Op == Created {
			c.Before = nil
		}
		if c.Before != nil && c.After != nil {
			c.Changed = changed(q.typ, c.Before, c.After, c.Op == Touched)
		}
		if err := q.differ.emit(c); err != nil {
			return err
		}
	}
	q.queued = q.queued[:0]
	return nil
}

// ErrLacks says that a record was removed from a snapshot while it was read, which nothing does to one on disk.
var ErrLacks = errors.New("the snapshot lists it and does not have it")

// fetched is a record, and its digest as the snapshot gives it.
type fetched struct {
	record *Record
	full   Digest
}

func (s side) fetch(ctx context.Context, t *Type, keys []string) (map[string]fetched, error) {
	records := make(map[string]fetched, len(keys))
	if len(keys) == 0 {
		return records, nil
	}
	for e, err := range s.Fetch(ctx, t.Name, keys) {
		if err != nil {
			return nil, err
		}
		r, err := Decode(e.JSON, s.types)
		if err != nil {
			return nil, fmt.Errorf("record %s: %w", e.Key, err)
		}
		records[e.Key] = fetched{&r, e.Full}
	}
	for _, key := range keys {
		if records[key].record == nil {
			return nil, fmt.Errorf("record %s: %w", key, ErrLacks)
		}
	}
	return records, nil
}

// changed names the properties that differ.
func changed(t *Type, before, after *Record, volatile bool) []string {
	var names []string
	differs := func(name string) {
		if !before.Get(name).Equal(after.Get(name)) && (volatile || !t.IsVolatile(name)) {
			names = append(names, name)
		}
	}
	for _, p := range before.Properties {
		differs(p.Name)
	}
	for _, p := range after.Properties {
		if before.Get(p.Name).IsAbsent() {
			differs(p.Name)
		}
	}
	slices.Sort(names)
	return names
}

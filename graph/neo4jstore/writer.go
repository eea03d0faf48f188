package neo4jstore

import (
	"context"
	"encoding/hex"
	"fmt"
	"slices"

	"github.com/sourcegraph/conc/panics"

	"s1graph/graph"
)

// writer turns changes into batches, and writes these in turns while the next ones are made. Nodes come before relationships, and
// relationships in the order of the entities that they start at. Its methods are for one goroutine, and fail once a
// batch could not be written.
type writer struct {
	*apply
	ctx   context.Context // ends when a batch cannot be written, with that as its cause
	types map[string]*written
	made  *made
	heals bool // the database was read: what the store adds to a record is written anew
	now   int64

	current *written         // that the open batches are of
	open    map[action]batch // that more rows may come to
	closed  bundle           // that the next transaction writes
	queue   chan bundle
}

// written is a type with all that is needed to write its records.
type written struct {
	*graph.Type
	statements
	creations                // of a relationship type
	at        map[string]int // where in an edge's item the value of a property stands
	declared  map[string]bool
	overlaid  map[string]bool // names of the properties of overlays
	complete  bool
	baseline  bool  // nothing of it counts as changed
	renamed   bool  // it has another class than when it was written last
	total     int64 // records to be written; 0 where that is not known
	done      int64 // records that were written; that of the turn which ends
}

// action is what is done with the rows of a batch.
type action int

const (
	create action = iota
	update
	remove
	single // of relationships that are there more than once, remove all but one
)

// batch is what one statement writes. Its rows are what that wants.
type batch struct {
	of     *written
	action action
	rows   []any
	bytes  int
}

// bundle is what one transaction writes: as many batches, one after the other, as are together no more than one may be.
// A commit costs as much as some hundred rows, and a small change concerns many types.
type bundle struct {
	batches []batch
	rows    int
	bytes   int
}

// writing lets work make batches, and waits until they are written. It gives the error of whatever failed first.
func (a *apply) writing(ctx context.Context, before graph.Snapshot, work func(w *writer) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	w := &writer{
		apply: a, ctx: ctx, types: a.written(before), made: newMade(), now: a.store.config.Clock().UnixMilli(),
		open: map[action]batch{}, queue: make(chan bundle, 1),
	}
	done := make(chan struct{})
	var panicked panics.Catcher // what panics there shall panic here, where the caller can recover
	go func() {
		defer close(done)
		w.transactAll(&panicked, cancel)
	}()
	if err := w.batches(work); err != nil {
		cancel(err)
	}
	<-done
	panicked.Repanic()
	return context.Cause(ctx)
}

// batches lets work make them. No more come when it has ended, be it by a panic.
func (w *writer) batches(work func(w *writer) error) error {
	defer close(w.queue)
	if err := work(w); err != nil {
		return err
	}
	return w.flush()
}

// written is every type that there is something to do about.
func (a *apply) written(before graph.Snapshot) map[string]*written {
	was := map[string]*graph.Type{}
	var removed []known
	for _, t := range before.Types() {
		removed = append(removed, known{Type: *t})
	}
	for _, t := range a.marker.types {
		was[t.Name] = &t.Type
	}
	types := map[string]*written{}
	for _, t := range union(removed, union(a.marker.types, a.types)) {
		w := &written{
			Type: &t.Type, statements: statementsOf(&t.Type, was[t.Name]),
			declared: t.declared(), overlaid: map[string]bool{}, complete: a.target.Complete(t.Name), total: a.totals[t.Name],
			renamed:  was[t.Name] != nil && was[t.Name].Class != t.Class,
			baseline: t.Relationship || a.marker.Run == "" || a.target.Baseline(t.Name),
		}
		if t.Relationship {
			w.creations, w.at = creationsOf(&t.Type, t.Properties), map[string]int{}
			for i, name := range w.names {
				w.at[name] = firstValue + i
			}
		}
		types[t.Name] = w
	}
	for _, s := range a.target.Overlays {
		for _, name := range s.Properties {
			if t := types[s.Type]; t != nil {
				t.overlaid[name] = true
			}
		}
	}
	for _, t := range before.Types() { // what is removed is found as it was written
		types[t.Name].remove = statementsOf(t, was[t.Name]).remove
	}
	return types
}

// write writes what is to be created, updated and touched, and says how much of each there was and how much is to be removed.
// same says whether a type is known not to differ; nil: none is.
func (w *writer) write(before, after graph.Snapshot, same func(typeName string) bool) (map[string]graph.Counts, error) {
	return graph.Diff(w.ctx, before, after, graph.DiffOptions{Touches: true, Same: same}, func(c graph.Change) error {
		t := w.types[c.Type.Name]
		switch c.Op {
		case graph.Created:
			if t.Relationship {
				e, err := newEdge(c.After, c.Full, t.at)
				if err != nil {
					return err
				}
				return w.add(t, create, e)
			}
			return w.add(t, create, w.created(t, &c))
		case graph.Updated, graph.Touched:
			return w.add(t, update, w.updated(t, &c))
		case graph.Deleted:
			w.gone.add(c.Type.Name, c.Key) // it is removed at the end
		}
		return nil
	})
}

// remove removes what the target lacks, of the types that have some: relationships first. Of withheld types that is
// only what was accepted; the relationships of a node go with it.
func (w *writer) remove(before graph.Snapshot, has func(t *graph.Type) bool, withheld map[string]bool) error {
	types := slices.Clone(before.Types())
	slices.SortStableFunc(types, func(a, b *graph.Type) int { return graph.EntitiesFirst(b, a) })
	for _, t := range types {
		if !has(t) {
			continue
		}
		for key, err := range w.missing(w.ctx, before, t.Name) {
			if err == nil && withheld[t.Name] && !w.accepted(t.Name, key) {
				continue
			}
			if err == nil {
				err = w.add(w.types[t.Name], remove, reference(t, key))
			}
			if err != nil {
				return fmt.Errorf("type %s: %w", t.Name, err)
			}
		}
	}
	return nil
}

// single removes relationships that somebody doubled.
func (w *writer) single(before *held) error {
	for _, t := range before.Types() {
		for _, key := range before.types[t.Name].twice {
			if err := w.add(w.types[t.Name], single, reference(t, key)); err != nil {
				return err
			}
		}
	}
	return nil
}

// created is all that a new entity's node has.
func (w *writer) created(t *written, c *graph.Change) map[string]any {
	row := make(map[string]any, len(c.After.Properties)+12)
	for _, p := range c.After.Properties {
		row[p.Name] = p.Value.Any()
	}
	w.note(row, c)
	row[createdProperty] = w.now
	if !t.baseline {
		row[changedProperty] = w.now
	}
	return row
}

// note puts into a row what the store adds to a record.
func (w *writer) note(row map[string]any, c *graph.Change) {
	for name, v := range meta(c.After.Type, c.After.Key) {
		row[name] = v.Any()
	}
	row[scopeProperty] = w.store.config.Scope
	row[digestProperty] = hex.EncodeToString(c.Full[:])
}

// updated is the row of a record that differs. It has the properties that do, null where there is none any more.
func (w *writer) updated(t *written, c *graph.Change) map[string]any {
	set := map[string]any{digestProperty: hex.EncodeToString(c.Full[:])}
	if w.heals || t.renamed {
		w.note(set, c)
	}
	differs := func(p graph.Property, v any) {
		set[p.Name] = v
		if !t.IsVolatile(p.Name) {
			set[updatedProperty] = w.now
			if !t.baseline {
				set[changedProperty] = w.now
			}
		}
	}
	for _, p := range c.After.Properties {
		if !c.Before.Get(p.Name).Equal(p.Value) {
			differs(p, p.Value.Any())
		}
	}
	for _, p := range c.Before.Properties {
		if !c.After.Get(p.Name).IsAbsent() {
			continue
		}
		if w.heals && !t.complete {
			set[digestProperty] = nil // so that it is looked at again when the type is complete
			w.withhold(t.Name, 1)
			break
		}
		differs(p, nil)
	}
	row := map[string]any{"key": c.Key, "set": set}
	if t.Relationship {
		row["from"], row["to"] = c.After.From, c.After.To
	}
	return row
}

// size is roughly how many bytes a row, or what stands in it, is in a batch.
func size(v any) int {
	n := 10
	switch v := v.(type) {
	case string:
		n += len(v)
	case []string:
		for _, s := range v {
			n += size(s)
		}
	case map[string]any:
		for name, value := range v {
			n += len(name) + size(value)
		}
	case *edge:
		n += len(v.from)
		for _, value := range v.item {
			n += size(value)
		}
	}
	return n
}

// add puts a row into a batch, and closes that when it is full.
func (w *writer) add(t *written, a action, row any) error {
	if w.current != t {
		if err := w.closeAll(); err != nil {
			return err
		}
		w.current = t
	}
	b, bytes := w.open[a], size(row)
	if len(b.rows) > 0 && !w.fits(len(b.rows)+1, b.bytes+bytes) {
		if err := w.close(b); err != nil {
			return err
		}
		b = batch{}
	}
	b.of, b.action, b.rows, b.bytes = t, a, append(b.rows, row), b.bytes+bytes
	w.open[a] = b
	return nil
}

// fits says whether one transaction may write so much.
func (w *writer) fits(rows, bytes int) bool {
	return rows <= w.store.config.BatchRows && bytes <= w.store.config.BatchBytes
}

// close puts a batch behind those that the next transaction writes, or after that one if it does not fit.
func (w *writer) close(b batch) error {
	if c := w.closed; c.rows > 0 && !w.fits(c.rows+len(b.rows), c.bytes+b.bytes) {
		if err := w.enqueue(); err != nil {
			return err
		}
	}
	w.closed.batches = append(w.closed.batches, b)
	w.closed.rows += len(b.rows)
	w.closed.bytes += b.bytes
	return nil
}

// closeAll closes the batches of the current type.
func (w *writer) closeAll() error {
	for _, a := range []action{create, update, single, remove} {
		if b, ok := w.open[a]; ok {
			delete(w.open, a)
			if err := w.close(b); err != nil {
				return err
			}
		}
	}
	return nil
}

// flush queues what there is.
func (w *writer) flush() error {
	if err := w.closeAll(); err != nil || len(w.closed.batches) == 0 {
		return err
	}
	return w.enqueue()
}

// enqueue queues what is closed.
func (w *writer) enqueue() error {
	if err := w.take(w.ctx); err != nil {
		return err
	}
	select {
	case w.queue <- w.closed:
		w.closed = bundle{}
		return nil
	case <-w.ctx.Done():
		return context.Cause(w.ctx)
	}
}

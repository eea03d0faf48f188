package steps

import (
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	"s1graph/graph"
	"s1graph/graph/sorter"
	"s1graph/s1"
)

// Emitter takes what one step makes of its rows. It refuses what the step did not declare. It is made
// by Run for one step of one run, and is safe for concurrent use.
type Emitter struct {
	step     Step
	sorter   *sorter.Sorter
	tags     []graph.Property // put on every entity
	declared map[string]bool
	rows     atomic.Int64
	total    atomic.Int64
	dangling map[string]*atomic.Int64 // by relationship type
	progress func(rows, total int64)

	mu      sync.Mutex
	notes   []string
	without map[string]int64 // by list: its rows that are no objects, or have no ID
}

func newEmitter(step Step, rows *sorter.Sorter, tags []graph.Property, progress func(rows, total int64)) *Emitter {
	e := &Emitter{step: step, sorter: rows, tags: tags, progress: progress,
		declared: make(map[string]bool), dangling: make(map[string]*atomic.Int64), without: make(map[string]int64)}
	for _, t := range step.Types {
		e.declared[t.Name] = true
		if t.Relationship {
			e.dangling[t.Name] = new(atomic.Int64)
		}
	}
	return e
}

// buildError says that what a step read could not be kept, which is not a fault of the tenant.
type buildError struct{ err error }

func (e *buildError) Error() string { return e.err.Error() }
func (e *buildError) Unwrap() error { return e.err }

// Row takes the records that one row of a list gave rise to. Where a list has several rows of one ID,
// because the tenant moved while it was read, the last updated one counts.
func (e *Emitter) Row(list, id string, updated s1.Time, records ...graph.Record) error {
	return e.add(sorter.Row{List: e.list(list), ID: id, Updated: int64(updated), Records: records})
}

func (e *Emitter) add(row sorter.Row) error {
	if err := e.prepare(row.Records); err != nil {
		return err
	}
	if err := e.sorter.Add(row); err != nil {
		return &buildError{fmt.Errorf("step %s: %w", e.step.ID, err)}
	}
	return nil
}

// share takes a record that many rows give rise to.
func (e *Emitter) share(record graph.Record) (sorter.Shared, error) {
	one := []graph.Record{record}
	if err := e.prepare(one); err != nil {
		return sorter.Shared{}, err
	}
	shared, err := e.sorter.Share(one[0])
	if err != nil {
		return shared, &buildError{fmt.Errorf("step %s: %w", e.step.ID, err)}
	}
	return shared, nil
}

// prepare refuses what the step did not declare, and puts the tags on entities whose properties are not written yet.
func (e *Emitter) prepare(records []graph.Record) error {
	for i := range records {
		r := &records[i]
		if !e.declared[r.Type.Name] {
			return &buildError{fmt.Errorf("step %s: it emits a %s, which it does not declare", e.step.ID, r.Type.Name)}
		}
		if !r.Type.Relationship && r.Written == nil {
			for _, tag := range e.tags {
				r.Set(tag.Name, tag.Value)
			}
		}
	}
	return nil
}

// distinct is how many rows of different IDs there were of the list so far, and seen whether one was.
func (e *Emitter) distinct(list string) int64 { return e.sorter.Distinct(e.list(list)) }
func (e *Emitter) seen(list, id string) bool  { return e.sorter.Seen(e.list(list), id) }

// list is the sorter's name of a list: two steps may read the same one and make different things of it.
func (e *Emitter) list(name string) string { return e.step.ID + " " + name }

// Dangling counts a relationship that cannot be made, since the row does not lead to one of its ends.
func (e *Emitter) Dangling(t *graph.Type) { e.dangling[t.Name].Add(1) }

// note keeps a sentence for the person who reads the summary, once.
func (e *Emitter) note(sentence string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if !slices.Contains(e.notes, sentence) {
		e.notes = append(e.notes, sentence)
	}
}

// noteUnreadable counts rows of a list that are no objects or have no ID, unreadable is how many there were so far, and
// forgetUnreadable begins anew, since the list is read once more.
func (e *Emitter) noteUnreadable(list string, rows int) {
	if rows == 0 {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.without[list] += int64(rows)
}

func (e *Emitter) unreadable(list string) int64 {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.without[list]
}

func (e *Emitter) forgetUnreadable(list string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.without, list)
}

// expect adds to the number of rows that are to come, and advance to those that came.
func (e *Emitter) expect(rows int)  { e.progress(e.rows.Load(), e.total.Add(int64(rows))) }
func (e *Emitter) advance(rows int) { e.progress(e.rows.Add(int64(rows)), e.total.Load()) }

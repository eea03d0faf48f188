package neo4jstore

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/neo4j/neo4j-go-driver/v5/neo4j"
	"github.com/sourcegraph/conc/panics"
	"github.com/sourcegraph/conc/pool"
)

// turn is the transaction of a bundle among those of an apply, which commit one after the other. A server spends on the commit of
// relationships twice what it spends on the statement that makes them, so the statement of one turn runs while the one before commits, where
// that can do no harm. It waits for the marker last, which the other one has until it has committed, and finds there whether it has.
type turn struct {
	bundle
	number int64
	before *turn // nil: it is the first
	ahead  bool  // it has begun before the other one has ended

	ready chan struct{} // closed when it has the marker and its rows are written, or when it has ended
	done  chan struct{} // closed when it has ended
	err   error         // how it ended

	rows, statements int64 // of the attempt that wrote it last
}

// mayRunAhead says whether a bundle may be written while another one commits. Both only create: so the one needs no lock that the other
// one waits for. And no relationship has an end that is not committed.
func (b *bundle) mayRunAhead(before *bundle) bool {
	has := func(b *bundle, what func(b batch) bool) bool { return slices.ContainsFunc(b.batches, what) }
	changes := func(b batch) bool { return b.action != create }
	relates := func(b batch) bool { return b.of.Relationship }
	makes := func(b batch) bool { return !b.of.Relationship }
	return !has(b, changes) && !has(before, changes) && !(has(b, relates) && has(before, makes))
}

// transactAll writes what is queued, each bundle in its turn. After an error, with which it cancels, nothing more is written.
func (w *writer) transactAll(panicked *panics.Catcher, cancel context.CancelCauseFunc) {
	turns := pool.New().WithMaxGoroutines(2) // more would pile up with their rows while a Progress, or the answer to a commit, takes long
	defer turns.Wait()
	var last *turn
	for b := range w.queue {
		if w.ctx.Err() != nil {
			continue
		}
		t := &turn{bundle: b, number: w.lease.number(), before: last, ready: make(chan struct{}), done: make(chan struct{})}
		if last != nil {
			<-last.ready
			if t.ahead = !w.lease.gone && b.mayRunAhead(&last.bundle); !t.ahead {
				<-last.done
			}
		}
		turns.Go(func() {
			defer close(t.done)
			panicked.Try(func() { t.err = w.transact(t) })
			if fault := panicked.Recovered(); fault != nil {
				t.err = fault.AsError() // else whoever makes batches would wait for ever
			}
			if t.err != nil {
				cancel(t.err)
			}
		})
		last = t
	}
}

// transact writes the batches of a turn.
func (w *writer) transact(t *turn) error {
	ready := sync.OnceFunc(func() { close(t.ready) })
	defer ready()
	err := errNotYet
	if t.ahead {
		err = w.attemptBundle(t, w.lease.ahead, ready)
	}
	if t.before != nil {
		<-t.before.done
		if t.before.err != nil {
			return t.before.err
		}
	}
	if errors.Is(err, errHangs) {
		return err
	}
	for err != nil {
		if errors.Is(err, errNotMade) { // somebody replaced what we made; the keys still say what is meant
			w.made.forget()
		}
		if err = w.attemptBundle(t, w.lease.batch, ready); err != nil && !errors.Is(err, errNotMade) {
			return err
		}
	}
	w.lease.statements += t.statements
	w.result.Rows += t.rows
	for _, b := range t.batches {
		b.of.done += int64(len(b.rows))
		w.target.Progress(b.of.Name, b.of.done, b.of.total)
	}
	t.before = nil // so that what was written is not kept until the end
	return nil
}

// attemptBundle writes the batches of a turn in a transaction of the lease's, which is batch or ahead. It counts nothing where an earlier attempt
// turns out to have written them.
func (w *writer) attemptBundle(t *turn, transact func(context.Context, int64, func(context.Context, neo4j.ManagedTransaction) error, func()) error, ready func()) error {
	var of *written // that was written when it failed
	err := transact(w.ctx, t.number, func(ctx context.Context, tx neo4j.ManagedTransaction) error {
		t.rows, t.statements = 0, 0 // an earlier attempt may have come to nothing
		for _, b := range t.batches {
			of = b.of
			in := transaction{ctx: ctx, tx: tx, of: b.of, made: w.made, scope: w.store.config.Scope, now: w.now}
			err := in.run(b, w.lease.gone)
			t.rows, t.statements = t.rows+in.rows, t.statements+in.statements
			if err != nil {
				return err
			}
		}
		return nil
	}, ready)
	if answer, ok := errors.AsType[*neo4j.Neo4jError](err); ok && answer.Code == "Neo.ClientError.Schema.ConstraintValidationFailed" {
		err = &differentError{err}
	}
	if err != nil && of != nil {
		err = fmt.Errorf("type %s: %w", of.Name, err)
	}
	return err
}

package delivery

import (
	"cmp"
	"context"
	"sync"
	"time"

	"github.com/sourcegraph/conc/panics"

	"s1graph/alerts/outbox"
	"s1graph/pause"
)

// What docs/alerts.md tells of a delivery that fails. The attempts take a process that is under way about a day: by
// chance 23 hours, 30 at most.
const (
	FirstPause   = 5 * time.Second  // after a first failure; it doubles with each
	MostPause    = 15 * time.Minute // after many
	MostAttempts = 128              // then an alert has failed
	SendTimeout  = 30 * time.Second // Config.Timeout, where it is 0
)

const (
	mostAfter = time.Hour // that a destination's own word, Retry-After, is obeyed

	// A destination that failed so often in a row, whatever the message, is left alone for a while: each
	// attempt at one that hangs costs the whole time that a send has.
	patience    = 3
	mostAtRest  = 5 * time.Minute
	mostAtATime = 16 // entries that are read at once
)

// worker delivers to one destination, one message at a time. What it knows beside the outbox is gone with the
// process: how long the destination is left alone, and how the last attempt ended, while that cannot be written down.
// Each attempt is claimed in the outbox before it is made, in one transaction with the end of the attempt before it. So
// nothing is sent by who cannot write, and a process that is killed repeats one attempt of each destination at most.
type worker struct {
	*Deliverer
	name   string
	sender sender

	failures int       // in a row
	restsTo  time.Time // nothing is sent before

	hold       hold
	unwritten  func(*outbox.Tx) error // notes how the last attempt ended; nil where that is on disk
	written    func()                 // tells of what unwritten has noted, once it is on disk; nil: nothing
	unreadable string                 // what was last said of entries that cannot be read

	refreshAt time.Time // when what lasts is told again
	forgets   bool      // the last time that failed

	waiting sync.Mutex
	stop    context.CancelFunc // ends the wait that is under way or comes next; nil before the first
}

// run works until ctx ends.
func (w *worker) run(ctx context.Context) {
	for ctx.Err() == nil {
		looked, cancel := context.WithCancel(ctx)
		w.waiting.Lock()
		w.stop = cancel // before the look, so that a Wake meanwhile counts
		w.waiting.Unlock()

		next, sent, err := w.round(ctx)
		w.refresh(ctx)
		if err != nil || !sent {
			_ = w.Wait(looked, w.pause(next))
		}
		cancel()
	}
	_ = w.write(context.WithoutCancel(ctx), nil) // the disk may have come back since the last try
}

// drain works until nothing is due.
func (w *worker) drain(ctx context.Context) error {
	defer w.refresh(ctx)
	for ctx.Err() == nil {
		if _, sent, err := w.round(ctx); err != nil || !sent {
			return err
		}
	}
	return nil
}

func (w *worker) wake() {
	w.waiting.Lock()
	defer w.waiting.Unlock()
	if w.stop != nil {
		w.stop()
	}
}

// pause is how long there is nothing to do, unless something is queued.
func (w *worker) pause(next time.Time) time.Duration {
	if next.IsZero() {
		return lookEvery
	}
	return max(0, min(next.Sub(w.Clock()), lookEvery))
}

// round sends some of what is due. Where it sent nothing, next says when something will be due; zero: not
// known. A panic is an error, so that it ends neither the other destinations nor other instances.
func (w *worker) round(ctx context.Context) (next time.Time, sent bool, err error) {
	if panicked := panics.Try(func() { next, sent, err = w.sendDue(ctx) }); panicked != nil {
		w.Logger.Error("delivering panicked, which is a fault of s1graph: please report it", "destination", w.name, "stack", string(panicked.Stack))
		return time.Time{}, false, panickedFault()
	}
	return next, sent, err
}

func (w *worker) sendDue(ctx context.Context) (next time.Time, sent bool, err error) {
	if until := w.hold.until(); until.After(w.Clock()) {
		return until, false, nil
	}
	if w.unwritten == nil && w.restsTo.After(w.Clock()) {
		return w.restsTo, false, nil
	}
	next, sent, err = w.try(ctx)
	switch {
	case err == nil:
		w.hold.end(w.Deliverer, "destination", w.name)
	case ctx.Err() == nil: // else it is no fault of the outbox
		w.hold.begin(w.Deliverer, err, sent, "destination", w.name)
		next = w.hold.until()
	}
	return next, sent, err
}

// try sends some of what is due and can be claimed; err is the first error of the outbox.
func (w *worker) try(ctx context.Context) (next time.Time, sent bool, err error) {
	if err := w.write(ctx, nil); err != nil {
		return time.Time{}, false, err
	}
	if w.restsTo.After(w.Clock()) {
		return w.restsTo, false, nil
	}
	due, next, err := w.due(ctx)
	for _, e := range due {
		if ctx.Err() != nil || w.restsTo.After(w.Clock()) {
			break
		}
		claimed, fault := w.claim(ctx, e)
		if fault != nil { // another one may be smaller, and find room
			err = cmp.Or(err, fault)
			continue
		}
		if claimed && !e.Orphan {
			w.deliver(ctx, e)
		}
		sent = sent || claimed
	}
	return next, sent, cmp.Or(err, w.write(context.WithoutCancel(ctx), nil))
}

// due is some of what may be sent now, and when something else will be. What cannot be read of it is told of once.
func (w *worker) due(ctx context.Context) (due []outbox.Entry, next time.Time, err error) {
	var unreadable error
	err = w.Outbox.View(ctx, func(tx *outbox.Tx) error {
		due, next, unreadable = tx.Due(w.name, w.Clock(), mostAtATime)
		return nil
	})
	if err != nil {
		return nil, time.Time{}, err
	}
	said := ""
	if unreadable != nil {
		said = unreadable.Error()
	}
	if said != "" && said != w.unreadable {
		w.Logger.Error("alerts that cannot be read are passed over", "destination", w.name, "error", said)
	}
	w.unreadable = said
	return due, next, nil
}

// claim notes that an attempt at e is about to be made. That it can is the proof that its end can be noted too, as
// far as there is one. An orphan fails instead. It returns false where e waits no more.
func (w *worker) claim(ctx context.Context, e outbox.Entry) (claimed bool, err error) {
	now := w.Clock()
	if e.Orphan {
		if err := w.write(ctx, func(tx *outbox.Tx) error { return tx.Bury(e, now, "") }); err != nil {
			return false, err
		}
		w.gaveUp(e, "the alert that it ends has failed")
		return true, nil
	}
	err = w.write(ctx, func(tx *outbox.Tx) (err error) {
		claimed, err = tx.Claim(e, now, now.Add(w.backoff(e.Attempts, MostPause)))
		return err
	})
	return claimed, err
}

// write notes how the last attempt ended, if that is not on disk yet, and what also does, if it is not nil, in one
// transaction.
func (w *worker) write(ctx context.Context, also func(*outbox.Tx) error) error {
	if w.unwritten == nil && also == nil {
		return nil
	}
	err := w.Outbox.Update(ctx, func(tx *outbox.Tx) error {
		for _, do := range []func(*outbox.Tx) error{w.unwritten, also} {
			if do == nil {
				continue
			}
			if err := do(tx); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	w.unwritten = nil
	if written := w.written; written != nil {
		w.written = nil
		written()
	}
	return nil
}

// deliver makes one attempt at e, which is claimed, and remembers how it went until that is written. Where ctx ended
// before there was an answer the claim is taken back: the attempt is repeated when there is somebody to make it.
func (w *worker) deliver(ctx context.Context, e outbox.Entry) {
	fault := w.attempt(ctx, func(ctx context.Context) *fault { return w.sender.send(ctx, e.Message) })
	if fault != nil && fault.cut {
		w.unwritten = func(tx *outbox.Tx) error { return tx.Unclaim(e) }
		return
	}
	now := w.Clock()
	args := []any{"destination", w.name, "rule", e.Rule, "id", e.ID}
	if fault == nil {
		w.failures, w.restsTo = 0, time.Time{}
		w.unwritten = func(tx *outbox.Tx) error { return tx.Delivered(e) }
		w.Logger.Info("alert "+StatusDelivered, args...)
		w.Observe(w.name, e.Rule, StatusDelivered)
		return
	}
	w.rest(fault)
	if fault.permanent || e.Attempts+1 >= MostAttempts {
		w.unwritten = func(tx *outbox.Tx) error { return tx.Bury(e, now, fault.reason) }
		w.gaveUp(e, fault.reason)
	} else {
		next := now.Add(max(w.backoff(e.Attempts, MostPause), min(fault.after, mostAfter)))
		w.unwritten = func(tx *outbox.Tx) error { return tx.Failed(e, next, fault.reason) }
		w.Logger.Warn("alert "+StatusFailed, append(args, "reason", fault.reason, "attempts", e.Attempts+1, "next", next.UTC().Format(time.RFC3339))...)
		w.Observe(w.name, e.Rule, StatusFailed)
	}
	if !fault.permanent && w.failures >= patience {
		w.away(now, fault.reason)
	}
}

func (w *worker) gaveUp(e outbox.Entry, reason string) {
	w.Logger.Error("alert "+StatusDead, "destination", w.name, "rule", e.Rule, "id", e.ID, "reason", reason)
	w.Observe(w.name, e.Rule, StatusDead)
}

// away notes that an attempt which failed now found the destination away. It stands for all alerts that are due: a long
// queue fails as soon as a short one.
func (w *worker) away(now time.Time, reason string) {
	own := w.unwritten
	var given []outbox.Entry
	w.unwritten = func(tx *outbox.Tx) (err error) {
		if err = own(tx); err != nil {
			return err
		}
		given, err = tx.Away(w.name, now, reason, func(attempts int) (time.Time, bool) {
			return now.Add(w.backoff(attempts-1, MostPause)), attempts < MostAttempts
		})
		return err
	}
	w.written = func() {
		for _, e := range given {
			w.gaveUp(e, reason)
		}
	}
}

// attempt sends. It does not outlast the time that a send has, nor the end of ctx by more than the grace. A panic is
// a failure as others are; what it says is not told, as it may have the URL in it.
func (w *worker) attempt(ctx context.Context, send func(context.Context) *fault) *fault {
	sending, cancel := context.WithTimeout(context.WithoutCancel(ctx), w.Timeout)
	defer cancel()
	stop := context.AfterFunc(ctx, func() {
		_ = pause.For(sending, grace)
		cancel()
	})
	defer stop()
	var fault *fault
	if panicked := panics.Try(func() { fault = send(sending) }); panicked != nil {
		w.Logger.Error("sending panicked, which is a fault of s1graph: please report it", "destination", w.name, "stack", string(panicked.Stack))
		fault = panickedFault()
	}
	if fault != nil && ctx.Err() != nil && sending.Err() != nil {
		fault.cut = true
	}
	return fault
}

// rest leaves the destination alone where it asked for that, or seems to be away.
func (w *worker) rest(f *fault) {
	if f.permanent {
		w.failures = 0 // it answers
		return
	}
	w.failures++
	var pause time.Duration
	if w.failures >= patience {
		pause = w.backoff(w.failures-patience, mostAtRest)
	}
	if pause = max(pause, min(f.after, mostAfter)); pause > 0 {
		w.restsTo = w.Clock().Add(pause)
	}
}

// backoff is the pause after so many failures and one more: it doubles up to most, less up to a half by
// chance, so that those who failed together do not come back together.
func (d *Deliverer) backoff(failures int, most time.Duration) time.Duration {
	pause := most
	if failures < 16 {
		pause = min(FirstPause<<failures, most)
	}
	return pause - time.Duration(d.Rand()*float64(pause)/2)
}

package fleet

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/nats-io/nats.go/jetstream"

	"s1graph/pause"
)

// takeName makes the process the member of its name. Another one that still renews it is refused; one that died is waited for.
func (f *Fleet) takeName(ctx context.Context) error {
	first := uint64(0) // revision of another one's key
	for began := time.Now(); ; {
		err := f.beat(ctx)
		isLate := errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil
		switch {
		case isLate && f.gaveUp(began):
			return fmt.Errorf("NATS does not answer this worker: see whether JetStream has a leader (%w)", err)
		case !isLate && !errors.Is(err, jetstream.ErrKeyExists):
			return err
		}
		if e, err := f.workers.Get(ctx, token(f.Worker)); err == nil {
			if first == 0 {
				first = e.Revision()
			}
			if e.Revision() != first {
				return fmt.Errorf("a worker %s lives already: give each worker a name of its own by --worker", f.Worker)
			}
		}
		if err := pause.For(ctx, f.TTL/10); err != nil {
			return err
		}
	}
}

// live renews the member's key until the fleet is left, or another process has the name.
func (f *Fleet) live() {
	ticks := time.NewTicker(f.TTL / 3)
	defer ticks.Stop()
	for {
		waits := f.Wall()
		select {
		case <-f.ctx.Done():
			return
		case <-ticks.C:
		case <-f.hurry:
		}
		if away := f.Wall().Sub(waits); away > f.TTL {
			f.Logger.Warn("this worker was paused, or its machine slept: what it had is another's by now, and what was under way is not committed", "seconds", away.Round(time.Second).Seconds())
		}
		ctx, cancel := context.WithTimeout(f.ctx, f.TTL/3)
		err := f.beat(ctx)
		cancel()
		if taken, is := errors.AsType[*takenError](err); is {
			f.end(taken)
			return
		}
		if err != nil && f.ctx.Err() == nil {
			f.Logger.Warn("the fleet does not hear from this worker", "error", err)
		}
		if err := f.reopen(err == nil); err != nil && f.ctx.Err() == nil {
			f.Logger.Warn("the fleet's buckets cannot be made or watched anew", "error", err)
		}
		f.wakeAll() // some may not have been heard of for long
	}
}

// isDeaf says whether the member does not hear of itself. It heard of a bucket that is no more, where NATS lost what it held and
// another member made the buckets anew: from that one on all seems well, and nothing is heard any more.
func (f *Fleet) isDeaf() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return time.Since(f.heardAt) > f.TTL
}

// reopen makes the buckets anew that NATS has lost, and watches them anew where it lost some, or where the member hears nothing:
// a watch hears nothing of a bucket that another member made in place of the one that it began with.
func (f *Fleet) reopen(isAnswered bool) error {
	ctx, cancel := context.WithTimeout(f.ctx, f.TTL)
	defer cancel()
	lost := f.lost(ctx)
	switch {
	case len(lost) > 0:
		f.Logger.Warn("NATS has lost buckets of the fleet: they are made anew, and what was claimed is claimed again", "buckets", lost)
		f.revision = 0 // a bucket that is new counts from its beginning
	case isAnswered && f.isDeaf():
		f.Logger.Warn("nothing was heard of the fleet for a while: its buckets are watched anew")
	default:
		return nil
	}
	if err := f.open(ctx); err != nil {
		return err
	}
	return f.beat(ctx)
}

// lost are the buckets that are not there, or not those that were opened. One that nothing is heard of just now is not lost.
func (f *Fleet) lost(ctx context.Context) (lost []string) {
	ctx, cancel := context.WithTimeout(ctx, f.TTL/4)
	defer cancel()
	for _, bucket := range []string{workersBucket, claimsBucket, statusBucket} {
		is, err := f.js.Stream(ctx, "KV_"+bucket)
		if errors.Is(err, jetstream.ErrStreamNotFound) || err == nil && !is.CachedInfo().Created.Equal(f.made[bucket]) {
			lost = append(lost, bucket)
		}
	}
	return lost
}

// beat says that the member lives.
func (f *Fleet) beat(ctx context.Context) (err error) {
	f.mu.Lock()
	f.self.Claims = f.held
	f.self.SentAt = f.Wall().UTC()
	value, err := json.Marshal(f.self, json.Deterministic(true))
	f.mu.Unlock()
	if err != nil {
		return err
	}
	key := token(f.Worker)
	if f.revision > 0 {
		var revision uint64
		if revision, err = f.workers.Update(ctx, key, value, f.revision); err == nil {
			f.revision = revision
			return nil
		}
		if !isMismatch(err) {
			return err
		}
	}
	revision, err := f.workers.Create(ctx, key, value) // it has ended, or never was
	if err == nil {
		f.revision = revision
		return nil
	}
	e, unread := f.workers.Get(ctx, key)
	var is Member
	switch {
	case errors.Is(unread, jetstream.ErrKeyNotFound): // it has ended meanwhile
	case unread != nil: // whose key it is, is not known
		return unread
	case json.Unmarshal(e.Value(), &is) != nil:
	case is.Process == f.self.Process: // an answer was lost
		f.revision = e.Revision()
		return nil
	case e.Revision() > f.revision: // else a node tells of older things
		return &takenError{is}
	}
	return err
}

// takenError says that another process has the name of this member.
type takenError struct{ by Member }

func (e *takenError) Error() string {
	return fmt.Sprintf("another worker is called %s by now, which started at %s, so this one ends: it was stopped or cut off for longer than its place is kept, or two have one name; give each worker a name of its own by --worker",
		e.by.Worker, e.by.Since.Format(time.RFC3339))
}

// Unwrap is what NATS says of it.
func (e *takenError) Unwrap() error { return jetstream.ErrKeyExists }

func isMismatch(err error) bool {
	return errors.Is(err, jetstream.ErrKeyRevisionMismatch) || errors.Is(err, jetstream.ErrKeyExists)
}

func (f *Fleet) noteMember(e jetstream.KeyValueEntry) {
	f.mu.Lock()
	var is Member
	if e.Operation() != jetstream.KeyValuePut || json.Unmarshal(e.Value(), &is) != nil {
		delete(f.living, e.Key())
	} else {
		f.living[e.Key()] = heard[Member]{is, time.Now()}
		if is.Process == f.self.Process {
			f.heardAt = time.Now()
			f.noteSkew(is.SentAt.Sub(e.Created()))
		}
		if f.Worker != "" && is.Rules != f.Rules && !f.warned[is.Process] {
			f.warned[is.Process] = true
			f.Logger.Warn("another worker has other rules of alerts: give all workers one configuration", "other", is.Worker)
		}
	}
	f.mu.Unlock()
	f.wakeAll()
}

func (f *Fleet) noteSkew(skew time.Duration) {
	before := f.skew
	f.skew = skew
	if f.skew.Abs() > MaxSkew && before.Abs() <= MaxSkew {
		f.Logger.Warn("this machine's clock differs from that of NATS: schedules and times are off by as much", "seconds", f.skew.Seconds())
	}
}

// lives says whether a member was heard of lately: the mark of its end may have been missed.
func (f *Fleet) lives(member heard[Member]) bool { return time.Since(member.at) <= 2*f.TTL }

// Joined says whether the fleet has heard of this member lately.
func (f *Fleet) Joined() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	self := f.living[token(f.Worker)]
	return self.what.Process == f.self.Process && f.lives(self)
}

// Brought says that what this member had of an instance is where all find it.
func (f *Fleet) Brought(instance string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	at := slices.Index(f.self.Brings, instance)
	if at < 0 {
		return
	}
	f.self.Brings = slices.Delete(f.self.Brings, at, at+1)
	f.beatNow()
}

// beatNow makes the member's key be sent, and the buckets be looked at, before that is due.
func (f *Fleet) beatNow() {
	select {
	case f.hurry <- struct{}{}:
	default: // it is about to be done
	}
}

// preferred is the living member that an instance whose token is given so belongs to; "" where none lives. Of those who bring
// it, where there are such, it belongs to one.
func (f *Fleet) preferred(instance, how string) (worker string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var most [sha256.Size]byte
	brings := false
	for _, key := range slices.Sorted(maps.Keys(f.living)) {
		member := f.living[key]
		own := slices.Contains(member.what.Brings, instance)
		if !f.lives(member) || brings && !own {
			continue
		}
		weight := sha256.Sum256([]byte(member.what.Worker + "\x00" + how))
		if worker == "" || own && !brings || string(weight[:]) > string(most[:]) {
			worker, most, brings = member.what.Worker, weight, own
		}
	}
	return worker
}

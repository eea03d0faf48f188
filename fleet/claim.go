package fleet

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// Claim is an instance that this process works for. Its context ends with that of Hold, and when the claim is lost: at
// 4/5 of the TTL after it was last renewed, at once if another has it. The cause is then ErrLost.
type Claim struct {
	context.Context

	Yield <-chan struct{} // closed when a member has joined that the instance belongs to: release it when it is at rest

	// Release gives the instance back. It is renewed until then, so that what ends with the context can be ended before
	// another one begins. It can be called several times.
	Release func()
}

// ErrLost says that a claim has ended, or may have.
var ErrLost = errors.New("the claim is lost")

// Hold waits until this process has the instance. how stands for the way its token is given: instances with one token belong to
// one member, except those that a member brings. The member that the instance belongs to takes it; where that one does not,
// anybody does after two TTLs. The error is ctx's.
func (f *Fleet) Hold(ctx context.Context, instance, how string) (*Claim, error) {
	key, changed := token(instance), make(chan struct{}, 1)
	f.mu.Lock()
	f.waiting[key] = changed
	f.mu.Unlock()
	forget := func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		if f.waiting[key] == changed {
			delete(f.waiting, key)
		}
	}
	looks := time.NewTicker(f.TTL / 4)
	defer looks.Stop()
	for free := time.Now(); ; {
		if f.isHeld(key, 2*f.TTL) { // the mark of its end may have been missed, and another clock is slower
			free = time.Now()
		} else if best := f.preferred(instance, how); f.ctx.Err() == nil && (best == f.Worker || time.Since(free) > 2*f.TTL) {
			c, err := f.claim(ctx, instance, how, best, changed, forget)
			if err == nil {
				return c, nil
			}
			if !isMismatch(err) && ctx.Err() == nil {
				f.Logger.Debug("not claimed", "instance", instance, "error", err)
			}
		}
		select {
		case <-ctx.Done():
			forget()
			return nil, context.Cause(ctx)
		case <-f.ctx.Done():
			forget()
			return nil, context.Cause(f.ctx)
		case <-changed:
		case <-looks.C:
		}
	}
}

// isHeld says whether somebody was heard to hold the instance within that time.
func (f *Fleet) isHeld(key string, within time.Duration) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	is, found := f.claimed[key]
	return found && time.Since(is.at) < within
}

// Owner is the worker who has the instance, as NATS says just now; "": nobody, or NATS does not say.
func (f *Fleet) Owner(ctx context.Context, instance string) (worker string) {
	var is owner
	if e, err := f.claims.Get(ctx, token(instance)); err == nil && json.Unmarshal(e.Value(), &is) == nil {
		worker = is.Worker
	}
	return worker
}

// claim takes the instance, and renews the claim until it is released or lost.
func (f *Fleet) claim(ctx context.Context, instance, how, best string, changed chan struct{}, forget func()) (*Claim, error) {
	h := &holding{Fleet: f, owner: owner{f.Worker, f.self.Process}, key: token(instance), wall: f.Wall(), mono: time.Now(), sent: time.Now()}
	var err error
	if h.value, err = json.Marshal(h.owner); err != nil {
		return nil, err
	}
	if h.revision, err = f.claims.Create(ctx, h.key, h.value); err != nil {
		own, _ := f.claims.Get(ctx, h.key)
		if own == nil || string(own.Value()) != string(h.value) {
			return nil, err
		}
		// An answer was lost, or a node tells of older things: whoever leads them knows.
		if h.revision, err = f.claims.Update(ctx, h.key, h.value, own.Revision()); err != nil {
			return nil, err
		}
	}
	asked, err := f.conn.Subscribe(runSubject+h.key, func(m *nats.Msg) {
		f.mu.Lock()
		do := f.runNow
		f.mu.Unlock()
		do(instance)
		_ = m.Respond([]byte(f.Worker)) // who asked may have gone
	})
	if err != nil {
		return nil, err
	}
	work, lose := context.WithCancelCause(ctx)
	yield, released := make(chan struct{}), make(chan struct{})
	f.count(1)
	f.running.Go(func() {
		h.keep(released, lose)
		_ = asked.Unsubscribe() // of a connection that may be closed
		f.count(-1)
	})
	f.running.Go(func() {
		defer forget()
		for {
			select {
			case <-released:
				return
			case <-work.Done():
				return
			case <-changed:
			}
			// Who was there when this process took the instance did not want it.
			if now := f.preferred(instance, how); now != "" && now != f.Worker && now != best {
				close(yield)
				return
			}
		}
	})
	var once sync.Once
	return &Claim{work, yield, func() {
		once.Do(func() {
			close(released)
			<-h.ended()
			lose(nil)
		})
	}}, nil
}

func (f *Fleet) count(n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.held += n
}

// holding is a claim that is renewed by one goroutine.
type holding struct {
	*Fleet
	owner      owner
	key        string
	value      []byte
	revision   uint64
	wall, mono time.Time // when it was taken, by both clocks
	sent       time.Time // when what renewed it last was sent

	once sync.Once
	done chan struct{}
}

// ended is closed when nothing is renewed any more.
func (h *holding) ended() chan struct{} {
	h.once.Do(func() { h.done = make(chan struct{}) })
	return h.done
}

// keep renews the claim until it is released, which ends it, or lost.
func (h *holding) keep(released <-chan struct{}, lose context.CancelCauseFunc) {
	defer close(h.ended())
	end := time.NewTimer(time.Until(h.sent.Add(h.TTL * 4 / 5)))
	defer end.Stop()
	next := time.NewTimer(h.TTL / 4)
	defer next.Stop()
	lost := func(why string) {
		h.mu.Lock()
		h.claimsLost++
		if h.claimed[h.key].what == h.owner { // so that it can have it again as soon as its work has ended
			delete(h.claimed, h.key)
		}
		h.mu.Unlock()
		lose(fmt.Errorf("%w: %s", ErrLost, why))
	}
	for {
		select {
		case <-released:
			ctx, cancel := context.WithTimeout(context.Background(), h.TTL/5)
			_ = h.claims.Delete(ctx, h.key, jetstream.LastRevision(h.revision)) // it ends by itself too
			cancel()
			return
		case <-h.ctx.Done():
			lost("the fleet was left")
			return
		case <-end.C:
			lost("it was not renewed in time, since NATS did not answer or this process was paused")
			return
		case <-next.C:
		}
		if slept := h.Wall().Sub(h.wall) - time.Since(h.mono); slept > h.TTL/5 {
			lost(fmt.Sprintf("this machine slept for %s", slept.Round(time.Second)))
			return
		}
		switch err := h.renew(); {
		case err == nil:
			h.wall, h.mono = h.Wall(), time.Now()
			end.Reset(time.Until(h.sent.Add(h.TTL * 4 / 5)))
			next.Reset(h.TTL / 4)
		case errors.Is(err, errTaken):
			lost(errTaken.Error())
			return
		default: // it may pass
			if errors.Is(err, jetstream.ErrNoStreamResponse) {
				h.beatNow() // which makes the bucket anew, if NATS has lost it
			}
			next.Reset(h.TTL / 20)
		}
	}
}

// errTaken is why a claim cannot be renewed any more. Other errors may pass.
var errTaken = errors.New("another worker has it")

func (h *holding) renew() error {
	sent := time.Now()
	// While the nodes elect a leader nobody answers. Who has several tries meanwhile is answered soon after.
	ctx, cancel := context.WithTimeout(h.ctx, min(h.TTL/4, max(h.TTL/10, time.Second)))
	defer cancel()
	revision, err := h.claims.Update(ctx, h.key, h.value, h.revision)
	if isMismatch(err) {
		revision, err = h.regain(ctx)
	}
	if err == nil {
		h.revision, h.sent = revision, sent
	}
	return err
}

// regain renews a claim where NATS has another revision than the last one that was heard of. A node that was cut off may tell
// of older things for a while: what it says counts only where it is newer, and else it is asked again.
func (h *holding) regain(ctx context.Context) (uint64, error) {
	e, err := h.claims.Get(ctx, h.key)
	var revision uint64
	switch {
	case errors.Is(err, jetstream.ErrKeyNotFound) && time.Since(h.sent) < h.TTL*4/5: // NATS lost it before it could end
		revision, err = h.claims.Create(ctx, h.key, h.value)
	case err != nil:
	case string(e.Value()) == string(h.value): // the answer to an earlier renewal was lost
		revision, err = h.claims.Update(ctx, h.key, h.value, e.Revision())
	case e.Revision() > h.revision:
		err = errTaken
	default:
		err = fmt.Errorf("NATS tells of revision %d, and %d was there", e.Revision(), h.revision)
	}
	return revision, err
}

package fleet

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// tried is a key, and so the name of an instance, that nothing else can have.
const tried = "=tried"

// triedWithin is for how long one waits for NATS to answer what is tried.
const triedWithin = 3 * time.Second

// Try does what a worker does with the buckets and with who asks for runs, without anything that a worker heeds: it ends a key that is
// not there. Buckets that are not there are not tried. The error says what this user may not do.
func (f *Fleet) Try(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, triedWithin)
	defer cancel()
	asked, err := f.conn.Subscribe(runSubject+tried, func(*nats.Msg) {})
	if err == nil {
		defer func() { _ = asked.Unsubscribe() }() // of a connection that may be closed
		_, err = f.conn.RequestWithContext(ctx, runSubject+tried+".asked", nil)
		if errors.Is(err, nats.ErrNoResponders) { // as it has to be
			err = nil
		}
	}
	for _, kv := range []jetstream.KeyValue{f.workers, f.claims, f.status} {
		if err == nil && kv != nil {
			err = kv.Delete(ctx, tried)
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case f.forbidden != "": // and so nobody may have answered
		return fmt.Errorf("NATS does not let this user do all that a fleet needs: it %s", f.forbidden)
	case err != nil:
		return fmt.Errorf("NATS does not do what a worker needs: %w", err)
	}
	return nil
}

// Skew asks NATS for the time, and says by how much this machine's clock is ahead of it, beyond what the answer's way can be. It is 0 where there
// is no bucket yet to ask about.
func (f *Fleet) Skew(ctx context.Context) (time.Duration, error) {
	if f.claims == nil {
		return 0, nil
	}
	ctx, cancel := context.WithTimeout(ctx, triedWithin)
	defer cancel()
	asked := f.Wall()
	bucket, err := f.js.Stream(ctx, "KV_"+claimsBucket)
	if err != nil {
		return 0, fmt.Errorf("NATS does not tell the time: %w", err)
	}
	there := bucket.CachedInfo().TimeStamp
	switch answered := f.Wall(); {
	case there.Before(asked):
		return asked.Sub(there), nil
	case there.After(answered):
		return answered.Sub(there), nil
	}
	return 0, nil
}

package delivery

import (
	"context"
	"slices"
	"time"

	"s1graph/alerts/outbox"
)

// What lasts is told again and again to a destination that forgets it otherwise.
const (
	RefreshEvery = 5 * time.Minute  // while a service delivers
	refreshed    = 4 * RefreshEvery // so long it is remembered, so that a restart resolves nothing
	untilNextRun = 25 * time.Hour   // likewise, where nobody delivers until the next run
	refreshAtAT  = 64               // alerts in one request
)

// refresher is a sender whose destination forgets what lasts.
type refresher interface {
	sender
	refresh(ctx context.Context, lasting []outbox.Message) *fault
	lastFor(time.Duration)
}

// lastFor tells the senders that need it for how long they will not be used, at most.
func (d *Deliverer) lastFor(t time.Duration) {
	for _, w := range d.workers {
		if r, ok := w.sender.(refresher); ok {
			r.lastFor(t)
		}
	}
}

// refresh tells again what lasts, if the time for it has come. A failure is tried again soon, and said once.
func (w *worker) refresh(ctx context.Context) {
	r, ok := w.sender.(refresher)
	now := w.Clock()
	if until := w.refreshAt.Sub(now); !ok || ctx.Err() != nil || until > 0 && until <= RefreshEvery { // else the clock was put back
		return
	}
	var lasting []outbox.Message
	err := w.Outbox.View(ctx, func(tx *outbox.Tx) (err error) {
		lasting, err = tx.Lasting(w.name)
		return err
	})
	if err != nil {
		return // which the next round meets too
	}
	w.refreshAt = now.Add(RefreshEvery)
	for some := range slices.Chunk(lasting, refreshAtAT) {
		fault := w.attempt(ctx, func(ctx context.Context) *fault { return r.refresh(ctx, some) })
		if fault == nil {
			w.forgets = false
			continue
		}
		w.refreshAt = now.Add(lookEvery)
		if !w.forgets && !fault.cut {
			w.forgets = true
			w.Logger.Warn("alerts that last could not be repeated; retrying", "destination", w.name, "alerts", len(lasting), "reason", fault.reason)
		}
		return
	}
}

package delivery

import (
	"sync"
	"time"
)

// hold is that alerts wait since the outbox cannot be read or written: what is sent and cannot be noted as sent would
// be sent again. It begins and ends with tries at the outbox, the pauses between which grow. The zero hold is none. It
// is safe for concurrent use.
type hold struct {
	mu       sync.Mutex
	since    time.Time // zero: nothing is held
	again    time.Time // when the outbox is tried next
	failures int       // tries that failed, since the last one that brought something on
	reason   string
}

// until is when the outbox is tried next; zero where nothing is held.
func (h *hold) until() time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.again
}

// begin notes a try that failed; progress says that it brought something on all the same. It is logged once, until
// the hold ends.
func (h *hold) begin(d *Deliverer, err error, progress bool, about ...any) {
	h.mu.Lock()
	defer h.mu.Unlock()
	now := d.Clock()
	h.reason = err.Error()
	if h.since.IsZero() {
		h.since = now
		d.Logger.Error("alerts are held back until the outbox can be read and written again: none is sent that could not be noted as sent",
			append(about, "error", h.reason)...)
	}
	if progress {
		h.failures = 0
	}
	h.again = now.Add(d.backoff(h.failures, mostAtRest))
	h.failures++
}

// end notes a try that did not fail.
func (h *hold) end(d *Deliverer, about ...any) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.since.IsZero() {
		return
	}
	d.Logger.Info("alerts are no longer held back", append(about, "since", h.since.UTC().Format(time.RFC3339))...)
	h.since, h.again, h.failures, h.reason = time.Time{}, time.Time{}, 0, ""
}

// Held says since when alerts are not sent because the outbox cannot be read or written, and why; since is zero where
// that is not so.
func (d *Deliverer) Held() (since time.Time, why string) {
	holds := []*hold{&d.turn}
	for _, w := range d.workers {
		holds = append(holds, &w.hold)
	}
	for _, h := range holds {
		h.mu.Lock()
		if !h.since.IsZero() && (since.IsZero() || h.since.Before(since)) {
			since, why = h.since, h.reason
		}
		h.mu.Unlock()
	}
	return since, why
}

// Package delivery brings the messages of an outbox to their destinations: through shoutrrr (Slack, Teams, Discord, PagerDuty,
// Opsgenie, e-mail, …) or as a signed JSON document to a webhook. Each message arrives at least once, and those of one key in
// their order; what a destination refuses, or has not taken after many attempts, becomes a dead letter. The alerts package says
// what is told to whom.
//
// The URL of a destination holds its secrets, and so do the errors of those who are given it. No error, log
// line or note in the outbox has any of that: what went wrong is said in words of this package's own.
package delivery

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"time"

	"s1graph/alerts/outbox"
	"s1graph/config"
	"s1graph/pause"
)

// What Config.Observe is told of each attempt.
const (
	StatusDelivered = "delivered"
	StatusFailed    = "failed" // and will be tried again
	StatusDead      = "dead"   // refused, or failed too often: kept as a dead letter
)

const (
	lookEvery = 30 * time.Second // another process may have queued something
	turnEvery = 5 * time.Second  // another process may have stopped to deliver
	grace     = 5 * time.Second  // that a send has to finish once the context ended
)

// Config is what a Deliverer is made of. Only Outbox is needed.
type Config struct {
	Outbox       *outbox.Outbox
	Destinations []config.Destination

	Clock func() time.Time                           // nil: time.Now
	Rand  func() float64                             // in [0,1), for jitter; nil: at random
	Wait  func(context.Context, time.Duration) error // returns ctx's error where that ends it; nil: with a timer

	// Transport is what webhooks are posted through; nil: one of its own, which honours HTTPS_PROXY.
	Transport http.RoundTripper

	Timeout time.Duration // that a send has; 0: 30 s
	Logger  *slog.Logger  // nil: says nothing

	// Observe, where set, is called after each attempt with one of the Status… constants, from many
	// goroutines at once.
	Observe func(destination, rule, status string)
}

// sender sends to one destination, one message at a time. It returns when ctx ends, if not before.
type sender interface {
	send(ctx context.Context, m outbox.Message) *fault
}

// Deliverer delivers what is queued in one outbox. Who makes it calls Run or Drain, as often as wanted but not
// both at once; there is nothing to close. It is safe for concurrent use otherwise.
type Deliverer struct {
	Config
	workers []*worker
	turn    hold // while the right to deliver cannot be taken
	close   func()
}

// New checks the destinations, all of them, and sends nothing.
func New(c Config) (*Deliverer, error) {
	if c.Outbox == nil {
		return nil, errors.New("delivery without an outbox")
	}
	if c.Clock == nil {
		c.Clock = time.Now
	}
	if c.Rand == nil {
		c.Rand = rand.Float64
	}
	if c.Wait == nil {
		c.Wait = pause.For
	}
	c.Logger = cmp.Or(c.Logger, slog.New(slog.DiscardHandler))
	if c.Observe == nil {
		c.Observe = func(string, string, string) {}
	}
	c.Timeout = cmp.Or(c.Timeout, SendTimeout)
	d := &Deliverer{Config: c}
	d.close = func() { http.DefaultClient.CloseIdleConnections() }
	if d.Transport == nil {
		own := http.DefaultTransport.(*http.Transport).Clone()
		d.Transport = own
		d.close = func() {
			http.DefaultClient.CloseIdleConnections()
			own.CloseIdleConnections()
		}
	}
	var faults []error
	for _, to := range c.Destinations {
		s, err := open(to, d.Config)
		if err != nil {
			faults = append(faults, fmt.Errorf("destination %s: %w", to.Name, err))
			continue
		}
		d.workers = append(d.workers, &worker{Deliverer: d, name: to.Name, sender: s})
	}
	if err := errors.Join(faults...); err != nil {
		return nil, err
	}
	return d, nil
}

// Run delivers until ctx ends: what is due, as soon as it is, and what is new when Wake is called and every
// 30 s. A send that is under way then has 5 s to finish. Only one process at a time delivers from an outbox;
// Run waits for its turn. Each destination has a worker of its own, and waits for no other. While the outbox cannot be
// read or written nothing is sent, which Held tells: Run tries again after pauses that grow.
func (d *Deliverer) Run(ctx context.Context) error {
	release := d.takeTurn(ctx)
	if release == nil {
		return nil
	}
	defer d.close()
	d.warnOfStrangers()
	d.lastFor(refreshed)
	var all sync.WaitGroup
	for _, w := range d.workers {
		all.Go(func() { w.run(ctx) })
	}
	all.Wait()
	return release()
}

// Wake lets Run look at once whether there is something new.
func (d *Deliverer) Wake() {
	for _, w := range d.workers {
		w.wake()
	}
}

// Drain delivers what is due until nothing is or ctx ends, and says how much is left, dead letters not
// counted: what failed, to be tried again later, what was not reached, and what is for destinations that are
// configured no more. Where another process delivers, Drain leaves it all to that one.
func (d *Deliverer) Drain(ctx context.Context) (left int, err error) {
	release, err := d.Outbox.TakeDelivery()
	if err != nil {
		return 0, err
	}
	if release != nil {
		defer d.close()
		d.lastFor(untilNextRun)
		faults := make([]error, len(d.workers))
		var all sync.WaitGroup
		for i, w := range d.workers {
			all.Go(func() { faults[i] = w.drain(ctx) })
		}
		all.Wait()
		faults = slices.CompactFunc(append(faults, release()), func(a, b error) bool { return a != nil && b != nil && a.Error() == b.Error() })
		if err := errors.Join(faults...); err != nil {
			return 0, err
		}
	}
	err = d.Outbox.View(context.WithoutCancel(ctx), func(tx *outbox.Tx) error {
		counts, err := tx.Counts()
		for _, c := range counts {
			left += c.Queued
		}
		return err
	})
	return left, err
}

// Send sends m to its destination now, past the queue. The error has no secrets.
func (d *Deliverer) Send(ctx context.Context, m outbox.Message) error {
	for _, to := range d.Destinations {
		if to.Name != m.Destination {
			continue
		}
		s, err := open(to, d.Config)
		if err != nil {
			return fmt.Errorf("destination %s: %w", to.Name, err)
		}
		defer d.close()
		ctx, cancel := context.WithTimeout(ctx, d.Timeout)
		defer cancel()
		if fault := s.send(ctx, m); fault != nil {
			return fmt.Errorf("destination %s: %w", to.Name, fault)
		}
		return nil
	}
	return fmt.Errorf("there is no destination %q", m.Destination)
}

// takeTurn returns nil when ctx ended before the turn came.
func (d *Deliverer) takeTurn(ctx context.Context) (release func() error) {
	for {
		release, err := d.Outbox.TakeDelivery()
		pause := turnEvery
		if err == nil {
			d.turn.end(d)
		} else {
			d.turn.begin(d, err, false)
			pause = d.turn.until().Sub(d.Clock())
		}
		if release != nil {
			return release
		}
		if d.Wait(ctx, pause) != nil {
			return nil
		}
	}
}

// warnOfStrangers tells of messages that nobody will deliver, since their destination has left the
// configuration, or has another name now.
func (d *Deliverer) warnOfStrangers() {
	var counts []outbox.Count
	err := d.Outbox.View(context.Background(), func(tx *outbox.Tx) (err error) {
		counts, err = tx.Counts()
		return err
	})
	if errors.Is(err, outbox.ErrDamaged) { // whoever comes next finds a new one
		d.Logger.Error("alerts were lost", "error", err)
	}
	if err != nil {
		return // which the workers meet too
	}
	for _, c := range counts {
		known := slices.ContainsFunc(d.Destinations, func(to config.Destination) bool { return to.Name == c.Destination })
		if !known && c.Queued > 0 {
			d.Logger.Warn("alerts wait for a destination that is not configured", "destination", c.Destination, "alerts", c.Queued)
		}
	}
}

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"s1graph/fleet/fleettest"
	"s1graph/pause"
)

// failures lets one thing after the other fail, and all be well in between.
func failures(ctx context.Context, out io.Writer, program string, seed uint64, only string) (err error) {
	w, err := newWorld(ctx, out, program, size{tenants: 24, agents: 60, workers: 3, interval: "1h", seed: seed})
	defer w.end(&err)
	if err == nil {
		err = w.startAll(8 * claim)
	}
	if err != nil {
		return err
	}
	for _, c := range []struct {
		name string
		fail func(p *worker) error // p has most of the tenants
	}{
		{"worker killed", func(p *worker) error {
			began, names := time.Now(), w.held(p)
			p.kill()
			_, err := w.takenOver(names, p, began, "killed")
			return errors.Join(err, w.start(p))
		}},
		{"worker ended", func(p *worker) error {
			began, names := time.Now(), w.held(p)
			err := p.end(endsWithin)
			_, late := w.takenOver(names, p, began, "ended")
			return errors.Join(err, late, w.start(p))
		}},
		{"worker paused for 40 s", func(p *worker) error {
			began, names, fenced := time.Now(), w.held(p), w.logged("another worker has taken the instance over")
			p.pause()
			_, err := w.takenOver(names, p, began, "paused")
			err = errors.Join(err, w.during(40*time.Second-time.Since(began), "paused"))
			woke := time.Now()
			p.wake()
			err = errors.Join(err, pause.For(ctx, 5*time.Second))
			w.say("awake: fenced %d times; %d of its runs were committed in 5 s, each of a tenant that it took", w.logged("another worker has taken the instance over")-fenced, len(byWorker(w.bucket.committedBetween(woke, time.Now()), p)))
			return err
		}},
		{"worker cut off from NATS for 40 s", func(p *worker) error {
			began, names := time.Now(), w.held(p)
			p.line.Cut()
			_, err := w.takenOver(names, p, began, "cut off")
			err = errors.Join(err, w.during(40*time.Second-time.Since(began), "cut off"))
			w.say("of its runs %d were committed after 4/5 of the claim", len(byWorker(w.bucket.committedBetween(began.Add(claim*4/5), time.Now()), p)))
			p.line.Mend(w.nodesFrom(slices.Index(w.workers, p))...)
			return err
		}},
		{"worker cut off from the bucket for 60 s", func(p *worker) error {
			began, names := time.Now(), w.held(p)
			w.bucket.feel(p.name, mood{isCut: true})
			err := w.during(time.Minute, "cut off")
			w.say("of its runs %d were committed; %d of the %d tenants that it had are its own still", len(byWorker(w.bucket.committedBetween(began.Add(time.Second), time.Now()), p)), len(w.held(p)), len(names))
			w.bucket.feel(p.name, mood{})
			return errors.Join(err, w.untilCommit("the bucket is back", p))
		}},
		{"one node of NATS lost", func(*worker) error {
			lost := w.logged("the claim is lost")
			fleettest.Stop(w.nodes[0])
			err := w.during(30*time.Second, "without a node")
			w.say("%d claims were lost", w.logged("the claim is lost")-lost)
			return errors.Join(err, w.startNodes(w.nodes[0]))
		}},
		{"all nodes of NATS lost for 30 s", func(*worker) error {
			fleettest.Stop(w.nodes...)
			began := time.Now() // until then some were renewed
			err := w.during(30*time.Second, "without NATS")
			w.say("%d runs were committed after 4/5 of the claim", len(w.bucket.committedBetween(began.Add(claim*4/5), time.Now())))
			return errors.Join(err, w.startNodes(w.nodes...), w.untilCommit("NATS is back", nil))
		}},
		{"NATS loses its data", func(*worker) error {
			fleettest.Stop(w.nodes...)
			for _, o := range w.options {
				if err := os.RemoveAll(o.StoreDir); err != nil {
					return err
				}
			}
			return errors.Join(w.startNodes(w.nodes...), w.untilCommit("NATS is back, with nothing", nil))
		}},
		{"bucket refuses for 25 s", func(*worker) error {
			w.bucket.feel("", mood{refuses: true})
			began := time.Now()
			err := w.during(25*time.Second, "with 503")
			w.say("%d runs were committed", len(w.bucket.committedBetween(began.Add(time.Second), time.Now())))
			w.bucket.feel("", mood{})
			return errors.Join(err, w.untilCommit("the bucket is back", nil))
		}},
		{"bucket takes 1 s a request for 30 s", func(*worker) error {
			w.bucket.feel("", mood{delay: time.Second})
			err := w.during(30*time.Second, "slow")
			w.bucket.feel("", mood{})
			return err
		}},
	} {
		if only != "" && !strings.Contains(c.name, only) {
			continue
		}
		most := slices.MaxFunc(w.workers, func(a, b *worker) int { return len(w.held(a)) - len(w.held(b)) })
		w.say("--- %s (%s has %d of %d tenants)", c.name, most.name, len(w.held(most)), len(w.tenants))
		w.round()
		err := w.inMidSync()
		if err = errors.Join(err, c.fail(most)); err == nil {
			err = w.readAll(8 * claim)
		}
		if err = errors.Join(err, w.during(claim, "all is well")); err != nil {
			return fmt.Errorf("%s: %w", c.name, err)
		}
	}
	if err := w.finish(8 * claim); err != nil {
		return err
	}
	return w.restoreBucket()
}

// during lets time pass in which the tenants change and are read, and says how many runs were committed of those that were due.
func (w *world) during(lasts time.Duration, what string) error {
	began := time.Now()
	for end := began.Add(lasts); time.Now().Before(end); {
		w.round()
		if err := pause.For(w.ctx, min(every, time.Until(end))); err != nil {
			return err
		}
	}
	if lasts > 0 {
		w.say("%s for %s: %d runs committed of %d due", what, lasts.Round(time.Second), len(w.bucket.committedBetween(began, time.Now())), int((lasts+every-1)/every)*len(w.tenants))
	}
	return nil
}

// untilCommit waits until a worker, or any, commits a run, and says how long that took.
func (w *world) untilCommit(what string, by *worker) error {
	began := time.Now()
	err := w.until("a run is committed", 8*claim, func() bool {
		if time.Since(began) > time.Second {
			w.hangUp()
		}
		runs := w.bucket.committedBetween(began, time.Now())
		return len(runs) > 0 && by == nil || by != nil && len(byWorker(runs, by)) > 0
	})
	w.say("%s: the first run is committed after %.1f s", what, time.Since(began).Seconds())
	return err
}

func byWorker(runs []committed, p *worker) []committed {
	return slices.DeleteFunc(runs, func(r committed) bool { return r.worker != p.name })
}

// startNodes starts nodes of NATS again that were stopped, with what their folders hold.
func (w *world) startNodes(stopped ...*server.Server) error {
	for _, s := range slices.Clone(stopped) {
		i := slices.Index(w.nodes, s)
		again, err := fleettest.StartOne(w.options[i])
		if err != nil {
			return err
		}
		w.nodes[i] = again
	}
	for i, p := range w.workers {
		p.line.Mend(w.nodesFrom(i)...)
	}
	return fleettest.Ready(w.ctx, w.nodes...)
}

// restoreBucket loses the last records of an instance's log, as somebody does who restores an older state of the bucket, and
// looks for the worker that had it to refuse the rest.
func (w *world) restoreBucket() error {
	name := w.tenants[0].name
	holder, _ := w.bucket.holder(name)
	for _, p := range w.workers {
		if err := p.end(endsWithin); err != nil {
			return err
		}
	}
	s := w.bucket.shelf(name)
	for n := s.last.Number; n > s.last.Number-3; n-- {
		if _, err := s.backend.DeleteObject(s3Bucket, fmt.Sprintf("%s/log/%012d", name, n)); err != nil {
			return err
		}
	}
	began := time.Now()
	if err := w.start(w.worker(holder)); err != nil {
		return err
	}
	err := w.until(holder+" refuses a log that lacks its last records", 4*claim, func() bool {
		return w.logged("an older state of the bucket was restored") > 0
	})
	w.say("--- bucket's last records lost: %s says so after %.1f s; %d runs of %s were committed", holder, time.Since(began).Seconds(), len(w.bucket.committedBetween(began, time.Now(), name)), name)
	return err
}

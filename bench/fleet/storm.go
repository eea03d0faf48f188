package main

import (
	"context"
	"io"
	"slices"
	"time"

	"s1graph/pause"
)

// every is how often the tenants of the long forms change and are read.
const every = 10 * time.Second

// storm kills and pauses workers by chance, in the middle of reading, while some answers of the bucket come late or never.
func storm(ctx context.Context, out io.Writer, program string, seed uint64, lasts time.Duration) (err error) {
	w, err := newWorld(ctx, out, program, size{tenants: 24, agents: 100, workers: 3, interval: "1h", seed: seed})
	defer w.end(&err)
	if err == nil {
		err = w.startAll(8 * claim)
	}
	if err != nil {
		return err
	}
	w.bucket.feel("", mood{delay: 10 * time.Millisecond, loses: 0.01})
	kills, pauses := 0, 0
	back := map[*worker]time.Time{} // when one that is away comes back
	for end := time.Now().Add(lasts); time.Now().Before(end); {
		next := time.Now().Add(every)
		w.round()
		if err := w.inMidSync(); err != nil {
			return err
		}
		well := slices.DeleteFunc(slices.Clone(w.workers), func(p *worker) bool { return !p.isWell() })
		if len(well) > 1 && w.random.IntN(3) > 0 {
			p := well[w.random.IntN(len(well))]
			away := time.Duration(1+w.random.IntN(45)) * time.Second
			back[p] = time.Now().Add(away)
			if w.random.IntN(2) == 0 {
				kills++
				w.say("kill -9 %s for %s, which has %d tenants", p.name, away, len(w.held(p)))
				p.kill()
			} else {
				pauses++
				w.say("pause %s for %s, which has %d tenants", p.name, away, len(w.held(p)))
				p.pause()
			}
		}
		for time.Now().Before(next) {
			if err := pause.For(ctx, 100*time.Millisecond); err != nil {
				return err
			}
			if err := w.comeBack(back, time.Now()); err != nil {
				return err
			}
		}
	}
	w.say("%d kills, %d pauses", kills, pauses)
	if err := w.comeBack(back, time.Now().Add(time.Hour)); err != nil {
		return err
	}
	w.bucket.feel("", mood{})
	return w.finish(8 * claim)
}

// comeBack starts and wakes the workers whose time has come.
func (w *world) comeBack(back map[*worker]time.Time, now time.Time) error {
	for p, at := range back {
		switch {
		case now.Before(at):
			continue
		case p.process == nil:
			if err := w.start(p); err != nil {
				return err
			}
		default:
			p.wake()
		}
		delete(back, p)
	}
	return nil
}

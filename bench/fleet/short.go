package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"time"

	"s1graph/pause"
)

// Short kills a worker, pauses one and ends one, each in the middle of reading, and holds the fleet to its promises. program is
// the built s1graph.
func Short(ctx context.Context, out io.Writer, program string, seed uint64) (err error) {
	w, err := newWorld(ctx, out, program, size{tenants: 12, agents: 24, workers: 3, interval: "1h", seed: seed, isBusy: true})
	defer w.end(&err)
	if err == nil {
		err = w.startAll(4 * claim)
	}
	if err != nil {
		return err
	}
	w.say("seed %d: %d tenants are read by %d workers", seed, len(w.tenants), len(w.workers))
	byHeld := slices.SortedFunc(slices.Values(w.workers), func(a, b *worker) int { return len(w.held(b)) - len(w.held(a)) })
	killed, paused, ended := byHeld[0], byHeld[1], byHeld[2]

	w.round()
	if err := w.inMidSync(); err != nil {
		return err
	}
	began, ofKilled, ofPaused := time.Now(), w.held(killed), w.held(paused)
	killed.kill()
	paused.pause()
	if _, err := w.takenOver(ofKilled, killed, began, "kill -9"); err != nil {
		return err
	}
	if _, err := w.takenOver(ofPaused, paused, began, "paused"); err != nil {
		return err
	}
	if err := w.readAll(4 * claim); err != nil {
		return err
	}
	paused.wake()
	if err := w.until("a worker that was paused gets back what belongs to it", w.bears(2*claim), func() bool { return len(w.held(paused)) > 0 }); err != nil {
		return err
	}

	w.round()
	if err := w.inMidSync(); err != nil {
		return err
	}
	began = time.Now()
	names := w.held(ended)
	if err := ended.end(w.bears(endsWithin)); err != nil {
		return err
	}
	hasEnded := time.Since(began)
	last, err := w.takenOver(names, ended, began, "SIGTERM")
	if err != nil {
		return err
	}
	if since := last - hasEnded; since > claim/2 { // what is not given back ends three quarters of a claim after it was renewed at the latest
		return fmt.Errorf("a worker that was told to end gave nothing back: its tenants were claimed %s after its end", since)
	}
	for _, p := range []*worker{killed, ended} {
		if err := w.start(p); err != nil {
			return err
		}
	}
	return w.finish(4 * claim)
}

// inMidSync waits until runs that were asked for are under way.
func (w *world) inMidSync() error {
	return pause.For(w.ctx, time.Duration(w.random.IntN(150))*time.Millisecond)
}

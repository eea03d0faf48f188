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

	"s1graph/pause"
)

// thousand has 1,000 tenants of 12 agents read by 4 workers every 5 minutes, of which one is killed then.
func thousand(ctx context.Context, out io.Writer, program string, seed uint64) (err error) {
	const interval, most = 5 * time.Minute, 450
	w, err := newWorld(ctx, out, program, size{tenants: 1000, agents: 12, workers: 4, interval: interval.String(), seed: seed})
	defer w.end(&err)
	if err == nil {
		err = w.startAll(4 * interval)
	}
	if err != nil {
		return err
	}
	requests, bytes := w.bucket.counts()
	w.say("each tenant is read for the first time; %d MB and %d requests to the bucket", bytes/1e6, requests)
	if err := pause.For(ctx, interval); err != nil { // until schedules have spread
		return err
	}
	began := time.Now()
	cpu, messages := w.cpuSeconds(), w.natsMessages()
	requests, bytes = w.bucket.counts()
	if err := pause.For(ctx, interval*11/10+30*time.Second); err != nil {
		return err
	}
	took := time.Since(began).Seconds()
	late := 0
	for _, t := range w.tenants {
		if len(w.bucket.committedBetween(began, time.Now(), t.name)) == 0 {
			late++
		}
	}
	runs := len(w.bucket.committedBetween(began, time.Now()))
	w.say("in %.0f s %d runs were committed; %d tenants had none", took, runs, late)
	if late > 0 {
		w.fault("%d tenants were not read within their interval of %s and a tenth", late, interval)
	}
	cpu, messages = w.cpuSeconds()-cpu, w.natsMessages()-messages
	requestsNow, bytesNow := w.bucket.counts()
	w.say("the workers together: %.2f cores; a run: %.3f CPU s, %.1f requests and %.1f kB to the bucket; NATS: %.1f messages a second, %.2f a claim", cpu/took, cpu/float64(runs),
		float64(requestsNow-requests)/float64(runs), float64(bytesNow-bytes)/1e3/float64(runs), float64(messages)/took, float64(messages)/took/float64(len(w.tenants)))
	for _, p := range w.workers {
		w.say("%s has %d tenants, and had %d MiB at most", p.name, len(w.held(p)), p.peakMiB())
		if p.peakMiB() > most {
			w.fault("%s had %d MiB, and may have %d", p.name, p.peakMiB(), most)
		}
	}
	killed := w.workers[0]
	before, names := w.asked(time.Now().Add(-20*time.Second), time.Now()), w.held(killed)
	at := time.Now()
	killed.kill()
	_, err = w.takenOver(names, killed, at, "kill -9")
	if err := pause.For(ctx, time.Until(at.Add(20*time.Second))); err != nil {
		return err
	}
	w.say("requests to consoles: %d in the 20 s before, %d in the 20 s after", before, w.asked(at, time.Now()))
	return errors.Join(err, w.start(killed), w.finish(2*interval))
}

// asked is how many requests consoles had in a time.
func (w *world) asked(from, to time.Time) (n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, all := range w.requests {
		for _, at := range all {
			if !at.Before(from) && at.Before(to) {
				n++
			}
		}
	}
	return n
}

func (w *world) natsMessages() (n int64) {
	for _, s := range w.nodes {
		if is, err := s.Varz(nil); err == nil {
			n += is.InMsgs
		}
	}
	return n
}

// cpuSeconds is what the workers' processes have used, of which Linux alone tells.
func (w *world) cpuSeconds() (seconds float64) {
	for _, p := range w.workers {
		if p.process == nil {
			continue
		}
		stat, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.process.Process.Pid))
		_, rest, _ := strings.Cut(string(stat), ") ")
		var user, system float64
		if fields := strings.Fields(rest); len(fields) > 12 {
			_, _ = fmt.Sscan(fields[11], &user)
			_, _ = fmt.Sscan(fields[12], &system)
		}
		seconds += (user + system) / 100
	}
	return seconds
}

// one measures a tenant of 1,000 agents with 10 applications, of which docs/performance.md makes 1,000 tenants.
func one(ctx context.Context, out io.Writer, program string, seed uint64) (err error) {
	w, err := newWorld(ctx, out, program, size{tenants: 1, agents: 1000, applications: 10, workers: 1, interval: "1h", seed: seed})
	defer w.end(&err)
	if err != nil {
		return err
	}
	measure := func(name string, do func() error) error {
		cpu, messages, asked := w.cpuSeconds(), w.natsMessages(), w.asked(w.began, time.Now())
		requests, bytes := w.bucket.counts()
		began := time.Now()
		err := do()
		requestsNow, bytesNow := w.bucket.counts()
		w.say("%s: %.2f s, %.2f CPU s, %d requests and %d kB to the bucket, %d requests to the console, %d messages in NATS", name, time.Since(began).Seconds(), w.cpuSeconds()-cpu,
			requestsNow-requests, (bytesNow-bytes)/1000, w.asked(w.began, time.Now())-asked, w.natsMessages()-messages)
		return err
	}
	if err := measure("first run, with the start", func() error { return w.startAll(8 * claim) }); err != nil {
		return err
	}
	rest := func() error { return pause.For(ctx, 15*time.Second) } // the outbox goes up some time after a delivery
	for i := range 10 {
		name, do := "unchanged run", w.readOnce
		if i%2 == 1 {
			name, do = "changed run", func() error { w.change(); return w.readOnce() }
		}
		if err := errors.Join(measure("15 s at rest", rest), measure(name, do)); err != nil {
			return err
		}
	}
	w.say("%d MiB at most", slices.MaxFunc(w.workers, func(a, b *worker) int { return a.peakMiB() - b.peakMiB() }).peakMiB())
	return nil
}

// readOnce has the workers read what they have once.
func (w *world) readOnce() error {
	began := time.Now()
	w.hangUp()
	return w.untilAtRest(began, 4*claim)
}

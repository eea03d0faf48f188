package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"s1graph/fleet/fleettest"
	"s1graph/pause"
	"s1graph/s1/s1test"
)

// claim is the least that a fleet may have.
const claim = 15 * time.Second

// handOver is how long two workers may ask one console: from when another one has the instance, or from when the one that had
// it wakes up and its timers fire. It is what a busy machine needs for that.
const handOver = 2 * time.Second

// patience is what on a busy machine only something that hangs exceeds.
const patience = 5 * time.Minute

// size says of what a world has how many.
type size struct {
	tenants, agents, applications int
	workers                       int
	interval                      string
	seed                          uint64

	// isBusy says that the machine may have so much else to do that what it is to do counts, and not for how long it does it. What the
	// fleet promises is held to its times nonetheless: when others claim what a worker had.
	isBusy bool
}

// world is a fleet and what it depends on. All but the workers is in this process.
type world struct {
	size
	ctx                  context.Context
	out                  io.Writer
	dir, program, config string
	began                time.Time
	random               *rand.Rand

	tenants []*tenant
	day     int
	bucket  *bucket
	hook    *hook
	nodes   []*server.Server
	options []*server.Options // of the nodes
	workers []*worker
	closing []func()

	mu       sync.Mutex
	faults   []string
	requests map[string][]time.Time // to consoles, by worker
	strays   int                    // requests of a worker whose instance another one had
	longest  time.Duration          // for which there were any
}

// tenant is one that is read.
type tenant struct {
	name, url string
	console   *s1test.Server
}

// newWorld makes a world without processes of workers. Who made it ends it, after an error too.
func newWorld(ctx context.Context, out io.Writer, program string, s size) (w *world, err error) {
	w = &world{size: s, ctx: ctx, out: out, program: program, began: time.Now(), random: rand.New(rand.NewPCG(s.seed, 1)), hook: newHook(), requests: map[string][]time.Time{}}
	w.bucket = newBucket(s.seed, w.fault)
	if w.dir, err = os.MkdirTemp("", "s1graph-fleet-"); err != nil {
		return w, err
	}
	w.closing = append(w.closing, func() {
		if os.Getenv("KEEP") == "" {
			_ = os.RemoveAll(w.dir)
		}
	})
	w.nodes, err = fleettest.Start(ctx, filepath.Join(w.dir, "nats"), 3, func(o *server.Options) {
		o.Cluster.NoAdvertise = true // or clients would go past the lines
		w.options = append(w.options, o)
	})
	if err != nil {
		return w, err
	}
	hook := httptest.NewServer(w.hook)
	w.closing = append(w.closing, hook.Close)
	settings := fmt.Sprintf("interval: %s\nclaim: %s\nvulnerabilities: {severities: \"off\"}\nalerts:\n  destinations:\n    hook: {url: %q, format: json}\n  rules:%sinstances:\n", s.interval, claim, hook.URL, rules)
	var tokens []s1test.Token
	for i := range s.workers {
		p, err := w.newWorker(i)
		if err != nil {
			return w, err
		}
		tokens = append(tokens, s1test.Token{Value: tokenOf(p.name), ExpiresAt: time.Now().AddDate(10, 0, 0)})
	}
	for i := range s.tenants {
		t := &tenant{name: fmt.Sprintf("t%04d", i), console: s1test.New(s1test.Tenant{
			Seed: s.seed + uint64(i), Sites: 2, Groups: 2, Agents: s.agents, Threats: s.agents / 4, ApplicationsPerAgent: s.applications, Changes: 1,
		})}
		t.console.Accept(tokens...)
		web := httptest.NewServer(w.serves(t))
		t.url = web.URL
		w.closing = append(w.closing, web.Close)
		w.tenants = append(w.tenants, t)
		settings += fmt.Sprintf("  - {instance: %s, url: %q}\n", t.name, t.url)
	}
	w.config = filepath.Join(w.dir, "s1graph.yaml")
	return w, os.WriteFile(w.config, []byte(settings), 0o600)
}

// end ends all that the world has, and adds to an error which promises were broken.
func (w *world) end(err *error) {
	*err = errors.Join(*err, w.broken())
	for _, p := range w.workers {
		if p.process != nil {
			p.kill()
		}
		p.line.Close()
		p.bucket.CloseClientConnections()
		p.bucket.Close()
	}
	fleettest.Stop(w.nodes...)
	for _, f := range slices.Backward(w.closing) {
		f()
	}
}

// nodesFrom are the nodes of NATS as the line of a worker tries them.
func (w *world) nodesFrom(number int) []*server.Server {
	first := number % len(w.nodes)
	return slices.Concat(w.nodes[first:], w.nodes[:first])
}

func (w *world) say(format string, a ...any) {
	fmt.Fprintf(w.out, "%6.1f s  %s\n", time.Since(w.began).Seconds(), fmt.Sprintf(format, a...))
}

// fault notes that a promise was broken.
func (w *world) fault(format string, a ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.faults = append(w.faults, fmt.Sprintf("%.1f s: ", time.Since(w.began).Seconds())+fmt.Sprintf(format, a...))
}

// serves is a tenant's console, which notes who asks, and holds that no two workers do so.
func (w *world) serves(t *tenant) http.HandlerFunc {
	return func(rw http.ResponseWriter, r *http.Request) {
		name, now := workerOf(r.Header.Get("Authorization")), time.Now()
		holder, since := w.bucket.holder(t.name)
		w.mu.Lock()
		w.requests[name] = append(w.requests[name], now)
		w.mu.Unlock()
		if name != holder {
			if p := w.worker(name); p != nil && time.Unix(0, p.wokenAt.Load()).After(since) {
				since = time.Unix(0, p.wokenAt.Load())
			}
			w.mu.Lock()
			w.strays++
			w.longest = max(w.longest, now.Sub(since))
			w.mu.Unlock()
			if now.Sub(since) > w.handOver() {
				w.fault("%s asks the console of %s %s after %s has it", name, t.name, now.Sub(since).Round(time.Millisecond), holder)
			}
		}
		t.console.ServeHTTP(rw, r)
	}
}

// bears is for how long something may take that the machine has to do.
func (w *world) bears(bound time.Duration) time.Duration {
	if w.isBusy {
		return max(bound, patience)
	}
	return bound
}

func (w *world) handOver() time.Duration {
	if w.isBusy { // which is less than it takes until a worker is told to read again
		return claim / 2
	}
	return handOver
}

func (w *world) worker(name string) *worker {
	i := slices.IndexFunc(w.workers, func(p *worker) bool { return p.name == name })
	if i < 0 {
		return nil
	}
	return w.workers[i]
}

// startAll starts all workers, and waits until all are members, and each tenant is read and at rest.
func (w *world) startAll(bound time.Duration) error {
	for _, p := range w.workers {
		if err := w.start(p); err != nil {
			return err
		}
	}
	conn, err := nats.Connect(fleettest.URLs(w.nodes))
	if err != nil {
		return err
	}
	defer conn.Close()
	js, err := jetstream.New(conn)
	if err != nil {
		return err
	}
	err = w.until("all workers are members", w.bears(bound), func() bool {
		bucket, err := js.KeyValue(w.ctx, "s1graph-workers")
		if err != nil {
			return false // nobody has made it yet
		}
		members, _ := bucket.Keys(w.ctx)
		return len(members) == len(w.workers)
	})
	if err != nil {
		return err
	}
	return w.untilAtRest(w.began, w.bears(bound))
}

// change lets some time pass in all tenants, so that some things change.
func (w *world) change() {
	w.day += 2 // odd days are busy
	for _, t := range w.tenants {
		t.console.SetDay(w.day - 1)
	}
}

// round changes the tenants, and has all workers read what they have.
func (w *world) round() {
	w.change()
	w.hangUp()
}

// hangUp has all workers read what they have. What a worker is reading, or just getting, it does not read again.
func (w *world) hangUp() {
	for _, p := range w.workers {
		p.hangUp()
	}
}

// until waits until something is so, and fails where it takes longer than it may.
func (w *world) until(what string, bound time.Duration, is func() bool) error {
	for began := time.Now(); !is(); {
		if time.Since(began) > bound {
			return fmt.Errorf("not within %s: %s", bound, what)
		}
		for _, p := range w.workers {
			if p.process == nil {
				continue
			}
			if err := p.dead(); err != nil {
				return err
			}
		}
		if err := pause.For(w.ctx, 10*time.Millisecond); err != nil {
			return err
		}
	}
	return nil
}

// untilAtRest waits until each tenant has a run that was committed after a time, and all have what they are to have of it.
func (w *world) untilAtRest(since time.Time, bound time.Duration) error {
	return w.until("each tenant is read and at rest", bound, func() bool {
		return !slices.ContainsFunc(w.tenants, func(t *tenant) bool { return !w.bucket.isAtRest(t.name, since) })
	})
}

// readAll changes the tenants, and has workers read until each is read whole since.
func (w *world) readAll(bound time.Duration) error {
	w.change()
	began := time.Now()
	for {
		w.hangUp()
		err := w.untilAtRest(began, 3*time.Second+time.Duration(len(w.tenants))*100*time.Millisecond)
		if err == nil || time.Since(began) > w.bears(bound) || w.ctx.Err() != nil {
			return err
		}
	}
}

// held are the tenants that a worker has.
func (w *world) held(p *worker) (names []string) {
	for _, t := range w.tenants {
		if holder, _ := w.bucket.holder(t.name); holder == p.name {
			names = append(names, t.name)
		}
	}
	return names
}

// takenOver waits until others have these tenants of a worker, and says how long after a time they claimed them, and had them with
// all that the bucket has of them. Before two claims have passed they must be claimed: then anybody takes what the one that it
// belongs to does not, and the fleet would have failed. To bring their folders is the machine's work, and has as long again for each
// hundred. last is how long after the time the last one was claimed.
func (w *world) takenOver(names []string, from *worker, since time.Time, what string) (last time.Duration, err error) {
	var claimed, took []float64
	err = w.until("others take over what "+from.name+" had", w.bears(2*claim*time.Duration(1+len(names)/100)), func() bool {
		took = nil
		for _, name := range names {
			if holder, at := w.bucket.holder(name); holder != from.name {
				took = append(took, at.Sub(since).Seconds())
			}
		}
		return len(took) == len(names)
	})
	if err != nil || len(took) == 0 {
		return 0, err
	}
	for name, at := range w.claimedSince(since) {
		if slices.Contains(names, name) {
			claimed = append(claimed, at.Sub(since).Seconds())
		}
	}
	slices.Sort(claimed)
	slices.Sort(took)
	if len(claimed) == 0 || claimed[len(claimed)-1] > (2*claim).Seconds() {
		w.fault("%s: not claimed within %s: %v", what, 2*claim, claimed)
		return 0, nil
	}
	w.say("%s: %d tenants claimed after %.1f to %.1f s, taken after %.1f to %.1f s", what, len(took), claimed[0], claimed[len(claimed)-1], took[0], took[len(took)-1])
	return time.Duration(claimed[len(claimed)-1] * float64(time.Second)), nil
}

// claimedLine is what a worker logs that has claimed an instance.
var claimedLine = regexp.MustCompile(`(?m)^time=(\S+) level=INFO msg="instance claimed" instance=(\S+)$`)

// claimedSince is when tenants were claimed for the first time after a time, by the workers' logs.
func (w *world) claimedSince(since time.Time) map[string]time.Time {
	first := map[string]time.Time{}
	for _, p := range w.workers {
		log, _ := os.ReadFile(p.logPath())
		for _, line := range claimedLine.FindAllSubmatch(log, -1) {
			at, err := time.Parse(time.RFC3339, string(line[1]))
			if known, isKnown := first[string(line[2])]; err == nil && !at.Before(since) && (!isKnown || at.Before(known)) {
				first[string(line[2])] = at
			}
		}
	}
	return first
}

// finish has each tenant read once more while all is well, and holds what came of it all against the promises.
func (w *world) finish(bound time.Duration) error {
	err := w.readAll(bound)
	runs := w.bucket.committedBetween(w.began, time.Now())
	told := w.until("each event is told", w.bears(2*claim), func() bool {
		missing, _ := w.hook.missing(runs)
		return len(missing) == 0
	})
	missing, due := w.hook.missing(runs)
	for _, event := range missing {
		w.fault("not told: %s", event)
	}
	records := 0
	for _, t := range w.tenants {
		s := w.bucket.shelf(t.name)
		s.mu.Lock()
		records += s.records
		s.mu.Unlock()
	}
	messages, again := w.hook.repeated()
	w.say("%d runs committed in %d records, %d times a worker was fenced; %d events to be told, %d messages, of which %d came before; %d requests of a worker whose tenant another had, up to %s after",
		len(runs), records, w.logged("another worker has taken the instance over"), due, messages, again, w.strays, w.longest.Round(time.Millisecond))
	if due == 0 {
		w.fault("nothing was to be told, so that nothing is shown")
	}
	return errors.Join(err, told)
}

// broken is an error of all promises that were broken so far.
func (w *world) broken() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	faults := slices.Concat(w.faults, w.hook.faults)
	if len(faults) == 0 {
		return nil
	}
	return fmt.Errorf("%d broken promises:\n%s", len(faults), strings.Join(faults[:min(len(faults), 30)], "\n"))
}

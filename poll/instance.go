package poll

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"github.com/sourcegraph/conc/panics"

	"s1graph/config"
	"s1graph/connector"
	"s1graph/graph"
	"s1graph/pause"
	"s1graph/s1"
	"s1graph/state"
)

// verifyEvery is how often a store is compared with what it really holds; the last run says when that was, also one of a
// service before this one.
const verifyEvery = 24 * time.Hour

// instance is one tenant that is polled. One goroutine does so; the others look at how it is doing.
type instance struct {
	service  *Service
	settings *config.Config
	log      *slog.Logger
	limiter  *s1.Limiter
	alerting alerting
	runNow   chan struct{} // holds a value where a run was asked for while none was under way
	asked    bool          // the run that is to begin was asked for, and reads all
	verified time.Time     // when the store was last compared whole

	replica   *state.Replica // nil without a bucket
	using     chan struct{}  // holds a value while a run, or what tells the bucket of deliveries, has the folder
	delivered chan struct{}  // holds a value where alerts were delivered since the bucket was told of it
	lose      func(error)    // ends what is done as the one who has the instance
	first     time.Time      // when the first run is due after this worker has taken the instance; zero: at once
	told      chan struct{}  // holds a value where the fleet is to be told how the instance is

	mu     sync.Mutex
	status status
}

// status is how an instance is doing.
type status struct {
	activity    activity
	since       time.Time         // when the run began that is under way
	progress    []connector.Event // of the run that is under way, by step
	next        time.Time         // when the next run is planned; zero while one is under way
	last        connector.Summary // of the last run since the service began, however it ended
	good        connector.Summary // of the last committed run, which may be of another process
	failedInRow int
	skipped     int64
}

// activity is what an instance does.
type activity string

const (
	waiting activity = "waiting" // for its time
	standby activity = "standby" // another worker of the fleet has the instance, or nobody
	taking  activity = "taking"  // from the bucket, which another worker of it may have used before
	queued  activity = "queued"  // for others to end, as no more may be under way at once
	running activity = "running"
)

func newInstance(s *Service, settings *config.Config, limiter *s1.Limiter) (*instance, error) {
	i := &instance{
		service: s, settings: settings, limiter: limiter,
		log: s.log.With("instance", settings.Instance), runNow: make(chan struct{}, 1), using: make(chan struct{}, 1), delivered: make(chan struct{}, 1), told: make(chan struct{}, 1),
		status: status{activity: waiting},
	}
	if s.Fleet != nil {
		i.status.activity = standby
	}
	if err := connector.CheckFolder(settings); err != nil {
		return nil, err
	}
	if s.Bucket != nil {
		i.replica = state.Of(s.Bucket, settings.Instance, settings.Worker, settings.Dir)
		i.replica.Clock = s.Now
		i.replica.Observe = func(op string, took time.Duration, bytes int64, err error) {
			s.answered.note(s.Now(), err)
			s.metrics.operation(settings.Instance, op, took, bytes, err)
		}
	}
	var err error
	if i.alerting, err = i.openAlerting(); err != nil {
		return nil, err
	}
	// Where the last committed run cannot be read, it is as if there were none: the next run has its own means to find
	// out.
	i.status.good, _ = connector.ReadSummary(settings.Dir)
	i.verified = connector.VerifiedAt(settings)
	return i, nil
}

// poll runs until ctx ends, or rest while no run is under way: first at once, so that what was missed or left undone while no
// service ran is made up for, then on schedule, and after a fault sooner. Who took over from another worker goes on with that one's schedule.
func (i *instance) poll(ctx, rest context.Context) {
	i.log.Info("polling", "interval", i.settings.Interval.String(), "dir", i.settings.Dir, "store", i.settings.Store)
	due, tries := i.service.Now(), 0
	if i.first.After(due) {
		due = i.first
	}
	for next := due; i.wait(rest, next); {
		started := i.service.Now()
		ended := i.run(ctx)
		switch ended.how {
		case interrupted:
			i.log.Info("run interrupted: nothing was committed")
			return
		case fenced:
			i.lose(ended.err)
			return
		}
		due = i.dueAfter(due, started)
		next = due.Add(i.jitter(due, i.settings.Interval.Next(due)))
		tries++
		if ended.how == committed || ended.how == nothingDue {
			tries = 0
		} else {
			next = i.sooner(next, tries)
		}
		i.logRun(ended, next)
	}
}

// looksAtClock is how often a wait looks at the clock, which may be put forward or back meanwhile.
const looksAtClock = time.Minute

// wait waits until it is time for a run, or until one is asked for; false: the service ends.
func (i *instance) wait(ctx context.Context, at time.Time) bool {
	for {
		now := i.service.Now()
		if latest := i.settings.Interval.Next(now); at.After(latest.Add(time.Minute)) { // which is more than it is put off
			at = latest
		}
		i.change(func(s *status) { s.activity, s.next = waiting, at })
		left := at.Sub(now)
		over := pause.Tell(ctx, pause.Wait{What: "next run of " + i.settings.Instance, Lasts: left})
		select {
		case <-ctx.Done():
			over()
			return false
		case <-i.runNow:
			over()
			i.log.Info("run now")
			i.asked = true
			return ctx.Err() == nil
		case <-i.service.After(min(left, looksAtClock)):
			over()
			if left <= looksAtClock {
				return ctx.Err() == nil
			}
		}
	}
}

// askForRun makes the instance run now, unless it does so already or is about to.
func (i *instance) askForRun() {
	i.mu.Lock()
	defer i.mu.Unlock()
	switch i.status.activity {
	case standby: // it is for who has it
		return
	case waiting, taking:
	default:
		i.log.Info("no run now: one is under way")
		return
	}
	select {
	case i.runNow <- struct{}{}:
	default: // was asked for already
	}
}

// mostSkipped is how many runs may have come due during one run. Where more seem to have, the clock was put forward.
const mostSkipped = 10_000

// dueAfter is when the next run is due, after one that was due and began at the given times and has ended now. What
// came due while it was under way is skipped and counted.
func (i *instance) dueAfter(due, started time.Time) time.Time {
	due = i.settings.Interval.After(due, started)
	skipped := int64(0)
	ended := i.service.Now()
	for due.Before(ended) {
		if skipped++; skipped == mostSkipped {
			due = i.settings.Interval.After(due, ended)
		} else {
			due = i.settings.Interval.Next(due)
		}
	}
	if latest := i.settings.Interval.Next(ended); due.After(latest) { // the clock was put back
		due = latest
	}
	if skipped > 0 {
		i.log.Warn("the run took longer than its interval", "skipped", skipped, "interval", i.settings.Interval.String())
		i.skip(skipped)
	}
	return due
}

// jitter is by how much something is put off so that not all instances do it at once: up to a tenth of the time
// between it and what follows, and to a minute.
func (i *instance) jitter(from, to time.Time) time.Duration {
	return time.Duration(i.service.Rand() * float64(min(to.Sub(from)/10, time.Minute)))
}

// sooner is when a run is tried again that failed so many times: after a minute, then two, four…, and at the latest
// when the next one is planned anyway.
func (i *instance) sooner(planned time.Time, tries int) time.Time {
	now := i.service.Now()
	again := now.Add(time.Minute << min(tries-1, 20))
	again = again.Add(i.jitter(now, again))
	if again.Before(planned) {
		return again
	}
	return planned
}

// ended is how a run ended.
type ended struct {
	how     how
	summary connector.Summary
	err     error // nil where it was committed
	took    time.Duration
}

type how int

const (
	committed   how = iota
	nothingDue      // nothing was committed, and that is no failure
	failed          // nothing was committed
	locked          // another process runs the instance
	interrupted     // since the service ends
	fenced          // another worker has the instance
)

// run makes one run, as soon as fewer are under way than may be at once.
func (i *instance) run(ctx context.Context) ended {
	i.change(func(s *status) {
		s.activity, s.next = queued, time.Time{}
		select {
		case <-i.runNow: // was asked for when it was time anyway
			i.asked = true
		default:
		}
	})
	select {
	case i.service.slots <- struct{}{}:
		defer func() { <-i.service.slots }()
	case <-ctx.Done():
		return ended{how: interrupted}
	}
	select {
	case i.using <- struct{}{}:
	case <-ctx.Done():
		return ended{how: interrupted}
	}
	started := i.service.Now()
	i.change(func(s *status) { s.activity, s.since, s.progress = running, started, nil })
	i.tell()
	verify := i.settings.HasNeo4j() && started.Sub(i.verified).Abs() >= verifyEvery
	summary, err := i.sync(ctx, verify, !i.asked)
	<-i.using
	i.asked = false
	if err == nil && verify && !isBehind(summary) && !summary.NothingDue {
		i.verified = started
	}
	e := ended{summary: summary, err: err, took: i.service.Now().Sub(started)}
	switch {
	case err == nil && summary.NothingDue:
		e.how = nothingDue
	case err != nil && ctx.Err() != nil:
		e.how = interrupted
	case connector.IsLocked(err):
		e.how = locked
	case connector.IsFenced(err):
		e.how = fenced
	case err != nil:
		e.how = failed
	}
	i.note(e)
	if i.replica != nil && (e.how == committed || e.how == failed || e.how == nothingDue) {
		i.putOutbox(ctx) // and finds out whether another worker has the instance
	}
	i.change(func(s *status) { s.activity = waiting }) // from now on, who asks for a run gets another one
	i.tell()
	return e
}

func isBehind(summary connector.Summary) bool {
	return slices.ContainsFunc(summary.Stores, func(r connector.StoreResult) bool { return r.Behind })
}

// sync calls Config.Sync. A panic in it is an error like others, and its stack is logged.
func (i *instance) sync(ctx context.Context, verify, due bool) (summary connector.Summary, err error) {
	started := i.service.Now().UTC()
	panicked := false
	defer func() {
		if fault := recover(); fault != nil {
			panicked = true
			value, stack := innermost(fault)
			i.log.Error("the run panicked, which is a fault of s1graph: please report it", "panic", fmt.Sprint(value), "stack", string(stack))
			summary, err = connector.Summary{}, fmt.Errorf("a fault of s1graph: panic: %v", value)
		}
		if err != nil {
			summary.Instance, summary.Status = i.settings.Instance, connector.Failed
			summary.Error = cmp.Or(summary.Error, err.Error())
		}
		if summary.FinishedAt.IsZero() {
			summary.StartedAt, summary.FinishedAt = started, i.service.Now().UTC()
		}
		if panicked {
			i.alerting.panicked(ctx, i, summary)
		}
		if i.alerting.deliverer != nil {
			i.alerting.deliverer.Wake() // what the run has queued is delivered at once
		}
	}()
	observed := s1.WithObserver(pause.Of(ctx, i.settings.Instance), func(a s1.Attempt) { i.service.metrics.request(i.settings.Instance, a) })
	return i.service.Sync(observed, connector.Options{
		Config: i.settings, Replica: i.replica, Due: due, Verify: verify, Unattended: true, Version: i.service.Version, Limiter: i.limiter, Alerts: i.alerting.engine,
		Clock: i.service.Now, Logger: i.log, Progress: i.progress,
	})
}

// innermost is what a panic was about, and where it was. It may have been carried from goroutine to goroutine.
func innermost(fault any) (value any, stack []byte) {
	stack = debug.Stack()
	for carried, ok := fault.(*panics.Recovered); ok; carried, ok = fault.(*panics.Recovered) {
		fault, stack = carried.Value, carried.Stack
	}
	return fault, stack
}

// progress notes how far a step is.
func (i *instance) progress(e connector.Event) {
	if i.service.Progress != nil {
		i.service.Progress(i.settings.Instance)(e)
	}
	i.change(func(s *status) {
		// Who looks at the status has the old list, so that is left as it is.
		events := slices.DeleteFunc(slices.Clone(s.progress), func(known connector.Event) bool {
			if known.Step == e.Step && e.Total == 0 { // a step that has ended says no more how much it has read
				e.Rows, e.Total = max(e.Rows, known.Rows), known.Total
			}
			return known.Step == e.Step
		})
		s.progress = append(events, e)
		slices.SortFunc(s.progress, func(a, b connector.Event) int { return cmp.Compare(a.Step, b.Step) })
	})
}

// note keeps how a run ended, for those who ask.
func (i *instance) note(e ended) {
	switch e.how {
	case interrupted:
	case nothingDue:
		i.service.metrics.notDue.WithLabelValues(i.settings.Instance).Inc()
		i.change(func(s *status) { s.failedInRow = 0 })
	case locked:
		i.skip(1)
	case failed, fenced:
		i.service.metrics.run(e.summary)
		i.change(func(s *status) { s.last, s.failedInRow = e.summary, s.failedInRow+1 })
	case committed:
		i.service.metrics.run(e.summary)
		i.change(func(s *status) { s.last, s.good, s.failedInRow = e.summary, e.summary, 0 })
	}
}

// skip counts runs that were due and did not take place.
func (i *instance) skip(runs int64) {
	i.service.metrics.skipped.WithLabelValues(i.settings.Instance).Add(float64(runs))
	i.change(func(s *status) { s.skipped += runs })
}

// logRun tells how a run ended, in one line.
func (i *instance) logRun(e ended, next time.Time) {
	if e.how == locked {
		// Somebody runs it by hand: the graph is being brought up to date, and nothing has failed.
		i.log.Warn("run skipped: another process runs the instance", "reason", e.err.Error(), "next", next)
		return
	}
	if e.how == nothingDue {
		i.log.Info("nothing is due", "seconds", e.took.Seconds(), "next", next)
		return
	}
	s := e.summary
	level := slog.LevelInfo
	attributes := []any{"status", string(s.Status), "run", s.Run, "seconds", e.took.Seconds()}
	if e.how == committed {
		changes := graph.Total(s.Changes)
		attributes = append(attributes, "entities", sum(s.Entities), "relationships", sum(s.Relationships),
			"created", changes.Created, "updated", changes.Updated, "deleted", changes.Deleted, "rekeyed", changes.Rekeyed,
			"baseline", changes.Baseline)
	}
	switch s.Status {
	case connector.Partial:
		level = slog.LevelWarn
		attributes = append(attributes, "incomplete", s.IncompleteTypes, "withheld", sum(s.WithheldDeletions), "behind", isBehind(s))
		if len(s.WithheldDeletions) > 0 {
			attributes = append(attributes, "advice", "if they are really gone: s1graph accept-deletions --instance "+s.Instance)
		}
	case connector.Failed:
		level = slog.LevelError
		attributes = append(attributes, "error", s.Error)
	}
	if len(s.Notices) > 0 {
		attributes = append(attributes, "notices", s.Notices)
	}
	i.log.Log(context.Background(), level, "run ended", append(attributes, "next", next)...)
}

func sum(counts map[string]int64) (total int64) {
	for _, n := range counts {
		total += n
	}
	return total
}

func (i *instance) change(f func(*status)) {
	i.mu.Lock()
	defer i.mu.Unlock()
	f(&i.status)
}

// state is how the instance is doing now.
func (i *instance) state() status {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.status
}

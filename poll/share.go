package poll

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/go-json-experiment/json"

	"s1graph/config"
	"s1graph/connector"
	"s1graph/fleet"
	"s1graph/state"
)

// outboxAfter is how long after a delivery the bucket is told of it, so that several are told of at once.
const outboxAfter = 10 * time.Second

// serve polls and delivers until ctx ends. With a bucket it takes the instance first. Where another worker takes it over, it does
// neither until somebody asks for a run: two who took it from each other would read the tenant twice for ever.
func (i *instance) serve(ctx context.Context) {
	switch {
	case i.service.Fleet != nil:
		i.share(ctx)
		return
	case i.replica == nil:
		i.work(ctx, ctx)
		return
	}
	for i.take(ctx, ctx) {
		held, lose := context.WithCancelCause(ctx)
		i.lose = lose
		i.work(held, held)
		lose(nil)
		if ctx.Err() != nil {
			i.putOutbox(context.WithoutCancel(ctx)) // nobody delivers any more
			return
		}
		if fault := context.Cause(held); errors.Is(fault, state.ErrFolderGone) {
			i.log.Warn("the instance is taken anew, which fills its folder from the bucket", "reason", fault)
			continue
		}
		i.log.Error("another worker has taken the instance over, so nothing is read or delivered here: SIGHUP or a restart takes it back", "reason", context.Cause(held))
		i.change(func(s *status) { s.activity, s.next = waiting, time.Time{} })
		select {
		case <-ctx.Done():
			return
		case <-i.runNow:
		}
	}
}

// mostTakes is how many instances are taken over at once.
const mostTakes = 8

// share works for the instance whenever the fleet gives it to this worker, until ctx ends.
func (i *instance) share(ctx context.Context) {
	for {
		claim, err := i.service.Fleet.Hold(ctx, i.settings.Instance, howTokenIsGiven(i.settings))
		if err != nil {
			return
		}
		i.log.Info("instance claimed")
		fault := cmp.Or(i.workFor(claim), context.Cause(claim))
		i.change(func(s *status) { s.activity, s.next, s.failedInRow = standby, time.Time{}, 0 })
		claim.Release()
		switch {
		case ctx.Err() != nil:
			return
		case errors.Is(fault, state.ErrFenced): // somebody beside the fleet, or who has the claim by now
			i.log.Warn("the bucket refused this worker, and what was under way is not committed", "reason", fault)
			besides := i.service.Fleet.Owner(ctx, i.settings.Instance) == ""
			if besides && i.service.wait(ctx, time.Minute) != nil { // else it is waited for until that worker gives it back
				return
			}
		case errors.Is(fault, state.ErrFolderGone):
			i.log.Warn("the instance is taken anew, which fills its folder from the bucket", "reason", fault)
		case fault != nil:
			i.log.Warn("the instance is no longer this worker's, and what was under way is not committed", "reason", fault)
		default:
			i.log.Info("the instance is left to another worker")
		}
	}
}

// workFor takes an instance and works for it until it is lost, or until it is at rest and belongs to another worker. It says
// why it was lost; nil where it was not. What waits for delivery is in the bucket when it returns.
func (i *instance) workFor(claim *fleet.Claim) error {
	held, lose := context.WithCancelCause(claim)
	defer lose(nil)
	i.lose = lose
	rest, yield := context.WithCancel(held)
	defer yield()
	ended := make(chan struct{})
	var reporting sync.WaitGroup
	defer reporting.Wait()
	defer close(ended)
	reporting.Go(func() {
		select {
		case <-claim.Yield:
			yield()
		case <-ended:
		}
	})
	reporting.Go(func() { i.report(held, ended) })
	if !i.take(held, rest) {
		return context.Cause(held)
	}
	i.work(held, rest)
	if !connector.IsFenced(context.Cause(held)) {
		i.putOutbox(context.WithoutCancel(held)) // which may find that another worker has it
	}
	return context.Cause(held)
}

// reportsEvery is how often the fleet is told how an instance is that nothing happens to.
const reportsEvery = time.Minute

// report tells the fleet how the instance is, until work has ended.
func (i *instance) report(ctx context.Context, ended <-chan struct{}) {
	for {
		select {
		case <-ended:
			return
		case <-i.told:
		case <-i.service.After(reportsEvery):
		}
		if content, err := json.Marshal(i.describe(i.service.Now()), json.Deterministic(true)); err == nil {
			i.service.Fleet.Report(ctx, i.settings.Instance, content)
		}
	}
}

// tell makes the fleet be told how the instance is.
func (i *instance) tell() {
	select {
	case i.told <- struct{}{}:
	default: // it is about to be told
	}
}

// Brings are the instances that only the folders of this machine have runs of, and the bucket nothing.
func Brings(ctx context.Context, settings *config.Service, b state.Bucket) (instances []string, err error) {
	for _, c := range settings.Instances {
		brings, err := state.Of(b, c.Instance, c.Worker, c.Dir).Brings(ctx)
		if err != nil {
			return nil, err
		}
		if brings {
			instances = append(instances, c.Instance)
		}
	}
	return instances, nil
}

// howTokenIsGiven stands for the way in which a token is given, and has nothing of the token.
func howTokenIsGiven(c *config.Config) string {
	return fmt.Sprintf("%s %q %q", c.URL, c.TokenFile, c.TokenCommand)
}

// work polls and delivers until ctx ends, or rest while no run is under way.
func (i *instance) work(ctx, rest context.Context) {
	ctx, end := context.WithCancel(ctx)
	var working sync.WaitGroup
	defer working.Wait()
	defer end()
	if i.alerting.engine != nil {
		working.Go(func() { i.deliver(ctx) })
		if i.replica != nil {
			working.Go(func() { i.tellOfDeliveries(ctx) })
		}
	}
	i.poll(ctx, rest)
}

// take takes the instance and brings its folder to the last state, however often that fails; false: ctx has ended, or rest has
// before it was taken.
func (i *instance) take(ctx, rest context.Context) bool {
	i.change(func(s *status) { s.activity, s.next = taking, time.Time{} })
	for tries := 1; ; tries++ {
		taken, err := i.tryToTake(ctx)
		if err == nil {
			i.log.Info("instance taken", "epoch", taken.Epoch, "restored", taken.Restored)
			good, unread := connector.ReadSummary(i.settings.Dir)
			i.verified = connector.VerifiedAt(i.settings)
			if i.first = (time.Time{}); i.service.Fleet != nil && taken.Settled && unread == nil && !i.asked {
				i.first = i.settings.Interval.Next(good.StartedAt)
			}
			i.change(func(s *status) {
				s.activity = waiting
				if unread == nil {
					s.good = good
				}
			})
			i.tell()
			if i.service.Fleet != nil {
				i.service.Fleet.Brought(i.settings.Instance)
			}
			return true
		}
		if ctx.Err() != nil {
			return false
		}
		now := i.service.Now().UTC()
		again := takesEvery
		if _, refused := errors.AsType[*state.RefusedError](err); refused { // which somebody must do something about
			again <<= min(tries-1, 5)
		}
		if tries&(tries-1) == 0 { // the first, second, fourth…
			i.log.Error("the instance cannot be taken, so it is not read here", "error", err.Error(), "next", now.Add(again))
		}
		i.note(ended{how: failed, summary: connector.Summary{Instance: i.settings.Instance, Status: connector.Failed, Error: err.Error(), StartedAt: now, FinishedAt: now}})
		i.tell()
		select {
		case <-rest.Done():
			return false
		case <-i.runNow:
			i.asked = true
		case <-i.service.After(again):
		}
	}
}

// takesEvery is how soon an instance is tried to be taken again: the bucket is to be back for no longer than that before it is.
const takesEvery = time.Minute

// tryToTake takes the instance, as soon as fewer are being taken than may be at once.
func (i *instance) tryToTake(ctx context.Context) (state.Taken, error) {
	select {
	case i.service.takes <- struct{}{}:
		defer func() { <-i.service.takes }()
	case <-ctx.Done():
		return state.Taken{}, context.Cause(ctx)
	}
	return i.replica.Take(ctx)
}

// tellOfDeliveries tells the bucket of deliveries, some time after they were made.
func (i *instance) tellOfDeliveries(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-i.delivered:
		}
		if i.service.wait(ctx, outboxAfter) != nil {
			return
		}
		i.putOutbox(ctx)
	}
}

// putOutbox brings what waits for delivery into the bucket. A run under way does so at its end.
func (i *instance) putOutbox(ctx context.Context) {
	select {
	case i.using <- struct{}{}:
		defer func() { <-i.using }()
	default:
		return
	}
	ctx, cancel := context.WithTimeout(ctx, endsWithin/3)
	defer cancel()
	err := i.replica.Outbox(ctx)
	switch {
	case connector.IsFenced(err):
		i.lose(err)
	case err != nil:
		i.log.Warn("the bucket lacks what became of alerts, and the next run makes up for it", "error", err.Error())
	}
}

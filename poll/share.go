package poll

import (
	"context"
	"errors"
	"sync"
	"time"

	"s1graph/connector"
	"s1graph/state"
)

// outboxAfter is how long after a delivery the bucket is told of it, so that several are told of at once.
const outboxAfter = 10 * time.Second

// serve polls and delivers until ctx ends. With a bucket it takes the instance first. Where another worker takes it over, it does
// neither until somebody asks for a run: two who took it from each other would read the tenant twice for ever.
func (i *instance) serve(ctx context.Context) {
	if i.replica == nil {
		i.work(ctx)
		return
	}
	for i.take(ctx) {
		held, lose := context.WithCancelCause(ctx)
		i.lose = lose
		i.work(held)
		lose(nil)
		if ctx.Err() != nil {
			i.putOutbox(context.WithoutCancel(ctx)) // nobody delivers any more
			return
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

// work polls and delivers until ctx ends.
func (i *instance) work(ctx context.Context) {
	var working sync.WaitGroup
	defer working.Wait()
	if i.alerting.engine != nil {
		working.Go(func() { i.deliver(ctx) })
		if i.replica != nil {
			working.Go(func() { i.tellOfDeliveries(ctx) })
		}
	}
	i.poll(ctx)
}

// take takes the instance and brings its folder to the last state, however often that fails; false: the service ends.
func (i *instance) take(ctx context.Context) bool {
	for tries := 1; ; tries++ {
		taken, err := i.replica.Take(ctx)
		if err == nil {
			i.log.Info("instance taken", "epoch", taken.Epoch, "restored", taken.Restored)
			good, unread := connector.ReadSummary(i.settings.Dir)
			i.verified = connector.VerifiedAt(i.settings)
			i.change(func(s *status) {
				if unread == nil {
					s.good = good
				}
			})
			return true
		}
		if ctx.Err() != nil {
			return false
		}
		again := time.Minute << min(tries-1, 5)
		i.log.Error("the instance cannot be taken", "error", err.Error(), "again", again)
		now := i.service.Now().UTC()
		i.note(ended{how: failed, summary: connector.Summary{Instance: i.settings.Instance, Status: connector.Failed, Error: err.Error(), StartedAt: now, FinishedAt: now}})
		if i.service.wait(ctx, again) != nil {
			return false
		}
	}
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
	ctx, cancel := context.WithTimeout(ctx, endsWithin/3)
	defer cancel()
	err := i.replica.Outbox(ctx)
	switch {
	case errors.Is(err, state.ErrFenced):
		i.lose(err)
	case err != nil:
		i.log.Warn("the bucket lacks what became of alerts, and the next run makes up for it", "error", err.Error())
	}
}

package cli

import (
	"context"
	"time"

	"s1graph/alerts"
	"s1graph/alerts/delivery"
	"s1graph/connector"
	"s1graph/pause"
	"s1graph/plural"
	"s1graph/state"
)

// runAndTell makes a run, and tells people of what it found, unless that is of a tenant of the past, or of none. What is to be
// told, and was, goes into the bucket, if there is one.
func runAndTell(ctx context.Context, o connector.Options, b state.Bucket) (connector.Summary, error) {
	if b == nil || o.DryRun {
		return tell(ctx, o)
	}
	o.Replica = state.Of(b, o.Config.Instance, o.Config.Worker, o.Config.Dir)
	summary, err := tell(ctx, o)
	if ctx.Err() == nil && !is[*connector.UsageError](err) && !connector.IsLocked(err) && !connector.IsFenced(err) {
		if err := o.Replica.Outbox(ctx); err != nil {
			summary.Notices = append(summary.Notices, "The bucket lacks what became of alerts since the run, and the next run makes up for it: "+oneLine(err)+".")
		}
	}
	return summary, err
}

func tell(ctx context.Context, o connector.Options) (connector.Summary, error) {
	if o.DryRun || o.Replay != "" {
		return connector.Sync(ctx, o)
	}
	engine, err := alerts.Open(o.Config, alerts.Config{Logger: o.Logger})
	switch {
	case err != nil:
		return connector.Summary{}, err
	case engine == nil: // nobody is to be told of anything
		return connector.Sync(ctx, o)
	}
	deliverer, err := engine.Deliverer(delivery.Config{Logger: o.Logger})
	if err != nil {
		return connector.Summary{}, misuse("%w", err)
	}
	o.Alerts = engine
	summary, err := connector.Sync(ctx, o)
	if !is[*connector.UsageError](err) { // the folder may be somebody else's, and is left as it is
		deliver(ctx, deliverer, &summary)
	}
	return summary, err
}

// mostTelling is how long a run by hand waits for destinations: what they have not taken by then waits on disk.
const mostTelling = 30 * time.Second

// deliver sends what is due, and notes in the summary what is left.
func deliver(ctx context.Context, deliverer *delivery.Deliverer, summary *connector.Summary) {
	if ctx.Err() != nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, mostTelling)
	defer cancel()
	over := pause.Tell(ctx, pause.Wait{What: "delivering alerts"})
	left, err := deliverer.Drain(ctx)
	over()
	switch {
	case err != nil:
		summary.Notices = append(summary.Notices, "Alerts could not be delivered, and wait: "+err.Error()+".")
	case left > 0:
		summary.Notices = append(summary.Notices, plural.Of(left, "alert")+" could not be delivered yet: the next run or poll tries again, and s1graph alerts list shows why.")
	}
}

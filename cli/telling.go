package cli

import (
	"context"
	"log/slog"
	"time"

	"s1graph/alerts"
	"s1graph/alerts/delivery"
	"s1graph/config"
	"s1graph/connector"
)

// telling tells people of what one run by hand found; nil where nobody is to be told of anything.
type telling struct {
	engine    *alerts.Engine
	deliverer *delivery.Deliverer
}

// openTelling sends nothing yet.
func openTelling(settings *config.Config, log *slog.Logger) (*telling, error) {
	engine, err := alerts.Open(settings, alerts.Config{Logger: log})
	if engine == nil || err != nil {
		return nil, err
	}
	deliverer, err := engine.Deliverer(delivery.Config{Logger: log})
	if err != nil {
		return nil, misuse("%w", err)
	}
	return &telling{engine, deliverer}, nil
}

// mostTelling is how long a run by hand waits for destinations: what they have not taken by then waits on disk.
const mostTelling = 30 * time.Second

// deliver sends what is due, and notes in the summary what is left.
func (t *telling) deliver(ctx context.Context, summary *connector.Summary) {
	if t == nil || ctx.Err() != nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, mostTelling)
	defer cancel()
	left, err := t.deliverer.Drain(ctx)
	switch {
	case err != nil:
		summary.Notices = append(summary.Notices, "Alerts could not be delivered, and wait: "+err.Error()+".")
	case left > 0:
		summary.Notices = append(summary.Notices, plural(left, "alert")+" could not be delivered yet: the next run or poll tries again, and s1graph alerts list shows why.")
	}
}

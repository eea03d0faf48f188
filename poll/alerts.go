package poll

import (
	"context"
	"fmt"
	"time"

	"s1graph/alerts"
	"s1graph/alerts/delivery"
	"s1graph/alerts/outbox"
	"s1graph/connector"
)

// deliverAgain is how long nothing is delivered after delivering ended by a fault.
const deliverAgain = time.Minute

// alerting is what an instance's runs are evaluated by, and who tells people of it; both nil where nobody is to be told of
// anything. Runs are evaluated by connector.Sync, which queues what is to be told; what is queued is delivered side by
// side with runs, so that a destination that hangs holds none of them up.
type alerting struct {
	engine    *alerts.Engine
	deliverer *delivery.Deliverer
}

// openAlerting says what is wrong with rules and destinations; nothing is opened, read or sent yet.
func (i *instance) openAlerting() (alerting, error) {
	count := func(rule, destination, status string) {
		i.service.metrics.alerts.WithLabelValues(i.settings.Instance, rule, destination, status).Inc()
	}
	engine, err := alerts.Open(i.settings, alerts.Config{Logger: i.log, Observe: func(rule string) { count(rule, "", "raised") }})
	if engine == nil || err != nil {
		return alerting{}, err
	}
	deliverer, err := engine.Deliverer(delivery.Config{
		Clock: i.service.Now, Rand: i.service.Rand, Wait: i.service.wait, Logger: i.log,
		Observe: func(destination, rule, status string) {
			count(rule, destination, status)
			select {
			case i.delivered <- struct{}{}:
			default: // the bucket is to be told already
			}
		},
	})
	return alerting{engine, deliverer}, err
}

// counts are how many alerts wait for each destination, and how many are dead. It is empty where that cannot be told
// soon.
func (a alerting) counts() (counts []outbox.Count) {
	if a.engine == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	err := a.engine.Outbox.View(ctx, func(tx *outbox.Tx) (err error) {
		counts, err = tx.Counts()
		return err
	})
	if err != nil {
		return nil
	}
	return counts
}

// held says whether alerts are held back; nil where they are not.
func (a alerting) held() *HeldStatus {
	if a.engine == nil {
		return nil
	}
	since, why := a.deliverer.Held()
	if since.IsZero() {
		return nil
	}
	return &HeldStatus{since.UTC(), why}
}

// deliver delivers alerts until ctx ends. A fault is tried again after a while: messages wait on disk.
func (i *instance) deliver(ctx context.Context) {
	for {
		err := i.alerting.deliverer.Run(ctx)
		if ctx.Err() != nil {
			return
		}
		i.log.Error("alerts are not delivered for a while", "error", fmt.Sprint(err), "again", deliverAgain)
		if i.service.wait(ctx, deliverAgain) != nil {
			return
		}
	}
}

// panicked lets the rules on runs evaluate a run that panicked; of other runs connector.Sync does so.
func (a alerting) panicked(ctx context.Context, i *instance, summary connector.Summary) {
	if a.engine == nil {
		return
	}
	defer func() {
		if fault := recover(); fault != nil {
			value, stack := innermost(fault)
			i.log.Error("the rules of alerts panicked", "panic", fmt.Sprint(value), "stack", string(stack))
		}
	}()
	err := a.engine.Failed(ctx, alerts.Report{
		Status: string(summary.Status), Error: summary.Error, StartedAt: summary.StartedAt,
	})
	if err != nil {
		i.log.Error("a failed run could not be evaluated by the rules of alerts", "error", err.Error())
	}
}

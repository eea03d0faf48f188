package fleet

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// Instance is how one is: who works for it, and what that one reported last.
type Instance struct {
	Owner   string // "": nobody
	Status  []byte // nil: nothing was reported for a day
	HeardAt time.Time
}

// Report keeps what this member says of an instance, for a day, for whoever asks.
func (f *Fleet) Report(ctx context.Context, instance string, status []byte) {
	ctx, cancel := context.WithTimeout(ctx, f.TTL/4)
	defer cancel()
	if _, err := f.status.Put(ctx, token(instance), status); err != nil && ctx.Err() == nil {
		f.Logger.Debug("the status was not kept", "instance", instance, "error", err)
	}
}

// Status is who lives, sorted by name, and the instances that are claimed or were reported of, by name.
func (f *Fleet) Status(ctx context.Context) (workers []Member, instances map[string]Instance, err error) {
	instances = map[string]Instance{}
	for _, one := range []struct {
		kv   jetstream.KeyValue
		note func(name string, e jetstream.KeyValueEntry) error
	}{
		{f.workers, func(_ string, e jetstream.KeyValueEntry) error {
			var is Member
			err := json.Unmarshal(e.Value(), &is)
			workers = append(workers, is)
			return err
		}},
		{f.claims, func(name string, e jetstream.KeyValueEntry) error {
			var is owner
			err := json.Unmarshal(e.Value(), &is)
			instances[name] = Instance{Owner: is.Worker}
			return err
		}},
		{f.status, func(name string, e jetstream.KeyValueEntry) error {
			is := instances[name]
			is.Status, is.HeardAt = e.Value(), e.Created()
			instances[name] = is
			return nil
		}},
	} {
		if one.kv == nil { // no worker was here yet
			continue
		}
		if err := each(ctx, one.kv, one.note); err != nil {
			return nil, nil, err
		}
	}
	slices.SortFunc(workers, func(a, b Member) int { return strings.Compare(a.Worker, b.Worker) })
	return workers, instances, nil
}

// listsWithin is how long a bucket may take to tell what it has. One that is made anew meanwhile never tells.
const listsWithin = 5 * time.Second

// each visits what a bucket has now.
func each(ctx context.Context, kv jetstream.KeyValue, visit func(name string, e jetstream.KeyValueEntry) error) error {
	ctx, cancel := context.WithTimeout(ctx, listsWithin)
	defer cancel()
	w, err := kv.WatchAll(ctx, jetstream.IgnoreDeletes())
	if err != nil {
		return fmt.Errorf("the bucket %s of NATS: %w", kv.Bucket(), err)
	}
	defer func() { _ = w.Stop() }()
	for {
		select {
		case e := <-w.Updates():
			if e == nil {
				return nil
			}
			if err := visit(name(e.Key()), e); err != nil {
				return fmt.Errorf("the bucket %s of NATS: %s: %w", kv.Bucket(), e.Key(), err)
			}
		case <-ctx.Done():
			return fmt.Errorf("the bucket %s of NATS does not tell what it has: %w", kv.Bucket(), ctx.Err())
		}
	}
}

// RunNow asks who works for an instance to run it now, and says who that is.
func (f *Fleet) RunNow(ctx context.Context, instance string) (worker string, err error) {
	given := ctx
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	answer, err := f.conn.RequestWithContext(ctx, runSubject+token(instance), nil)
	if errors.Is(err, nats.ErrNoResponders) {
		return "", fmt.Errorf("no worker has the instance %s now: s1graph fleet lists what each has", instance)
	}
	if errors.Is(err, context.DeadlineExceeded) && given.Err() == nil {
		return "", fmt.Errorf("the worker that has the instance %s did not answer within 5 s: if it is dead or paused, another one takes the instance over within %s and a second, and can be asked then", instance, f.TTL)
	}
	if err != nil {
		return "", fmt.Errorf("the worker that has the instance %s did not answer: %w", instance, err)
	}
	return string(answer.Data), nil
}

// OnRunNow says what is done when somebody asks for a run of an instance that this process has. It must not wait.
func (f *Fleet) OnRunNow(do func(instance string)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.runNow = do
}

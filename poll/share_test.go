package poll_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"s1graph/alerts/outbox"
	"s1graph/config"
	"s1graph/connector"
	"s1graph/poll"
	"s1graph/s1/s1test"
	"s1graph/state"
)

// reading makes runs of a console.
func reading(console *s1test.Server) syncing {
	return func(ctx context.Context, o connector.Options) (connector.Summary, error) {
		o.Transport = direct{console}
		return connector.Sync(ctx, o)
	}
}

func ofWorker(name string) func(*config.Config) {
	return func(c *config.Config) { c.Worker, c.Token = name, config.NewSecret(s1test.DefaultToken) }
}

func newBucket(t *testing.T) state.Bucket {
	t.Helper()
	b, err := state.Open(t.Context(), "file://"+filepath.Join(t.TempDir(), "bucket"))
	require.NoError(t, err)
	return b
}

func TestAServiceWhoseInstanceWasTakenOverReadsNothingUntilItIsAskedTo(t *testing.T) {
	console := s1test.New(s1test.Tenant{Seed: 1, Agents: 20, Threats: 5})
	b := newBucket(t)
	bubble(t, func(t *testing.T) {
		one := start(t, reading(console), poll.Config{Bucket: b}, instance(t, "acme", ofWorker("w1")))
		one.after(time.Minute)
		require.Equal(t, connector.Complete, one.of("acme").LastRun.Status)
		first := one.of("acme").LastRun.Run

		spare := start(t, reading(console), poll.Config{Bucket: b}, instance(t, "acme", ofWorker("w2")))
		spare.after(time.Minute)
		require.Equal(t, connector.Complete, spare.of("acme").LastRun.Status, spare.of("acme").LastRun)
		one.after(2 * time.Hour)
		assert.LessOrEqual(t, len(one.began("acme")), 2, "the run that found out, and no other")
		assert.Contains(t, one.of("acme").LastRun.Error, "another worker has taken the instance over: w2 wrote record")
		assert.GreaterOrEqual(t, len(spare.began("acme")), 4)
		assert.NotEqual(t, first, spare.of("acme").LastRun.Run)

		one.RunNow()
		one.after(time.Minute)
		assert.Equal(t, connector.Complete, one.of("acme").LastRun.Status)
		assert.Greater(t, one.of("acme").LastRun.Run, spare.of("acme").LastRun.Run)
		spare.after(time.Hour)
		assert.Contains(t, spare.of("acme").LastRun.Error, "w1 wrote record")
	})
}

func TestABucketIsToldOfDeliveriesTenSecondsAfterThem(t *testing.T) {
	var status atomic.Int32
	status.Store(http.StatusServiceUnavailable)
	url, received := receiver(t, &status)
	console := s1test.New(s1test.Tenant{Seed: 1, Agents: 20, Threats: 5})
	b := newBucket(t)
	bubble(t, func(t *testing.T) {
		copied := func() (waiting int) {
			dir := filepath.Join(t.TempDir(), "copy")
			require.NoError(t, state.Fetch(t.Context(), b, "acme", dir))
			require.NoError(t, outbox.In(dir).View(t.Context(), func(tx *outbox.Tx) error {
				entries, err := tx.Queued("")
				waiting = len(entries)
				return err
			}))
			return waiting
		}
		s := start(t, reading(console), poll.Config{Bucket: b}, instance(t, "acme", ofWorker("w1"), every(t, "6h"), tellingAll(url)))
		s.after(time.Minute)
		console.SetDay(1)
		s.RunNow()
		s.after(time.Second)
		require.NotZero(t, received.Load())
		assert.Equal(t, 1, copied())
		status.Store(http.StatusNoContent)
		s.after(2 * time.Hour)
		assert.Zero(t, copied())
	})
}

// tellingAll tells a webhook of each change.
func tellingAll(url string) func(*config.Config) {
	return func(c *config.Config) {
		c.Alerts = &config.Alerts{
			Destinations: []config.Destination{{Name: "hook", URL: config.NewSecret(url), Format: "json"}},
			Rules:        []config.Rule{{Name: "anything", When: `change.op in ["created", "updated", "deleted"]`, Title: "{{.Count}} changes", AtLeast: 1}},
		}
	}
}

// late is a bucket that takes its time over one object, once it is told so.
type late struct {
	state.Bucket
	is, takes atomic.Bool
}

func (l *late) Put(ctx context.Context, name string, content io.Reader) error {
	if l.is.CompareAndSwap(true, false) {
		l.takes.Store(true)
		time.Sleep(20 * time.Second) // of the bubble's clock
	}
	return l.Bucket.Put(ctx, name, content)
}

func TestARunWaitsUntilTheBucketIsToldOfDeliveries(t *testing.T) {
	var status atomic.Int32
	status.Store(http.StatusServiceUnavailable)
	url, received := receiver(t, &status)
	console := s1test.New(s1test.Tenant{Seed: 1, Agents: 20, Threats: 5})
	b := &late{Bucket: newBucket(t)}
	bubble(t, func(t *testing.T) {
		s := start(t, reading(console), poll.Config{Bucket: b}, instance(t, "acme", ofWorker("w1"), every(t, "6h"), tellingAll(url)))
		s.after(time.Minute)
		console.SetDay(1)
		s.RunNow()
		s.after(time.Second)
		require.NotZero(t, received.Load())
		before := s.of("acme").LastRun.Run
		status.Store(http.StatusNoContent)
		b.is.Store(true)
		for !b.takes.Load() {
			s.after(time.Second)
		}
		s.RunNow()
		s.after(40 * time.Second) // a run that finds the folder in use is tried again after a minute
		assert.Equal(t, connector.Complete, s.of("acme").LastRun.Status)
		assert.Equal(t, before, s.of("acme").LastRun.Previous)
	})
}

// away is a bucket that is not to be reached while it is told so.
type away struct {
	state.Bucket
	is atomic.Bool
}

func (a *away) List(ctx context.Context, prefix string) ([]string, error) {
	if a.is.Load() {
		return nil, errors.New("connection refused")
	}
	return a.Bucket.List(ctx, prefix)
}

func TestWhileTheBucketIsAwayNothingIsCommittedAndThenItGoesOn(t *testing.T) {
	console := s1test.New(s1test.Tenant{Seed: 1, Agents: 20, Threats: 5})
	b := &away{Bucket: newBucket(t)}
	b.is.Store(true)
	bubble(t, func(t *testing.T) {
		s := start(t, reading(console), poll.Config{Bucket: b}, instance(t, "acme", ofWorker("w1")))
		s.after(10 * time.Minute)
		assert.Empty(t, s.began("acme"), "who does not have the instance reads nothing")
		assert.Contains(t, s.of("acme").LastRun.Error, "connection refused")
		b.is.Store(false)
		s.after(90 * time.Second)
		require.Equal(t, connector.Complete, s.of("acme").LastRun.Status)
		last := s.of("acme").LastRun.Run
		b.is.Store(true)
		s.after(time.Hour)
		assert.Equal(t, connector.Failed, s.of("acme").LastRun.Status)
		b.is.Store(false)
		s.after(30 * time.Minute)
		assert.Equal(t, connector.Complete, s.of("acme").LastRun.Status)
		assert.Equal(t, last, s.of("acme").LastRun.Previous)
	})
}

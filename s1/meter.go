package s1

import (
	"context"
	"strings"
	"sync/atomic"
)

// Meter counts the requests that were sent under a context, those that failed and were sent again
// included. The zero Meter is ready for use, by many goroutines.
type Meter struct{ requests atomic.Int64 }

// Requests is how many requests were sent so far.
func (m *Meter) Requests() int64 { return m.requests.Load() }

type meterKey struct{}

// WithMeter returns a context under which m counts the requests, in place of a Meter that ctx might
// have had.
func WithMeter(ctx context.Context, m *Meter) context.Context {
	return context.WithValue(ctx, meterKey{}, m)
}

func countRequest(ctx context.Context) {
	if m, ok := ctx.Value(meterKey{}).(*Meter); ok {
		m.requests.Add(1)
	}
}

// Attempt is one request that was sent, and what came of it.
type Attempt struct {
	Path   string // below the API's own, such as /agents; IDs in it are cut to {id}, so that there are few paths
	Status int    // of the answer; 0 where no whole answer came
	Again  bool   // the same was asked for before, and had to be asked for again
}

type observerKey struct{}

// WithObserver returns a context under which observe is told of each request, but of those that were
// interrupted. It is called from many goroutines at once.
func WithObserver(ctx context.Context, observe func(Attempt)) context.Context {
	return context.WithValue(ctx, observerKey{}, observe)
}

func observeAttempt(ctx context.Context, r request, try int, f *fault) {
	observe, ok := ctx.Value(observerKey{}).(func(Attempt))
	if !ok || f != nil && ctx.Err() != nil {
		return
	}
	observe(Attempt{Path: withoutIDs(r.path), Status: statusOf(f), Again: try > 1})
}

// withoutIDs is a path of which no more forms than endpoints are met.
func withoutIDs(path string) string {
	parts := strings.Split(path, "/")
	for i, part := range parts {
		if part != "" && strings.Trim(part, "0123456789") == "" {
			parts[i] = "{id}"
		}
	}
	return strings.Join(parts, "/")
}

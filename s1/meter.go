package s1

import (
	"context"
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

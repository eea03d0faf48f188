package s1

import (
	"context"
	"strings"
)

// Attempt is one request that was sent, and what came of it.
type Attempt struct {
	Path   string // below the API's own, such as /agents; IDs in it are cut to {id}, so that there are few paths
	Status int    // of the answer; 0 where no whole answer came
	Retry  bool   // the same was asked for before
	Before int    // of a retry: the status that made it necessary
}

type observerKey struct{}

// WithObserver returns a context under which observe is told of each request, except those that were interrupted. It is called
// from many goroutines at once. Who observes ctx already is told too.
func WithObserver(ctx context.Context, observe func(Attempt)) context.Context {
	outer, _ := ctx.Value(observerKey{}).(func(Attempt))
	return context.WithValue(ctx, observerKey{}, func(a Attempt) {
		observe(a)
		if outer != nil {
			outer(a)
		}
	})
}

// observeAttempt tells of a request that ended with f; before is how the try before it ended, nil where it is
// the first.
func observeAttempt(ctx context.Context, r request, f, before *fault) {
	observe, ok := ctx.Value(observerKey{}).(func(Attempt))
	if !ok || f != nil && ctx.Err() != nil {
		return
	}
	a := Attempt{Path: withoutIDs(r.path), Status: statusOf(f), Retry: before != nil}
	if a.Retry {
		a.Before = statusOf(before)
	}
	observe(a)
}

// withoutIDs is a path with {id} in place of IDs, so that there are no more of them than endpoints.
func withoutIDs(path string) string {
	parts := strings.Split(path, "/")
	for i, part := range parts {
		if part != "" && strings.Trim(part, "0123456789") == "" {
			parts[i] = "{id}"
		}
	}
	return strings.Join(parts, "/")
}

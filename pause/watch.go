package pause

import (
	"context"
	"time"
)

// Wait is something that is waited for, as people are told of it.
type Wait struct {
	What  string        // such as "retrying /agents (try 2 of 6)"; it may hold text of the tenant
	Lasts time.Duration // as planned; 0: nobody knows
	Why   string        // of a wait that was not to be expected: what is wrong; it may hold text of the tenant
}

type watcherKey struct{}

// WithWatcher returns a context under which began is told of each wait when it begins, and the function that it returns is
// called when that wait is over. Both are called from many goroutines at once.
func WithWatcher(ctx context.Context, began func(Wait) (over func())) context.Context {
	return context.WithValue(ctx, watcherKey{}, began)
}

// Tell tells the watcher of ctx, if there is one, that a wait begins. Whoever calls it calls over when it is over.
func Tell(ctx context.Context, w Wait) (over func()) {
	if began, ok := ctx.Value(watcherKey{}).(func(Wait) (over func())); ok {
		return began(w)
	}
	return func() {}
}

// Of returns a context whose waits are told as those of somebody, such as one of several instances.
func Of(ctx context.Context, whose string) context.Context {
	return WithWatcher(ctx, func(w Wait) (over func()) {
		w.What = whose + ": " + w.What
		return Tell(ctx, w)
	})
}

// Package pause waits, stops waiting when a context ends, and tells those who watch what is waited for. What to wait for, and how
// often, is for others to decide.
package pause

import (
	"context"
	"time"
)

// For waits for d. If ctx ends before, it returns the error of ctx.
func For(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	return Until(ctx, timer.C)
}

// Until waits until a clock sends its time, such as that of time.After. If ctx ends before, it returns the error of ctx.
func Until(ctx context.Context, clock <-chan time.Time) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-clock:
		return nil
	}
}

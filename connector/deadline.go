package connector

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// DeadlineError says that a run took longer than it may. Nothing was committed.
type DeadlineError struct{ After time.Duration }

func (e *DeadlineError) Error() string {
	return fmt.Sprintf("the run took longer than runDeadline allows, %s, and was ended: nothing was committed and nothing is lost; "+
		"see which step took so long, and raise runDeadline (--run-deadline) if the tenant needs more time", e.After)
}

// withDeadline is ctx with the end that a run has at the latest.
func withDeadline(ctx context.Context, after time.Duration) (context.Context, context.CancelFunc) {
	if after <= 0 {
		return context.WithCancel(ctx)
	}
	return context.WithTimeoutCause(ctx, after, &DeadlineError{after})
}

// orDeadline is the error of a run under ctx. What was ended by the deadline may say no more than that it was ended.
func orDeadline(ctx context.Context, err error) error {
	var late *DeadlineError
	if errors.Is(err, context.DeadlineExceeded) && errors.As(context.Cause(ctx), &late) {
		return late
	}
	return err
}

package steps

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sourcegraph/conc"

	"s1graph/graph"
	"s1graph/graph/sorter"
	"s1graph/s1"
)

// Plan says which steps run, and where their records go.
type Plan struct {
	Steps    []Step
	Skip     func(stepID string) bool
	Rests    func(stepID string) bool // of a skipped step whether it may be read if another one turns out to need it; nil: none
	Sorter   *sorter.Sorter
	Tags     []graph.Property // put on every entity
	Progress func(Progress)   // called from several goroutines, one call at a time
}

// Progress says how far a step is.
type Progress struct {
	Step  string `json:"step"` // its ID
	State State  `json:"state"`
	Rows  int64  `json:"rows"`  // read so far
	Total int64  `json:"total"` // promised so far; 0: not known yet
}

// Result is how a step ended.
type Result struct {
	Step     Step
	State    State
	Err      error // of a failed, refused or unavailable step
	Elapsed  time.Duration
	Requests int64

	// Dangling counts, by relationship type, what was not made because the row did not lead to an end.
	Dangling map[string]int64

	// Notes are sentences for the person who reads the summary: what was odd, and what was made of it.
	Notes []string
}

// Run runs the steps, each as soon as those that it depends on have ended, however they ended. What
// bounds the load is the client: a bounded pool of steps that wait for each other would deadlock.
//
// A step that rests is read after them where what they read turns out to need it. The results are in the order of
// plan.Steps. The error is what makes all steps pointless: the context
// was cancelled, the token was refused, or records could not be kept.
func Run(ctx context.Context, in *Input, plan Plan) ([]Result, error) {
	in.wanted.rests = plan.Rests
	results, err := runAll(ctx, in, plan)
	if err == nil {
		err = in.readWanted(ctx, plan, results)
	}
	return results, err
}

// runAll runs the steps of a plan.
func runAll(ctx context.Context, in *Input, plan Plan) ([]Result, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	done := make(map[string]chan struct{}, len(plan.Steps))
	for _, step := range plan.Steps {
		done[step.ID] = make(chan struct{})
	}
	var progress sync.Mutex
	report := func(p Progress) {
		progress.Lock()
		defer progress.Unlock()
		plan.Progress(p)
	}

	results := make([]Result, len(plan.Steps))
	var running conc.WaitGroup
	for i, step := range plan.Steps {
		running.Go(func() {
			defer close(done[step.ID])
			for _, id := range step.DependsOn {
				if done[id] != nil { // else it ended before
					<-done[id]
				}
			}
			result, err := runStep(ctx, in, step, plan, report)
			if err != nil {
				cancel(err)
			}
			results[i] = result
			report(Progress{Step: step.ID, State: result.State})
			logResult(in.Logger, result)
		})
	}
	running.Wait()
	return results, context.Cause(ctx)
}

// runStep runs one step. Its error is one that ends the run.
func runStep(ctx context.Context, in *Input, step Step, plan Plan, report func(Progress)) (Result, error) {
	result := Result{Step: step, State: Skipped, Dangling: make(map[string]int64)}
	started := time.Now()
	if !plan.Skip(step.ID) {
		report(Progress{Step: step.ID, State: Running})
		var requests atomic.Int64
		observed := s1.WithObserver(ctx, func(s1.Attempt) { requests.Add(1) })
		out := newEmitter(step, plan.Sorter, plan.Tags, func(rows, total int64) {
			report(Progress{Step: step.ID, State: Running, Rows: rows, Total: total})
		})
		result.Err = step.Run(observed, in, out)
		result.State = stateOf(result.Err)
		result.Requests = requests.Load()
		result.Notes = out.notes
		for name, n := range out.dangling {
			result.Dangling[name] = n.Load()
		}
	}
	result.Elapsed = time.Since(started)
	if err := pointless(ctx, result.Err); err != nil {
		if ctx.Err() != nil && errors.Is(result.Err, ctx.Err()) {
			result.Err = cutShort(ctx)
		}
		return result, err
	}
	if result.State != OK && step.Seed != nil {
		if err := step.Seed(ctx, in); err != nil {
			return result, fmt.Errorf("step %s: reading the last graph: %w", step.ID, err)
		}
	}
	return result, nil
}

func stateOf(err error) State {
	var unavailable *unavailableError
	switch {
	case err == nil:
		return OK
	case errors.As(err, &unavailable):
		return Unavailable
	case s1.IsRefused(err):
		return Refused
	}
	return Failed
}

// pointless returns the error if it is not about one step's list alone.
func pointless(ctx context.Context, err error) error {
	var unkept *buildError
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case s1.IsUnauthorized(err), errors.As(err, &unkept):
		return err
	}
	return nil
}

// cutShort is the error of a step that ended with the run, for a cause that was none of the step's.
func cutShort(ctx context.Context) error {
	var unkept *buildError
	switch cause := context.Cause(ctx); {
	case s1.IsUnauthorized(cause):
		return errors.New("not read: the token was refused")
	case errors.As(cause, &unkept):
		return errors.New("not read: the records of another step could not be kept")
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return errors.New("not read: the run took too long")
	}
	return errors.New("not read: the run was interrupted")
}

func logResult(log *slog.Logger, r Result) {
	attributes := []any{"step", r.Step.ID, "state", string(r.State), "seconds", r.Elapsed.Seconds(), "requests", r.Requests}
	if r.Err != nil {
		log.Warn("step ended", append(attributes, "error", r.Err.Error())...)
		return
	}
	log.Info("step ended", attributes...)
}

package steps

import (
	"context"
	"slices"
	"sync"
)

// wanted are steps that rest, and turn out to be needed by what another one read.
type wanted struct {
	rests func(stepID string) bool // nil: none does
	mu    sync.Mutex
	steps []string       // IDs
	after []func() error // to be done when they were read
}

// isResting says whether a step can be wanted.
func (w *wanted) isResting(stepID string) bool { return w.rests != nil && w.rests(stepID) }

func (w *wanted) add(stepID string, after func() error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.steps, w.after = append(w.steps, stepID), append(w.after, after)
}

// readWanted reads the steps that are wanted and rest, with those that they depend on, and puts their results into the
// place of those that they had.
func (in *Input) readWanted(ctx context.Context, plan Plan, results []Result) error {
	late := make(map[string]bool)
	for _, step := range slices.Backward(plan.Steps) {
		late[step.ID] = in.wanted.isResting(step.ID) && (late[step.ID] || slices.Contains(in.wanted.steps, step.ID))
		for _, id := range step.DependsOn {
			late[id] = late[id] || late[step.ID]
		}
	}
	plan.Skip = func(string) bool { return false }
	plan.Steps = slices.DeleteFunc(slices.Clone(plan.Steps), func(step Step) bool { return !late[step.ID] })
	if len(plan.Steps) > 0 {
		in.lookups.forgetAgents()
		read, err := runAll(ctx, in, plan)
		for _, result := range read {
			i := slices.IndexFunc(results, func(r Result) bool { return r.Step.ID == result.Step.ID })
			results[i] = result
		}
		if err != nil {
			return err
		}
	}
	for _, after := range in.wanted.after {
		if err := after(); err != nil {
			return err
		}
	}
	return nil
}

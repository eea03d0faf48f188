package connector

import (
	"errors"
	"slices"
	"time"

	"s1graph/config"
	"s1graph/model"
	"s1graph/steps"
)

// errNothingDue ends a run that was to read what is due, where nothing is.
var errNothingDue = errors.New("no step is due")

// findDue finds the steps that this run leaves out because they are not due. differs says of a step whether this run reads
// otherwise than it was last read.
func (r *run) findDue(in *steps.Input, differs func(steps.Step) bool) {
	if !r.o.Due {
		return
	}
	all := steps.All()
	due := make(map[string]bool)
	for _, step := range all {
		isWanted := in.Scope.Fingerprint != "" && showsScope(step)
		due[step.ID] = !r.leavesOut(step.ID) && (isWanted || r.isDue(step, differs(step)))
	}
	for _, step := range slices.Backward(all) { // those that a step depends on come before it
		for _, id := range step.DependsOn {
			due[id] = due[id] || due[step.ID] && !step.ReadAlone && !r.leavesOut(id)
		}
	}
	for _, step := range all {
		r.resting[step.ID] = !due[step.ID] && !r.leavesOut(step.ID)
	}
}

// showsScope says whether a step's list shows what a token may see where /user does not tell it: it is one of places.
func showsScope(step steps.Step) bool {
	return slices.ContainsFunc(step.Types, func(d *model.Description) bool { return d.Place.IsOwn() })
}

// isDue says whether a step is due by itself: within half of the time between two polls it is, so that a poll that comes a
// little early does not leave it to the next one. What was read at a time that is still to come is due.
func (r *run) isDue(step steps.Step, differs bool) bool {
	now, is := r.summary.StartedAt, r.last.state.Steps[step.ID]
	slack := time.Duration(0)
	if !r.config.Interval.Disabled() {
		slack = r.config.Interval.Next(now).Sub(now) / 2
	}
	isOver := is.AskedAt.After(now) || !now.Before(is.AskedAt.Add(EveryOf(r.config, step)-slack))
	isUnavailable := slices.Contains(r.last.state.Unavailable, step.ID)
	return isOver || is.Failed || differs && !isUnavailable
}

// EveryOf is how often polls read a step; 0: each of them does.
func EveryOf(c *config.Config, step steps.Step) time.Duration {
	if every, isSet := c.Every[step.ID]; isSet {
		return every
	}
	return step.Every
}

// IntervalOf is the time between two readings of a step that was last read at the given time: of a cron expression a third of the
// time in which three polls come. It is 0 where polls leave the step out.
func IntervalOf(c *config.Config, stepID string, at time.Time) time.Duration {
	for _, step := range steps.All() {
		if step.ID == stepID && !c.LeavesOut(stepID) {
			return max(EveryOf(c, step), c.Interval.Nth(at, 3).Sub(at)/3)
		}
	}
	return 0
}

// ShortestOf is how often polls read the step that they read most often; 0: each of them reads something.
func ShortestOf(c *config.Config) time.Duration {
	var all []time.Duration
	for _, step := range steps.All() {
		if !c.LeavesOut(step.ID) {
			all = append(all, EveryOf(c, step))
		}
	}
	if len(all) == 0 {
		return 0
	}
	return slices.Min(all)
}

// leavesOut says whether the step is none of those that this run was asked for.
func (r *run) leavesOut(id string) bool {
	if len(r.o.Only) > 0 {
		return !slices.Contains(r.o.Only, id)
	}
	return r.config.LeavesOut(id)
}

// skips says whether this run does not read a step.
func (r *run) skips(id string) bool { return r.leavesOut(id) || r.resting[id] }

// isMappedOtherwise says whether the last run has types of a step in another form than this version gives them.
func (l *lastRun) isMappedOtherwise(step steps.Step) bool {
	return slices.ContainsFunc(step.Types, func(d *model.Description) bool {
		last := l.byName[d.Name]
		return last != nil && last.Schema != d.Schema
	})
}

package connector

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"s1graph/entities"
	"s1graph/graph"
	"s1graph/graph/jsonstore"
	"s1graph/posture"
	"s1graph/reconcile"
	"s1graph/steps"
)

func stepResult(r steps.Result) StepResult {
	result := StepResult{ID: r.Step.ID, Name: r.Step.Name, State: string(r.State), Seconds: r.Elapsed.Seconds(), Requests: r.Requests}
	if r.Err != nil {
		result.Error = r.Err.Error()
	}
	return result
}

// readings says of each type of the model how it was read.
func (r *run) readings(in *steps.Input) map[string]reconcile.Reading {
	readings := make(map[string]reconcile.Reading)
	for _, result := range r.results {
		for _, t := range result.Step.Types {
			skipped := result.State == steps.Skipped || result.State == steps.Unavailable
			failed := result.State == steps.Failed || result.State == steps.Refused
			reading := reconcile.Reading{
				Written: *t.Type, Before: r.last.count(t.Name), Skipped: skipped,
				Failed:     failed || r.mixed && !skipped,
				Incomplete: failed || (in.Scope.Unknown || r.mixed || r.doubted[result.Step.ID]) && !skipped,
				// Many rows make one record of a vulnerability, and some of them may be missing.
				KeepProperties: in.AccountsOfSites && t.Type == entities.Account.GraphType() || failed && result.Step.ID == "vulnerabilities",
			}
			if last := r.last.byName[t.Name]; skipped && last != nil {
				reading.Written = *last
			}
			readings[t.Name] = reading
		}
	}
	return readings
}

// conclude fills in the summary, except the changes.
func (r *run) conclude(in *steps.Input, outcome *reconcile.Result) {
	was := r.last.source()
	isRead := slices.ContainsFunc(r.results, func(s steps.Result) bool { return s.Step.ID == "applications" && s.State == steps.OK })
	if isSource(in.Applications) && !r.mixed && (isRead || was == "") {
		r.state.Applications = in.Applications
	}
	if was != "" && r.state.Applications != was {
		r.last.baseline["applications"] = true
		r.notice("Applications come from another list than in the last run (%s, not %s), which says other things of them: what differs is a baseline, and no change of applications is reported.", r.state.Applications, was)
	}
	r.compareRisks(in)
	r.state.Complete = make(map[string]bool)
	for name, t := range outcome.Types {
		counts := r.summary.Entities
		if t.Relationship {
			counts = r.summary.Relationships
		}
		counts[name] = t.Records
		if t.Incomplete {
			r.summary.IncompleteTypes = append(r.summary.IncompleteTypes, name)
		}
		if t.Withheld > 0 {
			r.summary.WithheldDeletions[name] = t.Withheld
		}
		if t.OutOfScope > 0 {
			r.summary.KeptOutOfScope[name] = t.OutOfScope
		}
		r.state.Complete[name] = t.Skipped && r.last.state.Complete[name] || !t.KeepsAll() && t.Withheld == 0
	}
	r.state.Established = r.established(outcome.Types)
	slices.Sort(r.summary.IncompleteTypes)
	r.agentsReadAt()
	r.noteSteps()
	r.noteReadings(in)
	r.noteVerified()
	r.summary.Notices = append(r.summary.Notices, r.summary.Unread(r.summary.StartedAt)...)
	r.state.Policies = posture.Hash(r.config.Posture)
	r.summary.DanglingRelationships = outcome.Dangling
	for i, result := range r.results {
		for _, t := range result.Step.Types {
			if n := outcome.Types[t.Name].Fresh; t.Relationship {
				r.summary.Steps[i].Relationships += n
			} else {
				r.summary.Steps[i].Entities += n
			}
		}
		for name, n := range result.Dangling {
			if t := outcome.Types[name]; !outcome.Types[t.From].KeepsAll() && !outcome.Types[t.To].KeepsAll() {
				r.summary.DanglingRelationships += n
			}
		}
	}
	if len(r.summary.IncompleteTypes)+len(r.summary.WithheldDeletions) > 0 {
		r.summary.Status = Partial
	}
}

// noteSteps says when the list of each step was last read whole, and of those that the console's license or version does
// not have that they are kept as they were: once, in the first run that meets with that.
func (r *run) noteSteps() {
	r.state.ReadAt = make(map[string]time.Time)
	for i, result := range r.results {
		id := result.Step.ID
		at := r.last.state.ReadAt[id]
		if result.State == steps.OK && !r.mixed {
			at = r.summary.StartedAt
		}
		if !at.IsZero() {
			r.state.ReadAt[id], r.summary.Steps[i].LastReadAt = at, at
		}
		said := slices.Contains(r.last.state.Unavailable, id)
		if said && r.resting[id] {
			r.summary.Steps[i].State = string(steps.Unavailable)
		}
		if result.State == steps.Unavailable && !said {
			kept, needs := "nothing is known of it", ""
			for _, l := range result.Step.Lists {
				if l.Permission != "" {
					needs = fmt.Sprintf(" The token's role needs the permission %s for it.", l.Permission)
				}
			}
			if !at.IsZero() {
				kept = "what was read on " + at.Format(time.DateOnly) + " is kept as it was"
			}
			r.notice("%s: the console's license or version does not have this list (%v), which is not a fault: %s.%s This is said once; --skip %s leaves the step out.", id, result.Err, kept, needs, id)
		}
		if result.State == steps.Unavailable || said && result.State != steps.OK {
			r.state.Unavailable = append(r.state.Unavailable, id)
		}
	}
}

// established says in which types the next run's differences are changes. A relationship also says what earlier steps
// found out, so their types must have been read whole as well.
func (r *run) established(types map[string]*reconcile.Type) map[string]bool {
	established := make(map[string]bool)
	dependsOn, entitiesOf := make(map[string][]string), make(map[string][]string) // by step
	for _, result := range r.results {
		dependsOn[result.Step.ID] = slices.DeleteFunc(slices.Clone(result.Step.DependsOn), func(id string) bool { return id == result.Step.GoesWithout })
		for _, t := range result.Step.Types {
			if !t.Relationship {
				entitiesOf[result.Step.ID] = append(entitiesOf[result.Step.ID], t.Name)
			}
		}
	}
	for _, t := range steps.GraphTypes() { // entities come first
		state := types[t.Name]
		whole := !state.Skipped && !state.Failed
		if t.Relationship {
			ends := []string{t.From, t.To}
			for _, id := range dependsOn[t.Step] {
				ends = append(ends, entitiesOf[id]...)
			}
			whole = whole && !types[t.From].Failed && !types[t.To].Failed && !slices.ContainsFunc(ends, func(name string) bool { return !established[name] })
		}
		established[t.Name] = whole || r.last.established(&state.Written)
	}
	return established
}

// compare finds and writes the changes against the last run.
func (r *run) compare(ctx context.Context, draft *jsonstore.Draft, result *reconcile.Result) error {
	changes := draft.Changes()
	baseline := func(name string) bool {
		t := result.Types[name]
		return t == nil || !r.last.comparable(&t.Written)
	}
	// All of a type of which the last run has nothing is new: to compare it would be to read it once more.
	isNew := func(name string) bool { return baseline(name) && result.Types[name] != nil && r.last.count(name) == 0 }
	same := func(name string) bool { return result.Same[name] || isNew(name) }
	options := graph.DiffOptions{Rekeyed: result.Rekeyed, Same: same, Baseline: baseline}
	counts, err := graph.Diff(ctx, r.last, draft, options, func(c graph.Change) error {
		if err := changes.Write(c); err != nil {
			return err
		}
		r.countReopened(&c)
		return r.o.Changes(c, r.last, draft)
	})
	maps.Copy(r.summary.Changes, counts)
	for name := range counts {
		if isNew(name) {
			n := result.Types[name].Records
			r.summary.Changes[name] = graph.Counts{Created: n, Baseline: n}
		}
	}
	return err
}

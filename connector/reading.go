package connector

import (
	"slices"
	"time"

	"s1graph/steps"
)

// reading is what a run leaves of one step: how its list was last read, and with what. The next run that reads the list
// compares itself with that, however many runs left the step out meanwhile.
type reading struct {
	AskedAt time.Time `json:"askedAt,omitzero"` // when it last ended as it should: it was read whole, or is unavailable
	Failed  bool      `json:"failed,omitempty"` // when it was last tried, it was not read whole

	// With is what it was last read whole with, and nil where that is what the run itself began with.
	With *readWith `json:"with,omitempty"`

	// Also are the other scopes that it was read with since then, in part: what these rows made is in the graph.
	Also []steps.Scope `json:"also,omitempty"`

	// Baseline says that what the graph has of it is not what its last whole reading made: no difference is a change.
	Baseline bool `json:"baseline,omitempty"`

	// Severities are those that vulnerabilities were read of; empty: all. Other steps have none.
	Severities []string `json:"severities,omitempty"`

	Risks steps.Answers `json:"risks,omitzero"` // of vulnerabilities, by the last run that asked

	Asks string `json:"asks,omitempty"` // see steps.Step.Asks; "" where an earlier version read it
}

// readWith is what a list was read with, as far as that is the same for all lists of a run.
type readWith struct {
	Scope steps.Scope `json:"scope"`
	Tag   string      `json:"tag,omitempty"` // the account name on every entity
}

// readingOf is how a step was read up to this run. An earlier version kept that of the run alone.
func (s *state) readingOf(stepID string) (reading, readWith) {
	was := s.Steps[stepID]
	if was.With != nil {
		return was, *was.With
	}
	return was, readWith{s.Scope, s.Tag}
}

// seenWith are the scopes of all rows that are in the graph of a step.
func (s *state) seenWith(stepID string) []steps.Scope {
	was, with := s.readingOf(stepID)
	return append([]steps.Scope{with.Scope}, was.Also...)
}

// compareReadings looks, for each step, whether this run reads otherwise than the step was last read, and says so of the
// steps that it reads.
func (r *run) compareReadings(in *steps.Input) {
	wider, others := make(map[string]bool), make(map[string]bool)
	for _, step := range steps.All() {
		was, with := r.last.state.readingOf(step.ID)
		isDoubted := in.Scope.Fingerprint != with.Scope.Fingerprint
		isNarrower := slices.ContainsFunc(r.last.state.seenWith(step.ID), func(s steps.Scope) bool { return !in.Scope.Covers(s, in.AccountBefore) })
		r.doubted[step.ID], r.last.narrowed[step.ID] = isDoubted, isNarrower
		r.last.retagged[step.ID] = with.Tag != r.state.Tag
		wider[step.ID] = !with.Scope.Covers(in.Scope, in.AccountBefore)
		r.last.baseline[step.ID] = wider[step.ID] || was.Baseline || was.Asks != "" && was.Asks != step.Asks()
		if step.ID == "vulnerabilities" && was.Asks != "" && !slices.Equal(was.Severities, in.Severities) {
			r.last.baseline[step.ID], others[step.ID] = true, true
		}
	}
	damaged := r.last.damagedSteps()
	r.findDue(in, func(step steps.Step) bool {
		id := step.ID
		_, with := r.last.state.readingOf(id)
		source := r.config.Applications
		return r.doubted[id] || r.last.retagged[id] || r.last.baseline[id] || r.last.restored || slices.Contains(damaged, id) ||
			r.last.isMappedOtherwise(step) || !with.Scope.SeesTheSame(in.Scope) ||
			id == "applications" && isSource(source) && source != r.last.source()
	})
	isRead := func(is map[string]bool) bool {
		return slices.ContainsFunc(steps.All(), func(step steps.Step) bool { return is[step.ID] && !r.skips(step.ID) })
	}
	if isRead(others) {
		r.notice("Vulnerabilities of other severities are read than before: what differs is a baseline, and no change of them is reported. Those of severities that are no longer asked for are kept as they were.")
	}
	if isRead(r.doubted) {
		r.notice("This run may see another part of the tenant than the last one: the token, its user or its role changed, or the console told only one of the two runs what the token may see. Nothing was deleted; the next run deletes again what is gone.")
	}
	if isRead(r.last.narrowed) {
		r.summary.Status = Partial
		r.notice("This run sees less of the tenant than the last one: what is out of scope is kept as it was.")
	}
	if isRead(wider) {
		r.notice("This run sees more of the tenant than the last one: what it finds is a baseline, and no change is reported.")
	}
}

// compareRisks makes a baseline of vulnerabilities where they are read of accounts or sites that the run which last asked did
// not read: they were there before.
func (r *run) compareRisks(in *steps.Input) {
	was := r.last.state.Steps["vulnerabilities"].Risks
	if len(was.Asked)+len(was.Unavailable) == 0 {
		return // nothing was asked, or an earlier version of s1graph did
	}
	isNew := func(question string) bool { return !slices.Contains(was.Asked, question) }
	if slices.ContainsFunc(in.Risks.Asked, isNew) && r.baseline(func(id string) bool { return id == "vulnerabilities" }) {
		r.notice("Vulnerabilities are read of accounts or sites of which they were not before: what differs is a baseline, and no change of vulnerabilities is reported.")
	}
}

// baseline makes this run a baseline of the steps that it reads and that are meant, and says whether there are any.
func (r *run) baseline(isMeant func(stepID string) bool) (any bool) {
	for _, result := range r.results {
		if id := result.Step.ID; isMeant(id) && result.State != steps.Skipped {
			r.last.baseline[id], any = true, true
		}
	}
	return any
}

// noteReadings leaves for the next run how each step was read up to now.
func (r *run) noteReadings(in *steps.Input) {
	r.state.Steps = make(map[string]reading)
	now, damaged := readWith{r.state.Scope, r.state.Tag}, r.last.damagedSteps()
	for _, result := range r.results {
		id := result.Step.ID
		is, with := r.last.state.readingOf(id)
		if !r.last.committed() {
			with = now
		}
		isDamaged, whole := slices.Contains(damaged, id), result.State == steps.OK && !r.mixed
		switch {
		case whole:
			is, with = reading{Asks: result.Step.Asks()}, now
			if id == "vulnerabilities" {
				is.Severities = in.Severities
			}
		case result.State == steps.Skipped, result.State == steps.Unavailable:
			is.Baseline = is.Baseline || r.last.restored || isDamaged || r.doubted[id] && in.ListsNew()
		default:
			is.Failed = true
			is.Baseline = is.Baseline || r.last.baseline[id] || r.last.retagged[id] || isDamaged
			if !slices.ContainsFunc(append(is.Also, with.Scope), now.Scope.SeesTheSame) {
				is.Also = append(is.Also, now.Scope)
			}
		}
		is.With = nil
		if with.Tag != now.Tag || with.Scope.Fingerprint != now.Scope.Fingerprint || !with.Scope.SeesTheSame(now.Scope) {
			is.With = &with
		}
		if id == "vulnerabilities" && result.State != steps.Skipped {
			is.Risks = in.Risks
		}
		if whole || result.State == steps.Unavailable {
			is.AskedAt, is.Failed = r.summary.StartedAt, false
		}
		r.state.Steps[id] = is
	}
}

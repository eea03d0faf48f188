package connector

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"maps"
	"slices"
	"strings"

	"s1graph/alerts"
	"s1graph/entities"
	"s1graph/graph"
	"s1graph/graph/jsonstore"
	"s1graph/pause"
	"s1graph/posture"
	"s1graph/reconcile"
	"s1graph/steps"
)

// evaluator evaluates committed runs by the rules of alerts. A run that was committed by a process which was killed
// before it could be evaluated is evaluated when the next one starts.
type evaluator struct {
	engine  *alerts.Engine
	runs    *jsonstore.Store
	behind  []string // IDs of the runs that were not evaluated yet
	notices []string
	unseen  []string // sentences
}

var _ consumer = (*evaluator)(nil)

// openEvaluator says who evaluates runs, or without rules who keeps those that wait for them.
func (r *run) openEvaluator(context.Context) (consumer, error) {
	switch {
	case r.o.DryRun:
		return nil, nil
	case r.o.Alerts == nil:
		return &keeper{evaluator: evaluator{engine: alerts.WithoutRules(r.config.Dir), runs: r.store}}, nil
	}
	return &evaluator{engine: r.o.Alerts, runs: r.store}, nil
}

// alertsName is what the evaluator is called as a consumer.
const alertsName = "alerts"

func (e *evaluator) close(context.Context) {}

// catchUp evaluates the runs that nobody has evaluated yet, the oldest first.
func (e *evaluator) catchUp(ctx context.Context, last *jsonstore.Run) {
	if last == nil {
		return
	}
	evaluated, err := e.engine.Cursor(ctx)
	if err != nil {
		e.behind = idsOf(since(e.runs, last, ""))
		e.complain(ctx, err)
		return
	}
	behind, missed := behindOf("Alerts", e.runs, last, evaluated)
	for i, run := range behind {
		if err := e.evaluate(ctx, run, nil, evaluated != "", missed...); err != nil {
			e.behind = idsOf(behind[i:])
			e.complain(ctx, err)
			return
		}
		e.unseen, missed = append(e.unseen, missed...), nil
	}
}

// apply evaluates the run that was just committed.
func (e *evaluator) apply(ctx context.Context, run committed) {
	id := run.Manifest().ID
	if len(e.behind) > 0 { // what comes before was not evaluated, and runs are evaluated in their order
		e.behind = append(e.behind, id)
		return
	}
	defer pause.Tell(ctx, pause.Wait{What: "evaluating the rules of alerts"})()
	if err := e.evaluate(ctx, run.Run, &run.summary, run.Manifest().Previous != ""); err != nil {
		e.behind = []string{id}
		e.complain(ctx, err)
	}
}

func (e *evaluator) needs() []string { return e.behind }

func (e *evaluator) report() report {
	r := report{notices: e.notices, unseen: e.unseen, behind: len(e.notices) > 0}
	e.notices, e.unseen = nil, nil
	return r
}

// keeper keeps the runs that wait for rules which this run is without, and another configuration may have. Once one of them
// was too much to keep, the rest are not kept either: the rules may be gone for good.
type keeper struct {
	evaluator
	keeps bool
}

func (k *keeper) catchUp(ctx context.Context, last *jsonstore.Run) {
	if last == nil {
		return
	}
	evaluated, err := k.engine.Cursor(ctx)
	if err == nil && evaluated == "" { // there never were rules
		return
	}
	behind := since(k.runs, last, evaluated)
	k.keeps = err != nil || len(behind) == 0 || behind[0].Manifest().Previous == evaluated
	if k.keeps {
		k.behind = idsOf(behind)
	}
}

func (k *keeper) apply(_ context.Context, run committed) {
	if k.keeps {
		k.behind = append(k.behind, run.Manifest().ID)
	}
}

// complain tells of a fault that makes alerts stay behind, unless the run was interrupted.
func (e *evaluator) complain(ctx context.Context, err error) {
	if ctx.Err() == nil {
		e.notices = append(e.notices, fmt.Sprintf("Alerts are behind, and the next run catches up: %s.", strings.TrimSuffix(err.Error(), ".")))
	}
}

// tellFailure lets the rules on runs evaluate a run that committed nothing. What was interrupted did not fail, and
// neither did what another process or another worker keeps from running.
func (r *run) tellFailure(ctx context.Context, err error) {
	if r.o.Alerts == nil || r.o.DryRun || !r.folderIsOurs || ctx.Err() != nil || IsLocked(err) || IsFenced(err) {
		return
	}
	if err := r.o.Alerts.Failed(ctx, reportOf(&r.summary)); err != nil {
		r.o.Logger.Error("a failed run could not be evaluated by the rules of alerts", "error", err)
	}
}

// evaluate gives a committed run to the rules. summary is nil where the run's own is to be read; missed is what they did not
// see before it. Where follows says that they saw the run before it, and they turn out to have lost their memory, they begin
// with that one, if it is kept.
func (e *evaluator) evaluate(ctx context.Context, run *jsonstore.Run, summary *Summary, follows bool, missed ...string) error {
	err := e.give(ctx, run, summary, follows, missed...)
	if !errors.Is(err, alerts.ErrBegunAnew) {
		return err
	}
	if before, gone := e.runs.Run(run.Manifest().Previous); gone == nil {
		if err := e.give(ctx, before, nil, false); err != nil {
			return err
		}
	}
	return e.give(ctx, run, summary, false, missed...)
}

func (e *evaluator) give(ctx context.Context, run *jsonstore.Run, summary *Summary, follows bool, missed ...string) error {
	told, err := RunForAlerts(run, summary)
	if err != nil {
		m := run.Manifest()
		told = alerts.Run{ID: m.ID, StartedAt: m.StartedAt, Graph: run, Unreadable: err, Report: alerts.Report{Run: m.ID, Status: string(Partial), StartedAt: m.StartedAt}}
	}
	told.Follows, told.Report.Unseen = follows, append(told.Report.Unseen, missed...)
	result, err := e.engine.Apply(ctx, told)
	if err == nil {
		e.unseen = append(e.unseen, result.Unseen...)
	}
	return err
}

// RunForAlerts is what the rules of alerts are told of a committed run. summary is nil where the run's own file is
// to be read, which does not know yet which stores stayed behind.
func RunForAlerts(run *jsonstore.Run, summary *Summary) (alerts.Run, error) {
	if summary == nil {
		own, err := ReadSummary(run.Dir())
		if err != nil {
			return alerts.Run{}, err
		}
		summary = &own
	}
	manifest, types := run.Manifest(), graph.TypesByName(run)
	was, err := stateOf(run)
	if err != nil {
		return alerts.Run{}, err
	}
	outOfScope, err := reconcile.NewKeySet(outOfScopeOf(run))
	if err != nil {
		return alerts.Run{}, err
	}
	told := alerts.Run{
		ID: manifest.ID, StartedAt: manifest.StartedAt, ClockDoubted: !was.ClockDoubted.IsZero(), Graph: run, Types: types,
		Changes:    run.Changes,
		Fresh:      func(name string) bool { return was.Adopted != "" || summary.isFresh(types[name]) },
		OutOfScope: outOfScope.Has,
		Baseline:   func(name string) bool { return manifest.Previous == "" || summary.Changes[name].Baseline > 0 },
		Report:     reportOf(summary),
	}
	if _, found := manifest.Files[posture.File]; found {
		told.Policies = was.Policies
		told.Posture = func(context.Context) iter.Seq2[posture.Verdict, error] { return posture.Of(run) }
	}
	return told, nil
}

// isFresh says whether all records of a type are as this run found them, except those that are out of scope.
func (s *Summary) isFresh(t *graph.Type) bool {
	if t == nil || slices.Contains(s.IncompleteTypes, t.Name) {
		return false
	}
	return s.isRead(t)
}

// isRead says whether the run read the list of a type whole.
func (s *Summary) isRead(t *graph.Type) bool {
	return slices.ContainsFunc(s.Steps, func(r StepResult) bool { return r.ID == t.Step && r.State == string(steps.OK) })
}

func reportOf(s *Summary) alerts.Report {
	report := alerts.Report{
		Run: s.Run, Status: string(s.Status), Error: s.Error, StartedAt: s.StartedAt,
		IncompleteTypes: s.IncompleteTypes, Withheld: maps.Clone(s.WithheldDeletions), TokenExpiresAt: s.TokenExpiresAt,
	}
	for _, store := range s.Stores {
		if store.Behind {
			report.Behind = append(report.Behind, store.Name)
		}
	}
	for _, m := range s.MovedOn {
		if m.Consumer != alertsName { // they know what they did not see themselves
			report.Unseen = append(report.Unseen, m.What)
		}
	}
	return report
}

// evaluatePosture writes beside the graph what the configuration's policies say of the devices in scope. Agents that were not read
// whole are held to the time when they last were: it is no fault of theirs that this run did not hear of them.
func (r *run) evaluatePosture(ctx context.Context, draft *jsonstore.Draft) error {
	if len(r.config.Posture) == 0 {
		return nil
	}
	verdicts := posture.Evaluate(ctx, r.config.Posture, draft, graph.TypesByName(draft), r.state.AgentsReadAt)
	inside := graph.Filter(verdicts, func(v posture.Verdict) bool { return !r.outOfScope.Has(deviceType, v.Device) })
	return draft.WriteFile(posture.File, func(w io.Writer) error { return posture.Write(w, r.countVerdicts(inside)) })
}

// agentsReadAt is when all agents in scope were last read.
func (r *run) agentsReadAt() {
	r.state.AgentsReadAt = r.summary.StartedAt
	if last := r.last.state.AgentsReadAt; !r.summary.isFresh(entities.Agent.GraphType()) && !last.IsZero() {
		r.state.AgentsReadAt = last
	}
}

// Package connector does one run from start to end: it opens the directory of the instance, runs the steps, has
// reconcile decide what stays, compares with the last run, commits, and hands the run to its consumers. It knows all
// parts and how they fit; what each does is theirs.
package connector

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"time"

	"github.com/go-json-experiment/json"

	"s1graph/config"
	"s1graph/graph"
	"s1graph/graph/jsonstore"
	"s1graph/graph/sorter"
	"s1graph/overview"
	"s1graph/pause"
	"s1graph/reconcile"
	"s1graph/s1"
	"s1graph/s1/replay"
	bucket "s1graph/state"
	"s1graph/steps"
)

// Sync reads the tenant once and commits what it found. The Summary says how far it came, with an error
// too. The error is nil where the run was committed, even if only in part; a *UsageError is a fault of
// the caller, a *jsonstore.LockedError another run's claim on the directory, a *DeadlineError the end of a
// run that took too long.
func Sync(ctx context.Context, o Options) (Summary, error) {
	r := newRun(o)
	bounded, cancel := withDeadline(ctx, o.Config.RunDeadline)
	defer cancel()
	err := orDeadline(bounded, r.do(bounded))
	switch {
	case errors.Is(err, context.Canceled):
		r.summary.Status, r.summary.Error = Failed, "interrupted: nothing was committed"
	case err != nil:
		r.summary.Status, r.summary.Error = Failed, err.Error()
	}
	r.summary.FinishedAt = r.clock().UTC()
	if err != nil {
		r.tellFailure(ctx, err)
	}
	return r.summary, err
}

// run is one run under way.
type run struct {
	o       Options
	config  *config.Config
	summary Summary
	clock   func() time.Time

	recording    *replay.Recording
	recorder     *replay.Recorder
	store        *jsonstore.Store
	last         *lastRun
	client       *s1.Client
	user         s1.User // as /user told it
	accepted     acceptance
	consumers    []namedConsumer
	excess       []string         // IDs of runs that are too much to keep for them
	folderIsOurs bool             // an alert may be queued in it
	outOfScope   reconcile.KeySet // entities that are out of scope
	state        state
	taken        bucket.Taken // what the bucket had; zero where there is none
	results      []steps.Result
	counted      map[string]int64 // figures of the overview that are found on the way, by name
	resting      map[string]bool  // by step: it is not due, and left out
	doubted      map[string]bool  // by step: the console did not tell what the token may see, now or when it was last read, and another one asked
	mixed        bool             // while the steps ran, what the token may see changed, or the token did and sees something else
}

func newRun(o Options) *run {
	o.Logger = cmp.Or(o.Logger, slog.New(slog.DiscardHandler))
	if o.Progress == nil {
		o.Progress = func(Event) {}
	}
	if o.Changes == nil {
		o.Changes = func(graph.Change, graph.Snapshot, graph.Snapshot) error { return nil }
	}
	clock := o.Clock
	if clock == nil {
		clock = time.Now
	}
	return &run{o: o, config: o.Config, clock: clock, resting: make(map[string]bool), doubted: make(map[string]bool), counted: map[string]int64{overview.ThreatsReopened: 0}, summary: Summary{
		Instance:            o.Config.Instance,
		Status:              Complete,
		Steps:               []StepResult{},
		IncompleteTypes:     []string{},
		WithheldDeletions:   map[string]int64{},
		KeptOutOfScope:      map[string]int64{},
		KeptOutOfScopeSince: map[string]time.Time{},
		Entities:            map[string]int64{},
		Relationships:       map[string]int64{},
		Changes:             map[string]graph.Counts{},
	}}
}

func (r *run) do(ctx context.Context) error {
	if err := r.openRecording(); err != nil {
		return err
	}
	r.summary.StartedAt = r.clock().UTC()
	if err := r.claimFolder(); err != nil {
		return err
	}
	if err := r.connect(); err != nil {
		return err
	}
	defer r.client.Close()
	if err := r.openStore(ctx); err != nil {
		return err
	}
	defer r.store.Close()
	if err := r.openLast(ctx); err != nil {
		return err
	}
	defer r.closeConsumers(ctx)
	if err := r.openConsumers(ctx); err != nil {
		return err
	}
	r.catchUp(ctx)
	draft, err := r.store.Begin(r.summary.StartedAt)
	if err != nil {
		return err
	}
	err = errors.Join(r.fill(ctx, draft), r.closeRecorder())
	if errors.Is(err, errNothingDue) {
		r.summary.NothingDue, err = true, nil
		return draft.Abort()
	}
	if err != nil || r.o.DryRun {
		return errors.Join(err, draft.Abort())
	}
	over := pause.Tell(ctx, pause.Wait{What: "writing the graph"})
	err = r.commit(ctx, draft)
	over()
	if err != nil {
		return err
	}
	r.moveOn()
	r.apply(ctx, r.store.Last())
	r.prune()
	r.settle(ctx)
	return nil
}

// openLast opens the last committed run, and refuses to go on where it is of something else than this run reads.
func (r *run) openLast(ctx context.Context) (err error) {
	defer pause.Tell(ctx, pause.Wait{What: "reading the last run"})()
	r.last, err = openLast(ctx, r.store, r.mend)
	if err != nil {
		return err
	}
	r.last.state.believe(r.summary.StartedAt)
	r.summary.Previous = r.last.id()
	if recovered := r.store.Recovered(); recovered != "" {
		r.notice("%s", recovered)
		r.last.restored = true
	}
	if r.last.state.Adopted != "" {
		r.last.restored = true
	}
	for _, name := range slices.Sorted(maps.Keys(r.last.damaged)) {
		r.notice("The last run's %s were damaged (%v): what could be read was kept, and the type is written anew.", name, r.last.damaged[name])
	}
	r.noticeHistory(r.recordLast())
	if err := r.readAccepted(); err != nil {
		return err
	}
	return r.checkOrigin()
}

func (r *run) notice(format string, args ...any) {
	r.summary.Notices = append(r.summary.Notices, fmt.Sprintf(format, args...))
}

// fill reads the tenant into the draft and compares it with the last run.
func (r *run) fill(ctx context.Context, draft *jsonstore.Draft) error {
	in, err := r.input(ctx)
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(steps.All(), func(step steps.Step) bool { return !r.skips(step.ID) }) && r.o.Due {
		return errNothingDue
	}
	fresh, err := sorter.New(sorter.Config{Dir: r.store.TempDir(), Types: steps.GraphTypes()})
	if err != nil {
		return err
	}
	defer fresh.Close()
	if err := r.runSteps(ctx, in, fresh); err != nil {
		return err
	}
	r.noteSmallerPages()
	if err := errors.Join(r.checkTokens(ctx, in), r.settleScope(ctx, in)); err != nil {
		return err
	}
	defer pause.Tell(ctx, pause.Wait{What: "comparing with the last run"})()
	result, err := reconcile.Run(ctx, reconcile.Input{
		Model: steps.Model(), Last: r.last, Fresh: fresh, Draft: draft, Read: r.readings(in), Decodable: r.last.byName,
		Tenant: in, Guard: r.guard(), Sort: r.sort, Keep: r.keeper(draft), Withheld: r.withheldBefore(), Accepted: r.accepted.keys, MayBeOutOfScope: r.mayBeOutOfScope(in),
	})
	if err != nil {
		return err
	}
	r.conclude(in, result)
	if err := r.listKeys(ctx, draft, result); err != nil {
		return err
	}
	if err := r.compare(ctx, draft, result); err != nil {
		return err
	}
	if err := r.evaluatePosture(ctx, draft); err != nil {
		return err
	}
	if err := r.lookOver(ctx, draft); err != nil {
		return err
	}
	return r.noteIdle(ctx, draft)
}

func (r *run) guard() reconcile.Guard {
	return reconcile.Guard{Percent: r.config.DeletionGuard.Percent, Count: int64(r.config.DeletionGuard.Count), Off: r.o.AllowMassDelete}
}

func (r *run) runSteps(ctx context.Context, in *steps.Input, fresh *sorter.Sorter) error {
	var tags []graph.Property
	if r.state.Tag != "" {
		tags = []graph.Property{{Name: graph.TagPrefix + "AccountName", Value: graph.String(r.state.Tag)}}
	}
	results, err := steps.Run(ctx, in, steps.Plan{
		Steps:    steps.All(),
		Skip:     r.skips,
		Rests:    func(id string) bool { return r.resting[id] },
		Sorter:   fresh,
		Tags:     tags,
		Progress: r.o.Progress,
	})
	r.results = results
	read, faults := 0, []error{}
	for _, result := range results {
		r.summary.Steps = append(r.summary.Steps, stepResult(result))
		r.summary.Notices = append(r.summary.Notices, result.Notes...)
		switch {
		case result.State == steps.OK:
			read++
		case result.Err != nil:
			faults = append(faults, fmt.Errorf("%s: %w", result.Step.ID, result.Err))
		}
	}
	if err == nil && read == 0 && len(faults) > 0 {
		err = fmt.Errorf("no step could be read, so nothing is committed: %w", errors.Join(faults...))
	}
	return err
}

// commit makes the draft the current run.
func (r *run) commit(ctx context.Context, draft *jsonstore.Draft) error {
	r.summary.Run = draft.ID()
	r.summary.FinishedAt = r.clock().UTC()
	if err := r.commitWith(ctx, draft, r.summary, r.state); err != nil {
		return ofReplica(err)
	}
	r.forgetAccepted()
	r.record()
	return nil
}

// commitWith commits a draft with its summary.json, and with what it leaves for the next run.
func (r *run) commitWith(ctx context.Context, draft *jsonstore.Draft, summary Summary, is state) error {
	document, err := summaryFile(summary, r.results)
	if err != nil {
		return err
	}
	kept, err := json.Marshal(is, json.Deterministic(true))
	if err != nil {
		return err
	}
	return draft.Commit(jsonstore.CommitInfo{State: kept, Summary: document, Publish: r.publish(ctx)})
}

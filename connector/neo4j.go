package connector

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"time"

	"s1graph/graph"
	"s1graph/graph/jsonstore"
	"s1graph/graph/neo4jstore"
	"s1graph/model"
	"s1graph/pause"
	"s1graph/posture"
	"s1graph/reconcile"
	"s1graph/steps"
)

// StoreResult is what a run did to one store besides the graph files.
type StoreResult struct {
	Name       string  `json:"name"`
	Statements int64   `json:"statements"` // that wrote
	Rows       int64   `json:"rows"`       // that were written or deleted
	Seconds    float64 `json:"seconds"`
	Behind     bool    `json:"behind"` // it does not hold the run; the next one brings it there
	Error      string  `json:"error,omitempty"`
}

// OpenNeo4j opens the instance's scope of the configured database. The error is a *neo4jstore.OpenError
// that says what to do.
func (o *Options) OpenNeo4j(ctx context.Context) (*neo4jstore.Store, error) {
	c := o.Config.Neo4j
	return neo4jstore.Open(ctx, neo4jstore.Config{
		URI: c.URI, Username: c.Username, Password: c.Password.Reveal(), Database: c.Database,
		Scope: o.Config.Instance, RetryFor: o.RetryFor, AnswerWithin: 5 * o.RetryFor, Logger: o.Logger,
	})
}

// neo4jName is what the database is called as a consumer.
const neo4jName = "neo4j"

// neo4j is the database of one run.
type neo4j struct {
	open     func(context.Context) (*neo4jstore.Store, error)
	store    *neo4jstore.Store // nil while it cannot be opened
	runs     *jsonstore.Store
	folder   *folder
	guard    reconcile.Guard
	verify   bool
	progress func(Event)
	logger   *slog.Logger

	isReadBack bool // the last run is what the database held, or less where somebody edited that
	applied    bool // it was asked to apply the run of this run
	isVerified bool // it was compared with what it really holds, and holds what it should
	result     StoreResult
	err        error  // of the last time that it was opened or asked to apply
	keep       string // ID of the run that it holds
	notices    []string
}

var _ graphStore = (*neo4j)(nil)

// openNeo4j opens the database if there is one. That it is away ends no run: it is opened again when there is something to
// apply. A fault of the configuration is the error, if there is somebody who could put it right.
func (r *run) openNeo4j(ctx context.Context) (consumer, error) {
	if !r.config.HasNeo4j() || r.o.DryRun {
		return nil, nil
	}
	o := r.o // so that nothing leads back to the run
	n := &neo4j{
		open: o.OpenNeo4j, runs: r.store, folder: r.folder(), guard: r.guard(), verify: r.o.Verify, progress: r.o.Progress, logger: r.o.Logger,
		result: StoreResult{Name: neo4jName}, keep: r.store.Applied(neo4jName),
	}
	n.err = n.connect(ctx, r.adopt)
	n.isReadBack = r.last.state.Adopted != ""
	switch {
	case n.err == nil:
	case ctx.Err() != nil:
		return nil, n.err
	case IsMisconfigured(n.err) && !r.o.Unattended:
		return nil, &UsageError{n.err}
	default:
		n.result.Behind = true
		r.o.Logger.Warn("Neo4j is away, and the run goes on", "error", n.err)
	}
	return n, nil
}

// connect opens the database, and makes sure that the instance's graph there is this folder's. A folder that has no graph yet
// adopts that one.
func (n *neo4j) connect(ctx context.Context, adoptBy adoption) error {
	store, err := n.open(ctx)
	if err != nil {
		return err
	}
	if err := n.own(ctx, store, adoptBy); err != nil {
		_ = store.Close(context.WithoutCancel(ctx))
		return err
	}
	n.store = store
	return nil
}

// IsMisconfigured says of an error of Neo4j whether it cannot be used until somebody changes the configuration or the
// database. Anything else may pass.
func IsMisconfigured(err error) bool {
	_, refused := errors.AsType[*UsageError](err)
	_, unreadable := errors.AsType[*neo4jstore.MarkerError](err)
	fault, ofOpening := errors.AsType[*neo4jstore.OpenError](err)
	return refused || unreadable || ofOpening && slices.Contains([]neo4jstore.Fault{
		neo4jstore.BadAddress, neo4jstore.Unauthorized, neo4jstore.NoDatabase, neo4jstore.TooOld,
	}, fault.Fault)
}

// close gives the connections back.
func (n *neo4j) close(ctx context.Context) {
	if n.store != nil {
		_ = n.store.Close(ctx) // nothing is written by closing
	}
}

func (n *neo4j) catchUp(ctx context.Context, last *jsonstore.Run) {
	if last != nil && n.store != nil && !n.isReadBack {
		n.bring(ctx, last)
	}
}

func (n *neo4j) apply(ctx context.Context, run committed) {
	n.applied = true
	n.bring(ctx, run.Run)
}

// holds says whether the database is known to hold a run and nothing else.
func (n *neo4j) holds(runID string) bool { return n.keep == runID && !n.result.Behind }

func (n *neo4j) verified() bool { return n.isVerified }

func (n *neo4j) needs() []string { return []string{n.keep} }

func (n *neo4j) report() report {
	r := report{notices: n.notices}
	n.notices = nil
	if !n.applied {
		return r // the run that is to come may bring it up to date
	}
	r.store, r.behind = &n.result, n.result.Behind
	_, foreign := errors.AsType[*neo4jstore.ForeignError](n.err)
	switch {
	case foreign:
		r.notices = append(r.notices, fmt.Sprintf("Neo4j is behind and stays behind, since another folder took over its graph during this run: %v: %s.", n.err, adviceOn(n.store.Scope())))
	case IsMisconfigured(n.err):
		r.notices = append(r.notices, fmt.Sprintf("Neo4j is behind and stays behind until this is fixed: %s.", strings.TrimSuffix(n.result.Error, ".")))
	case n.err != nil:
		r.notices = append(r.notices, fmt.Sprintf("Neo4j is behind, and the next run brings it up to date: %s.", strings.TrimSuffix(n.result.Error, ".")))
	}
	return r
}

// bring brings the database to a committed run.
func (n *neo4j) bring(ctx context.Context, run *jsonstore.Run) {
	doing := "bringing Neo4j up to date"
	if n.verify {
		doing = "verifying Neo4j"
	}
	defer pause.Tell(ctx, pause.Wait{What: doing})()
	started := time.Now()
	result, err := n.applyRun(ctx, run)
	n.result.Seconds += time.Since(started).Seconds()
	n.result.Statements += result.Statements
	n.result.Rows += result.Rows
	n.err = err
	n.result.Behind, n.result.Error = err != nil || len(result.Withheld) > 0, ""
	n.isVerified = n.verify && !n.result.Behind
	n.keep = cmp.Or(result.Run, n.keep)
	if err != nil {
		n.result.Error = err.Error()
	} else if err := n.runs.NoteApplied(neo4jName, n.keep); err != nil {
		n.logger.Warn("it cannot be noted which run Neo4j holds, so that its graph may have to be read back", "error", err)
	}
	for _, name := range slices.Sorted(maps.Keys(result.Withheld)) {
		if !n.applied {
			break // the run that is to come says what it still keeps
		}
		n.notices = append(n.notices, fmt.Sprintf("Neo4j has %d of %s that the graph no longer has. They were kept, since s1graph cannot tell how they got there. If they are really gone, run with --allow-mass-delete.", result.Withheld[name], name))
	}
	end := Event{Step: neo4jName, State: steps.OK, Rows: result.Rows}
	if err != nil {
		end.State = steps.Failed
	}
	n.progress(end)
	n.logger.Info("run applied", "store", neo4jName, "run", run.Manifest().ID, "statements", result.Statements,
		"rows", result.Rows, "seconds", time.Since(started).Seconds(), "behind", n.result.Behind)
}

func (n *neo4j) applyRun(ctx context.Context, run *jsonstore.Run) (neo4jstore.Result, error) {
	was, err := stateOf(run)
	switch {
	case err != nil || n.store != nil:
	case IsMisconfigured(n.err): // a server counts wrong passwords
		err = n.err
	default:
		err = n.connect(ctx, nil) // a folder that has a run adopts nothing
	}
	if err != nil {
		return neo4jstore.Result{}, err
	}
	return n.store.Apply(ctx, neo4jstore.Target{
		RunID:    run.Manifest().ID,
		Graph:    run,
		Owner:    n.folder.ownerOf(was.Scope),
		State:    string(run.Manifest().State),
		Declared: declared(),
		Kept: func(id string) (graph.Snapshot, bool) {
			kept, err := n.runs.Run(id)
			return kept, err == nil
		},
		Baseline:  n.baselines(run),
		Verify:    n.verify,
		Overlays:  []neo4jstore.Overlay{n.postureOverlay(), n.outOfScopeOverlay()},
		Complete:  func(name string) bool { return was.Complete[name] },
		Withholds: n.guard.Withholds,
		Accepted:  n.released(run),
		Progress:  func(name string, done, total int64) { n.progress(storeEvent(name, done, total)) },
	})
}

// baselines says whether the run, or one before it that the database has not seen either, was a baseline of a type.
func (n *neo4j) baselines(run *jsonstore.Run) func(typeName string) bool {
	names, isFirst := map[string]bool{}, false
	for unseen := run; unseen != nil && unseen.Manifest().ID != n.keep; {
		before := unseen.Manifest().Previous
		isFirst = isFirst || before == ""
		summary, _ := ReadSummary(unseen.Dir()) // who cannot read it knows of no baseline
		for name, counts := range summary.Changes {
			names[name] = names[name] || counts.Baseline > 0
		}
		unseen, _ = n.runs.Run(before) // nil where it is no longer kept
	}
	return func(typeName string) bool { return isFirst || names[typeName] }
}

// postureOverlay puts the verdicts on devices onto their nodes; they are no part of the graph. A run without policies has
// none, and the store takes away those of before.
func (n *neo4j) postureOverlay() neo4jstore.Overlay {
	values := n.ofRun(func(run *jsonstore.Run) iter.Seq2[neo4jstore.OverlayValues, error] {
		if _, evaluated := run.Manifest().Files[posture.File]; !evaluated {
			return graph.None
		}
		return graph.Map(posture.Of(run), func(v posture.Verdict) neo4jstore.OverlayValues {
			return neo4jstore.OverlayValues{Key: v.Device, Properties: map[string]graph.Value{
				"compliant": graph.Bool(v.Compliant), "nonCompliantReasons": graph.Strings(v.Reasons),
			}}
		})
	})
	return neo4jstore.Overlay{Type: deviceType, Properties: []string{"compliant", "nonCompliantReasons"}, Values: values}
}

// outOfScopeOverlay says of agents since when they are out of scope: that nothing was heard of them since means nothing.
func (n *neo4j) outOfScopeOverlay() neo4jstore.Overlay {
	const since = "outOfScopeSince"
	values := n.ofRun(func(run *jsonstore.Run) iter.Seq2[neo4jstore.OverlayValues, error] {
		agents := graph.Filter(outOfScopeOf(run), func(k reconcile.Key) bool { return k.Type == agentType })
		return graph.Map(agents, func(k reconcile.Key) neo4jstore.OverlayValues {
			return neo4jstore.OverlayValues{Key: k.Key, Properties: map[string]graph.Value{since: graph.Int(k.Since.UnixMilli())}}
		})
	})
	return neo4jstore.Overlay{Type: agentType, Properties: []string{since}, Values: values}
}

// ofRun is how an overlay takes its values from a run.
func (n *neo4j) ofRun(values func(*jsonstore.Run) iter.Seq2[neo4jstore.OverlayValues, error]) func(context.Context, string) iter.Seq2[neo4jstore.OverlayValues, error] {
	return func(_ context.Context, runID string) iter.Seq2[neo4jstore.OverlayValues, error] {
		run, err := n.runs.Run(runID)
		if err != nil {
			return func(yield func(neo4jstore.OverlayValues, error) bool) { yield(neo4jstore.OverlayValues{}, err) }
		}
		return values(run)
	}
}

// released says what the run lists as released; nil: nothing. If the list cannot be read, the store's guard decides.
func (n *neo4j) released(run *jsonstore.Run) func(typeName, key string) bool {
	keys, err := reconcile.NewKeySet(keysOf(run, releasedFile))
	if err != nil {
		n.logger.Warn("what was accepted to be deleted cannot be read, so that in stores the guard decides on it", "error", err)
	}
	if keys.IsEmpty() {
		return nil
	}
	return keys.Has
}

// storeEvent says how far a type is in the database.
func storeEvent(typeName string, done, total int64) Event {
	e := Event{Step: neo4jName + " " + model.ShortName(typeName), State: steps.Running, Rows: done, Total: total}
	if total > 0 && done >= total {
		e.State = steps.OK
	}
	return e
}

// declared are the properties that the data model has, by type.
func declared() map[string][]string {
	names := make(map[string][]string)
	for _, d := range steps.Model() {
		for _, p := range d.Properties {
			names[d.Name] = append(names[d.Name], p.Name)
		}
	}
	return names
}

// Wipe removes the instance's graph from the database, and leaves the graph files as they are.
func Wipe(ctx context.Context, o Options) (StoreResult, error) {
	started := time.Now()
	store, err := o.OpenNeo4j(ctx)
	if err != nil {
		return StoreResult{}, err
	}
	defer func() { _ = store.Close(context.WithoutCancel(ctx)) }()
	result, err := store.Wipe(ctx, steps.GraphTypes(), func(name string, done, total int64) {
		if o.Progress != nil {
			o.Progress(storeEvent(name, done, total))
		}
	})
	if err != nil {
		err = fmt.Errorf("what is left of %s is deleted when it is wiped again: %w", o.Config.Instance, err)
	}
	return StoreResult{Name: neo4jName, Statements: result.Statements, Rows: result.Rows, Seconds: time.Since(started).Seconds()}, err
}

package connector

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"s1graph/config"
	"s1graph/graph"
	"s1graph/graph/jsonstore"
	"s1graph/posture"
	"s1graph/reconcile"
	"s1graph/steps"
)

// TypeCount is how many records of a type a graph has.
type TypeCount struct {
	Type    string
	Records int64
}

// ToForget is what would go from the instance's graph with the types of these names: they and the types of relationships that
// lead to them, sorted. Types without records are left out. A *UsageError says that there is no such type, that the next run
// would read it again, or that there is no run yet.
func ToForget(c *config.Config, names []string) ([]TypeCount, error) {
	run, err := jsonstore.OpenLast(c.Dir)
	if errors.Is(err, jsonstore.ErrNoRun) {
		return nil, &UsageError{fmt.Errorf("there is no run in %s yet, so there is nothing to forget: is that the right --instance or --dir?", c.Dir)}
	}
	if err != nil {
		return nil, err
	}
	was, err := ReadSummary(run.Dir())
	if err != nil {
		return nil, err
	}
	types := graph.TypesByName(run)
	for _, t := range steps.GraphTypes() {
		types[t.Name] = t
	}
	for _, name := range names {
		t := types[name]
		if t == nil {
			return nil, &UsageError{fmt.Errorf("there is no type %q; the types are %s", name, strings.Join(slices.Sorted(maps.Keys(types)), ", "))}
		}
		if isRead(c, was, t) {
			return nil, &UsageError{fmt.Errorf("%s is read by the step %s, so the next run would bring it back: leave the step out first, by skip: [%[2]s] in the configuration file", name, t.Step)}
		}
	}
	var counts []TypeCount
	for _, name := range slices.Sorted(maps.Keys(types)) {
		t, records := types[name], run.Manifest().Contents[name].Records
		goes := slices.ContainsFunc([]string{name, t.From, t.To}, func(name string) bool { return slices.Contains(names, name) })
		if goes && records > 0 {
			counts = append(counts, TypeCount{name, records})
		}
	}
	return counts, nil
}

// isRead says whether runs read a type: a step that the configuration does not leave out has it, and the console gave it
// to the last run.
func isRead(c *config.Config, was Summary, t *graph.Type) bool {
	inModel := slices.ContainsFunc(steps.GraphTypes(), func(known *graph.Type) bool { return known.Name == t.Name })
	isDenied := slices.ContainsFunc(was.Steps, func(s StepResult) bool {
		return s.ID == t.Step && (s.State == string(steps.Refused) || s.State == string(steps.Unavailable))
	})
	return inModel && !isDenied && !c.LeavesOut(t.Step)
}

// Forget commits a run that is the last one without some types, and no event, and brings the stores to it. The console is
// not asked. The Summary has the stores, and what is in the graph now. The errors are those of ToForget and of Sync.
func Forget(ctx context.Context, o Options, names []string) (Summary, error) {
	r := newRun(o)
	err := r.forget(ctx, names)
	return r.summary, err
}

func (r *run) forget(ctx context.Context, names []string) error {
	started := r.clock().UTC()
	if err := r.claimFolder(); err != nil {
		return err
	}
	if err := r.openStore(ctx); err != nil {
		return err
	}
	defer r.store.Close()
	goes, err := ToForget(r.config, names)
	if err != nil || len(goes) == 0 {
		return err
	}
	if r.last, err = openLast(ctx, r.store, r.mend); err != nil {
		return err
	}
	if len(r.last.damaged) > 0 || r.store.Recovered() != "" {
		return fmt.Errorf("the last run in %s is damaged: let s1graph run write it anew first", r.config.Dir)
	}
	if r.summary, err = ReadSummary(r.last.run.Dir()); err != nil {
		return err
	}
	r.summary.Previous, r.summary.StartedAt = r.last.id(), started
	r.summary.Steps, r.summary.Stores, r.summary.Notices, r.summary.Changes = []StepResult{}, nil, nil, map[string]graph.Counts{}
	defer r.closeConsumers(ctx)
	if err := r.openConsumers(ctx); err != nil {
		return err
	}
	draft, err := r.store.Begin(started)
	if err != nil {
		return err
	}
	if err := r.copyWithout(ctx, draft, goes); err != nil {
		return errors.Join(err, draft.Abort())
	}
	if err := r.commit(ctx, draft); err != nil {
		return err
	}
	r.apply(ctx, r.store.Last())
	r.settle(ctx)
	return nil // runs are removed by the next one, which knows who needs them
}

// copyWithout writes the last graph without some types, and what the last run left for the next one.
func (r *run) copyWithout(ctx context.Context, draft *jsonstore.Draft, goes []TypeCount) error {
	kept := remaining{r.last, map[string]bool{}}
	r.state = r.last.state
	r.state.Established, r.state.Complete = maps.Clone(r.state.Established), maps.Clone(r.state.Complete)
	released := r.stillReleased()
	r.state.Policies, r.state.ReleasedAt = posture.Hash(r.config.Posture), r.summary.StartedAt
	for _, t := range goes {
		kept.gone[t.Type] = true
		delete(r.state.Established, t.Type) // what is read again some day is a baseline
		r.state.Complete[t.Type] = true     // stores need keep nothing of it
		for _, counts := range []map[string]int64{r.summary.Entities, r.summary.Relationships, r.summary.WithheldDeletions, r.summary.KeptOutOfScope} {
			delete(counts, t.Type)
		}
		delete(r.summary.KeptOutOfScopeSince, t.Type)
		r.notice("Deleted: %d of %s.", t.Records, t.Type)
		released = reconcile.UnionOfKeys(released, graph.Map(graph.Keys(ctx, r.last, t.Type), func(key string) reconcile.Key {
			return reconcile.Key{Type: t.Type, Key: key}
		}))
	}
	r.summary.IncompleteTypes = slices.DeleteFunc(r.summary.IncompleteTypes, func(name string) bool { return kept.gone[name] })
	r.summary.Status = Complete
	if len(r.summary.IncompleteTypes)+len(r.summary.WithheldDeletions) > 0 {
		r.summary.Status = Partial
	}
	_, err := reconcile.Copy(ctx, kept, draft)
	if err != nil {
		return err
	}
	if r.outOfScope, err = reconcile.NewKeySet(outOfScopeOf(r.last.run)); err != nil {
		return err
	}
	remain := func(k reconcile.Key) bool { return !kept.gone[k.Type] }
	return errors.Join(
		writeKeysFile(draft, withheldFile, graph.Filter(keysOf(r.last.run, withheldFile), remain)),
		writeKeysFile(draft, outOfScopeFile, graph.Filter(keysOf(r.last.run, outOfScopeFile), remain)),
		writeKeysFile(draft, waitingFile, graph.Filter(keysOf(r.last.run, waitingFile), remain)),
		writeKeysFile(draft, releasedFile, released),
		r.evaluatePosture(ctx, draft),
		r.lookOver(ctx, draft),
	)
}

// remaining is the last graph without some types.
type remaining struct {
	*lastRun
	gone map[string]bool
}

// Types are those that remain.
func (r remaining) Types() []*graph.Type {
	return slices.DeleteFunc(slices.Clone(r.lastRun.Types()), func(t *graph.Type) bool { return r.gone[t.Name] })
}

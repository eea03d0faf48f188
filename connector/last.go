package connector

import (
	"context"
	"errors"
	"iter"

	"s1graph/graph"
	"s1graph/graph/jsonstore"
	"s1graph/graph/sorter"
	"s1graph/steps"
)

// lastRun is the last committed run as a snapshot, empty where there is none. Types that are damaged are replaced by what could
// be salvaged.
type lastRun struct {
	run      *jsonstore.Run // nil where there is none
	state    state
	byName   map[string]*graph.Type // of the run, and of the model for what the run does not have
	damaged  map[string]error       // by type
	salvaged graph.Snapshot         // of the damaged types

	restored bool // it is not the run before this one

	// By step: whether no difference in its types is a change, whether their entities have another account name on them, or
	// none, and whether rows of a wider scope than this run's are among them.
	baseline, retagged, narrowed map[string]bool
}

var _ graph.Snapshot = (*lastRun)(nil)

// openLast checks the last run file by file, and salvages what is damaged.
// mend puts in place what it can of that before, and says what is left.
func openLast(ctx context.Context, store *jsonstore.Store, mend func(context.Context, *jsonstore.Run, map[string]error) map[string]error) (*lastRun, error) {
	l := &lastRun{
		run: store.Last(), byName: make(map[string]*graph.Type),
		baseline: make(map[string]bool), retagged: make(map[string]bool), narrowed: make(map[string]bool),
	}
	for _, t := range steps.GraphTypes() {
		l.byName[t.Name] = t
	}
	if l.run == nil {
		return l, nil
	}
	var err error
	if l.state, err = stateOf(l.run); err != nil {
		return nil, err
	}
	manifest := l.run.Manifest()
	for _, t := range manifest.Types {
		l.byName[t.Name] = t
	}
	l.damaged = mend(ctx, l.run, l.run.Verify(ctx))
	if err := context.Cause(ctx); err != nil || len(l.damaged) == 0 {
		return l, err
	}
	l.salvaged, err = l.run.Salvage(ctx, store.TempDir(), l.damaged)
	return l, err
}

func (l *lastRun) committed() bool { return l.run != nil }

// established says whether the type was read whole at least once as this version of it maps it.
func (l *lastRun) established(t *graph.Type) bool {
	last := l.byName[t.Name]
	return l.run != nil && l.state.Established[t.Name] && last != nil && last.Schema == t.Schema
}

// comparable says whether a difference in a type is a change of the tenant's. A relationship comes with its ends.
func (l *lastRun) comparable(t *graph.Type) bool {
	for _, name := range []string{t.Name, t.From, t.To} {
		if of := l.byName[name]; of != nil && l.baseline[of.Step] {
			return false
		}
	}
	return l.established(t) && !l.restored && l.damaged[t.Name] == nil && (!l.retagged[t.Step] || t.Relationship)
}

// damagedSteps are the IDs of the steps whose types are damaged.
func (l *lastRun) damagedSteps() []string {
	var ids []string
	for name := range l.damaged {
		if t := l.byName[name]; t != nil {
			ids = append(ids, t.Step)
		}
	}
	return ids
}

// source is the list that its applications are from, "" where none was found.
func (l *lastRun) source() string {
	if isSource(l.state.Applications) {
		return l.state.Applications
	}
	return ""
}

func isSource(applications string) bool {
	return applications == steps.InstalledSource || applications == steps.InventorySource
}

// manifest is the run's, empty where there is none.
func (l *lastRun) manifest() jsonstore.Manifest {
	if l.run == nil {
		return jsonstore.Manifest{}
	}
	return l.run.Manifest()
}

// id is the run's, "" where there is none.
func (l *lastRun) id() string { return l.manifest().ID }

// count is how many records there are of a type; of a damaged one, how many there were.
func (l *lastRun) count(name string) int64 { return l.manifest().Contents[name].Records }

// Types are the run's.
func (l *lastRun) Types() []*graph.Type { return l.manifest().Types }

// Of is where the records of a type are.
func (l *lastRun) Of(name string) graph.Snapshot {
	switch {
	case l.run == nil:
		return graph.Nothing{}
	case l.damaged[name] != nil:
		return l.salvaged
	}
	return l.run
}

// Digests implements graph.Snapshot.
func (l *lastRun) Digests(ctx context.Context, name string) iter.Seq2[graph.KeyDigest, error] {
	return l.Of(name).Digests(ctx, name)
}

// Fetch implements graph.Snapshot.
func (l *lastRun) Fetch(ctx context.Context, name string, keys []string) iter.Seq2[graph.Encoded, error] {
	return l.Of(name).Fetch(ctx, name, keys)
}

// All yields all records of a type, faster than Fetch would.
func (l *lastRun) All(ctx context.Context, name string) iter.Seq2[graph.Encoded, error] {
	return graph.All(ctx, l.Of(name), name)
}

// keeper keeps types in a draft as the last run has them. What is damaged there must be written anew.
func (r *run) keeper(draft *jsonstore.Draft) func(typeName string) (records int64, kept bool, err error) {
	return func(typeName string) (int64, bool, error) {
		if r.last.run == nil || r.last.damaged[typeName] != nil {
			return 0, false, nil
		}
		n, err := draft.Keep(r.last.run, typeName)
		return n, err == nil, err
	}
}

// sort sorts records of a type, on the disk where they are many.
func (r *run) sort(ctx context.Context, t *graph.Type, records iter.Seq2[graph.Record, error]) (iter.Seq2[graph.Encoded, error], func() error, error) {
	sorted, err := sorter.New(sorter.Config{Dir: r.store.TempDir(), Types: []*graph.Type{t}})
	if err != nil {
		return nil, nil, err
	}
	for record, err := range records {
		if err == nil {
			err = sorted.Add(sorter.Row{Records: []graph.Record{record}})
		}
		if err != nil {
			return nil, nil, errors.Join(err, sorted.Close())
		}
	}
	return sorted.Sorted(ctx, t.Name), sorted.Close, nil
}

package neo4jstore

import (
	"context"
	"errors"
	"fmt"
	"iter"

	"github.com/neo4j/neo4j-go-driver/v5/neo4j"

	"s1graph/graph"
)

// Target is what an apply is to bring a scope to. Only RunID and Graph must be given.
type Target struct {
	RunID string
	Graph graph.Snapshot

	// Owner is whose graph it is. Where the scope is another's nothing is read or written, and the error is a *ForeignError.
	// The zero Owner is let in everywhere, and does not make the scope its own.
	Owner Owner

	// State is kept in the marker, for who reads Marker.State later. An apply that finds nothing to write leaves the
	// one that is there.
	State string

	// Declared names, by type, the properties that the data model declares. Names that were declared once are
	// remembered in the database.
	Declared map[string][]string

	// Baseline says of a type that its changes since the run that the scope holds are not reported as such. nil: of none.
	// What a scope that holds no run is given is a baseline whatever it says.
	Baseline func(typeName string) bool

	// Overlays are what nodes have besides their records; nil: what is there is left alone.
	Overlays []Overlay

	// Kept opens the graph of a run that is still there. If the scope holds that run, the apply writes what differs
	// between the two graphs, and does not read the database. nil: none is kept.
	Kept func(runID string) (graph.Snapshot, bool)

	// Verify compares with the records that the database holds, for edits by hand, and not only with what is noted
	// about them.
	Verify bool

	// What follows bounds what is deleted where the scope does not hold a kept run, so that Graph is compared
	// with what the database has. Of types that are not Complete nothing is deleted and no property taken away;
	// nil: all are complete. Withholds says whether it is too much to delete gone of the held records of a type,
	// so that left remain; nil: nothing is too much. It is not asked about relationships that go with their
	// entity, nor about types that Graph does not know.
	// Accepted says of a record that Graph lacks that it may be deleted whatever these two say; such records are
	// neither gone nor held to Withholds. nil: of none.
	Complete  func(typeName string) bool
	Withholds func(gone, held, left int64) bool
	Accepted  func(typeName, key string) bool

	// Progress is called after each batch with how many records of a type were written, and how many are to be;
	// 0 where that is not known. It is called from another goroutine, one call at a time, and never after Apply.
	Progress func(typeName string, done, total int64)
}

// Result is what an apply did.
type Result struct {
	// Run is the run that the scope's marker names now. It is to be kept until the next apply: an older one than
	// RunID where both have the same graph, since then nothing was written.
	Run string

	Statements int64 // that write
	Rows       int64 // nodes and relationships that were written or deleted

	// Compared says that the database itself was read, since it could not be told from a kept run what differs. For an
	// empty scope it does not.
	Compared bool

	// Withheld counts by type what should have been deleted, or have had properties taken away, and was kept. As
	// long as there is such, every apply compares with the database.
	Withheld map[string]int64
}

// Apply brings the scope to the target's graph. Where the scope holds that run already, this is one read. Where it
// holds another that is kept, what differs between the two is written, and nothing where nothing does. Otherwise
// the scope is read and healed: after a crash, in a database that was restored or wiped, with Verify, and where
// something turns out not to be as it was written.
//
// Killed at any moment, or ended by an error, the scope is healed by the next Apply. The error is a *FencedError
// where another process began to write to the scope.
func (s *Store) Apply(ctx context.Context, t Target) (Result, error) {
	return s.newApply(t).run(ctx)
}

func (s *Store) newApply(t Target) *apply {
	if t.Baseline == nil {
		t.Baseline = func(string) bool { return false }
	}
	if t.Complete == nil {
		t.Complete = func(string) bool { return true }
	}
	if t.Withholds == nil {
		t.Withholds = func(gone, held, left int64) bool { return false }
	}
	if t.Progress == nil {
		t.Progress = func(string, int64, int64) {}
	}
	return &apply{store: s.anew(), target: t, finish: (*lease).give}
}

// Wipe removes what is ours from the scope, and the marker last. Types are those of the data model; others that
// were ever written are known to the marker. Nodes to which somebody else's relationships lead stay as tombstones.
func (s *Store) Wipe(ctx context.Context, types []*graph.Type, progress func(typeName string, done, total int64)) (Result, error) {
	a := s.newApply(Target{RunID: "wipe", Graph: graph.Nothing(types), Progress: progress})
	a.heal = true
	a.finish = func(l *lease, ctx context.Context, run string, types []known, withheld bool) error {
		return l.destroy(ctx)
	}
	return a.run(ctx)
}

// differentError says that the database, or the run on disk that it was compared by, is not as it should be.
type differentError struct{ error }

func (e *differentError) Unwrap() error { return e.error }

// apply is one Apply or Wipe under way.
type apply struct {
	store  *Store
	target Target
	finish func(l *lease, ctx context.Context, run string, types []known, withheld bool) error
	heal   bool // compare with the database, whatever the marker says
	result Result

	// Of the attempt under way.
	marker *Marker
	types  []known // the target's
	lease  *lease
	totals map[string]int64 // records to be written, where that is known
	gone   *goneKeys        // what the writer found gone
}

// attempts is how often an apply starts over: when the database is found to be other than the marker says, and when
// another process wrote while this one looked.
const attempts = 3

func (a *apply) run(ctx context.Context) (Result, error) {
	if err := a.target.checkNames(); err != nil {
		return a.result, fmt.Errorf("neo4j: %w", err)
	}
	for _, t := range a.target.Graph.Types() {
		a.types = append(a.types, known{*t, a.target.Declared[t.Name]})
	}
	var err error
	for range attempts {
		err = a.attempt(ctx)
		if a.lease != nil {
			a.result.Statements += a.lease.statements
		}
		var different *differentError
		switch {
		case err == nil:
			return a.result, nil
		case ctx.Err() == nil && (errors.As(err, &different) || errors.Is(err, graph.ErrLacks)):
			if a.isOvertaken(ctx) {
				return a.result, fmt.Errorf("neo4j: %w", &FencedError{Scope: a.store.config.Scope})
			}
			a.heal = true
			a.store.config.Logger.WarnContext(ctx, "neo4j is not as it was written, so it is read and healed", "scope", a.store.config.Scope, "reason", err)
		case !errors.Is(err, errMoved):
			return a.result, fmt.Errorf("neo4j: %w", err)
		}
	}
	return a.result, fmt.Errorf("neo4j: %w", err)
}

// isOvertaken says whether another apply has begun since this one took its lease: what that one removes is not to be healed.
func (a *apply) isOvertaken(ctx context.Context) bool {
	if a.lease == nil || !a.lease.taken {
		return false
	}
	m, err := a.store.marker(ctx)
	return err == nil && m.token != a.lease.token
}

func (a *apply) attempt(ctx context.Context) (err error) {
	a.lease, a.totals, a.gone, a.result.Withheld = nil, map[string]int64{}, newGoneKeys(), nil
	if a.marker, err = a.store.marker(ctx); err != nil {
		return err
	}
	if err := a.marker.admit(a.store.config.Scope, a.target.Owner); err != nil {
		return err
	}
	a.result.Run = a.marker.Run
	if !a.heal && !a.target.Verify && a.marker.holds() {
		if a.marker.Run == a.target.RunID {
			return a.sign(ctx)
		}
		if a.target.Kept != nil {
			if before, ok := a.target.Kept(a.marker.Run); ok && graph.CheckTypes(before.Types()) == nil {
				return a.advance(ctx, kept{before})
			}
		}
	}
	return a.compare(ctx)
}

// advance brings the scope from the run that it holds to the target: it compares the two, and writes what differs.
func (a *apply) advance(ctx context.Context, before graph.Snapshot) error {
	counts, err := graph.Diff(ctx, before, a.target.Graph, graph.DiffOptions{Baseline: func(string) bool { return true }}, nil)
	if err != nil {
		return err
	}
	for name, c := range counts {
		if n := c.Created + c.Updated + c.Touched + c.Deleted; n > 0 {
			a.totals[name] = n
		}
	}
	if err := a.countOverlays(ctx); err != nil {
		return err
	}
	if len(a.totals) == 0 {
		return a.sign(ctx)
	}
	a.newLease()
	if err := a.take(ctx); err != nil {
		return err
	}
	err = a.writing(ctx, before, func(w *writer) error {
		same := func(typeName string) bool { return a.totals[typeName] == 0 }
		if _, err := w.write(before, a.target.Graph, same); err != nil {
			return err
		}
		if err := w.overlay(a.keptOverlay); err != nil {
			return err
		}
		return w.remove(before, func(t *graph.Type) bool { return counts[t.Name].Deleted > 0 }, nil)
	})
	if err != nil {
		return err
	}
	return a.end(ctx)
}

// compare writes what differs between what the database holds and the target.
func (a *apply) compare(ctx context.Context) error {
	before := a.store.held(union(a.marker.types, a.types), a.target.Verify)
	a.newLease()
	isCurrent := a.marker.holds() && a.marker.Run == a.target.RunID && !a.heal
	if !isCurrent {
		// Whoever writes at the moment is to stop before the database is read.
		if err := a.take(ctx); err != nil {
			return err
		}
	}
	if err := a.tidy(ctx); err != nil {
		return err
	}
	if !a.marker.Exists {
		if err := before.lookWhether(ctx); err != nil {
			return err
		}
	}
	err := a.writing(ctx, before, func(w *writer) error {
		w.heals = true
		counts, err := w.write(whole{before}, whole{a.target.Graph}, nil)
		if err != nil {
			return err
		}
		if err := w.single(before); err != nil {
			return err
		}
		if err := w.overlay(a.overlayBefore(before)); err != nil {
			return err
		}
		withheld, err := a.evaluate(ctx, before, counts)
		if err != nil {
			return err
		}
		return w.remove(before, func(t *graph.Type) bool { return counts[t.Name].Deleted > 0 }, withheld)
	})
	a.result.Compared = a.marker.Exists || before.isAny()
	if err != nil {
		return err
	}
	if isCurrent && !a.lease.taken && len(a.result.Withheld) == 0 {
		return a.sign(ctx)
	}
	if err := a.take(ctx); err != nil {
		return err
	}
	return a.end(ctx)
}

func (a *apply) take(ctx context.Context) error {
	return a.lease.take(ctx, a.target.RunID, a.types)
}

func (a *apply) end(ctx context.Context) error {
	if err := a.finish(a.lease, ctx, a.target.RunID, a.types, len(a.result.Withheld) > 0); err != nil {
		return err
	}
	a.result.Run = a.target.RunID
	return nil
}

// tidy removes what no comparison of records would find: relationships of types that are defined anew, and what edits
// by hand left behind.
func (a *apply) tidy(ctx context.Context) error {
	now := map[string]known{}
	infix := map[string][]any{} // by class, the types that there are
	for _, t := range a.types {
		now[t.Name] = t
	}
	for _, t := range union(a.marker.types, a.types) {
		if t.Relationship {
			infix[t.Class] = append(infix[t.Class], parameters{"name": t.Name, "from": t.From, "to": t.To})
		}
	}
	for _, t := range a.marker.types {
		if n, ok := now[t.Name]; ok && t.Relationship && t.Class != n.Class && infix[t.Class] == nil {
			infix[t.Class] = []any{} // all of them are strays
		}
	}
	if !a.marker.Exists {
		return nil
	}
	for class, types := range infix {
		p := parameters{"rows": types, "infix": graph.RelationshipKey("", class, "")}
		if err := a.sweep(ctx, findStrays(class), "r", p); err != nil {
			return fmt.Errorf("class %s: %w", class, err)
		}
	}
	return a.sweep(ctx, findGone, "n", parameters{})
}

// sweep removes what a statement finds as name, if it finds anything, batch by batch.
func (a *apply) sweep(ctx context.Context, find, name string, p parameters) error {
	p["scope"] = a.store.config.Scope
	records, err := a.store.read(ctx, find+" RETURN 1 LIMIT 1", p)
	if err != nil || len(records) == 0 {
		return err
	}
	if err := a.take(ctx); err != nil {
		return err
	}
	p["limit"] = a.store.config.BatchRows
	remove := fmt.Sprintf("%s WITH %s LIMIT $limit DELETE %[2]s RETURN count(*)", find, name)
	for {
		var n int64
		err := a.lease.batch(ctx, a.lease.number(), func(ctx context.Context, tx neo4j.ManagedTransaction) error {
			var err error
			n, err = count(ctx, tx, remove, p)
			return err
		}, func() {})
		if err != nil {
			return err
		}
		a.lease.statements++
		a.result.Rows += n
		if n < int64(a.store.config.BatchRows) {
			return nil
		}
	}
}

// kept is the graph of a run on disk. If it cannot be read, the database still can.
type kept struct{ graph.Snapshot }

func (k kept) Digests(ctx context.Context, typeName string) iter.Seq2[graph.KeyDigest, error] {
	return different(k.Snapshot.Digests(ctx, typeName))
}

func (k kept) Fetch(ctx context.Context, typeName string, keys []string) iter.Seq2[graph.Encoded, error] {
	return different(k.Snapshot.Fetch(ctx, typeName, keys))
}

func different[T any](seq iter.Seq2[T, error]) iter.Seq2[T, error] {
	return graph.MapErrors(seq, func(err error) error { return &differentError{err} })
}

// whole compares records by all their properties alone, since the database has no other digest.
type whole struct{ graph.Snapshot }

func (w whole) Digests(ctx context.Context, typeName string) iter.Seq2[graph.KeyDigest, error] {
	return graph.Map(w.Snapshot.Digests(ctx, typeName), func(d graph.KeyDigest) graph.KeyDigest {
		d.Stable = d.Full
		return d
	})
}

// chunked gives the keys of a sequence to do, some at a time.
func chunked(keys iter.Seq2[string, error], do func(keys []string) error) error {
	const size = 1000
	chunk := make([]string, 0, size)
	for key, err := range keys {
		if err != nil {
			return err
		}
		if chunk = append(chunk, key); len(chunk) == size {
			if err := do(chunk); err != nil {
				return err
			}
			chunk = chunk[:0]
		}
	}
	if len(chunk) == 0 {
		return nil
	}
	return do(chunk)
}

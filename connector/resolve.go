package connector

import (
	"context"
	"iter"
	"slices"

	"s1graph/graph"
	"s1graph/graph/jsonstore"
	"s1graph/model"
	"s1graph/steps"
)

// resolver turns what the steps emitted into the graph that is to be committed. Type by type it decides
// what of the last graph stays although this run's rows do not have it:
//
//	skipped type       all of it stays as it was
//	incomplete type    all of it stays, rows add and update
//	complete type      what lies outside the scope stays, and what the guard withholds; the rest is gone
//
// What somebody accepted of a complete type is gone too, if this run's rows lack it still.
//
// Entities come first, since a relationship needs both its ends in the graph that results.
type resolver struct {
	in      *steps.Input
	last    graph.Snapshot
	draft   *jsonstore.Draft
	builder *graph.Builder
	guard   guard

	accepted keySet // what may go whatever the guard says, or although it lies out of scope

	types  map[string]*typeState
	byName map[string]*graph.Type // of both graphs, for reading records

	nodes    nodeSet
	outside  map[string]bool   // keys of entities of the last graph that this run's rows do not tell all about
	released map[string]bool   // keys of entities of the last graph that go because that was accepted
	waiting  map[string]bool   // keys that were accepted, are missing, and cannot be judged by this run
	rekeyed  map[string]string // entity key before -> key now
	same     map[string]bool   // types of which the graph that results holds what the last one held
	dangling int64
}

// typeState is what is known of one type in this run.
type typeState struct {
	*graph.Type
	written graph.Type // the type that its records were made with: the last run's, where it was skipped

	skipped        bool
	incomplete     bool // not all of it was read
	derived        bool // made of a type whose deletions were withheld
	keepProperties bool // this run's rows say less than is known from before

	subject model.End // of a relationship, the end that it is a fact about

	fresh    int64 // records made of this run's rows
	before   int64 // records of the last graph
	records  int64 // records of the graph that results
	withheld int64
	released int64 // records of the last graph that go because that was accepted
	outside  int64 // records of the last graph that stay because they lie outside the scope
}

// readWhole says whether this run's rows are all that there is of the type.
func (s *typeState) readWhole() bool { return !s.skipped && !s.incomplete }

// keepsAll says whether nothing of the type may be deleted, but what is made of accepted things.
func (s *typeState) keepsAll() bool { return !s.readWhole() || s.derived }

// guard withholds deletions that look like a fault.
type guard struct {
	percent float64
	count   int64
	off     bool
}

// withholds says whether it is too much to delete gone of the judged records of a type, where fresh ones
// were read.
func (g guard) withholds(gone, judged, fresh int64) bool {
	if g.off || gone == 0 {
		return false
	}
	return fresh == 0 || gone > g.count && float64(gone) > g.percent/100*float64(judged)
}

// derivedFrom names, for entity types that have no list of their own, the types that they are derived from.
var derivedFrom = func() map[string][]string {
	sources := make(map[string][]string)
	for _, d := range steps.Entities() {
		for _, source := range d.DerivedFrom {
			sources[d.Name] = append(sources[d.Name], source.Name)
		}
	}
	return sources
}()

// placedBy has, by entity type, the relationship type by which an entity stands where another one does.
var placedBy = func() map[string]*model.Description {
	placed := make(map[string]*model.Description)
	for _, d := range steps.Relationships() {
		switch d.Places {
		case model.From:
			placed[d.From] = d
		case model.To:
			placed[d.To] = d
		}
	}
	return placed
}()

// otherEnd is the type of the end that stands somewhere by itself.
func otherEnd(d *model.Description) string {
	if d.Places == model.To {
		return d.From
	}
	return d.To
}

// entityOrder are the entity types, each after those that it is derived from or placed by.
func entityOrder() []string {
	var order []string
	var add func(name string)
	add = func(name string) {
		if slices.Contains(order, name) {
			return
		}
		for _, source := range derivedFrom[name] {
			add(source)
		}
		if d := placedBy[name]; d != nil {
			add(otherEnd(d))
		}
		order = append(order, name)
	}
	for _, d := range steps.Entities() {
		add(d.Name)
	}
	return order
}

// resolve writes all types to the draft.
func (r *resolver) resolve(ctx context.Context) error {
	r.nodes = newNodeSet()
	r.outside = make(map[string]bool)
	r.released = make(map[string]bool)
	r.waiting = make(map[string]bool)
	r.rekeyed = make(map[string]string)
	r.same = make(map[string]bool)
	for _, name := range entityOrder() {
		if err := r.resolveEntities(ctx, r.types[name]); err != nil {
			return err
		}
	}
	for _, d := range steps.Relationships() {
		if err := r.resolveRelationships(ctx, r.types[d.Name], d.Subject); err != nil {
			return err
		}
	}
	return nil
}

func (r *resolver) resolveEntities(ctx context.Context, s *typeState) error {
	for _, source := range derivedFrom[s.Name] {
		s.derived = s.derived || r.types[source].withheld > 0 || r.types[source].derived
	}
	if err := r.writeFresh(ctx, s, r.builder.Sorted(ctx, s.Name)); err != nil {
		return err
	}
	gone, err := r.missing(ctx, s)
	if err == nil {
		err = r.release(ctx, s, gone)
	}
	if err != nil {
		return err
	}
	if n := int64(len(gone)); !s.keepsAll() && r.guard.withholds(n, s.before-s.outside-s.released, s.fresh) {
		s.withheld = n
	}
	// Where rows tell only part of what is known, as of accounts, no lack of a row means anything.
	all := s.keepsAll() || s.withheld > 0 || s.keepProperties
	if all || len(r.outside) > 0 {
		keep := func(key string) bool { return (all || r.outside[key]) && !r.released[key] }
		if err := r.carry(ctx, s, keep); err != nil {
			return err
		}
	}
	for d, err := range r.draft.Digests(ctx, s.Name) {
		if err != nil {
			return err
		}
		r.nodes.add(d.Key)
	}
	return nil
}

// missing counts the records of the last graph that lie outside the scope, and returns the keys of those that are
// gone: this run's rows lack them, and they should be among them. Rekeyed ones are not gone.
func (r *resolver) missing(ctx context.Context, s *typeState) (gone map[string]bool, err error) {
	gone = make(map[string]bool)
	if s.before == 0 {
		return gone, nil
	}
	r.same[s.Name], err = graph.Compare(ctx, r.last, r.draft, s.Name, func(key string) { gone[key] = true })
	if err != nil {
		return nil, err
	}
	if !r.in.SeesAll() {
		if err := r.findOutside(ctx, s, gone); err != nil {
			return nil, err
		}
	}
	for key := range gone {
		outside := r.outside[key]
		if outside || !s.readWhole() {
			r.wait(s, key)
		}
		if outside {
			s.outside++
			delete(gone, key)
		}
	}
	switch {
	case !s.readWhole():
		return nil, nil
	case s.derived:
		return gone, nil
	}
	return gone, r.matchRekeyed(ctx, s.Name, gone)
}

// writeFresh writes what this run's rows made of a type; of a skipped type that is nothing.
func (r *resolver) writeFresh(ctx context.Context, s *typeState, records iter.Seq2[graph.Encoded, error]) error {
	if s.skipped {
		records = func(func(graph.Encoded, error) bool) {}
	}
	n, err := r.draft.Write(ctx, &s.written, records)
	s.fresh, s.records = n, n
	return err
}

// carry writes the type once more, together with those records of the last graph that keep wants.
func (r *resolver) carry(ctx context.Context, s *typeState, keep func(key string) bool) error {
	if s.before == 0 {
		return nil
	}
	both := func(fresh, carried graph.Encoded) (graph.Encoded, error) {
		if s.incomplete || s.derived || s.keepProperties || r.outside[fresh.Key] {
			return r.join(s, fresh, carried)
		}
		return fresh, nil
	}
	carried := only(graph.All(ctx, r.last, s.Name), keep)
	merged := graph.Merge(ctx, graph.All(ctx, r.draft, s.Name), carried, both)
	n, err := r.draft.Write(ctx, &s.written, merged)
	s.records = n
	return err
}

// only yields the records whose keys keep wants.
func only(records iter.Seq2[graph.Encoded, error], keep func(key string) bool) iter.Seq2[graph.Encoded, error] {
	return func(yield func(graph.Encoded, error) bool) {
		for record, err := range records {
			if (err != nil || keep(record.Key)) && !yield(record, err) {
				return
			}
		}
	}
}

// join makes one of what this run's rows say of a thing and what is known from before, where not all
// rows that it is made of were read: it loses no property, and what is made of all rows is made of both.
func (r *resolver) join(s *typeState, fresh, carried graph.Encoded) (graph.Encoded, error) {
	if fresh.Full == carried.Full {
		return fresh, nil
	}
	record, err := r.decode(fresh)
	if err != nil {
		return fresh, err
	}
	other, err := r.decode(carried)
	if err != nil {
		return fresh, err
	}
	const seen = "lastSeenOn"
	if len(derivedFrom[s.Name]) > 0 && other.Get(seen).Int64() > record.Get(seen).Int64() {
		record, other = other, record // the agent that describes it was not read
	}
	record.Type = &s.written
	for _, p := range other.Properties {
		known := record.Get(p.Name)
		combine := s.Combine[p.Name]
		switch {
		case known.IsAbsent():
			record.Set(p.Name, p.Value)
		case combine != nil:
			record.Set(p.Name, combine(known, p.Value))
		}
	}
	return graph.Encode(&record), nil
}

func (r *resolver) decode(e graph.Encoded) (graph.Record, error) {
	return graph.Decode(e.JSON, r.byName)
}

func (r *resolver) resolveRelationships(ctx context.Context, s *typeState, subject model.End) error {
	start, end := r.types[s.From], r.types[s.To]
	s.subject = subject
	s.incomplete = s.incomplete || start.incomplete || end.incomplete
	s.derived = start.withheld > 0 || end.withheld > 0 || start.derived || end.derived
	if err := r.writeFresh(ctx, s, r.withEnds(ctx, s, start, end)); err != nil {
		return err
	}
	if s.before == 0 {
		return nil
	}
	if s.keepsAll() {
		if err := r.waitAll(ctx, s); err != nil {
			return err
		}
		return r.carry(ctx, s, r.hasEnds)
	}
	var gone, outside int64
	same, err := graph.Compare(ctx, r.last, r.draft, s.Name, func(key string) {
		switch {
		case !r.hasEnds(key): // goes with its node, whatever is known of the relationship
		case r.isOutside(s, key):
			outside++
			r.wait(s, key)
		case r.accepted.has(s.Name, key):
			s.released++
		default:
			gone++
		}
	})
	if err != nil {
		return err
	}
	r.same[s.Name] = same
	if r.guard.withholds(gone, s.before-outside-s.released, s.fresh) {
		s.withheld = gone
	}
	if s.withheld > 0 || outside > 0 {
		return r.carry(ctx, s, func(key string) bool {
			return r.hasEnds(key) && (r.isOutside(s, key) || s.withheld > 0 && !r.accepted.has(s.Name, key))
		})
	}
	return nil
}

// hasEnds says whether both ends of a relationship are in the graph that results.
func (r *resolver) hasEnds(key string) bool {
	from, to, ok := graph.RelationshipEnds(key)
	return ok && r.nodes.has(from) && r.nodes.has(to)
}

// isOutside says whether a record of the last graph lies outside the scope: a relationship does where the entity
// does that it is a fact about.
func (r *resolver) isOutside(s *typeState, key string) bool {
	if !s.Relationship {
		return r.outside[key]
	}
	from, to, _ := graph.RelationshipEnds(key)
	if s.subject == model.To {
		return r.outside[to]
	}
	return r.outside[from]
}

// withEnds yields the relationships made of this run's rows that have both ends in the graph. Those
// that lack one are counted, unless it is missing because its type was not read whole.
func (r *resolver) withEnds(ctx context.Context, s, start, end *typeState) iter.Seq2[graph.Encoded, error] {
	excused := func(end *typeState, key string) bool { return r.nodes.has(key) || end.incomplete || end.skipped }
	return func(yield func(graph.Encoded, error) bool) {
		for record, err := range r.builder.Sorted(ctx, s.Name) {
			if err == nil {
				from, to, _ := graph.RelationshipEnds(record.Key)
				if !r.nodes.has(from) || !r.nodes.has(to) {
					if !excused(start, from) || !excused(end, to) {
						r.dangling++
					}
					continue
				}
			}
			if !yield(record, err) {
				return
			}
		}
	}
}

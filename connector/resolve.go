package connector

import (
	"context"
	"hash/maphash"
	"iter"
	"slices"

	"s1graph/entities"
	"s1graph/graph"
	"s1graph/graph/jsonstore"
	"s1graph/relationships"
	"s1graph/steps"
)

// resolver turns what the steps emitted into the graph that is to be committed. Type by type it decides
// what of the last graph stays although this run's rows do not have it:
//
//	skipped type       all of it stays as it was
//	incomplete type    all of it stays, rows add and update
//	complete type      what lies outside the scope stays, and what the guard withholds; the rest is gone
//
// Entities come first, since a relationship needs both its ends in the graph that results.
type resolver struct {
	in      *steps.Input
	last    graph.Snapshot
	draft   *jsonstore.Draft
	builder *graph.Builder
	guard   guard

	accepted map[string]int64 // deletions of the last run that somebody accepted, by type; nil: nobody did

	types  map[string]*typeState
	byName map[string]*graph.Type // of both graphs, for reading records

	nodes    nodeSet
	outside  map[string]bool   // keys of entities of the last graph that this run's rows do not tell all about
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
	accepted       bool // its deletions were accepted, or it is made of a type of which they were
	keepProperties bool // this run's rows say less than is known from before

	fresh    int64 // records made of this run's rows
	before   int64 // records of the last graph
	records  int64 // records of the graph that results
	withheld int64
	outside  int64 // records of the last graph that stay because they lie outside the scope
}

// keepsAll says whether nothing of the type may be deleted.
func (s *typeState) keepsAll() bool { return s.skipped || s.incomplete || s.derived }

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

// lets says whether the guard lets so many deletions of a type pass: because they are few, or because they
// were accepted. What is made of an accepted type goes with it, however much that is; of the type itself not
// many more than were accepted, as those would be another fault.
func (r *resolver) lets(s *typeState, gone, judged int64) bool {
	if n, ok := r.accepted[s.Name]; ok {
		return gone <= n+r.guard.count || !r.guard.withholds(gone, judged, s.fresh)
	}
	return s.accepted || !r.guard.withholds(gone, judged, s.fresh)
}

// madeOf names, for entity types that have no list of their own, the types that they are made of.
func madeOf(name string) []string {
	switch name {
	case entities.Device.GraphType().Name:
		return []string{entities.Agent.GraphType().Name}
	case entities.User.GraphType().Name:
		return []string{entities.Agent.GraphType().Name, entities.Device.GraphType().Name}
	}
	return nil
}

// judgedAfter names the types that must be settled before it is known what of a type lies outside.
func judgedAfter(name string) []string {
	if name == entities.Application.GraphType().Name {
		return []string{entities.Device.GraphType().Name}
	}
	return madeOf(name)
}

// entityOrder are the entity types, each after those that it depends on.
func entityOrder() []string {
	var order []string
	var add func(name string)
	add = func(name string) {
		if slices.Contains(order, name) {
			return
		}
		for _, source := range judgedAfter(name) {
			add(source)
		}
		order = append(order, name)
	}
	for _, t := range entities.GraphTypes() {
		add(t.Name)
	}
	return order
}

// resolve writes all types to the draft.
func (r *resolver) resolve(ctx context.Context) error {
	r.nodes = newNodeSet()
	r.outside = make(map[string]bool)
	r.rekeyed = make(map[string]string)
	r.same = make(map[string]bool)
	for _, name := range entityOrder() {
		if err := r.resolveEntities(ctx, r.types[name]); err != nil {
			return err
		}
	}
	for _, d := range relationships.All() {
		if err := r.resolveRelationships(ctx, r.types[d.Type.Name], d.Subject); err != nil {
			return err
		}
	}
	return nil
}

func (r *resolver) resolveEntities(ctx context.Context, s *typeState) error {
	_, s.accepted = r.accepted[s.Name]
	for _, source := range madeOf(s.Name) {
		s.derived = s.derived || r.types[source].withheld > 0 || r.types[source].derived
		s.accepted = s.accepted || r.types[source].accepted
	}
	if err := r.writeFresh(ctx, s, r.builder.Sorted(ctx, s.Name)); err != nil {
		return err
	}
	outside, gone, err := r.missing(ctx, s)
	if err != nil {
		return err
	}
	s.outside = outside
	if n := int64(len(gone)); !r.lets(s, n, s.before-outside) {
		s.withheld = n
	}
	// Where rows tell only part of what is known, as of accounts, no lack of a row means anything.
	all := s.keepsAll() || s.withheld > 0 || s.keepProperties
	if all || len(r.outside) > 0 {
		keep := func(key string) bool { return all || r.outside[key] }
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

// missing returns how many records of the last graph lie outside the scope, and the keys of those that
// are gone: this run's rows lack them, and they should be among them. Rekeyed ones are not gone.
func (r *resolver) missing(ctx context.Context, s *typeState) (outside int64, gone map[string]bool, err error) {
	gone = make(map[string]bool)
	if s.before == 0 {
		return 0, gone, nil
	}
	r.same[s.Name], err = graph.Compare(ctx, r.last, r.draft, s.Name, func(key string) { gone[key] = true })
	if err != nil {
		return 0, nil, err
	}
	if !r.in.SeesAll() && r.accepted == nil {
		if err := r.findOutside(ctx, s.Name, gone); err != nil {
			return 0, nil, err
		}
	}
	for key := range gone {
		if r.outside[key] {
			outside++
			delete(gone, key)
		}
	}
	if s.keepsAll() {
		return outside, nil, nil
	}
	return outside, gone, r.matchRekeyed(ctx, s.Name, gone)
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
	if len(madeOf(s.Name)) > 0 && other.Get(seen).Int64() > record.Get(seen).Int64() {
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

func (r *resolver) resolveRelationships(ctx context.Context, s *typeState, subject relationships.End) error {
	start, end := r.types[s.From], r.types[s.To]
	s.incomplete = s.incomplete || start.incomplete || end.incomplete
	s.derived = start.withheld > 0 || end.withheld > 0 || start.derived || end.derived
	_, s.accepted = r.accepted[s.Name]
	s.accepted = s.accepted || start.accepted || end.accepted
	if err := r.writeFresh(ctx, s, r.withEnds(ctx, s, start, end)); err != nil {
		return err
	}
	if s.before == 0 {
		return nil
	}
	hasEnds := func(key string) bool {
		from, to, ok := graph.RelationshipEnds(key)
		return ok && r.nodes.has(from) && r.nodes.has(to)
	}
	if s.keepsAll() {
		return r.carry(ctx, s, hasEnds)
	}
	isOutside := func(key string) bool {
		from, to, _ := graph.RelationshipEnds(key)
		if subject == relationships.To {
			return r.outside[to]
		}
		return r.outside[from]
	}
	var gone, outside int64
	same, err := graph.Compare(ctx, r.last, r.draft, s.Name, func(key string) {
		switch {
		case !hasEnds(key): // goes with its node, whatever is known of the relationship
		case isOutside(key):
			outside++
		default:
			gone++
		}
	})
	if err != nil {
		return err
	}
	r.same[s.Name] = same
	if !r.lets(s, gone, s.before-outside) {
		s.withheld = gone
		return r.carry(ctx, s, hasEnds)
	}
	if outside > 0 {
		return r.carry(ctx, s, func(key string) bool { return hasEnds(key) && isOutside(key) })
	}
	return nil
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

// nodeSet holds the keys of the entities of the graph that results, as hashes: 8 bytes and some a key.
// The hash's seed is random, so that nobody can choose names that collide.
type nodeSet struct {
	seed   maphash.Seed
	hashes map[uint64]struct{}
}

func newNodeSet() nodeSet {
	return nodeSet{seed: maphash.MakeSeed(), hashes: make(map[uint64]struct{})}
}

func (s nodeSet) add(key string) { s.hashes[maphash.String(s.seed, key)] = struct{}{} }
func (s nodeSet) has(key string) bool {
	_, found := s.hashes[maphash.String(s.seed, key)]
	return found
}

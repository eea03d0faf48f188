package connector

import (
	"context"
	"hash/maphash"
	"iter"
	"maps"
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
	types   map[string]*typeState
	byName  map[string]*graph.Type // of both graphs, for reading records

	nodes    nodeSet
	outside  map[string]bool   // keys of entities of the last graph that this run's rows say nothing about
	rekeyed  map[string]string // entity key before -> key now
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

	fresh    int64 // records made of this run's rows
	before   int64 // records of the last graph
	records  int64 // records of the graph that results
	withheld int64
}

// keepsAll says whether nothing of the type may be deleted.
func (s *typeState) keepsAll() bool { return s.skipped || s.incomplete || s.derived }

// guard withholds deletions that look like a fault.
type guard struct {
	percent float64
	count   int64
	off     bool
}

// withholds says whether it is too much to delete gone of the before records of a type, where left remain.
func (g guard) withholds(gone, before, left int64) bool {
	if g.off || gone == 0 {
		return false
	}
	return left == 0 || gone > g.count && float64(gone) > g.percent/100*float64(before)
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

// entityOrder are the entity types with those first that others are made of.
func entityOrder() []string {
	var order []string
	var add func(name string)
	add = func(name string) {
		if slices.Contains(order, name) {
			return
		}
		for _, source := range madeOf(name) {
			add(source)
		}
		order = append(order, name)
	}
	for _, d := range entities.All() {
		add(d.Type.Name)
	}
	return order
}

// resolve writes all types to the draft.
func (r *resolver) resolve(ctx context.Context) error {
	r.nodes = newNodeSet()
	r.outside = make(map[string]bool)
	r.rekeyed = make(map[string]string)
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
	for _, source := range madeOf(s.Name) {
		s.derived = s.derived || r.types[source].withheld > 0 || r.types[source].derived
	}
	if err := r.writeFresh(ctx, s, r.builder.Sorted(ctx, s.Name)); err != nil {
		return err
	}
	stays, gone, err := r.missingEntities(ctx, s)
	if err != nil {
		return err
	}
	if !s.keepsAll() && r.guard.withholds(int64(len(gone)), s.before, s.fresh+int64(len(stays))) {
		s.withheld = int64(len(gone))
	}
	// Where only what is known of accounts counts for less, none of them is missing for good.
	all := s.keepsAll() || s.withheld > 0 || s.keepProperties
	if all || len(stays) > 0 {
		if err := r.carry(ctx, s, func(key string) bool { return all || stays[key] }); err != nil {
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
	both := func(fresh, carried graph.Encoded) (graph.Encoded, error) { return fresh, nil }
	if s.incomplete || s.derived || s.keepProperties {
		both = r.addProperties
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

// addProperties adds to a record the properties that it had and now lacks.
func (r *resolver) addProperties(fresh, carried graph.Encoded) (graph.Encoded, error) {
	if fresh.Full == carried.Full {
		return fresh, nil
	}
	record, err := r.decode(fresh)
	if err != nil {
		return fresh, err
	}
	before, err := r.decode(carried)
	if err != nil {
		return fresh, err
	}
	for _, p := range before.Properties {
		if record.Get(p.Name).IsAbsent() {
			record.Set(p.Name, p.Value)
		}
	}
	return graph.Encode(&record), nil
}

func (r *resolver) decode(e graph.Encoded) (graph.Record, error) {
	return graph.Decode(e.JSON, r.byName)
}

// missingEntities divides what the last graph has of a type and this run's rows have not into what
// stays, because it lies outside the scope, and what is gone. Rekeyed entities are neither.
func (r *resolver) missingEntities(ctx context.Context, s *typeState) (stays, gone map[string]bool, err error) {
	stays, gone = make(map[string]bool), make(map[string]bool)
	if s.keepsAll() || s.before == 0 {
		return stays, gone, nil
	}
	for key, err := range graph.Missing(ctx, r.last, r.draft, s.Name) {
		if err != nil {
			return nil, nil, err
		}
		gone[key] = true
	}
	if !r.in.SeesAll() {
		if err := r.findOutside(ctx, s, gone); err != nil {
			return nil, nil, err
		}
	}
	for key := range gone {
		if r.outside[key] {
			stays[key] = true
			delete(gone, key)
		}
	}
	if len(gone) == 0 {
		return stays, gone, nil
	}
	switch s.Name {
	case entities.Device.GraphType().Name:
		err = r.matchDevices(ctx, gone)
	case entities.User.GraphType().Name:
		err = r.matchLocalUsers(ctx, gone)
	}
	for key := range gone {
		if r.rekeyed[key] != "" {
			delete(gone, key)
		}
	}
	return stays, gone, err
}

// findOutside adds to outside those of the missing keys that this run's rows say nothing about, and all
// devices of agents that are outside.
func (r *resolver) findOutside(ctx context.Context, s *typeState, missing map[string]bool) error {
	switch s.Name {
	case entities.Device.GraphType().Name:
		return r.in.DevicesBefore(ctx, func(agentID, device string) {
			if r.outside[entities.AgentKey(agentID)] {
				r.outside[device] = true
			}
		})
	case entities.User.GraphType().Name:
		return r.eachEdge(ctx, relationships.UserOwnsDevice.GraphType().Name, func(user, device string) {
			if r.outside[device] && missing[user] {
				r.outside[user] = true
			}
		})
	case entities.Application.GraphType().Name:
		return r.eachEdge(ctx, relationships.DeviceHasApplication.GraphType().Name, func(device, application string) {
			if r.outside[device] && missing[application] {
				r.outside[application] = true
			}
		})
	}
	for _, keys := range batches(missing) {
		for encoded, err := range r.last.Fetch(ctx, s.Name, keys) {
			if err != nil {
				return err
			}
			record, err := r.decode(encoded)
			if err != nil {
				return err
			}
			if r.in.Outside(&record) {
				r.outside[record.Key] = true
			}
		}
	}
	return nil
}

// eachEdge calls each with the ends of every relationship of a type in the last graph.
func (r *resolver) eachEdge(ctx context.Context, name string, each func(from, to string)) error {
	for d, err := range r.last.Digests(ctx, name) {
		if err != nil {
			return err
		}
		from, to, _ := graph.RelationshipEnds(d.Key)
		each(from, to)
	}
	return nil
}

// matchDevices finds the devices that are there under another key: the same agent, another name or
// serial number. Each is matched once.
func (r *resolver) matchDevices(ctx context.Context, gone map[string]bool) error {
	created, err := r.created(ctx, entities.Device.GraphType().Name)
	if err != nil {
		return err
	}
	now := r.in.DevicesNow()
	candidates := make(map[string]string)
	err = r.in.DevicesBefore(ctx, func(agentID, before string) {
		if key := now[agentID]; gone[before] && created[key] && (candidates[before] == "" || key < candidates[before]) {
			candidates[before] = key
		}
	})
	r.match(candidates)
	return err
}

// matchLocalUsers finds the users that are known by the device they use, where that was rekeyed.
func (r *resolver) matchLocalUsers(ctx context.Context, gone map[string]bool) error {
	if len(r.rekeyed) == 0 {
		return nil
	}
	created, err := r.created(ctx, entities.User.GraphType().Name)
	if err != nil {
		return err
	}
	devices := make(map[string]string) // of users that are gone
	err = r.eachEdge(ctx, relationships.UserOwnsDevice.GraphType().Name, func(user, device string) {
		if gone[user] && r.rekeyed[device] != "" {
			devices[user] = device
		}
	})
	if err != nil {
		return err
	}
	candidates := make(map[string]string)
	for _, keys := range batches(devices) {
		for encoded, err := range r.last.Fetch(ctx, entities.User.GraphType().Name, keys) {
			if err != nil {
				return err
			}
			user, err := r.decode(encoded)
			if err != nil {
				return err
			}
			before := devices[user.Key]
			for _, name := range user.Get("username").List() {
				key := entities.LocalUserKey(r.rekeyed[before], name)
				if entities.LocalUserKey(before, name) == user.Key && created[key] {
					candidates[user.Key] = key
				}
			}
		}
	}
	r.match(candidates)
	return nil
}

// match takes each key now for one key before.
func (r *resolver) match(candidates map[string]string) {
	taken := make(map[string]bool)
	for _, before := range slices.Sorted(maps.Keys(candidates)) {
		if now := candidates[before]; !taken[now] {
			taken[now] = true
			r.rekeyed[before] = now
		}
	}
}

// created are the keys of a type that the last graph does not have.
func (r *resolver) created(ctx context.Context, name string) (map[string]bool, error) {
	created := make(map[string]bool)
	for key, err := range graph.Missing(ctx, r.draft, r.last, name) {
		if err != nil {
			return nil, err
		}
		created[key] = true
	}
	return created, nil
}

// batches are the keys in ascending order, as many at once as are fetched together.
func batches[V any](keys map[string]V) [][]string {
	return slices.Collect(slices.Chunk(slices.Sorted(maps.Keys(keys)), 500))
}

func (r *resolver) resolveRelationships(ctx context.Context, s *typeState, subject relationships.End) error {
	from, to := r.types[s.From], r.types[s.To]
	s.incomplete = s.incomplete || from.incomplete || to.incomplete
	s.derived = from.withheld > 0 || to.withheld > 0 || from.derived || to.derived
	if err := r.writeFresh(ctx, s, r.withEnds(ctx, s, from, to)); err != nil {
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
	stays := func(key string) bool {
		from, to, _ := graph.RelationshipEnds(key)
		if subject == relationships.To {
			return r.outside[to]
		}
		return r.outside[from]
	}
	var gone, staying int64
	for key, err := range graph.Missing(ctx, r.last, r.draft, s.Name) {
		switch {
		case err != nil:
			return err
		case !hasEnds(key): // goes with its node, whatever is known of the relationship
		case stays(key):
			staying++
		default:
			gone++
		}
	}
	if r.guard.withholds(gone, s.before, s.fresh+staying) {
		s.withheld = gone
		return r.carry(ctx, s, hasEnds)
	}
	if staying > 0 {
		return r.carry(ctx, s, func(key string) bool { return hasEnds(key) && stays(key) })
	}
	return nil
}

// withEnds yields the relationships made of this run's rows that have both ends in the graph. Those
// that lack one are counted, unless it is missing because its type was not read whole.
func (r *resolver) withEnds(ctx context.Context, s, from, to *typeState) iter.Seq2[graph.Encoded, error] {
	excused := func(end *typeState, key string) bool { return r.nodes.has(key) || end.incomplete || end.skipped }
	return func(yield func(graph.Encoded, error) bool) {
		for record, err := range r.builder.Sorted(ctx, s.Name) {
			if err == nil {
				start, end, _ := graph.RelationshipEnds(record.Key)
				if !r.nodes.has(start) || !r.nodes.has(end) {
					if !excused(from, start) || !excused(to, end) {
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

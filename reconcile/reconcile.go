// Package reconcile decides what the graph of a run is: it goes through the types of the last graph and of what this
// run's rows made, and writes the graph that results, with what stays although this run's rows lack it. It reads
// snapshots and writes a draft, and neither asks the console nor knows of files. What changed against the last graph is
// graph.Diff's to say, and what is printed of it the connector's.
package reconcile

import (
	"context"
	"iter"
	"maps"
	"slices"
	"strings"

	"s1graph/graph"
	"s1graph/model"
)

// Input is what a run knows when its steps have ended.
type Input struct {
	Model []*model.Description
	Last  graph.Snapshot // the last graph; empty on a first run
	Fresh Fresh
	Draft Draft

	// Read says of each type of the model how it was read.
	Read map[string]Reading

	// Decodable has the types of both graphs, by name, for reading records.
	Decodable map[string]*graph.Type

	Tenant Tenant
	Guard  Guard

	// MayBeOutOfScope decides on things that nothing places, such as an application on no device: whether the last run kept it
	// as out of scope, or the last graph may be of a wider scope than this run.
	MayBeOutOfScope func(typeName, key string) bool

	// Keep puts all that the last graph has of a type into the draft without going through it, and says how many records that
	// are; kept is false where it cannot. nil: it never can.
	Keep func(typeName string) (records int64, kept bool, err error)

	// Sort brings records of a type into the ascending order of their keys; release gives back what that took.
	Sort func(ctx context.Context, t *graph.Type, records iter.Seq2[graph.Record, error]) (sorted iter.Seq2[graph.Encoded, error], release func() error, err error)

	// Withheld is what the last run withheld; nil: nothing. Of a skipped type it is withheld still.
	Withheld Keys

	Accepted KeySet // what may go whatever the guard says, or although it is out of scope
}

// Fresh yields the records that this run's rows made, type by type in ascending order of the keys.
type Fresh interface {
	Sorted(ctx context.Context, typeName string) iter.Seq2[graph.Encoded, error]
}

// Draft takes the graph that results. A second Write of a type replaces the first, whose records stay readable until
// the second has ended.
type Draft interface {
	graph.Snapshot
	Write(ctx context.Context, t *graph.Type, records iter.Seq2[graph.Encoded, error]) (int64, error)
}

// Tenant is what this run knows of the tenant before and now.
type Tenant interface {
	// SeesAll says whether nothing of the tenant is out of this run's scope.
	SeesAll() bool

	// OutOfScope says whether a record of the last graph, of a type that says where it stands, is out of scope.
	OutOfScope(*graph.Record) bool

	// NotAsked gives, for a type, what says of a record that the configuration no longer asks for it, so that no row tells of
	// it; nil where the configuration asks for all.
	NotAsked(typeName string) func(*graph.Record) bool

	// DevicesBefore calls each for every agent of the last graph with the key of the device that it was on.
	DevicesBefore(ctx context.Context, each func(agentID, deviceKey string)) error

	// UsersBefore calls each for every agent of the last graph that names a user, with the key of that user.
	UsersBefore(ctx context.Context, each func(agentID, userKey string)) error

	// DevicesMoved has the keys of the devices whose agents moved out of the part that is read and were read all the
	// same: other rows do not tell what is on them.
	DevicesMoved() map[string]bool

	// DevicesUnread has the keys of the devices that stand where the console does not give the step's list, so that its rows do
	// not tell what is on them: now or, where the step was not read, when it was last read.
	DevicesUnread(ctx context.Context, stepID string) (map[string]bool, error)

	// DevicesNow has the keys of devices by the IDs of their agents.
	DevicesNow() map[string]string
}

// Reading says how a type was read.
type Reading struct {
	Written        graph.Type // the type that its records were made with: the last run's, where it was skipped
	Before         int64      // records of the last graph
	Skipped        bool       // it was not read
	Incomplete     bool       // nothing of it counts as gone: not all was read, or nobody knows how much of the tenant the run saw
	Failed         bool       // not all of it was read
	KeepProperties bool       // this run's rows say less of each thing than the last graph does
}

// Result is what came of it.
type Result struct {
	Types    map[string]*Type
	Rekeyed  map[string]string // entity key before -> key now
	Same     map[string]bool   // types that the graph that results has as the last one had them
	Dangling int64             // relationships of this run's rows that lack an end

	reconciler *reconciler
}

// Type is what became of a type.
type Type struct {
	*graph.Type
	Reading

	Derived    bool  // derived from a type whose deletions were withheld
	Fresh      int64 // records made of this run's rows
	Records    int64 // records of the graph that results
	Withheld   int64 // deletions that the guard withheld, of a skipped type when it was last read
	Released   int64 // records of the last graph that go because that was accepted
	OutOfScope int64 // records of the last graph that stay because they are out of scope

	unread  bool      // of an entity, whether some stay that this run's rows say nothing of
	lost    bool      // of an entity, whether the graph that results lacks a key of the last one
	subject model.End // of a relationship, the end that it is a fact about
	guard   Guard
}

// ReadWhole says whether this run's rows are all that there is of the type.
func (s *Type) ReadWhole() bool { return !s.Skipped && !s.Incomplete }

// KeepsAll says whether nothing of the type may be deleted except what is derived from accepted things.
func (s *Type) KeepsAll() bool { return !s.ReadWhole() || s.Derived }

// Guard withholds deletions that look like a fault: more than Count and more than Percent of a type, or all of it. Where
// the model says that more of a type may go, that counts in place of Percent.
type Guard struct {
	Percent float64
	Count   int64
	Off     bool
}

// Withholds says whether it is too much to delete gone of the evaluated records of a type, while the run's rows made
// fresh ones.
func (g Guard) Withholds(gone, evaluated, fresh int64) bool {
	if g.Off || gone == 0 {
		return false
	}
	return fresh == 0 || gone > g.Count && float64(gone) > g.Percent/100*float64(evaluated)
}

// Run writes all types of the model to the draft. Type by type it decides what of the last graph stays although this
// run's rows do not have it:
//
//	skipped type       all of it stays as it was, but that relationships follow ends that have another key now
//	incomplete type    all of it stays that the rows say nothing of
//	complete type      what is out of scope stays, and what the guard withholds; the rest is gone
//
// What somebody accepted goes too, if the type is complete and this run's rows still lack it.
func Run(ctx context.Context, in Input) (*Result, error) {
	r := &reconciler{
		Input:       in,
		derivedFrom: make(map[string][]string), placedBy: make(map[string]*model.Description),
		types: make(map[string]*Type), nodes: newNodeSet(),
		outOfScope: make(map[string]bool), notAsked: make(map[string]bool), released: make(map[string]bool), waiting: make(map[string]bool),
		unread: make(map[string]bool), joined: make(map[string]bool), describedBefore: make(map[string]bool),
		moved: in.Tenant.DevicesMoved(), untold: make(map[string]map[string]bool), rekeyed: make(map[string]string), devicesNow: make(map[string][]string), same: make(map[string]bool),
	}
	if r.Withheld == nil {
		r.Withheld = graph.None
	}
	r.readModel()
	if err := r.findUntold(ctx); err != nil {
		return nil, err
	}
	// Entities come first, since a relationship needs both its ends in the graph that results.
	for _, name := range r.entityOrder() {
		if err := r.reconcileEntities(ctx, r.types[name]); err != nil {
			return nil, err
		}
	}
	for _, d := range in.Model {
		if d.Relationship {
			if err := r.reconcileRelationships(ctx, r.types[d.Name]); err != nil {
				return nil, err
			}
		}
	}
	return &Result{Types: r.types, Rekeyed: r.rekeyed, Same: r.same, Dangling: r.dangling, reconciler: r}, nil
}

// reconciler is one call of Run.
type reconciler struct {
	Input

	types       map[string]*Type
	derivedFrom map[string][]string           // by entity type without a list of its own: the types that it is derived from
	placedBy    map[string]*model.Description // by entity type: the relationship by which it stands where another one does

	nodes      nodeSet
	outOfScope map[string]bool            // keys of entities of the last graph that this run's rows do not tell all about
	notAsked   map[string]bool            // keys of records of the last graph that the configuration no longer asks for
	moved      map[string]bool            // keys of devices that this run's rows tell of, without what is on them, as they are out of scope now
	untold     map[string]map[string]bool // by step: keys of devices that its rows do not tell of, and of the applications on these
	released   map[string]bool            // keys of entities of the last graph that go because that was accepted
	waiting    map[string]bool            // keys that were accepted, are missing, and cannot be evaluated by this run
	unread     map[string]bool            // keys of entities of the last graph that stay although this run's rows say nothing of them
	joined     map[string]bool            // keys of entities that this run's rows tell of in part, as they are derived from unread ones too
	rekeyed    map[string]string          // entity key before -> key now
	devicesNow map[string][]string        // key of a device that is gone -> those that the agents which were on it are on now
	same       map[string]bool            // types that the graph that results has as the last one had them
	dangling   int64

	// describedBefore has those of the joined entities that are described by what the last graph says of them.
	describedBefore map[string]bool
}

// readModel takes from the declarations what the types have to do with each other.
func (r *reconciler) readModel() {
	for _, d := range r.Model {
		guard := r.Guard
		guard.Percent = max(guard.Percent, d.MayLose)
		r.types[d.Name] = &Type{Type: d.Type, Reading: r.Read[d.Name], subject: d.Subject, guard: guard}
		for _, source := range d.DerivedFrom {
			r.derivedFrom[d.Name] = append(r.derivedFrom[d.Name], source.Name)
		}
		switch d.Places {
		case model.From:
			r.placedBy[d.From] = d
		case model.To:
			r.placedBy[d.To] = d
		}
	}
}

// entityOrder are the entity types, each after those that it is derived from or placed by.
func (r *reconciler) entityOrder() []string {
	var order []string
	var add func(name string)
	add = func(name string) {
		if slices.Contains(order, name) {
			return
		}
		for _, source := range r.derivedFrom[name] {
			add(source)
		}
		if d := r.placedBy[name]; d != nil {
			add(placing(d))
		}
		order = append(order, name)
	}
	for _, d := range r.Model {
		if !d.Relationship {
			add(d.Name)
		}
	}
	return order
}

// placing is the type at the end by which the other one is placed.
func placing(d *model.Description) string {
	if d.Places == model.To {
		return d.From
	}
	return d.To
}

func (r *reconciler) reconcileEntities(ctx context.Context, s *Type) error {
	for _, source := range r.derivedFrom[s.Name] {
		s.Derived = s.Derived || r.types[source].Withheld > 0 || r.types[source].Derived
	}
	kept, err := r.writeFresh(ctx, s, r.Fresh.Sorted(ctx, s.Name), true)
	if err != nil {
		return err
	}
	missing, gone, err := r.missing(ctx, s)
	if err == nil {
		err = r.release(ctx, s, gone)
	}
	if err == nil {
		err = r.findJoined(ctx, s)
	}
	if err != nil {
		return err
	}
	if s.Skipped {
		s.Withheld, err = r.countStillWithheld(s)
		if err != nil {
			return err
		}
	} else if n := int64(len(gone)); !s.KeepsAll() && s.guard.Withholds(n, s.Before-s.OutOfScope-s.Released, s.Fresh) {
		s.Withheld = n
	}
	// Where rows tell only part of what is known, as with accounts that are made of sites, a missing row means nothing.
	all := s.KeepsAll() || s.Withheld > 0 || s.KeepProperties
	if all || len(r.outOfScope) > 0 {
		keep := func(key string) bool { return (all || r.outOfScope[key]) && !r.released[key] }
		for key := range missing {
			if keep(key) {
				r.unread[key], s.unread = true, true
			} else {
				s.lost = true
			}
		}
		if !kept {
			if err := r.carry(ctx, s, graph.All(ctx, r.Last, s.Name), keep); err != nil {
				return err
			}
		}
	} else {
		s.lost = len(missing) > 0
	}
	for d, err := range r.Draft.Digests(ctx, s.Name) {
		if err != nil {
			return err
		}
		r.nodes.add(d.Key)
	}
	return nil
}

// missing returns the keys of the records of the last graph that this run's rows lack, and those of them that are gone:
// the rows should have them. It counts those that are out of scope. A rekeyed record is not gone.
func (r *reconciler) missing(ctx context.Context, s *Type) (missing, gone map[string]bool, err error) {
	gone = make(map[string]bool)
	if s.Before == 0 {
		return nil, gone, nil
	}
	if s.Skipped {
		gone, err = graph.SetOf(graph.Keys(ctx, r.Last, s.Name))
	} else {
		r.same[s.Name], err = graph.Compare(ctx, r.Last, r.Draft, s.Name, func(key string) { gone[key] = true })
	}
	if err != nil {
		return nil, nil, err
	}
	missing = maps.Clone(gone)
	if !r.Tenant.SeesAll() || len(r.untold[s.Step]) > 0 {
		if err := r.findOutOfScope(ctx, s, gone); err != nil {
			return nil, nil, err
		}
	}
	if err := r.findNotAsked(ctx, s, gone); err != nil {
		return nil, nil, err
	}
	for key := range gone {
		outOfScope := r.outOfScope[key]
		if outOfScope || !s.ReadWhole() {
			r.wait(s, key)
		}
		if outOfScope {
			s.OutOfScope++
			delete(gone, key)
		}
	}
	switch {
	case !s.ReadWhole():
		return missing, nil, nil
	case s.Derived:
		return missing, gone, nil
	}
	return missing, gone, r.matchRekeyed(ctx, s.Name, gone)
}

// writeFresh writes the records that this run's rows made. Of a skipped type there are none: it is kept as it was, if that
// can be done and whole says that all of it stays.
func (r *reconciler) writeFresh(ctx context.Context, s *Type, records iter.Seq2[graph.Encoded, error], whole bool) (kept bool, err error) {
	if s.Skipped {
		records = graph.None
		if whole && s.Before > 0 && r.Keep != nil {
			if s.Records, kept, err = r.Keep(s.Name); kept || err != nil {
				r.same[s.Name] = kept
				return kept, err
			}
		}
	}
	n, err := r.Draft.Write(ctx, &s.Written, records)
	s.Fresh, s.Records = n, n
	return false, err
}

// carry writes the type once more, together with those records of the last graph that keep wants.
func (r *reconciler) carry(ctx context.Context, s *Type, last iter.Seq2[graph.Encoded, error], keep func(key string) bool) error {
	if s.Before == 0 {
		return nil
	}
	both := func(fresh, carried graph.Encoded) (graph.Encoded, error) {
		if s.KeepProperties || r.joined[fresh.Key] {
			return r.join(s, fresh, carried)
		}
		return fresh, nil
	}
	merged := graph.Merge(ctx, graph.All(ctx, r.Draft, s.Name), only(last, keep), both)
	n, err := r.Draft.Write(ctx, &s.Written, merged)
	s.Records = n
	return err
}

// only yields the records whose keys keep wants.
func only(records iter.Seq2[graph.Encoded, error], keep func(key string) bool) iter.Seq2[graph.Encoded, error] {
	return graph.Filter(records, func(record graph.Encoded) bool { return keep(record.Key) })
}

// join combines what this run's rows say of a thing with what the last graph says, where other rows tell of it too that the
// run did not read. The record loses no property; a property that combines the values of all rows combines the two.
func (r *reconciler) join(s *Type, fresh, carried graph.Encoded) (graph.Encoded, error) {
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
	if len(r.derivedFrom[s.Name]) > 0 && other.Get(seen).Int64() > record.Get(seen).Int64() {
		record, other = other, record // the run did not read the agent that describes it
		r.describedBefore[strings.Clone(fresh.Key)] = true
	}
	record.Type = &s.Written
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

func (r *reconciler) decode(e graph.Encoded) (graph.Record, error) {
	return graph.Decode(e.JSON, r.Decodable)
}

package alerts

import (
	"context"
	"iter"
	"maps"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"s1graph/graph"
	"s1graph/posture"
)

// subject is what a condition looks at, and a template tells of: a change, or an entity in some state.
type subject struct {
	id          string // of the event
	op          string
	typ, class  string
	key         string
	previousKey string
	name        string
	changed     []string

	// before and after are the whole record of a change; nil where it was not or is not. An entity in a state is in
	// after alone.
	before, after *record

	event jsontext.Value // what a webhook is told of it among many; nil while it follows from the rest

	related  [relationCount]*record
	severity int // of an entity in a state: what severityOf gives, 0 where that is not known

	threats []*record // that it is about
	on      []*record // of a vulnerability: the first of the devices that have it
	devices int       // likewise: how many they are
}

// record is an entity or relationship.
type record struct {
	key        string
	from, to   string
	properties []graph.Property // sorted by name
}

func (r *record) get(name string) graph.Value {
	if r == nil {
		return graph.Value{}
	}
	return (&graph.Record{Properties: r.properties}).Get(name)
}

// set puts a property in its place; r's memory is its own.
func (r *record) set(name string, v graph.Value) {
	g := graph.Record{Properties: r.properties}
	g.Set(name, v)
	r.properties = g.Properties
}

// setDerived takes from another record what is no property of the graph's.
func (r *record) setDerived(from *record) {
	for name := range derived {
		if v := from.get(name); !v.IsAbsent() {
			r.set(name, v)
		}
	}
}

func (r *record) displayName() string { return r.get("displayName").Text() }

// now is the record as it is, else as it was.
func (s *subject) now() *record {
	if s.after != nil {
		return s.after
	}
	return s.before
}

// decoded is a record of the graph.
func decoded(e graph.Encoded, types map[string]*graph.Type) (*record, error) {
	r, err := graph.Decode(e.JSON, types)
	if err != nil {
		return nil, err
	}
	return &record{key: strings.Clone(e.Key), from: r.From, to: r.To, properties: r.Properties}, nil
}

// asBefore is the record before a change, which tells only what differed.
func (r *record) asBefore(key string, changed []string, before []graph.Property) *record {
	was := &record{key: key, from: r.from, to: r.to, properties: slices.DeleteFunc(slices.Clone(r.properties), func(p graph.Property) bool {
		return slices.Contains(changed, p.Name)
	})}
	for _, p := range before {
		was.set(p.Name, p.Value)
	}
	return was
}

// runState is what conditions on runs look at.
type runState struct {
	report           Report
	failedInRow      int64
	notCompleteInRow int64

	// tokenDaysLeft is known where the token's end is, tokenDaysLeftBefore where it was in the run before.
	tokenDaysLeft, tokenDaysLeftBefore *int64
}

// complete reads all of the entities that are to be told of. What is derived of them is kept.
func (e *evaluation) complete(ctx context.Context, subjects []*subject) error {
	wanted := map[string]map[string]bool{}
	for _, s := range subjects {
		if s.after != nil && wanted[s.typ] == nil {
			wanted[s.typ] = map[string]bool{}
		}
		if s.after != nil {
			wanted[s.typ][s.key] = true
		}
	}
	for _, typeName := range slices.Sorted(maps.Keys(wanted)) {
		found, err := e.resolver.fetch(ctx, typeName, wanted[typeName])
		if err != nil {
			return err
		}
		for _, s := range subjects {
			whole := found[s.key]
			if whole == nil || s.typ != typeName || s.after == nil {
				continue
			}
			whole.setDerived(s.after)
			s.after = whole
		}
	}
	return nil
}

// verdicts gives, to be called with each record in turn, what adds to it what posture says of it.
func (e *evaluation) verdicts(ctx context.Context, typeName string) (add func(*record) error, stop func()) {
	if typeName != deviceType || e.run.Posture == nil {
		return func(*record) error { return nil }, func() {}
	}
	next, stop := iter.Pull2(e.run.Posture(ctx))
	var v posture.Verdict
	var err error
	more := true
	return func(r *record) error {
		for more && err == nil && v.Device < r.key {
			v, err, more = next()
		}
		if more && err == nil && v.Device == r.key {
			r.set(compliant, graph.Bool(v.Compliant))
			r.set(reasons, graph.Strings(slices.Clone(v.Reasons)))
		}
		return err
	}, stop
}

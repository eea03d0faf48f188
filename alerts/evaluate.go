package alerts

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"cel.dev/cel-go/common/types"

	"s1graph/graph"
)

// batch is how many subjects are looked at together: what is related to them is fetched at once.
const batch = 512

// maxSingle is how many matches of a rule in one run are told one by one. More are folded into one.
const maxSingle = 10

// evaluation finds what the rules say of one run. It writes nothing.
type evaluation struct {
	instance string
	run      *Run
	state    *runState
	memory   *memory
	resolver *resolver
	scope    scope
	preview  bool             // as if everything had just happened
	posted   func(*rule) bool // whether a webhook is told of a rule, and so of each event
	found    map[*rule]*finding
}

// finding is what one rule says of a run.
type finding struct {
	matches, ended matches

	// States that began and ended, told or not, by key.
	began, over map[string]state

	evaluated []string // types that a rule on states has looked at

	faults int   // how often the condition could not be evaluated
	fault  error // the first of these
}

// matches are those of one rule in one run.
type matches struct {
	count    int
	worst    int        // the highest rank of their severities
	subjects []*subject // all states; of changes the first, and of others what a webhook is told
	keys     []string   // all of them, where the rule is muted by key
}

// maxEvents is how many events of a fold a webhook is told of.
const maxEvents = 10_000

func newEvaluation(instance string, run *Run, m *memory) *evaluation {
	return &evaluation{
		instance: instance, run: run, memory: m, resolver: newResolver(run),
		scope:  scope{now: types.Int(run.StartedAt.UnixMilli()), instance: types.String(instance)},
		posted: func(*rule) bool { return false },
		found:  map[*rule]*finding{},
	}
}

func (e *evaluation) of(r *rule) *finding {
	if e.found[r] == nil {
		e.found[r] = &finding{began: map[string]state{}, over: map[string]state{}}
	}
	return e.found[r]
}

// holds asks a rule. A condition that cannot be evaluated holds of nothing, and is noted.
func (e *evaluation) holds(r *rule, subject any) bool {
	e.scope.subject = subject
	yes, err := r.holds(&e.scope)
	if err != nil {
		f := e.of(r)
		if f.faults++; f.fault == nil {
			f.fault = err
		}
	}
	return yes
}

// match notes that a rule is to tell of s, unless it is muted.
func (e *evaluation) match(r *rule, m *matches, s *subject) (muted bool) {
	if r.mute > 0 && r.atLeast == 0 && e.memory.isMuted(r, s.key, e.run.StartedAt) && !e.preview {
		return true
	}
	e.add(r, m, s)
	return false
}

func (e *evaluation) add(r *rule, m *matches, s *subject) {
	m.count++
	m.worst = max(m.worst, r.severityOf(e, s))
	if r.mute > 0 {
		m.keys = append(m.keys, s.key)
	}
	switch {
	case r.kind == OnState || m.count <= maxSingle+1:
		m.subjects = append(m.subjects, s)
	case m.count <= maxEvents && e.posted(r):
		m.subjects = append(m.subjects, &subject{op: s.op, key: s.key, name: s.name, event: s.encode()})
	}
}

// ofRun asks the rules on runs.
func (e *evaluation) ofRun(rules []*rule, r *runState) {
	s := &subject{
		id: graph.EventID(e.instance, r.id(), "run", r.report.Status), op: r.report.Status, key: "run",
		name: strings.TrimSpace("run " + r.report.Run),
	}
	for _, rule := range rules {
		if rule.kind == OnRun && e.holds(rule, r) {
			e.match(rule, &e.of(rule).matches, s)
		}
	}
}

// id is the run's, also of one that committed nothing.
func (r *runState) id() string {
	if r.report.Run != "" {
		return r.report.Run
	}
	return r.report.StartedAt.UTC().Format(time.RFC3339Nano)
}

// ofChanges asks the rules on changes.
func (e *evaluation) ofChanges(ctx context.Context, rules []*rule) error {
	rules = slices.DeleteFunc(slices.Clone(rules), func(r *rule) bool { return r.kind != OnChange })
	if len(rules) == 0 {
		return nil
	}
	var pending []graph.ChangeLine
	flush := func() error {
		err := e.evaluate(ctx, rules, pending)
		pending = pending[:0]
		return err
	}
	for event, err := range e.run.events(ctx) {
		if err != nil {
			return err
		}
		if !slices.ContainsFunc(rules, func(r *rule) bool { return r.mayHold(event.Type, string(event.Op)) }) {
			continue
		}
		if len(pending) == batch || len(pending) > 0 && pending[0].Type != event.Type {
			if err := flush(); err != nil {
				return err
			}
		}
		pending = append(pending, event)
	}
	return flush()
}

// evaluate asks the rules about events of one type.
func (e *evaluation) evaluate(ctx context.Context, rules []*rule, events []graph.ChangeLine) error {
	if len(events) == 0 {
		return nil
	}
	subjects, err := e.subjects(ctx, events)
	if err != nil {
		return err
	}
	var needs relationSet
	for _, r := range rules {
		if slices.ContainsFunc(subjects, func(s *subject) bool { return r.mayHold(s.typ, s.op) }) {
			needs = needs.with(r.needs).with(r.severity.needs)
		}
	}
	if err := e.resolver.resolve(ctx, subjects, needs); err != nil {
		return err
	}
	for _, s := range subjects {
		for _, r := range rules {
			if r.mayHold(s.typ, s.op) && e.holds(r, s) {
				e.match(r, &e.of(r).matches, s)
			}
		}
	}
	return nil
}

// subjects are events with their whole records: an event has only what changed.
func (e *evaluation) subjects(ctx context.Context, events []graph.ChangeLine) ([]*subject, error) {
	wanted := map[string]bool{}
	for _, event := range events {
		if event.Op != graph.Created && event.Op != graph.Deleted {
			wanted[event.Key] = true
		}
	}
	found, err := e.resolver.fetch(ctx, events[0].Type, wanted)
	if err != nil {
		return nil, err
	}
	subjects := make([]*subject, len(events))
	for i, event := range events {
		s := &subject{
			id: event.ID, op: string(event.Op), typ: event.Type, class: event.Class, key: event.Key,
			previousKey: event.PreviousKey, name: event.DisplayName, changed: event.Changed,
		}
		before, err := graph.ReadProperties(event.Before)
		if err != nil {
			return nil, fmt.Errorf("event %s: %w", event.ID, err)
		}
		switch event.Op {
		case graph.Created:
			after, err := graph.ReadProperties(event.After)
			if err != nil {
				return nil, fmt.Errorf("event %s: %w", event.ID, err)
			}
			s.after = &record{key: event.Key, properties: after}
		case graph.Deleted:
			s.before = &record{key: event.Key, properties: before}
		default:
			if s.after = found[event.Key]; s.after == nil {
				return nil, fmt.Errorf("event %s: the run has no record %s", event.ID, event.Key)
			}
			previous := cmp.Or(event.PreviousKey, event.Key)
			s.before = s.after.asBefore(previous, event.Changed, before)
		}
		subjects[i] = s
	}
	return subjects, nil
}

// ofStates asks the rules on states about all entities of the graph.
func (e *evaluation) ofStates(ctx context.Context, rules []*rule) error {
	rules = slices.DeleteFunc(slices.Clone(rules), func(r *rule) bool {
		return r.kind != OnState || r.posture && e.run.Posture == nil
	})
	if err := e.rekey(ctx, rules); err != nil {
		return err
	}
	for _, typeName := range typeNames(isEntity) {
		if !e.preview && e.run.Fresh != nil && !e.run.Fresh(typeName) {
			continue
		}
		some := slices.DeleteFunc(slices.Clone(rules), func(r *rule) bool { return r.types != nil && !r.types[typeName] })
		if len(some) == 0 {
			continue
		}
		if err := e.ofType(ctx, typeName, some); err != nil {
			return fmt.Errorf("type %s: %w", typeName, err)
		}
	}
	return nil
}

// rekey lets the states of what was rekeyed go on under the new key.
func (e *evaluation) rekey(ctx context.Context, rules []*rule) error {
	remembered := false
	for _, r := range rules {
		remembered = remembered || len(e.memory.states[r]) > 0
	}
	if !remembered || e.run.Changes == nil {
		return nil
	}
	h, err := e.resolver.history(ctx)
	if err != nil {
		return err
	}
	for before, now := range h.nowAs {
		for _, r := range rules {
			if s, found := e.memory.states[r][before]; found {
				delete(e.memory.states[r], before)
				e.of(r).over[before] = s
				s.Key = cmp.Or(s.Key, before)
				e.memory.states[r][now] = s
				e.of(r).began[now] = s
			}
		}
	}
	return nil
}

// stateOf is one type under way.
type stateOf struct {
	*evaluation
	typeName string
	class    string
	rules    []*rule
	needs    relationSet
	baseline bool             // nothing of it is told
	reads    map[string]bool  // properties that the conditions look at; nil: perhaps all
	seen     map[*rule]keySet // remembered keys of which an entity was seen
}

type keySet map[string]bool

func (e *evaluation) ofType(ctx context.Context, typeName string, rules []*rule) error {
	t := stateOf{
		evaluation: e, typeName: typeName, class: dataModel[typeName].Class, rules: rules,
		baseline: e.isBaseline(typeName),
		seen:     map[*rule]keySet{},
		reads:    map[string]bool{},
	}
	for _, r := range rules {
		t.needs = t.needs.with(r.needs).with(r.severity.needs)
		if r.reads == nil {
			t.reads = nil
		} else if t.reads != nil {
			maps.Copy(t.reads, r.reads)
		}
		t.seen[r] = keySet{}
		e.of(r).evaluated = append(e.of(r).evaluated, typeName)
	}
	verdict, stop := e.verdicts(ctx, typeName)
	defer stop()
	expose, err := e.exposed(ctx, typeName, rules)
	if err != nil {
		return err
	}
	subjects := make([]*subject, 0, batch)
	for encoded, err := range graph.All(ctx, e.run.Graph, typeName) {
		if err != nil {
			return err
		}
		if t.isOutOfScope(encoded.Key) {
			continue
		}
		record, err := t.read(encoded)
		if err != nil {
			return fmt.Errorf("record %s: %w", encoded.Key, err)
		}
		if err := verdict(record); err != nil {
			return err
		}
		expose(record)
		subjects = append(subjects, &subject{typ: typeName, class: t.class, key: record.key, name: record.displayName(), after: record})
		if len(subjects) == batch {
			if err := t.evaluate(ctx, subjects); err != nil {
				return err
			}
			subjects = subjects[:0]
		}
	}
	if err := t.evaluate(ctx, subjects); err != nil {
		return err
	}
	t.forgetGone()
	return nil
}

func (e *evaluation) isBaseline(typeName string) bool {
	return !e.preview && e.run.Baseline != nil && e.run.Baseline(typeName)
}

// isSilent says whether nothing is told of a rule: what it looks at was not there to compare with.
func (t *stateOf) isSilent(r *rule) bool {
	return t.baseline || r.exposure && slices.ContainsFunc([]string{threatType, hasThreatType, protectsType, exposesType}, t.isBaseline)
}

func (t *stateOf) isOutOfScope(key string) bool {
	return t.run.OutOfScope != nil && t.run.OutOfScope(t.typeName, key)
}

// read is as much of a record as the conditions look at.
func (t *stateOf) read(e graph.Encoded) (*record, error) {
	if t.reads == nil {
		return decoded(e, t.run.Types)
	}
	r, err := graph.Pick(e, t.reads)
	return &record{key: r.Key, properties: r.Properties}, err
}

// evaluate asks the rules about entities.
func (t *stateOf) evaluate(ctx context.Context, subjects []*subject) error {
	if err := t.resolver.resolve(ctx, subjects, t.needs); err != nil {
		return err
	}
	for _, s := range subjects {
		for _, r := range t.rules {
			was, remembered := t.memory.states[r][s.key]
			if remembered {
				t.seen[r][s.key] = true
			}
			holds := t.holds(r, s)
			switch {
			case holds && (!remembered || t.preview):
				t.begin(r, s)
			case !holds && remembered && !t.preview:
				t.end(r, s, was)
			}
		}
	}
	return nil
}

// begin notes a state that was not there before.
func (t *stateOf) begin(r *rule, s *subject) {
	own := t.with(r, s, "began")
	began := state{Type: t.typeName, Name: s.name, Since: t.run.StartedAt.UTC(), Severity: severityOfRank(own.severity)}
	if !t.isSilent(r) && (t.preview || !t.memory.isNew(r, t.typeName)) {
		began.Muted = t.match(r, &t.of(r).matches, own)
	}
	t.of(r).began[s.key] = began
}

// end notes a state that is there no more. What was not told when it began, because its key was muted, is not told
// when it ends; what was told is told, though its key is muted since. Who is told, tell decides.
func (t *stateOf) end(r *rule, s *subject, was state) {
	t.of(r).over[s.key] = was
	if !was.Muted && !t.isSilent(r) {
		over := t.with(r, s, "ended")
		over.severity = cmp.Or(slices.Index(severities, was.Severity)+1, over.severity) // that with which it began: what it was may be gone
		t.add(r, &t.of(r).ended, over)
	}
}

// with is the entity as the subject of an event of its own for each rule. There may be many: their records are read again
// when they are told of, and only what is derived of them is kept.
func (t *stateOf) with(r *rule, s *subject, op string) *subject {
	own := *s
	own.op, own.id = op, graph.EventID(t.instance, t.run.ID, r.name, s.key, op)
	own.severity = r.severityOf(t.evaluation, &own)
	if s.after != nil {
		own.after = &record{key: s.key}
		own.after.setDerived(s.after)
	}
	return &own
}

// forgetGone ends the states of entities that are not there any more.
func (t *stateOf) forgetGone() {
	if t.preview {
		return
	}
	for _, r := range t.rules {
		for _, key := range slices.Sorted(maps.Keys(t.memory.states[r])) {
			if was := t.memory.states[r][key]; was.Type == t.typeName && !t.seen[r][key] && !t.isOutOfScope(key) {
				t.end(r, &subject{typ: t.typeName, class: t.class, key: key, name: was.Name}, was)
			}
		}
	}
}

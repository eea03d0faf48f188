// Package alerts tells people of what happens in a tenant: rules, written in CEL or ready-made, look at what a
// committed run changed, at the states that entities are in, and at how runs went. What they find becomes messages
// in the outbox, one for each destination. How these are delivered is the delivery package's business, when a run
// is evaluated its caller's.
//
// What is raised by a run follows from the run, the rules and what the rules remember, and from nothing else: not from
// the time of day either. A run that is evaluated again, because the process was killed, raises the same under the
// same IDs.
package alerts

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"slices"
	"strings"
	"time"

	"s1graph/alerts/delivery"
	"s1graph/alerts/outbox"
	"s1graph/config"
	"s1graph/graph"
	"s1graph/posture"
)

// Config is what an Engine is made of.
type Config struct {
	Rules        *Rules
	Outbox       *outbox.Outbox
	Instance     string
	AccountName  string               // what people call the tenant; "" for the name of the account that something is in
	Console      string               // URL; "" where there is none
	Destinations []config.Destination // that the rules were compiled with
	Logger       *slog.Logger         // nil: nothing is logged
	Observe      func(rule string)    // called for each alert that is raised, once for all destinations; nil: nobody asks
	DeadKept     time.Duration        // for which failed alerts are kept; 0: without end
}

// Engine evaluates the runs of one instance, one after the other. There is nothing to close. Its methods may be called from
// several goroutines, but only one Apply or Failed at a time.
type Engine struct {
	Config
}

// Open makes the Engine of an instance: of c only Logger and Observe are needed, the rest follows from the
// configuration. It is nil where there are no alerts. The error has all that is wrong with the rules; nothing is read
// or sent yet.
func Open(settings *config.Config, c Config) (*Engine, error) {
	if settings.Alerts == nil {
		return nil, nil
	}
	rules, faults := Compile(settings.Alerts)
	if len(faults) > 0 {
		return nil, faults
	}
	c.Rules, c.Outbox, c.Instance, c.Destinations = rules, outbox.In(settings.Dir), settings.Instance, settings.Alerts.Destinations
	c.DeadKept, c.AccountName, c.Console = settings.DeadAlertsKept, settings.AccountName, settings.URL
	return New(c), nil
}

// Deliverer makes what delivers the alerts that the Engine raises. Outbox and Destinations of c are the Engine's.
func (e *Engine) Deliverer(c delivery.Config) (*delivery.Deliverer, error) {
	c.Outbox, c.Destinations = e.Outbox, e.Destinations
	return delivery.New(c)
}

// New makes an Engine.
func New(c Config) *Engine {
	c.Logger, c.Rules = cmp.Or(c.Logger, slog.New(slog.DiscardHandler)), cmp.Or(c.Rules, &Rules{})
	if c.Observe == nil {
		c.Observe = func(string) {}
	}
	return &Engine{c}
}

// WithoutRules is an Engine for the outbox of an instance's directory, whose Cursor others may have moved.
func WithoutRules(dir string) *Engine { return New(Config{Outbox: outbox.In(dir)}) }

// Run is a committed run that is to be evaluated.
type Run struct {
	ID        string
	StartedAt time.Time // which counts as now

	Follows bool // the run before it was evaluated, or can be: the rules do not begin anew with this one

	ClockDoubted bool // StartedAt may be years ahead: nothing is dropped for its age

	Graph graph.Snapshot
	Types map[string]*graph.Type // by name: those that the run was written with, for graph.Decode

	// Changes yields the events of the run, in the order of changes.jsonl. Nil: there are none.
	Changes func(context.Context) iter.Seq2[graph.ChangeLine, error]

	// Fresh says whether a type was read whole in this run. States of others are not evaluated: that nothing was heard
	// of an agent which was not asked for means nothing. Nil: all are.
	Fresh func(typeName string) bool

	// OutOfScope says of entities that the run did not read them, since they are out of scope: what state they are in stays as it
	// was. Nil: of none.
	OutOfScope func(typeName, key string) bool

	// Baseline says whether this run is the baseline of a type: its states are remembered, and nobody is told of them. Nil: of
	// none.
	Baseline func(typeName string) bool

	// Posture yields what was found of the devices, in ascending order of their keys; nil: nothing is demanded of
	// any.
	Posture func(context.Context) iter.Seq2[posture.Verdict, error]

	// Policies is another one when another posture is demanded than in the run before: that devices meet it, or do not,
	// is then a baseline.
	Policies string

	// Unreadable says that nothing of the run but Report can be read, and why. Nil: it can, as far as one knows.
	Unreadable error

	Report Report
}

func (r *Run) events(ctx context.Context) iter.Seq2[graph.ChangeLine, error] {
	if r.Changes == nil {
		return graph.None
	}
	return r.Changes(ctx)
}

// Report is how a run went.
type Report struct {
	Run             string // ID; "" where the run failed before it had one
	Status          string // complete, partial or failed
	Error           string
	StartedAt       time.Time
	IncompleteTypes []string
	Withheld        map[string]int64 // deletions, by type
	Behind          []string         // stores that do not have the run yet
	Unseen          []string         // sentences: what stores and rules were moved past without having seen it
	TokenExpiresAt  time.Time        // zero where nobody knows
}

// Result is what was raised.
type Result struct {
	Raised map[string]int // alerts, by rule
	Queued int            // messages: an alert is one for each of its destinations
	Unseen []string       // sentences: what the rules were moved past without having seen it
}

// Cursor is the ID of the last run that was evaluated; "" if none was. The first one is a baseline: states are
// remembered, and nothing is raised but by rules on runs.
func (e *Engine) Cursor(ctx context.Context) (string, error) {
	m, err := recall(ctx, e.Outbox, nil, "")
	return m.cursor, err
}

// ErrBegunAnew says that what the rules remembered was lost, since alerts.db was damaged, and that they have to begin with the
// run before, lest nobody is told of what this one changed.
var ErrBegunAnew = errors.New("alerts.db was damaged, and the rules begin anew")

// Apply evaluates a run, and queues what is to be told, in one transaction with what the rules remember. It does nothing for
// the run that was evaluated last. One that cannot be read is passed over, and rules on runs are told so: what is damaged stays
// damaged, and would hold up all that comes after.
func (e *Engine) Apply(ctx context.Context, run Run) (Result, error) {
	m, err := recall(ctx, e.Outbox, e.Rules.rules, run.Policies)
	if err != nil || m.cursor == run.ID {
		return Result{}, err
	}
	if run.Follows && m.cursor == "" && len(m.asides) > 0 {
		return Result{}, ErrBegunAnew
	}
	var unseen []string
	for _, name := range m.asides {
		unseen = append(unseen, "alerts.db was damaged, and is kept as "+name+": what waited in it is not sent, and the rules begin anew.")
	}
	passOver := func(why error) {
		run.Unreadable = why
		unseen = append(unseen, fmt.Sprintf("Alerts did not see the run %s, since it cannot be read: %s.", run.ID, strings.TrimSuffix(why.Error(), ".")))
	}
	if run.Unreadable != nil {
		passOver(run.Unreadable)
	}
	result, err := e.apply(ctx, run, m, unseen)
	if unreadable, found := errors.AsType[*unreadableError](err); found && ctx.Err() == nil {
		passOver(unreadable)
		result, err = e.apply(ctx, run, m, unseen)
	}
	if errors.Is(err, outbox.ErrDamaged) && run.Follows { // which was not seen before it was written to
		err = ErrBegunAnew
	}
	result.Unseen = unseen
	return result, err
}

// unreadableError says that what is wrong is the run.
type unreadableError struct{ error }

func (e *unreadableError) Unwrap() error { return e.error }

func (e *Engine) apply(ctx context.Context, run Run, m *memory, unseen []string) (Result, error) {
	run.Report.Unseen = slices.Concat(run.Report.Unseen, unseen)
	ev := newEvaluation(e.Instance, &run, m)
	ev.posted = e.posts
	state, counts := m.count(run.Report)
	if err := ev.ofAll(ctx, e.Rules.rules, state, m.cursor != ""); err != nil {
		return Result{}, &unreadableError{err}
	}
	return e.raise(ctx, ev, counts)
}

// ofAll asks the rules about all that there is of a run; of a baseline there are no changes, and of one that cannot be read
// there is how it went.
func (e *evaluation) ofAll(ctx context.Context, rules []*rule, state *runState, withChanges bool) error {
	e.state = state
	e.ofRun(rules, state)
	if e.run.Unreadable != nil {
		return nil
	}
	if withChanges {
		if err := e.ofChanges(ctx, rules); err != nil {
			return fmt.Errorf("run %s: changes: %w", e.run.ID, err)
		}
	}
	if err := e.ofStates(ctx, rules); err != nil {
		return fmt.Errorf("run %s: states: %w", e.run.ID, err)
	}
	return nil
}

// Failed evaluates a run that committed nothing, by the rules on runs alone.
func (e *Engine) Failed(ctx context.Context, report Report) error {
	m, err := recall(ctx, e.Outbox, e.Rules.rules, "")
	if err != nil {
		return err
	}
	ev := newEvaluation(e.Instance, &Run{StartedAt: report.StartedAt, Report: report}, m)
	state, counts := m.count(report)
	if m.counts.Last == counts.Last {
		return nil
	}
	ev.state = state
	ev.ofRun(e.Rules.rules, state)
	_, err = e.raise(ctx, ev, counts)
	return err
}

// raise queues what an evaluation found, remembers it, and drops what failed long ago.
func (e *Engine) raise(ctx context.Context, ev *evaluation, c counts) (Result, error) {
	state, result := ev.state, Result{Raised: map[string]int{}}
	told, err := ev.tell(ctx, e.Rules.rules)
	if err != nil {
		return Result{}, &unreadableError{fmt.Errorf("run %s: %w", state.id(), err)}
	}
	var messages []outbox.Message
	for _, alert := range told {
		if alert.to != keepers {
			result.Raised[alert.rule.name]++
		}
		messages = append(messages, e.messages(ev, alert)...)
	}
	result.Queued = len(messages)
	dropped := 0
	err = e.Outbox.Update(ctx, func(tx *outbox.Tx) error {
		for _, message := range messages {
			if err := tx.Enqueue(message); err != nil {
				return err
			}
		}
		err := ev.remember(tx, e.Rules.rules, c, ev.run.ID)
		if err == nil && ev.run.ID != "" {
			err = errors.Join(tx.AsidesTold(ev.memory.asides), ev.outlast(tx, e.Rules.rules, func(destination string) bool {
				return slices.ContainsFunc(e.Destinations, func(d config.Destination) bool { return d.Name == destination })
			}))
		}
		if err != nil || e.DeadKept == 0 || ev.run.ID == "" || ev.run.ClockDoubted {
			return err
		}
		dropped, err = tx.Expire(ev.run.StartedAt, e.DeadKept)
		return err
	})
	if err != nil {
		return Result{}, fmt.Errorf("run %s: %w", state.id(), err)
	}
	if dropped > 0 {
		e.Logger.WarnContext(ctx, "failed alerts that were kept for deadAlertsKept were dropped", "run", state.id(), "alerts", dropped, "kept", e.DeadKept)
	}
	if err := e.Outbox.Shrink(ctx); err != nil {
		e.Logger.WarnContext(ctx, "alerts.db could not be made smaller", "error", err)
	}
	for _, alert := range told {
		if alert.to != keepers {
			e.Observe(alert.rule.name)
		}
	}
	e.log(ctx, ev, state, result)
	return result, nil
}

func (e *Engine) log(ctx context.Context, ev *evaluation, state *runState, result Result) {
	for _, r := range e.Rules.rules {
		if f := ev.found[r]; f != nil && f.faults > 0 {
			e.Logger.WarnContext(ctx, "a condition could not be evaluated, and counts as not met", "rule", r.name, "times", f.faults, "first", f.fault)
		}
	}
	raised := 0
	for _, n := range result.Raised {
		raised += n
	}
	if raised > 0 {
		e.Logger.InfoContext(ctx, "alerts raised", "run", state.id(), "alerts", raised, "messages", result.Queued)
	}
}

// Preview is what a rule would say of a run if all had happened in it: every entity that is in a state would have come into it.
// It heeds nothing that the rules remember except counts of runs, and changes nothing.
func (e *Engine) Preview(ctx context.Context, name string, run Run) ([]outbox.Message, error) {
	r := e.Rules.named(name)
	if r == nil {
		return nil, fmt.Errorf("there is no rule %q%s", name, orRather(name, e.Rules.Names()))
	}
	m, err := recall(ctx, e.Outbox, nil, run.Policies)
	if err != nil {
		return nil, err
	}
	ev := newEvaluation(e.Instance, &run, m)
	ev.preview, ev.posted = true, e.posts
	state := &runState{
		report: run.Report, failedInRow: m.counts.FailedInRow, notCompleteInRow: m.counts.NotCompleteInRow,
	}
	if m.counts.Last != state.id() {
		state, _ = m.count(run.Report)
	} else {
		state.tokenDaysLeft = m.counts.TokenDaysLeft
	}
	only := []*rule{r}
	if err := ev.ofAll(ctx, only, state, true); err != nil {
		return nil, err
	}
	told, err := ev.tell(ctx, only)
	if err != nil {
		return nil, fmt.Errorf("run %s: %w", run.ID, err)
	}
	var messages []outbox.Message
	for _, alert := range told {
		messages = append(messages, e.messages(ev, alert)...)
	}
	return messages, nil
}

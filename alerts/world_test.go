package alerts_test

import (
	"bytes"
	"context"
	"fmt"
	"iter"
	"maps"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"s1graph/alerts"
	"s1graph/alerts/outbox"
	"s1graph/config"
	"s1graph/entities"
	"s1graph/graph"
	"s1graph/graph/storetest"
	"s1graph/posture"
	"s1graph/steps"
)

// model are all types.
var model = steps.GraphTypes()

func typesByName() map[string]*graph.Type {
	types := map[string]*graph.Type{}
	for _, t := range model {
		types[t.Name] = t
	}
	return types
}

// properties of an entity; values are string, bool, int or []string.
type properties map[string]any

// entity is a record of a type, with an ID that its key ends with.
func entity(t *graph.Type, id string, p properties) graph.Record {
	r := graph.Record{Type: t, Key: t.Name + ":" + id}
	r.Set("displayName", graph.String(id))
	for name, value := range p {
		switch v := value.(type) {
		case string:
			r.Set(name, graph.String(v))
		case bool:
			r.Set(name, graph.Bool(v))
		case int:
			r.Set(name, graph.Int(int64(v)))
		case int64:
			r.Set(name, graph.Int(v))
		case []string:
			r.Set(name, graph.Strings(v))
		default:
			panic(fmt.Sprintf("%s: %T", name, value))
		}
	}
	return r
}

func agent(id string, p properties) graph.Record {
	return entity(entities.Agent.GraphType(), id, p)
}

func device(id string, p properties) graph.Record {
	return entity(entities.Device.GraphType(), id, p)
}

// world is a graph that is changed from run to run, and what evaluates it.
type world struct {
	t       testing.TB
	now     time.Time
	records map[string]graph.Record
	last    graph.Snapshot
	runs    int
	config  *config.Alerts
	outbox  *outbox.Outbox
	status  string

	fresh, baseline func(string) bool
	posture         []posture.Verdict // nil: none is configured
	policies        string
	token           time.Time
	rekeyed         map[string]string // key before, key now
	observed        []string
}

func newWorld(t testing.TB, rules ...config.Rule) *world {
	return &world{
		t: t, now: at(0), records: map[string]graph.Record{}, last: storetest.NewSnapshot(model), status: "complete",
		config: &config.Alerts{Destinations: []config.Destination{hook}, Rules: rules},
		outbox: outbox.At(filepath.Join(t.TempDir(), "alerts.db")),
	}
}

func (w *world) put(records ...graph.Record) {
	for _, r := range records {
		w.records[r.Key] = r
	}
}

// run is the graph as it is now, an hour after the last one.
func (w *world) run() alerts.Run {
	w.t.Helper()
	after := storetest.NewSnapshot(model, slices.Collect(maps.Values(w.records))...)
	w.runs++
	w.now = w.now.Add(time.Hour)
	id := fmt.Sprintf("run-%d", w.runs)
	changes := events(w.t, w.last, after, graph.DiffOptions{Rekeyed: w.rekeyed})
	w.last = after
	run := alerts.Run{
		ID: id, StartedAt: w.now, Graph: after, Types: typesByName(), Fresh: w.fresh, Baseline: w.baseline,
		Changes: changes, Report: w.report(id, w.status), Policies: w.policies,
	}
	if w.posture != nil {
		verdicts := w.posture
		run.Posture = func(context.Context) iter.Seq2[posture.Verdict, error] {
			return func(yield func(posture.Verdict, error) bool) {
				for _, v := range verdicts {
					if !yield(v, nil) {
						return
					}
				}
			}
		}
	}
	return run
}

// events are the differences of two graphs, as a run's file has them.
func events(t testing.TB, before, after graph.Snapshot, o graph.DiffOptions) func(context.Context) iter.Seq2[graph.ChangeLine, error] {
	t.Helper()
	var lines []byte
	_, err := graph.Diff(t.Context(), before, after, o, func(c graph.Change) error {
		lines = append(graph.AppendChange(lines, fmt.Sprintf("%s-%s-%d", c.Op, c.Key, len(lines)), &c), '\n')
		return nil
	})
	require.NoError(t, err)
	return func(ctx context.Context) iter.Seq2[graph.ChangeLine, error] {
		return graph.ReadChanges(ctx, bytes.NewReader(lines))
	}
}

func (w *world) report(id, status string) alerts.Report {
	return alerts.Report{Run: id, Status: status, StartedAt: w.now, TokenExpiresAt: w.token}
}

func (w *world) engine() *alerts.Engine {
	w.t.Helper()
	rules, faults := alerts.Compile(w.config)
	require.Empty(w.t, faults)
	return alerts.New(alerts.Config{
		Rules: rules, Outbox: w.outbox, Instance: "test", Destinations: w.config.Destinations,
		Observe: func(rule string) { w.observed = append(w.observed, rule) },
	})
}

// apply evaluates the graph as it is now, and is what was raised.
func (w *world) apply() []document {
	w.t.Helper()
	_, err := w.engine().Apply(w.t.Context(), w.run())
	require.NoError(w.t, err)
	return w.raised()
}

func (w *world) raised() []document {
	w.t.Helper()
	return raisedIn(w.t, w.outbox)
}

// titles are what was raised, in words.
func titles(documents []document) []string {
	var all []string
	for _, d := range documents {
		all = append(all, d.Title)
	}
	return all
}

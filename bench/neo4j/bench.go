package main

import (
	"context"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"

	"s1graph/graph"
	"s1graph/graph/neo4jstore"
	"s1graph/graph/neo4jstore/neo4jtest"
)

// bench is what is measured, and what came of it.
type bench struct {
	plain *loader
	store *neo4jstore.Store
	types []*graph.Type
	runs  map[string]graph.Snapshot // by ID

	cases []string // in the order in which they were measured first
	took  map[string][]measure
}

// measure is one case in one round.
type measure struct {
	seconds             float64
	nodes, edges        int64
	nodeSecs, edgeSecs  float64 // what went into the nodes, and into the relationships
	statements, written int64
}

const scope = "bench"

func newBench(ctx context.Context, server *neo4jtest.Server, tenant graph.Snapshot) (*bench, error) {
	b := &bench{types: tenant.Types(), runs: map[string]graph.Snapshot{"first": tenant, "again": tenant}, took: map[string][]measure{}}
	var err error
	if b.runs["touched"], err = alter(ctx, tenant, touchAgents); err != nil {
		return nil, err
	}
	if b.runs["changed"], err = alter(ctx, tenant, changeOnePercent); err != nil {
		return nil, err
	}
	if b.plain, err = newLoader(server); err != nil {
		return nil, err
	}
	b.store, err = neo4jstore.Open(ctx, neo4jstore.Config{
		URI: server.URI, Username: server.Username, Password: server.Password, Scope: scope})
	return b, err
}

func (b *bench) close(ctx context.Context) {
	_ = b.plain.driver.Close(ctx)
	_ = b.store.Close(ctx)
}

// round measures everything once. Which of the two loaders comes first changes from round to round.
func (b *bench) round(ctx context.Context, n int) error {
	measures := []func(context.Context) error{b.load, b.apply}
	if n%2 == 1 {
		slices.Reverse(measures)
	}
	for _, measure := range measures {
		if err := b.plain.empty(ctx); err != nil {
			return err
		}
		if err := measure(ctx); err != nil {
			return err
		}
	}
	return nil
}

// load measures the plain loader.
func (b *bench) load(ctx context.Context) error {
	m, err := b.plain.load(ctx, b.runs["first"])
	b.note("plain loader", m)
	return err
}

// apply measures the store: loading into nothing first.
func (b *bench) apply(ctx context.Context) error {
	all := func(string) (graph.Snapshot, bool) { return nil, false }
	kept := func(id string) (graph.Snapshot, bool) { s, ok := b.runs[id]; return s, ok }
	for _, c := range []struct {
		name, run string
		kept      func(string) (graph.Snapshot, bool)
		verify    bool
	}{
		{"first load", "first", kept, false},
		{"unchanged, the same run", "first", kept, false},
		{"unchanged, another run", "again", kept, false},
		{"every agent touched", "touched", kept, false},
		{"touched back", "first", kept, false},
		{"1 % changed", "changed", kept, false},
		{"1 % changed back", "first", kept, false},
		{"local directory lost", "again", all, false},
		{"--verify", "again", kept, true},
	} {
		m := measure{}
		started := time.Now()
		nodesDone := started
		relationship := map[string]bool{}
		for _, t := range b.types {
			relationship[t.Name] = t.Relationship
		}
		result, err := b.store.Apply(ctx, neo4jstore.Target{
			RunID: c.run, Graph: b.runs[c.run], Kept: c.kept, Verify: c.verify, Declared: declared,
			Progress: func(name string, done, total int64) {
				if !relationship[name] {
					nodesDone = time.Now()
				}
			},
		})
		if err != nil {
			return fmt.Errorf("%s: %w", c.name, err)
		}
		m.seconds = time.Since(started).Seconds()
		m.statements, m.written = result.Statements, result.Rows
		if c.name == "first load" {
			m.nodes, m.edges = b.plain.nodes, b.plain.edges
			m.nodeSecs = nodesDone.Sub(started).Seconds()
			m.edgeSecs = m.seconds - m.nodeSecs
		}
		b.note(c.name, m)
	}
	return nil
}

func (b *bench) note(name string, m measure) {
	if b.took[name] == nil {
		b.cases = append(b.cases, name)
	}
	b.took[name] = append(b.took[name], m)
	fmt.Fprintf(os.Stderr, "  %-24s %6.2f s\n", name, m.seconds)
}

// table shows the medians.
func (b *bench) table() string {
	t := table.NewWriter()
	t.SetStyle(table.StyleLight)
	t.AppendHeader(table.Row{"case", "seconds", "from", "to", "statements", "rows", "nodes/s", "edges/s"})
	for _, name := range b.cases {
		ms := b.took[name]
		slices.SortFunc(ms, func(a, b measure) int { return int((a.seconds - b.seconds) * 1e6) })
		m := ms[len(ms)/2]
		row := table.Row{name, fmt.Sprintf("%.2f", m.seconds), fmt.Sprintf("%.2f", ms[0].seconds), fmt.Sprintf("%.2f", ms[len(ms)-1].seconds), m.statements, m.written, "", ""}
		if m.nodeSecs > 0 {
			row[6], row[7] = int64(float64(m.nodes)/m.nodeSecs), int64(float64(m.edges)/m.edgeSecs)
		}
		t.AppendRow(row)
	}
	return t.Render()
}

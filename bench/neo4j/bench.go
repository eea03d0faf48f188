package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"s1graph/graph"
	"s1graph/graph/neo4jstore"
	"s1graph/graph/neo4jstore/neo4jtest"
)

// bench is what is measured.
type bench struct {
	plain        *loader
	server       *neo4jtest.Server
	store        *neo4jstore.Store
	runs         map[string]graph.Snapshot // by ID
	nodes, edges int64                     // of the tenant
	results      *results
	loads        bool // nothing but first loads are measured
}

const scope = "bench"

func newBench(ctx context.Context, server *neo4jtest.Server, tenant graph.Snapshot) (*bench, error) {
	b := &bench{server: server, runs: map[string]graph.Snapshot{"first": tenant, "again": tenant}}
	var err error
	if b.runs["touched"], err = alter(ctx, tenant, touchAgents); err != nil {
		return nil, err
	}
	if b.runs["changed"], err = alter(ctx, tenant, changeOnePercent); err != nil {
		return nil, err
	}
	for _, t := range tenant.Types() {
		n := &b.nodes
		if t.Relationship {
			n = &b.edges
		}
		for _, err := range tenant.Digests(ctx, t.Name) {
			if err != nil {
				return nil, err
			}
			*n++
		}
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

// round measures everything once. Which of the loaders comes first changes from round to round.
func (b *bench) round(ctx context.Context, n int) error {
	measures := []func(context.Context) error{
		func(ctx context.Context) error { return b.load(ctx, false) },
		b.apply,
		func(ctx context.Context) error { return b.load(ctx, true) },
	}
	n %= len(measures)
	for _, measure := range slices.Concat(measures[n:], measures[:n]) {
		if err := b.plain.empty(ctx); err != nil {
			return err
		}
		if err := measure(ctx); err != nil {
			return err
		}
	}
	return nil
}

// load measures the plain loader, of rows with or without what the store notes: what it spends on the server's
// answers, and from start to end.
func (b *bench) load(ctx context.Context, noted bool) error {
	name := plainLoader
	if noted {
		name += storesRows
	}
	b.plain.noted = noted
	cpu := b.cpu()
	started := time.Now()
	m, err := b.plain.load(ctx, b.runs["first"])
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	cpu(&m)
	whole := measure{Seconds: time.Since(started).Seconds(), Rows: m.Rows}
	return errors.Join(b.results.note(name, m), b.results.note(name+", wall clock", whole))
}

// apply measures the store: loading into nothing first.
func (b *bench) apply(ctx context.Context) error {
	none := func(string) (graph.Snapshot, bool) { return nil, false }
	kept := func(id string) (graph.Snapshot, bool) { s, ok := b.runs[id]; return s, ok }
	for _, c := range []struct {
		name   string
		target neo4jstore.Target
	}{
		{firstLoad, neo4jstore.Target{RunID: "first"}},
		{"unchanged, the same run", neo4jstore.Target{RunID: "first", Kept: kept}},
		{"unchanged, another run", neo4jstore.Target{RunID: "again", Kept: kept}},
		{"every agent touched", neo4jstore.Target{RunID: "touched", Kept: kept}},
		{"and back", neo4jstore.Target{RunID: "first", Kept: kept}},
		{"1 % changed", neo4jstore.Target{RunID: "changed", Kept: kept}},
		{"changed back", neo4jstore.Target{RunID: "first", Kept: kept}},
		{"local directory lost", neo4jstore.Target{RunID: "again", Kept: none}},
		{"lost, and 1 % to heal", neo4jstore.Target{RunID: "changed", Kept: none}},
		{"--verify", neo4jstore.Target{RunID: "changed", Kept: kept, Verify: true}},
	} {
		if b.loads && c.name != firstLoad {
			return nil
		}
		m, err := b.applyOne(ctx, c.target)
		if err == nil {
			if c.name == firstLoad {
				m.Nodes, m.Edges = b.nodes, b.edges
			}
			err = b.results.note(c.name, m)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", c.name, err)
		}
	}
	return nil
}

const (
	firstLoad   = "first load"
	plainLoader = "plain loader"
	storesRows  = ", the store's rows"
)

func (b *bench) applyOne(ctx context.Context, t neo4jstore.Target) (measure, error) {
	t.Graph, t.Declared = b.runs[t.RunID], declared
	relationship := map[string]bool{}
	for _, t := range t.Graph.Types() {
		relationship[t.Name] = t.Relationship
	}
	started := time.Now()
	nodesDone := started
	t.Progress = func(name string, done, total int64) {
		if !relationship[name] {
			nodesDone = time.Now()
		}
	}
	cpu := b.cpu()
	r, err := b.store.Apply(ctx, t)
	ended := time.Now()
	m := measure{
		Seconds: ended.Sub(started).Seconds(), Statements: r.Statements, Rows: r.Rows,
		NodeSeconds: nodesDone.Sub(started).Seconds(), EdgeSeconds: ended.Sub(nodesDone).Seconds(),
	}
	cpu(&m)
	return m, err
}

// cpu gives a function that puts into a measure what server and client have taken since; on Linux alone.
func (b *bench) cpu() func(m *measure) {
	server, own := cpuOf(b.server.PID()), cpuOf(os.Getpid())
	return func(m *measure) {
		m.ServerCPU, m.CPU = cpuOf(b.server.PID())-server, cpuOf(os.Getpid())-own
	}
}

// cpuOf is how many seconds a process has taken; 0 where that cannot be read.
func cpuOf(pid int) float64 {
	stat, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	_, rest, _ := bytes.Cut(stat, []byte(") ")) // behind the name, the times are fields 12 and 13, in hundredths
	fields := strings.Fields(string(rest))
	if len(fields) < 13 {
		return 0
	}
	var user, system float64
	_, _ = fmt.Sscan(fields[11]+" "+fields[12], &user, &system)
	return (user + system) / 100
}

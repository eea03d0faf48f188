// Command neo4j measures graph/neo4jstore against a real server, beside a loader that does nothing but load, and whole
// runs of the built program with the store and without it: what `make bench-neo4j` prints, and docs/performance.md
// keeps.
//
//	go run ./bench/neo4j                            five rounds with 10,000 agents of 60 applications: some 20 minutes
//	go run ./bench/neo4j -agents 1000 -rounds 1
//	go run ./bench/neo4j -rounds 2 -results FILE    two rounds more than the file has
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"

	"s1graph/graph/jsonstore"
	"s1graph/graph/neo4jstore/neo4jtest"
	"s1graph/s1/s1test"
)

type options struct {
	agents, applications, rounds, runs, heap int

	results string
	loads   bool
}

func main() {
	var o options
	flag.IntVar(&o.agents, "agents", 10_000, "agents of the tenant")
	flag.IntVar(&o.applications, "applications", 60, "applications of each")
	flag.IntVar(&o.rounds, "rounds", 5, "rounds of the loaders and of what follows a first load; medians are shown")
	flag.BoolVar(&o.loads, "loads", false, "of a round measure the loaders alone")
	flag.IntVar(&o.runs, "runs", 5, "unchanged runs of the program, after a first one; 0 leaves the program out")
	flag.IntVar(&o.heap, "heap", 2048, "heap of the server in MiB")
	flag.StringVar(&o.results, "results", "", "`file` to which the measures are added, and from which earlier ones are taken")
	flag.Parse()
	if err := run(context.Background(), o); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o options) (err error) {
	dir, err := os.MkdirTemp("", "s1graph-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	r, err := openResults(o.results)
	if err != nil {
		return err
	}
	console := httptest.NewServer(s1test.New(s1test.Large(o.agents, o.applications)))
	defer console.Close()
	server, err := neo4jtest.Start(ctx, neo4jtest.Options{HeapMiB: o.heap, Optimized: true})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, server.Stop()) }()
	p := &program{dir: dir, console: console.URL, server: server, results: r}
	if p.path, err = build(dir); err != nil {
		return err
	}
	if err := measureLoaders(ctx, p, o); err != nil {
		return err
	}
	if o.runs > 0 {
		fmt.Fprintln(os.Stderr, "runs of the program")
		if err := p.measure(o.runs); err != nil {
			return err
		}
	}
	fmt.Println(r.table())
	return nil
}

// measureLoaders measures what is written of a tenant that the program has collected, and leaves an empty database.
func measureLoaders(ctx context.Context, p *program, o options) error {
	if o.rounds == 0 {
		return nil
	}
	collected := *p
	collected.dir = filepath.Join(p.dir, "collected")
	if _, err := collected.run("json"); err != nil {
		return err
	}
	tenant, err := jsonstore.OpenLast(filepath.Join(collected.dir, "json"))
	if err != nil {
		return err
	}
	b, err := newBench(ctx, p.server, tenant)
	if err != nil {
		return err
	}
	defer b.close(ctx)
	b.results, b.loads = p.results, o.loads
	done := b.results.rounds()
	for n := range o.rounds {
		fmt.Fprintf(os.Stderr, "round %d of %d\n", done+n+1, done+o.rounds)
		if err := b.round(ctx, done+n); err != nil {
			return fmt.Errorf("round %d: %w", done+n+1, err)
		}
	}
	return b.plain.empty(ctx)
}

// Command neo4j measures graph/neo4jstore against a real server, beside a loader that does nothing but load: what
// `make bench-neo4j` prints, and docs/performance.md keeps.
//
//	go run ./bench/neo4j                         five rounds with 10,000 agents of 60 applications
//	go run ./bench/neo4j -agents 1000 -rounds 1
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"

	"s1graph/config"
	"s1graph/connector"
	"s1graph/graph/jsonstore"
	"s1graph/graph/neo4jstore/neo4jtest"
	"s1graph/s1/s1test"
)

func main() {
	agents := flag.Int("agents", 10_000, "agents, of 60 applications each")
	rounds := flag.Int("rounds", 5, "rounds; medians are shown")
	heap := flag.Int("heap", 2048, "heap of the server in MiB")
	flag.Parse()
	if err := run(context.Background(), *agents, *rounds, *heap); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, agents, rounds, heap int) (err error) {
	dir, err := os.MkdirTemp("", "s1graph-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	tenant, err := collect(ctx, dir, agents)
	if err != nil {
		return err
	}
	server, err := neo4jtest.Start(ctx, neo4jtest.Options{HeapMiB: heap, Optimized: true})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, server.Stop()) }()
	b, err := newBench(ctx, server, tenant)
	if err != nil {
		return err
	}
	defer b.close(ctx)
	for n := range rounds {
		fmt.Fprintf(os.Stderr, "round %d of %d\n", n+1, rounds)
		if err := b.round(ctx, n); err != nil {
			return fmt.Errorf("round %d: %w", n+1, err)
		}
	}
	fmt.Println(b.table())
	return nil
}

// collect reads a tenant into a directory and gives the run.
func collect(ctx context.Context, dir string, agents int) (*jsonstore.Run, error) {
	console := httptest.NewServer(s1test.New(s1test.Large(agents, 60)))
	defer console.Close()
	settings := config.Default()
	settings.URL, settings.Token = console.URL, config.NewSecret(s1test.DefaultToken)
	settings.Instance, settings.Dir = "bench", dir
	summary, err := connector.Sync(ctx, connector.Options{Config: &settings})
	if err != nil {
		return nil, err
	}
	return jsonstore.OpenRun(filepath.Join(dir, "runs", summary.Run))
}

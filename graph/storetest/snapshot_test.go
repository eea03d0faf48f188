package storetest_test

import (
	"context"
	"fmt"
	"log"
	"testing"

	"s1graph/graph"
	"s1graph/graph/storetest"
)

// memory is the least store that there can be.
type memory struct {
	held   graph.Snapshot
	writes int
}

func (m *memory) Apply(ctx context.Context, after graph.Snapshot) error {
	changes := 0
	if _, err := graph.Diff(ctx, m.held, after, graph.DiffOptions{Touches: true}, func(graph.Change) error { changes++; return nil }); err != nil {
		return err
	}
	m.held = after
	m.writes += changes
	return nil
}

func (m *memory) Load(context.Context) (graph.Snapshot, error) { return m.held, nil }

func (m *memory) State(context.Context) (string, error) { return fmt.Sprint(m.writes), nil }

func TestAStoreInMemoryPassesTheSuite(t *testing.T) {
	storetest.Run(t, func(*testing.T) storetest.Store { return &memory{held: storetest.NewSnapshot(nil)} })
}

func ExampleNewSnapshot() {
	site := &graph.Type{Name: "sentinelone_site", Class: "Site", Step: "sites"}
	s := storetest.NewSnapshot([]*graph.Type{site},
		graph.Record{Type: site, Key: "sentinelone_site:2"},
		graph.Record{Type: site, Key: "sentinelone_site:1"})
	for key, err := range graph.Keys(context.Background(), s, site.Name) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(key)
	}
	// Output:
	// sentinelone_site:1
	// sentinelone_site:2
}

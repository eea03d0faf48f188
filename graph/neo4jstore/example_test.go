package neo4jstore_test

import (
	"context"
	"fmt"
	"log"
	"os"

	"s1graph/graph"
	"s1graph/graph/neo4jstore"
	"s1graph/graph/storetest"
)

// A scope is brought to the graph of a run, and from that to the one of the next.
func Example() {
	ctx := context.Background()
	store, err := neo4jstore.Open(ctx, neo4jstore.Config{
		URI: "neo4j://localhost:7687", Username: "neo4j", Password: os.Getenv("NEO4J_PASSWORD"), Scope: "acme",
	})
	if err != nil {
		log.Fatal(err) // says what to do
	}
	defer store.Close(ctx)

	site := &graph.Type{Name: "sentinelone_site", Class: "Site", Step: "sites", Schema: "1"}
	graphOf := func(names ...string) graph.Snapshot {
		var records []graph.Record
		for _, name := range names {
			r := graph.Record{Type: site, Key: "sentinelone_site:" + name}
			r.Set("name", graph.String(name))
			records = append(records, r)
		}
		return storetest.NewSnapshot([]*graph.Type{site}, records...)
	}
	monday, tuesday := graphOf("Graz", "Vienna"), graphOf("Graz", "Linz")

	declared := map[string][]string{site.Name: {"name"}}
	if _, err := store.Apply(ctx, neo4jstore.Target{RunID: "monday", Graph: monday, Declared: declared}); err != nil {
		log.Fatal(err)
	}
	result, err := store.Apply(ctx, neo4jstore.Target{
		RunID: "tuesday", Graph: tuesday, Declared: declared,
		Kept: func(run string) (graph.Snapshot, bool) { return monday, run == "monday" },
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(result.Rows, "nodes were written or removed")
}

package graph_test

import (
	"context"
	"fmt"
	"log"

	"s1graph/graph"
	"s1graph/graph/storetest"
)

// Two days of a tenant, and what changed between them.
func ExampleDiff() {
	device := &graph.Type{Name: "sentinelone_device", Class: "Device", Step: "agents", Volatile: []string{"lastSeenOn"}}
	box := func(name string, lastSeen int64) graph.Record {
		r := graph.Record{Type: device, Key: "sentinelone_device:" + name}
		r.Set("displayName", graph.String(name))
		r.Set("lastSeenOn", graph.Int(lastSeen))
		return r
	}
	types := []*graph.Type{device}
	yesterday := storetest.NewSnapshot(types, box("alpha", 1), box("beta", 1))
	today := storetest.NewSnapshot(types, box("alpha", 2), box("gamma", 2))

	counts, err := graph.Diff(context.Background(), yesterday, today, graph.DiffOptions{}, func(c graph.Change) error {
		fmt.Printf("%s %s\n", c.Op, c.DisplayName())
		return nil
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(counts[device.Name].Touched, "touched")
	// Output:
	// deleted beta
	// created gamma
	// 1 touched
}

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

// Rows come in any order; what they make comes out sorted, one record a key.
func ExampleBuilder() {
	group := &graph.Type{Name: "sentinelone_group", Class: "Group", Step: "groups"}
	b, err := graph.NewBuilder(graph.BuilderConfig{Types: []*graph.Type{group}})
	if err != nil {
		log.Fatal(err)
	}
	defer b.Close()
	for i, name := range []string{"servers", "laptops", "servers"} {
		r := graph.Record{Type: group, Key: "sentinelone_group:" + name, Rank: int64(i)}
		r.Set("rank", graph.Int(int64(i)))
		if err := b.Add(graph.Row{List: "groups", ID: fmt.Sprint(i), Records: []graph.Record{r}}); err != nil {
			log.Fatal(err)
		}
	}
	for e, err := range b.Sorted(context.Background(), group.Name) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(string(e.JSON))
	}
	// Output:
	// {"_class":["Group"],"_key":"sentinelone_group:laptops","_type":"sentinelone_group","rank":1}
	// {"_class":["Group"],"_key":"sentinelone_group:servers","_type":"sentinelone_group","rank":2}
}

package sorter_test

import (
	"context"
	"fmt"
	"log"

	"s1graph/graph"
	"s1graph/graph/sorter"
)

// Rows come in any order; what they make comes out sorted, one record a key.
func ExampleSorter() {
	group := &graph.Type{Name: "sentinelone_group", Class: "Group", Step: "groups"}
	s, err := sorter.New(sorter.Config{Types: []*graph.Type{group}})
	if err != nil {
		log.Fatal(err)
	}
	defer s.Close()
	for i, name := range []string{"servers", "laptops", "servers"} {
		r := graph.Record{Type: group, Key: "sentinelone_group:" + name, Rank: int64(i)}
		r.Set("rank", graph.Int(int64(i)))
		if err := s.Add(sorter.Row{List: "groups", ID: fmt.Sprint(i), Records: []graph.Record{r}}); err != nil {
			log.Fatal(err)
		}
	}
	for e, err := range s.Sorted(context.Background(), group.Name) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(string(e.JSON))
	}
	// Output:
	// {"_class":["Group"],"_key":"sentinelone_group:laptops","_type":"sentinelone_group","rank":1}
	// {"_class":["Group"],"_key":"sentinelone_group:servers","_type":"sentinelone_group","rank":2}
}

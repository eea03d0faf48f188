package reconcile_test

import (
	"context"
	"fmt"

	"s1graph/graph"
	"s1graph/reconcile"
	"s1graph/steps"
)

// Six sites are missing, which is more than the guard lets go: all of them stay, and are listed.
func Example() {
	last, fresh := snapshot(manySites(1, 9)), snapshot(manySites(7, 9))
	readings := make(map[string]reconcile.Reading)
	for _, t := range steps.GraphTypes() {
		reading := reconcile.Reading{Written: *t} // each was read whole
		if t.Name == "sentinelone_site" {
			reading.Before = 9
		}
		readings[t.Name] = reading
	}
	result, err := reconcile.Run(context.Background(), reconcile.Input{
		Model:     steps.Model(),
		Last:      last,
		Fresh:     rows{fresh},
		Draft:     newDraft(),
		Read:      readings,
		Decodable: graph.TypesByName(last),
		Tenant:    tenant{},
		Guard:     reconcile.Guard{Percent: 10, Count: 5},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	sites := result.Types["sentinelone_site"]
	fmt.Println(sites.Records, "sites, of which", sites.Withheld, "are withheld")
	// Output: 9 sites, of which 6 are withheld
}

package jsonstore_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"time"

	"s1graph/graph"
	"s1graph/graph/jsonstore"
	"s1graph/graph/sorter"
)

// A run is drafted, written type by type, and committed.
func Example() {
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "example-*")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)

	store, err := jsonstore.Open(filepath.Join(dir, "acme"), jsonstore.Options{Instance: "acme"})
	if err != nil {
		log.Fatal(err)
	}
	defer store.Close()

	site := &graph.Type{Name: "sentinelone_site", Class: "Site", Step: "sites", Schema: "1"}
	rows, err := sorter.New(sorter.Config{Dir: store.TempDir(), Types: []*graph.Type{site}})
	if err != nil {
		log.Fatal(err)
	}
	defer rows.Close()
	for _, name := range []string{"Vienna", "Graz"} {
		r := graph.Record{Type: site, Key: "sentinelone_site:" + name}
		r.Set("displayName", graph.String(name))
		if err := rows.Add(sorter.Row{List: "sites", ID: name, Records: []graph.Record{r}}); err != nil {
			log.Fatal(err)
		}
	}

	draft, err := store.Begin(time.Now())
	if err != nil {
		log.Fatal(err)
	}
	defer draft.Abort()
	n, err := draft.Write(ctx, site, rows.Sorted(ctx, site.Name))
	if err != nil {
		log.Fatal(err)
	}
	if err := draft.Commit(jsonstore.CommitInfo{Summary: []byte("{}\n")}); err != nil {
		log.Fatal(err)
	}

	b, err := os.ReadFile(filepath.Join(store.Dir(), "graph", "sites", "entities", "sentinelone_site-0001.json"))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%d sites:\n%s", n, b)
	// Output:
	// 2 sites:
	// {"entities":[
	// {"_class":["Site"],"_key":"sentinelone_site:Graz","_type":"sentinelone_site","displayName":"Graz"},
	// {"_class":["Site"],"_key":"sentinelone_site:Vienna","_type":"sentinelone_site","displayName":"Vienna"}
	// ]}
}

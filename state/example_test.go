package state_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"time"

	"s1graph/graph/jsonstore"
	"s1graph/state"
)

// A run is committed into a bucket too, and another machine gets it from there.
func Example() {
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "example-*")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	bucket, err := state.Open(ctx, "file://"+filepath.Join(dir, "bucket"))
	if err != nil {
		log.Fatal(err)
	}
	replica := state.Of(bucket, "acme", "machine-1", filepath.Join(dir, "acme"))
	store, err := jsonstore.Open(filepath.Join(dir, "acme"), jsonstore.Options{Instance: "acme", Prepare: func() error {
		_, err := replica.Prepare(ctx)
		return err
	}})
	if err != nil {
		log.Fatal(err)
	}
	defer store.Close()
	draft, err := store.Begin(time.Now())
	if err != nil {
		log.Fatal(err)
	}
	err = draft.Commit(jsonstore.CommitInfo{Summary: []byte("{}"), Publish: func(run *jsonstore.Run) error { return replica.Run(ctx, run) }})
	if err != nil {
		log.Fatal(err)
	}
	if err := replica.Settled(ctx); err != nil {
		log.Fatal(err)
	}

	copied := filepath.Join(dir, "copy")
	if err := state.Fetch(ctx, bucket, "acme", copied); err != nil {
		log.Fatal(err)
	}
	run, err := jsonstore.OpenLast(copied)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(run.Manifest().ID == draft.ID())
	// Output: true
}

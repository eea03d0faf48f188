package outbox_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"s1graph/alerts/outbox"
)

// A message and the note that its run was taken in are written together.
func Example() {
	dir, err := os.MkdirTemp("", "outbox")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)

	box := outbox.At(filepath.Join(dir, "alerts.db"))
	err = box.Update(context.Background(), func(tx *outbox.Tx) error {
		return errors.Join(
			tx.Enqueue(outbox.Message{ID: "4f1c", Destination: "soc", Key: "sentinelone_agent:1", Title: "DC01 is silent"}),
			tx.Put("engine", "cursor", []byte("20260314T120000Z")),
		)
	})
	if err != nil {
		panic(err)
	}
	err = box.View(context.Background(), func(tx *outbox.Tx) error {
		due, _, err := tx.Due("soc", time.Now(), 10)
		for _, e := range due {
			fmt.Println(e.ID, e.Title)
		}
		return err
	})
	if err != nil {
		panic(err)
	}
	// Output: 4f1c DC01 is silent
}

package connector_test

import (
	"context"
	"fmt"
	"os"

	"s1graph/config"
	"s1graph/connector"
)

// A recorded tenant becomes a graph.
func ExampleSync() {
	dir, err := os.MkdirTemp("", "acme-")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	settings := config.Default()
	settings.Instance, settings.Dir = "acme", dir
	summary, err := connector.Sync(context.Background(), connector.Options{
		Config: &settings,
		Replay: "../testdata/recordings/acme",
	})
	fmt.Println(err, summary.Status, summary.StartedAt)
	fmt.Println(summary.Entities["sentinelone_agent"], "agents on", summary.Entities["sentinelone_device"], "devices")
	// Output:
	// <nil> complete 2026-11-20 12:00:00 +0000 UTC
	// 150 agents on 150 devices
}

package alerts_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"s1graph/alerts"
	"s1graph/alerts/outbox"
	"s1graph/config"
	"s1graph/entities"
	"s1graph/graph"
	"s1graph/graph/storetest"
)

// Two runs are evaluated: the first is a baseline, in the second an agent is no longer protected.
func Example() {
	dir, err := os.MkdirTemp("", "alerts")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	configured := &config.Alerts{
		Destinations: []config.Destination{{Name: "hook", URL: config.NewSecret("https://example.test"), Format: "json"}},
		Rules: []config.Rule{{
			Name:     "not protected",
			When:     `entity.type == "sentinelone_agent" && entity.mitigationMode != "protect"`,
			Severity: "high",
			Title:    "{{.Name}} only detects",
		}},
	}
	rules, faults := alerts.Compile(configured)
	if len(faults) > 0 {
		panic(faults)
	}
	queue := outbox.At(filepath.Join(dir, "alerts.db"))
	engine := alerts.New(alerts.Config{Rules: rules, Outbox: queue, Instance: "acme", Destinations: configured.Destinations})

	agent := entities.Agent.GraphType()
	for i, mode := range []string{"protect", "detect"} {
		record := graph.Record{Type: agent, Key: agent.Name + ":1001"}
		record.Set("displayName", graph.String("ACME-LT-0001"))
		record.Set("mitigationMode", graph.String(mode))
		run := alerts.Run{
			ID: fmt.Sprintf("run-%d", i), StartedAt: time.Date(2026, 11, 20+i, 5, 0, 0, 0, time.UTC),
			Graph: storetest.NewSnapshot([]*graph.Type{agent}, record), Types: map[string]*graph.Type{agent.Name: agent},
		}
		if _, err := engine.Apply(context.Background(), run); err != nil {
			panic(err)
		}
	}
	_ = queue.View(context.Background(), func(tx *outbox.Tx) error {
		waiting, err := tx.Queued("hook")
		for _, e := range waiting {
			fmt.Println(e.Severity, e.Title)
		}
		return err
	})
	// Output: high ACME-LT-0001 only detects
}

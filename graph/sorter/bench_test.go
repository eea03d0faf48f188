package sorter_test

import (
	"context"
	"fmt"
	"iter"
	"runtime"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"s1graph/graph"
	"s1graph/graph/sorter"
)

var (
	benchApplication = &graph.Type{Name: "sentinelone_application", Class: "Application", Step: "applications", Schema: "1",
		Combine: map[string]func(a, b graph.Value) graph.Value{"riskLevel": func(a, b graph.Value) graph.Value {
			return graph.String(max(a.Text(), b.Text()))
		}}}
	benchInstalled = &graph.Type{Name: "sentinelone_device_has_application", Class: "HAS", Relationship: true,
		From: "sentinelone_device", To: "sentinelone_application", Step: "applications", Schema: "1"}
	benchTypes = []*graph.Type{benchApplication, benchInstalled}
)

// installations are rows as the list of installed applications has them: each gives rise to an application,
// which many share, and to the relationship of a device to it.
func installations(devices, applications int) iter.Seq[sorter.Row] {
	return func(yield func(sorter.Row) bool) {
		for d := range devices {
			device := fmt.Sprintf("sentinelone_device:%032x", uint64(d)*0x9e3779b97f4a7c15)
			for a := range applications {
				app := graph.Record{
					Type: benchApplication,
					Key:  fmt.Sprintf("sentinelone_application:%032x", uint64((d+a*a)%1000)*0x9e3779b97f4a7c15),
					Properties: []graph.Property{
						{Name: "displayName", Value: graph.String("Application number such and such")},
						{Name: "name", Value: graph.String("Application number such and such")},
						{Name: "osType", Value: graph.String("windows")},
						{Name: "publisher", Value: graph.String("A publisher of applications, Inc.")},
						{Name: "riskLevel", Value: graph.String("none")},
						{Name: "type", Value: graph.String("app")},
						{Name: "version", Value: graph.String("10.0.19041.1")},
					},
				}
				row := sorter.Row{List: "applications", ID: fmt.Sprint(1_000_000_000_000_000_000 + d*applications + a), Records: []graph.Record{app, {
					Type: benchInstalled,
					Key:  graph.RelationshipKey(device, "HAS", app.Key),
					From: device,
					To:   app.Key,
					Properties: []graph.Property{
						{Name: "installedAt", Value: graph.Int(1700000000000)},
						{Name: "size", Value: graph.Int(int64(a) * 1234567)},
					},
				}}}
				if !yield(row) {
					return
				}
			}
		}
	}
}

func benchSorter(b testing.TB, rows iter.Seq[sorter.Row]) *sorter.Sorter {
	sorted, err := sorter.New(sorter.Config{Dir: b.TempDir(), Types: benchTypes})
	require.NoError(b, err)
	b.Cleanup(func() { require.NoError(b, sorted.Close()) })
	batches := make(chan []sorter.Row, 4)
	var wait sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		wait.Go(func() {
			for batch := range batches {
				for _, row := range batch {
					if err := sorted.Add(row); err != nil {
						panic(err)
					}
				}
			}
		})
	}
	var batch []sorter.Row
	for row := range rows {
		if batch = append(batch, row); len(batch) == 1000 {
			batches <- batch
			batch = nil
		}
	}
	batches <- batch
	close(batches)
	wait.Wait()
	return sorted
}

func BenchmarkBuild(b *testing.B) {
	const devices, applications = 10_000, 60
	var records int64
	for b.Loop() {
		sorted := benchSorter(b, installations(devices, applications))
		for _, t := range benchTypes {
			for _, err := range sorted.Sorted(context.Background(), t.Name) {
				require.NoError(b, err)
				records++
			}
		}
	}
	b.ReportMetric(float64(b.N*devices*applications)/b.Elapsed().Seconds(), "rows/s")
	require.Positive(b, records)
}

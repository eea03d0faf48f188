package jsonstore_test

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"s1graph/graph"
	"s1graph/graph/jsonstore"
)

var installed = &graph.Type{Name: "sentinelone_device_has_application", Class: "HAS", Relationship: true,
	From: "sentinelone_device", To: "sentinelone_application", Step: "applications", Schema: "1"}

// installations are the encoded relationships of devices to applications, in order.
func installations(devices, applications int) iter.Seq2[graph.Encoded, error] {
	return func(yield func(graph.Encoded, error) bool) {
		for d := range devices {
			device := fmt.Sprintf("sentinelone_device:%032x", d)
			for a := range applications {
				r := graph.Record{Type: installed, From: device, To: fmt.Sprintf("sentinelone_application:%032x", a)}
				r.Key = graph.RelationshipKey(r.From, "HAS", r.To)
				r.Set("displayName", graph.String("HAS"))
				r.Set("installedAt", graph.Int(1700000000000))
				r.Set("size", graph.Int(int64(a)*1234567))
				if !yield(graph.Encode(&r), nil) {
					return
				}
			}
		}
	}
}

func collect(devices, applications int) []graph.Encoded {
	var all []graph.Encoded
	for e := range installations(devices, applications) {
		all = append(all, e)
	}
	return all
}

func replay(all []graph.Encoded) iter.Seq2[graph.Encoded, error] {
	return func(yield func(graph.Encoded, error) bool) {
		for _, e := range all {
			if !yield(e, nil) {
				return
			}
		}
	}
}

func BenchmarkWrite(b *testing.B) {
	all := collect(5_000, 60)
	s := open(b, b.TempDir())
	for b.Loop() {
		d, err := s.Begin(time.Now())
		require.NoError(b, err)
		_, err = d.Write(b.Context(), installed, replay(all))
		require.NoError(b, err)
		require.NoError(b, d.Commit(jsonstore.CommitInfo{}))
		require.NoError(b, s.Prune())
	}
	b.ReportMetric(float64(b.N*len(all))/b.Elapsed().Seconds(), "rows/s")
}

func BenchmarkDiff(b *testing.B) {
	all := collect(5_000, 60)
	s := open(b, b.TempDir())
	runs := []*jsonstore.Run{}
	for range 2 {
		d, err := s.Begin(time.Now())
		require.NoError(b, err)
		_, err = d.Write(b.Context(), installed, replay(all))
		require.NoError(b, err)
		require.NoError(b, d.Commit(jsonstore.CommitInfo{}))
		runs = append(runs, s.Last())
		all = slices.DeleteFunc(slices.Clone(all), func(e graph.Encoded) bool { return e.Full[0] == 0 })
	}
	n := 0
	for b.Loop() {
		_, err := graph.Diff(context.Background(), runs[0], runs[1], graph.DiffOptions{}, func(graph.Change) error { return nil })
		require.NoError(b, err)
		n += 300_000
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "rows/s")
}

func BenchmarkVerify(b *testing.B) {
	s := open(b, b.TempDir())
	d, err := s.Begin(time.Now())
	require.NoError(b, err)
	n, err := d.Write(b.Context(), installed, installations(5_000, 60))
	require.NoError(b, err)
	require.NoError(b, d.Commit(jsonstore.CommitInfo{}))
	for b.Loop() {
		require.Empty(b, s.Last().Verify(b.Context()))
	}
	b.ReportMetric(float64(int64(b.N)*n)/b.Elapsed().Seconds(), "rows/s")
}

func BenchmarkOpenFolder(b *testing.B) {
	s := open(b, b.TempDir())
	d, err := s.Begin(time.Now())
	require.NoError(b, err)
	n, err := d.Write(b.Context(), installed, installations(1_000, 60))
	require.NoError(b, err)
	require.NoError(b, d.Commit(jsonstore.CommitInfo{}))
	for b.Loop() {
		f, err := jsonstore.OpenFolder(s.Dir(), []*graph.Type{installed})
		require.NoError(b, err)
		require.NoError(b, f.Close())
	}
	b.ReportMetric(float64(int64(b.N)*n)/b.Elapsed().Seconds(), "rows/s")
}

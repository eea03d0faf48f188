package connector_test

import (
	"net/http/httptest"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"s1graph/config"
	"s1graph/connector"
	"s1graph/s1/s1test"
)

// The console is part of the process and of the time; `make bench` measures the program alone too.
func BenchmarkSync(b *testing.B) {
	server := httptest.NewServer(s1test.New(s1test.Large(2_000, 60)))
	defer server.Close()
	sync := func(b *testing.B, dir string) (records int64) {
		settings := config.Default()
		settings.Vulnerabilities = []string{"off"}
		settings.URL, settings.Token = server.URL, config.NewSecret(s1test.DefaultToken)
		settings.Instance, settings.Dir = "bench", dir
		summary, err := connector.Sync(b.Context(), connector.Options{Config: &settings})
		require.NoError(b, err)
		for _, step := range summary.Steps {
			records += step.Entities + step.Relationships
		}
		return records
	}
	b.Run("first", func(b *testing.B) {
		var records int64
		for b.Loop() {
			records += sync(b, b.TempDir())
		}
		b.ReportMetric(float64(records)/b.Elapsed().Seconds(), "records/s")
	})
	b.Run("unchanged", func(b *testing.B) {
		dir := filepath.Join(b.TempDir(), "instance")
		sync(b, dir)
		var records int64
		for b.Loop() {
			records += sync(b, dir)
		}
		b.ReportMetric(float64(records)/b.Elapsed().Seconds(), "records/s")
	})
}

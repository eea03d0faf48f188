package connector_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"s1graph/config"
	"s1graph/connector"
)

// recordedRow is what the figures of the overview are counted of in the rows of a recording.
type recordedRow struct {
	IsDecommissioned, IsUninstalled, Infected, IsActive, IsUpToDate bool
	NetworkStatus, MitigationMode                                   string
	ActiveLicenses, TotalLicenses                                   int64
	ThreatInfo                                                      struct{ IncidentStatus, MitigationStatus string }
}

// countRecorded counts the rows of a list of a recording that are as they should be.
func countRecorded(t *testing.T, recording, list string, count func(recordedRow) int64) (n int64) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(recording, "rows", list+"*.jsonl"))
	require.NoError(t, err)
	require.Len(t, files, 1)
	content, err := os.ReadFile(files[0])
	require.NoError(t, err)
	for line := range strings.Lines(string(content)) {
		var row recordedRow
		require.NoError(t, json.Unmarshal([]byte(line), &row))
		n += count(row)
	}
	return n
}

func TestTheOverviewOfTheRecordedCompanyIsWhatItsRowsSayAndTellsTheStoryOfItsSecondDay(t *testing.T) {
	t.Parallel()
	settings := config.Default()
	settings.Instance, settings.Dir = "acme", t.TempDir()
	var second connector.Summary
	for _, recording := range []string{acme, acmeNextDay} {
		summary, err := connector.Sync(t.Context(), connector.Options{Config: &settings, Replay: recording})
		require.NoError(t, err)
		agents := func(is func(recordedRow) bool) int64 {
			return countRecorded(t, recording, "agents", func(a recordedRow) int64 {
				if !a.IsDecommissioned && !a.IsUninstalled && is(a) {
					return 1
				}
				return 0
			})
		}
		threats := func(is func(recordedRow) bool) int64 {
			return countRecorded(t, recording, "threats", func(r recordedRow) int64 {
				if r.ThreatInfo.IncidentStatus != "resolved" && is(r) {
					return 1
				}
				return 0
			})
		}
		assert.Subset(t, summary.Overview.Figures, map[string]int64{
			"agents":             agents(func(recordedRow) bool { return true }),
			"agentsInfected":     agents(func(a recordedRow) bool { return a.Infected }),
			"agentsIsolated":     agents(func(a recordedRow) bool { return a.NetworkStatus == "disconnected" }),
			"agentsDetectOnly":   agents(func(a recordedRow) bool { return a.MitigationMode == "detect" }),
			"agentsOutOfDate":    agents(func(a recordedRow) bool { return !a.IsUpToDate }),
			"agentsOnline":       agents(func(a recordedRow) bool { return a.IsActive }),
			"threatsOpen":        threats(func(recordedRow) bool { return true }),
			"threatsUnmitigated": threats(func(r recordedRow) bool { return r.ThreatInfo.MitigationStatus == "not_mitigated" }),
			"licensesUsed":       countRecorded(t, recording, "sites", func(s recordedRow) int64 { return s.ActiveLicenses }),
			"licensesTotal":      countRecorded(t, recording, "sites", func(s recordedRow) int64 { return s.TotalLicenses }),
		}, recording)
		assert.Zero(t, summary.DanglingRelationships, "nothing of the company is missing")
		second = summary
	}
	assert.Subset(t, second.Overview.Change, map[string]int64{
		"agents":         2, // three of the new site, and one that left
		"agentsInfected": 1, "agentsIsolated": 1, "threatsCritical": 1, "threatsUnmitigated": 1,
		"agentsDetectOnly": 1,
		"agentsOutOfDate":  -18, // 17 that were upgraded, and the one that left
	})
	for name, want := range map[string][3]int64{"site": {1, 0, 0}, "agent": {3, 21, 1}, "threat": {1, 1, 0}, "user": {3, 0, 1}} {
		n := second.Changes["sentinelone_"+name]
		assert.Equal(t, want, [3]int64{n.Created, n.Updated, n.Deleted}, name)
	}
}

package connector_test

import (
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"s1graph/config"
	"s1graph/connector"
	"s1graph/graph/jsonstore"
	"s1graph/s1/s1test"
)

func (c *console) history() []connector.HistoryLine {
	c.t.Helper()
	var lines []connector.HistoryLine
	for line, err := range connector.History(c.dir) {
		require.NoError(c.t, err)
		lines = append(lines, line)
	}
	return lines
}

func TestARunThatWasKilledBeforeItsLineInTheHistoryGetsItFromTheNextOne(t *testing.T) {
	t.Parallel()
	c := newConsole(t, small())
	c.mustSync()
	before, err := os.ReadFile(jsonstore.HistoryPath(c.dir))
	require.NoError(t, err)
	c.mustSync()
	want := c.history()
	require.NoError(t, os.WriteFile(jsonstore.HistoryPath(c.dir), append(before, `{"run":"0000`...), 0o600))
	third := c.mustSync()
	history := c.history()
	require.Len(t, history, 3)
	assert.Equal(t, want, history[:2])
	assert.Equal(t, third.Run, history[2].Run)
}

func TestEachRunSaysHowTheFleetIsAndWhatIsOtherwiseThanBefore(t *testing.T) {
	t.Parallel()
	c := newConsole(t, small())
	first := c.mustSync()
	require.NotNil(t, first.Overview)
	assert.Empty(t, first.Overview.Change)
	assert.Equal(t, first.Entities["sentinelone_device"], first.Overview.Figures["devices"])
	assert.NotContains(t, first.Overview.Figures, "devicesCompliant", "nothing is demanded of devices")

	threat := c.ThreatID(0)
	resolved := func(status string) {
		c.Break(s1test.Fault{Path: "/threats", Times: 1, Match: s1test.Rows, Effect: s1test.Rewrite(func(row map[string]any) {
			if info := row["threatInfo"].(map[string]any); info["threatId"] == threat {
				info["incidentStatus"], info["mitigationStatus"], info["confidenceLevel"] = status, "not_mitigated", "malicious"
			}
		})})
	}
	resolved("resolved")
	closed := c.mustSync()
	resolved("unresolved")
	reopened := c.mustSync()
	assert.Equal(t, closed.Overview.Figures["threatsOpen"]+1, reopened.Overview.Figures["threatsOpen"])
	assert.Equal(t, int64(1), reopened.Overview.Figures["threatsReopened"])
	assert.Equal(t, int64(1), reopened.Overview.Change["threatsReopened"])

	lines := c.history()
	require.Len(t, lines, 3)
	assert.Equal(t, reopened.Run, lines[2].Run)
	assert.Equal(t, reopened.Overview.Figures, lines[2].Figures)
	kept, err := connector.ReadSummary(c.dir)
	require.NoError(t, err)
	assert.Equal(t, reopened.Overview, kept.Overview)

	c.sync(func(o *connector.Options) { o.DryRun = true })
	assert.Len(t, c.history(), 3, "a dry run leaves nothing behind")
}

func TestOfWhatWasNeverReadTheOverviewTellsNothing(t *testing.T) {
	t.Parallel()
	c := newConsole(t, small())
	skipped := c.mustSync(func(o *connector.Options) { o.Config.Skip = []string{"threats"} }, firewalls)
	assert.NotContains(t, skipped.Overview.Figures, "threatsOpen")
	assert.NotContains(t, skipped.Overview.Figures, "threatsReopened")
	assert.Contains(t, skipped.Overview.Figures, "agentsInfected")
	evaluated, compliant := skipped.Overview.Figures["devicesEvaluated"], skipped.Overview.Figures["devicesCompliant"]
	assert.Equal(t, c.fallen(), evaluated-compliant)
	assert.Positive(t, evaluated)
}

// Agents that could not be read are as silent as they were when they last could.
func TestAnOutageMakesNobodySilent(t *testing.T) {
	t.Parallel()
	c := newConsole(t, small())
	at := func(d time.Duration) func(*connector.Options) {
		return func(o *connector.Options) { o.Clock = func() time.Time { return c.Now().Add(d) } }
	}
	before := c.mustSync(at(0)).Overview.Figures["agentsSilent"]
	c.Break(s1test.Fault{Path: "/agents", Effect: s1test.Status(503)})
	away := c.mustSyncInPart(at(30 * 24 * time.Hour))
	assert.Equal(t, before, away.Overview.Figures["agentsSilent"])
}

func TestTheHistoryKeepsFourHundredDays(t *testing.T) {
	t.Parallel()
	c := newConsole(t, little())
	const day = 24 * time.Hour
	runs := []time.Duration{0, 6 * day, 12 * day, 200 * day, 429 * day, 431 * day}
	for i, after := range runs {
		c.mustSync(func(o *connector.Options) {
			o.Clock = func() time.Time { return c.Now().Add(after - 500*day) }
			o.Config.RunsKept = config.Default().RunsKept
		})
		if i == 4 {
			assert.Len(t, c.history(), 5, "the file is not written anew for every run")
		}
	}
	var left []time.Duration
	for _, line := range c.history() {
		left = append(left, line.StartedAt.Sub(c.Now())+500*day)
	}
	assert.Equal(t, []time.Duration{200 * day, 429 * day, 431 * day}, left)
}

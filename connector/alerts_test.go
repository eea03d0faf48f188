package connector_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"s1graph/alerts"
	"s1graph/alerts/outbox"
	"s1graph/config"
	"s1graph/connector"
	"s1graph/graph/jsonstore"
	"s1graph/posture"
	"s1graph/s1/s1test"
)

// told is somebody who is told of things by rules, and what waits to be sent to them.
type told struct {
	t      *testing.T
	engine *alerts.Engine
	path   string
}

// tell makes rules, each with its name and condition or the name of a ready-made one.
func (c *console) tell(rules ...config.Rule) *told {
	c.t.Helper()
	return c.tellBy(filepath.Join(c.t.TempDir(), "alerts.db"), rules...)
}

// tellBy is tell with an outbox in a path.
func (c *console) tellBy(path string, rules ...config.Rule) *told {
	c.t.Helper()
	d := []config.Destination{{Name: "hook", URL: config.NewSecret("https://hook.test"), Format: "json"}}
	compiled, faults := alerts.Compile(&config.Alerts{Destinations: d, Rules: rules})
	require.Empty(c.t, faults)
	return &told{c.t, alerts.New(alerts.Config{Rules: compiled, Outbox: outbox.At(path), Instance: "test", Destinations: d}), path}
}

// of is an option that has runs evaluated.
func (w *told) of(o *connector.Options) { o.Alerts = w.engine }

// events are the IDs of the events that wait to be told, and of what.
func (w *told) events() (ids, keys []string) {
	w.t.Helper()
	require.NoError(w.t, outbox.At(w.path).View(w.t.Context(), func(tx *outbox.Tx) error {
		entries, err := tx.Queued("hook")
		for _, e := range entries {
			ids, keys = append(ids, e.Event), append(keys, e.Key)
		}
		return err
	}))
	return ids, keys
}

var newAgent = config.Rule{Name: "new agent", When: `change.op == "created" && change.type == "sentinelone_agent"`, Title: "{{.After.displayName}}"}

func newAgents(plan s1test.Plan) []string {
	var keys []string
	for _, id := range plan.IDs(s1test.AgentNew) {
		keys = append(keys, "sentinelone_agent:"+id)
	}
	return keys
}

func TestAlertsFollowCommittedRuns(t *testing.T) {
	t.Parallel()
	c := newConsole(t, busy())
	told := c.tell(newAgent)
	c.mustSync(told.of)
	ids, _ := told.events()
	assert.Empty(t, ids, "nobody is told of a first run")
	c.SetDay(1)
	c.sync(told.of, func(o *connector.Options) { o.DryRun = true })
	ids, _ = told.events()
	assert.Empty(t, ids, "nobody is told of a dry run")
	result := c.mustSync(told.of)
	ids, keys := told.events()
	assert.ElementsMatch(t, newAgents(c.Plan(1)), keys)
	assert.Subset(t, changeIDs(t, c.dir), ids, "an event has the ID that it has in the change log")
	c.mustSync(told.of)
	again, _ := told.events()
	assert.Equal(t, ids, again, "run %s is evaluated once", result.Run)
}

// changeIDs are the IDs of the last run's events.
func changeIDs(t *testing.T, dir string) []string {
	t.Helper()
	log, err := jsonstore.ChangeLog(dir)
	require.NoError(t, err)
	var ids []string
	for change, err := range log[len(log)-1].Changes(t.Context()) {
		require.NoError(t, err)
		ids = append(ids, change.ID)
	}
	return ids
}

func TestARunThatIsOlderThanTheLastOneThatWasEvaluatedIsNotEvaluatedAgain(t *testing.T) {
	t.Parallel()
	c := newConsole(t, busy())
	told := c.tell(config.Rule{Name: "new", When: `entity.type == "sentinelone_agent" && entity.id != ""`, Ended: new(true)})
	c.mustSync(told.of)
	c.SetDay(1)
	backup := filepath.Join(t.TempDir(), "backup")
	require.NoError(t, os.CopyFS(backup, os.DirFS(filepath.Join(c.dir, "runs"))))
	current, err := os.Readlink(filepath.Join(c.dir, "current"))
	require.NoError(t, err)
	c.mustSync(told.of)
	ids, _ := told.events()
	require.NotEmpty(t, ids)

	require.NoError(t, os.RemoveAll(filepath.Join(c.dir, "runs")))
	require.NoError(t, os.CopyFS(filepath.Join(c.dir, "runs"), os.DirFS(backup)))
	require.NoError(t, os.Remove(filepath.Join(c.dir, "current")))
	require.NoError(t, os.Symlink(current, filepath.Join(c.dir, "current")))
	c.mustSync(told.of)
	again, _ := told.events()
	assert.Equal(t, ids, again, "the states of yesterday's graph are over")
}

func TestWhatWasCommittedAndNotEvaluatedIsMadeUpFor(t *testing.T) {
	t.Parallel()
	c := newConsole(t, busy())
	told := c.tell(newAgent)
	c.mustSync(told.of)
	c.SetDay(1)
	c.mustSync() // as if it had been killed after the commit
	ids, _ := told.events()
	require.Empty(t, ids)
	c.Break(s1test.Fault{Path: "/user", Effect: s1test.Status(500)}) // the console need not even answer
	require.Error(t, c.sync(told.of).err)
	_, keys := told.events()
	assert.ElementsMatch(t, newAgents(c.Plan(1)), keys)
}

func TestRunsAreKeptUntilTheyWereEvaluated(t *testing.T) {
	t.Parallel()
	c := newConsole(t, busy())
	told := c.tell(newAgent)
	c.mustSync(told.of)
	aside := told.path + ".aside"
	require.NoError(t, os.Rename(told.path, aside))
	require.NoError(t, os.Mkdir(told.path, 0o700)) // where the outbox should be
	var want []string
	for _, day := range []int{1, 3, 5} {
		c.SetDay(day)
		want = append(want, newAgents(c.Plan(day))...)
		result := c.sync(told.of)
		require.NoError(t, result.err, "the graph does not depend on alerts")
		assert.Equal(t, connector.Partial, result.Status)
		require.NotEmpty(t, result.Notices)
		assert.Contains(t, result.Notices[0], "Alerts are behind")
	}
	require.NoError(t, os.Remove(told.path))
	require.NoError(t, os.Rename(aside, told.path))
	c.mustSync(told.of)
	_, keys := told.events()
	// A computer that came on one day of several stands in the changes of the run that first saw it.
	assert.Subset(t, keys, want)
	runs, err := os.ReadDir(filepath.Join(c.dir, "runs"))
	require.NoError(t, err)
	assert.LessOrEqual(t, len(runs), 2, "what was evaluated is pruned")
}

func TestRulesOnRunsEvaluateFailedOnesToo(t *testing.T) {
	t.Parallel()
	c := newConsole(t, small())
	told := c.tell(config.Rule{Name: "failed", When: `run.status == "failed" && run.failedInRow == 2`, Title: "{{.Instance}}"})
	c.mustSync(told.of)
	mend := c.Break(s1test.Fault{Path: "/user", Effect: s1test.Status(500)})
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	later := func(o *connector.Options) {
		now = now.Add(time.Hour)
		at := now
		o.Clock = func() time.Time { return at }
	}
	interrupted, cancel := context.WithCancel(t.Context())
	cancel()
	for _, want := range []int{0, 1, 1} {
		require.Error(t, c.sync(told.of, later).err)
		ids, _ := told.events()
		assert.Len(t, ids, want)
		o := c.options()
		told.of(&o)
		later(&o)
		_, err := connector.Sync(interrupted, o)
		require.Error(t, err, "what is interrupted has not failed")
	}
	mend()
	c.mustSync(told.of, later)
}

func TestADeviceThatFallsOutIsToldOfAndKeptBesideTheGraph(t *testing.T) {
	t.Parallel()
	c := newConsole(t, busy())
	told := c.tell(config.Rule{Use: "device not compliant"})
	firewall := true
	policies := func(o *connector.Options) {
		o.Config.Posture = []config.PosturePolicy{{FirewallEnabled: &firewall}}
	}
	c.mustSync(told.of, policies)
	before := c.graph()
	c.SetDay(1)
	c.mustSync(told.of, policies)
	_, keys := told.events()
	off := c.Plan(1).Of(s1test.AgentFirewallOff)
	require.NotEmpty(t, off)
	assert.GreaterOrEqual(t, len(keys), len(off), "each whose firewall went off, and perhaps new ones")
	run, err := jsonstore.OpenRun(filepath.Join(c.dir, "runs", currentRun(t, c.dir)))
	require.NoError(t, err)
	fallen := map[string]bool{}
	for verdict, err := range posture.Of(run) {
		require.NoError(t, err)
		fallen[verdict.Device] = !verdict.Compliant
	}
	for _, key := range keys {
		assert.True(t, fallen[key], "%s was told of, and is not compliant", key)
	}
	for _, line := range before {
		assert.NotContains(t, line, "nonCompliantReasons", "the graph files are the vendor's facts")
	}
}

func currentRun(t *testing.T, dir string) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(dir, "summary.json"))
	require.NoError(t, err)
	var summary connector.Summary
	require.NoError(t, json.Unmarshal(content, &summary))
	return summary.Run
}

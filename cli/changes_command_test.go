package cli_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"s1graph/entities"
	"s1graph/graph"
	"s1graph/graph/jsonstore"
	"s1graph/relationships"
	"s1graph/s1/s1test"
)

// runsOf commits a run for each list of changes, the last of them an hour ago and the others a day apart. They are
// what `s1graph run --instance test` would have left in the working directory.
func runsOf(t *testing.T, runs ...[]graph.Change) []time.Time {
	t.Helper()
	t.Chdir(t.TempDir())
	store, err := jsonstore.Open(".s1graph/test", jsonstore.Options{Instance: "test"})
	require.NoError(t, err)
	defer func() { require.NoError(t, store.Close()) }()
	var started []time.Time
	for i, changes := range runs {
		at := time.Now().UTC().Truncate(time.Second).Add(-time.Hour - time.Duration(len(runs)-1-i)*24*time.Hour)
		draft, err := store.Begin(at)
		require.NoError(t, err)
		for _, c := range changes {
			require.NoError(t, draft.Changes().Write(c))
		}
		require.NoError(t, draft.Commit(jsonstore.CommitInfo{}))
		started = append(started, at)
	}
	return started
}

func agentRecord(id, name, version string) *graph.Record {
	r := &graph.Record{Type: entities.Agent.GraphType(), Key: "sentinelone_agent:" + id}
	r.Set("displayName", graph.String(name))
	r.Set("agentVersion", graph.String(version))
	return r
}

func upgrade(id, name string) graph.Change {
	after := agentRecord(id, name, "24.2")
	return graph.Change{Op: graph.Updated, Type: after.Type, Key: after.Key, Before: agentRecord(id, name, "24.1"), After: after, Changed: []string{"agentVersion"}}
}

func gone(id, name string) graph.Change {
	before := agentRecord(id, name, "24.1")
	return graph.Change{Op: graph.Deleted, Type: before.Type, Key: before.Key, Before: before}
}

func moved(group, agent string) graph.Change {
	r := &graph.Record{Type: relationships.GroupHasAgent.GraphType(), From: "sentinelone_group:" + group, To: "sentinelone_agent:" + agent}
	r.Key = graph.RelationshipKey(r.From, "HAS", r.To)
	return graph.Change{Op: graph.Created, Type: r.Type, Key: r.Key, After: r}
}

func TestChangesAreListedByRunTheNewestLast(t *testing.T) {
	started := runsOf(t, []graph.Change{gone("1", "OLD")}, nil, []graph.Change{upgrade("2", "PC"), moved("7", "2")})
	got := s1graph(t, "changes", "--instance", "test")
	runs, err := jsonstore.ChangeLog(".s1graph/test")
	require.NoError(t, err)
	require.Len(t, runs, 2)
	assert.Equal(t, outcome{0, fmt.Sprintf(`%s  run %s
agent
  - OLD  sentinelone_agent:1

%s  run %s
agent
  ~ PC  sentinelone_agent:2
      agentVersion: 24.1 -> 24.2

group_has_agent
  + sentinelone_group:7 HAS sentinelone_agent:2
`, started[0].Format(time.RFC3339), runs[0].ID, started[2].Format(time.RFC3339), runs[1].ID), ""}, got)

	terminal := invocation{width: 100, environment: []string{"TERM=dumb"}}.s1graph(t, "changes", "--instance", "test")
	assert.Equal(t, got.stdout+"\n3 changes in 2 runs.\n", terminal.stdout)
}

func TestTheNewestChangesCanBeAskedFor(t *testing.T) {
	runsOf(t, []graph.Change{gone("1", "OLD"), gone("2", "OLDER")}, []graph.Change{upgrade("2", "PC")})
	got := s1graph(t, "changes", "--instance", "test", "--limit", "2", "--json")
	assert.Equal(t, 2, strings.Count(got.stdout, "\n"))
	assert.NotContains(t, got.stdout, "sentinelone_agent:1")
	assert.Equal(t, "s1graph: printed: the newest 2 of 3 changes\n", got.stderr)
	all := s1graph(t, "changes", "--instance", "test")
	for _, limit := range []string{"3", "4", "0"} {
		assert.Equal(t, all, s1graph(t, "changes", "--instance", "test", "--limit", limit))
	}
	assert.Equal(t, outcome{2, "", "s1graph: --limit must be 0 or greater\n"}, s1graph(t, "changes", "--instance", "test", "--limit", "-1"))
}

func TestChangesAsJSONSayTheirRun(t *testing.T) {
	started := runsOf(t, []graph.Change{gone("1", "OLD")}, []graph.Change{upgrade("2", "PC")})
	got := s1graph(t, "changes", "--instance", "test", "--json")
	assert.Zero(t, got.code)
	var changes []map[string]any
	for line := range strings.Lines(got.stdout) {
		var change map[string]any
		require.NoError(t, json.Unmarshal([]byte(line), &change))
		changes = append(changes, change)
	}
	require.Len(t, changes, 2)
	assert.Equal(t, started[0].Format(time.RFC3339), changes[0]["at"])
	assert.Equal(t, "OLD", changes[0]["before"].(map[string]any)["displayName"])
	assert.Regexp(t, `^000002-`, changes[1]["run"])
	assert.Equal(t, "updated", changes[1]["op"])
	assert.Equal(t, map[string]any{"agentVersion": "24.2"}, changes[1]["after"])
	assert.Len(t, changes[1]["id"], 32)
}

func TestADamagedRunHidesNoOtherRunsChanges(t *testing.T) {
	runsOf(t, []graph.Change{gone("1", "A"), gone("2", "B")}, []graph.Change{gone("3", "C"), gone("4", "D")}, []graph.Change{gone("5", "E")})
	logs, err := filepath.Glob(".s1graph/test/changes/000002-*.jsonl")
	require.NoError(t, err)
	require.Len(t, logs, 1)
	content, err := os.ReadFile(logs[0])
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(logs[0], content[:len(content)-20], 0o600))

	got := s1graph(t, "changes", "--instance", "test", "--json")
	assert.Equal(t, 1, got.code)
	assert.Contains(t, got.stderr, filepath.Base(logs[0])+" is damaged: line 2")
	for _, name := range []string{"A", "B", "C", "E"} {
		assert.Contains(t, got.stdout, fmt.Sprintf("%q:%q", "displayName", name))
	}
}

func TestChangesCanBeChosen(t *testing.T) {
	started := runsOf(t,
		[]graph.Change{gone("1", "A")},
		[]graph.Change{upgrade("2", "B"), moved("7", "2")},
		[]graph.Change{gone("3", "C"), moved("8", "4")})
	for _, test := range []struct {
		args []string
		want string // keys without their types
	}{
		{nil, "1 2 7 3 8"},
		{[]string{"--since", "90m"}, "3 8"},
		{[]string{"--since", "1d"}, "3 8"},
		{[]string{"--since", "2d"}, "2 7 3 8"},
		{[]string{"--since", "48h"}, "2 7 3 8"},
		{[]string{"--since", started[1].Format(time.RFC3339)}, "2 7 3 8"},
		{[]string{"--since", started[1].Add(time.Second).Format(time.RFC3339)}, "3 8"},
		{[]string{"--since", started[1].In(time.FixedZone("", 7200)).Format(time.RFC3339)}, "2 7 3 8"},
		{[]string{"--since", started[2].AddDate(0, 0, 1).Format(time.DateOnly)}, ""},
		{[]string{"--op", "deleted"}, "1 3"},
		{[]string{"--op", "deleted,updated"}, "1 2 3"},
		{[]string{"--type", "sentinelone_group_has_agent"}, "7 8"},
		{[]string{"--type", "group_has_agent"}, "7 8"},
		{[]string{"--type", "sentinelone_group_has_agent", "--type", "sentinelone_agent", "--op", "created", "--op", "updated"}, "2 7 8"},
	} {
		got := s1graph(t, append([]string{"changes", "--json", "--dir", ".s1graph/test"}, test.args...)...)
		require.Zero(t, got.code, got.stderr)
		var keys []string
		for line := range strings.Lines(got.stdout) {
			var change struct{ Key string }
			require.NoError(t, json.Unmarshal([]byte(line), &change))
			key, _, _ := strings.Cut(change.Key, "|")
			_, id, _ := strings.Cut(key, ":")
			keys = append(keys, id)
		}
		assert.Equal(t, test.want, strings.Join(keys, " "), "%v", test.args)
	}
}

func TestRenamedIsWhatJSONCallsRekeyed(t *testing.T) {
	before, after := entity("sentinelone_device", "1", "PC-1", nil), entity("sentinelone_device", "2", "PC-2", nil)
	runsOf(t, []graph.Change{gone("3", "C"), {Op: graph.Rekeyed, Type: after.Type, Key: after.Key, PreviousKey: before.Key, Before: &before, After: &after, Changed: []string{"name"}}})
	for _, word := range []string{"renamed", "rekeyed"} {
		got := s1graph(t, "changes", "--json", "--instance", "test", "--op", word)
		assert.Equal(t, 1, strings.Count(got.stdout, "\n"), word)
		assert.Contains(t, got.stdout, `"op":"rekeyed"`, word)
	}
}

func TestTheKindsOfChangesThatAreListedAreThoseOfTheHelp(t *testing.T) {
	got := s1graph(t, "changes", "--instance", "test", "--op", "removed")
	assert.Equal(t, 2, got.code)
	assert.Contains(t, got.stderr, "the changes are created, updated, deleted, renamed\n")
}

func TestWhereNothingChangedAPipeGetsNothing(t *testing.T) {
	runsOf(t, nil, []graph.Change{gone("1", "A")})
	assert.Equal(t, outcome{}, s1graph(t, "changes", "--instance", "test", "--since", "1m"))
	assert.Equal(t, outcome{}, s1graph(t, "changes", "--instance", "test", "--since", "1m", "--json"))
	assert.Equal(t, "No such changes in the 1 run whose changes are kept.\n",
		invocation{width: 80}.s1graph(t, "changes", "--instance", "test", "--since", "1m").stdout)
	runsOf(t, nil)
	assert.Equal(t, "No changes are kept: no run has found any yet, or they are older than\nchangesKept.\n",
		invocation{width: 80}.s1graph(t, "changes", "--instance", "test").stdout)
}

func TestChangesCanBeReadWhileARunIsUnderWay(t *testing.T) {
	runsOf(t, []graph.Change{gone("1", "A")})
	store, err := jsonstore.Open(".s1graph/test", jsonstore.Options{Instance: "test"})
	require.NoError(t, err)
	defer store.Close()
	draft, err := store.Begin(time.Now())
	require.NoError(t, err)
	require.NoError(t, draft.Changes().Write(gone("2", "B")))
	got := s1graph(t, "changes", "--instance", "test", "--json")
	assert.Zero(t, got.code)
	assert.Equal(t, 1, strings.Count(got.stdout, "\n"), "what is not committed did not happen")
	require.NoError(t, draft.Commit(jsonstore.CommitInfo{}))
	assert.Equal(t, 2, strings.Count(s1graph(t, "changes", "--instance", "test", "--json").stdout, "\n"))
}

func TestWrongUsageOfChangesEndsWithWhatToDo(t *testing.T) {
	runsOf(t, nil)
	for _, test := range []struct {
		args []string
		want string
	}{
		{[]string{"--since", "yesterday"}, `s1graph: --since must be a duration such as 90m, 24h or 7d, or a date such as 2026-11-22 or 2026-11-22T08:00:00Z, not "yesterday"`},
		{[]string{"--since", "-1h"}, `s1graph: --since must be a duration such as `},
		{[]string{"--op", "delted"}, `s1graph: --op: there is no change "delted"; did you mean deleted? the changes are created, updated, deleted, renamed`},
		{[]string{"--type", "sentinelone_agnet"}, `s1graph: --type: there is no type "sentinelone_agnet"; did you mean sentinelone_agent? the types are sentinelone_account, `},
		{[]string{"--instance", "other"}, `s1graph: .s1graph/other: there is no run yet; run s1graph run first, or give another --instance or --dir`},
		{[]string{"here"}, `s1graph: changes takes no argument such as "here"`},
		{nil, `s1graph: instance: must be set`},
	} {
		got := s1graph(t, append([]string{"changes"}, test.args...)...)
		if len(test.args) > 0 && test.args[0] != "--instance" {
			got = s1graph(t, append([]string{"changes", "--instance", "test"}, test.args...)...)
		}
		assert.Equal(t, 2, got.code)
		assert.Empty(t, got.stdout)
		assert.True(t, strings.HasPrefix(got.stderr, test.want), got.stderr)
	}
}

func TestHostileNamesInTheLogReachNoTerminal(t *testing.T) {
	var changes []graph.Change
	for i, name := range s1test.HostileNames {
		changes = append(changes, gone(fmt.Sprint(i), name))
	}
	runsOf(t, changes)
	for _, args := range [][]string{{"changes", "--instance", "test"}, {"changes", "--instance", "test", "--json"}} {
		got := invocation{width: 100, environment: []string{"NO_COLOR=1"}}.s1graph(t, args...)
		assert.Zero(t, got.code)
		assert.True(t, isPlain(got.stdout), "%q", got.stdout)
	}
}

func TestTheChangesOfAllInstancesAreCountedInARowEach(t *testing.T) {
	at := runsOf(t, nil, []graph.Change{upgrade("1", "a"), upgrade("2", "b"), gone("3", "c")}, []graph.Change{upgrade("1", "a"), moved("7", "1"), moved("7", "2")})
	instances(t, "tokenFile: none", "none", "test")
	want := func(runs, updated, deleted, relationships int) string {
		return fmt.Sprintf(`{"instance":"test","runs":%d,"created":0,"updated":%d,"deleted":%d,"renamed":0,"relationships":%d,"latest":%q,"error":null}`, runs, updated, deleted, relationships, at[2].Format(time.RFC3339))
	}
	for args, row := range map[string]string{
		"":              want(2, 3, 1, 2),
		"--since=24h":   want(1, 1, 0, 2),
		"--op=updated":  want(2, 3, 0, 0),
		"--type=device": `{"instance":"test","runs":0,"created":0,"updated":0,"deleted":0,"renamed":0,"relationships":0,"latest":null,"error":null}`,
	} {
		got := s1graph(t, slices.DeleteFunc([]string{"changes", "--all", "--json", args}, func(arg string) bool { return arg == "" })...)
		assert.Equal(t, 2, got.code, "one has no run")
		lines := strings.Split(got.stdout, "\n")
		assert.Contains(t, lines[0], `{"instance":"none","runs":null,`)
		assert.Contains(t, lines[0], "there is no run yet")
		assert.Equal(t, row, lines[1], args)
	}
	table := s1graph(t, "changes", "--all")
	assert.Regexp(t, `(?m)^INSTANCE +RUNS +CREATED +UPDATED +DELETED +RENAMED +RELATIONSHIPS\nnone\ntest +2 +0 +3 +1 +0 +2$`, table.stdout)
}

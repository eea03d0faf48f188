package jsonstore_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"s1graph/graph"
	"s1graph/graph/jsonstore"
	"s1graph/graph/storetest"
)

var (
	agent, group, hasAgent = storetest.Agent, storetest.Group, storetest.HasAgent
	model                  = []*graph.Type{agent, group, hasAgent}
)

func entity(t *graph.Type, id string) graph.Record {
	r := graph.Record{Type: t, Key: t.Name + ":" + id}
	r.Set("displayName", graph.String(id))
	return r
}

func TestARunLiesWhereJupiterOneLooksForIt(t *testing.T) {
	s := open(t, t.TempDir())
	assert.Nil(t, s.Last())
	run, err := commit(t.Context(), s, numbered(501))
	require.NoError(t, err)

	var files []string
	root := filepath.Join(s.Dir(), "runs", run.Manifest().ID)
	require.NoError(t, filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if !d.IsDir() {
			files = append(files, strings.TrimPrefix(path, root+"/"))
		}
		return err
	}))
	assert.Equal(t, []string{
		"changes.jsonl",
		"graph/agents/entities/sentinelone_agent-0001.json",
		"graph/agents/entities/sentinelone_agent-0002.json",
		"graph/agents/relationships/sentinelone_group_has_agent-0001.json",
		"graph/agents/relationships/sentinelone_group_has_agent-0002.json",
		"graph/groups/entities/sentinelone_group-0001.json",
		"index/sentinelone_agent",
		"index/sentinelone_group",
		"index/sentinelone_group_has_agent",
		"run.json",
		"summary.json",
	}, files)

	b, err := os.ReadFile(filepath.Join(s.Dir(), "graph/agents/entities/sentinelone_agent-0002.json"))
	require.NoError(t, err)
	assert.Equal(t, `{"entities":[
{"_class":["HostAgent"],"_key":"sentinelone_agent:000500","_type":"sentinelone_agent","computerName":"host 500 of 501","displayName":"000500"}
]}
`, string(b))
	b, err = os.ReadFile(filepath.Join(s.Dir(), "graph/groups/entities/sentinelone_group-0001.json"))
	require.NoError(t, err)
	assert.Equal(t, 6, strings.Count(string(b), "_key"))
	assert.True(t, strings.HasPrefix(string(b), "{\"entities\":[\n{\"_class\":[\"Group\"],\"_key\":\"sentinelone_group:0\",\"_type\":\"sentinelone_group\",\"displayName\":\"0\"},\n{"))
	b, err = os.ReadFile(filepath.Join(s.Dir(), "summary.json"))
	require.NoError(t, err)
	assert.Equal(t, "{}", string(b))
}

func TestRunsFollowEachOther(t *testing.T) {
	dir := t.TempDir()
	started := time.Date(2026, 11, 22, 17, 48, 0, 0, time.FixedZone("", 3600))
	finished := started.Add(time.Minute)
	s, err := jsonstore.Open(dir, jsonstore.Options{
		Instance: "acme",
		Clock:    func() time.Time { return finished },
		Rand:     strings.NewReader("\x1f\x3a\x00\x01"),
	})
	require.NoError(t, err)
	for i, state := range []string{`{"n":1}`, `{"n":2}`} {
		d, err := s.Begin(started)
		require.NoError(t, err)
		_, err = s.Begin(started)
		require.ErrorContains(t, err, "neither committed nor aborted")
		_, err = d.Write(t.Context(), group, graph.All(t.Context(), numbered(i+1), group.Name))
		require.NoError(t, err)
		require.NoError(t, d.Commit(jsonstore.CommitInfo{State: []byte(state)}))
		require.NoError(t, d.Abort(), "it does nothing after a commit")
		require.ErrorContains(t, d.Commit(jsonstore.CommitInfo{}), "has ended")
	}
	require.NoError(t, s.Close())

	m := open(t, dir).Last().Manifest()
	assert.Equal(t, "000002-20261122T164800Z-0001", m.ID)
	assert.Equal(t, "000001-20261122T164800Z-1f3a", m.Previous)
	assert.EqualValues(t, 2, m.Sequence)
	assert.True(t, m.StartedAt.Equal(started))
	assert.True(t, m.FinishedAt.Equal(finished))
	assert.JSONEq(t, `{"n":2}`, string(m.State))
	assert.Equal(t, []*graph.Type{group}, m.Types)
	assert.EqualValues(t, 1, m.Contents[group.Name].Records)
}

func TestAnAbortedRunLeavesNothing(t *testing.T) {
	s := open(t, t.TempDir())
	first, err := commit(t.Context(), s, numbered(3))
	require.NoError(t, err)
	for _, end := range []func(*jsonstore.Draft) error{(*jsonstore.Draft).Abort, func(*jsonstore.Draft) error { return nil }} {
		d, err := s.Begin(time.Now())
		require.NoError(t, err)
		_, err = d.Write(t.Context(), agent, graph.All(t.Context(), numbered(2000), agent.Name))
		require.NoError(t, err)
		require.NoError(t, end(d))
		require.NoError(t, d.Abort())
		requireNames(t, filepath.Join(s.Dir(), "runs"), first.Manifest().ID)
		require.Same(t, first, s.Last())
	}
}

func TestCloseAbortsTheDraft(t *testing.T) {
	dir := t.TempDir()
	s, err := jsonstore.Open(dir, jsonstore.Options{})
	require.NoError(t, err)
	_, err = s.Begin(time.Now())
	require.NoError(t, err)
	require.NoError(t, s.Close())
	requireNames(t, dir, "identity.json", "lock", "runs")
	requireNames(t, filepath.Join(dir, "runs"))
}

func TestADraftCanBeReadWhileItIsWritten(t *testing.T) {
	s := open(t, t.TempDir())
	d, err := s.Begin(time.Now())
	require.NoError(t, err)
	assert.Empty(t, d.Types())
	want := numbered(1700)
	for _, typ := range want.Types() {
		n, err := d.Write(t.Context(), typ, graph.All(t.Context(), want, typ.Name))
		require.NoError(t, err)
		assert.EqualValues(t, map[string]int{agent.Name: 1700, group.Name: 17, hasAgent.Name: 1700}[typ.Name], n)
	}
	storetest.RequireSame(t, want, d)
}

func TestATypeCanBeWrittenAgainFromWhatWasWrittenFirst(t *testing.T) {
	for _, keep := range []func(i int) bool{
		func(i int) bool { return i%2 == 0 }, // fewer files
		func(i int) bool { return true },
		func(i int) bool { return false },
	} {
		s := open(t, t.TempDir())
		d, err := s.Begin(time.Now())
		require.NoError(t, err)
		_, err = d.Write(t.Context(), agent, graph.All(t.Context(), numbered(1700), agent.Name))
		require.NoError(t, err)
		var want []string
		i := 0
		n, err := d.Write(t.Context(), agent, func(yield func(graph.Encoded, error) bool) {
			for e, err := range d.All(t.Context(), agent.Name) {
				if i++; err == nil && !keep(i) {
					continue
				}
				want = append(want, string(e.JSON))
				if !yield(e, err) {
					return
				}
			}
		})
		require.NoError(t, err)
		assert.EqualValues(t, len(want), n)
		require.NoError(t, d.Commit(jsonstore.CommitInfo{}))
		assert.Empty(t, s.Last().Verify(t.Context()))
		var got []string
		for e, err := range s.Last().All(t.Context(), agent.Name) {
			require.NoError(t, err)
			got = append(got, string(e.JSON))
		}
		assert.Equal(t, want, got)
		files, err := filepath.Glob(filepath.Join(s.Last().Dir(), "graph/agents/entities/*"))
		require.NoError(t, err)
		assert.Len(t, files, (len(want)+499)/500)
		_, err = os.Stat(filepath.Join(s.Last().Dir(), "rewrite"))
		assert.ErrorIs(t, err, fs.ErrNotExist)
	}
}

func TestAWriteThatFailsLeavesTheTypeAsItWas(t *testing.T) {
	s := open(t, t.TempDir())
	d, err := s.Begin(time.Now())
	require.NoError(t, err)
	broken := errors.New("broken")
	half := func(yield func(graph.Encoded, error) bool) {
		for e, err := range graph.All(t.Context(), numbered(700), agent.Name) {
			if !yield(e, err) {
				return
			}
		}
		yield(graph.Encoded{}, broken)
	}
	_, err = d.Write(t.Context(), agent, half)
	require.ErrorIs(t, err, broken)
	require.ErrorContains(t, err, "writing sentinelone_agent: ")
	assert.Empty(t, d.Types())
	want := numbered(3)
	for range 2 {
		_, err = d.Write(t.Context(), agent, graph.All(t.Context(), want, agent.Name))
		require.NoError(t, err)
		_, err = d.Write(t.Context(), agent, half)
		require.ErrorIs(t, err, broken)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = d.Write(ctx, agent, graph.All(t.Context(), want, agent.Name))
	require.ErrorIs(t, err, context.Canceled)
	require.NoError(t, d.Commit(jsonstore.CommitInfo{}))
	assert.Empty(t, s.Last().Verify(t.Context()))
	storetest.RequireSame(t, storetest.NewSnapshot([]*graph.Type{agent}, entities(t, want, agent)...), s.Last())
	files, err := filepath.Glob(filepath.Join(s.Last().Dir(), "graph/agents/entities/*"))
	require.NoError(t, err)
	assert.Len(t, files, 1, "of the 700 nothing is left")
}

func entities(t *testing.T, s graph.Snapshot, typ *graph.Type) (records []graph.Record) {
	t.Helper()
	for e, err := range graph.All(t.Context(), s, typ.Name) {
		require.NoError(t, err)
		r, err := graph.Decode(e.JSON, map[string]*graph.Type{typ.Name: typ})
		require.NoError(t, err)
		records = append(records, r)
	}
	return records
}

func TestRecordsOutOfOrderAreRefused(t *testing.T) {
	s := open(t, t.TempDir())
	d, err := s.Begin(time.Now())
	require.NoError(t, err)
	a, b := entity(group, "a"), entity(group, "b")
	for _, records := range [][]graph.Record{{b, a}, {a, a}} {
		_, err = d.Write(t.Context(), group, sequence(records...))
		require.ErrorContains(t, err, "but they should ascend")
	}
}

func sequence(records ...graph.Record) iter.Seq2[graph.Encoded, error] {
	return func(yield func(graph.Encoded, error) bool) {
		for _, r := range records {
			if !yield(graph.Encode(&r), nil) {
				return
			}
		}
	}
}

func TestPruneKeepsTheLastTwoRunsAndThoseThatAreAskedFor(t *testing.T) {
	s := open(t, t.TempDir())
	require.NoError(t, s.Prune())
	var ids []string
	for i := range 5 {
		run, err := commit(t.Context(), s, numbered(i))
		require.NoError(t, err)
		ids = append(ids, run.Manifest().ID)
	}
	require.NoError(t, s.Prune(ids[1]))
	requireNames(t, filepath.Join(s.Dir(), "runs"), ids[1], ids[3], ids[4])

	kept, err := s.Run(ids[1])
	require.NoError(t, err)
	storetest.RequireSame(t, numbered(1), kept)
	for _, id := range []string{ids[0], "", "..", "../runs/" + ids[1], "000009-20261122T164800Z-1f3a"} {
		_, err = s.Run(id)
		assert.ErrorIs(t, err, fs.ErrNotExist, id)
	}

	d, err := s.Begin(time.Now())
	require.NoError(t, err)
	require.NoError(t, s.Prune())
	requireNames(t, filepath.Join(s.Dir(), "runs"), ids[3], ids[4], d.ID())
}

func TestADirectoryIsOpenOnce(t *testing.T) {
	dir := t.TempDir()
	s, err := jsonstore.Open(dir, jsonstore.Options{})
	require.NoError(t, err)
	_, err = jsonstore.Open(dir, jsonstore.Options{})
	var locked *jsonstore.LockedError
	require.ErrorAs(t, err, &locked)
	assert.Equal(t, os.Getpid(), locked.PID)

	require.NoError(t, os.Remove(filepath.Join(dir, "lock.json")))
	_, err = jsonstore.Open(dir, jsonstore.Options{})
	assert.ErrorContains(t, err, "is in use by another process")
	require.NoError(t, s.Close())
	open(t, dir)
}

func TestChangesAreKeptWithIDsThatNameThem(t *testing.T) {
	s := open(t, t.TempDir())
	var seen []string
	for range 2 {
		d, err := s.Begin(time.Now())
		require.NoError(t, err)
		r := entity(group, "1")
		for _, op := range []graph.Op{graph.Created, graph.Created, graph.Deleted} {
			c := graph.Change{Op: op, Type: group, Key: r.Key, After: &r}
			require.NoError(t, d.Changes().Write(c))
		}
		require.NoError(t, d.Commit(jsonstore.CommitInfo{}))
		b, err := os.ReadFile(filepath.Join(s.Dir(), "current", "changes.jsonl"))
		require.NoError(t, err)
		for line := range strings.Lines(string(b)) {
			var id string
			_, err := fmt.Sscanf(line, `{"id":%q`, &id)
			require.NoError(t, err)
			require.Len(t, id, 32)
			seen = append(seen, id)
			assert.Contains(t, line, `,"key":"sentinelone_group:1","displayName":"1",`)
			assert.True(t, strings.HasSuffix(line, "}\n"))
		}
	}
	require.Len(t, seen, 6)
	assert.Equal(t, seen[0], seen[1], "the same change of the same run")
	slices.Sort(seen)
	assert.Len(t, slices.Compact(seen), 4)
}

func TestTheLastRunIsFoundWithoutTheLock(t *testing.T) {
	dir := t.TempDir()
	_, err := jsonstore.OpenLast(dir)
	require.ErrorIs(t, err, jsonstore.ErrNoRun)
	s := open(t, dir)
	_, err = jsonstore.OpenLast(dir)
	require.ErrorIs(t, err, jsonstore.ErrNoRun)
	for range 2 {
		commitChanges(t, s, noon, renamed("1"))
		run, err := jsonstore.OpenLast(dir)
		require.NoError(t, err)
		assert.Equal(t, s.Last().Manifest().ID, run.Manifest().ID)
	}
	require.NoError(t, os.RemoveAll(s.Last().Dir()))
	_, err = jsonstore.OpenLast(dir)
	require.ErrorAs(t, err, new(*jsonstore.DamagedError), "which is not the same as no run")
}

package jsonstore_test

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"s1graph/gotest"
	"s1graph/graph"
	"s1graph/graph/jsonstore"
)

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// commitChanges makes a run that starts at the given time and says that it made these changes.
func commitChanges(t testing.TB, s *jsonstore.Store, started time.Time, changes ...graph.Change) string {
	t.Helper()
	d, err := s.Begin(started)
	require.NoError(t, err)
	for _, c := range changes {
		require.NoError(t, d.Changes().Write(c))
	}
	require.NoError(t, d.Commit(jsonstore.CommitInfo{}))
	return s.Last().Manifest().ID
}

// renamed is a group that was called otherwise.
func renamed(id string) graph.Change {
	before, after := entity(group, id), entity(group, id)
	after.Set("displayName", graph.String("new "+id))
	return graph.Change{Op: graph.Updated, Type: group, Key: after.Key, Before: &before, After: &after, Changed: []string{"displayName"}}
}

// logged is what the log of a directory says: a line "run key" for each change.
func logged(t *testing.T, dir string) []string {
	t.Helper()
	runs, err := jsonstore.ChangeLog(dir)
	require.NoError(t, err)
	lines := []string{}
	for _, run := range runs {
		for c, err := range run.Changes(t.Context()) {
			require.NoError(t, err)
			lines = append(lines, run.ID+" "+c.Key)
		}
	}
	return lines
}

func inLog(dir, id string) string { return filepath.Join(dir, "changes", id+".jsonl") }

func TestTheLogKeepsWhatPrunedRunsChanged(t *testing.T) {
	dir := t.TempDir()
	assert.Empty(t, logged(t, dir), "no run yet")
	s := open(t, dir)
	var want []string
	for n := range 12 {
		id := commitChanges(t, s, noon.Add(time.Duration(n)*time.Hour), renamed(fmt.Sprintf("%d a", n)), renamed(fmt.Sprintf("%d b", n)))
		want = append(want, fmt.Sprintf("%s sentinelone_group:%d a", id, n), fmt.Sprintf("%s sentinelone_group:%d b", id, n))
		require.NoError(t, s.Prune())
	}
	quiet := commitChanges(t, s, noon.Add(12*time.Hour))
	assert.Equal(t, want, logged(t, dir), "the oldest first, and while the directory is locked")
	assert.NoFileExists(t, inLog(dir, quiet))

	runs, err := jsonstore.ChangeLog(dir)
	require.NoError(t, err)
	assert.Equal(t, noon, runs[0].At)
}

func TestAChangeIsReadFromTheLogAsItWasWritten(t *testing.T) {
	s := open(t, t.TempDir())
	lonely := graph.Record{Type: group, Key: "sentinelone_group:lonely"}
	a := entity(agent, "7")
	a.Set("tags", graph.Strings([]string{"a:b"}))
	a.Set("activeThreats", graph.Int(1))
	edge := graph.Record{Type: hasAgent, From: lonely.Key, To: a.Key, Key: graph.RelationshipKey(lonely.Key, "HAS", a.Key)}
	rekeyed := renamed("9")
	rekeyed.Op, rekeyed.PreviousKey = graph.Rekeyed, "sentinelone_group:8"
	written := []graph.Change{
		{Op: graph.Created, Type: group, Key: lonely.Key, After: &lonely},
		{Op: graph.Deleted, Type: agent, Key: a.Key, Before: &a},
		{Op: graph.Created, Type: hasAgent, Key: edge.Key, After: &edge},
		renamed("3"),
		rekeyed,
	}
	commitChanges(t, s, noon, written...)
	runs, err := jsonstore.ChangeLog(s.Dir())
	require.NoError(t, err)
	require.Len(t, runs, 1)
	n := 0
	for line, err := range runs[0].Changes(t.Context()) {
		require.NoError(t, err)
		read, err := line.Change()
		require.NoError(t, err)
		assert.Equal(t, string(line.JSON), string(graph.AppendChange(nil, line.ID, &read)))
		assert.Equal(t, written[n].Type.Relationship, read.Type.Relationship)
		assert.Equal(t, written[n].DisplayName(), read.DisplayName())
		n++
	}
	assert.Equal(t, len(written), n)
}

func TestTheLogIsPrunedByTimeButForTheLastRun(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	var ids []string
	for n := range 3 {
		ids = append(ids, commitChanges(t, s, noon.Add(time.Duration(n)*time.Hour), renamed("1")))
	}
	require.NoError(t, os.WriteFile(filepath.Join(dir, "changes", "notes.jsonl"), nil, 0o600))
	require.NoError(t, s.PruneChanges(noon.Add(time.Hour)))
	assert.NoFileExists(t, inLog(dir, ids[0]))
	assert.FileExists(t, inLog(dir, ids[1]), "it began just then")
	require.NoError(t, s.PruneChanges(noon.Add(24*time.Hour)))
	requireNames(t, filepath.Join(dir, "changes"), ids[2]+".jsonl", "notes.jsonl")
}

func TestWhatAKillLeftOutOfTheLogIsMadeGood(t *testing.T) {
	dir := t.TempDir()
	s, err := jsonstore.Open(dir, jsonstore.Options{})
	require.NoError(t, err)
	first := commitChanges(t, s, noon, renamed("1"))
	second := commitChanges(t, s, noon, renamed("2"))
	require.NoError(t, s.Close())
	want := []string{first + " sentinelone_group:1", second + " sentinelone_group:2"}

	remove(t, inLog(dir, second)) // the process was killed after it had swapped the link
	assert.Equal(t, want, logged(t, dir), "whoever reads sees the last run's all the same")
	reopened(t, dir)
	assert.FileExists(t, inLog(dir, second))
	assert.Equal(t, want, logged(t, dir))

	// A loss of power took back the swap of the link, and not the entry in the log.
	remove(t, filepath.Join(dir, "current"))
	require.NoError(t, os.Symlink(filepath.Join("runs", first), filepath.Join(dir, "current")))
	reopened(t, dir)
	assert.Equal(t, want[:1], logged(t, dir))
}

func TestARunThatCountsAsTheLastOneIsInTheLog(t *testing.T) {
	dir := t.TempDir()
	s, err := jsonstore.Open(dir, jsonstore.Options{})
	require.NoError(t, err)
	id := commitChanges(t, s, noon, renamed("1"))
	require.NoError(t, s.Close())
	remove(t, inLog(dir, id))
	remove(t, filepath.Join(dir, "current"))
	reopened(t, dir)
	assert.Equal(t, []string{id + " sentinelone_group:1"}, logged(t, dir))
}

func TestARunThatIsNotCommittedIsNotInTheLog(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	d, err := s.Begin(noon)
	require.NoError(t, err)
	require.NoError(t, d.Changes().Write(renamed("1")))
	assert.Empty(t, logged(t, dir))
	require.NoError(t, d.Abort())
	assert.Empty(t, logged(t, dir))
}

func TestWhereNoHardLinkReachesTheChangesAreCopiedIntoTheLog(t *testing.T) {
	const otherDisk = "/dev/shm"
	elsewhere, err := os.MkdirTemp(otherDisk, "s1graph-*")
	if err != nil {
		gotest.Missing(t, errors.New("there is no other file system at "+otherDisk))
	}
	defer os.RemoveAll(elsewhere)
	dir := t.TempDir()
	s := open(t, dir)
	id := commitChanges(t, s, noon, renamed("1"))
	require.NoError(t, s.Close())
	run := filepath.Join(dir, "runs", id)
	require.NoError(t, os.CopyFS(filepath.Join(elsewhere, id), os.DirFS(run)))
	require.NoError(t, os.RemoveAll(run))
	require.NoError(t, os.Symlink(filepath.Join(elsewhere, id), run))
	require.NoError(t, os.Remove(inLog(dir, id)))

	reopened(t, dir)
	requireNames(t, filepath.Join(dir, "changes"), id+".jsonl")
	assert.Equal(t, []string{id + " sentinelone_group:1"}, logged(t, dir))
}

func TestALogThatIsDamagedIsAnErrorThatNamesTheLine(t *testing.T) {
	for name, spoil := range map[string]damage{
		"cut":   rewrite(func(b []byte) []byte { return b[:len(b)-10] }),
		"wrong": rewrite(func(b []byte) []byte { return append(b, "nonsense\n"...) }),
		"empty": rewrite(func(b []byte) []byte { return append(b, "{}\n"...) }),
	} {
		t.Run(name, func(t *testing.T) {
			s := open(t, t.TempDir())
			id := commitChanges(t, s, noon, renamed("1"), renamed("2"))
			spoil(t, inLog(s.Dir(), id))
			runs, err := jsonstore.ChangeLog(s.Dir())
			require.NoError(t, err)
			for _, err = range runs[0].Changes(t.Context()) {
			}
			require.ErrorAs(t, err, new(*jsonstore.DamagedError))
			assert.Regexp(t, `\.jsonl is damaged: line [23]`, err.Error())
		})
	}
}

func TestALogThatIsPrunedWhileItIsReadHasNoChanges(t *testing.T) {
	s := open(t, t.TempDir())
	commitChanges(t, s, noon, renamed("1"))
	last := commitChanges(t, s, noon.Add(time.Hour), renamed("2"))
	runs, err := jsonstore.ChangeLog(s.Dir())
	require.NoError(t, err)
	require.Len(t, runs, 2)
	require.NoError(t, s.PruneChanges(noon.Add(time.Hour)))
	for range runs[0].Changes(t.Context()) {
		t.Error("there is a change")
	}
	assert.Equal(t, last, runs[1].ID)
}

func TestWhereThereIsNoDirectoryThereIsNoLog(t *testing.T) {
	_, err := jsonstore.ChangeLog(filepath.Join(t.TempDir(), "gone"))
	assert.ErrorIs(t, err, fs.ErrNotExist)
}

func TestAFileBesideTheGraphIsKeptWithTheRun(t *testing.T) {
	s := open(t, t.TempDir())
	d, err := s.Begin(noon)
	require.NoError(t, err)
	text := strings.Repeat("a line\n", 20_000)
	require.NoError(t, d.WriteFile("verdicts.jsonl", func(w io.Writer) error {
		_, err := io.WriteString(w, text)
		return err
	}))
	failed := errors.New("no more")
	require.ErrorIs(t, d.WriteFile("other.jsonl", func(io.Writer) error { return failed }), failed)
	for _, name := range []string{"verdicts.jsonl", "changes.jsonl", "graph", "run.json", "../x"} {
		require.Error(t, d.WriteFile(name, func(io.Writer) error { return nil }), name)
	}
	require.NoError(t, d.Commit(jsonstore.CommitInfo{}))

	run, err := jsonstore.OpenRun(s.Last().Dir())
	require.NoError(t, err)
	for _, r := range []*jsonstore.Run{s.Last(), run} {
		f, err := r.Open("verdicts.jsonl")
		require.NoError(t, err)
		b, err := io.ReadAll(f)
		require.NoError(t, err)
		require.NoError(t, f.Close())
		assert.Equal(t, text, string(b))
		_, err = r.Open("other.jsonl")
		assert.ErrorIs(t, err, fs.ErrNotExist)
	}

	cut(t, filepath.Join(run.Dir(), "verdicts.jsonl"))
	f, err := run.Open("verdicts.jsonl")
	require.NoError(t, err)
	defer f.Close()
	_, err = io.Copy(io.Discard, f)
	assert.ErrorAs(t, err, new(*jsonstore.DamagedError))
}

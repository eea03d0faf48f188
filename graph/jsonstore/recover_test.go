package jsonstore_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"s1graph/graph/jsonstore"
	"s1graph/graph/storetest"
)

// threeRuns commits graphs of 1, 2 and 3 agents, none of which is pruned, and returns the IDs of the runs.
func threeRuns(t *testing.T) (dir string, ids []string) {
	t.Helper()
	dir = t.TempDir()
	s, err := jsonstore.Open(dir, jsonstore.Options{})
	require.NoError(t, err)
	for n := range 3 {
		run, err := commit(t.Context(), s, numbered(n+1))
		require.NoError(t, err)
		ids = append(ids, run.Manifest().ID)
	}
	require.NoError(t, s.Close())
	return dir, ids
}

// reopened is what a process finds that opens the directory, and then ends.
func reopened(t *testing.T, dir string) (last *jsonstore.Run, recovered string) {
	t.Helper()
	s, err := jsonstore.Open(dir, jsonstore.Options{})
	require.NoError(t, err)
	require.NoError(t, s.Close())
	return s.Last(), s.Recovered()
}

func manifestPath(dir, id string) string { return filepath.Join(dir, "runs", id, "run.json") }

func TestALostRunIsReplacedByTheNewestThatCanBeRead(t *testing.T) {
	text := func(content string) damage { return rewrite(func([]byte) []byte { return []byte(content) }) }
	for name, test := range map[string]struct {
		lose func(t *testing.T, dir string, ids []string)
		last int // which of the three runs counts as the last one
		want string
	}{
		"no link, as in a backup without links": {
			func(t *testing.T, dir string, _ []string) { remove(t, filepath.Join(dir, "current")) },
			2, `^There is no link \S+/current to the last run: the newest run that can be read, 000003-\S+, counts as the last one\.$`,
		},
		"none of the links": {
			func(t *testing.T, dir string, _ []string) {
				for _, name := range []string{"current", "graph", "summary.json"} {
					remove(t, filepath.Join(dir, name))
				}
			},
			2, `^There is no link \S+/current to the last run: .* 000003-`,
		},
		"no link, and a draft of a killed process": {
			func(t *testing.T, dir string, ids []string) {
				remove(t, filepath.Join(dir, "current"))
				require.NoError(t, os.MkdirAll(filepath.Join(dir, "runs", "000004-20261122T164800Z-1f3a", "graph"), 0o700))
			},
			2, `^There is no link \S+/current to the last run: .* 000003-`,
		},
		"a link to nothing": {
			func(t *testing.T, dir string, ids []string) {
				require.NoError(t, os.RemoveAll(filepath.Join(dir, "runs", ids[2])))
			},
			1, `^The last run is lost \(\S+/runs/000003-\S+/run\.json is damaged: no such file or directory\): the newest run that can be read, 000002-\S+, counts as the last one\.$`,
		},
		"no run.json":       {func(t *testing.T, dir string, ids []string) { remove(t, manifestPath(dir, ids[2])) }, 1, `no such file or directory\): .* 000002-`},
		"an empty run.json": {func(t *testing.T, dir string, ids []string) { empty(t, manifestPath(dir, ids[2])) }, 1, `^The last run is lost \(\S+/run\.json is damaged: .*EOF.*\): .* 000002-`},
		"a cut run.json":    {func(t *testing.T, dir string, ids []string) { cut(t, manifestPath(dir, ids[2])) }, 1, `^The last run is lost .* 000002-`},
		"another run's run.json": {
			func(t *testing.T, dir string, ids []string) {
				require.NoError(t, os.Rename(manifestPath(dir, ids[0]), manifestPath(dir, ids[2])))
			},
			1, `run\.json is damaged: it is of the run "000001-\S+"\): .* 000002-`,
		},
		"a run.json that is no manifest": {
			func(t *testing.T, dir string, ids []string) {
				text(`{"id":"`+ids[2]+`","types":[null]}`)(t, manifestPath(dir, ids[2]))
				text("null")(t, manifestPath(dir, ids[1]))
			},
			0, `^The last run is lost .* 000001-`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir, ids := threeRuns(t)
			test.lose(t, dir, ids)
			for range 2 { // a process that commits nothing takes nothing away from the next
				last, recovered := reopened(t, dir)
				assert.Regexp(t, test.want, recovered)
				require.Equal(t, ids[test.last], last.Manifest().ID)
				assert.Empty(t, last.Verify(t.Context()))
				storetest.RequireSame(t, numbered(test.last+1), last)
			}

			s := open(t, dir)
			run, err := commit(t.Context(), s, numbered(9))
			require.NoError(t, err)
			assert.Empty(t, s.Recovered())
			assert.EqualValues(t, 4, run.Manifest().Sequence, "above those of runs that are lost")
			assert.Equal(t, ids[test.last], run.Manifest().Previous)
			require.NoError(t, s.Prune())
			requireNames(t, filepath.Join(dir, "runs"), ids[test.last], run.Manifest().ID)
			assert.FileExists(t, filepath.Join(dir, "graph", "groups", "entities", "sentinelone_group-0001.json"))
			require.NoError(t, s.Close())

			last, recovered := reopened(t, dir)
			assert.Equal(t, run.Manifest().ID, last.Manifest().ID)
			assert.Empty(t, recovered)
		})
	}
}

func TestWhereNoRunCanBeReadTheNextOneStartsAnew(t *testing.T) {
	for name, lose := range map[string]func(t *testing.T, dir string, ids []string){
		"a link to nothing": func(t *testing.T, dir string, ids []string) {
			require.NoError(t, os.RemoveAll(filepath.Join(dir, "runs")))
		},
		"no run.json is whole": func(t *testing.T, dir string, ids []string) {
			for _, id := range ids {
				cut(t, manifestPath(dir, id))
			}
		},
		"no link, and no run.json is whole": func(t *testing.T, dir string, ids []string) {
			remove(t, filepath.Join(dir, "current"))
			for _, id := range ids {
				empty(t, manifestPath(dir, id))
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir, ids := threeRuns(t)
			lose(t, dir, ids)
			for range 2 {
				last, recovered := reopened(t, dir)
				assert.Nil(t, last)
				assert.Regexp(t, `^The.*: there is no other that can be read, and the next run starts anew\.$`, recovered)
			}
			s := open(t, dir)
			run, err := commit(t.Context(), s, numbered(9))
			require.NoError(t, err)
			assert.EqualValues(t, 4, run.Manifest().Sequence)
			assert.Empty(t, run.Manifest().Previous)
			require.NoError(t, s.Prune())
			requireNames(t, filepath.Join(dir, "runs"), run.Manifest().ID)
		})
	}
}

func TestTheFirstDraftOfAKilledProcessIsNothingLost(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.MkdirAll(filepath.Join(dir, "runs", "000001-20261122T164800Z-1f3a", "graph"), 0o700))
	s := open(t, dir)
	assert.Nil(t, s.Last())
	assert.Empty(t, s.Recovered())
	requireNames(t, filepath.Join(dir, "runs"))
	d, err := s.Begin(time.Now())
	require.NoError(t, err)
	assert.Regexp(t, "^000001-", d.ID())
}

func TestWhatIsInTheWayOfALinkIsNamedAndLeftAlone(t *testing.T) {
	followed := t.TempDir() // a copy that followed the links
	dir, _ := threeRuns(t)
	copyFollowing(t, dir, followed)
	for want, dir := range map[string]string{
		"current, graph, summary.json": followed,
		"current":                      oursWith(t, "current", "runs/000003"),
		"graph":                        oursWith(t, "graph/mine", "a file of someone else"),
		"summary.json":                 oursWith(t, "summary.json", "{}"),
	} {
		_, err := jsonstore.Open(dir, jsonstore.Options{})
		var blocked *jsonstore.BlockedError
		require.ErrorAs(t, err, &blocked)
		var names string
		for i, path := range blocked.Paths {
			if i > 0 {
				names += ", "
			}
			names += filepath.Base(path)
			assert.ErrorContains(t, err, path)
		}
		assert.Equal(t, want, names)
		assert.NoDirExists(t, filepath.Join(dir, "tmp"))
		_, err = jsonstore.Open(dir, jsonstore.Options{})
		require.ErrorAs(t, err, &blocked, "the lock was given back")
	}

	for _, name := range []string{"current", "graph", "summary.json"} { // what a person does who was told
		require.NoError(t, os.RemoveAll(filepath.Join(followed, name)))
	}
	last, recovered := reopened(t, followed)
	assert.NotEmpty(t, recovered)
	storetest.RequireSame(t, numbered(3), last)
}

// oursWith is a Store's directory to which somebody added a file.
func oursWith(t *testing.T, path, content string) string {
	t.Helper()
	dir := t.TempDir()
	reopened(t, dir)
	put(t, filepath.Join(dir, path), content)
	return dir
}

// put makes a file and the folder that it is in.
func put(t *testing.T, path, content string) {
	t.Helper()
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
	require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
}

// copyFollowing copies what lies in a directory, with files and directories in the place of links.
func copyFollowing(t *testing.T, from, to string) {
	t.Helper()
	entries, err := os.ReadDir(from)
	require.NoError(t, err)
	require.NoError(t, os.MkdirAll(to, 0o700))
	for _, e := range entries {
		source, target := filepath.Join(from, e.Name()), filepath.Join(to, e.Name())
		info, err := os.Stat(source)
		require.NoError(t, err)
		if info.IsDir() {
			copyFollowing(t, source, target)
			continue
		}
		content, err := os.ReadFile(source)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(target, content, 0o600))
	}
}

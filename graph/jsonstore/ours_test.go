//go:build unix

package jsonstore_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"s1graph/gotest"
	"s1graph/graph/jsonstore"
)

// contents are all files, folders and links below a directory, with what is in them.
func contents(t *testing.T, dir string) map[string]string {
	t.Helper()
	found := map[string]string{}
	require.NoError(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		require.NoError(t, err)
		found[path] = d.Type().String()
		switch {
		case d.Type() == fs.ModeSymlink:
			found[path], err = os.Readlink(path)
		case d.Type().IsRegular():
			var b []byte
			b, err = os.ReadFile(path)
			found[path] = string(b)
		}
		return err
	}))
	return found
}

// requireRefused opens a directory that is refused, and left as it is.
func requireRefused(t *testing.T, dir, want string) {
	t.Helper()
	before := contents(t, dir)
	for name, try := range map[string]func() error{
		"Open":    func() error { _, err := jsonstore.Open(dir, jsonstore.Options{}); return err },
		"Inspect": func() error { return jsonstore.Inspect(dir) },
	} {
		err := try()
		require.ErrorAs(t, err, new(*jsonstore.ForeignError), name)
		assert.Regexp(t, want, err.Error(), name)
		assert.Equal(t, before, contents(t, dir), name)
	}
}

func init() { children["take a volume"] = takeAVolume }

func takeAVolume(dir string) error {
	if err := becomeNobody(); err != nil {
		return err
	}
	s, err := jsonstore.Open(dir, jsonstore.Options{})
	if err != nil {
		return err
	}
	_, err = commit(context.Background(), s, numbered(10))
	return errors.Join(err, s.Close())
}

const someRun = "000001-20261122T164800Z-1f3a"

func TestAFolderOfSomebodyElseIsRefusedAndLeftAsItIs(t *testing.T) {
	for name, files := range map[string]map[string]string{
		"one file":                       {"thesis.tex": "years of work"},
		"experiments in runs":            {"runs/exp1/events.out": "loss"},
		"files in tmp":                   {"tmp/thesis.tex": "years of work"},
		"a file beside our names":        {"runs/" + someRun + "/graph/x": "", "thesis.tex": "years of work"},
		"a lock that has something":      {"lock": "1234"},
		"another program's lock.json":    {"lock.json": `{"dependencies":{}}`},
		"another program's identity":     {"identity.json": `{"name":"somebody"}`},
		"a run.json of something else":   {"runs/" + someRun + "/run.json": `{"id":"1"}`, "thesis.tex": ""},
		"a run.json of another run":      {"runs/" + someRun + "/run.json": `{"id":"000002-20261122T164800Z-1f3a"}`, "thesis.tex": ""},
		"other files among the changes":  {"changes/2026.md": "what changed"},
		"a file that is called lost+fou": {"lost+found": "a file"},
		"summary.json":                   {"summary.json": "{}"},
		"a graph of another program":     {"graph/nodes.json": "{}"},
		"a recording":                    {"meta.json": `{"format":1}`, "answers.jsonl": "", "rows/user.jsonl": "{}\n"},
		"hidden files":                   {".git/config": "[core]"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			for path, content := range files {
				put(t, filepath.Join(dir, path), content)
			}
			requireRefused(t, dir, `is not empty, and no folder of s1graph: it holds \S+.*\. Give --dir a new folder or an empty one$`)
		})
	}
}

func TestARefusalNamesAFewOfTheFilesAndCountsTheRest(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"a", "b", "c", "d", "e"} {
		put(t, filepath.Join(dir, name), "")
	}
	requireRefused(t, dir, `it holds a, b, c and 2 more\.`)
}

func TestAFolderThatHoldsNothingOfOthersIsTaken(t *testing.T) {
	for name, files := range map[string]map[string]string{
		"empty":                          {},
		"a mounted volume":               {"lost+found/": ""},
		"a process killed before it was": {"lock": "", "lock.json": `{"pid":12,"host":"h","since":"2026-11-22T16:48:00Z"}`, "identity.json.new": `{"id`},
		"a first run that was killed":    {"lock": "", "runs/" + someRun + "/graph/": "", "tmp/spill-123": "x", "tmp/current": ""},
		"a first run that failed":        {"lock": "", "runs/": "", "alerts.db": "bolt", "alerts.db.lock": "", "alerts.db.new-17": ""},
		"accepted deletions":             {"accepted/" + someRun + ".jsonl": "{}", "accepted/" + someRun + "-out-of-scope.jsonl.new": "{"},
		"runs without a run.json": {"lock": "", "runs/" + someRun + "/graph/": "", "changes/" + someRun + ".jsonl": "{}\n",
			"changes/" + someRun + ".jsonl.new": "{"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			for path, content := range files {
				if path[len(path)-1] == '/' {
					require.NoError(t, os.MkdirAll(filepath.Join(dir, path), 0o700))
					continue
				}
				put(t, filepath.Join(dir, path), content)
			}
			require.NoError(t, jsonstore.Inspect(dir))
			id := identityOf(t, dir).ID
			put(t, filepath.Join(dir, "notes.txt"), "of a person")
			assert.Equal(t, id, identityOf(t, dir).ID, "it is ours now, whatever else is in it")
			assert.FileExists(t, filepath.Join(dir, "notes.txt"))
		})
	}
}

func TestAnOlderFolderIsOursByARunEvenBesideOtherFiles(t *testing.T) {
	dir, _ := threeRuns(t)
	remove(t, filepath.Join(dir, "identity.json"))
	put(t, filepath.Join(dir, "notes.txt"), "of a person")
	last, _ := reopened(t, dir)
	require.NotNil(t, last)
	assert.FileExists(t, filepath.Join(dir, "identity.json"))
}

func TestOnlyWhatWeMakeIsRemovedFromAFolderOfOurs(t *testing.T) {
	dir, ids := threeRuns(t)
	theirs := []string{
		"runs/notes.txt", "runs/exp1/events.out", "runs/000009/graph", "runs/000009-a-b/graph", "runs/000009-20261122T164800Z-1F3A/x",
		"tmp/thesis.tex", "tmp/spill-mine/x", "tmp/mine/spill-1", "changes/notes.txt", "changes/000009-a-b.jsonl", "thesis.tex",
		"runs/000009-20261122T164800Z-1f3a",        // a file, and our runs are folders
		"changes/000009-20261122T164800Z-1f3a.txt", // of a name that is almost ours
	}
	for _, path := range theirs {
		put(t, filepath.Join(dir, path), "somebody's")
	}
	ours := []string{"runs/000010-20261122T164800Z-1f3a/graph/x", "tmp/spill-123", "tmp/salvaged-7/index/x", "changes/000010-20261122T164800Z-1f3a.jsonl"}
	for _, path := range ours {
		put(t, filepath.Join(dir, path), "left by a killed process")
	}
	s := open(t, dir)
	run, err := commit(t.Context(), s, numbered(4))
	require.NoError(t, err)
	require.NoError(t, s.Prune())
	require.NoError(t, s.PruneChanges(run.Manifest().StartedAt.AddDate(1, 0, 0)))
	require.NoError(t, s.Close())
	for _, path := range theirs {
		assert.FileExists(t, filepath.Join(dir, path))
	}
	for _, path := range append(ours, "runs/"+ids[0]) {
		assert.NoFileExists(t, filepath.Join(dir, path))
		assert.NoDirExists(t, filepath.Join(dir, path))
	}
}

func TestALinkWhereWeWriteIsRefusedAndNotFollowed(t *testing.T) {
	for _, name := range []string{
		"runs", "tmp", "changes", "lock", "lock.json", "identity.json", "alerts.db", "alerts.db.lock", "accepted.json",
		"lock.json.new", "identity.json.new", "accepted.json.new",
	} {
		t.Run(name, func(t *testing.T) {
			elsewhere := t.TempDir()
			put(t, filepath.Join(elsewhere, someRun, "thesis.tex"), "years of work")
			put(t, filepath.Join(elsewhere, "spill-1"), "years of work")
			before := contents(t, elsewhere)

			ours, _ := threeRuns(t)
			require.NoError(t, os.RemoveAll(filepath.Join(ours, name)))
			for _, dir := range []string{ours, t.TempDir()} {
				for _, target := range []string{elsewhere, filepath.Join(elsewhere, "spill-1"), filepath.Join(elsewhere, "not", "there")} {
					link := filepath.Join(dir, name)
					require.NoError(t, os.Symlink(target, link))
					requireRefused(t, dir, "/"+name+" is a link, and s1graph follows none there: move it away, or give another --dir$")
					require.NoError(t, os.Remove(link))
				}
			}
			assert.Equal(t, before, contents(t, elsewhere))
		})
	}
}

func TestALinkThatTakesTheirPlaceWhileTheFolderIsOpenIsNotFollowed(t *testing.T) {
	for _, name := range []string{"runs", "tmp"} {
		elsewhere := t.TempDir()
		put(t, filepath.Join(elsewhere, someRun, "thesis.tex"), "years of work")
		put(t, filepath.Join(elsewhere, "spill-1"), "years of work")
		before := contents(t, elsewhere)
		dir, _ := threeRuns(t)
		s, err := jsonstore.Open(dir, jsonstore.Options{})
		require.NoError(t, err)
		require.NoError(t, os.RemoveAll(filepath.Join(dir, name)))
		require.NoError(t, os.Symlink(elsewhere, filepath.Join(dir, name)))
		err = s.Prune()
		if name == "runs" {
			require.ErrorAs(t, err, new(*jsonstore.ForeignError))
		}
		err = s.Close()
		if name == "tmp" {
			require.ErrorAs(t, err, new(*jsonstore.ForeignError))
		}
		assert.Equal(t, before, contents(t, elsewhere), name)
	}
}

func TestWhatIsOfAnotherKindWhereWeWriteIsRefusedAndNotWaitedFor(t *testing.T) {
	for name, make := range map[string]func(path string) error{
		"runs":          func(path string) error { return os.WriteFile(path, nil, 0o600) },
		"tmp":           func(path string) error { return os.WriteFile(path, nil, 0o600) },
		"lock":          func(path string) error { return syscall.Mkfifo(path, 0o600) },
		"lock.json":     func(path string) error { return os.MkdirAll(filepath.Join(path, "theirs"), 0o700) },
		"identity.json": func(path string) error { return syscall.Mkfifo(path, 0o600) },
		"alerts.db":     func(path string) error { return syscall.Mkfifo(path, 0o600) },
	} {
		t.Run(name, func(t *testing.T) {
			dir, _ := threeRuns(t)
			path := filepath.Join(dir, name)
			require.NoError(t, os.RemoveAll(path))
			require.NoError(t, make(path))
			requireRefused(t, dir, "/"+name+" is in the way, where s1graph has a (file|folder): move it away, or give another --dir$")
		})
	}
}

func TestARunThatIsAFIFOMakesNoFolderOurs(t *testing.T) {
	dir := t.TempDir()
	put(t, filepath.Join(dir, "thesis.tex"), "years of work")
	require.NoError(t, os.MkdirAll(filepath.Join(dir, "runs", someRun), 0o700))
	require.NoError(t, syscall.Mkfifo(filepath.Join(dir, "runs", someRun, "run.json"), 0o600))
	requireRefused(t, dir, "it holds thesis.tex")
}

func TestALinkToTheFolderItselfIsThePersonsOwnAndFollowed(t *testing.T) {
	dir, ids := threeRuns(t)
	link := filepath.Join(t.TempDir(), "link") // as systemd makes one of a service's StateDirectory
	require.NoError(t, os.Symlink(dir, link))
	last, _ := reopened(t, link)
	assert.Equal(t, ids[2], last.Manifest().ID)
}

func TestAFolderOfAnotherUserIsRefused(t *testing.T) {
	if os.Geteuid() != 0 {
		gotest.Missing(t, errors.New("only root can give a file to another user"))
	}
	const other = 12345
	dir, _ := threeRuns(t)
	for _, path := range []string{dir, filepath.Join(dir, "runs"), filepath.Join(dir, "identity.json")} {
		require.NoError(t, os.Chown(path, other, -1))
		requireRefused(t, dir, "^"+path+" belongs to the user with the number 12345, and this is 0: run s1graph as that user, or give another --dir$")
		require.NoError(t, os.Chown(path, 0, -1))
	}
	require.NoError(t, jsonstore.Inspect(dir))
	require.NoError(t, os.Chown(filepath.Join(dir, "runs"), other, -1))
	requireRefused(t, dir, "runs belongs to")
}

func TestAVolumeOfRootsIsTakenByAnotherUser(t *testing.T) {
	if os.Geteuid() != 0 {
		gotest.Missing(t, errors.New("only root can become another user"))
	}
	volume, err := os.MkdirTemp("/tmp", "s1graph-volume-*") // that another user can reach
	require.NoError(t, err)
	defer os.RemoveAll(volume)
	require.NoError(t, os.Chmod(volume, 0o775|fs.ModeSetgid)) // writable for the group, as Kubernetes makes it for an fsGroup
	require.NoError(t, os.Mkdir(filepath.Join(volume, "lost+found"), 0o700))
	for range 2 { // the second time, its own files are in root's folder
		out, err := child(t, "take a volume", volume).CombinedOutput()
		require.NoError(t, err, string(out))
	}
	require.FileExists(t, filepath.Join(volume, "identity.json"))
}

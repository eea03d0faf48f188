package cli_test

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"s1graph/gotest"
	"s1graph/s1/s1test"
)

// thesis is a folder of somebody's, with names in it that are ours too, and what it holds.
func thesis(t *testing.T) (dir string, holds func() []string) {
	t.Helper()
	dir = t.TempDir()
	for _, name := range []string{"tmp/thesis.tex", "runs/exp1/events", "thesis.tex"} {
		path := filepath.Join(dir, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
		require.NoError(t, os.WriteFile(path, []byte("years of work"), 0o600))
	}
	return dir, func() (names []string) {
		require.NoError(t, filepath.Walk(dir, func(path string, info os.FileInfo, err error) error {
			names = append(names, path+info.ModTime().Format(time.StampNano))
			return err
		}))
		return names
	}
}

// recordingOfAcme is where the recording is, whatever the working directory will be.
func recordingOfAcme(t *testing.T) string {
	t.Helper()
	recording, err := filepath.Abs("../testdata/recordings/acme")
	require.NoError(t, err)
	return recording
}

func TestAFolderOfSomebodyElseIsRefusedByEachCommandThatWouldWriteThere(t *testing.T) {
	acme := recordingOfAcme(t)
	_, with := console(t, s1test.Tenant{Agents: 3})
	settings := filepath.Join(t.TempDir(), "s1graph.yaml")
	require.NoError(t, os.WriteFile(settings, []byte(`alerts:
  destinations: {soc: {url: "https://127.0.0.1:1", format: json}}
  rules: [{use: runs fail, to: [soc]}]
`), 0o600))
	for name, args := range map[string][]string{
		"run":             {"run"},
		"dry run":         {"run", "--dry-run"},
		"with JSON":       {"run", "--json"},
		"replay":          {"run", "--replay", acme},
		"dry replay":      {"run", "--replay", acme, "--dry-run"},
		"run with alerts": {"run", "--config", settings},
		"poll":            {"poll", "--interval", "1h", "--listen", "127.0.0.1:0"},
		"poll, alerts":    {"poll", "--interval", "1h", "--listen", "127.0.0.1:0", "--config", settings},
		"accept":          {"accept-deletions", "--yes"},
	} {
		t.Run(name, func(t *testing.T) {
			dir, holds := thesis(t)
			before := holds()
			if name == "accept" { // what it reads before it writes
				require.NoError(t, os.WriteFile(filepath.Join(dir, "summary.json"), []byte(`{"run":"x","withheldDeletions":{"sentinelone_agent":3}}`), 0o600))
				before = holds()
			}
			got := with.s1graph(t, append(args, "--dir", dir)...)
			assert.Equal(t, 2, got.code, got.stderr)
			assert.Contains(t, got.stderr, dir+" is not empty, and no folder of s1graph: it holds ")
			assert.Contains(t, got.stderr, "Give --dir a new folder or an empty one")
			assert.Equal(t, before, holds())
		})
	}
}

func TestCheckSaysThatAFolderIsSomebodyElses(t *testing.T) {
	_, with := console(t, s1test.Tenant{Agents: 3})
	dir, holds := thesis(t)
	before := holds()
	got := with.s1graph(t, "check", "--dir", dir)
	assert.Equal(t, 1, got.code)
	assert.Contains(t, got.stdout, "no folder of s1graph")
	assert.Equal(t, before, holds())
}

func TestAFolderWithALinkInItIsRefused(t *testing.T) {
	_, with := console(t, s1test.Tenant{Agents: 3})
	theirs, holds := thesis(t)
	before := holds()
	for _, name := range []string{"runs", "tmp", "lock", "alerts.db"} {
		dir := t.TempDir()
		require.Zero(t, with.s1graph(t, "run", "--dir", dir).code)
		path := filepath.Join(dir, name)
		require.NoError(t, os.RemoveAll(path))
		require.NoError(t, os.Symlink(theirs, path))
		got := with.s1graph(t, "run", "--dir", dir)
		assert.Equal(t, 2, got.code, name)
		assert.Contains(t, got.stderr, path+" is a link, and s1graph follows none there")
		assert.Equal(t, before, holds())
	}
}

func TestAReplayOntoTheGraphOfAConsoleIsRefusedAndTheOtherWayRound(t *testing.T) {
	acme, dir := recordingOfAcme(t), t.TempDir()
	_, with := console(t, s1test.Tenant{Agents: 3})
	require.Zero(t, with.s1graph(t, "run", "--dir", dir).code)
	got := with.s1graph(t, "run", "--replay", acme, "--dir", dir)
	assert.Equal(t, 2, got.code)
	assert.Regexp(t, `holds the graph of the console 127\.0\.0\.1:\d+, and this run would replay a recording of acme\.sentinelone\.example: give another`, got.stderr)

	dir = t.TempDir()
	require.Zero(t, with.s1graph(t, "run", "--replay", acme, "--dir", dir).code)
	got = with.s1graph(t, "run", "--dir", dir)
	assert.Equal(t, 2, got.code)
	assert.Regexp(t, `replayed from a recording of acme\.sentinelone\.example, and this run would read the console 127\.0\.0\.1:\d+: give another`, got.stderr)
}

func TestARecordingWithAPipeInItIsRefusedAndNotWaitedFor(t *testing.T) {
	for _, name := range []string{"meta.json", "answers.jsonl", "rows/threats.jsonl"} {
		recording := filepath.Join(t.TempDir(), "recording")
		require.NoError(t, os.CopyFS(recording, os.DirFS("../testdata/recordings/acme")))
		path := filepath.Join(recording, name)
		require.NoError(t, os.RemoveAll(path))
		makePipe(t, path)
		dir := filepath.Join(t.TempDir(), "graph")
		got := s1graph(t, "run", "--replay", recording, "--dir", dir)
		assert.Equal(t, 2, got.code)
		assert.Contains(t, got.stderr, path+" is a pipe, where a recording has a plain file")
		assert.NoDirExists(t, dir)
	}
}

func makePipe(t *testing.T, path string) {
	t.Helper()
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		gotest.Missing(t, fmt.Errorf("there are no pipes here: %w", err))
	}
}

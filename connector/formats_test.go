package connector_test

import (
	"bytes"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"s1graph/connector"
	"s1graph/graph"
	"s1graph/graph/jsonstore"
	"s1graph/s1/replay"
	"s1graph/steps"
)

// formatOne is a copy of what the version before formats were numbered left: see testdata/formats/README.md. Its console
// answers as it did when the second run was made.
func formatOne(t *testing.T) *console { return leftBy(t, "1") }

// leftBy is a copy of what an earlier version left, by its name in testdata/formats.
func leftBy(t *testing.T, version string) *console {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "instance")
	require.NoError(t, os.CopyFS(dir, os.DirFS(filepath.Join("../testdata/formats", version, "folder"))))
	link, err := os.Readlink(filepath.Join(dir, "current"))
	require.NoError(t, err, "git keeps links as links")
	require.Regexp(t, `^runs/000002-`, link)
	return &console{t: t, url: "https://console.sentinelone.net", dir: dir}
}

const recordingOne = "../testdata/formats/1/recording"

// recordedConsole makes a recording the console that it was made of, an hour later.
func recordedConsole(t *testing.T, folder string) func(*connector.Options) {
	t.Helper()
	recording, err := replay.Open(folder)
	require.NoError(t, err)
	read := []string{"accounts", "sites", "groups", "agents", "threats", "applications"} // by the version that made it
	return func(o *connector.Options) {
		for _, step := range steps.All() {
			if !slices.Contains(read, step.ID) {
				o.Config.Skip = append(o.Config.Skip, step.ID)
			}
		}
		o.Transport = recording.Transport()
		o.Clock = func() time.Time { return recording.Meta().RecordedAt.Add(time.Hour) }
	}
}

func TestTheNextRunOnAFolderOfFormatOneReadsItAndDeletesNothing(t *testing.T) {
	t.Parallel()
	c := formatOne(t)
	before, runs := c.graph(), readFiles(t, filepath.Join(c.dir, "runs"))
	require.NotEmpty(t, before)
	first := c.mustSync(recordedConsole(t, recordingOne))
	assert.Regexp(t, `^000002-`, first.Previous)
	assert.Regexp(t, `^000003-`, first.Run)
	assert.Empty(t, first.changes, "nothing happened since")
	assert.Equal(t, slices.Sorted(maps.Keys(before)), slices.Sorted(maps.Keys(c.graph())))
	for path, content := range readFiles(t, filepath.Join(c.dir, "runs")) {
		if was, old := runs[path]; old {
			assert.Equal(t, was, content, path)
		}
	}

	s, err := jsonstore.Open(c.dir, jsonstore.Options{})
	require.NoError(t, err)
	assert.Regexp(t, `^[0-9a-f]{32}$`, s.Identity().ID)
	assert.Equal(t, 2, s.Last().Manifest().Format)
	require.NoError(t, s.Close())
	second := c.mustSync(recordedConsole(t, recordingOne))
	assert.Empty(t, second.changes)
	assert.Equal(t, first.Run, second.Previous)
}

func TestAFolderOfFormatOneIsReadWithoutLoss(t *testing.T) {
	t.Parallel()
	c := formatOne(t)
	s, err := jsonstore.Open(c.dir, jsonstore.Options{})
	require.NoError(t, err)
	defer func() { require.NoError(t, s.Close()) }()
	assert.Empty(t, s.Recovered())
	last := s.Last()
	require.NotNil(t, last)
	assert.Equal(t, 1, last.Manifest().Format)
	assert.Empty(t, last.Verify(t.Context()))
	records := 0
	for _, typ := range last.Types() {
		for _, err := range graph.All(t.Context(), last, typ.Name) {
			require.NoError(t, err)
			records++
		}
	}
	assert.Len(t, c.graph(), records)
	_, err = s.Run(last.Manifest().Previous)
	require.NoError(t, err)

	log, err := jsonstore.ChangeLog(c.dir)
	require.NoError(t, err)
	require.Len(t, log, 1)
	for change, err := range log[0].Changes(t.Context()) {
		require.NoError(t, err)
		_, err = change.Change()
		require.NoError(t, err)
	}
	summary, err := connector.ReadSummary(c.dir)
	require.NoError(t, err)
	assert.Equal(t, last.Manifest().ID, summary.Run)
}

func TestWhatHappenedSinceFormatOneIsAnEventAndNothingElseIs(t *testing.T) {
	t.Parallel()
	c := formatOne(t)
	recording := filepath.Join(t.TempDir(), "recording")
	require.NoError(t, os.CopyFS(recording, os.DirFS(recordingOne)))
	agents := filepath.Join(recording, "rows", "agents-a54e3a1c8f4deb21.jsonl")
	content, err := os.ReadFile(agents)
	require.NoError(t, err)
	version := regexp.MustCompile(`"agentVersion":"[^"]+"`).Find(content)
	require.NotNil(t, version)
	content = bytes.Replace(content, version, []byte(`"agentVersion":"99.9.9.999"`), 1)
	require.NoError(t, os.WriteFile(agents, content, 0o600))

	c.mustSync(recordedConsole(t, recordingOne)) // a baseline of the types that are mapped in another way since
	result := c.mustSync(recordedConsole(t, recording))
	require.Len(t, result.changes, 1)
	assert.Equal(t, graph.Updated, result.changes[0].Op)
	assert.Equal(t, "sentinelone_agent", result.changes[0].Type.Name)
	assert.Contains(t, result.changes[0].Changed, "agentVersion")
}

func TestNoRecordingReplacesAFolderOfFormatOne(t *testing.T) {
	t.Parallel()
	c := formatOne(t)
	before := readFiles(t, c.dir)
	result := c.sync(replayed(claiming(t, recordingOne, c.url)))
	require.ErrorAs(t, result.err, new(*connector.UsageError))
	assert.Contains(t, result.err.Error(), "from an older s1graph that did not say whether it had read a console or a recording")
	for path, content := range before {
		assert.Equal(t, content, readFiles(t, c.dir)[path], path)
	}
}

func TestConsoleWithClonesGetsDevicesOfTheirOwnWithoutAFlood(t *testing.T) {
	t.Parallel()
	c := leftBy(t, "clones")
	before := c.graph()
	result := c.mustSync(recordedConsole(t, "../testdata/formats/clones/recording"))
	assert.Equal(t, connector.Complete, result.Status)
	assert.Empty(t, result.changes, "a device under another key is no event")
	devices := result.Changes["sentinelone_device"]
	assert.Equal(t, [3]int64{4, 1, 0}, [3]int64{devices.Rekeyed, devices.Created, devices.Deleted}, "the four that there were, and the clone's own")
	users := result.Changes["sentinelone_user"]
	assert.Equal(t, [3]int64{4, 1, 1}, [3]int64{users.Rekeyed, users.Created, users.Deleted}, "who owns a device is rekeyed with it; the clone's user owned none")

	of := func(graph map[string]string, typeName string) (n int) {
		for key := range graph {
			if strings.HasPrefix(key, typeName+":") && !strings.Contains(key, "|") {
				n++
			}
		}
		return n
	}
	assert.Equal(t, [2]int{4, 5}, [2]int{of(before, "sentinelone_device"), of(c.graph(), "sentinelone_device")})
	again := c.mustSync(recordedConsole(t, "../testdata/formats/clones/recording"))
	assert.Empty(t, again.changes)
}

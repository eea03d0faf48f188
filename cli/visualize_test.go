package cli_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestVisualizeWritesAPageOfTheLastRunForItsOwnerAlone(t *testing.T) {
	recording, err := filepath.Abs("../testdata/recordings/acme")
	require.NoError(t, err)
	t.Chdir(t.TempDir())
	require.Zero(t, s1graph(t, "run", "--replay", recording).code)
	require.NoError(t, os.WriteFile("graph.html", []byte("yesterday's"), 0o644))

	got := s1graph(t, "visualize", "--instance", "acme")
	assert.Zero(t, got.code, got.stderr)
	assert.Regexp(t, `^graph\.html is written: \d+ entities, \d+ relationships, 0\.\d MB\. Open it in a browser\.\n$`, got.stdout)
	page, err := os.ReadFile("graph.html")
	require.NoError(t, err)
	assert.True(t, strings.HasPrefix(string(page), "<!DOCTYPE html>"))
	assert.True(t, strings.HasSuffix(string(page), "</html>\n"))
	info, err := os.Stat("graph.html")
	require.NoError(t, err)
	assert.Equal(t, os.FileMode(0o600), info.Mode().Perm())

	folder := s1graph(t, "visualize", ".s1graph/acme/graph", "--output", "-")
	assert.Zero(t, folder.code, folder.stderr)
	assert.Contains(t, folder.stdout, "<title>graph – s1graph</title>")
	assert.Contains(t, folder.stdout, `"hasChanges":false`)
}

func TestVisualizeLeavesThePageOfBeforeWhereItFails(t *testing.T) {
	t.Chdir(t.TempDir())
	folder(t, "monday", []map[string]any{agent("1", "A")}, nil)
	require.NoError(t, os.WriteFile("monday/agents/entities/more.json", []byte("{"), 0o600))
	require.NoError(t, os.WriteFile("graph.html", []byte("yesterday's"), 0o600))
	got := s1graph(t, "visualize", "monday")
	assert.Equal(t, 2, got.code)
	assert.Regexp(t, `^s1graph: monday: .*more\.json.*\n$`, got.stderr)
	page, err := os.ReadFile("graph.html")
	require.NoError(t, err)
	assert.Equal(t, "yesterday's", string(page))
	left, err := os.ReadDir(".")
	require.NoError(t, err)
	assert.Len(t, left, 2, "nothing half written stays")
}

func TestVisualizeOfADamagedRunSaysHowToGoOn(t *testing.T) {
	recording, err := filepath.Abs("../testdata/recordings/acme")
	require.NoError(t, err)
	t.Chdir(t.TempDir())
	require.Zero(t, s1graph(t, "run", "--replay", recording).code)
	require.NoError(t, os.WriteFile(".s1graph/acme/current/index/sentinelone_agent", []byte("?"), 0o600))
	got := s1graph(t, "visualize", "--instance", "acme")
	assert.Equal(t, 1, got.code)
	assert.Contains(t, got.stderr, "is damaged")
	assert.Contains(t, got.stderr, "s1graph visualize .s1graph/acme/graph")
	assert.Zero(t, s1graph(t, "visualize", ".s1graph/acme/graph").code)
}

func TestVisualizeSaysWhatToDoWhereThereIsNothingToShow(t *testing.T) {
	t.Chdir(t.TempDir())
	got := s1graph(t, "visualize", "--instance", "acme")
	assert.Equal(t, 2, got.code)
	assert.Contains(t, got.stderr, "there is no graph in .s1graph/acme yet: run s1graph run first")
	assert.Equal(t, 2, s1graph(t, "visualize", "nowhere").code)
	assert.Equal(t, 2, s1graph(t, "visualize", "monday", "nowhere").code)
	folder(t, "monday", []map[string]any{agent("1", "A")}, nil)
	assert.Equal(t, 1, s1graph(t, "visualize", "monday", "--output", "no/such/folder.html").code)
}

func TestVisualizeWritesOnePageOfAllInstances(t *testing.T) {
	recordings, err := filepath.Abs("../testdata/recordings")
	require.NoError(t, err)
	t.Chdir(t.TempDir())
	require.NoError(t, os.WriteFile("s1graph.yaml", []byte("instances:\n  - {instance: acme, url: a.b, tokenFile: t}\n  - {instance: globex, url: c.d, tokenFile: t}\n"), 0o600))
	require.Zero(t, s1graph(t, "run", "--replay", filepath.Join(recordings, "acme"), "--instance", "acme").code)

	got := s1graph(t, "visualize", "--all", "--output", "all.html")
	assert.Equal(t, 2, got.code, "one of them has no graph")
	assert.Contains(t, got.stderr, "globex: there is no graph in .s1graph/globex yet: run s1graph run first")
	assert.Contains(t, got.stdout, "all.html is written")

	require.Zero(t, s1graph(t, "run", "--replay", filepath.Join(recordings, "acme-next-day"), "--instance", "globex").code)
	got = s1graph(t, "visualize", "--all", "--output", "all.html")
	assert.Zero(t, got.code, got.stderr)
	assert.Regexp(t, `^all\.html is written: 2 instances, \d+ entities, `, got.stdout)
	page, err := os.ReadFile("all.html")
	require.NoError(t, err)
	assert.Contains(t, string(page), "<title>All instances – s1graph</title>")
	for _, name := range []string{"acme", "globex"} {
		assert.Contains(t, string(page), `{"name":"`+name+`","run":"`)
	}

	got = s1graph(t, "visualize", ".s1graph/acme", ".s1graph/globex/graph", ".s1graph/acme/graph", "--output", "-")
	assert.Zero(t, got.code, got.stderr)
	for _, name := range []string{"acme", "graph", ".s1graph/acme/graph"} { // folders of one name are told apart
		assert.Contains(t, got.stdout, `{"name":"`+name+`"`)
	}

	got = s1graph(t, "visualize")
	assert.Equal(t, 2, got.code)
	assert.Contains(t, got.stderr, "--instance: must be given: s1graph.yaml has the instances acme, globex; --all means all of them")
	assert.Equal(t, 2, s1graph(t, "visualize", "--all", "--instance", "acme").code)
	assert.Equal(t, 2, s1graph(t, "visualize", "--all", ".s1graph/acme").code)
}

func TestThePageIsOpenedInABrowserWhereThatIsAskedFor(t *testing.T) {
	twoDays(t)
	var opened []string
	with := invocation{open: func(path string) error { opened = append(opened, path); return nil }}
	require.Zero(t, with.s1graph(t, "visualize", "monday").code)
	assert.Empty(t, opened)
	got := with.s1graph(t, "visualize", "monday", "--open", "--output", "some.html")
	require.Zero(t, got.code)
	assert.NotContains(t, got.stdout, "Open it")
	absolute, err := filepath.Abs("some.html")
	require.NoError(t, err)
	assert.Equal(t, []string{absolute}, opened)

	with.open = func(string) error { return errors.New("no such program") }
	got = with.s1graph(t, "visualize", "monday", "--open")
	assert.Equal(t, 1, got.code)
	assert.Contains(t, got.stderr, "s1graph: graph.html was not opened: no such program; open it in a browser yourself\n")
	assert.FileExists(t, "graph.html")
	t.Setenv("PATH", "/nowhere")
	assert.Equal(t, 1, s1graph(t, "visualize", "monday", "--open").code, "there is no program that opens it")
	assert.Equal(t, outcome{2, "", "s1graph: --open needs a file, and --output - writes none: leave one of them out\n"}, s1graph(t, "visualize", "monday", "--open", "--output", "-"))
}

package connector_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"s1graph/config"
	"s1graph/connector"
	"s1graph/graph/jsonstore"
	"s1graph/s1/replay"
)

func TestAFolderOfSomebodyElseIsRefusedBeforeAnythingInItIsChanged(t *testing.T) {
	t.Parallel()
	c := newConsole(t, small())
	files := map[string]string{
		"runs/exp1/events": "loss", "tmp/thesis.tex": "years of work", "alerts.db": "", "lock": "", "changes/x": "", "thesis.tex": "years of work",
	}
	for name, content := range files {
		require.NoError(t, os.MkdirAll(filepath.Dir(filepath.Join(c.dir, name)), 0o700))
		require.NoError(t, os.WriteFile(filepath.Join(c.dir, name), []byte(content), 0o600))
	}
	before := readFiles(t, c.dir)
	recording := filepath.Join(t.TempDir(), "recording")
	for name, adjust := range map[string]func(*connector.Options){
		"a run":                 func(*connector.Options) {},
		"a dry run":             func(o *connector.Options) { o.DryRun = true },
		"a replay":              replayed("../testdata/recordings/acme"),
		"a recording":           func(o *connector.Options) { o.Record = recording },
		"a console that is off": func(o *connector.Options) { o.Config.URL = "http://127.0.0.1:1" },
	} {
		result := c.sync(adjust)
		require.ErrorAs(t, result.err, new(*connector.UsageError), name)
		assert.Contains(t, result.err.Error(), c.dir+" is not empty, and no folder of s1graph: it holds ", name)
		assert.Equal(t, before, readFiles(t, c.dir), name)
	}
	assert.Empty(t, c.Requests(), "nothing is asked")
	assert.NoDirExists(t, recording)

	require.ErrorAs(t, connector.AcceptDeletions(c.options().Config, connector.Withheld{}, false), new(*connector.UsageError))
	assert.Equal(t, before, readFiles(t, c.dir))
}

// claiming is a recording of the tenant that claims to be of another host.
func claiming(t *testing.T, recording, host string) string {
	t.Helper()
	copied := filepath.Join(t.TempDir(), "recording")
	require.NoError(t, os.CopyFS(copied, os.DirFS(recording)))
	meta := filepath.Join(copied, "meta.json")
	content, err := os.ReadFile(meta)
	require.NoError(t, err)
	opened, err := replay.Open(recording)
	require.NoError(t, err)
	require.Contains(t, string(content), opened.URL())
	require.NoError(t, os.WriteFile(meta, []byte(strings.Replace(string(content), opened.URL(), host, 1)), 0o600))
	return copied
}

const acme, acmeNextDay = "../testdata/recordings/acme", "../testdata/recordings/acme-next-day"

func TestARecordingNeverReplacesTheGraphOfAConsole(t *testing.T) {
	t.Parallel()
	c := newConsole(t, small())
	first := c.mustSync()
	before := readFiles(t, c.dir)
	stranger := claiming(t, acme, c.url)
	for _, dry := range []bool{false, true} {
		result := c.sync(replayed(stranger), func(o *connector.Options) { o.DryRun, o.AllowMassDelete = dry, true })
		require.ErrorAs(t, result.err, new(*connector.UsageError))
		host := strings.TrimPrefix(c.url, "http://")
		assert.EqualError(t, result.err, c.dir+" holds the graph of the console "+host+", and this run would replay a recording of "+host+
			": give another --instance or --dir")
		assert.Equal(t, before, readFiles(t, c.dir))
	}
	assert.Equal(t, first.Run, c.mustSync().Previous)
}

func TestAConsoleNeverTakesOverAGraphThatWasReplayed(t *testing.T) {
	t.Parallel()
	c := newConsole(t, small())
	c.mustSync(replayed(claiming(t, acme, c.url)))
	before := readFiles(t, c.dir)
	result := c.sync()
	require.ErrorAs(t, result.err, new(*connector.UsageError))
	assert.Contains(t, result.err.Error(), "holds a graph that was replayed from a recording of 127.0.0.1")
	assert.Contains(t, result.err.Error(), "this run would read the console 127.0.0.1")
	assert.Empty(t, c.Requests())
	assert.Equal(t, before, readFiles(t, c.dir))
}

// forgetSource makes the last run one of an older version, which did not write down where it came from.
func (c *console) forgetSource() {
	c.t.Helper()
	path := filepath.Join(c.dir, "current", "run.json")
	content, err := os.ReadFile(path)
	require.NoError(c.t, err)
	for _, source := range []string{`"source":"console",`, `"source": "console",`, `"source":"replay",`, `"source": "replay",`} {
		content = []byte(strings.Replace(string(content), source, "", 1))
	}
	require.NotContains(c.t, string(content), `"source"`)
	require.NoError(c.t, os.WriteFile(path, content, 0o600))
}

func TestAGraphOfUnknownSourceIsReplacedByItsConsoleAndByNoRecording(t *testing.T) {
	t.Parallel()
	c := newConsole(t, small())
	c.mustSync()
	c.forgetSource()
	before := readFiles(t, c.dir)
	result := c.sync(replayed(claiming(t, acme, c.url)))
	require.ErrorAs(t, result.err, new(*connector.UsageError))
	assert.Contains(t, result.err.Error(), "from an older s1graph that did not say whether it had read a console or a recording")
	assert.Contains(t, result.err.Error(), "give another --instance or --dir")
	assert.Equal(t, before, readFiles(t, c.dir))

	assert.Empty(t, c.mustSync().changes)
	require.Error(t, c.sync(replayed(claiming(t, acme, c.url))).err)
}

func TestAnInventedTenantOfUnknownSourceIsReplayedOn(t *testing.T) {
	t.Parallel()
	c := newConsole(t, small())
	c.mustSync(replayed(acme))
	c.forgetSource()
	assert.NotEmpty(t, c.mustSync(replayed(acmeNextDay)).changes, "README's second command, after s1graph was renewed")
	assert.Empty(t, c.mustSync(replayed(acmeNextDay)).changes)
}

func TestAFolderOfANewerVersionIsRefused(t *testing.T) {
	t.Parallel()
	c := newConsole(t, small())
	c.mustSync()
	path := filepath.Join(c.dir, "current", "run.json")
	require.NoError(t, os.WriteFile(path, []byte(`{"format": 99}`), 0o600))
	result := c.sync()
	require.ErrorAs(t, result.err, new(*connector.UsageError))
	require.ErrorAs(t, result.err, new(*jsonstore.NewerError))
}

func TestCheckFolderLeavesFaultsThatPassToOthers(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	for _, dir := range []string{file, filepath.Join(file, "below"), filepath.Join(t.TempDir(), "not", "there")} {
		assert.NoError(t, connector.CheckFolder(&config.Config{Dir: dir}))
	}
}

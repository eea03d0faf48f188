package cli_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestAStateIsFetchedAndReadWithoutTheFolderOfTheMachineThatHasIt(t *testing.T) {
	_, with := console(t, small)
	bucket := "file://" + filepath.Join(t.TempDir(), "bucket")
	got := with.s1graph(t, "run", "--state", bucket, "--worker", "w1")
	require.Zero(t, got.code, got.stderr)
	dir := filepath.Join(t.TempDir(), "copy")
	got = with.s1graph(t, "fetch", "test", "--dir", dir, "--state", bucket)
	require.Zero(t, got.code, got.stderr)
	assert.Contains(t, got.stdout, "The last state of test is in "+dir)
	assert.FileExists(t, filepath.Join(dir, "summary.json"))

	require.NoError(t, os.RemoveAll(filepath.Join(".s1graph", "test")))
	got = with.s1graph(t, "run", "--state", bucket, "--worker", "w2")
	require.Zero(t, got.code, got.stderr)
	assert.Contains(t, got.stdout, "came from the bucket")
}

func TestWhoHasNoFolderAcceptsDeletionsInOneThatIsFetched(t *testing.T) {
	_, with := console(t, small)
	with.environment = append(with.environment, "S1GRAPH_STATE=file://"+filepath.Join(t.TempDir(), "bucket"))
	got := with.s1graph(t, "run", "--worker", "w1")
	require.Zero(t, got.code, got.stderr)
	require.NoError(t, os.RemoveAll(filepath.Join(".s1graph", "test"))) // as on another machine
	got = with.s1graph(t, "accept-deletions")
	assert.Equal(t, 2, got.code)
	advice := "say s1graph fetch test --dir DIR, which gets the last one from the bucket, and then this again with --dir DIR"
	require.Contains(t, got.stderr, advice)
	dir := filepath.Join(t.TempDir(), "DIR")
	got = with.s1graph(t, "fetch", "test", "--dir", dir)
	require.Zero(t, got.code, got.stderr)
	got = with.s1graph(t, "accept-deletions", "--dir", dir)
	require.Zero(t, got.code, got.stderr)
	assert.Contains(t, got.stdout, "Nothing is withheld by the deletion guard in run 000001-")
}

func TestABucketThatCannotBeIsWrongUsage(t *testing.T) {
	server, with := console(t, small)
	for want, args := range map[string][]string{
		"must begin with file:// or s3://":      {"run", "--state", "gs://bucket"},
		"fetch needs the bucket":                {"fetch", "test"},
		"fetch needs the name of one instance":  {"fetch"},
		"the bucket has no run of test":         {"fetch", "test", "--state", "file://" + t.TempDir()},
		"must have no user name or password in": {"poll", "--interval", "1h", "--state", "s3://key:hunter2@bucket"},
	} {
		got := with.s1graph(t, args...)
		assert.Equal(t, 2, got.code, "%v: %s", args, got.stderr)
		assert.Contains(t, got.stderr, want)
		assert.NotContains(t, got.stderr, "hunter2")
	}
	assert.Empty(t, server.Requests())
}

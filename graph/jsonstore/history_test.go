package jsonstore_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"s1graph/graph/jsonstore"
)

func history(t *testing.T, dir string) []string {
	t.Helper()
	var lines []string
	for line, err := range jsonstore.History(dir) {
		require.NoError(t, err)
		lines = append(lines, string(line))
	}
	return lines
}

func TestTheHistoryGrowsByALineAndLosesWhatIsNotWanted(t *testing.T) {
	dir := t.TempDir()
	s, err := jsonstore.Open(dir, jsonstore.Options{})
	require.NoError(t, err)
	defer s.Close()
	assert.Empty(t, history(t, dir))
	long := strings.Repeat("c", 9000)
	for _, line := range []string{"a", "b", long} {
		require.NoError(t, s.AppendHistory([]byte(line)))
	}
	assert.Equal(t, []string{"a", "b", long}, history(t, dir))
	require.NoError(t, s.KeepHistory(func(line []byte) bool { return string(line) != "a" }))
	assert.Equal(t, []string{"b", long}, history(t, dir))
	require.NoError(t, jsonstore.Inspect(dir), "the file is ours")
}

func TestALineThatAKilledProcessBeganGoes(t *testing.T) {
	for name, rest := range map[string]string{"a piece": `{"run":`, "a long piece": strings.Repeat("x", 10_000), "zeros": strings.Repeat("\x00", 5000)} {
		dir := t.TempDir()
		s, err := jsonstore.Open(dir, jsonstore.Options{})
		require.NoError(t, err)
		require.NoError(t, s.AppendHistory([]byte("whole")))
		path := filepath.Join(dir, "history.jsonl")
		whole, err := os.ReadFile(path)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(path, append(whole, rest...), 0o600))
		assert.Equal(t, []string{"whole"}, history(t, dir), name)
		require.NoError(t, s.AppendHistory([]byte("next")))
		assert.Equal(t, []string{"whole", "next"}, history(t, dir), name)
		require.NoError(t, s.Close())
	}
}

func TestALinkInPlaceOfTheHistoryIsNotWrittenThrough(t *testing.T) {
	dir, elsewhere := t.TempDir(), filepath.Join(t.TempDir(), "elsewhere")
	s, err := jsonstore.Open(dir, jsonstore.Options{})
	require.NoError(t, err)
	defer s.Close()
	require.NoError(t, os.WriteFile(elsewhere, []byte("mine"), 0o600))
	require.NoError(t, os.Symlink(elsewhere, filepath.Join(dir, "history.jsonl")))
	assert.Error(t, s.AppendHistory([]byte("line")))
	content, err := os.ReadFile(elsewhere)
	require.NoError(t, err)
	assert.Equal(t, "mine", string(content))
}

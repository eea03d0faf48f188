//go:build unix

package jsonstore_test

import (
	"errors"
	"maps"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"s1graph/graph"
	"s1graph/graph/jsonstore"
)

// pipeInPlaceOf puts a pipe that nobody writes to where a file was.
func pipeInPlaceOf(t *testing.T, path string) {
	t.Helper()
	require.NoError(t, os.Remove(path))
	require.NoError(t, syscall.Mkfifo(path, 0o600))
}

func TestAPipeInThePlaceOfAFileOfARunIsDamageAndNotWaitedFor(t *testing.T) {
	original := committed(t, 1200)
	for file, whole := range map[string]int{
		"index/sentinelone_agent":                           1200,
		"graph/agents/entities/sentinelone_agent-0002.json": 700,
	} {
		t.Run(file, func(t *testing.T) {
			run := copied(t, original)
			pipeInPlaceOf(t, filepath.Join(run.Dir(), file))

			// All of these must end.
			salvaged, err := run.Salvage(t.Context(), t.TempDir(), map[string]error{agent.Name: errors.New("damaged")})
			require.NoError(t, err)
			var last error
			for _, err := range run.All(t.Context(), agent.Name) {
				last = err
			}

			assert.Len(t, maps.Collect(graph.Keys(t.Context(), salvaged, agent.Name)), whole)
			var damaged *jsonstore.DamagedError
			require.ErrorAs(t, last, &damaged)
			assert.ErrorContains(t, last, "it is not a plain file")
			assert.Len(t, run.Verify(t.Context()), 1)
		})
	}
}

func TestARunWhoseDescriptionIsAPipeIsLostAndNotWaitedFor(t *testing.T) {
	s, err := jsonstore.Open(t.TempDir(), jsonstore.Options{Instance: "acme"})
	require.NoError(t, err)
	run, err := commit(t.Context(), s, numbered(3))
	require.NoError(t, err)
	require.NoError(t, s.Close())
	pipeInPlaceOf(t, filepath.Join(run.Dir(), "run.json"))

	_, err = jsonstore.OpenRun(run.Dir()) // which must end
	require.ErrorContains(t, err, "run.json is damaged: ")
	require.ErrorContains(t, err, "it is not a plain file")
	again := open(t, s.Dir())
	assert.Nil(t, again.Last())
	assert.Contains(t, again.Recovered(), "The last run is lost")
}

func TestAGraphFromAStrangerIsReadFromPlainFilesAlone(t *testing.T) {
	deep := filepath.Join(t.TempDir(), "a.json")
	require.NoError(t, syscall.Mkfifo(deep, 0o600))
	pipe := filepath.Join(t.TempDir(), "graph")
	require.NoError(t, syscall.Mkfifo(pipe, 0o600))
	for _, path := range []string{filepath.Dir(deep), deep, pipe} {
		_, err := jsonstore.OpenFolder(path, model) // which must end
		assert.ErrorContains(t, err, "it is not a plain file", path)
	}
}

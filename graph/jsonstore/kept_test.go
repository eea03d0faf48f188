package jsonstore_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"s1graph/graph/jsonstore"
)

func TestOfRunsThatTakeTooMuchRoomTheOldestAreExcess(t *testing.T) {
	s := open(t, t.TempDir())
	var ids []string
	var size int64 // of a run's files, which all have the same graph
	for range 6 {
		run, err := commit(t.Context(), s, numbered(300))
		require.NoError(t, err)
		ids = append(ids, run.Manifest().ID)
		size = bytesIn(t, run.Dir())
	}
	excess := func(b jsonstore.Bounds, of ...string) []string {
		t.Helper()
		excess, err := s.Excess(of, b)
		require.NoError(t, err)
		return excess
	}
	plenty := jsonstore.Bounds{Bytes: 1 << 40}
	assert.Empty(t, excess(plenty, ids...))
	assert.Equal(t, ids[:4], excess(jsonstore.Bounds{}, ids...), "never the last one and the one before it")
	assert.Equal(t, ids[:2], excess(jsonstore.Bounds{Bytes: 2*size + size/2}, ids...))
	assert.Equal(t, ids[:1], excess(jsonstore.Bounds{Bytes: size / 2}, ids[0], ids[5], "000001-20000101T000000Z-0000"))
	assert.Equal(t, ids[:4], excess(jsonstore.Bounds{Bytes: 1 << 40, Since: time.Now().Add(time.Hour)}, ids...))
	assert.Empty(t, excess(jsonstore.Bounds{Bytes: 1 << 40, Since: time.Now().Add(-time.Hour)}, ids...))

	// Files that two runs share are counted once: those of the first two of these, and those that the last one has.
	share(t, s, ids[1], ids[2])
	share(t, s, ids[5], ids[3])
	assert.Equal(t, ids[:1], excess(jsonstore.Bounds{Bytes: size + size/2}, ids...))
}

func bytesIn(t *testing.T, dir string) (size int64) {
	t.Helper()
	require.NoError(t, filepath.Walk(dir, func(_ string, info os.FileInfo, err error) error {
		if err == nil && !info.IsDir() {
			size += info.Size()
		}
		return err
	}))
	return size
}

// share puts links to the files of one run in the place of those of another, all but what says which run it is.
func share(t *testing.T, s *jsonstore.Store, from, to string) {
	t.Helper()
	source, target := filepath.Join(s.Dir(), "runs", from), filepath.Join(s.Dir(), "runs", to)
	require.NoError(t, filepath.Walk(source, func(path string, info os.FileInfo, err error) error {
		if err != nil || info.IsDir() || info.Name() == "run.json" {
			return err
		}
		name, err := filepath.Rel(source, path)
		require.NoError(t, err)
		require.NoError(t, os.Remove(filepath.Join(target, name)))
		return os.Link(path, filepath.Join(target, name))
	}))
}

package jsonstore_test

import (
	"bytes"
	"context"
	"maps"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"s1graph/graph"
	"s1graph/graph/jsonstore"
	"s1graph/graph/storetest"
)

// damage is a way to spoil a file.
type damage func(t *testing.T, path string)

func rewrite(change func([]byte) []byte) damage {
	return func(t *testing.T, path string) {
		b, err := os.ReadFile(path)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(path, change(b), 0o600))
	}
}

func flip(at func(n int) int) damage {
	return rewrite(func(b []byte) []byte {
		b[at(len(b))] ^= 0x01
		return b
	})
}

var (
	cut    = rewrite(func(b []byte) []byte { return b[:len(b)/2] })
	empty  = rewrite(func([]byte) []byte { return nil })
	longer = rewrite(func(b []byte) []byte { return append(b, '\n') })
	remove = damage(func(t *testing.T, path string) { require.NoError(t, os.Remove(path)) })
)

// committed is a run of that many agents, opened anew.
func committed(t *testing.T, agents int) *jsonstore.Run {
	t.Helper()
	dir := t.TempDir()
	s, err := jsonstore.Open(dir, jsonstore.Options{})
	require.NoError(t, err)
	_, err = commit(t.Context(), s, numbered(agents))
	require.NoError(t, err)
	require.NoError(t, s.Close())
	return open(t, dir).Last()
}

// copied is a copy of a run that a test may damage.
func copied(t *testing.T, run *jsonstore.Run) *jsonstore.Run {
	t.Helper()
	dir := filepath.Join(t.TempDir(), run.Manifest().ID)
	require.NoError(t, os.CopyFS(dir, os.DirFS(run.Dir())))
	c, err := jsonstore.OpenRun(dir)
	require.NoError(t, err)
	return c
}

func TestDamageIsFoundAndWhatIsWholeIsSalvaged(t *testing.T) {
	original := committed(t, 1200)
	const (
		index  = "index/sentinelone_agent"
		second = "graph/agents/entities/sentinelone_agent-0002.json"
	)
	for name, c := range map[string]struct {
		file    string
		damage  damage
		sizes   bool // the sizes alone tell
		salvage int  // records that can still be read
	}{
		"a bit in the first block of the index": {index, flip(func(int) int { return 10 }), false, 1200},
		"a bit in the middle of the index":      {index, flip(func(n int) int { return n / 2 }), false, 1200},
		"a bit in the directory of the index":   {index, flip(func(n int) int { return n - 30 }), false, 1200},
		"a bit in the end of the index":         {index, flip(func(n int) int { return n - 1 }), false, 1200},
		"a bit in a length at the end":          {index, flip(func(n int) int { return n - 15 }), false, 1200},
		"an index cut off":                      {index, cut, true, 1200},
		"an empty index":                        {index, empty, true, 1200},
		"no index":                              {index, remove, true, 1200},
		"a bit in a record":                     {second, flip(func(n int) int { return bytesBefore(n) }), false, 1199},
		"a bit in the opening":                  {second, flip(func(int) int { return 2 }), false, 1200},
		"a bit in the closing":                  {second, flip(func(n int) int { return n - 2 }), false, 1200},
		"a graph file cut off":                  {second, cut, true, 949},
		"an empty graph file":                   {second, empty, true, 700},
		"a graph file that is longer":           {second, longer, true, 1200},
		"no graph file":                         {second, remove, true, 700},
	} {
		t.Run(name, func(t *testing.T) {
			run := copied(t, original)
			assert.Empty(t, run.CheckSizes())
			path := filepath.Join(run.Dir(), c.file)
			c.damage(t, path)

			var found *jsonstore.DamagedError
			if c.sizes {
				require.ErrorAs(t, run.CheckSizes()[agent.Name], &found)
				assert.Equal(t, path, found.File)
				found = nil
			}
			damaged := run.Verify(t.Context())
			assert.Len(t, damaged, 1)
			require.ErrorAs(t, damaged[agent.Name], &found)
			assert.Equal(t, agent.Name, found.Type)
			assert.Equal(t, path, found.File)
			assert.ErrorContains(t, damaged[agent.Name], path+" is damaged: ")

			whole := map[string]string{}
			for e, err := range graph.All(t.Context(), numbered(1200), agent.Name) {
				require.NoError(t, err)
				whole[e.Key] = string(e.JSON)
			}
			n, last := 0, ""
			salvaged, err := run.Salvage(t.Context(), t.TempDir(), damaged)
			require.NoError(t, err)
			for e, err := range graph.All(t.Context(), salvaged, agent.Name) {
				require.NoError(t, err)
				require.Less(t, last, e.Key)
				require.Equal(t, whole[e.Key], string(e.JSON))
				last, n = e.Key, n+1
			}
			assert.Equal(t, c.salvage, n)
		})
	}
}

// bytesBefore is in the displayName of some record, where a flipped bit is still good JSON.
func bytesBefore(n int) int { return n/2 - n/2%2 }

func TestADamagedRecordIsNeverGivenOut(t *testing.T) {
	run := committed(t, 1200)
	path := filepath.Join(run.Dir(), "graph/agents/entities/sentinelone_agent-0001.json")
	rewrite(func(b []byte) []byte { return bytes.Replace(b, []byte("host 7 of"), []byte("host 8 of"), 1) })(t, path)

	var got []string
	var last error
	for e, err := range run.Fetch(t.Context(), agent.Name, []string{"sentinelone_agent:000006", "sentinelone_agent:000007", "sentinelone_agent:000008"}) {
		if last = err; err == nil {
			got = append(got, e.Key)
		}
	}
	assert.Equal(t, []string{"sentinelone_agent:000006"}, got)
	assert.ErrorContains(t, last, "the record sentinelone_agent:000007 is not as it was written")
	var damaged *jsonstore.DamagedError
	assert.ErrorAs(t, last, &damaged)
}

func TestAnIndexThatIsWrongInAllItsBytesIsOnlyAnError(t *testing.T) {
	run := committed(t, 150)
	path := filepath.Join(run.Dir(), "index/sentinelone_group")
	whole, err := os.ReadFile(path)
	require.NoError(t, err)
	for i := range whole {
		spoiled := bytes.Clone(whole)
		spoiled[i] ^= 0xff
		require.NoError(t, os.WriteFile(path, spoiled, 0o600))
		fresh, err := jsonstore.OpenRun(run.Dir())
		require.NoError(t, err)
		assert.Error(t, fresh.Verify(t.Context())[group.Name], "byte %d", i)
	}
}

func TestSalvagedTypesAreAGraphOfTheirOwn(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	run, err := commit(t.Context(), s, numbered(1200))
	require.NoError(t, err)
	remove(t, filepath.Join(run.Dir(), "graph/agents/entities/sentinelone_agent-0002.json"))
	damaged := run.Verify(t.Context())
	for range 2 {
		salvaged, err := run.Salvage(t.Context(), s.TempDir(), damaged)
		require.NoError(t, err)
		assert.Equal(t, []*graph.Type{agent}, salvaged.Types())
		n := 0
		for _, err := range graph.All(t.Context(), salvaged, agent.Name) {
			require.NoError(t, err)
			n++
		}
		assert.Equal(t, 700, n)
	}
}

func TestOfSeveralDamagedFilesTheFirstIsNamed(t *testing.T) {
	run := committed(t, 5000)
	files, err := filepath.Glob(filepath.Join(run.Dir(), "graph/agents/entities/sentinelone_agent-*.json"))
	require.NoError(t, err)
	require.Greater(t, len(files), 8)
	for _, file := range files[2:] {
		flip(func(n int) int { return n - 2 })(t, file)
	}
	for range 50 {
		var found *jsonstore.DamagedError
		require.ErrorAs(t, run.Verify(t.Context())[agent.Name], &found)
		require.Equal(t, files[2], found.File)
	}
}

func TestVerifyEndsWithItsContext(t *testing.T) {
	run := committed(t, 1200)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, err := range run.Verify(ctx) {
		assert.ErrorIs(t, err, context.Canceled)
	}
	assert.Len(t, maps.Collect(maps.All(run.Verify(ctx))), 3)
}

func TestAFolderHealsADamagedIndex(t *testing.T) {
	run := committed(t, 1200)
	remove(t, filepath.Join(run.Dir(), "index/sentinelone_agent"))
	folder, err := jsonstore.OpenFolder(filepath.Join(run.Dir(), "graph"), model)
	require.NoError(t, err)
	defer folder.Close()
	storetest.RequireSame(t, numbered(1200), folder)
}

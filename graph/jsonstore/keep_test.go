package jsonstore_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"s1graph/graph"
	"s1graph/graph/jsonstore"
	"s1graph/graph/storetest"
)

// A type that nobody read costs neither time nor room: its files are those of the run before, and outlive it.
func TestATypeThatIsKeptHasTheFilesOfTheRunBefore(t *testing.T) {
	s := open(t, t.TempDir())
	first, err := commit(t.Context(), s, numbered(1001))
	require.NoError(t, err)
	d, err := s.Begin(time.Now())
	require.NoError(t, err)
	n, err := d.Keep(first, agent.Name)
	require.NoError(t, err)
	assert.EqualValues(t, 1001, n)
	_, err = d.Write(t.Context(), group, graph.All(t.Context(), first, group.Name))
	require.NoError(t, err)
	_, err = d.Keep(first, group.Name)
	assert.Error(t, err, "the draft has it")
	_, err = d.Keep(first, "sentinelone_unknown")
	assert.Error(t, err)
	same, err := graph.Compare(t.Context(), first, d, agent.Name, func(string) {})
	require.NoError(t, err)
	assert.True(t, same, "the draft can be read")
	require.NoError(t, d.Commit(jsonstore.CommitInfo{Summary: []byte("{}")}))

	second := s.Last()
	for _, file := range []string{
		"index/sentinelone_agent", "graph/agents/entities/sentinelone_agent-0001.json", "graph/agents/entities/sentinelone_agent-0003.json",
	} {
		before, err := os.Stat(filepath.Join(first.Dir(), file))
		require.NoError(t, err)
		now, err := os.Stat(filepath.Join(second.Dir(), file))
		require.NoError(t, err)
		assert.True(t, os.SameFile(before, now), file)
	}
	require.NoError(t, os.RemoveAll(first.Dir()))
	assert.Empty(t, second.Verify(t.Context()))
	records := 0
	for _, err := range graph.All(t.Context(), second, agent.Name) {
		require.NoError(t, err)
		records++
	}
	assert.Equal(t, 1001, records)
	assert.Equal(t, storetest.Agent.Name, second.Types()[0].Name)
}

package jsonstore_test

import (
	"fmt"
	"iter"
	"math/rand/v2"
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

// agentsOf are as many agents, one of which another value has.
func agentsOf(names ...string) iter.Seq2[graph.Encoded, error] {
	return func(yield func(graph.Encoded, error) bool) {
		for i, name := range names {
			r := storetest.Entity(agent, fmt.Sprintf("%06d", i), storetest.Is("computerName", graph.String(name)))
			if !yield(graph.Encode(&r), nil) {
				return
			}
		}
	}
}

func names(n int) []string {
	all := make([]string, n)
	for i := range all {
		all[i] = "a computer"
	}
	return all
}

// next commits a run with these agents after verifying the last one, as a connector does.
func next(t *testing.T, s *jsonstore.Store, names []string) *jsonstore.Run {
	t.Helper()
	if s.Last() != nil {
		require.Empty(t, s.Last().Verify(t.Context()))
	}
	d, err := s.Begin(time.Now())
	require.NoError(t, err)
	_, err = d.Write(t.Context(), agent, agentsOf(names...))
	require.NoError(t, err)
	require.NoError(t, d.Commit(jsonstore.CommitInfo{Summary: []byte("{}")}))
	return s.Last()
}

func agentFile(r *jsonstore.Run, number int) string {
	return filepath.Join(r.Dir(), "graph", "agents", "entities", fmt.Sprintf("sentinelone_agent-%04d.json", number))
}

// linked are the numbers of the files that a run has in common with another.
func linked(t *testing.T, a, b *jsonstore.Run) (numbers []int) {
	t.Helper()
	for number := 1; ; number++ {
		one, err := os.Stat(agentFile(a, number))
		if os.IsNotExist(err) {
			return numbers
		}
		require.NoError(t, err)
		if other, err := os.Stat(agentFile(b, number)); err == nil && os.SameFile(one, other) {
			numbers = append(numbers, number)
		}
	}
}

func TestFilesThatComeOutAsTheLastRunHasThemAreLinked(t *testing.T) {
	for name, c := range map[string]struct {
		change func([]string) []string
		linked []int
	}{
		"nothing":                    {func(all []string) []string { return all }, []int{1, 2, 3}},
		"the first of a file":        {func(all []string) []string { all[500] = "other"; return all }, []int{1, 3}},
		"one in the middle":          {func(all []string) []string { all[700] = "other"; return all }, []int{1, 3}},
		"the last of all":            {func(all []string) []string { all[1199] = "other"; return all }, []int{1, 2}},
		"one more at the end":        {func(all []string) []string { return append(all, "other") }, []int{1, 2}},
		"the last is gone":           {func(all []string) []string { return all[:1199] }, []int{1, 2}},
		"a whole file is gone":       {func(all []string) []string { return all[:1000] }, []int{1, 2}},
		"a file that was full grows": {func(all []string) []string { return append(all, names(301)...) }, []int{1, 2}},
		"all":                        {func([]string) []string { return []string{"other"} }, nil},
	} {
		t.Run(name, func(t *testing.T) {
			s := open(t, t.TempDir())
			first := next(t, s, names(1200))
			changed := c.change(names(1200))
			second := next(t, s, changed)
			assert.Equal(t, c.linked, linked(t, second, first))
			assert.Empty(t, second.Verify(t.Context()))
			fresh := open(t, t.TempDir())
			want := next(t, fresh, changed)
			for number := 1; number <= 5; number++ {
				a, _ := os.ReadFile(agentFile(want, number))
				b, _ := os.ReadFile(agentFile(second, number))
				assert.Equal(t, string(a), string(b), "as if there had been no last run")
			}
			a, err := os.ReadFile(filepath.Join(want.Dir(), "index", agent.Name))
			require.NoError(t, err)
			b, err := os.ReadFile(filepath.Join(second.Dir(), "index", agent.Name))
			require.NoError(t, err)
			assert.Equal(t, a, b)
		})
	}
}

// A file is linked because it was read from end to end when the run began. Nobody else vouches for it.
func TestWhatNobodyVerifiedIsWrittenAgain(t *testing.T) {
	s := open(t, t.TempDir())
	first := next(t, s, names(1200))
	path := agentFile(first, 2)
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	content[rand.IntN(len(content))] ^= 1
	require.NoError(t, os.WriteFile(path, content, 0o600))
	require.Contains(t, first.Verify(t.Context()), agent.Name)
	d, err := s.Begin(time.Now())
	require.NoError(t, err)
	_, err = d.Write(t.Context(), agent, agentsOf(names(1200)...))
	require.NoError(t, err)
	require.NoError(t, d.Commit(jsonstore.CommitInfo{Summary: []byte("{}")}))
	assert.Empty(t, linked(t, s.Last(), first))
	assert.Empty(t, s.Last().Verify(t.Context()))
}

// A type that is written a second time in one run may be made of what was written first.
func TestATypeThatIsWrittenTwiceIsLinkedToo(t *testing.T) {
	s := open(t, t.TempDir())
	first := next(t, s, names(1200))
	require.Empty(t, first.Verify(t.Context()))
	d, err := s.Begin(time.Now())
	require.NoError(t, err)
	_, err = d.Write(t.Context(), agent, agentsOf(names(1200)...))
	require.NoError(t, err)
	_, err = d.Write(t.Context(), agent, graph.All(t.Context(), d, agent.Name))
	require.NoError(t, err)
	require.NoError(t, d.Commit(jsonstore.CommitInfo{Summary: []byte("{}")}))
	assert.Equal(t, []int{1, 2, 3}, linked(t, s.Last(), first))
	assert.Empty(t, s.Last().Verify(t.Context()))
	storetest.RequireSame(t, first, s.Last())
}

package poll_test

import (
	"iter"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"s1graph/config"
	"s1graph/graph"
	"s1graph/graph/jsonstore"
	"s1graph/graph/neo4jstore"
	"s1graph/graph/neo4jstore/neo4jtest"
	"s1graph/poll"
)

func TestTheWorkerThatTakesOverWritesToNeo4jWhatTheOneBeforeCouldNot(t *testing.T) {
	server := neo4jtest.Shared(t)
	scope := server.Scope(t)
	s := newShared(t, scope)
	writes := func(uri string) func(*poll.Config) {
		return func(c *poll.Config) {
			one := c.Settings.Instances[0]
			one.Store = "neo4j"
			one.Neo4j = config.Neo4j{URI: uri, Username: server.Username, Password: config.NewSecret(server.Password)}
		}
	}
	uri, leave := server.Through(t)
	first := s.start("w1", writes(uri))
	ended := func(w *worker) *poll.GoodRun { // the last good run of a worker that waits for its next one
		if is := w.statusOf(t)[scope]; is.HeardAt.IsZero() && is.State == "waiting" {
			return is.LastGoodRun
		}
		return nil
	}
	require.Eventually(t, func() bool { return ended(first) != nil }, 20*time.Minute, 10*time.Millisecond)
	written := *ended(first)
	leave()
	s.tenant.SetDay(1)
	require.Eventually(t, func() bool {
		first.RunNow()
		good := ended(first)
		return good != nil && good.Run != written.Run
	}, 20*time.Minute, 100*time.Millisecond, "a run is committed though Neo4j is away")
	first.end()
	require.NoError(t, <-first.ended)
	first.ended <- nil
	first.fleet.Close()

	second := s.start("w2", writes(server.URI))
	require.Eventually(t, func() bool { return ended(second) != nil }, 20*time.Minute, 10*time.Millisecond)
	before := ended(second).Run
	require.Eventually(t, func() bool {
		second.RunNow()
		good := ended(second)
		return good != nil && good.Run != before
	}, 20*time.Minute, 100*time.Millisecond)

	store, err := neo4jstore.Open(t.Context(), neo4jstore.Config{URI: server.URI, Username: server.Username, Password: server.Password, Scope: scope})
	require.NoError(t, err)
	defer store.Close(t.Context())
	held, err := store.ReadBack(t.Context(), nil, nil)
	require.NoError(t, err)
	run, err := jsonstore.OpenLast(second.dirs[scope])
	require.NoError(t, err)
	require.NotEmpty(t, held.Types())
	for _, typ := range held.Types() {
		assert.Equal(t, lines(t, run.All(t.Context(), typ.Name)), lines(t, held.All(t.Context(), typ.Name)), typ.Name)
	}
}

func lines(t *testing.T, records iter.Seq2[graph.Encoded, error]) (lines []string) {
	for e, err := range records {
		require.NoError(t, err)
		lines = append(lines, string(e.JSON))
	}
	return lines
}

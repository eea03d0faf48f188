package neo4jtest_test

import (
	"os"
	"testing"

	"github.com/neo4j/neo4j-go-driver/v5/neo4j"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"s1graph/graph/neo4jstore/neo4jtest"
)

func TestMain(m *testing.M) { os.Exit(neo4jtest.Main{M: m}.Run()) }

func TestAServerComesBackWithItsDataAfterAKill(t *testing.T) {
	s := neo4jtest.Own(t, neo4jtest.Options{})
	count := func(cypher string) int64 {
		r, err := neo4j.ExecuteQuery(t.Context(), s.Driver(t), cypher, nil, neo4j.EagerResultTransformer)
		require.NoError(t, err)
		n, _, err := neo4j.GetRecordValue[int64](r.Records[0], "n")
		require.NoError(t, err)
		return n
	}
	uri := s.URI
	assert.EqualValues(t, 1, count("CREATE (t:Thing) RETURN count(t) AS n"))
	require.NoError(t, s.Kill())
	<-s.Done()
	require.NoError(t, s.Restart(t.Context(), map[string]string{"server.databases.default_to_read_only": "true"}))
	assert.Equal(t, uri, s.URI)
	assert.EqualValues(t, 1, count("MATCH (t:Thing) RETURN count(t) AS n"))
	_, err := neo4j.ExecuteQuery(t.Context(), s.Driver(t), "CREATE ()", nil, neo4j.EagerResultTransformer)
	assert.ErrorContains(t, err, "read-only")
}

func TestAScopeIsRemovedWhenItsTestEnds(t *testing.T) {
	s := neo4jtest.Shared(t)
	var scope string
	t.Run("in it", func(t *testing.T) {
		scope = s.Scope(t)
		_, err := neo4j.ExecuteQuery(t.Context(), s.Driver(t), "CREATE ({_scope: $s})-[:SEES]->({testScope: $s})",
			map[string]any{"s": scope}, neo4j.EagerResultTransformer)
		require.NoError(t, err)
	})
	r, err := neo4j.ExecuteQuery(t.Context(), s.Driver(t), "MATCH (n) WHERE $s IN [n._scope, n.testScope] RETURN n",
		map[string]any{"s": scope}, neo4j.EagerResultTransformer)
	require.NoError(t, err)
	assert.Empty(t, r.Records)
}

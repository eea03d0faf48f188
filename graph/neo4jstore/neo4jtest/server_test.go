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

// That a server comes back with its data after a kill, where it was and with other settings, is in TestServersThatComeAndGo
// of neo4jstore: it takes three starts.
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

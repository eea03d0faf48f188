package neo4jstore_test

import (
	"testing"

	"github.com/neo4j/neo4j-go-driver/v5/neo4j"
	"github.com/sourcegraph/conc/pool"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"s1graph/graph/neo4jstore"
	"s1graph/graph/neo4jstore/neo4jtest"
)

func TestInspectingADatabaseLeavesNothingBehind(t *testing.T) {
	t.Parallel()
	server := neo4jtest.Shared(t)
	found, err := neo4jstore.Inspect(t.Context(), neo4jstore.Config{
		URI: server.URI, Username: server.Username, Password: server.Password, Scope: server.Scope(t),
	})
	require.NoError(t, err)
	assert.Contains(t, found.Server, "Neo4j ")
	assert.NotEmpty(t, found.Database)
	assert.Empty(t, found.Marker.Run, "the scope holds no run")
	assert.True(t, found.MayWrite)
	assert.True(t, found.MayConstrain)
	for _, cypher := range []string{"MATCH (n:S1GraphCheck) RETURN n", "SHOW CONSTRAINTS YIELD name WHERE name ENDS WITH '_check' RETURN name"} {
		result, err := neo4j.ExecuteQuery(t.Context(), server.Driver(t), cypher, nil, neo4j.EagerResultTransformer)
		require.NoError(t, err)
		assert.Empty(t, result.Records, cypher)
	}
}

func TestADatabaseThatSeveralInspectAtOnceIsFoundTheSameByAll(t *testing.T) {
	t.Parallel()
	server := neo4jtest.Shared(t)
	config := neo4jstore.Config{URI: server.URI, Username: server.Username, Password: server.Password, Scope: server.Scope(t)}
	p := pool.NewWithResults[neo4jstore.Inspection]().WithErrors()
	for range 8 {
		p.Go(func() (neo4jstore.Inspection, error) { return neo4jstore.Inspect(t.Context(), config) })
	}
	all, err := p.Wait()
	require.NoError(t, err)
	for _, found := range all {
		assert.True(t, found.MayWrite)
		assert.True(t, found.MayConstrain)
	}
}

package cli_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"s1graph/graph/neo4jstore/neo4jtest"
	"s1graph/s1/s1test"
)

func TestWipeIsToldWhatToRemove(t *testing.T) {
	t.Chdir(t.TempDir())
	database := []string{"NEO4J_URI=bolt://127.0.0.1:1", "NEO4J_PASSWORD=hunter2"}
	for args, want := range map[string]string{
		"wipe":              "--instance NAME",
		"wipe --instance=a": "say --yes",
	} {
		got := invocation{environment: database}.s1graph(t, strings.Fields(args)...)
		assert.Equal(t, 2, got.code)
		assert.Contains(t, got.stderr, want)
		assert.NotContains(t, got.stderr, "hunter2")
	}
	assert.Contains(t, s1graph(t, "wipe", "--instance", "a").stderr, "neo4j.uri: must be set")
}

func TestWipeTakesTheInstancesNameForAYesAndNothingElse(t *testing.T) {
	server := neo4jtest.Shared(t)
	scope := server.Scope(t)
	_, who := console(t, s1test.Tenant{Seed: 1, Agents: 10})
	who.environment = append(who.environment, "S1GRAPH_INSTANCE="+scope,
		"NEO4J_URI="+server.URI, "NEO4J_USERNAME="+server.Username, "NEO4J_PASSWORD="+server.Password,
		"NEO4J_INSECURE=true") // NEO4J_TEST_URI may name a server elsewhere
	assert.Equal(t, 0, who.s1graph(t, "run", "--store", "neo4j").code)

	who.width = 200
	who.stdin = "yes\n"
	refused := who.s1graph(t, "wipe")
	assert.Equal(t, 2, refused.code)
	assert.Contains(t, refused.stderr, "nothing was deleted")

	who.stdin = scope + "\n"
	wiped := who.s1graph(t, "wipe")
	assert.Equal(t, 0, wiped.code, wiped.stderr)
	assert.Regexp(t, `Deleted \d+ nodes and relationships`, wiped.stdout)

	again := who.s1graph(t, "wipe", "--store", "neo4j", "--yes")
	assert.Equal(t, 0, again.code, again.stderr)
	assert.Contains(t, again.stdout, "Neo4j has no graph of "+scope+": nothing was deleted.")
}

func TestWipeSaysWhoseGraphItRemovesWhereItIsNotTheFolders(t *testing.T) {
	server := neo4jtest.Shared(t)
	scope := server.Scope(t)
	_, who := console(t, s1test.Tenant{Seed: 1, Agents: 10})
	who.environment = append(who.environment, "S1GRAPH_INSTANCE="+scope,
		"NEO4J_URI="+server.URI, "NEO4J_USERNAME="+server.Username, "NEO4J_PASSWORD="+server.Password)
	assert.Equal(t, 0, who.s1graph(t, "run", "--store", "neo4j").code)

	// Another folder, with a graph of its own, is refused as its user's fault and told what to do.
	assert.Equal(t, 0, who.s1graph(t, "run", "--dir", "other").code)
	refused := who.s1graph(t, "run", "--dir", "other", "--store", "neo4j")
	assert.Equal(t, 2, refused.code)
	assert.Contains(t, refused.stderr, "s1graph wipe --instance "+scope)

	wiped := who.s1graph(t, "wipe", "--store", "neo4j", "--dir", "other", "--yes")
	assert.Equal(t, 0, wiped.code, wiped.stderr)
	assert.Regexp(t, `is not that of the folder other: it belongs to one with the identity [0-9a-f]{32}, came from the console 127\.0\.0\.1:\d+, and its run is 000001-`, wiped.stderr)
	assert.Regexp(t, `Deleted \d\d+ nodes and relationships`, wiped.stdout)

	assert.Equal(t, 0, who.s1graph(t, "run", "--dir", "other", "--store", "neo4j").code)
	own := who.s1graph(t, "wipe", "--store", "neo4j", "--dir", "other", "--yes")
	assert.Equal(t, 0, own.code, own.stderr)
	assert.NotContains(t, own.stderr, "belongs to")
}

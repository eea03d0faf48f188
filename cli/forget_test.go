package cli_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"s1graph/s1/s1test"
)

func TestForgetListsWhatGoesAndTakesYesForAYes(t *testing.T) {
	_, who := console(t, s1test.Tenant{Seed: 1, Agents: 10, Threats: 7})
	assert.Equal(t, 2, who.s1graph(t, "forget", "sentinelone_threat", "--yes").code, "there is no run yet")
	assert.Equal(t, 0, who.s1graph(t, "run").code)

	read := who.s1graph(t, "forget", "sentinelone_threat", "--yes")
	assert.Equal(t, 2, read.code)
	assert.Contains(t, read.stderr, "skip: [threats]")
	assert.Equal(t, 2, who.s1graph(t, "forget", "--yes").code, "it is to be told what goes")

	who.environment = append(who.environment, "S1GRAPH_SKIP=threats")
	alone := who.s1graph(t, "forget", "sentinelone_threat")
	assert.Equal(t, 2, alone.code)
	assert.Contains(t, alone.stderr, "say --yes")
	who.width, who.stdin = 100, "no\n"
	refused := who.s1graph(t, "forget", "sentinelone_threat")
	assert.Equal(t, 2, refused.code)
	assert.Regexp(t, `threat +│? *7`, refused.stdout)

	who.stdin = "yes\n"
	forgotten := who.s1graph(t, "forget", "threat")
	assert.Equal(t, 0, forgotten.code, forgotten.stderr)
	assert.Contains(t, forgotten.stdout, "Forgotten. The graph is that of run 000002-")
	again := who.s1graph(t, "forget", "threat")
	assert.Equal(t, 0, again.code, again.stderr)
	assert.Contains(t, again.stdout, "has nothing of threat")
}

func TestForgetNeedsNoTokenAndTheDatabaseWhereThereIsOne(t *testing.T) {
	t.Chdir(t.TempDir())
	got := invocation{}.s1graph(t, "forget", "sentinelone_threat", "--instance", "acme", "--yes")
	assert.Equal(t, 2, got.code)
	assert.NotContains(t, got.stderr, "token")
	assert.Contains(t, got.stderr, "no run")
	got = invocation{}.s1graph(t, "forget", "sentinelone_threat", "--instance", "acme", "--yes", "--store", "neo4j")
	assert.Equal(t, 2, got.code)
	assert.Contains(t, got.stderr, "NEO4J_URI")
}

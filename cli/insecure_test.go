package cli_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"s1graph/s1/s1test"
)

// The address is one that nobody has (RFC 5737): who would contact it would wait.
func TestEveryCommandThatAsksADatabaseElsewhereUnencryptedEndsWithWhatToDo(t *testing.T) {
	server, with := console(t, s1test.Tenant{Seed: 1, Agents: 1})
	with.environment = append(with.environment, "NEO4J_URI=neo4j://192.0.2.1:7687", "NEO4J_PASSWORD=hunter2", "S1GRAPH_STORE=neo4j", "S1GRAPH_INTERVAL=1h")
	for _, args := range [][]string{
		{"run"}, {"run", "--dry-run"}, {"poll"}, {"check"}, {"query", "infected-devices"}, {"wipe", "--store", "neo4j", "--instance", "acme", "--yes"},
	} {
		got := with.s1graph(t, args...)
		assert.Equal(t, 2, got.code, args)
		assert.Contains(t, got.stderr, "NEO4J_URI: must have a scheme that encrypts", args)
		assert.Contains(t, got.stderr, "--neo4j-insecure", args)
		assert.NotContains(t, got.stderr, "hunter2")
	}
	assert.Empty(t, server.Requests())
}

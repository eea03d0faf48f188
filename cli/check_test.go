package cli_test

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"s1graph/s1/s1test"
)

func TestCheckSaysThatAllIsWellOrWhatToDo(t *testing.T) {
	server, with := console(t, s1test.Tenant{Agents: 40, Threats: 5, ApplicationsPerAgent: 2})
	got := with.s1graph(t, "check")
	assert.Zero(t, got.code, got.stdout)
	assert.Contains(t, got.stdout, "list /agents")
	assert.Contains(t, got.stdout, "It works, with 1 warning.", "the test's console is not encrypted")

	server.Break(s1test.Fault{Path: "/threats", Effect: s1test.Status(403)})
	got = with.s1graph(t, "check")
	assert.Equal(t, 1, got.code)
	assert.Contains(t, got.stdout, "! list /threats: give the service user the role Viewer")
	assert.True(t, strings.HasSuffix(got.stdout, "It does not work: 1 fault and 1 warning.\n"), got.stdout)
	assert.Empty(t, got.stderr)
	assert.NotContains(t, got.stdout, s1test.DefaultToken)

	got = with.s1graph(t, "check", "--json")
	assert.Equal(t, 1, got.code)
	var document struct {
		Findings []struct{ Subject, State, Detail, Advice string }
	}
	require.NoError(t, json.Unmarshal([]byte(got.stdout), &document))
	states := map[string]string{}
	for _, f := range document.Findings {
		states[f.Subject] = f.State
	}
	assert.Equal(t, "fault", states["list /threats"])
	assert.Equal(t, "ok", states["token"])
	assert.Equal(t, "skipped", states["Neo4j"])
}

func TestWarningsOfTheConfigurationAreCountedAndNothingIsWiderThanTheTerminal(t *testing.T) {
	_, with := console(t, s1test.Tenant{Agents: 40, Threats: 5, ApplicationsPerAgent: 2})
	with.environment = append(with.environment, "NO_COLOR=1", "S1GRAPH_SITES=999")
	require.NoError(t, os.WriteFile("s1graph.yaml", []byte("posture: [{is_active: true}]"), 0o600))
	with.width = 80
	got := with.s1graph(t, "check")
	assert.Equal(t, 1, got.code)
	assert.Contains(t, got.stdout, "posture[0].is_active", got.stdout)
	assert.True(t, strings.HasSuffix(got.stdout, "It does not work: 1 fault and 2 warnings.\n"), got.stdout)
	for line := range strings.Lines(got.stdout) {
		assert.NotContains(t, line, " \n")
		assert.LessOrEqual(t, utf8.RuneCountInString(strings.TrimSuffix(line, "\n")), 80, line)
	}
	if os.Getenv("SHOW") != "" {
		t.Log("\n" + got.stdout)
	}
}

func TestCheckLooksAtTheDatabaseWhoseAddressIsSetThoughNoRunWritesToIt(t *testing.T) {
	_, with := console(t, s1test.Tenant{Agents: 40})
	tried := append(with.environment, "NEO4J_URI=bolt://127.0.0.1:1", "NEO4J_PASSWORD=hunter2")
	for _, test := range []struct {
		environment []string
		args        []string
		code        int
		want, not   string
	}{
		{environment: tried, code: 1, want: "! Neo4j store: say --store neo4j if runs are to write to it.\n! Neo4j: "},
		{environment: tried, args: []string{"--store", "json"}, want: "the store is json only", not: "Neo4j store"},
		{environment: append(tried, "NEO4J_PASSWORD="), want: "it is not asked without a password, nor unencrypted"},
		{environment: append(tried, "NEO4J_URI=bolt://db.example:7687"), want: "it is not asked without a password, nor unencrypted"},
	} {
		with.environment = test.environment
		got := with.s1graph(t, append([]string{"check"}, test.args...)...)
		assert.Equal(t, test.code, got.code, got.stdout)
		assert.Contains(t, got.stdout, test.want)
		if test.not != "" {
			assert.NotContains(t, got.stdout, test.not)
		}
	}
}

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
	with.environment = append(with.environment, "S1GRAPH_SITE=1", "NO_COLOR=1", "S1GRAPH_SITES=999")
	with.width = 80
	got := with.s1graph(t, "check")
	assert.Equal(t, 1, got.code)
	assert.Contains(t, got.stdout, "S1GRAPH_SITE is no ", got.stdout)
	assert.True(t, strings.HasSuffix(got.stdout, "It does not work: 1 fault and 2 warnings.\n"), got.stdout)
	for line := range strings.Lines(got.stdout) {
		assert.NotContains(t, line, " \n")
		assert.LessOrEqual(t, utf8.RuneCountInString(strings.TrimSuffix(line, "\n")), 80, line)
	}
	if os.Getenv("SHOW") != "" {
		t.Log("\n" + got.stdout)
	}
}

package cli_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"s1graph/s1/s1test"
)

func TestAPIPrintsAllPagesOneObjectALine(t *testing.T) {
	server, with := console(t, s1test.Tenant{Agents: 2100})
	got := with.s1graph(t, "api", "agents", "--query", "isDecommissioned=true,false", "--query", "isUninstalled=true,false")
	require.Zero(t, got.code, got.stderr)
	assert.Equal(t, server.Totals().Agents, strings.Count(got.stdout, "\n"))
	for line := range strings.Lines(got.stdout) {
		require.True(t, strings.HasPrefix(line, "{") && json.Valid([]byte(line)))
	}
	assert.Greater(t, server.Requests()["/agents"], 2)
	assert.Equal(t, []string{"GET"}, server.Methods())
	assert.Empty(t, got.stderr)
}

func TestAPIPassesFiltersOnAndStopsAtTheLimit(t *testing.T) {
	server, with := console(t, s1test.Tenant{Agents: 60, Sites: 3})
	sites := server.SiteID(0) + "," + server.SiteID(1)
	all := with.s1graph(t, "api", "agents", "--query", "siteIds="+sites)
	require.Zero(t, all.code, all.stderr)
	n := strings.Count(all.stdout, "\n")
	assert.Less(t, n, 60)
	assert.Greater(t, n, 5)
	for line := range strings.Lines(all.stdout) {
		var agent struct{ SiteID string }
		require.NoError(t, json.Unmarshal([]byte(line), &agent))
		assert.Contains(t, sites, agent.SiteID)
	}
	some := with.s1graph(t, "api", "--limit", "5", "agents", "--query", "siteIds="+sites, "--query", "countOnly=false")
	require.Zero(t, some.code, some.stderr)
	assert.Equal(t, 5, strings.Count(some.stdout, "\n"))
}

func TestAPITellsOfWhatTheConsoleRefuses(t *testing.T) {
	server, with := console(t, s1test.Tenant{})
	server.Accept(s1test.Token{Value: "another"})
	got := with.s1graph(t, "api", "agents")
	assert.Equal(t, 1, got.code)
	assert.Empty(t, got.stdout)
	assert.Regexp(t, `^s1graph: sentinelone api 401 on /agents: .*create a new API token.*\n$`, got.stderr)
	assert.NotContains(t, got.stderr, s1test.DefaultToken)

	server.Accept(s1test.Token{Value: s1test.DefaultToken})
	server.Break(s1test.Fault{Path: "/agents", Effect: s1test.Status(403)})
	got = with.s1graph(t, "api", "agents")
	assert.Equal(t, 1, got.code)
	assert.Regexp(t, `^s1graph: sentinelone api 403 on /agents: .*role Viewer.*\n$`, got.stderr)

	got = with.s1graph(t, "api", "../../../etc/passwd")
	assert.Equal(t, 1, got.code)
	assert.Contains(t, got.stderr, "must be a path of the API")
}

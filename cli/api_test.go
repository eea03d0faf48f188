package cli_test

import (
	"encoding/json"
	"fmt"
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
	assert.Regexp(t, `^s1graph: sentinelone api 401 on /agents: .*look whether the token is whole.*\n$`, got.stderr)
	assert.NotContains(t, got.stderr, s1test.DefaultToken)

	server.Accept(s1test.Token{Value: s1test.DefaultToken})
	server.Break(s1test.Fault{Path: "/agents", Effect: s1test.Status(403)})
	got = with.s1graph(t, "api", "agents")
	assert.Equal(t, 1, got.code)
	assert.Regexp(t, `^s1graph: sentinelone api 403 on /agents: .*role Viewer.*\n$`, got.stderr)
}

func TestAPIRefusesWhatIsNoPathOfTheAPI(t *testing.T) {
	server, with := console(t, s1test.Tenant{})
	const help = `; s1graph api --help shows how it is used`
	for path, want := range map[string]string{
		"agents?isActive=true":                     `must end before ? or #; filters are given on their own`,
		"https://evil.example/web/api/v2.1/agents": `must be a path of the API, such as agents or threats/1234/notes`,
		"../../../etc/passwd":                      `must be a path of the API, such as agents or threats/1234/notes`,
		"/web/api/v9.9/agents":                     `is not of the API version in use, /web/api/v2.1`,
	} {
		for _, query := range []string{"isActive=true", "countOnly=true"} {
			got := with.s1graph(t, "api", path, "--query", query)
			assert.Equal(t, outcome{2, "", fmt.Sprintf("s1graph: path %q: %s%s\n", path, want, help)}, got)
		}
	}
	assert.Empty(t, server.Requests())
}

func TestAPICountsWithoutReading(t *testing.T) {
	server, with := console(t, s1test.Tenant{Agents: 60})
	got := with.s1graph(t, "api", "agents", "--query", "countOnly=true", "--query", "isDecommissioned=true,false", "--query", "isUninstalled=true,false")
	assert.Equal(t, outcome{0, fmt.Sprintf("{\"totalItems\":%d}\n", server.Totals().Agents), ""}, got)
	assert.Equal(t, map[string]int{"/agents": 1}, server.Requests())
}

func TestAPILogsItsRequestsAtDebug(t *testing.T) {
	_, with := console(t, s1test.Tenant{Agents: 60})
	got := with.s1graph(t, "api", "agents", "--query", "siteIds=4711", "--log-level", "debug")
	require.Zero(t, got.code, got.stderr)
	assert.Regexp(t, `^time=\S+ level=DEBUG msg=request method=GET path=/agents page=1 status=200 duration=\S+ try=1\n$`, got.stderr)
}

func TestAPIMasksSecretsWhereverTheyStandAndWhateverTheyAre(t *testing.T) {
	server, with := console(t, s1test.Tenant{})
	const jwt = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl"
	for name, of := range map[string]struct{ path, answer, want string }{
		"a text":                     {"users", `{"apiToken":"SECRET"}`, `{"apiToken":"***"}`},
		"a number":                   {"agents/passphrases", `{"passphrase":4711}`, `{"passphrase":"***"}`},
		"a list":                     {"agents/passphrases", `{"passphrases":["SECRET",["SECRET"]]}`, `{"passphrases":"***"}`},
		"an object":                  {"settings/smtp", `{"password":{"plain":"SECRET"}}`, `{"password":"***"}`},
		"deep in others":             {"activities", `{"data":[{"more":{"tokens":[{"x":"SECRET"}],"n":1}}]}`, `{"data":[{"more":{"tokens":"***","n":1}}]}`},
		"token by itself":            {"sites/1/token", `{"token":"SECRET"}`, `{"token":"***"}`},
		"with underscores":           {"settings/sso", `{"client_secret":"SECRET","PRIVATE_KEY":"SECRET","uninstall-password":"SECRET"}`, `{"client_secret":"***","PRIVATE_KEY":"***","uninstall-password":"***"}`},
		"with capitals":              {"settings/x", `{"APIToken":"SECRET","licenseKey":"SECRET","LICENSEKEY":"SECRET","apiKey":"SECRET","registrationTOKEN":"SECRET"}`, `{"APIToken":"***","licenseKey":"***","LICENSEKEY":"***","apiKey":"***","registrationTOKEN":"***"}`},
		"other names":                {"settings/y", `{"secretAccessKey":"SECRET","passwordHash":"SECRET","tokenValue":"SECRET","clientCredentials":"SECRET","passwd":"SECRET","recoveryCode":"a","passcode":"SECRET","token2":"SECRET"}`, `{"secretAccessKey":"***","passwordHash":"***","tokenValue":"***","clientCredentials":"***","passwd":"***","recoveryCode":"a","passcode":"***","token2":"***"}`},
		"a row that is a text":       {"sites/1/token", `"SECRET"`, `"***"`},
		"a token under another name": {"activities", `{"text":"key ` + jwt + ` was made","site":"eyJ1cmwiOiAiaHR0cHM6Ly9hY21lLmV4YW1wbGUifQ=="}`, `{"text":"key *** was made","site":"***"}`},
		"a key in PEM":               {"settings/z", `{"idp":"-----BEGIN RSA PRIVATE KEY-----\nSECRET\n-----END RSA PRIVATE KEY-----"}`, `{"idp":"***"}`},
		"what is none": {"users", `{"canGenerateApiToken":true,"apiTokenExpiresAt":"2027-01-01","tokenType":"api","key":"tag","registryKeyPath":"a","passwordChangedAt":null,"token":null,"publicKey":"x","monkey":"y","hotkeys":[1],"name":"ey J"}`,
			`{"canGenerateApiToken":true,"apiTokenExpiresAt":"2027-01-01","tokenType":"api","key":"tag","registryKeyPath":"a","passwordChangedAt":null,"token":null,"publicKey":"x","monkey":"y","hotkeys":[1],"name":"ey J"}`},
	} {
		mend := server.Break(s1test.Fault{Path: "/" + of.path, Effect: s1test.StatusWith(200, nil, `{"data":`+of.answer+`}`)})
		assert.Equal(t, outcome{0, of.want + "\n", ""}, with.s1graph(t, "api", of.path), name)
		mend()
	}
}

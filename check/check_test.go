package check_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"s1graph/check"
	"s1graph/config"
	"s1graph/connector"
	"s1graph/gotest"
	"s1graph/graph/neo4jstore/neo4jtest"
	"s1graph/s1/s1test"
)

func TestMain(m *testing.M) { gotest.VerifyTestMain(neo4jtest.Main{M: m}) }

// tenant is one behind a real socket, and the options of a user who checks it.
func tenant(t *testing.T) (*s1test.Server, check.Options) {
	t.Helper()
	server := s1test.New(s1test.Tenant{Agents: 40, Threats: 5, ApplicationsPerAgent: 2})
	web := httptest.NewServer(server)
	t.Cleanup(web.Close)
	settings := config.Default()
	settings.URL, settings.Token = web.URL, config.NewSecret(s1test.DefaultToken)
	settings.Instance, settings.Dir = "test", filepath.Join(t.TempDir(), "test")
	return server, check.Options{Config: &settings}
}

// encrypted is as tenant, over TLS and with nobody waiting.
func encrypted(t *testing.T) (*s1test.Server, check.Options) {
	t.Helper()
	_, o := tenant(t)
	server := s1test.New(s1test.Tenant{Accounts: 2, Sites: 4, Agents: 40, Threats: 5, ApplicationsPerAgent: 2})
	web := httptest.NewUnstartedServer(server)
	web.Config.ErrorLog = log.New(io.Discard, "", 0)
	web.StartTLS()
	t.Cleanup(web.Close)
	o.Config.URL, o.Transport = web.URL, web.Client().Transport
	o.Sleep = func(ctx context.Context, _ time.Duration) error { return ctx.Err() }
	return server, o
}

func secret(value string) config.Secret { return config.NewSecret(value) }

// inOrder are the findings of a check as they come.
func inOrder(t *testing.T, o check.Options) []check.Finding {
	t.Helper()
	var all []check.Finding
	check.Run(t.Context(), o, func(f check.Finding) { all = append(all, f) })
	return all
}

// findings are what a check finds, by subject.
func findings(t *testing.T, o check.Options) map[string]check.Finding {
	t.Helper()
	all := map[string]check.Finding{}
	check.Run(t.Context(), o, func(f check.Finding) {
		assert.NotContains(t, all, f.Subject, "each thing is told of once")
		assert.NotContains(t, f.Detail+f.Advice, s1test.DefaultToken)
		assert.NotContains(t, f.Detail+f.Advice, "\n", "in one line")
		if f.State == check.Fault {
			assert.NotEmpty(t, f.Advice, f.Subject)
		}
		all[f.Subject] = f
	})
	return all
}

func TestTheSitesOfATokenAreNamedWhicheverRolesTellThem(t *testing.T) {
	t.Parallel()
	server, o := tenant(t)
	server.Accept(s1test.Token{Value: s1test.DefaultToken, Scope: s1test.ScopeSite, IDs: []string{server.SiteID(0)}})
	told := findings(t, o)["scope"].Detail
	assert.Contains(t, told, "site: ")
	server.Break(s1test.UserOfSiteRoles())
	assert.Equal(t, told, findings(t, o)["scope"].Detail)
}

func TestAHealthyTenantHasNoFaultAndNothingIsLeftBehind(t *testing.T) {
	t.Parallel()
	server, o := tenant(t)
	found := findings(t, o)
	for subject, f := range found {
		assert.NotEqual(t, check.Fault, f.State, "%s: %s", subject, f.Detail)
	}
	assert.Equal(t, "200, 40 rows", found["list /agents"].Detail)
	assert.Equal(t, "Viewer", found["role"].Detail)
	assert.Equal(t, "tenant", found["scope"].Detail)
	assert.Equal(t, []string{"GET"}, server.Methods())
	assert.NoDirExists(t, o.Config.Dir)
}

func TestAFaultSaysWhatToDo(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		cause   func(server *s1test.Server, o *check.Options)
		subject string
		state   check.State
		says    string // a part of detail or advice
	}{
		"a token that is not accepted": {func(s *s1test.Server, _ *check.Options) { s.Accept(s1test.Token{Value: "another"}) },
			"token", check.Fault, "Settings > Users > Service Users"},
		"a token that may do more": {func(s *s1test.Server, _ *check.Options) {
			s.Accept(s1test.Token{Value: s1test.DefaultToken, Role: "Admin"})
		}, "role", check.Warning, "the role Viewer"},
		"a token that ends soon": {func(s *s1test.Server, _ *check.Options) {
			s.Accept(s1test.Token{Value: s1test.DefaultToken, ExpiresAt: time.Now().Add(12*24*time.Hour + time.Hour)})
		}, "token expiry", check.Warning, "in 12 days"},
		"a list that is refused": {func(s *s1test.Server, _ *check.Options) {
			s.Break(s1test.Fault{Path: "/threats", Effect: s1test.Status(403)})
		}, "list /threats", check.Fault, "--skip threats"},
		"a list that is not there": {func(s *s1test.Server, _ *check.Options) {
			s.Break(s1test.Fault{Path: "/threats", Effect: s1test.Status(404)})
		}, "list /threats", check.Fault, "404"},
		"a list that the license lacks": {func(s *s1test.Server, _ *check.Options) {
			s.Break(s1test.Fault{Path: "/threats", Effect: s1test.Refused(s1test.NotLicensed)})
		}, "list /threats", check.Warning, "which is not a fault"},
		"accounts that are refused to a token of the tenant": {func(s *s1test.Server, _ *check.Options) {
			s.Break(s1test.Fault{Path: "/accounts", Effect: s1test.Refused("")})
		}, "list /accounts", check.Fault, "403"},
		"an empty list": {func(s *s1test.Server, _ *check.Options) {
			s.Break(s1test.Fault{Path: "/agents", Effect: s1test.EmptyList()})
		}, "list /agents", check.Warning, "scope looks too narrow"},
		"too many requests": {func(s *s1test.Server, _ *check.Options) {
			s.Break(s1test.Fault{Path: "/groups", Times: 1, Effect: s1test.TooManyRequests("0")})
		}, "rate limits", check.Warning, "refused 1 request"},
		"a clock that is wrong": {func(_ *s1test.Server, o *check.Options) {
			o.Clock = func() time.Time { return time.Now().Add(7 * time.Minute) }
		}, "clock", check.Warning, "7m"},
		"an address that cannot be resolved": {func(_ *s1test.Server, o *check.Options) { o.Config.URL = "https://console.invalid" },
			"connection", check.Fault, "resolve console.invalid"},
		"a port where nobody listens": {func(_ *s1test.Server, o *check.Options) { o.Config.URL = "http://127.0.0.1:1" },
			"connection", check.Fault, "firewall or proxy"},
		"a folder that cannot be": {func(_ *s1test.Server, o *check.Options) {
			file := filepath.Dir(o.Config.Dir) + "/file"
			_ = os.WriteFile(file, nil, 0o600)
			o.Config.Dir = file
		}, "directory", check.Fault, "is not a folder"},
		"a destination that is not reached": {func(_ *s1test.Server, o *check.Options) {
			o.Config.Alerts = &config.Alerts{Destinations: []config.Destination{{Name: "soc"}}}
			o.Reach = func(context.Context, config.Destination) error { return errors.New("connection refused") }
		}, "alerts to soc", check.Fault, "connection refused"},
		"a database that is not there": {func(_ *s1test.Server, o *check.Options) {
			o.Config.Store, o.Config.Neo4j.URI = "neo4j", "bolt://127.0.0.1:1"
		}, "Neo4j", check.Fault, "look whether it runs"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server, o := tenant(t)
			c.cause(server, &o)
			f := findings(t, o)[c.subject]
			assert.Equal(t, c.state, f.State, "%+v", f)
			assert.Contains(t, f.Detail+"; "+f.Advice, c.says)
		})
	}
}

func TestACertificateThatNobodyVouchesForIsSaidToBeOne(t *testing.T) {
	t.Parallel()
	server, o := tenant(t)
	web := httptest.NewTLSServer(server)
	t.Cleanup(web.Close)
	o.Config.URL = web.URL
	found := findings(t, o)
	assert.Equal(t, check.Fault, found["connection"].State)
	assert.Contains(t, found["connection"].Advice, "--ca-file")
	assert.Equal(t, check.Skipped, found["list /agents"].State, "what cannot be asked is not called a fault")

	o.Transport = web.Client().Transport
	found = findings(t, o)
	assert.Equal(t, check.OK, found["TLS"].State)
	assert.True(t, strings.HasPrefix(found["TLS"].Detail, "TLS 1.3, certificate until "), found["TLS"].Detail)
}

func TestATokenOfSitesNeedsNoAccounts(t *testing.T) {
	t.Parallel()
	server, o := tenant(t)
	server.Accept(s1test.Token{Value: s1test.DefaultToken, Scope: s1test.ScopeSite, IDs: []string{server.SiteID(0)}})
	found := findings(t, o)
	assert.Equal(t, check.OK, found["list /accounts"].State, "%+v", found["list /accounts"])
	assert.Contains(t, found["scope"].Detail, "site: ")
}

func TestApplicationsAreLookedForInBothPlaces(t *testing.T) {
	t.Parallel()
	server, o := tenant(t)
	server.Break(s1test.Fault{Path: "/installed-applications", Effect: s1test.Status(404)})
	found := findings(t, o)
	assert.NotContains(t, found, "list /installed-applications")
	assert.Equal(t, check.OK, found["list /application-management/inventory"].State)
}

func TestTheDatabaseIsToldOf(t *testing.T) {
	t.Parallel()
	_, o := tenant(t)
	server := neo4jtest.Shared(t)
	o.Config.Store = "neo4j"
	o.Config.Neo4j = config.Neo4j{URI: server.URI, Username: server.Username, Password: config.NewSecret(server.Password)}
	found := findings(t, o)
	require.Equal(t, check.OK, found["Neo4j"].State, "%+v", found["Neo4j"])
	assert.Contains(t, found["Neo4j"].Detail, "Neo4j 5")
	assert.Equal(t, check.OK, found["Neo4j constraints"].State)
	assert.Equal(t, "the user may write", found["Neo4j rights"].Detail)
	assert.NotContains(t, found["Neo4j"].Detail, server.Password)
}

func TestAGraphInTheDatabaseThatIsNotTheFoldersIsAFault(t *testing.T) {
	t.Parallel()
	server := neo4jtest.Shared(t)
	scope := server.Scope(t)
	ofDatabase := func(o check.Options) check.Options {
		o.Config.Instance, o.Config.Store, o.Config.Dir = scope, "neo4j", filepath.Join(t.TempDir(), "folder")
		o.Config.Neo4j = config.Neo4j{URI: server.URI, Username: server.Username, Password: config.NewSecret(server.Password)}
		return o
	}
	_, o := tenant(t)
	owner := ofDatabase(o)
	assert.NotContains(t, findings(t, owner), "Neo4j marker", "there is none yet")
	_, err := connector.Sync(t.Context(), connector.Options{Config: owner.Config})
	require.NoError(t, err)
	assert.Equal(t, check.OK, findings(t, owner)["Neo4j marker"].State)

	lost := *owner.Config
	lost.Dir = filepath.Join(t.TempDir(), "new")
	found := findings(t, check.Options{Config: &lost})["Neo4j marker"]
	assert.Equal(t, check.OK, found.State)
	assert.Contains(t, found.Detail, "the next run takes it for the last graph")

	_, o = tenant(t)
	stranger := ofDatabase(o)
	found = findings(t, stranger)["Neo4j marker"]
	assert.Equal(t, check.Fault, found.State)
	assert.Contains(t, found.Detail, "is that of "+strings.TrimPrefix(owner.Config.URL, "http://"))
	assert.Contains(t, found.Advice, "s1graph wipe --instance "+scope)
	assert.NoDirExists(t, stranger.Config.Dir)

	alone := lost
	alone.Store = "json"
	_, err = connector.Sync(t.Context(), connector.Options{Config: &alone})
	require.NoError(t, err)
	found = findings(t, check.Options{Config: &lost})["Neo4j marker"]
	assert.Equal(t, check.Fault, found.State)
	assert.Contains(t, found.Detail, "belongs to another folder")
	assert.Equal(t, check.OK, findings(t, owner)["Neo4j marker"].State, "nothing was changed")
}

// What is counted is what a run would read, decommissioned agents included.
func TestTheCountsAreThoseOfARun(t *testing.T) {
	t.Parallel()
	server, o := tenant(t)
	found := findings(t, o)
	totals := server.Totals()
	for path, n := range map[string]int{
		"/accounts": totals.Accounts, "/sites": totals.Sites, "/groups": totals.Groups, "/agents": totals.Agents, "/threats": totals.Threats,
	} {
		assert.Equal(t, fmt.Sprintf("200, %d row%s", n, map[bool]string{true: "s"}[n != 1]), found["list "+path].Detail)
	}
}

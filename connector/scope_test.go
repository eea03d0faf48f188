package connector_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"s1graph/config"
	"s1graph/connector"
	"s1graph/graph"
	"s1graph/s1/s1test"
)

// siteToken is a token of one site.
func (c *console) siteToken(site int) func(*connector.Options) {
	c.Accept(s1test.Token{Value: s1test.DefaultToken}, s1test.Token{Value: "of-a-site", Scope: s1test.ScopeSite, IDs: []string{c.SiteID(site)}})
	return func(o *connector.Options) { o.Config.Token = config.NewSecret("of-a-site") }
}

func TestATokenOfASiteMakesItsAccountOfWhatTheSiteSays(t *testing.T) {
	t.Parallel()
	c := newConsole(t, busy())
	result := c.mustSync(c.siteToken(0))
	assert.Equal(t, "ok", result.step("accounts").State)
	assert.Len(t, ofType(c.graph(), "sentinelone_account"), 1)
	assert.Len(t, ofType(c.graph(), "sentinelone_site"), 1)
	assert.NotEmpty(t, ofType(c.graph(), "sentinelone_agent"))
}

// spread is a tenant of which each site has applications and users that no other has.
func spread() s1test.Tenant {
	return s1test.Tenant{
		Seed: 5, Accounts: 2, Sites: 8, Groups: 16, Agents: 110, Threats: 40, ApplicationsPerAgent: 3, Catalog: 2000, Awkward: true,
	}
}

// What is out of a narrower scope stays, and all that is derived from it, whatever else happens.
func TestANarrowerScopeKeepsWhatIsOutOfIt(t *testing.T) {
	t.Parallel()
	sites := func(c *console) func(*connector.Options) {
		return func(o *connector.Options) { o.Config.Sites = []string{c.SiteID(0), c.SiteID(1), c.SiteID(2)} }
	}
	for name, narrow := range map[string]func(c *console) func(*connector.Options){
		"a token of a site": func(c *console) func(*connector.Options) { return c.siteToken(0) },
		"configured sites":  sites,
		"configured groups": func(c *console) func(*connector.Options) {
			return func(o *connector.Options) { o.Config.Groups = []string{c.GroupID(3)} }
		},
		"configured accounts": func(c *console) func(*connector.Options) {
			return func(o *connector.Options) { o.Config.Accounts = []string{c.AccountID(0)} }
		},
		"applications alone": func(c *console) func(*connector.Options) {
			return func(o *connector.Options) { sites(c)(o); o.Only = []string{"applications"} }
		},
		"agents skipped": func(c *console) func(*connector.Options) {
			return func(o *connector.Options) { sites(c)(o); o.Config.Skip = []string{"agents"} }
		},
		"agents fail": func(c *console) func(*connector.Options) {
			c.Break(s1test.Fault{Path: "/agents", Effect: s1test.Status(500)})
			return sites(c)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newConsole(t, spread())
			c.mustSync()
			before := c.graph()
			narrowed := narrow(c)
			first := c.sync(narrowed)
			require.NoError(t, first.err)
			assert.Equal(t, connector.Partial, first.Status, "the first run that sees less says so")
			assert.Empty(t, first.changes)
			assertSame(t, before, c.graph())
			second := c.sync(narrowed)
			require.NoError(t, second.err)
			assert.Empty(t, second.changes)
			assertSame(t, before, c.graph())
			if name == "agents fail" {
				return
			}
			assert.Equal(t, connector.Complete, second.Status)
			c.SetDay(1)
			c.sync(narrowed)
			c.mustSync()
			assertSame(t, c.clean(), c.graph())
		})
	}
}

func TestAWiderScopeIsABaseline(t *testing.T) {
	t.Parallel()
	c := newConsole(t, spread())
	site := c.siteToken(0)
	c.mustSync(site)
	c.Accept(s1test.Token{Value: "of-accounts", Scope: s1test.ScopeAccount, IDs: []string{c.AccountID(0), c.AccountID(1)}})
	wider := func(o *connector.Options) { o.Config.Token = config.NewSecret("of-accounts") }
	result := c.mustSync(wider)
	assert.Empty(t, result.changes)
	assert.NotEmpty(t, result.Notices)
	c.Accept(s1test.Token{Value: s1test.DefaultToken}, s1test.Token{Value: "of-accounts", Scope: s1test.ScopeAccount, IDs: []string{c.AccountID(0), c.AccountID(1)}})
	assertSame(t, c.clean(wider), c.graph())
}

// A token whose scope the console does not tell may see less than before.
func TestAUserWithoutAScopeDeletesNothing(t *testing.T) {
	t.Parallel()
	for name, body := range map[string]string{
		"nothing":               `{"data":{}}`,
		"another word":          `{"data":{"id":"1","scope":"group","scopeRoles":[]}}`,
		"a site without its ID": `{"data":{"id":"1","scope":"site","scopeRoles":[]}}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newConsole(t, busy())
			c.mustSync()
			before := c.graph()
			c.Break(s1test.Fault{Path: "/user", Effect: s1test.StatusWith(200, nil, body)})
			c.mustSyncInPart(c.siteToken(0))
			assert.Empty(t, lacking(before, c.graph()))
		})
	}
}

func TestAScopeThatTheTokenDoesNotSeeIsWrongUsage(t *testing.T) {
	t.Parallel()
	c := newConsole(t, busy())
	c.mustSync()
	before := c.graph()
	token := c.siteToken(1)
	result := c.sync(func(o *connector.Options) { token(o); o.Config.Sites = []string{c.SiteID(0)} })
	var usage *connector.UsageError
	require.ErrorAs(t, result.err, &usage)
	assert.Contains(t, result.err.Error(), c.SiteID(0))
	assert.Contains(t, result.err.Error(), c.SiteID(1))
	assertSame(t, before, c.graph())
}

func TestTheGuardCountsWhatIsInsideTheScope(t *testing.T) {
	t.Parallel()
	c := newConsole(t, spread())
	c.mustSync()
	before := c.graph()
	oneSite := func(o *connector.Options) { o.Config.Sites = []string{c.SiteID(0)} }
	c.sync(oneSite)
	c.Break(s1test.Fault{Path: "/agents", Effect: s1test.EmptyList()})
	result := c.sync(oneSite)
	require.NoError(t, result.err)
	assert.Positive(t, result.WithheldDeletions["sentinelone_agent"])
	assertSame(t, before, c.graph())
}

func TestGroupsOfASiteThatIsGoneGoWithIt(t *testing.T) {
	t.Parallel()
	c := newConsole(t, s1test.Tenant{Seed: 5, Accounts: 2, Sites: 12, Groups: 24, Agents: 100})
	account := func(o *connector.Options) { o.Config.Accounts = []string{c.AccountID(0)} }
	c.mustSync(account)
	site, groups := c.SiteID(2), []string{c.GroupID(2), c.GroupID(14)}
	// Neither the lists have them any more, nor does a question by ID.
	c.Break(s1test.Fault{Path: "/sites", Effect: s1test.MissingRows(site)})
	c.Break(s1test.Fault{Path: "/sites", Match: with("siteIds"), Effect: s1test.EmptyList()})
	c.Break(s1test.Fault{Path: "/groups", Effect: s1test.MissingRows(groups...)})
	c.Break(s1test.Fault{Path: "/groups", Match: with("groupIds"), Effect: s1test.EmptyList()})
	c.mustSync(account)
	assert.NotContains(t, ofType(c.graph(), "sentinelone_group"), "sentinelone_group:"+groups[0])
	assertSame(t, c.clean(account), c.graph())
}

func TestTheGuardWithholdsDeletionsThatLookLikeAFault(t *testing.T) {
	t.Parallel()
	tenant := busy()
	c := newConsole(t, tenant)
	c.mustSync()
	before := c.graph()
	// All lists of agents, and all questions by ID, come back empty.
	mend := c.Break(s1test.Fault{Path: "/agents", Effect: s1test.EmptyList()})
	result := c.mustSyncInPart()
	assert.EqualValues(t, len(ofType(before, "sentinelone_agent")), result.WithheldDeletions["sentinelone_agent"])
	assert.Len(t, result.WithheldDeletions, 1, "what is derived from agents is not listed again")
	assert.Empty(t, result.changes)
	assertSame(t, before, c.graph())

	allowed := c.mustSync(func(o *connector.Options) { o.AllowMassDelete = true })
	assert.Empty(t, allowed.WithheldDeletions)
	assert.Empty(t, ofType(c.graph(), "sentinelone_agent"))
	assert.Empty(t, ofType(c.graph(), "sentinelone_device"))
	mend()
	c.mustSync()
	assertSame(t, c.clean(), c.graph())
}

func TestAConsoleWithoutInstalledApplicationsIsReadThroughItsInventory(t *testing.T) {
	t.Parallel()
	tenant := small()
	tenant.NoInstalled = true
	c := newConsole(t, tenant)
	c.mustSync()
	assert.NotEmpty(t, ofType(c.graph(), "sentinelone_application"))
	assert.NotEmpty(t, ofType(c.graph(), "sentinelone_device_has_application"))
	requests := c.Requests()["/installed-applications"]
	result := c.mustSync()
	assert.Empty(t, result.changes)
	assert.Equal(t, requests, c.Requests()["/installed-applications"], "the source that was found is kept")
}

func TestASourceOfApplicationsThatFailsLaterIsNotLeftForTheOther(t *testing.T) {
	t.Parallel()
	for state, effect := range map[string]s1test.Effect{"failed": s1test.Status(500), "unavailable": s1test.Status(404)} {
		t.Run(state, func(t *testing.T) {
			t.Parallel()
			c := newConsole(t, small())
			c.mustSync()
			before := c.graph()
			c.Break(s1test.Fault{Path: "/installed-applications", Effect: effect})
			result := c.sync()
			assert.Equal(t, state, result.step("applications").State)
			assert.Zero(t, c.Requests()["/application-management/inventory"])
			assertSame(t, before, c.graph())
		})
	}
}

func TestATokenThatMayNotSayWhatItSeesDeletesNothing(t *testing.T) {
	t.Parallel()
	c := newConsole(t, busy())
	c.mustSync()
	before := c.graph()
	c.SetDay(1)
	mend := c.Break(s1test.Fault{Path: "/user", Effect: s1test.Status(403)})
	c.mustSyncInPart()
	after := c.graph()
	mend()
	assert.Empty(t, lackingUnsaid(before, after, c.clean()))
}

// A user who owns nothing is known by the agent that names him. Once that is gone, nothing keeps him, whatever the token sees.
func TestAUserWhoOwnsNothingGoesWithTheLastAgentThatNamesHim(t *testing.T) {
	t.Parallel()
	const former = s1test.ReinstalledAgent // the newer agent on its device names the owner
	for name, token := range map[string]func(c *console) s1test.Token{
		"of the tenant": func(*console) s1test.Token { return wholeTenant(s1test.DefaultToken) },
		"of an account": func(c *console) s1test.Token {
			return s1test.Token{Value: s1test.DefaultToken, Scope: s1test.ScopeAccount, IDs: []string{c.AccountID(0), c.AccountID(1)}}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tenant := spread()
			tenant.Quiet = true
			c := newConsole(t, tenant)
			c.Accept(token(c))
			c.mustSync()
			before := c.graph()
			c.lose(former, former+1)
			c.mustSync()
			users := lacking(only(before, "sentinelone_user"), c.graph())
			assert.Len(t, users, 1, "the agent named somebody whom no other one names")
			for key := range before {
				assert.False(t, slices.ContainsFunc(users, func(user string) bool { return strings.HasPrefix(key, user+"|owns|") }), "and who owned nothing")
			}
			clean := c.clean()
			assertSame(t, clean, c.graph())
		})
	}
}

// An application whose list failed in the very run in which its device was deleted is on no device any more.
func TestAnApplicationThatLostItsDeviceWhileItsListFailedGoesWithTheNextRun(t *testing.T) {
	t.Parallel()
	ofAccounts := func(c *console) s1test.Token {
		return s1test.Token{Value: s1test.DefaultToken, Scope: s1test.ScopeAccount, IDs: []string{c.AccountID(0), c.AccountID(1)}}
	}
	c := newConsole(t, tenSites())
	c.Accept(ofAccounts(c))
	c.mustSync()
	c.lose(7, 8)
	c.Break(s1test.Fault{Path: "/installed-applications", Effect: s1test.MissingRows(c.InstallationID(7, 0), c.InstallationID(7, 1))})
	mend := c.Break(s1test.Fault{Path: "/installed-applications", Effect: s1test.Status(500)})
	c.mustSyncInPart()
	require.NotEmpty(t, c.onNoDevice())
	mend()
	c.mustSync()
	assert.Empty(t, c.onNoDevice())
	assert.Empty(t, c.mustSync().KeptOutOfScope)

	// Under a scope that is narrowed nobody can say where it was.
	c.lose(13, 14)
	c.Break(s1test.Fault{Path: "/installed-applications", Effect: s1test.MissingRows(c.InstallationID(13, 0), c.InstallationID(13, 1))})
	mend = c.Break(s1test.Fault{Path: "/installed-applications", Effect: s1test.Status(500)})
	c.mustSyncInPart()
	lost := c.onNoDevice()
	require.NotEmpty(t, lost)
	mend()
	narrow := func(o *connector.Options) { o.Config.Sites = []string{c.SiteID(1), c.SiteID(2)} }
	for range 3 {
		require.NoError(t, c.sync(narrow).err)
		assert.Equal(t, lost, c.onNoDevice())
	}
}

// onNoDevice are the keys of the applications that no device has.
func (c *console) onNoDevice() []string {
	records := c.graph()
	lonely := only(records, "sentinelone_application")
	for key := range records {
		if _, to, ok := graph.RelationshipEnds(key); ok {
			delete(lonely, to)
		}
	}
	return slices.Sorted(maps.Keys(lonely))
}

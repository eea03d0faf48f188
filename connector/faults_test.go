package connector_test

import (
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"s1graph/config"
	"s1graph/connector"
	"s1graph/s1"
	"s1graph/s1/s1test"
)

var agentTypes = []string{
	"sentinelone_agent", "sentinelone_agent_has_threat", "sentinelone_agent_protects_device", "sentinelone_device",
	"sentinelone_device_has_application", "sentinelone_group_has_agent", "sentinelone_user", "sentinelone_user_owns_device",
}

// A fault that the client gets over leaves a complete run and the graph of a clean one. Each stands
// in the way of a list for a while.
func TestFaultsThatPassLeaveACompleteRun(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]s1test.Fault{
		"429 with Retry-After":    {Effect: s1test.TooManyRequests("2"), Times: 3},
		"429 without Retry-After": {Effect: s1test.TooManyRequests(""), Times: 3},
		"500 and then fine":       {Effect: s1test.Status(500), Times: 2},
		"cut before the headers":  {Effect: s1test.CutBeforeHeaders(), Times: 2},
		"cut in the headers":      {Effect: s1test.CutInHeaders(), Times: 2},
		"cut after the headers":   {Effect: s1test.CutAfterHeaders(), Times: 2},
		"a page cut off":          {Effect: s1test.CutInBody(), Times: 2},
		"an empty last page":      {Effect: s1test.EmptyLastPage()},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newConsole(t, small())
			for _, path := range []string{"/accounts", "/sites", "/groups", "/agents", "/threats", "/installed-applications", "/user"} {
				fault.Path = path
				c.Break(fault)
			}
			c.mustSync()
			faulty := c.graph()
			assertSame(t, newConsole(t, small()).clean(), faulty)
		})
	}
}

func TestAServerThatStopsSendingIsAskedAgain(t *testing.T) {
	t.Parallel()
	c := newConsole(t, small())
	c.Break(s1test.Fault{Path: "/agents", Effect: s1test.Stall(), Times: 1})
	c.mustSync(func(o *connector.Options) { o.Config.PageDeadline = 3 * time.Second })
	assert.Len(t, ofType(c.graph(), "sentinelone_agent"), c.Totals().Agents)
}

// A fault that stays makes the list's types incomplete, and nothing is deleted however much the tenant
// changes; once it is mended the graph is that of a clean run.
func TestFaultsThatStayDeleteNothing(t *testing.T) {
	t.Parallel()
	threats := []string{"sentinelone_agent_has_threat", "sentinelone_threat"}
	groups := []string{
		"sentinelone_account_has_group", "sentinelone_group", "sentinelone_group_has_agent", "sentinelone_site_has_group",
	}
	for name, test := range map[string]struct {
		fault      s1test.Fault
		state      string
		incomplete []string
	}{
		"500 for ever":            {s1test.Fault{Path: "/threats", Effect: s1test.Status(500)}, "failed", threats},
		"cut for ever":            {s1test.Fault{Path: "/threats", Effect: s1test.CutInBody()}, "failed", threats},
		"HTML with 200":           {s1test.Fault{Path: "/agents", Effect: s1test.HTML()}, "failed", agentTypes},
		"403":                     {s1test.Fault{Path: "/threats", Effect: s1test.Status(403)}, "refused", threats},
		"404":                     {s1test.Fault{Path: "/groups", Effect: s1test.Status(404)}, "failed", groups},
		"an empty list":           {s1test.Fault{Path: "/agents", Effect: s1test.EmptyList(), Match: notByID}, "failed", agentTypes},
		"a page without its rows": {s1test.Fault{Path: "/agents", Effect: s1test.EmptyPage()}, "failed", agentTypes},
		"questions by ID fail":    {s1test.Fault{Path: "/agents", Effect: s1test.Status(500), Match: byID}, "failed", agentTypes},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newConsole(t, small())
			c.mustSync()
			before := c.graph()
			c.SetDay(1)
			mend := c.Break(test.fault)
			result := c.mustSyncInPart()
			assert.Equal(t, test.incomplete, result.IncompleteTypes)
			step := result.step(stepOf(test.fault.Path))
			assert.Equal(t, test.state, step.State)
			assert.NotEmpty(t, step.Error)
			after := c.graph()
			mend()
			c.mustSync()
			clean := c.clean()
			assertSame(t, clean, c.graph())
			for _, name := range test.incomplete {
				assert.Empty(t, lackingUnsaid(only(before, name), after, clean), "of the incomplete %s", name)
			}
		})
	}
}

// What the tests of several chains and pages go by.
func TestThePagedTenantIsReadInSeveralChainsOfSeveralPages(t *testing.T) {
	t.Parallel()
	c := newPaged(t)
	var mu sync.Mutex
	pages := make(map[string]int) // by chain
	c.OnRequest(func(r request) {
		if r.URL.Path == s1test.Base+"/agents" && ofChain(r) {
			mu.Lock()
			defer mu.Unlock()
			pages[r.URL.Query().Get("siteIds")]++
		}
	})
	c.mustSync()
	assert.Len(t, pages, 2)
	for chain, n := range pages {
		assert.Greater(t, n, 1, chain)
	}
}

// Lists of several pages, read in several chains.
func TestListsThatAreNotWholeDeleteNothing(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]s1test.Fault{
		"an empty page without a cursor in the middle": {Effect: s1test.EmptyPage(), Match: withCursor},
		"a list that ends early":                       {Effect: s1test.EndEarly(), Match: ofRows},
		"a cursor that repeats":                        {Effect: s1test.RepeatCursor()},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newPaged(t)
			c.mustSync()
			before := c.graph()
			fault.Path = "/agents"
			c.Break(fault)
			result := c.mustSyncInPart()
			assert.Equal(t, agentTypes, result.IncompleteTypes)
			assert.Empty(t, lacking(before, c.graph()))
		})
	}
}

func TestAgentsThatNoChainGaveAreReadOnceMoreWithoutChains(t *testing.T) {
	t.Parallel()
	c := newPaged(t)
	c.mustSync()
	before := c.graph()
	c.Break(s1test.Fault{Path: "/agents", Effect: s1test.EmptyList(), Match: ofChain, After: 1, Times: 1})
	c.mustSync()
	assertSame(t, before, c.graph())
}

func TestAChainOfApplicationsThatComesBackEmptyDeletesNothing(t *testing.T) {
	t.Parallel()
	c := newPaged(t, func(tenant *s1test.Tenant) { tenant.Agents, tenant.ApplicationsPerAgent = 40, 6 })
	c.mustSync()
	before := c.graph()
	c.Break(s1test.Fault{Path: "/installed-applications", Effect: s1test.EmptyList(), Match: ofChain, After: 1, Times: 1})
	c.mustSync()
	assertSame(t, before, c.graph())

	// Without chains the list is not whole either.
	c.Break(s1test.Fault{Path: "/installed-applications", Effect: s1test.EmptyList(), Match: ofChain, After: 1})
	c.Break(s1test.Fault{Path: "/installed-applications", Effect: s1test.EndEarly(), Match: withoutChain})
	result := c.mustSyncInPart()
	assert.Equal(t, []string{"sentinelone_application", "sentinelone_device_has_application"}, result.IncompleteTypes)
	assert.Empty(t, lacking(before, c.graph()))
}

func TestAnAgentMissingFromTheListThatAnswersByIDStays(t *testing.T) {
	t.Parallel()
	c := newConsole(t, small())
	c.mustSync()
	before := c.graph()
	c.Break(s1test.Fault{Path: "/agents", Effect: s1test.MissingRows(c.AgentID(3), c.AgentID(4))})
	result := c.mustSync()
	assert.Empty(t, result.changes)
	assertSame(t, before, c.graph())
}

func TestManyAgentsMissingFromTheListThatAnswerByIDMakeItIncomplete(t *testing.T) {
	t.Parallel()
	c := newConsole(t, small())
	c.mustSync()
	before := c.graph()
	var hidden []string
	for n := range 10 {
		hidden = append(hidden, c.AgentID(n))
	}
	c.Break(s1test.Fault{Path: "/agents", Effect: s1test.MissingRows(hidden...)})
	result := c.sync()
	assert.Equal(t, connector.Partial, result.Status)
	assert.Equal(t, agentTypes, result.IncompleteTypes)
	assert.Empty(t, lacking(before, c.graph()))
}

func TestGroupsFailingCostNoAgents(t *testing.T) {
	t.Parallel()
	c := newConsole(t, small())
	c.Break(s1test.Fault{Path: "/groups", Effect: s1test.Status(500)})
	result := c.mustSyncInPart()
	assert.Equal(t, "ok", result.step("agents").State)
	assert.Len(t, ofType(c.graph(), "sentinelone_agent"), c.Totals().Agents)
	assert.Zero(t, result.DanglingRelationships, "what lacks an end because its list failed is not dangling")
}

func TestARenewedTokenFileIsReadAgain(t *testing.T) {
	t.Parallel()
	c := newConsole(t, small())
	file := filepath.Join(t.TempDir(), "token")
	require.NoError(t, os.WriteFile(file, []byte(s1test.DefaultToken+"\n"), 0o600))
	fromFile := func(o *connector.Options) {
		o.Config.Token, o.Config.TokenFile = config.Secret{}, file
	}
	c.mustSync(fromFile)
	require.NoError(t, os.WriteFile(file, []byte("renewed\n"), 0o600))
	c.Accept(s1test.Token{Value: "renewed"})
	c.mustSync(fromFile)
}

func TestATokenCommandIsRunAgainWhenTheConsoleRefusesItsToken(t *testing.T) {
	t.Parallel()
	c := newConsole(t, small())
	file := filepath.Join(t.TempDir(), "token")
	byCommand := func(o *connector.Options) {
		o.Config.Token, o.Config.TokenCommand = config.Secret{}, []string{"cat", file}
	}
	require.NoError(t, os.WriteFile(file, []byte(s1test.DefaultToken+"\n"), 0o600))
	c.mustSync(byCommand)
	require.NoError(t, os.Remove(file))
	c.mustSync(byCommand) // the console takes the token that was had

	c.Accept(s1test.Token{Value: "renewed"})
	failed := c.sync(byCommand)
	require.ErrorContains(t, failed.err, "token command cat: it ended with exit status 1: run it by hand")
	assert.Empty(t, failed.Run)
	require.NoError(t, os.WriteFile(file, []byte("renewed\n"), 0o600))
	c.mustSync(byCommand)
}

func TestARevokedTokenEndsTheRunAndCommitsNothing(t *testing.T) {
	t.Parallel()
	c := newConsole(t, small())
	c.mustSync()
	before := readFiles(t, filepath.Join(c.dir, "graph"))
	for _, path := range []string{"/user", "/agents"} {
		mend := c.Break(s1test.Fault{Path: path, Effect: s1test.Status(401)})
		result := c.sync()
		require.Error(t, result.err)
		assert.True(t, s1.IsUnauthorized(result.err))
		assert.Contains(t, result.err.Error(), "look whether the token is whole")
		assert.NotContains(t, result.err.Error(), s1test.DefaultToken)
		assert.Equal(t, connector.Failed, result.Status)
		assert.Empty(t, result.Run)
		mend()
	}
	assert.Equal(t, before, readFiles(t, filepath.Join(c.dir, "graph")))
}

func TestARunThatCanReadNothingFails(t *testing.T) {
	t.Parallel()
	c := newConsole(t, small())
	for _, path := range slices.Concat(allLists, []string{"/application-management/inventory"}) {
		c.Break(s1test.Fault{Path: path, Effect: s1test.Status(500)})
	}
	result := c.sync()
	require.ErrorContains(t, result.err, "no step could be read")
	assert.Equal(t, connector.Failed, result.Status)
	assert.NoFileExists(t, filepath.Join(c.dir, "current"))
}

func TestARedirectToAnotherHostDoesNotGetTheToken(t *testing.T) {
	t.Parallel()
	c := newConsole(t, small())
	other := newConsole(t, small())
	c.Break(s1test.Fault{Path: "/threats", Effect: s1test.RedirectTo(other.url)})
	result := c.sync()
	require.NoError(t, result.err)
	assert.Equal(t, "failed", result.step("threats").State)
	assert.Empty(t, other.Requests(), "requests that reached the other host")
}

func TestMoreThanAThousandAccountsAreAllSeen(t *testing.T) {
	t.Parallel()
	c := newConsole(t, s1test.Tenant{Seed: 3, Accounts: 1200, Agents: 10})
	c.mustSync()
	assert.Len(t, ofType(c.graph(), "sentinelone_account"), 1200)
}

func TestRowsThatComeTwiceBecauseTheTenantMovedCountOnce(t *testing.T) {
	t.Parallel()
	c := newPaged(t)
	c.Break(s1test.Fault{Path: "/agents", Effect: s1test.RepeatedRows(3)})
	c.mustSync()
	groups := make(map[string]int)
	for key := range c.graph() {
		if from, to, ok := ends(key, "sentinelone_group"); ok && from != "" {
			groups[to]++
		}
	}
	for agent, n := range groups {
		assert.Equal(t, 1, n, "groups of %s", agent)
	}
}

func byID(r request) bool         { return r.URL.Query().Has("ids") }
func notByID(r request) bool      { return !byID(r) }
func withCursor(r request) bool   { return r.URL.Query().Has("cursor") }
func ofRows(r request) bool       { return s1test.Rows(r) && !byID(r) }
func withoutChain(r request) bool { return ofRows(r) && !ofChain(r) }
func ofChain(r request) bool      { return ofRows(r) && r.URL.Query().Has("siteIds") }

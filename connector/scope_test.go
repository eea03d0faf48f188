package connector_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"s1graph/config"
	"s1graph/connector"
	"s1graph/s1/s1test"
)

// siteToken is a token of one site.
func (c *console) siteToken(site int) func(*connector.Options) {
	c.Accept(s1test.Token{Value: s1test.DefaultToken}, s1test.Token{Value: "of-a-site", Scope: s1test.ScopeSite, IDs: []string{c.SiteID(site)}})
	return func(o *connector.Options) { o.Config.Token = config.NewSecret("of-a-site") }
}

func TestATokenOfASiteMakesItsAccountOfWhatTheSiteSays(t *testing.T) {
	c := newConsole(t, busy())
	result := c.mustSync(c.siteToken(0))
	assert.Equal(t, "ok", result.step("accounts").State)
	assert.Len(t, ofType(c.graph(), "sentinelone_account"), 1)
	assert.Len(t, ofType(c.graph(), "sentinelone_site"), 1)
	assert.NotEmpty(t, ofType(c.graph(), "sentinelone_agent"))
}

func TestATokenNarrowedToOneSiteKeepsWhatLiesOutside(t *testing.T) {
	c := newConsole(t, busy())
	c.mustSync()
	before := c.graph()
	narrowed := c.siteToken(0)
	result := c.sync(narrowed)
	require.NoError(t, result.err)
	assert.Equal(t, connector.Partial, result.Status, "the first run that sees less says so")
	assert.Empty(t, result.IncompleteTypes)
	assert.Empty(t, result.changes)
	assert.Equal(t, before, c.graph())

	second := c.mustSync(narrowed)
	assert.Empty(t, second.changes)
	assert.Equal(t, before, c.graph())

	c.SetDay(1)
	c.mustSync(narrowed)
	inside := lacking(before, c.graph())
	for _, gone := range inside {
		assert.Contains(t, before, gone)
	}
	result = c.mustSync()
	assert.Equal(t, c.clean(), c.graph(), "once the scope is wide again all is judged again")
}

func TestConfiguredSitesLimitWhatIsReadAndWhatIsJudged(t *testing.T) {
	c := newConsole(t, busy())
	c.mustSync()
	before := c.graph()
	oneSite := func(o *connector.Options) { o.Config.Sites = []string{c.SiteID(1)} }
	result := c.sync(oneSite)
	require.NoError(t, result.err)
	assert.Equal(t, connector.Partial, result.Status)
	assert.Equal(t, before, c.graph())
	c.mustSync(oneSite)
	assert.Equal(t, before, c.graph())
}

func TestTheGuardWithholdsDeletionsThatLookLikeAFault(t *testing.T) {
	tenant := busy()
	c := newConsole(t, tenant)
	c.mustSync()
	before := c.graph()
	// All lists of agents, and all questions by ID, come back empty.
	mend := c.Break(s1test.Fault{Path: "/agents", Effect: s1test.EmptyList()})
	result := c.sync()
	require.NoError(t, result.err)
	assert.Equal(t, connector.Partial, result.Status)
	assert.EqualValues(t, len(ofType(before, "sentinelone_agent")), result.WithheldDeletions["sentinelone_agent"])
	assert.Len(t, result.WithheldDeletions, 1, "what is derived from agents is not listed again")
	assert.Empty(t, result.changes)
	assert.Equal(t, before, c.graph())

	allowed := c.mustSync(func(o *connector.Options) { o.AllowMassDelete = true })
	assert.Empty(t, allowed.WithheldDeletions)
	assert.Empty(t, ofType(c.graph(), "sentinelone_agent"))
	assert.Empty(t, ofType(c.graph(), "sentinelone_device"))
	mend()
	c.mustSync()
	assert.Equal(t, c.clean(), c.graph())
}

func TestAConsoleWithoutInstalledApplicationsIsReadThroughItsInventory(t *testing.T) {
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

func TestASourceOfApplicationsThatFailsLaterIsAFault(t *testing.T) {
	c := newConsole(t, small())
	c.mustSync()
	before := c.graph()
	c.Break(s1test.Fault{Path: "/installed-applications", Effect: s1test.Status(404)})
	result := c.sync()
	assert.Equal(t, "failed", result.step("applications").State)
	assert.Equal(t, []string{"sentinelone_application", "sentinelone_device_has_application"}, result.IncompleteTypes)
	assert.Equal(t, before, c.graph())
}

func TestATokenThatMayNotSayWhatItSeesDeletesNothing(t *testing.T) {
	c := newConsole(t, busy())
	c.mustSync()
	before := c.graph()
	c.SetDay(1)
	c.Break(s1test.Fault{Path: "/user", Effect: s1test.Status(403)})
	result := c.sync()
	require.NoError(t, result.err)
	assert.Equal(t, connector.Partial, result.Status)
	assert.Empty(t, lacking(before, c.graph()))
}

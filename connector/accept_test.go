package connector_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"s1graph/connector"
	"s1graph/s1"
	"s1graph/s1/s1test"
)

// crowd is a tenant of which the guard withholds a part where some dozens of agents go.
func crowd() s1test.Tenant {
	return s1test.Tenant{Seed: 5, Accounts: 2, Sites: 4, Groups: 12, Agents: 250, Threats: 60, ApplicationsPerAgent: 1}
}

// accept is what somebody does who knows that what the guard withheld in the last run is really gone.
func (c *console) accept() connector.Withheld {
	c.t.Helper()
	withheld, err := connector.ReadWithheld(c.options().Config)
	require.NoError(c.t, err)
	require.NotEmpty(c.t, withheld.Deletions)
	require.NoError(c.t, connector.AcceptDeletions(c.options().Config, withheld, false))
	return withheld
}

// acceptOutOfScope is the same for what is out of scope.
func (c *console) acceptOutOfScope() connector.Withheld {
	c.t.Helper()
	withheld, err := connector.ReadWithheld(c.options().Config)
	require.NoError(c.t, err)
	require.NotEmpty(c.t, withheld.OutOfScope)
	require.NoError(c.t, connector.AcceptDeletions(c.options().Config, withheld, true))
	return withheld
}

// lose makes the console know nothing of some agents any more, neither in its lists nor by ID.
func (c *console) lose(from, to int) (mend func()) {
	var ids []string
	for n := from; n < to; n++ {
		ids = append(ids, c.AgentID(n))
	}
	list := c.Break(s1test.Fault{Path: "/agents", Effect: s1test.MissingRows(ids...), Match: notByID})
	question := c.Break(s1test.Fault{Path: "/agents", Effect: s1test.EmptyList(), Match: byID})
	return func() { list(); question() }
}

func (c *console) loseThreats() (mend func()) {
	return c.Break(s1test.Fault{Path: "/threats", Effect: s1test.EmptyList()})
}

// thatLostThreats is a console whose threats are gone since the first run.
func thatLostThreats(t *testing.T, tenant s1test.Tenant) *console {
	t.Helper()
	c := newConsole(t, tenant)
	c.mustSync()
	c.loseThreats()
	return c
}

// agentKeys are the keys of some agents.
func (c *console) agentKeys(from, to int) []string {
	var keys []string
	for n := from; n < to; n++ {
		keys = append(keys, "sentinelone_agent:"+c.AgentID(n))
	}
	return keys
}

// The case of issue 10: threats were accepted, and the next run saw 7 of 8 sites.
func TestAcceptedThreatsReleaseNothingThatLiesOutOfScope(t *testing.T) {
	t.Parallel()
	c := newConsole(t, spread())
	c.mustSync()
	full := c.graph()
	c.loseThreats()
	require.Equal(t, connector.Partial, c.sync().Status)
	assert.EqualValues(t, 40, c.accept().Deletions[0].Number)

	narrowed := c.sync(func(o *connector.Options) {
		for site := range 7 {
			o.Config.Sites = append(o.Config.Sites, c.SiteID(site))
		}
	})
	require.NoError(t, narrowed.err)
	assert.Positive(t, narrowed.KeptOutOfScope["sentinelone_agent"])
	gone := lackingThough(full, c.graph())
	assert.NotEmpty(t, gone)
	assert.Subset(t, ofType(full, "sentinelone_threat"), gone)
	outOfScope := narrowed.KeptOutOfScope["sentinelone_threat"]
	assert.Positive(t, outOfScope)
	assert.EqualValues(t, 40-len(gone), outOfScope, "what is out of scope could not be evaluated")

	wide := c.mustSync()
	assert.EqualValues(t, outOfScope, wide.Changes["sentinelone_threat"].Deleted, "what was accepted waited")
	assertSame(t, c.clean(), c.graph())
}

func TestWithWhatWasAcceptedGoesWhatWasMadeOfItAlone(t *testing.T) {
	t.Parallel()
	for name, tenant := range map[string]s1test.Tenant{"a tenant": crowd(), "an awkward tenant": spread()} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newConsole(t, tenant)
			c.mustSync()
			before := c.graph()
			c.lose(0, tenant.Agents*3/10)
			var lost []string
			for _, key := range c.agentKeys(0, tenant.Agents*3/10) {
				if before[key] != "" { // the awkward tenant lists not all
					lost = append(lost, key)
				}
			}
			partial := c.sync()
			require.Equal(t, connector.Partial, partial.Status)
			assert.Equal(t, map[string]int64{"sentinelone_agent": int64(len(lost))}, partial.WithheldDeletions, "what is derived is not listed again")
			assertSame(t, before, c.graph())
			accepted := c.accept()
			require.Len(t, accepted.Deletions, 1)
			assert.Equal(t, "sentinelone_agent", accepted.Deletions[0].Type)
			assert.EqualValues(t, len(lost), accepted.Deletions[0].Number)
			assert.Subset(t, lost, accepted.Deletions[0].Keys)

			passed := c.mustSync()
			assert.EqualValues(t, len(lost), passed.Changes["sentinelone_agent"].Deleted)
			assert.Positive(t, passed.Changes["sentinelone_device"].Deleted)
			assert.Positive(t, passed.Changes["sentinelone_user"].Deleted)
			assertSame(t, c.clean(), c.graph())
			assert.Empty(t, c.mustSync().changes)
		})
	}
}

// Installations may outlive their agent in the console's list by a run.
func TestApplicationsThatWereOnAcceptedDevicesAloneGoWithThem(t *testing.T) {
	t.Parallel()
	c := newConsole(t, s1test.Tenant{Seed: 5, Sites: 4, Groups: 8, Agents: 60, ApplicationsPerAgent: 6, Catalog: 3000})
	c.mustSync()
	c.lose(0, 20)
	require.Equal(t, connector.Partial, c.sync().Status)
	c.accept()
	c.Break(s1test.Fault{Path: "/installed-applications", Effect: s1test.MissingRows(c.installations(0, 20)...)})
	passed := c.mustSync()
	assert.Greater(t, passed.Changes["sentinelone_application"].Deleted, int64(10))
	assertSame(t, c.clean(), c.graph())
}

func TestApplicationsThatAreOnOtherDevicesTooAreEvaluatedByTheGuard(t *testing.T) {
	t.Parallel()
	c := newConsole(t, crowd())
	c.mustSync()
	c.lose(0, 75)
	require.Equal(t, connector.Partial, c.sync().Status)
	c.accept()
	before := c.graph()
	c.Break(s1test.Fault{Path: "/installed-applications", Effect: s1test.EmptyList()})
	result := c.sync()
	require.NoError(t, result.err)
	assert.EqualValues(t, 75, result.Changes["sentinelone_agent"].Deleted)
	kept := result.WithheldDeletions["sentinelone_application"]
	assert.Positive(t, kept)
	assert.EqualValues(t, len(ofType(before, "sentinelone_application")), kept+result.Changes["sentinelone_application"].Deleted)
}

func TestOnlyWhatWasAcceptedPassesAndItDoesNotCountForTheGuard(t *testing.T) {
	t.Parallel()
	c := newConsole(t, crowd()) // 250 agents
	c.mustSync()
	mend := c.lose(0, 60)
	require.Equal(t, connector.Partial, c.sync().Status)
	c.accept()
	mend()

	// 50 of them are still missing, and another 60, which nobody accepted.
	mend = c.lose(10, 120)
	result := c.mustSyncInPart()
	assert.Equal(t, map[string]int64{"sentinelone_agent": 60}, result.WithheldDeletions)
	agents := ofType(c.graph(), "sentinelone_agent")
	assert.Len(t, agents, 200)
	assert.Subset(t, agents, c.agentKeys(0, 10), "those are back")
	assert.Subset(t, agents, c.agentKeys(60, 120))
	devices := ofType(c.graph(), "sentinelone_device")
	mend()

	// What was back is accepted no more, and what was withheld is listed again.
	mend = c.lose(0, 120)
	again := c.sync()
	assert.Equal(t, map[string]int64{"sentinelone_agent": 70}, again.WithheldDeletions)
	assert.Equal(t, devices, ofType(c.graph(), "sentinelone_device"))
	c.accept()
	c.mustSync()
	assertSame(t, c.clean(), c.graph())
	mend()

	// 50 agents that nobody accepted are 20 % of 250, but not of what is left beside the accepted ones.
	c.mustSync()
	mend = c.lose(0, 60)
	c.sync()
	c.accept()
	mend()
	c.lose(0, 110)
	beside := c.sync()
	assert.Equal(t, map[string]int64{"sentinelone_agent": 50}, beside.WithheldDeletions)
}

func TestAllOfATypePassesOnceItIsAccepted(t *testing.T) {
	t.Parallel()
	c := newConsole(t, spread())
	c.mustSync()
	full := c.graph()
	noAgents := s1test.Fault{Path: "/agents", Effect: s1test.EmptyList()}
	mend := c.Break(noAgents)
	require.Equal(t, connector.Partial, c.sync().Status)
	c.accept()
	c.mustSync()
	assert.Empty(t, ofType(c.graph(), "sentinelone_agent"))
	assert.Empty(t, ofType(c.graph(), "sentinelone_device"))
	assert.Empty(t, ofType(c.graph(), "sentinelone_user"))

	mend()
	c.mustSync()
	assertSame(t, c.clean(), c.graph())
	c.Break(noAgents)
	assert.EqualValues(t, len(ofType(full, "sentinelone_agent")), c.sync().WithheldDeletions["sentinelone_agent"], "it was accepted once")
	assertSame(t, full, c.graph())
}

func TestWithheldRelationshipsAreAcceptedByTheirKeys(t *testing.T) {
	t.Parallel()
	c := newConsole(t, s1test.Tenant{Seed: 5, Sites: 4, Groups: 8, Agents: 60, ApplicationsPerAgent: 12, Catalog: 20})
	c.mustSync()
	before := c.graph()
	c.Break(s1test.Fault{Path: "/installed-applications", Effect: s1test.MissingRows(c.installations(0, 30)...)})
	partial := c.sync()
	const edge = "sentinelone_device_has_application"
	n := partial.WithheldDeletions[edge]
	require.Positive(t, n)
	require.Len(t, partial.WithheldDeletions, 1)
	assertSame(t, before, c.graph())
	accepted := c.accept()
	require.Len(t, accepted.Deletions, 1)
	assert.Equal(t, n, accepted.Deletions[0].Number)
	assert.Equal(t, n, c.mustSync().Changes[edge].Deleted)
	assertSame(t, c.clean(), c.graph())
}

// installations are the IDs of the rows of the applications of some agents.
func (c *console) installations(from, to int) []string {
	c.t.Helper()
	agents := make(map[string]bool)
	for n := from; n < to; n++ {
		agents[c.AgentID(n)] = true
	}
	client, err := connector.NewClient(c.options().Config, nil)
	require.NoError(c.t, err)
	defer client.Close()
	var ids []string
	for page, err := range s1.Pages(c.t.Context(), client, s1.InstalledApplications, nil) {
		require.NoError(c.t, err)
		for _, row := range page.Rows {
			if agents[row.AgentID] {
				ids = append(ids, row.ID)
			}
		}
	}
	require.NotEmpty(c.t, ids)
	return ids
}

func TestWhatLiesOutOfScopeGoesWhenThatIsAccepted(t *testing.T) {
	t.Parallel()
	c := newConsole(t, spread())
	c.mustSync()
	narrowed := func(o *connector.Options) { o.Config.Sites = []string{c.SiteID(0)} }
	first := c.sync(narrowed)
	require.Equal(t, connector.Partial, first.Status)
	kept := make(map[string]int64)
	for _, k := range c.acceptOutOfScope().OutOfScope {
		kept[k.Type] = k.Number
	}
	assert.Equal(t, first.KeptOutOfScope, kept)
	result := c.mustSync(narrowed)
	assert.Empty(t, result.KeptOutOfScope)
	assertSame(t, c.clean(narrowed), c.graph())
}

func TestWhatTheGuardWithheldAndWhatLiesOutOfScopeAreAcceptedApart(t *testing.T) {
	t.Parallel()
	c := newConsole(t, spread())
	c.mustSync()
	narrowed := func(o *connector.Options) { o.Config.Sites = []string{c.SiteID(0), c.SiteID(1), c.SiteID(2)} }
	c.loseThreats()
	before := c.sync(narrowed)
	require.Positive(t, before.WithheldDeletions["sentinelone_threat"])
	require.Positive(t, before.KeptOutOfScope["sentinelone_threat"])
	c.accept()
	guarded := c.mustSync(narrowed)
	assert.Equal(t, before.WithheldDeletions["sentinelone_threat"], guarded.Changes["sentinelone_threat"].Deleted)
	assert.Equal(t, before.KeptOutOfScope, guarded.KeptOutOfScope)
	c.acceptOutOfScope()
	assert.Empty(t, c.mustSync(narrowed).KeptOutOfScope)
	assertSame(t, c.clean(narrowed), c.graph())
}

// A store that comes back within a week finds what it may let go.
func TestRunsListWhatWasReleasedForAWeek(t *testing.T) {
	t.Parallel()
	c := newConsole(t, small())
	start := time.Now()
	after := func(days int) func(*connector.Options) {
		return func(o *connector.Options) { o.Clock = func() time.Time { return start.AddDate(0, 0, days) } }
	}
	c.mustSync(after(0))
	c.loseThreats()
	c.sync(after(0))
	c.accept()
	c.mustSync(after(0))
	released := filepath.Join(c.dir, "current", "released.jsonl")
	for _, day := range []int{3, 7} {
		c.mustSync(after(day))
		content, err := os.ReadFile(released)
		require.NoError(t, err)
		assert.Equal(t, 30, strings.Count(string(content), "\n"))
	}
	c.mustSync(after(8))
	assert.NoFileExists(t, released)
}

func TestTheSummarySaysWhenTheTokenExpires(t *testing.T) {
	t.Parallel()
	c := newConsole(t, small())
	result := c.mustSync()
	user, err := connector.NewClient(c.options().Config, nil)
	require.NoError(t, err)
	defer user.Close()
	answer, err := user.User(t.Context())
	require.NoError(t, err)
	assert.Equal(t, int64(answer.APIToken.ExpiresAt), result.TokenExpiresAt.UnixMilli())
}

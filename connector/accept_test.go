package connector_test

import (
	"context"
	"math/rand/v2"
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

func TestWhatWasAcceptedWaitsUntilItsListIsReadWhole(t *testing.T) {
	t.Parallel()
	for name, unread := range map[string]func(c *console, o *connector.Options) (mend func()){
		"the list fails": func(c *console, _ *connector.Options) func() {
			return c.Break(s1test.Fault{Path: "/threats", Effect: s1test.Status(500)})
		},
		"the list is refused": func(c *console, _ *connector.Options) func() {
			return c.Break(s1test.Fault{Path: "/threats", Effect: s1test.Status(403)})
		},
		"the list is skipped": func(_ *console, o *connector.Options) func() {
			o.Config.Skip = []string{"threats"}
			return func() {}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newConsole(t, crowd())
			c.mustSync()
			threats := ofType(c.graph(), "sentinelone_threat")
			c.loseThreats()
			c.lose(0, 60)
			require.Len(t, c.sync().WithheldDeletions, 2)
			c.accept()
			mend := func() {}
			for range 2 {
				result := c.sync(func(o *connector.Options) { mend = unread(c, o) })
				require.NoError(t, result.err)
				assert.Len(t, ofType(c.graph(), "sentinelone_agent"), 190, "the other part passes")
				assert.Equal(t, threats, ofType(c.graph(), "sentinelone_threat"))
				assert.Contains(t, strings.Join(result.Notices, "\n"), "Waiting for a run that reads all of their list: 60 accepted deletions of sentinelone_threat.")
				withheld, err := connector.ReadWithheld(c.options().Config)
				require.NoError(t, err)
				require.Len(t, withheld.Waiting, 1)
				assert.EqualValues(t, 60, withheld.Waiting[0].Number)
				mend()
			}
			passed := c.mustSync()
			assert.Empty(t, passed.Notices)
			assert.Empty(t, ofType(c.graph(), "sentinelone_threat"))
			assertSame(t, c.clean(), c.graph())
		})
	}
}

func TestWhatIsBackInAListThatWasNotReadWholeIsAcceptedNoMore(t *testing.T) {
	t.Parallel()
	c := newConsole(t, crowd())
	c.mustSync()
	mend := c.lose(0, 60)
	c.sync()
	c.accept()
	mend()
	unanswered := c.Break(s1test.Fault{Path: "/agents", Effect: s1test.Status(500), Match: byID})
	mend = c.lose(0, 1)
	assert.Equal(t, "failed", c.sync().step("agents").State)
	unanswered()
	mend()

	c.lose(0, 60)
	result := c.sync()
	assert.Equal(t, map[string]int64{"sentinelone_agent": 59}, result.WithheldDeletions)
	assert.EqualValues(t, 1, result.Changes["sentinelone_agent"].Deleted)
}

// A process that is killed at any moment neither loses what was accepted nor lets anything else go.
func TestKilledAtRandomMomentsOnlyWhatWasAcceptedGoes(t *testing.T) {
	t.Parallel()
	c := newConsole(t, small())
	c.mustSync()
	full := c.graph()
	c.loseThreats()
	c.sync()
	c.accept()
	started := time.Now()
	require.NoError(t, c.child("S1GRAPH_TEST_DRY=1").Run())
	whole := time.Since(started)
	random := rand.New(rand.NewPCG(3, 4))
	for range 8 {
		child := c.child()
		require.NoError(t, child.Start())
		moment := time.AfterFunc(time.Duration(random.Float64()*float64(whole)), func() { _ = child.Process.Kill() })
		_ = child.Wait() // killed, or done before
		moment.Stop()
		gone := lackingThough(full, c.graph())
		if len(gone) > 0 {
			assert.Equal(t, ofType(full, "sentinelone_threat"), gone)
		}
	}
	c.mustSync()
	assertSame(t, c.clean(), c.graph())
}

func TestWhatIsAcceptedWhileARunIsUnderWayHoldsForTheNextOne(t *testing.T) {
	t.Parallel()
	c := thatLostThreats(t, crowd())
	c.sync()
	meanwhile := c.sync(func(o *connector.Options) {
		o.Progress = func(e connector.Event) {
			if e.Step == "agents" && e.State == "ok" {
				c.accept()
			}
		}
	})
	assert.EqualValues(t, 60, meanwhile.WithheldDeletions["sentinelone_threat"])
	c.mustSync()
	assert.Empty(t, ofType(c.graph(), "sentinelone_threat"))
}

func TestARunThatEndsBeforeItCommitsLosesNoAcceptance(t *testing.T) {
	t.Parallel()
	c := thatLostThreats(t, crowd())
	c.sync()
	c.accept()
	ctx, interrupt := context.WithCancel(t.Context())
	o := c.options()
	o.Progress = func(e connector.Event) {
		if e.Step == "threats" && e.State == "ok" {
			interrupt()
		}
	}
	_, err := connector.Sync(ctx, o)
	require.ErrorIs(t, err, context.Canceled)
	c.mustSync(func(o *connector.Options) { o.DryRun = true })
	assert.NotEmpty(t, ofType(c.graph(), "sentinelone_threat"))
	c.mustSync()
	assert.Empty(t, ofType(c.graph(), "sentinelone_threat"))
}

// A process that is killed between its commit and the removal of what was accepted leaves the file behind.
func TestAnAcceptanceThatIsLeftBehindPassesNothingTwice(t *testing.T) {
	t.Parallel()
	c := newConsole(t, crowd())
	c.mustSync()
	mend := c.lose(0, 60)
	c.sync()
	c.accept()
	files, err := filepath.Glob(filepath.Join(c.dir, "accepted", "*"))
	require.NoError(t, err)
	require.Len(t, files, 1)
	content, err := os.ReadFile(files[0])
	require.NoError(t, err)
	mend()
	c.mustSync() // they are back
	require.NoFileExists(t, files[0])
	require.NoError(t, os.WriteFile(files[0], content, 0o600))

	c.lose(0, 60)
	assert.EqualValues(t, 60, c.sync().WithheldDeletions["sentinelone_agent"])
	assert.NoFileExists(t, files[0])
}

func TestWhatAnEarlierVersionAcceptedIsVoidAndSaidSo(t *testing.T) {
	t.Parallel()
	c := thatLostThreats(t, crowd())
	withheld := c.sync()
	accepted := filepath.Join(c.dir, "accepted.json")
	require.NoError(t, os.WriteFile(accepted, []byte(`{"run":"`+withheld.Run+`","deletions":{"sentinelone_threat":60},"outside":{}}`), 0o600))
	result := c.sync()
	require.NoError(t, result.err)
	assert.EqualValues(t, 60, result.WithheldDeletions["sentinelone_threat"])
	assert.Contains(t, strings.Join(result.Notices, "\n"), "run s1graph accept-deletions again")
	assert.NoFileExists(t, accepted)
}

func TestAnAcceptanceThatCannotBeReadIsSaidAndHoldsNothingUp(t *testing.T) {
	t.Parallel()
	for name, spoilt := range map[string]func(content string) string{
		"cut off": func(content string) string { return content[:100] },
		"out of order": func(content string) string {
			first, rest, _ := strings.Cut(content, "\n")
			return rest + first + "\n"
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := thatLostThreats(t, crowd())
			c.sync()
			c.accept()
			files, err := filepath.Glob(filepath.Join(c.dir, "accepted", "*"))
			require.NoError(t, err)
			content, err := os.ReadFile(files[0])
			require.NoError(t, err)
			require.NoError(t, os.WriteFile(files[0], []byte(spoilt(string(content))), 0o600))
			result := c.sync()
			require.NoError(t, result.err)
			assert.EqualValues(t, 60, result.WithheldDeletions["sentinelone_threat"])
			assert.Contains(t, strings.Join(result.Notices, "\n"), "cannot be read")
			c.accept()
			c.mustSync()
			assert.Empty(t, ofType(c.graph(), "sentinelone_threat"))
		})
	}
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

package connector_test

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"s1graph/config"
	"s1graph/connector"
	"s1graph/graph"
	"s1graph/graph/jsonstore"
	"s1graph/s1/s1test"
	"s1graph/steps"
)

var morning = time.Date(2026, 11, 29, 6, 0, 0, 0, time.UTC)

// polled is a run that reads what is due, so long after the morning, of an instance that is polled every five minutes.
func polled(after time.Duration, every map[string]time.Duration) func(*connector.Options) {
	return func(o *connector.Options) {
		o.Due, o.Clock, o.Config.Every = true, func() time.Time { return morning.Add(after) }, every
		o.Config.Interval, _ = config.ParseSchedule("5m")
	}
}

// read are the steps that a run read.
func (o outcome) read() []string {
	var ids []string
	for _, step := range o.Steps {
		if step.Requests > 0 {
			ids = append(ids, step.ID)
		}
	}
	return ids
}

var (
	everything  = stepsOf(func(step steps.Step) bool { return step.ID != "vulnerabilities" }) // which options leaves out
	usual       = stepsOf(func(step steps.Step) bool { return step.Every == 0 })              // read with every poll, if nothing else is said
	withAgents  = []string{"accounts", "sites", "groups", "agents", "threats"}
	threatsOnly = []string{"threats"}

	withApplications = append(slices.Clip(withAgents), "applications")

	// seldom reads threats with every poll and the rest seldom.
	seldom = func() map[string]time.Duration {
		every := map[string]time.Duration{}
		for _, id := range usual {
			every[id] = time.Hour
		}
		delete(every, "threats")
		every["agents"], every["applications"] = 15*time.Minute, 6*time.Hour
		return every
	}()
)

// stepsOf are the IDs of the steps that are meant.
func stepsOf(isMeant func(steps.Step) bool) (ids []string) {
	for _, step := range steps.All() {
		if isMeant(step) {
			ids = append(ids, step.ID)
		}
	}
	return ids
}

func TestAPollReadsTheStepsThatAreDue(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		every map[string]time.Duration
		polls map[time.Duration][]string
	}{
		"by default applications are read every six hours": {nil, map[time.Duration][]string{
			0: everything, 5 * time.Minute: usual, 5 * time.Hour: usual, 6*time.Hour - time.Minute: everything, 6 * time.Hour: usual,
		}},
		"agents every quarter of an hour, within half an interval": {seldom, map[time.Duration][]string{
			0: everything, 5 * time.Minute: threatsOnly, 10 * time.Minute: threatsOnly,
			14*time.Minute + 50*time.Second: withAgents, // what agents depend on comes along
			20 * time.Minute:                threatsOnly,
			27*time.Minute + 19*time.Second: threatsOnly, // half an interval before it is 27m20s
			29*time.Minute + 55*time.Second: withAgents,
		}},
		"a clock that was put back makes all due": {seldom, map[time.Duration][]string{
			0: everything, -time.Minute: everything,
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newConsole(t, small())
			polls := slices.Sorted(maps.Keys(test.polls))
			if polls[0] < 0 {
				slices.Reverse(polls)
			}
			for _, after := range polls {
				assert.Equal(t, test.polls[after], c.mustSync(polled(after, test.every)).read(), after)
			}
		})
	}
}

func TestARunByHandReadsAll(t *testing.T) {
	t.Parallel()
	c := newConsole(t, small())
	c.mustSync(polled(0, seldom))
	assert.Equal(t, everything, c.mustSync().read())
}

func TestWhereNothingIsDueNothingIsCommitted(t *testing.T) {
	t.Parallel()
	c := newConsole(t, small())
	every := maps.Clone(seldom)
	every["threats"] = 10 * time.Minute
	first := c.mustSync(polled(0, every))
	result := c.sync(polled(5*time.Minute, every))
	require.NoError(t, result.err)
	assert.True(t, result.NothingDue)
	assert.Empty(t, result.Run)
	assert.Empty(t, result.Steps)
	last, err := connector.ReadSummary(c.dir)
	require.NoError(t, err)
	assert.Equal(t, first.Run, last.Run)
	assert.Equal(t, threatsOnly, c.mustSync(polled(10*time.Minute, every)).read())
}

// What a step was read with is as it was, or it is due.
func TestAStepIsDueWhereItWouldBeReadOtherwise(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		change func(c *console, o *connector.Options)
		read   []string
	}{
		"another tag":             {func(_ *console, o *connector.Options) { tagged(o) }, everything},
		"a narrower scope":        {func(c *console, o *connector.Options) { o.Config.Sites = []string{c.SiteID(0)} }, everything},
		"another source":          {func(_ *console, o *connector.Options) { o.Config.Applications = "inventory" }, withApplications},
		"another scope, and skip": {func(c *console, o *connector.Options) { c.siteToken(1)(o); o.Config.Skip = []string{"applications"} }, usual},
		"another interval": {func(_ *console, o *connector.Options) {
			o.Config.Every = map[string]time.Duration{"agents": 10 * time.Minute}
		}, usual},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newConsole(t, spread())
			c.mustSync(polled(0, seldom))
			changed := func(o *connector.Options) { polled(10*time.Minute, seldom)(o); test.change(c, o) }
			result := c.sync(changed)
			require.NoError(t, result.err)
			assert.Equal(t, test.read, result.read())
			assert.Empty(t, result.changes)
		})
	}
}

// A token of another scope, that comes and goes while a step rests, floods nothing and deletes nothing.
func TestANewTokenBetweenTwoPollsNeitherDeletesNorFloods(t *testing.T) {
	t.Parallel()
	c := newConsole(t, spread())
	c.mustSync(polled(0, seldom))
	before := c.graph()
	narrow := c.siteToken(0)
	for i, adjust := range []func(*connector.Options){narrow, func(*connector.Options) {}, narrow, func(*connector.Options) {}} {
		result := c.sync(polled(time.Duration(i+1)*5*time.Minute, seldom), adjust)
		require.NoError(t, result.err)
		assert.Empty(t, result.changes)
		assertSame(t, before, c.graph())
	}
}

func TestAStepThatFailedIsDueWithTheNextPoll(t *testing.T) {
	t.Parallel()
	c := newConsole(t, small())
	c.mustSync(polled(0, seldom))
	mend := c.Break(s1test.Fault{Path: "/agents", Effect: s1test.Status(500)})
	c.mustSyncInPart(polled(15*time.Minute, seldom))
	mend()
	assert.Equal(t, withAgents, c.mustSync(polled(20*time.Minute, seldom)).read())
	assert.Equal(t, threatsOnly, c.mustSync(polled(25*time.Minute, seldom)).read())

	c.Break(s1test.Fault{Path: "/installed-applications", Effect: s1test.Status(404)})
	c.Break(s1test.Fault{Path: "/application-management/inventory", Effect: s1test.Status(404)})
	assert.Contains(t, c.mustSync(polled(6*time.Hour, seldom)).read(), "applications")
	assert.Equal(t, threatsOnly, c.mustSync(polled(6*time.Hour+5*time.Minute, seldom)).read(), "what is unavailable is asked for no more often")
}

// A restored or damaged graph is read anew at once.
func TestWhatIsDamagedIsDue(t *testing.T) {
	t.Parallel()
	c := newConsole(t, small())
	c.mustSync(polled(0, seldom))
	require.NoError(t, os.WriteFile(filepath.Join(c.dir, "current", "index", "sentinelone_application"), []byte("damaged"), 0o600))
	result := c.mustSync(polled(5*time.Minute, seldom))
	assert.Equal(t, withApplications, result.read())
	assert.Empty(t, result.changes)
	assertSame(t, c.clean(), c.graph())
}

// Where /user does not tell what the token may see, the lists that show it are read with every poll.
func TestTheListsThatShowTheScopeAreDueWithEveryPoll(t *testing.T) {
	t.Parallel()
	c := newConsole(t, spread())
	c.Break(s1test.Fault{Path: "/user", Effect: s1test.Status(403)})
	c.mustSync(polled(0, seldom))
	assert.Equal(t, []string{"accounts", "sites", "groups", "threats"}, c.mustSync(polled(5*time.Minute, seldom)).read())
	assertSame(t, c.clean(), c.graph())
}

// Two requests besides /user: whoever waits for a threat pays for the threats alone.
func TestAThreatIsFoundForAFewRequests(t *testing.T) {
	t.Parallel()
	c := newConsole(t, small())
	c.mustSync(polled(0, seldom))
	before := maps.Clone(c.Requests())
	result := c.mustSync(polled(5*time.Minute, seldom))
	asked := map[string]int{}
	for path, n := range c.Requests() {
		if n > before[path] {
			asked[path] = n - before[path]
		}
	}
	assert.Equal(t, map[string]int{"/user": 2, "/threats": 2}, asked)
	for _, step := range result.Steps {
		if step.ID == "vulnerabilities" {
			continue
		}
		want := morning
		if step.ID == "threats" {
			want = morning.Add(5 * time.Minute)
		}
		assert.Equal(t, want, step.LastReadAt, step.ID)
	}
	run, err := jsonstore.OpenLast(c.dir)
	require.NoError(t, err)
	readAt, err := connector.ReadAt(run, &result.Summary)
	require.NoError(t, err)
	for _, d := range steps.Entities() {
		if d.Step == "vulnerabilities" {
			continue
		}
		want := morning
		if d.Step == "threats" {
			want = morning.Add(5 * time.Minute)
		}
		at, isKnown := readAt(d.Type, "")
		assert.True(t, isKnown)
		assert.Equal(t, want, at, "ages of %s are reckoned by the time when it was read", d.Name)
	}
}

// A new threat is on an agent that nobody has read yet: the agents are read in the same run.
func TestAThreatOfAnUnknownAgentHasAgentsRead(t *testing.T) {
	t.Parallel()
	for name, adjust := range map[string]func(c *console){
		"by its ID":   func(*console) {},
		"by its UUID": func(c *console) { c.Break(s1test.ThreatsWithoutAgentIDs()) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newConsole(t, spread())
			adjust(c)
			c.findThreatsOfAgents(t)
		})
	}
}

// findThreatsOfAgents polls a console on which threats and agents appear together.
func (c *console) findThreatsOfAgents(t *testing.T) {
	t.Helper()
	hidden := []string{c.AgentID(0), c.AgentID(1), c.AgentID(2), c.AgentID(3), c.AgentID(4), c.AgentID(5), c.AgentID(6), c.AgentID(7)}
	agents := c.Break(s1test.Fault{Path: "/agents", Effect: s1test.MissingRows(hidden...)})
	var ids []string
	for n := range c.Tenant().Threats {
		ids = append(ids, c.ThreatID(n))
	}
	threats := c.Break(s1test.Fault{Path: "/threats", Effect: s1test.MissingRows(ids...)})
	c.mustSync(polled(0, seldom))
	c.mustSync(polled(5*time.Minute, seldom))
	threats()
	agents()
	result := c.mustSync(polled(10*time.Minute, seldom))
	assert.Equal(t, withAgents, result.read())
	edges := 0
	for key := range only(c.graph(), "sentinelone_agent_has_threat") {
		from, _, _ := graph.RelationshipEnds(key)
		if slices.Contains(hidden, strings.TrimPrefix(from, "sentinelone_agent:")) {
			edges++
		}
	}
	require.Positive(t, edges, "else the test shows nothing")
	assert.Equal(t, threatsOnly, c.mustSync(polled(15*time.Minute, seldom)).read())

	// An agent that is gone for good has its threats for ever, and that is no reason.
	c.lose(0, 8)
	c.mustSync(polled(30*time.Minute, seldom))
	assert.Equal(t, threatsOnly, c.mustSync(polled(35*time.Minute, seldom)).read())
}

// Polls that read a part each come to the graph that one run reads.
func TestPollsInPartsComeToTheGraphThatIsReadAtOnce(t *testing.T) {
	t.Parallel()
	c := newConsole(t, busy())
	c.mustSync(polled(0, seldom))
	after := time.Duration(0)
	for day := 1; day <= 3; day++ {
		c.SetDay(day)
		for range 3 {
			after += 5 * time.Minute
			c.sync(polled(after, seldom))
		}
	}
	c.mustSync(polled(after+6*time.Hour, seldom))
	assertSame(t, c.clean(), c.graph())
}

// Neo4j holds what the files hold, also where a run read a part of it; and the next service knows when it was verified.
func TestNeo4jFollowsPollsThatReadAPart(t *testing.T) {
	t.Parallel()
	d, c := newDatabase(t), newConsole(t, busy())
	c.mustSync(d.write, polled(0, seldom))
	c.SetDay(1)
	verify := func(o *connector.Options) { o.Verify = true }
	parts := c.mustSync(d.write, polled(15*time.Minute, seldom), verify)
	require.Positive(t, parts.Changes["sentinelone_device_has_application"].Rekeyed)
	d.assertHolds(t, c.dir)
	c.mustSync(d.write, polled(20*time.Minute, seldom))
	d.assertHolds(t, c.dir)
	assert.Equal(t, morning.Add(15*time.Minute), connector.VerifiedAt(c.options().Config))
	c.mustSync(d.write, polled(7*time.Hour, seldom))
	d.assertHolds(t, c.dir)
}

// An agent that nobody asked about for days was not silent for days.
func TestWhileAgentsRestNobodyIsSilent(t *testing.T) {
	t.Parallel()
	const day = 24 * time.Hour
	c := newConsole(t, s1test.Tenant{Seed: 1, Agents: 20, Quiet: true})
	silent := c.AgentID(1)
	after := time.Duration(0)
	c.Break(s1test.Fault{Path: "/agents", Effect: s1test.Rewrite(func(row map[string]any) {
		if row["id"] != silent || after == 0 { // all but one are heard of each time
			row["lastActiveDate"] = morning.Add(after - time.Minute).Format(time.RFC3339)
		}
	})})
	told := c.tell(config.Rule{Name: "silent", When: `entity.type == "sentinelone_agent" && now - entity.lastSeenOn > days(2)`, Title: "{{.Name}}"})
	c.mustSync(polled(0, nil), told.of)
	poll := func(at time.Duration) (read, keys []string, fallen int64) {
		after = at
		result := c.mustSync(told.of, polled(at, map[string]time.Duration{"agents": 5 * day, "accounts": 5 * day, "sites": 5 * day, "groups": 5 * day, "applications": 5 * day}), func(o *connector.Options) {
			o.Config.Posture = []config.PosturePolicy{{LastSyncedInterval: 2 * day}}
		})
		_, keys = told.events()
		return result.read(), keys, c.fallen()
	}
	read, keys, fallen := poll(4 * day)
	assert.NotContains(t, read, "agents")
	assert.Empty(t, keys)
	assert.Zero(t, fallen)

	read, keys, fallen = poll(5 * day)
	assert.Contains(t, read, "agents")
	assert.Equal(t, []string{"sentinelone_agent:" + silent}, keys)
	assert.EqualValues(t, 1, fallen)

	read, keys, fallen = poll(9 * day)
	assert.NotContains(t, read, "agents")
	assert.Len(t, keys, 1)
	assert.EqualValues(t, 1, fallen)
}

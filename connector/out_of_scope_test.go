package connector_test

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"s1graph/alerts/outbox"
	"s1graph/config"
	"s1graph/connector"
	"s1graph/graph/jsonstore"
	"s1graph/posture"
	"s1graph/s1/s1test"
)

// after runs that many days after the console's now.
func (c *console) after(days int) func(*connector.Options) {
	return func(o *connector.Options) {
		o.Clock = func() time.Time { return c.Now().Add(time.Duration(days) * 24 * time.Hour) }
	}
}

// recent demands that agents were active within a week.
func recent(o *connector.Options) {
	o.Config.Posture = []config.PosturePolicy{{LastSyncedInterval: 7 * 24 * time.Hour}}
}

// verdicts are what the last run says of devices: whether they are compliant, by key.
func (c *console) verdicts() map[string]bool {
	c.t.Helper()
	run, err := jsonstore.OpenLast(c.dir)
	require.NoError(c.t, err)
	verdicts := map[string]bool{}
	for v, err := range posture.Of(run) {
		require.NoError(c.t, err)
		verdicts[v.Device] = v.Compliant
	}
	return verdicts
}

// agents are the keys of those of which something is true.
func (c *console) agents(is func(agent) bool) []string {
	c.t.Helper()
	var keys []string
	records := c.graph()
	for _, key := range ofType(records, "sentinelone_agent") {
		var a agent
		require.NoError(c.t, json.Unmarshal([]byte(records[key]), &a, jsontext.AllowDuplicateNames(true)))
		if is(a) {
			keys = append(keys, key)
		}
	}
	return keys
}

// agent is what the graph says of one.
type agent struct {
	AccountID        string `json:"accountId"`
	SiteID           string `json:"siteId"`
	GroupID          string `json:"groupId"`
	LastSeenOn       int64  `json:"lastSeenOn"`
	IsDecommissioned bool   `json:"isDecommissioned"`
	IsUninstalled    bool   `json:"isUninstalled"`
}

// devicesOf are the devices that agents protect, by key.
func (c *console) devicesOf(agents []string) map[string]bool {
	devices := map[string]bool{}
	for key := range c.graph() {
		if from, to, ok := ends(key, "sentinelone_agent"); ok && strings.Contains(key, "|protects|") && slices.Contains(agents, from) {
			devices[to] = true
		}
	}
	return devices
}

// each is what waits to be told, thing by thing: what began or ended, and its key.
func (w *told) each() []string {
	w.t.Helper()
	type event struct {
		Op  string `json:"op"`
		Key string `json:"key"`
	}
	var each []string
	require.NoError(w.t, outbox.At(w.path).View(w.t.Context(), func(tx *outbox.Tx) error {
		entries, err := tx.Queued("hook")
		for _, e := range entries {
			var d struct {
				event
				Events []event `json:"events"`
			}
			require.NoError(w.t, json.Unmarshal(e.Payload, &d))
			if d.Events == nil {
				d.Events = []event{d.event}
			}
			for _, told := range d.Events {
				each = append(each, told.Op+" "+told.Key)
			}
		}
		return err
	}))
	return each
}

func prefixed(prefix string, keys []string) []string {
	var all []string
	for _, key := range keys {
		all = append(all, prefix+key)
	}
	return all
}

// narrowings are the ways in which a run reads a part of the tenant, and what of a record shows that it stands in it.
func (c *console) narrowings() map[string]narrowing {
	site := func(a agent) bool { return a.SiteID == c.SiteID(0) }
	return map[string]narrowing{
		"a site":     {func(o *connector.Options) { o.Config.Sites = []string{c.SiteID(0)} }, site},
		"a group":    {func(o *connector.Options) { o.Config.Groups = []string{c.GroupID(3)} }, func(a agent) bool { return a.GroupID == c.GroupID(3) }},
		"an account": {func(o *connector.Options) { o.Config.Accounts = []string{c.AccountID(0)} }, func(a agent) bool { return a.AccountID == c.AccountID(0) }},
		"a token":    {c.siteToken(0), site},
		"a site without its threats": {func(o *connector.Options) {
			o.Config.Sites, o.Config.Skip = []string{c.SiteID(0)}, []string{"threats"}
		}, site},
	}
}

type narrowing struct {
	to       func(*connector.Options)
	isInside func(agent) bool
}

// One thing out of scope switched off the whole type: nobody heard of agents that fell silent, and posture went on calling
// their devices compliant.
func TestWhatIsInScopeIsEvaluatedWhateverIsOutOfIt(t *testing.T) {
	t.Parallel()
	for name := range newConsole(t, spread()).narrowings() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newConsole(t, spread())
			narrowed := c.narrowings()[name]
			silent := c.tell(config.Rule{Use: "agent silent", Days: 30, Ended: new(true)})
			first := c.mustSync(silent.of, recent, c.after(0))
			require.Empty(t, silent.each())
			isHeardOf := func(a agent) bool {
				return !a.IsDecommissioned && !a.IsUninstalled && c.Now().Sub(time.UnixMilli(a.LastSeenOn)) <= 30*24*time.Hour
			}
			isOutOfScope := func(a agent) bool { return !narrowed.isInside(a) }
			inside := c.agents(func(a agent) bool { return isHeardOf(a) && narrowed.isInside(a) })
			require.NotEmpty(t, inside)
			require.NotEmpty(t, c.agents(func(a agent) bool { return isHeardOf(a) && isOutOfScope(a) }))

			require.NoError(t, c.sync(narrowed.to, silent.of, recent, c.after(1)).err)
			result := c.mustSync(narrowed.to, silent.of, recent, c.after(40))
			assert.ElementsMatch(t, prefixed("began ", inside), silent.each(), "all in scope, and nobody out of it")

			silenced := result.Overview.Figures["agentsSilent"] - first.Overview.Figures["agentsSilent"]
			assert.EqualValues(t, len(inside), silenced, "nobody asked for those out of scope")

			devices, others := c.devicesOf(c.agents(narrowed.isInside)), c.devicesOf(c.agents(isOutOfScope))
			verdicts := c.verdicts()
			for device, compliant := range verdicts {
				assert.False(t, compliant, "nobody has heard of %s for 40 days", device)
				assert.True(t, devices[device], "nobody knows how %s is", device)
			}
			for device := range devices {
				assert.True(t, others[device] || slices.Contains(slices.Collect(maps.Keys(verdicts)), device), "%s is in scope", device)
			}
		})
	}
}

// A state that an entity was in goes on while the entity is out of scope: it neither ends nor is told again.
func TestTheStateOfWhatFallsOutOfScopeGoesOn(t *testing.T) {
	t.Parallel()
	for name := range newConsole(t, spread()).narrowings() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newConsole(t, spread())
			narrowed := c.narrowings()[name]
			rules := c.tell(config.Rule{
				Name: "quiet", When: `entity.type == "sentinelone_agent" && now - entity.lastSeenOn > days(30) && now - entity.lastSeenOn < days(400)`, Ended: new(true),
			}, config.Rule{Use: "device not compliant"})
			c.mustSync(rules.of, recent, c.after(0))
			c.mustSync(rules.of, recent, c.after(40))
			told := rules.each()
			require.NotEmpty(t, told)
			for day := 41; day < 44; day++ {
				require.NoError(t, c.sync(narrowed.to, rules.of, recent, c.after(day)).err)
			}
			assert.ElementsMatch(t, told, rules.each())
			c.mustSync(rules.of, recent, c.after(44))
			assert.ElementsMatch(t, told, rules.each(), "the scope widens, and all is as it was")
			c.mustSync(rules.of, recent, c.after(500))
			quiet := c.agents(func(a agent) bool { return c.Now().Sub(time.UnixMilli(a.LastSeenOn)) < 350*24*time.Hour })
			assert.ElementsMatch(t, append(prefixed("ended ", quiet), told...), rules.each())
		})
	}
}

func TestEachRunSaysHowMuchIsOutOfScopeAndSinceWhen(t *testing.T) {
	t.Parallel()
	c := newConsole(t, spread())
	sites := func(n int) func(*connector.Options) {
		return func(o *connector.Options) {
			for i := range n {
				o.Config.Sites = append(o.Config.Sites, c.SiteID(i))
			}
		}
	}
	day := func(n int) time.Time { return c.Now().AddDate(0, 0, n).UTC() }
	assert.Empty(t, c.mustSync(c.after(0)).KeptOutOfScopeSince)
	wide := c.sync(sites(7), c.after(1))
	require.NoError(t, wide.err)
	assert.Equal(t, int64(1), wide.KeptOutOfScope["sentinelone_site"])
	assert.Regexp(t, `Out of scope: .* 1 site, .*; the oldest since `+day(1).Format(time.DateOnly)+`\. `, wide.Notices)
	require.NoError(t, c.sync(sites(1), c.after(5)).err)

	narrow := c.mustSync(sites(1), c.after(9))
	assert.Equal(t, int64(7), narrow.KeptOutOfScope["sentinelone_site"])
	assert.Equal(t, slices.Sorted(maps.Keys(narrow.KeptOutOfScope)), slices.Sorted(maps.Keys(narrow.KeptOutOfScopeSince)))
	for name, since := range narrow.KeptOutOfScopeSince {
		assert.True(t, since.Equal(day(1)), "the first of %s is out of scope since %s", name, since)
	}
	assert.Regexp(t, "7 sites, .*; the oldest since "+day(1).Format(time.DateOnly), narrow.Notices)
	written, err := connector.ReadSummary(c.dir)
	require.NoError(t, err)
	assert.Equal(t, narrow.KeptOutOfScope, written.KeptOutOfScope)
	assert.Equal(t, narrow.KeptOutOfScopeSince, written.KeptOutOfScopeSince)

	assert.Empty(t, c.mustSync(c.after(10)).KeptOutOfScopeSince)
	assert.True(t, c.sync(sites(1), c.after(11)).KeptOutOfScopeSince["sentinelone_agent"].Equal(day(11)), "it was in scope meanwhile")
}

// A run of an earlier version lists what it kept out of scope among what it withheld, and not since when.
func TestWhatAnEarlierVersionKeptOutOfScopeIsKnown(t *testing.T) {
	t.Parallel()
	c := newConsole(t, spread())
	narrow := func(o *connector.Options) { o.Config.Sites = []string{c.SiteID(0)} }
	quiet := c.tell(config.Rule{Use: "agent silent", Days: 30})
	c.mustSync(c.after(0), quiet.of)
	require.NoError(t, c.sync(narrow, c.after(1), quiet.of).err)
	require.NoError(t, c.sync(narrow, c.after(40)).err) // nobody evaluates it yet
	earlier, err := filepath.EvalSymlinks(filepath.Join(c.dir, "current"))
	require.NoError(t, err)
	var manifest map[string]any
	content, err := os.ReadFile(filepath.Join(earlier, "run.json"))
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(content, &manifest))
	delete(manifest["files"].(map[string]any), "outside.jsonl")
	content, err = json.Marshal(manifest)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(earlier, "run.json"), content, 0o600))

	result := c.mustSync(narrow, c.after(41), quiet.of)
	assert.True(t, result.KeptOutOfScopeSince["sentinelone_agent"].Equal(c.Now().AddDate(0, 0, 40)), "that run had it out of scope, and no earlier one is known")
	inside := c.agents(func(a agent) bool {
		return a.SiteID == c.SiteID(0) && !a.IsDecommissioned && !a.IsUninstalled && c.Now().Sub(time.UnixMilli(a.LastSeenOn)) <= 30*24*time.Hour
	})
	assert.ElementsMatch(t, prefixed("began ", inside), quiet.each(), "it was evaluated late, and those out of scope were left out")
}

func TestForgettingATypeForgetsWhatOfItIsOutOfScope(t *testing.T) {
	t.Parallel()
	c := newConsole(t, spread())
	narrow := func(o *connector.Options) {
		o.Config.Sites, o.Config.Skip = []string{c.SiteID(0)}, []string{"applications"}
	}
	c.mustSync(c.after(0), recent)
	require.NoError(t, c.sync(narrow, c.after(1), recent).err)
	before := c.verdicts()
	require.NotEmpty(t, before)
	o := c.options()
	for _, f := range []func(*connector.Options){narrow, recent, c.after(2)} {
		f(&o)
	}
	forgotten, err := connector.Forget(t.Context(), o, []string{"sentinelone_application"})
	require.NoError(t, err)
	assert.NotContains(t, forgotten.KeptOutOfScopeSince, "sentinelone_application")
	assert.True(t, forgotten.KeptOutOfScopeSince["sentinelone_agent"].Equal(c.Now().AddDate(0, 0, 1)))
	assert.Equal(t, before, c.verdicts())
	listed, err := os.ReadFile(filepath.Join(c.dir, "current", "outside.jsonl"))
	require.NoError(t, err)
	assert.NotContains(t, string(listed), "sentinelone_application")
	assert.Contains(t, string(listed), "sentinelone_agent")
	assert.True(t, c.mustSync(narrow, c.after(3)).KeptOutOfScopeSince["sentinelone_agent"].Equal(c.Now().AddDate(0, 0, 1)))
}

// Agents that could not be read are evaluated by the time when they last were, and those out of scope are not.
func TestAListThatFailsUnderANarrowScopeEvaluatesNobody(t *testing.T) {
	t.Parallel()
	c := newConsole(t, spread())
	narrow := func(o *connector.Options) { o.Config.Sites = []string{c.SiteID(0)} }
	quiet := c.tell(config.Rule{Use: "agent silent", Days: 30, Ended: new(true)})
	c.mustSync(c.after(0), quiet.of, recent)
	require.NoError(t, c.sync(narrow, c.after(1), quiet.of, recent).err)
	before := c.verdicts()
	require.NotEmpty(t, before)
	skip := func(o *connector.Options) { narrow(o); o.Config.Skip = []string{"agents"} }
	c.mustSync(skip, c.after(40), quiet.of, recent)
	assert.Empty(t, quiet.each())
	assert.Equal(t, before, c.verdicts())
	t.Cleanup(c.Break(s1test.Fault{Path: "/agents", Effect: s1test.Status(500)}))
	c.mustSyncInPart(narrow, c.after(41), quiet.of, recent)
	assert.Empty(t, quiet.each())
	assert.Equal(t, before, c.verdicts())
}

func TestNeo4jSaysOfAgentsThatTheyAreOutOfScope(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	c := newConsole(t, spread())
	narrow := func(o *connector.Options) { o.Config.Sites = []string{c.SiteID(0)} }
	const outOfScope = "MATCH (a:HostAgent {_scope: $scope}) WHERE a.outOfScopeSince > 0 RETURN count(a)"
	c.mustSync(d.write, c.after(0))
	assert.Zero(t, d.count(t, outOfScope))
	for day := 1; day < 3; day++ {
		result := c.sync(d.write, narrow, c.after(day))
		require.NoError(t, result.err)
		require.Positive(t, result.KeptOutOfScope["sentinelone_agent"])
		assert.EqualValues(t, result.KeptOutOfScope["sentinelone_agent"], d.count(t, outOfScope))
		assert.Zero(t, d.count(t, "MATCH (a:HostAgent {_scope: $scope, siteId: '"+c.SiteID(0)+"'}) WHERE a.outOfScopeSince > 0 RETURN count(a)"))
		d.assertHolds(t, c.dir)
	}
	c.mustSync(d.write, c.after(3))
	assert.Zero(t, d.count(t, outOfScope))
	d.assertHolds(t, c.dir)
}

func TestADamagedListOfWhatIsOutOfScopeIsSaidAndMadeAnew(t *testing.T) {
	t.Parallel()
	c := newConsole(t, spread())
	narrow := func(o *connector.Options) { o.Config.Sites = []string{c.SiteID(0)} }
	c.mustSync(c.after(0))
	require.NoError(t, c.sync(narrow, c.after(1)).err)
	list := filepath.Join(c.dir, "current", "outside.jsonl")
	require.NoError(t, os.WriteFile(list, []byte("{"), 0o600))
	result := c.mustSync(narrow, c.after(2))
	requireNotice(t, result, "The file that says since when things are out of scope cannot be read")
	assert.True(t, result.KeptOutOfScopeSince["sentinelone_agent"].Equal(c.Now().AddDate(0, 0, 2)))
	assert.True(t, c.mustSync(narrow, c.after(3)).KeptOutOfScopeSince["sentinelone_agent"].Equal(c.Now().AddDate(0, 0, 2)))
}

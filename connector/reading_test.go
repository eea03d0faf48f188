package connector_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"s1graph/config"
	"s1graph/connector"
	"s1graph/graph"
	"s1graph/s1/s1test"
)

// reads lets a run read these steps alone.
func reads(steps ...string) func(*connector.Options) {
	return func(o *connector.Options) { o.Only = steps }
}

// tagged puts the account name on every entity.
func tagged(o *connector.Options) { o.Config.TagAccountName, o.Config.AccountName = true, "acme" }

// What comes into view while a step rests was there before: the run that reads the step says no word of it.
func TestAStepThatRestedIsComparedWithWhatItWasLastReadWith(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(c *console) (before, now func(*connector.Options)){
		"a wider scope": func(c *console) (before, now func(*connector.Options)) {
			return c.siteToken(0), func(*connector.Options) {}
		},
		"another tag": func(c *console) (before, now func(*connector.Options)) {
			return func(*connector.Options) {}, tagged
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newConsole(t, spread())
			before, now := change(c)
			c.mustSync(before)
			assert.Empty(t, c.mustSync(now, reads("accounts", "sites", "groups", "agents")).changes)
			assert.Empty(t, c.mustSync(now, reads("accounts", "sites", "groups", "agents")).changes, "the rest rests on")
			assert.Empty(t, c.mustSync(now).changes)
			assertSame(t, c.clean(now), c.graph())
			c.SetDay(1)
			assert.NotEmpty(t, c.mustSync(now).changes, "from then on differences are changes")
		})
	}
}

// A list that fails in the run in which more comes into view is a baseline when it is read again.
func TestAStepThatFailedIsComparedWithWhatItWasLastReadWith(t *testing.T) {
	t.Parallel()
	for _, path := range []string{"/agents", "/threats", "/installed-applications"} {
		t.Run(path, func(t *testing.T) {
			t.Parallel()
			c := newConsole(t, spread())
			c.mustSync(c.siteToken(0))
			wider := func(*connector.Options) {}
			mend := c.Break(s1test.Fault{Path: path, Effect: s1test.Status(500)})
			for range 2 {
				assert.Empty(t, c.mustSyncInPart(wider).changes)
			}
			mend()
			assert.Empty(t, c.mustSync(wider).changes)
			assertSame(t, c.clean(wider), c.graph())
		})
	}
}

// What a token saw that nobody knows, and that asked while a step rested, deletes nothing of it later.
func TestANewTokenThatAsksWhileAStepRestsDeletesNothingOfItLater(t *testing.T) {
	t.Parallel()
	c := newConsole(t, spread())
	c.Break(s1test.Fault{Path: "/user", Effect: s1test.Status(403)})
	c.mustSync()
	before := c.graph()
	c.Accept(s1test.Token{Value: s1test.DefaultToken}, s1test.Token{Value: "new"})
	renewed := func(o *connector.Options) { o.Config.Token = config.NewSecret("new") }
	c.mustSyncInPart(renewed, reads("accounts", "sites", "groups"))
	c.mustSync(renewed, reads("accounts", "sites", "groups"))
	c.Break(s1test.Fault{Path: "/threats", Effect: s1test.MissingRows(c.ThreatID(3), c.ThreatID(4)), Match: notByID})
	c.Break(s1test.Fault{Path: "/threats", Effect: s1test.EmptyList(), Match: byID})
	c.mustSyncInPart(renewed)
	assert.Empty(t, lacking(before, c.graph()), "it may be that the new token does not see it")
	after := c.mustSync(renewed)
	assert.Len(t, lacking(only(before, "sentinelone_threat"), c.graph()), 2, "it is the same token now: %q", after.Notices)
}

// A graph that an earlier version wrote was read with what its last run began with.
func TestAnEarlierVersionReadAllStepsWithWhatItsRunBeganWith(t *testing.T) {
	t.Parallel()
	c := newConsole(t, spread())
	c.mustSync(c.siteToken(0))
	path := filepath.Join(c.dir, "current", "run.json")
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	var manifest map[string]any
	require.NoError(t, json.Unmarshal(content, &manifest))
	delete(manifest["state"].(map[string]any), "steps")
	content, err = json.Marshal(manifest)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(path, content, 0o600))
	assert.Empty(t, c.mustSync(reads("agents")).changes)
	assert.Empty(t, c.mustSync().changes)
	assertSame(t, c.clean(), c.graph())
}

// A step that is left out has its files linked, follows devices that have another name, and keeps what was withheld of it.
func TestAStepThatRestsStaysAsItWasAndItsEdgesFollow(t *testing.T) {
	t.Parallel()
	c := newConsole(t, busy())
	c.mustSync()
	mend := c.loseThreats()
	withheld := c.mustSyncInPart().WithheldDeletions
	require.NotEmpty(t, withheld)
	mend()
	before := c.graph()
	c.SetDay(1)
	resting := c.mustSyncInPart(reads("accounts", "sites", "groups", "agents"))
	rekeyed, deleted := 0, make(map[string]bool)
	for _, change := range resting.changes {
		if deleted[change.Key] = change.Op == graph.Deleted; change.Type.Step == "applications" || change.Type.Step == "threats" {
			from, _, isEdge := graph.RelationshipEnds(change.Key)
			assert.True(t, isEdge && change.Op == graph.Deleted && deleted[from], "%s %s, which goes with an end alone", change.Op, change.Key)
		}
		if change.Op == graph.Rekeyed {
			rekeyed++
		}
	}
	require.Positive(t, rekeyed)
	assert.Positive(t, resting.Changes["sentinelone_device_has_application"].Rekeyed)
	assert.Equal(t, withheld, resting.WithheldDeletions)
	assert.Equal(t, len(only(before, "sentinelone_threat")), len(only(c.graph(), "sentinelone_threat")))

	c.accept()
	accepted := c.sync(reads("agents"))
	require.NoError(t, accepted.err)
	assert.Empty(t, accepted.WithheldDeletions)
	c.mustSync()
	assertSame(t, c.clean(), c.graph())
}

package connector_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"s1graph/connector"
	"s1graph/graph/jsonstore"
	"s1graph/s1/s1test"
)

func withoutThreats(o *connector.Options) { o.Config.Skip = []string{"threats"} }

// forget forgets some types.
func (c *console) forget(names []string, adjust ...func(*connector.Options)) connector.Summary {
	c.t.Helper()
	o := c.options()
	for _, f := range adjust {
		f(&o)
	}
	summary, err := connector.Forget(c.t.Context(), o, names)
	require.NoError(c.t, err)
	return summary
}

// without are the lines of a graph that do not have a word in their keys.
func without(lines map[string]string, word string) map[string]string {
	rest := map[string]string{}
	for key, line := range lines {
		if !strings.Contains(key, word) {
			rest[key] = line
		}
	}
	return rest
}

func TestATypeThatIsSwitchedOffIsForgottenAndWithItWhatLeadsToIt(t *testing.T) {
	t.Parallel()
	c := newConsole(t, small())
	c.mustSync()
	full := c.graph()
	c.mustSync(withoutThreats)
	require.Equal(t, full, c.graph(), "what is skipped stays")
	before := c.Requests()

	summary := c.forget([]string{"sentinelone_threat"}, withoutThreats)
	assert.Equal(t, connector.Complete, summary.Status)
	assert.Equal(t, before, c.Requests(), "the console is not asked")
	want := without(full, "sentinelone_threat")
	require.Less(t, len(want), len(full))
	assert.Equal(t, want, c.graph())
	assert.NotContains(t, summary.Entities, "sentinelone_threat")

	next := c.mustSync(withoutThreats)
	assert.Empty(t, next.changes)
	assert.Equal(t, want, c.graph(), "it does not come back")

	again := c.mustSync()
	assert.Empty(t, again.changes, "what is read again some day is a baseline")
	assert.Equal(t, full, c.graph())
}

func TestForgettingIsNoChangeOfTheTenant(t *testing.T) {
	t.Parallel()
	c := newConsole(t, small())
	c.mustSync()
	c.mustSync(withoutThreats)
	c.forget([]string{"sentinelone_threat"}, withoutThreats)
	c.SetDay(1)
	next := c.mustSync(withoutThreats)
	require.NotEmpty(t, next.changes, "of what is read changes are told as ever")
	for _, change := range next.changes {
		assert.NotContains(t, change.Type.Name, "threat")
	}
	logged, err := jsonstore.ChangeLog(c.dir)
	require.NoError(t, err)
	for _, run := range logged {
		for change, err := range run.Changes(t.Context()) {
			require.NoError(t, err)
			assert.NotContains(t, change.Type, "threat")
		}
	}
}

func TestWhatWouldComeBackWithTheNextRunIsNotForgotten(t *testing.T) {
	t.Parallel()
	c := newConsole(t, small())
	_, err := connector.Forget(t.Context(), c.options(), []string{"sentinelone_threat"})
	assert.ErrorContains(t, err, "there is no run")
	c.mustSync()
	full := c.graph()
	for name, test := range map[string]struct {
		types []string
		want  string
	}{
		"a type that is read":   {[]string{"sentinelone_threat"}, "skip: [threats]"},
		"a type that is none":   {[]string{"sentinelone_treat"}, `no type "sentinelone_treat"`},
		"one of two that is so": {[]string{"sentinelone_application", "sentinelone_threat"}, "skip: [threats]"},
	} {
		o := c.options()
		o.Config.Skip = []string{"applications"}
		_, err := connector.Forget(t.Context(), o, test.types)
		var usage *connector.UsageError
		require.ErrorAs(t, err, &usage, name)
		assert.ErrorContains(t, err, test.want, name)
	}
	assert.Equal(t, full, c.graph())
}

func TestATypeThatTheTokenMayNotReadAnyMoreIsForgotten(t *testing.T) {
	t.Parallel()
	c := newConsole(t, small())
	c.mustSync()
	full := c.graph()
	c.Break(s1test.Fault{Path: "/threats", Effect: s1test.Status(403)})
	require.NoError(t, c.sync().err)
	c.forget([]string{"sentinelone_threat"})
	assert.Equal(t, without(full, "sentinelone_threat"), c.graph())
	require.NoError(t, c.sync().err)
	assert.Equal(t, without(full, "sentinelone_threat"), c.graph())
}

func TestWhatIsWithheldAndAcceptedOutlivesForgetting(t *testing.T) {
	t.Parallel()
	c := newConsole(t, small())
	c.mustSync(withoutThreats)
	c.mustSync()
	c.lose(0, 20)
	withheld := c.sync(withoutThreats)
	require.NoError(t, withheld.err)
	require.EqualValues(t, 20, withheld.WithheldDeletions["sentinelone_agent"])
	assert.Equal(t, connector.Partial, c.forget([]string{"sentinelone_threat"}, withoutThreats).Status)
	assert.EqualValues(t, 20, c.accept().Deletions[0].Number)
	c.mustSync(withoutThreats)
	for _, key := range c.agentKeys(0, 20) {
		assert.NotContains(t, c.graph(), key)
	}
}

func TestNeo4jForgetsTooWhateverItHolds(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	for name, disturb := range map[string]func(c *console){
		"the last run": func(*console) {},
		"an older run that is kept no more": func(c *console) {
			jsonOnly := func(o *connector.Options) { withoutThreats(o); o.Config.Instance = d.scope }
			c.SetDay(1)
			c.mustSync(jsonOnly)
			c.SetDay(2)
			c.mustSync(jsonOnly)
			c.mustSync(jsonOnly)
		},
	} {
		c := newConsole(t, little())
		d := database{d.server, d.server.Scope(t)}
		both := func(o *connector.Options) { d.write(o); withoutThreats(o) }
		c.mustSync(d.write)
		c.mustSync(both)
		disturb(c)
		summary := c.forget([]string{"sentinelone_threat"}, both)
		require.Len(t, summary.Stores, 1, name)
		assert.False(t, summary.Stores[0].Behind, name)
		assert.Zero(t, d.count(t, "MATCH (n:sentinelone_threat {_scope: $scope}) RETURN count(n)"), name)
		d.assertHolds(t, c.dir)
		c.mustSync(both)
		d.assertHolds(t, c.dir)
	}
}

// daysLater makes a run begin so many days after the first one could have.
func (c *console) daysLater(days int) func(*connector.Options) {
	return func(o *connector.Options) {
		o.Clock = func() time.Time { return c.Now().AddDate(0, 0, days) }
	}
}

func TestWhatWasNotReadFor30DaysIsNamedUntilItIsForgotten(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		effect s1test.Effect // on the list of threats
		adjust func(*connector.Options)
		status connector.Status
	}{
		"switched off":     {s1test.Effect{}, withoutThreats, connector.Complete},
		"a lapsed license": {s1test.Refused(s1test.NotLicensed), func(*connector.Options) {}, connector.Complete},
		"a lost right":     {s1test.Status(403), func(*connector.Options) {}, connector.Partial},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newConsole(t, small())
			c.mustSync(c.daysLater(0))
			c.Break(s1test.Fault{Path: "/threats", Effect: test.effect})
			soon := c.sync(test.adjust, c.daysLater(29))
			require.NoError(t, soon.err)
			assert.NotContains(t, strings.Join(soon.Notices, "\n"), "s1graph forget")

			late := c.sync(test.adjust, c.daysLater(31))
			require.NoError(t, late.err)
			assert.Equal(t, test.status, late.Status)
			assert.Contains(t, late.Notices, "threats was not read whole since 2026-11-20: 30 of sentinelone_threat stay in the graph as they were. "+
				"If you no longer need them: s1graph forget sentinelone_threat.")

			c.forget([]string{"sentinelone_threat"}, test.adjust, c.daysLater(31))
			rid := c.sync(test.adjust, c.daysLater(32))
			require.NoError(t, rid.err)
			assert.NotContains(t, strings.Join(rid.Notices, "\n"), "s1graph forget")
		})
	}
}

func TestWhatIsReadIsNotNamedHoweverLongTheServiceWasOff(t *testing.T) {
	t.Parallel()
	c := newConsole(t, small())
	c.mustSync(c.daysLater(0))
	for _, notice := range c.mustSync(c.daysLater(400)).Notices {
		assert.True(t, strings.HasPrefix(notice, "This run began 400 days after the last one."), notice)
	}
}

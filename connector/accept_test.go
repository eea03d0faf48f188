package connector_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"s1graph/connector"
	"s1graph/s1/s1test"
)

// accept is what somebody does who knows that what the last run withheld is really gone.
func (c *console) accept() connector.Withheld {
	c.t.Helper()
	withheld, err := connector.ReadWithheld(c.options().Config)
	require.NoError(c.t, err)
	require.False(c.t, withheld.IsEmpty())
	require.NoError(c.t, connector.AcceptDeletions(c.options().Config, withheld))
	return withheld
}

func TestAcceptedDeletionsPassOnce(t *testing.T) {
	t.Parallel()
	c := newConsole(t, busy())
	c.mustSync()
	full := c.graph()
	noAgents := s1test.Fault{Path: "/agents", Effect: s1test.EmptyList()}
	mend := c.Break(noAgents)
	require.Equal(t, connector.Partial, c.sync().Status)
	agents := int64(len(ofType(full, "sentinelone_agent")))
	assert.Equal(t, map[string]int64{"sentinelone_agent": agents}, c.accept().Deletions)

	passed := c.mustSync()
	assert.Empty(t, ofType(c.graph(), "sentinelone_agent"))
	assert.Empty(t, ofType(c.graph(), "sentinelone_device"), "what is made of agents goes with them")
	assert.EqualValues(t, agents, passed.Changes["sentinelone_agent"].Deleted)

	mend()
	c.mustSync()
	assertSame(t, c.clean(), c.graph())
	c.Break(noAgents)
	again := c.sync()
	assert.EqualValues(t, agents, again.WithheldDeletions["sentinelone_agent"], "it was accepted once")
	assertSame(t, full, c.graph())
}

func TestAcceptedDeletionsDoNotLetAnotherFaultPass(t *testing.T) {
	t.Parallel()
	c := newConsole(t, busy())
	c.mustSync()
	full := c.graph()
	agents, threats := ofType(full, "sentinelone_agent"), ofType(full, "sentinelone_threat")
	c.Break(s1test.Fault{Path: "/agents", Effect: s1test.EmptyList()})
	c.sync()
	withheld := c.accept()
	withheld.Deletions["sentinelone_agent"] = int64(len(agents) / 2) // as if so many had been gone when it was said
	require.NoError(t, connector.AcceptDeletions(c.options().Config, withheld))

	c.Break(s1test.Fault{Path: "/threats", Effect: s1test.EmptyList()})
	result := c.sync()
	require.NoError(t, result.err)
	assert.EqualValues(t, len(agents), result.WithheldDeletions["sentinelone_agent"], "half of them were accepted, not all")
	assert.EqualValues(t, len(threats), result.WithheldDeletions["sentinelone_threat"], "no threat was accepted")
	assertSame(t, full, c.graph())
}

func TestWhatLiesOutsideANarrowerScopeGoesWhenThatIsAccepted(t *testing.T) {
	t.Parallel()
	c := newConsole(t, spread())
	c.mustSync()
	narrowed := func(o *connector.Options) { o.Config.Sites = []string{c.SiteID(0)} }
	require.Equal(t, connector.Partial, c.sync(narrowed).Status)
	assert.Positive(t, c.accept().Outside["sentinelone_agent"])
	result := c.mustSync(narrowed)
	assert.Empty(t, result.KeptOutside)
	assertSame(t, c.clean(narrowed), c.graph())
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

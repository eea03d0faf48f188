package connector_test

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"s1graph/connector"
	"s1graph/s1/s1test"
)

// narrow changes in mid-run what the one token sees, which the console goes on taking.
func (c *console) narrow(at s1test.Fault, to s1test.Token) {
	at.Times, at.Effect = 1, s1test.Revoke(func() {}, to)
	c.t.Cleanup(c.Break(at))
}

func TestAUserWhoseScopeIsChangedInMidRunDeletesNothing(t *testing.T) {
	t.Parallel()
	for name, at := range map[string]s1test.Fault{
		"before the first list":           {Match: func(r request) bool { return r.URL.Path != s1test.Base+"/user" }},
		"before the rows of agents":       {Path: "/agents", Match: s1test.Rows},
		"before the threats":              {Path: "/threats"},
		"before the rows of applications": {Path: "/installed-applications", Match: s1test.Rows},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newConsole(t, tenSites())
			c.mustSync()
			before := c.graph()
			asked := c.Requests()["/user"]
			c.narrow(at, c.sites(s1test.DefaultToken, 0, 9))

			result := c.mustSyncInPart()
			assert.Len(t, result.IncompleteTypes, typesRead)
			requireNotice(t, result, "During this run somebody changed in the console what the API token's user may see")
			assert.Equal(t, asked+2, c.Requests()["/user"], "once when the run began, and once when all was read")
			assert.Empty(t, result.changes)
			assertSame(t, before, c.graph())

			next := c.sync()
			require.NoError(t, next.err)
			requireNotice(t, next, "This run sees less of the tenant than the last one")
			assertSame(t, before, c.graph())
		})
	}
}

func TestAUserWhoseScopeIsWidenedInMidRunReportsNoChange(t *testing.T) {
	t.Parallel()
	c := newConsole(t, tenSites())
	c.Accept(c.sites(s1test.DefaultToken, 0, 9))
	c.mustSync()
	before := c.graph()
	c.narrow(s1test.Fault{Path: "/agents"}, wholeTenant(s1test.DefaultToken))
	result := c.mustSyncInPart()
	assert.Empty(t, result.changes)
	assert.Empty(t, lacking(before, c.graph()))
	assert.Empty(t, c.mustSync().changes)
	assertSame(t, c.clean(), c.graph())
}

// An answer that does not come tells nothing, and the run believes no list that it would have had to believe by it.
func TestAUserWhomTheConsoleDoesNotTellWhenAllIsReadDeletesNothing(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		effect s1test.Effect
		notice string
	}{
		"refused":                {s1test.Status(403), "At the end of the run the console did not say again what the API token may see"},
		"broken":                 {s1test.Status(500), "At the end of the run the console did not say again what the API token may see"},
		"cut off":                {s1test.CutInBody(), "At the end of the run the console did not say again what the API token may see"},
		"a user without a scope": {s1test.StatusWith(200, nil, `{"data":{"id":"1"}}`), "During this run the console stopped saying what the API token may see"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newConsole(t, tenSites())
			c.mustSync()
			before := c.graph()
			gone := "sentinelone_agent:" + c.AgentID(7)
			require.Contains(t, before, gone)
			c.lose(7, 8)
			mend := c.Break(s1test.Fault{Path: "/user", After: 1, Effect: test.effect})
			result := c.mustSyncInPart()
			requireNotice(t, result, test.notice)
			assert.Empty(t, result.changes)
			assertSame(t, before, c.graph())
			mend()
			c.mustSync()
			assert.NotContains(t, c.graph(), gone)
		})
	}
}

func TestARecordingOfARunWhoseUserWasChangedDeletesNothing(t *testing.T) {
	t.Parallel()
	c := newConsole(t, tenSites())
	whole, mixed := filepath.Join(t.TempDir(), "whole"), filepath.Join(t.TempDir(), "mixed")
	c.mustSync(func(o *connector.Options) { o.Record = whole })
	before := c.graph()
	c.narrow(s1test.Fault{Path: "/agents"}, c.sites(s1test.DefaultToken, 0, 9))
	require.NoError(t, c.sync(func(o *connector.Options) { o.Record = mixed }).err)

	c.dir = filepath.Join(t.TempDir(), "replayed")
	c.mustSync(replayed(whole))
	c.mustSyncInPart(replayed(mixed))
	assertSame(t, before, c.graph())
}

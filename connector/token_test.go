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
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"s1graph/connector"
	"s1graph/s1/s1test"
)

// tenSites is a tenant of which each site has agents and threats.
func tenSites() s1test.Tenant {
	return s1test.Tenant{Seed: 9, Sites: 10, Groups: 20, Agents: 80, Threats: 40, ApplicationsPerAgent: 2, Catalog: 2000, Quiet: true}
}

// sites is a token of the sites from one number to another, the last excluded.
func (c *console) sites(value string, from, to int) s1test.Token {
	token := s1test.Token{Value: value, Scope: s1test.ScopeSite}
	for n := from; n < to; n++ {
		token.IDs = append(token.IDs, c.SiteID(n))
	}
	return token
}

// withToken makes a run read its token from a file, and the console take that one token.
func (c *console) withToken(token s1test.Token) (file string, adjust func(*connector.Options)) {
	file = filepath.Join(c.t.TempDir(), "token")
	c.use(file, token)()
	c.Accept(token)
	return file, func(o *connector.Options) { o.Config.TokenFile = file }
}

// syncWithToken is a first run with a token in a file, and the graph that it gives.
func (c *console) syncWithToken(token s1test.Token) (file string, adjust func(*connector.Options), graph map[string]string) {
	c.t.Helper()
	file, adjust = c.withToken(token)
	c.mustSync(adjust)
	return file, adjust, c.graph()
}

// use puts a token into a file, at once: a request may read it just then.
func (c *console) use(file string, token s1test.Token) func() {
	return func() {
		assert.NoError(c.t, os.WriteFile(file+".new", []byte(token.Value), 0o600))
		assert.NoError(c.t, os.Rename(file+".new", file))
	}
}

// swap revokes the token in the middle of a run: a new one lies in the file by then, and the console takes that alone.
func (c *console) swap(file string, at s1test.Fault, to s1test.Token) {
	at.Times, at.Effect = 1, s1test.Revoke(c.use(file, to), to)
	c.t.Cleanup(c.Break(at))
}

// wholeTenant is a token that sees all.
func wholeTenant(value string) s1test.Token { return s1test.Token{Value: value} }

// The token in the file is changed while a run reads: whatever the new one cannot see is not gone, nor is anything that
// is derived from it.
func TestANewTokenOfAnotherScopeInMidRunDeletesNothing(t *testing.T) {
	t.Parallel()
	for name, at := range map[string]s1test.Fault{
		"before the first list":            {Match: func(r request) bool { return r.URL.Path != s1test.Base+"/user" }},
		"before the sites":                 {Path: "/sites"},
		"before the agents":                {Path: "/agents"},
		"before the rows of agents":        {Path: "/agents", Match: s1test.Rows},
		"between the agents and threats":   {Path: "/threats"},
		"before the rows of threats":       {Path: "/threats", Match: s1test.Rows},
		"before the rows of applications":  {Path: "/installed-applications", Match: s1test.Rows},
		"while applications are looked at": {Path: "/installed-applications"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newConsole(t, tenSites())
			file, fromFile, before := c.syncWithToken(wholeTenant("whole"))
			readAt := c.agentsReadAt()
			c.swap(file, at, c.sites("of-nine", 0, 9))

			result := c.mustSyncInPart(fromFile)
			assert.Len(t, result.IncompleteTypes, typesRead, "of no type is it known what the new token did not see")
			assert.Empty(t, result.changes)
			assertSame(t, before, c.graph())
			requireNotice(t, result, "The API token changed during this run, and the new one sees another part of the tenant")
			assert.Empty(t, c.state()["complete"], "a store may delete nothing")
			assert.Equal(t, readAt, c.agentsReadAt())

			// The next run has the new token alone, and is evaluated by the scope of the last one.
			next := c.sync(fromFile)
			require.NoError(t, next.err)
			requireNotice(t, next, "This run sees less of the tenant than the last one")
			assert.Empty(t, next.IncompleteTypes)
			assert.Empty(t, next.changes)
			assertSame(t, before, c.graph())

			c.use(file, wholeTenant("whole-again"))()
			c.Accept(wholeTenant("whole-again"), wholeTenant(s1test.DefaultToken))
			c.sync(fromFile)
			again := c.mustSync(fromFile)
			assert.Empty(t, again.changes)
			assertSame(t, before, c.graph())
		})
	}
}

// What was read before is of the narrower token; what the wider one adds was there all along.
func TestANewTokenOfAWiderScopeInMidRunDeletesNothingAndReportsNoChange(t *testing.T) {
	t.Parallel()
	c := newConsole(t, tenSites())
	file, fromFile, before := c.syncWithToken(c.sites("of-nine", 0, 9))
	c.swap(file, s1test.Fault{Path: "/agents"}, wholeTenant("whole"))

	result := c.mustSyncInPart(fromFile)
	assert.Len(t, result.IncompleteTypes, typesRead)
	assert.Empty(t, result.changes)
	assert.Empty(t, lacking(before, c.graph()))
	assert.Greater(t, len(ofType(c.graph(), "sentinelone_agent")), len(ofType(before, "sentinelone_agent")))

	next := c.mustSync(fromFile)
	requireNotice(t, next, "This run sees more of the tenant than the last one")
	assert.Empty(t, next.changes)
	assert.Empty(t, c.mustSync(fromFile).changes)
	c.Accept(wholeTenant("whole"), wholeTenant(s1test.DefaultToken))
	assertSame(t, c.clean(), c.graph())
}

func TestANewTokenOfOtherSitesInMidRunDeletesNothing(t *testing.T) {
	t.Parallel()
	c := newConsole(t, tenSites())
	file, fromFile, before := c.syncWithToken(c.sites("first-half", 0, 5))
	c.swap(file, s1test.Fault{Path: "/agents", Match: s1test.Rows}, c.sites("second-half", 5, 10))
	result := c.mustSyncInPart(fromFile)
	assert.Empty(t, result.changes)
	assert.Empty(t, lacking(before, c.graph()))
	next := c.sync(fromFile)
	require.NoError(t, next.err)
	assert.Empty(t, next.changes)
	assert.Empty(t, lacking(before, c.graph()), "what the new token does not see is kept as out of scope")
}

// Tokens are renewed: that is no reason to stop believing what is read.
func TestANewTokenOfTheSameScopeInMidRunChangesNothing(t *testing.T) {
	t.Parallel()
	for name, tokens := range map[string]func(c *console) (first, second s1test.Token){
		"the tenant": func(*console) (s1test.Token, s1test.Token) {
			return wholeTenant("first"), wholeTenant("second")
		},
		"sites, in another order": func(c *console) (s1test.Token, s1test.Token) {
			first, second := c.sites("first", 0, 9), c.sites("second", 0, 9)
			slices.Reverse(second.IDs)
			return first, second
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newConsole(t, tenSites())
			first, second := tokens(c)
			second.ExpiresAt = time.Date(2031, 1, 2, 3, 4, 5, 0, time.UTC)
			file, fromFile := c.withToken(first)
			c.mustSync(fromFile)
			// An agent is gone for good, so that something is to be deleted.
			gone := c.AgentID(7)
			c.Break(s1test.Fault{Path: "/agents", Effect: s1test.MissingRows(gone)})
			c.Break(s1test.Fault{Path: "/agents", Match: with("ids"), Effect: s1test.EmptyList()})
			c.swap(file, s1test.Fault{Path: "/agents", Match: s1test.Rows}, second)
			asked := c.Requests()["/user"]

			result := c.mustSync(fromFile)
			assert.Equal(t, asked+3, c.Requests()["/user"], "once when the run began, once when the token changed, and once when all was read")
			assert.NotContains(t, c.graph(), "sentinelone_agent:"+gone)
			assert.Empty(t, result.Notices)
			assert.Equal(t, second.ExpiresAt, result.TokenExpiresAt, "the token that is in use now")
		})
	}
}

// The first change is the one that does harm, and the token that is in use at the end sees what the first one saw.
func TestATokenThatChangesTwiceInARunIsLookedAtTwice(t *testing.T) {
	t.Parallel()
	c := newConsole(t, tenSites())
	file, fromFile, before := c.syncWithToken(wholeTenant("first"))
	c.swap(file, s1test.Fault{Path: "/agents"}, c.sites("of-nine", 0, 9))
	c.swap(file, s1test.Fault{Path: "/threats"}, wholeTenant("third"))
	asked := c.Requests()["/user"]
	c.mustSyncInPart(fromFile)
	assert.Equal(t, asked+3, c.Requests()["/user"])
	assertSame(t, before, c.graph())
	c.mustSync(fromFile)
	assertSame(t, before, c.graph())
}

// Twelve requests may learn of a change at once, and the lists of agents are read in several chains.
func TestATokenThatChangesInTheMiddleOfPagingDeletesNothing(t *testing.T) {
	t.Parallel()
	c := newPaged(t)
	file, fromFile, before := c.syncWithToken(wholeTenant("whole"))
	c.swap(file, s1test.Fault{Path: "/agents", Match: s1test.Rows, After: 3}, c.sites("of-three", 0, 3))
	asked := c.Requests()["/user"]
	result := c.mustSyncInPart(fromFile)
	assert.Equal(t, asked+2, c.Requests()["/user"], "asked once for the change, whoever noticed it")
	assert.Empty(t, result.changes)
	assertSame(t, before, c.graph())
}

func TestANewTokenThatDoesNotTellItsScopeDeletesNothing(t *testing.T) {
	t.Parallel()
	for name, effect := range map[string]s1test.Effect{
		"refused":                 s1test.Status(403),
		"not there":               s1test.Status(404),
		"not valid":               s1test.Status(401),
		"broken":                  s1test.Status(500),
		"a user without a scope":  s1test.StatusWith(200, nil, `{"data":{"id":"1"}}`),
		"a scope without its IDs": s1test.StatusWith(200, nil, `{"data":{"id":"1","scope":"site","scopeRoles":[]}}`),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newConsole(t, tenSites())
			file, fromFile, before := c.syncWithToken(wholeTenant("whole"))
			nine := c.sites("of-nine", 0, 9)
			c.swap(file, s1test.Fault{Path: "/agents"}, nine)
			mend := c.Break(s1test.Fault{Path: "/user", After: 1, Effect: effect})
			result := c.mustSyncInPart(fromFile)
			requireNotice(t, result, "The API token changed during this run, and the console does not say what the new one may see")
			assert.Empty(t, result.changes)
			assertSame(t, before, c.graph())
			mend()
			next := c.sync(fromFile)
			require.NoError(t, next.err)
			assertSame(t, before, c.graph())
		})
	}
}

func TestANewTokenThatIsRefusedTooFailsTheRun(t *testing.T) {
	t.Parallel()
	c := newConsole(t, tenSites())
	file, fromFile, before := c.syncWithToken(wholeTenant("whole"))
	c.Break(s1test.Fault{Path: "/agents", Times: 1, Effect: s1test.Revoke(c.use(file, wholeTenant("mistyped")), wholeTenant("real"))})
	asked := c.Requests()["/user"]
	result := c.sync(fromFile)
	require.ErrorContains(t, result.err, "sentinelone api 401 on /agents: Authentication Failed")
	assert.Equal(t, connector.Failed, result.Status)
	assert.Equal(t, asked+1, c.Requests()["/user"], "a token that the console refuses has read nothing")
	assertSame(t, before, c.graph())
}

// A run that begins with a token which is refused at once began with the one that was answered.
func TestARunBeginsWithTheTokenThatTheConsoleTakes(t *testing.T) {
	t.Parallel()
	c := newConsole(t, tenSites())
	file, fromFile := c.withToken(wholeTenant("whole"))
	c.mustSync(fromFile)
	c.swap(file, s1test.Fault{Path: "/user"}, wholeTenant("another"))
	result := c.mustSync(fromFile)
	assert.Empty(t, result.Notices)
}

func TestAFirstRunWhoseTokenChangesEstablishesNothing(t *testing.T) {
	t.Parallel()
	c := newConsole(t, tenSites())
	file, fromFile := c.withToken(wholeTenant("whole"))
	c.swap(file, s1test.Fault{Path: "/agents"}, c.sites("of-nine", 0, 9))
	c.mustSyncInPart(fromFile)
	assert.Empty(t, c.state()["established"])
	assert.Empty(t, c.state()["applications"], "where applications are read from is not settled by half a tenant")
	c.use(file, wholeTenant("whole-again"))()
	c.Accept(wholeTenant("whole-again"), wholeTenant(s1test.DefaultToken))
	next := c.mustSync(fromFile)
	assert.Empty(t, next.changes)
	assertSame(t, c.clean(), c.graph())
}

// A recording has the lists of both tokens: whoever replays it must not take them for whole either.
func TestARecordingOfARunWhoseTokenChangedDeletesNothing(t *testing.T) {
	t.Parallel()
	c := newConsole(t, tenSites())
	file, fromFile := c.withToken(wholeTenant("whole"))
	whole, mixed := filepath.Join(t.TempDir(), "whole"), filepath.Join(t.TempDir(), "mixed")
	c.mustSync(fromFile, func(o *connector.Options) { o.Record = whole })
	before := c.graph()
	c.swap(file, s1test.Fault{Path: "/agents"}, c.sites("of-nine", 0, 9))
	require.NoError(t, c.sync(fromFile, func(o *connector.Options) { o.Record = mixed }).err)

	c.dir = filepath.Join(t.TempDir(), "replayed")
	c.mustSync(replayed(whole))
	result := c.mustSyncInPart(replayed(mixed))
	assert.Len(t, result.IncompleteTypes, typesRead)
	assert.Empty(t, result.changes)
	assertSame(t, before, c.graph())
}

func TestARecordingOfARunWhoseTokenWasRenewedIsWhole(t *testing.T) {
	t.Parallel()
	c := newConsole(t, tenSites())
	file, fromFile := c.withToken(wholeTenant("first"))
	c.swap(file, s1test.Fault{Path: "/agents"}, wholeTenant("second"))
	recording := filepath.Join(t.TempDir(), "recording")
	c.mustSync(fromFile, func(o *connector.Options) { o.Record = recording })
	before := c.graph()
	c.dir = filepath.Join(t.TempDir(), "replayed")
	c.mustSync(replayed(recording))
	assertSame(t, before, c.graph())
}

// state is what the last run keeps for the next one; of maps, the names that are true.
func (c *console) state() map[string]any {
	c.t.Helper()
	content, err := os.ReadFile(filepath.Join(c.dir, "current", "run.json"))
	require.NoError(c.t, err)
	var manifest map[string]any
	require.NoError(c.t, json.Unmarshal(content, &manifest))
	state := manifest["state"].(map[string]any)
	for name, value := range state {
		if flags, ok := value.(map[string]any); ok && name != "scope" {
			maps.DeleteFunc(flags, func(_ string, set any) bool { return set == false })
		}
	}
	return state
}

func (c *console) agentsReadAt() any { return c.state()["agentsReadAt"] }

func requireNotice(t *testing.T, o outcome, start string) {
	t.Helper()
	require.True(t, slices.ContainsFunc(o.Notices, func(notice string) bool { return strings.HasPrefix(notice, start) }),
		"no notice begins with %q: %q", start, o.Notices)
}

// What was accepted to be deleted waits too, and no permission to delete much applies.
func TestARunWhoseTokenChangesDeletesNothingThatWasAccepted(t *testing.T) {
	t.Parallel()
	c := newConsole(t, tenSites())
	file, fromFile, before := c.syncWithToken(wholeTenant("whole"))
	c.lose(0, 60)
	require.Equal(t, connector.Partial, c.sync(fromFile).Status)
	c.accept()
	c.swap(file, s1test.Fault{Path: "/threats"}, c.sites("of-nine", 0, 9))
	c.mustSyncInPart(fromFile, func(o *connector.Options) { o.AllowMassDelete = true })
	assert.Empty(t, lacking(before, c.graph()))

	c.use(file, wholeTenant("whole-again"))()
	c.Accept(wholeTenant("whole-again"), wholeTenant(s1test.DefaultToken))
	passed := c.mustSync(fromFile)
	assert.EqualValues(t, 60, passed.Changes["sentinelone_agent"].Deleted)
	assertSame(t, c.clean(), c.graph())
}

package connector_test

import (
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"s1graph/config"
	"s1graph/connector"
	"s1graph/graph"
	"s1graph/s1/s1test"
)

// untold are the ways in which a console does not tell what a token may see.
func untold() map[string]s1test.Fault {
	ofNoIDs := s1test.UserWithoutIDs() // that names a level besides would be one of sites
	return map[string]s1test.Fault{
		"404":                   {Path: "/user", Effect: s1test.Status(404)},
		"403":                   {Path: "/user", Effect: s1test.Refused("")},
		"roles without ids":     ofNoIDs,
		"nothing but nulls":     s1test.UserOfNulls(),
		"another word":          s1test.UserWithScope("region"),
		"no scope":              s1test.UserWithScope(nil),
		"an account without id": s1test.UserWithScope("Account"),
		"no object":             {Path: "/user", Effect: s1test.StatusWith(200, nil, `{"data":null}`)},
	}
}

func with404() s1test.Fault { return s1test.Fault{Path: "/user", Effect: s1test.Status(404)} }

// ops counts changes by type and kind.
func (o outcome) ops() map[string]int {
	counts := make(map[string]int)
	for _, change := range o.changes {
		counts[change.Type.Name+" "+string(change.Op)]++
	}
	return counts
}

// A console that does not tell the scope is read, compared and believed like any other.
func TestConsoleThatDoesNotTellTheScopeGivesTheSameGraphAndChanges(t *testing.T) {
	t.Parallel()
	for name, fault := range untold() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			telling, c := newConsole(t, busy()), newConsole(t, busy())
			token := s1test.Token{Value: s1test.DefaultToken, Scope: s1test.ScopeAccount, IDs: []string{c.AccountID(0), c.AccountID(1)}}
			telling.Accept(token)
			c.Accept(token)
			c.Break(fault)
			telling.mustSync()
			assert.Empty(t, c.mustSync().Notices)
			for _, day := range []int{1, 2, 3} {
				telling.SetDay(day)
				c.SetDay(day)
				want, got := telling.mustSync(), c.mustSync()
				assert.Equal(t, want.ops(), got.ops())
				assert.Equal(t, want.Changes, got.Changes)
				assert.Empty(t, got.Notices)
				assertSame(t, telling.graph(), c.graph())
			}
		})
	}
}

// Consoles write in several ways what may be seen, and all of them are understood.
func TestConsoleThatTellsTheScopeInAnotherWayIsUnderstood(t *testing.T) {
	t.Parallel()
	ofSite := func(c *console) s1test.Token { return c.sites(s1test.DefaultToken, 1, 2) }
	for name, test := range map[string]struct {
		token func(c *console) s1test.Token
		fault s1test.Fault
		kept  bool
	}{
		"a site, in other case": {ofSite, s1test.UserWithScope("SITE"), true},
		"siteRoles alone":       {ofSite, s1test.UserOfSiteRoles(), true},
		"a group": {func(c *console) s1test.Token {
			return s1test.Token{Value: s1test.DefaultToken, Scope: s1test.ScopeGroup, IDs: []string{c.GroupID(1)}}
		}, s1test.UserWithScope("Group"), true},
		"the tenant, called global":   {func(*console) s1test.Token { return wholeTenant(s1test.DefaultToken) }, s1test.UserWithScope("global"), false},
		"the tenant, in another case": {func(*console) s1test.Token { return wholeTenant(s1test.DefaultToken) }, s1test.UserWithScope(" Tenant "), false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newConsole(t, busy())
			c.mustSync()
			before := c.graph()
			c.Accept(test.token(c))
			c.Break(test.fault)

			result := c.sync()

			require.NoError(t, result.err)
			assert.Empty(t, result.changes)
			assertSame(t, before, c.graph())
			if test.kept { // it sees less than the last run did, and the console tells how much
				assert.Equal(t, connector.Partial, result.Status)
				requireNotice(t, result, "This run sees less of the tenant than the last one")
			}
			again := c.mustSync()
			assert.Equal(t, test.kept, len(again.KeptOutOfScope) > 0)
			assertSame(t, before, c.graph())
		})
	}
}

// assertSaid asserts that what the rows say of a thing is what the graph has: agents and threats are as in the clean graph,
// and of what is in that no relationship leads elsewhere.
func assertSaid(t *testing.T, clean, got map[string]string) {
	t.Helper()
	for _, typ := range []string{"sentinelone_agent", "sentinelone_threat"} {
		for key, line := range only(clean, typ) {
			assert.Equal(t, line, got[key])
		}
	}
	owners := make(map[string]string)
	for key := range got {
		from, to, ok := graph.RelationshipEnds(key)
		switch {
		case !ok || strings.Contains(key, "|has|sentinelone_application"):
			continue
		case strings.Contains(key, "|has|sentinelone_threat:") && clean[from] == "":
			continue // the agent is gone and kept, and the threat's row names it still
		case strings.Contains(key, "|protects|"):
			to = from
		case strings.Contains(key, "|owns|"):
			assert.Empty(t, owners[to], "%s has two owners", to)
			owners[to] = from
		}
		assert.True(t, clean[key] != "" || clean[to] == "", "%s: the rows say another thing", key)
	}
}

// Unless the lists that show the scope are read whole nothing is deleted, and changes are reported all the same. What the
// rows say of a thing is believed.
func TestConsoleThatTellsTheScopeNeitherByUserNorByListsDeletesNothingAndReportsChanges(t *testing.T) {
	t.Parallel()
	for path, fault := range map[string]s1test.Fault{
		"/sites":  {Path: "/sites", Match: ofRows, Effect: s1test.Status(500)},
		"/groups": {Path: "/groups", Effect: s1test.Refused("")},
	} {
		t.Run(path, func(t *testing.T) {
			t.Parallel()
			c := newConsole(t, busy())
			c.Break(with404())
			c.mustSync()
			before := c.graph()
			mend := c.Break(fault)
			c.SetDay(1)

			result := c.sync()

			require.NoError(t, result.err)
			assert.Equal(t, connector.Partial, result.Status)
			requireNotice(t, result, "The console does not say what the token may see, and /sites and /groups, whose lists show it, were not read whole")
			entities := maps.Clone(before)
			maps.DeleteFunc(entities, func(key, _ string) bool { return strings.Contains(key, "|") })
			assert.Empty(t, lacking(entities, c.graph()), "no entity is gone")
			assert.Positive(t, result.Changes["sentinelone_agent"].Created)
			assert.Positive(t, result.Changes["sentinelone_agent"].Updated)
			assert.Zero(t, result.Changes["sentinelone_agent"].Baseline)
			assert.Positive(t, result.ops()["sentinelone_group_has_agent deleted"], "agents that were moved")
			assert.Positive(t, result.ops()["sentinelone_agent_protects_device deleted"], "agents that were decommissioned")
			got := c.graph()
			mend()
			clean := c.clean()
			assertSaid(t, clean, got)

			c.mustSync()
			assertSame(t, clean, c.graph())
		})
	}
}

// Another token may see another part of the tenant: once, that deletes nothing. After that it is like any other.
func TestConsoleThatDoesNotTellTheScopeIsInDoubtOnceForATokenThatIsAnother(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(c *console) func(*connector.Options){
		"another token": func(c *console) func(*connector.Options) {
			c.Accept(wholeTenant("another"), wholeTenant(s1test.DefaultToken))
			return func(o *connector.Options) { o.Config.Token = config.NewSecret("another") }
		},
		"another answer of /user": func(c *console) func(*connector.Options) {
			c.Break(s1test.UserOfNulls())
			return func(*connector.Options) {}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newConsole(t, busy())
			mend := c.Break(with404())
			c.mustSync()
			before := c.graph()
			adjust := change(c)
			if strings.Contains(name, "answer") {
				mend()
			}
			c.SetDay(1)

			result := c.sync(adjust)

			require.NoError(t, result.err)
			assert.Equal(t, connector.Partial, result.Status)
			requireNotice(t, result, "This run may see another part of the tenant than the last one")
			entities := maps.Clone(before)
			maps.DeleteFunc(entities, func(key, _ string) bool { return strings.Contains(key, "|") })
			assert.Empty(t, lacking(entities, c.graph()))
			assert.Positive(t, result.Changes["sentinelone_agent"].Updated)
			assert.Zero(t, result.Changes["sentinelone_agent"].Baseline)

			next := c.mustSync(adjust)
			assert.Positive(t, next.Changes["sentinelone_agent"].Deleted)
			assertSame(t, c.clean(adjust), c.graph())
		})
	}
}

// A console that told the scope and ceases to, or begins to, is in doubt once.
func TestConsoleThatCeasesToTellTheScopeDeletesNothingOnce(t *testing.T) {
	t.Parallel()
	c := newConsole(t, tenSites())
	c.mustSync()
	before := c.graph()
	c.lose(7, 8)
	mend := c.Break(with404())
	first := c.sync()
	require.NoError(t, first.err)
	assert.Equal(t, connector.Partial, first.Status)
	assertSame(t, before, c.graph())
	c.mustSync()
	assert.NotContains(t, c.graph(), "sentinelone_agent:"+c.AgentID(7))
	mend()
	again := c.sync()
	require.NoError(t, again.err)
	assert.Equal(t, connector.Partial, again.Status)
	assert.Empty(t, again.changes)
	c.mustSync()
}

// What is listed with the same token that was not there before was created.
func TestConsoleThatDoesNotTellTheScopeIsNotWidenedByASiteThatIsCreated(t *testing.T) {
	t.Parallel()
	c := newConsole(t, tenSites())
	c.Break(with404())
	c.Accept(c.sites(s1test.DefaultToken, 0, 9))
	c.mustSync()
	c.Accept(c.sites(s1test.DefaultToken, 0, 10))
	result := c.mustSync()
	assert.EqualValues(t, 1, result.Changes["sentinelone_site"].Created)
	assert.EqualValues(t, tenSites().Agents/10, result.Changes["sentinelone_agent"].Created)
	assert.Zero(t, result.Changes["sentinelone_agent"].Baseline)

	// Seen with another token it may have been there before.
	c.Accept(wholeTenant("whole"), wholeTenant(s1test.DefaultToken))
	c.dir += "-another"
	narrow := func(o *connector.Options) { o.Config.Token = config.NewSecret("nine") }
	c.Accept(c.sites("nine", 0, 9), wholeTenant(s1test.DefaultToken))
	c.mustSync(narrow)
	wider := c.sync()
	require.NoError(t, wider.err)
	assert.Equal(t, connector.Partial, wider.Status)
	assert.Empty(t, wider.changes)
	requireNotice(t, wider, "It lists accounts, sites or groups that the last run did not")
	assert.Empty(t, c.mustSync().changes)
}

// A site or a group that left the lists may be gone or out of sight.
func TestConsoleThatDoesNotTellTheScopeKeepsWhatLeftItsListsUntilItIsAccepted(t *testing.T) {
	t.Parallel()
	for name, leave := range map[string]func(c *console){
		"a site": func(c *console) { c.Accept(c.sites(s1test.DefaultToken, 0, 9)) },
		"a group": func(c *console) {
			var ids []string
			for n := range 19 {
				ids = append(ids, c.GroupID(n))
			}
			c.Accept(s1test.Token{Value: s1test.DefaultToken, Scope: s1test.ScopeGroup, IDs: ids})
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newConsole(t, tenSites())
			c.Break(with404())
			c.mustSync()
			before := c.graph()
			leave(c)
			c.lose(7, 8) // of a site that is still listed
			gone := "sentinelone_agent:" + c.AgentID(7)

			result := c.mustSync()

			requireNotice(t, result, "The console does not say what the token may see, and no longer lists ")
			assert.NotContains(t, c.graph(), gone, "what is inside is evaluated like any other")
			expected, after := maps.Clone(before), c.graph()
			maps.DeleteFunc(expected, func(key, _ string) bool { return after[key] == "" && strings.Contains(key, gone) })
			assert.Empty(t, lackingOf("sentinelone_agent", expected, after), "what hangs on it is kept")
			assert.Empty(t, lackingOf("sentinelone_site", before, after))
			assert.Empty(t, lackingOf("sentinelone_group", before, after))
			assert.Positive(t, result.KeptOutOfScope["sentinelone_agent"])
			assert.Empty(t, c.mustSync().changes)

			c.acceptOutOfScope()
			released := c.mustSync()
			assert.Positive(t, released.Changes["sentinelone_agent"].Deleted)
			clean, got := c.clean(), c.graph()
			for _, key := range ofType(clean, "sentinelone_account") { // such a token sees no more of one than its sites say
				delete(clean, key)
				delete(got, key)
			}
			assertSame(t, clean, got)
			assert.Empty(t, c.mustSync().Notices)
		})
	}
}

func lackingOf(typeName string, before, after map[string]string) []string {
	return lacking(only(before, typeName), after)
}

// The user's scope is changed in the console while a run reads, which nothing tells but the lists.
func TestConsoleThatDoesNotTellTheScopeIsLookedAtOnceMoreWhenAllIsRead(t *testing.T) {
	t.Parallel()
	for name, at := range map[string]s1test.Fault{
		"before the agents": {Path: "/agents"}, "before the applications": {Path: "/installed-applications"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newConsole(t, tenSites())
			c.Break(with404())
			c.mustSync()
			before := c.graph()
			c.narrow(at, c.sites(s1test.DefaultToken, 0, 9))
			result := c.sync()
			require.NoError(t, result.err)
			assert.Equal(t, connector.Partial, result.Status)
			requireNotice(t, result, "During this run /sites or /groups became shorter")
			assertSame(t, before, c.graph())
			next := c.mustSync()
			requireNotice(t, next, "The console does not say what the token may see, and no longer lists ")
			assertSame(t, before, c.graph())
		})
	}
}

func TestConsoleThatDoesNotTellTheScopeOfANewTokenInMidRunDeletesNothing(t *testing.T) {
	t.Parallel()
	c := newConsole(t, tenSites())
	c.Break(with404())
	file, fromFile := c.withToken(wholeTenant("whole"))
	c.mustSync(fromFile)
	before := c.graph()
	c.swap(file, s1test.Fault{Path: "/agents"}, c.sites("of-nine", 0, 9))
	result := c.sync(fromFile)
	require.NoError(t, result.err)
	assert.Equal(t, connector.Partial, result.Status)
	requireNotice(t, result, "The API token changed during this run, and the console does not say what the new one may see")
	assertSame(t, before, c.graph())
}

// The fingerprint is a keyed hash: another folder has another one, and none has the token.
func TestConsoleThatDoesNotTellTheScopeHasAFingerprintThatTellsNothing(t *testing.T) {
	t.Parallel()
	c := newConsole(t, small())
	c.Break(with404())
	fingerprint := func() string {
		c.mustSync()
		return c.state()["scope"].(map[string]any)["fingerprint"].(string)
	}
	first := fingerprint()
	assert.Regexp(t, `^[0-9a-f]{64}$`, first)
	assert.Equal(t, first, fingerprint())
	require.NoError(t, filepath.WalkDir(c.dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		content, err := os.ReadFile(path)
		assert.NotContains(t, string(content), s1test.DefaultToken, path)
		return err
	}))
	c.dir += "-another"
	assert.NotEqual(t, first, fingerprint())
}

// Who was told by an earlier version that the scope is unknown goes on with one run in doubt.
func TestConsoleThatDoesNotTellTheScopeIsReadAfterARunOfAnEarlierVersion(t *testing.T) {
	t.Parallel()
	c := newConsole(t, tenSites())
	c.Break(with404())
	c.mustSync()
	manifest := filepath.Join(c.dir, "current", "run.json")
	content, err := os.ReadFile(manifest)
	require.NoError(t, err)
	old := regexp.MustCompile(`"unknown": false,\s*"fingerprint": "[0-9a-f]{64}"`).ReplaceAllString(string(content), `"unknown": true`)
	require.Contains(t, old, `"unknown": true`)
	require.NoError(t, os.WriteFile(manifest, []byte(old), 0o600))
	result := c.sync()
	require.NoError(t, result.err)
	assert.Equal(t, connector.Partial, result.Status, "%q", result.Notices)
	assert.Empty(t, c.mustSync().changes)
}

package connector_test

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"s1graph/connector"
	"s1graph/graph"
	"s1graph/s1/s1test"
)

// moving is a tenant of which more agents move on a busy day than a list may lack.
func moving() s1test.Tenant {
	return s1test.Tenant{
		Seed: 5, Sites: 2, Groups: 4, Agents: 500, Threats: 120, ApplicationsPerAgent: 2, Catalog: 2000, Changes: 28,
	}
}

// leaving are the agents that an event of day 1 takes from one place to any other, with the place where they are then.
func (c *console) leaving(event s1test.Event, from string) map[string]string {
	left := make(map[string]string)
	for _, change := range c.Plan(1).Of(event) {
		if change.Before == from {
			left["sentinelone_agent:"+change.ID] = change.After
		}
	}
	require.Greater(c.t, len(left), 5, "as many as a list may lack")
	return left
}

// hangingOn are the keys of an agent, of what it protects, found and has on its device, and of who owns that, with the
// relationships between them.
func hangingOn(g map[string]string, agent string) []string {
	keys := map[string]bool{agent: true}
	follow := func(wanted string, fromOther bool) {
		for key := range g {
			from, to, ok := graph.RelationshipEnds(key)
			if fromOther {
				from, to = to, from
			}
			if ok && strings.Contains(key, wanted) && keys[from] {
				keys[key], keys[to] = true, true
			}
		}
	}
	follow("|protects|", false)
	follow("|has|sentinelone_threat", false)
	follow("|owns|", true)
	follow("|has|sentinelone_application", false)
	return slices.Sorted(maps.Keys(keys))
}

// unguarded is a run of somebody who knows that much is gone.
func unguarded(o *connector.Options) { o.AllowMassDelete = true }

// asked are the IDs for which a list is asked while a run runs.
func (c *console) asked(path, parameter string, run func()) (ids []string) {
	var mu sync.Mutex
	c.OnRequest(func(r request) {
		if r.URL.Path == s1test.Base+path && r.URL.Query().Has(parameter) {
			mu.Lock()
			defer mu.Unlock()
			ids = append(ids, strings.Split(r.URL.Query().Get(parameter), ",")...)
		}
	})
	defer c.OnRequest(nil)
	run()
	return ids
}

func TestAnAgentThatMovesOutOfThePartThatIsReadIsKeptAndSaysWhereItIs(t *testing.T) {
	t.Parallel()
	site := func(c *console) func(*connector.Options) {
		return func(o *connector.Options) { o.Config.Sites = []string{c.SiteID(0)} }
	}
	for name, test := range map[string]struct {
		scope    func(c *console) func(*connector.Options)
		event    s1test.Event
		from     func(c *console) string
		property string
		full     bool // all was read before
	}{
		"of a site":                          {site, s1test.AgentMovedSite, func(c *console) string { return c.SiteID(0) }, "siteId", false},
		"of a site, after all had been read": {site, s1test.AgentMovedSite, func(c *console) string { return c.SiteID(0) }, "siteId", true},
		"of some groups": {
			func(c *console) func(*connector.Options) {
				return func(o *connector.Options) { o.Config.Groups = []string{c.GroupID(0)} }
			}, s1test.AgentMovedGroup, func(c *console) string { return c.GroupID(0) }, "groupId", false,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newConsole(t, moving())
			narrow := test.scope(c)
			if test.full {
				c.mustSync()
				require.NoError(t, c.sync(narrow).err)
			} else {
				c.mustSync(narrow)
			}
			before := c.graph()
			moved := c.leaving(test.event, test.from(c))
			hanging := make(map[string]string)
			for agent := range moved {
				require.Contains(t, before, agent)
				for _, key := range hangingOn(before, agent) {
					hanging[key] = before[key]
				}
			}
			c.SetDay(1)

			result := c.mustSync(narrow, unguarded)

			after := of(t, c.graph(), "sentinelone_agent")
			updated := make(map[string][]string)
			for _, change := range result.changes {
				if change.Op == graph.Updated {
					updated[change.Key] = change.Changed
				}
			}
			for agent, to := range moved {
				assert.Equal(t, to, after[agent][test.property])
				assert.Contains(t, updated[agent], test.property)
			}
			assert.Empty(t, lacking(hanging, c.graph()))
			gone := 0
			for _, id := range c.Plan(1).IDs(s1test.AgentGone) {
				if before["sentinelone_agent:"+id] != "" && strings.Contains(before["sentinelone_agent:"+id], test.from(c)) {
					gone++
					assert.NotContains(t, after, "sentinelone_agent:"+id)
				}
			}
			require.Positive(t, gone, "what is gone goes")

			kept := c.graph()
			var next outcome
			ids := c.asked("/agents", "ids", func() { next = c.mustSync(narrow) })
			for agent := range moved {
				assert.NotContains(t, ids, strings.TrimPrefix(agent, "sentinelone_agent:"))
			}
			assert.Empty(t, next.changes)
			assert.GreaterOrEqual(t, next.KeptOutOfScope["sentinelone_agent"], int64(len(moved)))
			assertSame(t, kept, c.graph())

			c.SetDay(0) // they come back
			back := c.sync(narrow, unguarded)
			require.NoError(t, back.err)
			for agent := range moved {
				assert.Equal(t, before[agent], c.graph()[agent])
			}
			c.mustSync(unguarded)
			assertSame(t, c.clean(), c.graph())
		})
	}
}

// has says that a request has all of some parameters.
func has(parameters ...string) func(request) bool {
	return func(r request) bool {
		return !slices.ContainsFunc(parameters, func(p string) bool { return !r.URL.Query().Has(p) })
	}
}

// moveOut has a list tell of a row by its ID alone: no filter on the scope gives it any more.
func (c *console) moveOut(path, ask, filter, id string, change func(row map[string]any)) {
	c.Break(s1test.Fault{Path: path, Match: with(filter), Effect: s1test.MissingRows(id)})
	c.Break(s1test.Fault{Path: path, Match: has(filter, ask), Effect: s1test.EmptyList()})
	c.Break(s1test.Fault{Path: path, Effect: s1test.Rewrite(func(row map[string]any) {
		if row["id"] == id {
			change(row)
		}
	})})
}

func TestWhatMovesOutOfThePartThatIsReadIsKeptAndSaysWhereItIs(t *testing.T) {
	t.Parallel()
	sites := func(c *console) func(*connector.Options) {
		return func(o *connector.Options) { o.Config.Sites = []string{c.SiteID(0), c.SiteID(2)} }
	}
	accounts := func(c *console) func(*connector.Options) {
		return func(o *connector.Options) { o.Config.Accounts = []string{c.AccountID(0)} }
	}
	threat := func(c *console) string { // of an agent of site 0
		threats := of(t, c.graph(), "sentinelone_threat")
		maps.DeleteFunc(threats, func(_ string, threat map[string]any) bool { return threat["siteId"] != c.SiteID(0) })
		return strings.TrimPrefix(slices.Min(slices.Collect(maps.Keys(threats))), "sentinelone_threat:")
	}
	elsewhere := func(c *console) func(row map[string]any) {
		return func(row map[string]any) { row["agentRealtimeInfo"].(map[string]any)["siteId"] = c.SiteID(3) }
	}
	for name, test := range map[string]struct {
		scope             func(c *console) func(*connector.Options)
		path, ask, filter string
		typ               string
		id                func(c *console) string
		change            func(c *console) func(row map[string]any)
		property          string // that says where it is now; "" where nothing does
		to                func(c *console) string
	}{
		"a threat": {
			sites, "/threats", "ids", "siteIds", "sentinelone_threat", threat, elsewhere, "siteId", func(c *console) string { return c.SiteID(3) },
		},
		"a threat whose row says that it is where it was": {
			sites, "/threats", "ids", "siteIds", "sentinelone_threat", threat,
			func(*console) func(map[string]any) { return func(map[string]any) {} }, "", nil,
		},
		"a group": {
			sites, "/groups", "groupIds", "siteIds", "sentinelone_group", func(c *console) string { return c.GroupID(10) },
			func(c *console) func(row map[string]any) {
				return func(row map[string]any) { row["siteId"] = c.SiteID(3) }
			}, "siteId", func(c *console) string { return c.SiteID(3) },
		},
		"a site": {
			accounts, "/sites", "siteIds", "accountIds", "sentinelone_site", func(c *console) string { return c.SiteID(2) },
			func(c *console) func(row map[string]any) {
				return func(row map[string]any) { row["accountId"] = c.AccountID(1) }
			}, "accountId", func(c *console) string { return c.AccountID(1) },
		},
	} {
		for _, full := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, all read before: %t", name, full), func(t *testing.T) {
				t.Parallel()
				tenant := spread()
				tenant.Quiet, tenant.Awkward, tenant.Agents, tenant.ApplicationsPerAgent = true, false, 64, 1
				c := newConsole(t, tenant)
				narrow := test.scope(c)
				if full {
					c.mustSync()
					require.NoError(t, c.sync(narrow).err)
				} else {
					c.mustSync(narrow)
				}
				before := c.graph()
				id := test.id(c)
				key := test.typ + ":" + id
				require.Contains(t, before, key)
				c.moveOut(test.path, test.ask, test.filter, id, test.change(c))

				result := c.mustSync(narrow)

				assert.Zero(t, result.ops()[test.typ+" deleted"])
				require.Contains(t, c.graph(), key)
				var next outcome
				asked := c.asked(test.path, test.ask, func() { next = c.mustSync(narrow) })
				assert.Empty(t, next.changes)
				require.Contains(t, c.graph(), key)
				if test.property == "" {
					assert.Contains(t, asked, id, "nothing says that it is out of scope")
					return
				}
				assert.Equal(t, test.to(c), of(t, c.graph(), test.typ)[key][test.property])
				assert.NotContains(t, asked, id)
				assert.Positive(t, next.KeptOutOfScope[test.typ])
			})
		}
	}
}

func TestARecordingOfWhatMovedReplaysToTheSameGraph(t *testing.T) {
	t.Parallel()
	c := newConsole(t, moving())
	narrow := func(o *connector.Options) { o.Config.Sites = []string{c.SiteID(0)} }
	first, second := filepath.Join(t.TempDir(), "first"), filepath.Join(t.TempDir(), "second")
	c.mustSync(narrow, func(o *connector.Options) { o.Record = first })
	c.SetDay(1)
	recorded := c.mustSync(narrow, unguarded, func(o *connector.Options) { o.Record = second })

	replay := *c
	replay.dir = filepath.Join(t.TempDir(), "replayed")
	replay.mustSync(replayed(first))
	result := replay.mustSync(replayed(second), unguarded)
	assert.Equal(t, recorded.ops(), result.ops())
	assertSame(t, c.graph(), replay.graph())
	assert.Empty(t, replay.mustSync(replayed(second), unguarded).changes)
	assertSame(t, c.graph(), replay.graph())
}

// Who does not know where an agent is deletes neither the agent nor what is on its device.
func TestAnAgentOfWhichNobodySaysWhereItMovedDeletesNothing(t *testing.T) {
	t.Parallel()
	everywhere := func(r request) bool { return byID(r) && !r.URL.Query().Has("siteIds") }
	for name, effect := range map[string]s1test.Effect{"refused": s1test.Status(403), "broken": s1test.Status(500), "cut off": s1test.CutInBody()} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newConsole(t, moving())
			narrow := func(o *connector.Options) { o.Config.Sites = []string{c.SiteID(0)} }
			c.mustSync(narrow)
			before := c.graph()
			left := c.leaving(s1test.AgentMovedSite, c.SiteID(0))
			c.SetDay(1)
			mend := c.Break(s1test.Fault{Path: "/agents", Match: everywhere, Effect: effect})
			c.mustSyncInPart(narrow, unguarded)
			kept := c.graph()
			for agent := range left {
				for _, key := range hangingOn(before, agent) {
					assert.Contains(t, kept, key)
				}
			}
			mend()
			c.mustSync(narrow, unguarded)
			moved := of(t, c.graph(), "sentinelone_agent")
			for agent, site := range left {
				assert.Equal(t, site, moved[agent]["siteId"])
			}
		})
	}
}

// What moved and is kept goes when somebody lets it go, with all that hangs on it.
func TestWhatMovedGoesOnceThatWasAccepted(t *testing.T) {
	t.Parallel()
	tenant := moving()
	tenant.NoInstalled = true // an inventory is filtered like any list
	tenant.Agents, tenant.Catalog, tenant.ApplicationsPerAgent, tenant.Changes = 60, 60, 1, 3
	c := newConsole(t, tenant)
	narrow := func(o *connector.Options) { o.Config.Sites = []string{c.SiteID(1)} }
	c.mustSync(narrow)
	before := c.graph()
	agent := "sentinelone_agent:" + c.Plan(1).Of(s1test.AgentMovedSite)[0].ID
	require.Equal(t, c.SiteID(1), of(t, before, "sentinelone_agent")[agent]["siteId"])
	c.SetDay(1)
	c.mustSync(narrow, unguarded)
	for _, key := range hangingOn(before, agent) {
		assert.Contains(t, c.graph(), key)
	}
	c.mustSync(narrow)
	c.acceptOutOfScope()
	c.mustSync(narrow)
	assert.NotContains(t, c.graph(), agent)
	assertSame(t, c.clean(narrow), c.graph())
	assert.Empty(t, c.mustSync(narrow).KeptOutOfScope)
}

func TestNeo4jHoldsWhatMovedOutOfThePartThatIsRead(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	c := newConsole(t, little())
	moved := c.Plan(1).Of(s1test.AgentMovedSite)[0]
	narrow := func(o *connector.Options) { d.write(o); o.Config.Sites = []string{moved.Before} }
	c.mustSync(narrow)
	c.SetDay(1)
	c.mustSync(narrow, unguarded)
	d.assertHolds(t, c.dir)
	assert.EqualValues(t, 1, d.count(t, `MATCH (a:sentinelone_agent {_scope: $scope, id: "`+moved.ID+`", siteId: "`+moved.After+`"})-[:PROTECTS]->(:Device) RETURN count(a)`))
	c.mustSync(narrow)
	d.assertHolds(t, c.dir)
}

// What a token cannot see answers no question: an agent that left all that it sees is, as far as anybody can tell, deleted.
func TestAnAgentThatMovesOutOfAllThatTheTokenSeesGoes(t *testing.T) {
	t.Parallel()
	c := newConsole(t, little())
	moved := c.Plan(1).Of(s1test.AgentMovedSite)[0]
	c.Accept(s1test.Token{Value: s1test.DefaultToken, Scope: s1test.ScopeSite, IDs: []string{moved.Before}})
	c.mustSync()
	require.Contains(t, c.graph(), "sentinelone_agent:"+moved.ID)
	c.SetDay(1)
	c.mustSync(unguarded)
	assertSame(t, c.clean(), c.graph())
	assert.NotContains(t, c.graph(), "sentinelone_agent:"+moved.ID)
}

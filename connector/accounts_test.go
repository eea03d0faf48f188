package connector_test

import (
	"maps"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"s1graph/s1/s1test"
)

// Licenses and permissions are of accounts: one that loses the list of vulnerabilities takes nothing from the others.

func twoAccounts() s1test.Tenant {
	return s1test.Tenant{Seed: 1, Accounts: 2, Sites: 4, Groups: 8, Agents: 60, ApplicationsPerAgent: 3, Catalog: 600}
}

// ofAccount matches the requests for one account.
func (c *console) ofAccount(n int) func(request) bool {
	return func(r request) bool { return r.URL.Query().Get("accountIds") == c.AccountID(n) }
}

// answerOtherwise has the console answer otherwise for one account, by path. What it returns mends that.
func (c *console) answerOtherwise(account int, effects map[string]s1test.Effect) (mend func()) {
	var all []func()
	for path, effect := range effects {
		all = append(all, c.Break(s1test.Fault{Path: path, Effect: effect, Match: c.ofAccount(account)}))
	}
	return func() {
		for _, f := range all {
			f()
		}
	}
}

// edgesOf are the vulnerabilities' edges of the devices that are protected in an account.
func (c *console) edgesOf(g map[string]string, account int) map[string]string {
	in := map[string]bool{} // devices
	agents := of(c.t, g, "sentinelone_agent")
	for key := range only(g, "sentinelone_agent_protects_device") {
		agent, device, _ := ends(key, "sentinelone_agent")
		in[device] = in[device] || text(agents[agent], "accountId") == c.AccountID(account)
	}
	edges := only(g, "sentinelone_device_has_vulnerability")
	maps.DeleteFunc(edges, func(key, _ string) bool {
		device, _, _ := ends(key, "sentinelone_device")
		return !in[device]
	})
	return edges
}

func TestAnAccountThatLosesTheListIsKeptAndAllOthersAreReadWhole(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		effects map[string]s1test.Effect
		says    string
	}{
		"403": {map[string]s1test.Effect{risks: s1test.Refused("")}, "403"},
		"404": {map[string]s1test.Effect{risks: s1test.Status(404)}, "404"},
		"400 for the license": {map[string]s1test.Effect{risks: s1test.StatusWith(400, nil,
			`{"errors":[{"code":4000010,"detail":"Vulnerability Management is not enabled for this license","title":"Bad Request"}]}`)}, "400"},
		"an empty list": {map[string]s1test.Effect{risks: s1test.EmptyList(), risks + "/applications": s1test.EmptyList()},
			"is empty, and " + risks + "/applications is empty or refused"},
		"an empty list where applications are refused": {map[string]s1test.Effect{risks: s1test.EmptyList(), risks + "/applications": s1test.Refused("")},
			"cannot be told"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newConsole(t, twoAccounts())
			c.mustSync(severities())
			before := c.edgesOf(c.graph(), 1)
			require.NotEmpty(t, before)

			c.SetDay(1)
			clean := c.clean(severities())
			mend := c.answerOtherwise(1, test.effects)
			lost := c.mustSync(severities())
			said := strings.Join(lost.Notices, "\n")
			assert.Contains(t, said, "("+c.AccountID(1)+")")
			assert.Contains(t, said, "View Risks (Applications page)")
			assert.Contains(t, said, test.says)
			assert.NotContains(t, said, "account "+c.AccountID(0))
			assert.Positive(t, lost.KeptOutOfScope["sentinelone_vulnerability"])
			assert.Contains(t, lost.KeptOutOfScopeSince, "sentinelone_vulnerability", "it is dated")
			assert.NotEmpty(t, lost.changes, "differences of the others are changes")

			now := c.graph()
			assert.Equal(t, slices.Sorted(maps.Keys(c.edgesOf(clean, 0))), slices.Sorted(maps.Keys(c.edgesOf(now, 0))), "the other account is read whole")
			kept := c.edgesOf(now, 1)
			for key, line := range before {
				device, _, _ := ends(key, "sentinelone_device")
				if stays := slices.Contains(slices.Collect(maps.Keys(protected(clean))), device); stays {
					assert.Equal(t, line, kept[key])
				}
			}

			again := c.mustSync(severities())
			assert.NotContains(t, strings.Join(again.Notices, "\n"), "This is said once")
			assert.Empty(t, again.changes)
			assert.Equal(t, lost.KeptOutOfScope, again.KeptOutOfScope)
			rests := c.mustSync(severities(), reads("accounts", "sites", "groups", "agents"))
			assert.Equal(t, lost.KeptOutOfScope, rests.KeptOutOfScope, "while the step rests")
			assert.Equal(t, lost.KeptOutOfScopeSince, rests.KeptOutOfScopeSince)
			assert.Equal(t, now, c.graph())

			mend()
			back := c.mustSync(severities())
			assert.Empty(t, back.changes, "it is a baseline")
			assert.Empty(t, back.KeptOutOfScope)
			assertSame(t, clean, c.graph())
		})
	}
}

// protected are the devices that an agent protects.
func protected(g map[string]string) map[string]bool {
	devices := map[string]bool{}
	for key := range only(g, "sentinelone_agent_protects_device") {
		_, device, _ := ends(key, "sentinelone_agent")
		devices[device] = true
	}
	return devices
}

func TestWhatAnAccountThatLostTheListAloneHadGoesWhereThatIsAccepted(t *testing.T) {
	t.Parallel()
	c := newConsole(t, twoAccounts())
	c.mustSync(severities())
	c.answerOtherwise(1, map[string]s1test.Effect{risks: s1test.Refused("")})
	kept := c.mustSync(severities()).KeptOutOfScope["sentinelone_vulnerability"]
	require.Positive(t, kept)
	before := ofType(c.graph(), "sentinelone_vulnerability")
	c.acceptOutOfScope()
	assert.Empty(t, c.mustSync(severities()).KeptOutOfScope)
	assert.Len(t, ofType(c.graph(), "sentinelone_vulnerability"), len(before)-int(kept))
}

func TestAFaultThatPassesInOneAccountLeavesTheRunInPart(t *testing.T) {
	t.Parallel()
	c := newConsole(t, twoAccounts())
	c.mustSync(severities())
	before := vulnerableTypes(c.graph())
	c.answerOtherwise(1, map[string]s1test.Effect{risks: s1test.Status(500)})
	c.mustSyncInPart(severities())
	assert.Equal(t, before, vulnerableTypes(c.graph()))
}

func TestAnAccountThatGetsTheListLaterIsABaseline(t *testing.T) {
	t.Parallel()
	for name, effects := range map[string]map[string]s1test.Effect{
		"refused before": {risks: s1test.Refused("")},
		"empty before":   {risks: s1test.EmptyList(), risks + "/applications": s1test.EmptyList()},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newConsole(t, twoAccounts())
			mend := c.answerOtherwise(1, effects)
			assert.Contains(t, strings.Join(c.mustSync(severities()).Notices, "\n"), "("+c.AccountID(1)+")")
			assert.Empty(t, c.edgesOf(c.graph(), 1))
			assert.NotEmpty(t, c.edgesOf(c.graph(), 0))
			assert.Empty(t, c.mustSync(severities()).Notices, "it is said once")
			mend()
			both := c.mustSync(severities())
			assert.Empty(t, both.changes)
			assert.Contains(t, strings.Join(both.Notices, "\n"), "is a baseline")
			assertSame(t, c.clean(severities()), c.graph())
			c.SetDay(1)
			assert.NotEmpty(t, c.mustSync(severities()).changes, "from then on differences are changes")
		})
	}
}

func TestAnAccountThatFailsWhenItIsFirstReadIsABaselineAllTheSame(t *testing.T) {
	t.Parallel()
	c := newConsole(t, twoAccounts())
	mend := c.answerOtherwise(1, map[string]s1test.Effect{risks: s1test.Refused("")})
	c.mustSync(severities())
	mend()
	mend = c.answerOtherwise(1, map[string]s1test.Effect{risks: s1test.Status(500)})
	assert.Empty(t, c.mustSyncInPart(severities()).changes)
	mend()
	assert.Empty(t, c.mustSync(severities()).changes)
}

func TestVulnerabilitiesAreAskedForBySiteWhereAccountsAreRefusedAndNobodySaysTheScope(t *testing.T) {
	t.Parallel()
	c := newConsole(t, twoAccounts())
	c.Break(s1test.UserOfNulls())
	c.Break(s1test.Fault{Path: "/accounts", Effect: s1test.Refused("")})
	var mu sync.Mutex
	asked := url.Values{}
	c.Break(s1test.Fault{Path: risks, Match: func(r request) bool {
		mu.Lock()
		defer mu.Unlock()
		for _, name := range []string{"accountIds", "siteIds"} {
			if id := r.URL.Query().Get(name); id != "" && !slices.Contains(asked[name], id) {
				asked.Add(name, id)
			}
		}
		return false
	}})
	c.mustSyncInPart(severities())
	assert.Empty(t, asked["accountIds"])
	assert.Len(t, asked["siteIds"], 4)
}

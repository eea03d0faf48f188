package s1test_test

import (
	"maps"
	"net/http"
	"net/http/httptest"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"s1graph/s1/s1test"
)

// snapshot is all rows of a list by ID.
func snapshot(t testing.TB, s http.Handler, path string) map[string]row {
	rows := map[string]row{}
	for _, r := range all(t, s, path, everything(path, 300)) {
		rows[r.text("id")] = r
	}
	return rows
}

// moving are the fields that move from day to day without anything having happened, as paths with
// dots.
var moving = map[string][]string{
	"/accounts": {"activeAgents", "agentsInCompleteSku", "licenses", "skus", "updatedAt"},
	"/sites":    {"activeLicenses", "licenses", "updatedAt"},
	"/groups":   {"updatedAt"},
	"/agents": {
		"externalIp", "fullDiskScanLastUpdatedAt", "groupIp", "isActive", "lastActiveDate", "lastIpToMgmt", "lastLoggedInUserName",
		"lastSuccessfulScanDate", "locationType", "locations", "networkInterfaces", "osStartTime",
		"scanFinishedAt", "scanStartedAt", "scanStatus", "updatedAt",
	},
	"/threats": {
		"agentRealtimeInfo.agentIsActive", "agentRealtimeInfo.networkInterfaces", "agentRealtimeInfo.scanFinishedAt",
		"agentRealtimeInfo.scanStartedAt", "agentRealtimeInfo.scanStatus", "threatInfo.updatedAt",
	},
	"/installed-applications": {"agentIsActive", "updatedAt"},
}

func TestOnAQuietDayOnlyWhatAlwaysMovesHasMoved(t *testing.T) {
	tenant := s1test.Hostile()
	tenant.Quiet = true
	s := s1test.New(tenant)
	for path, fields := range moving {
		s.SetDay(0)
		before := snapshot(t, s, path)
		s.SetDay(1)
		assert.Equal(t, []string(nil), s.Plan(1).IDs(s1test.AgentNew))
		after := snapshot(t, s, path)
		require.Equal(t, len(before), len(after), path)
		moved := map[string]bool{}
		for id, r := range after {
			for _, field := range different("", before[id], r) {
				moved[field] = true
			}
		}
		assert.Equal(t, slices.Sorted(slices.Values(fields)), slices.Sorted(maps.Keys(moved)), path)
	}
}

// different names the fields in which two rows differ. Of objects called …Info it tells which field.
func different(prefix string, a, b map[string]any) []string {
	var names []string
	for name, v := range b {
		if before, ok := a[name].(map[string]any); ok && strings.HasSuffix(name, "Info") {
			names = append(names, different(name+".", before, v.(map[string]any))...)
		} else if !reflect.DeepEqual(a[name], v) {
			names = append(names, prefix+name)
		}
	}
	return names
}

func TestTheSameSeedAndDayGiveTheSameBytes(t *testing.T) {
	one, two := s1test.New(s1test.Hostile()), s1test.New(s1test.Hostile())
	two.SetDay(5) // where it has been makes no difference
	for _, day := range []int{0, 1, 3} {
		one.SetDay(day)
		two.SetDay(day)
		assert.Equal(t, one.Plan(day), two.Plan(day))
		for _, path := range listPaths {
			assert.Equal(t, body(one, path), body(two, path), path)
		}
	}
}

func body(s http.Handler, path string) string {
	r := httptest.NewRequest(http.MethodGet, s1test.Base+path+"?"+everything(path, 300).Encode(), nil)
	r.Header.Set("Authorization", "ApiToken "+s1test.DefaultToken)
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return w.Body.String()
}

func TestTenantsOfDifferentSeedsShareNoID(t *testing.T) {
	here, there := small(), small()
	there.Seed++
	for _, path := range []string{"/accounts", "/sites", "/groups", "/agents", "/threats", "/installed-applications"} {
		theirs := map[string]bool{}
		for _, id := range idsOf(t, s1test.New(there), path, everything(path, 300)) {
			theirs[id] = true
		}
		for _, id := range idsOf(t, s1test.New(here), path, everything(path, 300)) {
			assert.False(t, theirs[id], "%s %s", path, id)
		}
	}
}

// days are the rows of the day before and of the day, of a list.
type days struct{ before, after map[string]row }

// TestThePlanIsTrueOfTheRows holds each planned change to the rows of the two days, and finds
// nothing else that came, went or changed.
func TestThePlanIsTrueOfTheRows(t *testing.T) {
	for name, tenant := range map[string]s1test.Tenant{"small": small(), "awkward": s1test.Hostile(), "story": s1test.Acme()} {
		s := s1test.New(tenant)
		for _, day := range []int{1, 3} {
			plan := s.Plan(day)
			lists := map[string]days{}
			for _, path := range []string{"/sites", "/agents", "/threats", "/installed-applications"} {
				s.SetDay(day - 1)
				before := snapshot(t, s, path)
				s.SetDay(day)
				lists[path] = days{before, snapshot(t, s, path)}
			}
			planned := map[string][]s1test.Event{}
			for _, c := range plan {
				assertHappened(t, lists, c)
				planned[c.ID] = append(planned[c.ID], c.Event)
			}
			for path, d := range lists {
				if path == "/installed-applications" {
					continue // full of those of agents that came, went or changed
				}
				for id, now := range d.after {
					was, ok := d.before[id]
					if !ok {
						assert.NotEmpty(t, planned[id], "%s: %s %s came unplanned on day %d", name, path, id, day)
						continue
					}
					for _, field := range different("", was, now) {
						// What is said of a renamed site or a changed agent elsewhere is no event of its own.
						ok := slices.Contains(moving[path], field) || strings.HasSuffix(field, "iteName") || strings.HasPrefix(field, "agentRealtimeInfo.") ||
							slices.ContainsFunc(planned[id], func(e s1test.Event) bool { return slices.Contains(follow[e], field) })
						assert.True(t, ok, "%s: %s of %s %s changed unplanned on day %d (%s): %v, %v", name, field, path, id, day, planned[id], was[field], now[field])
					}
				}
				for id := range d.before {
					if _, ok := d.after[id]; !ok {
						assert.NotEmpty(t, planned[id], "%s: %s %s went unplanned on day %d", name, path, id, day)
					}
				}
			}
		}
	}
}

// follow are the fields of a row that change with an event, besides those that always move.
var follow = map[s1test.Event][]string{
	s1test.AgentDecommissioned: {"isDecommissioned"},
	s1test.AgentUninstalled:    {"isUninstalled"},
	s1test.AgentMovedGroup:     {"groupId", "groupName", "groupUpdatedAt"},
	s1test.AgentMovedSite:      {"groupId", "groupName", "groupUpdatedAt", "siteId", "siteName"},
	s1test.AgentUpgraded:       {"agentVersion", "isUpToDate"},
	s1test.AgentInfected:       {"infected", "activeThreats"},
	s1test.AgentDetecting:      {"detectionState", "mitigationMode"},
	s1test.AgentFirewallOff:    {"firewallEnabled"},
	s1test.AgentIsolated:       {"networkStatus"},
	s1test.AgentReconnected:    {"networkStatus"},
	s1test.AgentRenamed:        {"computerName", "activeDirectory"},
	s1test.AgentSerialFilled:   {"serialNumber"},
	s1test.AgentOwnerChanged:   {"activeDirectory"},
	s1test.ThreatResolved: {
		"mitigationStatus", "threatInfo.incidentStatus", "threatInfo.incidentStatusDescription", "threatInfo.analystVerdict",
		"threatInfo.analystVerdictDescription", "threatInfo.mitigationStatus", "threatInfo.mitigationStatusDescription",
	},
	s1test.ThreatReopened: {
		"mitigationStatus", "threatInfo.incidentStatus", "threatInfo.incidentStatusDescription", "threatInfo.analystVerdict",
		"threatInfo.analystVerdictDescription", "threatInfo.mitigationStatus", "threatInfo.mitigationStatusDescription",
	},
	s1test.SiteRenamed:         {"name"},
	s1test.ApplicationUpgraded: {"version", "riskLevel", "installedAt", "createdAt"},
}

func assertHappened(t *testing.T, lists map[string]days, c s1test.Change) {
	t.Helper()
	path := "/agents"
	switch c.Event {
	case s1test.ThreatOpened, s1test.ThreatReopened, s1test.ThreatResolved:
		path = "/threats"
	case s1test.SiteRenamed, s1test.SiteNew:
		path = "/sites"
	case s1test.ApplicationAdded, s1test.ApplicationRemoved, s1test.ApplicationUpgraded:
		path = "/installed-applications"
	case s1test.RiskChanged:
		assertRiskChanged(t, lists["/installed-applications"], c)
		return
	}
	was, before := lists[path].before[c.ID]
	now, after := lists[path].after[c.ID]
	switch c.Event {
	case s1test.AgentNew, s1test.SiteNew, s1test.ThreatOpened, s1test.ApplicationAdded:
		assert.True(t, !before && after, "%v", c)
		if c.Event == s1test.ApplicationAdded {
			assert.Equal(t, c.Application, now.text("name")+" "+now.text("version"))
		}
		return
	case s1test.AgentGone, s1test.ApplicationRemoved:
		assert.True(t, before && !after, "%v", c)
		if c.Event == s1test.ApplicationRemoved {
			assert.Equal(t, c.Application, was.text("name")+" "+was.text("version"))
		}
		return
	}
	require.True(t, before && after, "%v", c)
	field := map[s1test.Event][]string{
		s1test.AgentDecommissioned: {"isDecommissioned"}, s1test.AgentUninstalled: {"isUninstalled"},
		s1test.AgentMovedGroup: {"groupId"}, s1test.AgentMovedSite: {"siteId"}, s1test.AgentUpgraded: {"agentVersion"},
		s1test.AgentInfected: {"infected"}, s1test.AgentDetecting: {"mitigationMode"}, s1test.AgentFirewallOff: {"firewallEnabled"},
		s1test.AgentIsolated: {"networkStatus"}, s1test.AgentReconnected: {"networkStatus"},
		s1test.AgentRenamed: {"computerName"}, s1test.AgentSerialFilled: {"serialNumber"},
		s1test.AgentOwnerChanged: {"activeDirectory", "mail"}, s1test.SiteRenamed: {"name"},
		s1test.ThreatResolved: {"threatInfo", "incidentStatus"}, s1test.ThreatReopened: {"threatInfo", "incidentStatus"},
		s1test.ApplicationUpgraded: {"version"},
	}[c.Event]
	require.NotEmpty(t, field, c.Event)
	assert.Equal(t, c.Before, asText(was.at(field...)), "%v", c)
	assert.Equal(t, c.After, asText(now.at(field...)), "%v", c)
	assert.NotEqual(t, c.Before, c.After)
}

func asText(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case bool:
		if v {
			return "true"
		}
		return "false"
	}
	return ""
}

func assertRiskChanged(t *testing.T, d days, c s1test.Change) {
	changed := 0
	for id, r := range d.after {
		was, ok := d.before[id]
		if ok && r.text("name")+" "+r.text("version") == c.Application && was["riskLevel"] != r["riskLevel"] {
			assert.Equal(t, c.Before, was["riskLevel"])
			assert.Equal(t, c.After, r["riskLevel"])
			changed++
		}
	}
	assert.Positive(t, changed, "%v", c)
}

func TestABusyDayHasSomethingOfEverything(t *testing.T) {
	s := s1test.New(s1test.Hostile())
	kinds := map[s1test.Event]int{}
	for _, c := range s.Plan(1) {
		kinds[c.Event]++
	}
	assert.Len(t, kinds, 23)
	assert.Equal(t, 3, kinds[s1test.AgentRenamed], "RenamedAgent besides the usual two")
	assert.Equal(t, []string{s.AgentID(s1test.LateSerialAgent)}, s.Plan(1).IDs(s1test.AgentSerialFilled))
	assert.Empty(t, s.Plan(0))
	assert.Empty(t, s.Plan(2), "even days are quiet")
	assert.NotEmpty(t, s.Plan(3))
	assert.Equal(t, "2026-11-20T05:00:00Z", s.Now().Format("2006-01-02T15:04:05Z07:00"))
}

func TestALargeTenantIsServedWithoutBeingMade(t *testing.T) {
	tenant := s1test.Large(100_000, 100)
	s := s1test.New(tenant)
	s.SetDay(1)
	assert.Greater(t, s.Totals().Applications, 9_900_000)
	site := all(t, s, "/agents", with(everything("/agents", 1000), "siteIds", s.SiteID(42)))
	assert.InDelta(t, 1000, len(site), 50)
	p := get(t, s, "/installed-applications", with(everything("/installed-applications", 1000), "groupIds", site[0].text("groupId")))
	assert.Len(t, p.rows(t), 1000)
}

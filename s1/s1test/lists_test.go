package s1test_test

import (
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"s1graph/s1/s1test"
	"s1graph/steps"
)

// small is a tenant with nothing odd in it, but with sites of unequal numbers of groups.
func small() s1test.Tenant {
	return s1test.Tenant{
		Seed: 3, Accounts: 3, Sites: 7, Groups: 17, Agents: 160, Threats: 45, ApplicationsPerAgent: 4, Catalog: 80, Changes: 3,
	}
}

// listPaths are the lists that a run reads.
var listPaths = func() (paths []string) {
	for _, step := range steps.All() {
		for _, l := range step.Lists {
			paths = append(paths, l.Path)
			if l.StandsIn != nil {
				paths = append(paths, l.StandsIn.Path)
			}
		}
	}
	slices.Sort(paths)
	return slices.Compact(paths)
}()

func TestNoTwoListsShareAnID(t *testing.T) {
	s := s1test.New(small())
	listed := map[string]string{}
	for _, path := range listPaths {
		if path == "/application-management/inventory" {
			continue // its rows have none
		}
		for _, id := range idsOf(t, s, path, everything(path, 300)) {
			assert.Empty(t, listed[id], "%s is in %s too", id, path)
			listed[id] = path
		}
	}
}

func TestEveryRowIsOnExactlyOnePage(t *testing.T) {
	for name, tenant := range map[string]s1test.Tenant{"small": small(), "awkward": s1test.Hostile(), "story": s1test.Acme()} {
		s := s1test.New(tenant)
		for _, day := range []int{0, 1} {
			s.SetDay(day)
			for _, path := range listPaths {
				t.Run(name+path+" on day "+strconv.Itoa(day), func(t *testing.T) {
					whole := idsOf(t, s, path, everything(path, 300))
					require.NotEmpty(t, whole)
					assert.Equal(t, whole, idsOf(t, s, path, everything(path, 7)))
					count := get(t, s, path, with(everything(path, 1), "countOnly", "true"))
					assert.Equal(t, len(whole), count.Pagination.TotalItems)
					assert.Empty(t, rowsOf[row](t, count))
					if path != "/application-management/inventory" {
						seen := map[string]bool{}
						for _, id := range whole {
							assert.False(t, seen[id], "%s is there twice", id)
							seen[id] = true
						}
					}
				})
			}
		}
	}
}

func TestTotalsAreWhatTheListsHave(t *testing.T) {
	s := s1test.New(s1test.Hostile())
	for day := range 4 {
		s.SetDay(day)
		totals := s.Totals()
		for path, total := range map[string]int{
			"/accounts": totals.Accounts, "/sites": totals.Sites, "/groups": totals.Groups,
			"/agents": totals.Agents, "/threats": totals.Threats, "/installed-applications": totals.Applications,
		} {
			assert.Len(t, idsOf(t, s, path, everything(path, 300)), total, "%s on day %d", path, day)
		}
	}
}

// TestFiltersFindTheRowsThatSayTheSame compares each filter's answer with what the rows of the whole
// list say of themselves.
func TestFiltersFindTheRowsThatSayTheSame(t *testing.T) {
	s := s1test.New(small())
	for _, day := range []int{0, 3} {
		s.SetDay(day)
		agents := all(t, s, "/agents", everything("/agents", 1000))
		threats := all(t, s, "/threats", everything("/threats", 1000))
		installations := all(t, s, "/installed-applications", everything("/installed-applications", 1000))
		groups := all(t, s, "/groups", everything("/groups", 300))
		sites := all(t, s, "/sites", everything("/sites", 300))
		agentOf := map[string]row{}
		for _, a := range agents {
			agentOf[a.text("id")] = a
		}

		check := func(path string, rows []row, filter url.Values, is func(row) bool) {
			t.Helper()
			q := everything(path, 13)
			for name := range filter {
				q.Set(name, filter.Get(name))
			}
			assert.Equal(t, ids(where(rows, is)), idsOf(t, s, path, q), "%s %v on day %d", path, filter, day)
		}
		field := func(value string, path ...string) func(row) bool {
			return func(r row) bool { return r.text(path...) == value }
		}
		both := func(a, b func(row) bool) func(row) bool { return func(r row) bool { return a(r) && b(r) } }
		either := func(a, b func(row) bool) func(row) bool { return func(r row) bool { return a(r) || b(r) } }

		for n := range s.Tenant().Sites {
			id := s.SiteID(n)
			check("/agents", agents, url.Values{"siteIds": {id}}, field(id, "siteId"))
			check("/threats", threats, url.Values{"siteIds": {id}}, field(id, "agentRealtimeInfo", "siteId"))
			check("/groups", groups, url.Values{"siteIds": {id}}, field(id, "siteId"))
			check("/sites", sites, url.Values{"siteIds": {id}}, field(id, "id"))
			check("/installed-applications", installations, url.Values{"siteIds": {id}}, func(r row) bool {
				return agentOf[r.text("agentId")].text("siteId") == id
			})
		}
		for n := range s.Tenant().Groups {
			id := s.GroupID(n)
			check("/agents", agents, url.Values{"groupIds": {id}}, field(id, "groupId"))
			check("/groups", groups, url.Values{"groupIds": {id}}, field(id, "id"))
			check("/installed-applications", installations, url.Values{"groupIds": {id}}, func(r row) bool {
				return agentOf[r.text("agentId")].text("groupId") == id
			})
		}
		for n := range s.Tenant().Accounts {
			id := s.AccountID(n)
			check("/agents", agents, url.Values{"accountIds": {id}}, field(id, "accountId"))
			check("/sites", sites, url.Values{"accountIds": {id}}, field(id, "accountId"))
			check("/threats", threats, url.Values{"accountIds": {id}}, field(id, "agentRealtimeInfo", "accountId"))
		}

		one, two, other := s.SiteID(1), s.SiteID(5), s.AccountID(2)
		check("/agents", agents, url.Values{"siteIds": {one + "," + two}}, either(field(one, "siteId"), field(two, "siteId")))
		check("/agents", agents, url.Values{"siteIds": {one + "," + two}, "accountIds": {other}}, both(field(two, "siteId"), field(other, "accountId")))
		check("/agents", agents, url.Values{"siteIds": {"123"}}, func(row) bool { return false })
		gone := func(r row) bool { return r["isDecommissioned"] == true }
		off := func(r row) bool { return r["isUninstalled"] == true }
		check("/agents", agents, url.Values{"isDecommissioned": {"true"}}, gone)
		check("/agents", agents, url.Values{"isUninstalled": {"false"}, "isDecommissioned": {"true"}}, both(gone, func(r row) bool { return !off(r) }))
		check("/agents", agents, url.Values{"isActive": {"true"}}, func(r row) bool { return r["isActive"] == true })
		check("/agents", agents, url.Values{"infected": {"true"}, "osTypes": {"windows,linux"}}, func(r row) bool {
			return r["infected"] == true && r["osType"] != "macos"
		})
		check("/threats", threats, url.Values{"resolved": {"false"}}, func(r row) bool { return r.text("threatInfo", "incidentStatus") != "resolved" })
		check("/threats", threats, url.Values{"agentIds": {threats[3].text("agentRealtimeInfo", "agentId")}},
			field(threats[3].text("agentRealtimeInfo", "agentId"), "agentRealtimeInfo", "agentId"))
		check("/installed-applications", installations, url.Values{"riskLevels": {"critical,high"}}, func(r row) bool {
			return r["riskLevel"] == "critical" || r["riskLevel"] == "high"
		})

		// Without the state filters, what is decommissioned or uninstalled is hidden.
		assert.Equal(t, ids(where(agents, func(r row) bool { return !gone(r) && !off(r) })), ids(all(t, s, "/agents", url.Values{"limit": {"100"}})))
		assert.Equal(t, ids(where(installations, func(r row) bool { return r["agentIsDecommissioned"] == false })),
			ids(all(t, s, "/installed-applications", url.Values{"limit": {"1000"}})))
	}
}

func TestRowsAnswerWhenAskedForByID(t *testing.T) {
	s := s1test.New(s1test.Hostile())
	s.SetDay(1)
	for path, parameter := range map[string]string{
		"/accounts": "ids", "/sites": "siteIds", "/groups": "groupIds", "/agents": "ids", "/threats": "ids", "/installed-applications": "ids",
	} {
		var asked []string
		for i, id := range ids(all(t, s, path, everything(path, 300))) {
			if i%3 == 0 && len(asked) < 100 {
				asked = append(asked, id)
			}
		}
		q := with(everything(path, 300), parameter, strings.Join(append(asked, "1", "nonsense", s.AgentID(3_000_000)), ","))
		assert.Equal(t, asked, ids(all(t, s, path, q)), path)
	}
	assert.Equal(t, []string{s.AgentID(77)}, ids(all(t, s, "/agents", url.Values{"uuids": {s.AgentUUID(77)}})))

	gone := s.Plan(1).IDs(s1test.AgentGone)
	require.NotEmpty(t, gone)
	assert.Empty(t, all(t, s, "/agents", with(everything("/agents", 10), "ids", strings.Join(gone, ","))))
	decommissioned := s.Plan(1).IDs(s1test.AgentDecommissioned)
	assert.Empty(t, all(t, s, "/agents", url.Values{"ids": decommissioned[:1]}), "the state filters count for questions by ID too")
}

func TestTheInventoryTellsOfTheSameApplications(t *testing.T) {
	for _, tenant := range []s1test.Tenant{small(), s1test.Hostile(), s1test.Acme()} {
		s := s1test.New(tenant)
		s.SetDay(1)
		there := map[string]row{}
		for _, a := range all(t, s, "/agents", url.Values{"limit": {"1000"}}) {
			there[a.text("id")] = a
		}
		want := map[string]string{}
		for _, r := range all(t, s, "/installed-applications", url.Values{"limit": {"1000"}}) {
			if _, ok := there[r.text("agentId")]; ok && r["name"] != nil {
				want[r.text("id")] = r.text("name") + " " + r.text("publisher") + " " + r.text("version")
			}
		}
		got := map[string]string{}
		for _, item := range all(t, s, "/application-management/inventory", url.Values{"limit": {"1000"}}) {
			rows := all(t, s, "/application-management/inventory/endpoints", url.Values{
				"limit": {"30"}, "applicationName": {item.text("applicationName")}, "applicationVendor": {item.text("applicationVendor")},
			})
			uuids := map[string]bool{}
			for _, r := range rows {
				uuids[r.text("endpointUuid")] = true
				if a := there[r.text("endpointId")]; a != nil {
					assert.Equal(t, a.text("uuid"), r.text("endpointUuid"))
				}
				got[r.text("id")] = item.text("applicationName") + " " + item.text("applicationVendor") + " " + r.text("version")
			}
			assert.EqualValues(t, item["endpointsCount"], len(uuids), item.text("applicationName"))
		}
		assert.True(t, maps.Equal(want, got), "%d installations, of which the inventory has %d", len(want), len(got))
	}
}

func TestACursorBelongsToItsFilters(t *testing.T) {
	s := s1test.New(small())
	first := get(t, s, "/agents", url.Values{"siteIds": {s.SiteID(1)}})
	require.NotEmpty(t, first.cursor())
	assert.Len(t, first.rows(t), 10, "the default limit")

	next := url.Values{"siteIds": {s.SiteID(1)}, "cursor": {first.cursor()}, "limit": {"12"}, "skipCount": {"true"}}
	assert.Len(t, get(t, s, "/agents", next).rows(t), 12)
	for name, q := range map[string]url.Values{
		"without the filter":    {"cursor": {first.cursor()}},
		"with another site":     {"siteIds": {s.SiteID(2)}, "cursor": {first.cursor()}},
		"with one more filter":  {"siteIds": {s.SiteID(1)}, "isActive": {"true"}, "cursor": {first.cursor()}},
		"that somebody made up": {"siteIds": {s.SiteID(1)}, "cursor": {"AAAA"}},
	} {
		p := get(t, s, "/agents", q)
		assert.Equal(t, http.StatusBadRequest, p.status, name)
		assert.Contains(t, p.Errors[0].Detail, "cursor")
	}
}

func TestWrongParametersAreRefused(t *testing.T) {
	s := s1test.New(small())
	for _, c := range []struct{ path, query, names string }{
		{"/agents", "limit=1001", "limit"},
		{"/agents", "limit=0", "limit"},
		{"/agents", "limit=many", "limit"},
		{"/groups", "limit=301", "limit"},
		{"/sites", "ids=1", "ids"},
		{"/groups", "ids=1", "ids"},
		{"/installed-applications", "agentIds=1", "agentIds"},
		{"/agents", "isDecommissioned=maybe", "isDecommissioned"},
		{"/agents", "ids=", "ids"},
		{"/agents", "ids=1&ids=2", "ids"},
		{"/agents", "colour=red", "colour"},
		{"/application-management/inventory/endpoints", "applicationName=x", "applicationVendor"},
	} {
		q, err := url.ParseQuery(c.query)
		require.NoError(t, err)
		p := get(t, s, c.path, q)
		assert.Equal(t, http.StatusBadRequest, p.status, c.query)
		require.Len(t, p.Errors, 1)
		assert.Equal(t, 4000040, p.Errors[0].Code)
		assert.Contains(t, p.Errors[0].Detail, c.names)
	}
	assert.Equal(t, http.StatusOK, get(t, s, "/groups", url.Values{"limit": {"300"}}).status)
}

func TestOnlyGETIsTaken(t *testing.T) {
	s := s1test.New(small())
	for _, method := range []string{http.MethodPost, http.MethodPut, http.MethodDelete, http.MethodHead} {
		r := httptest.NewRequest(method, s1test.Base+"/agents", nil)
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		assert.Equal(t, http.StatusMethodNotAllowed, w.Code)
		assert.Equal(t, http.MethodGet, w.Header().Get("Allow"))
	}
	assert.Equal(t, []string{"DELETE", "HEAD", "POST", "PUT"}, s.Methods())
	assert.Equal(t, map[string]int{"/agents": 4}, s.Requests())
}

func TestConsolesMayLackASourceOfApplications(t *testing.T) {
	tenant := small()
	tenant.NoInstalled = true
	s := s1test.New(tenant)
	assert.Equal(t, http.StatusNotFound, get(t, s, "/installed-applications", nil).status)
	assert.Equal(t, http.StatusOK, get(t, s, "/application-management/inventory", nil).status)

	tenant.NoInstalled, tenant.NoInventory = false, true
	s = s1test.New(tenant)
	assert.Equal(t, http.StatusOK, get(t, s, "/installed-applications", nil).status)
	assert.Equal(t, http.StatusNotFound, get(t, s, "/application-management/inventory", nil).status)
}

func TestTheSmallEndpointsAnswer(t *testing.T) {
	s := s1test.New(s1test.Hostile())
	var user, times, count, info row
	p := get(t, s, "/user", nil)
	require.NoError(t, json.Unmarshal(p.Data, &user))
	assert.Equal(t, "tenant", user["scope"])
	p = get(t, s, "/users/"+user.text("id")+"/api-token-details", nil)
	require.NoError(t, json.Unmarshal(p.Data, &times))
	assert.Equal(t, user["apiToken"], map[string]any(times))
	assert.Equal(t, "2027-11-20T05:00:00Z", times["expiresAt"])
	p = get(t, s, "/agents/count", nil)
	require.NoError(t, json.Unmarshal(p.Data, &count))
	assert.EqualValues(t, len(all(t, s, "/agents", url.Values{"limit": {"1000"}})), count["total"])
	p = get(t, s, "/system/info", nil)
	require.NoError(t, json.Unmarshal(p.Data, &info))
	assert.NotEmpty(t, info["build"])
	assert.Equal(t, http.StatusOK, get(t, s, "/system/status", nil, "no token").status)
	assert.Equal(t, http.StatusNotFound, get(t, s, "/nowhere", nil).status)
	assert.Equal(t, http.StatusNotFound, get(t, s, "/users/1/api-token-details", nil).status)
}

func TestMoreThanAThousandAccountsAreOnTwoPages(t *testing.T) {
	s := s1test.New(s1test.Tenant{Accounts: 1100, Agents: 10})
	assert.Len(t, all(t, s, "/accounts", url.Values{"limit": {"1000"}}), 1100)
	assert.Len(t, all(t, s, "/sites", url.Values{"limit": {"1000"}}), 1100)
}

func TestTheZeroTenantAnswers(t *testing.T) {
	s := s1test.New(s1test.Tenant{})
	s.SetDay(1)
	for _, path := range listPaths {
		all(t, s, path, everything(path, 100))
	}
}

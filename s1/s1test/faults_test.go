package s1test_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"s1graph/s1/s1test"
)

// over asks over a real connection, and gives the error of the connection or of the body.
func over(t testing.TB, console *httptest.Server, path string) (*http.Response, []byte, error) {
	return overWith(t.Context(), t, console, path)
}

func overWith(ctx context.Context, t testing.TB, console *httptest.Server, path string) (*http.Response, []byte, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, console.URL+s1test.Base+path, nil)
	require.NoError(t, err)
	r.Header.Set("Authorization", "ApiToken "+s1test.DefaultToken)
	client := *console.Client()
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	res, err := client.Do(r)
	if err != nil {
		return nil, nil, err
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	return res, body, err
}

func serve(t testing.TB, tenant s1test.Tenant) (*s1test.Server, *httptest.Server) {
	s := s1test.New(tenant)
	console := httptest.NewServer(s)
	t.Cleanup(console.Close)
	return s, console
}

func TestAnswersCanBeErrors(t *testing.T) {
	s, console := serve(t, small())
	for _, status := range []int{401, 403, 404, 429, 500, 503} {
		mend := s.Break(s1test.Fault{Path: "/agents", Effect: s1test.Status(status)})
		res, body, err := over(t, console, "/agents")
		require.NoError(t, err)
		assert.Equal(t, status, res.StatusCode)
		assert.True(t, json.Valid(body))
		assert.Contains(t, string(body), `"errors"`)
		res, _, err = over(t, console, "/threats")
		require.NoError(t, err)
		assert.Equal(t, http.StatusOK, res.StatusCode, "other paths are well")
		mend()
		res, _, err = over(t, console, "/agents")
		require.NoError(t, err)
		assert.Equal(t, http.StatusOK, res.StatusCode)
	}
}

func TestPagesCanBeTooBig(t *testing.T) {
	s, console := serve(t, small())
	mend := s.Break(s1test.Fault{Match: s1test.PagesOver(20), Effect: s1test.GatewayTimeout()})
	for path, want := range map[string]int{"/agents?limit=21": 504, "/agents?limit=20": 200, "/agents": 200, "/agents?limit=21&countOnly=true": 200, "/user": 200} {
		res, body, err := over(t, console, path)
		require.NoError(t, err)
		assert.Equal(t, want, res.StatusCode, path)
		assert.Equal(t, want == 504, strings.HasPrefix(string(body), "<html>"), path)
	}
	mend()
	s.Break(s1test.Fault{Match: s1test.PagesOver(20), Effect: s1test.NeverAnswers()})
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, _, err := overWith(ctx, t, console, "/agents?limit=21")
	require.ErrorIs(t, err, context.DeadlineExceeded)
}

func TestAFaultMayBeginLateAndPass(t *testing.T) {
	s := s1test.New(small())
	s.Break(s1test.Fault{Path: "/agents", After: 2, Times: 3, Effect: s1test.TooManyRequests("7")})
	var statuses []int
	for range 7 {
		p := get(t, s, "/agents", nil)
		statuses = append(statuses, p.status)
		if p.status != http.StatusOK {
			assert.Equal(t, "7", p.header.Get("Retry-After"))
		}
	}
	assert.Equal(t, []int{200, 200, 429, 429, 429, 200, 200}, statuses)
}

func TestAFaultMayMeanSomeRequestsOnly(t *testing.T) {
	s := s1test.New(small())
	s.Break(s1test.Fault{Query: url.Values{"siteIds": {s.SiteID(2)}}, Match: s1test.Rows, Effect: s1test.EmptyPage()})
	assert.Len(t, all(t, s, "/agents", url.Values{"siteIds": {s.SiteID(1)}}), get(t, s, "/agents", url.Values{"siteIds": {s.SiteID(1)}}).Pagination.TotalItems)
	p := get(t, s, "/agents", url.Values{"siteIds": {s.SiteID(2)}})
	assert.Empty(t, p.rows(t))
	assert.Positive(t, p.Pagination.TotalItems)
	assert.Empty(t, p.cursor())
	assert.Positive(t, get(t, s, "/agents", url.Values{"siteIds": {s.SiteID(2)}, "countOnly": {"true"}}).Pagination.TotalItems)
}

func TestConnectionsBreak(t *testing.T) {
	s, console := serve(t, small())
	for name, c := range map[string]struct {
		effect  s1test.Effect
		headers bool
	}{
		"before the headers": {s1test.CutBeforeHeaders(), false},
		"in the headers":     {s1test.CutInHeaders(), false},
		"after the headers":  {s1test.CutAfterHeaders(), true},
		"in the body":        {s1test.CutInBody(), true},
	} {
		t.Run(name, func(t *testing.T) {
			defer s.Break(s1test.Fault{Path: "/agents", Effect: c.effect})()
			res, body, err := over(t, console, "/agents?limit=100")
			require.Error(t, err)
			assert.Equal(t, c.headers, res != nil)
			assert.False(t, json.Valid(body))
		})
	}
	_, _, err := over(t, console, "/agents")
	assert.NoError(t, err)
}

func TestAStalledPageEndsWhenItIsCancelled(t *testing.T) {
	s, console := serve(t, small())
	s.Break(s1test.Fault{Path: "/agents", Effect: s1test.Stall()})
	ctx, cancel := context.WithCancel(t.Context())
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, console.URL+s1test.Base+"/agents", nil)
	require.NoError(t, err)
	r.Header.Set("Authorization", "ApiToken "+s1test.DefaultToken)
	res, err := console.Client().Do(r)
	require.NoError(t, err)
	defer func() { _ = res.Body.Close() }()
	_, err = io.ReadFull(res.Body, make([]byte, 100))
	require.NoError(t, err, "the page begins")
	cancel()
	_, err = io.Copy(io.Discard, res.Body)
	assert.ErrorIs(t, err, context.Canceled)
}

func TestAWebPageMayStandWhereJSONShould(t *testing.T) {
	s, console := serve(t, small())
	s.Break(s1test.Fault{Effect: s1test.HTML()})
	res, body, err := over(t, console, "/agents")
	require.NoError(t, err)
	assert.Equal(t, http.StatusOK, res.StatusCode)
	assert.Contains(t, res.Header.Get("Content-Type"), "text/html")
	assert.Contains(t, string(body), "<html>")
}

func TestRequestsAreSentElsewhere(t *testing.T) {
	s, console := serve(t, small())
	s.Break(s1test.Fault{Effect: s1test.RedirectTo("https://elsewhere.example")})
	res, _, err := over(t, console, "/agents?limit=5")
	require.NoError(t, err)
	assert.Equal(t, http.StatusFound, res.StatusCode)
	assert.Equal(t, "https://elsewhere.example/web/api/v2.1/agents?limit=5", res.Header.Get("Location"))
}

func TestListsLie(t *testing.T) {
	s := s1test.New(small())
	whole := ids(all(t, s, "/agents", url.Values{"limit": {"50"}}))
	second := get(t, s, "/agents", url.Values{"limit": {"50"}}).cursor()
	page := func(cursor string) page {
		q := url.Values{"limit": {"50"}}
		if cursor != "" {
			q.Set("cursor", cursor)
		}
		return get(t, s, "/agents", q)
	}

	mend := s.Break(s1test.Fault{Path: "/agents", Effect: s1test.RepeatCursor()})
	assert.Equal(t, second, page("").cursor())
	assert.Equal(t, second, page(second).cursor())
	mend()

	mend = s.Break(s1test.Fault{Path: "/agents", Effect: s1test.EmptyList()})
	empty := page("")
	assert.Empty(t, empty.rows(t))
	assert.Zero(t, empty.Pagination.TotalItems)
	mend()

	mend = s.Break(s1test.Fault{Path: "/agents", After: 1, Effect: s1test.EmptyPage()})
	assert.Len(t, page("").rows(t), 50)
	empty = page(second)
	assert.Empty(t, empty.rows(t))
	assert.Empty(t, empty.cursor())
	assert.Equal(t, len(whole), empty.Pagination.TotalItems)
	mend()

	mend = s.Break(s1test.Fault{Path: "/agents", After: 1, Effect: s1test.EndEarly()})
	assert.NotEmpty(t, page("").cursor())
	last := page(second)
	assert.Len(t, last.rows(t), 50)
	assert.Empty(t, last.cursor())
	assert.Equal(t, len(whole), last.Pagination.TotalItems)
	mend()

	mend = s.Break(s1test.Fault{Path: "/agents", Effect: s1test.EmptyLastPage()})
	pages := 0
	for cursor, rows := "", -1; pages == 0 || cursor != ""; pages++ {
		p := page(cursor)
		cursor, rows = p.cursor(), len(p.rows(t))
		assert.Equal(t, cursor == "", rows == 0)
	}
	assert.Equal(t, (len(whole)+49)/50+1, pages)
	mend()

	mend = s.Break(s1test.Fault{Path: "/agents", Effect: s1test.MissingRows(whole[3], whole[60])})
	rest := ids(all(t, s, "/agents", url.Values{"limit": {"50"}}))
	assert.Len(t, rest, len(whole)-2, "and the total says so too")
	assert.NotContains(t, rest, whole[3])
	assert.Len(t, all(t, s, "/agents", url.Values{"ids": {whole[3] + "," + whole[60]}}), 2)
	mend()

	assert.Equal(t, whole, ids(all(t, s, "/agents", url.Values{"limit": {"50"}})))
}

func TestRowsMoveWhileTheListIsRead(t *testing.T) {
	s := s1test.New(small())
	defer s.Break(s1test.Fault{Path: "/agents", Effect: s1test.RepeatedRows(2)})()
	q := url.Values{"siteIds": {s.SiteID(2)}, "limit": {"10"}}
	first := get(t, s, "/agents", q)
	second := get(t, s, "/agents", with(q, "cursor", first.cursor()))
	before, after := first.rows(t), second.rows(t)
	require.Len(t, after, 12)
	for i := range 2 {
		assert.Equal(t, before[i]["id"], after[i]["id"])
		assert.NotEqual(t, before[i]["groupId"], after[i]["groupId"])
		assert.Less(t, before[i].text("updatedAt"), after[i].text("updatedAt"))
	}
	assert.NotEqual(t, before[2]["id"], after[2]["id"])
}

func TestTokensAreTakenAndRevoked(t *testing.T) {
	s := s1test.New(small())
	assert.Equal(t, http.StatusUnauthorized, get(t, s, "/agents", nil, "wrong").status)
	s.Accept(s1test.Token{Value: "renewed", ExpiresAt: time.Date(2027, 1, 2, 3, 4, 5, 0, time.UTC)})
	refused := get(t, s, "/agents", nil)
	assert.Equal(t, http.StatusUnauthorized, refused.status)
	assert.Equal(t, 4010010, refused.Errors[0].Code)
	assert.Equal(t, "Authentication Failed", refused.Errors[0].Title)
	assert.Equal(t, http.StatusOK, get(t, s, "/agents", nil, "renewed").status)
	assert.Contains(t, string(get(t, s, "/user", nil, "renewed").Data), "2027-01-02T03:04:05Z")
}

func TestATokenSeesItsScopeOnly(t *testing.T) {
	s := s1test.New(small())
	s.Accept(
		s1test.Token{Value: "all"},
		s1test.Token{Value: "account", Scope: s1test.ScopeAccount, IDs: []string{s.AccountID(1)}},
		s1test.Token{Value: "site", Scope: s1test.ScopeSite, IDs: []string{s.SiteID(4), s.SiteID(5)}},
	)
	for _, path := range []string{"/sites", "/groups", "/agents", "/threats", "/installed-applications"} {
		rows := all(t, s, path, everything(path, 300), "all")
		sites := map[string]bool{s.SiteID(4): true, s.SiteID(5): true}
		mine := func(r row) bool { return sites[r.text("siteId")] }
		switch path {
		case "/sites":
			mine = func(r row) bool { return sites[r.text("id")] }
		case "/threats":
			mine = func(r row) bool { return sites[r.text("agentRealtimeInfo", "siteId")] }
		case "/installed-applications":
			agents := map[string]bool{}
			for _, id := range ids(all(t, s, "/agents", everything("/agents", 1000), "site")) {
				agents[id] = true
			}
			mine = func(r row) bool { return agents[r.text("agentId")] }
		}
		assert.Equal(t, ids(where(rows, mine)), ids(all(t, s, path, everything(path, 300), "site")), path)
	}
	for _, a := range all(t, s, "/agents", everything("/agents", 1000), "account") {
		assert.Equal(t, s.AccountID(1), a["accountId"])
	}
	assert.Equal(t, []string{s.AccountID(1)}, ids(all(t, s, "/accounts", nil, "account")))
	assert.Empty(t, all(t, s, "/agents", url.Values{"siteIds": {s.SiteID(0)}}, "site"), "asking for more gives no more")

	refused := get(t, s, "/accounts", nil, "site")
	assert.Equal(t, http.StatusForbidden, refused.status)
	assert.Equal(t, 4030010, refused.Errors[0].Code)

	var user struct {
		Scope      string
		ScopeRoles []struct{ ID, Name, AccountName string }
	}
	require.NoError(t, json.Unmarshal(get(t, s, "/user", nil, "site").Data, &user))
	assert.Equal(t, "site", user.Scope)
	require.Len(t, user.ScopeRoles, 2)
	assert.Equal(t, s.SiteID(4), user.ScopeRoles[0].ID)
	assert.NotEmpty(t, user.ScopeRoles[0].Name)
}

func TestRateLimitsRefuseWhatIsTooMuch(t *testing.T) {
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	tenant := small()
	tenant.LimitRates = true
	tenant.Clock = func() time.Time { return now }
	s := s1test.New(tenant)
	assert.Equal(t, http.StatusOK, get(t, s, "/application-management/inventory", nil).status)
	refused := get(t, s, "/application-management/inventory", nil)
	assert.Equal(t, http.StatusTooManyRequests, refused.status)
	assert.Equal(t, "1", refused.header.Get("Retry-After"))
	now = now.Add(time.Second)
	assert.Equal(t, http.StatusOK, get(t, s, "/application-management/inventory", nil).status)
	for range 500 {
		require.Equal(t, http.StatusOK, get(t, s, "/groups", nil).status, "no limit is known")
	}

	tenant.NoRetryAfter = true
	s = s1test.New(tenant)
	get(t, s, "/agents", nil)
	assert.Empty(t, get(t, s, "/agents", nil).header.Get("Retry-After"))
}

func TestLatencyPassesBeforeEachAnswer(t *testing.T) {
	var waits []time.Duration
	tenant := small()
	tenant.Latency = 100 * time.Millisecond
	tenant.Wait = func(_ context.Context, d time.Duration) error { waits = append(waits, d); return nil }
	s := s1test.New(tenant)
	get(t, s, "/agents", nil)
	get(t, s, "/user", nil)
	assert.Equal(t, []time.Duration{tenant.Latency, tenant.Latency}, waits)

	tenant.Latency, tenant.Wait = time.Hour, nil
	s = s1test.New(tenant)
	ctx, cancel := context.WithCancel(t.Context())
	s.OnRequest(func(*http.Request) { cancel() })
	r := httptest.NewRequestWithContext(ctx, http.MethodGet, s1test.Base+"/agents", nil)
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	assert.Empty(t, w.Body.String(), "a cancelled request is not waited for")
}

func TestEachRequestIsObserved(t *testing.T) {
	s := s1test.New(small())
	var seen []string
	s.OnRequest(func(r *http.Request) { seen = append(seen, r.URL.Query().Get("limit")) })
	get(t, s, "/agents", url.Values{"limit": {"1"}})
	get(t, s, "/agents", url.Values{"limit": {"2"}})
	get(t, s, "/sites", url.Values{"limit": {"3"}})
	assert.Equal(t, []string{"1", "2", "3"}, seen)
	assert.Equal(t, map[string]int{"/agents": 2, "/sites": 1}, s.Requests())
	assert.Equal(t, []string{"GET"}, s.Methods())
}

func TestManyMayAskWhileDaysPassAndThingsBreak(t *testing.T) {
	s, console := serve(t, s1test.Hostile())
	var group sync.WaitGroup
	for _, path := range listPaths {
		group.Go(func() {
			for range 10 {
				_, body, err := over(t, console, path)
				if assert.NoError(t, err) {
					assert.True(t, json.Valid(body) && strings.Contains(string(body), `"pagination"`), path)
				}
			}
		})
	}
	group.Go(func() {
		for day := range 6 {
			s.SetDay(day)
			s.Break(s1test.Fault{Path: "/agents", Effect: s1test.RepeatedRows(1)})()
			s.Totals()
		}
	})
	group.Wait()
}

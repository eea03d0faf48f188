package s1_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"s1graph/s1"
	"s1graph/s1/s1test"
)

// threePages serves agents 1 to 5 on three pages and notes the queries.
func threePages(t testing.TB) (consoleURL string, queries func() []url.Values) {
	var mu sync.Mutex
	var seen []url.Values
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		seen = append(seen, r.URL.Query())
		mu.Unlock()
		switch r.URL.Query().Get("cursor") {
		case "":
			io.WriteString(w, answer(5, "b", "1", "2"))
		case "b":
			io.WriteString(w, answer(99, "c", "3", "4"))
		case "c":
			io.WriteString(w, answer(99, "", "5"))
		}
	})
	return server.URL, func() []url.Values {
		mu.Lock()
		defer mu.Unlock()
		return seen
	}
}

func TestAListIsReadInTheLargestPagesWithItsFiltersRepeated(t *testing.T) {
	consoleURL, queries := threePages(t)
	client, _ := connect(t, consoleURL, nil)

	got, err := ids(t.Context(), client, url.Values{"siteIds": {"7", "8"}, "isDecommissioned": {"true,false"}})

	require.NoError(t, err)
	assert.Equal(t, []string{"1", "2", "3", "4", "5"}, got)
	for i, cursor := range []string{"", "b", "c"} {
		want := url.Values{"siteIds": {"7,8"}, "isDecommissioned": {"true,false"}, "limit": {"1000"}}
		if cursor != "" {
			want.Set("cursor", cursor)
		}
		assert.Equal(t, want, queries()[i])
	}
}

func TestGroupsAreAskedForInPagesOf300(t *testing.T) {
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		assert.Equal(t, "/web/api/v2.1/groups", r.URL.Path)
		assert.Equal(t, "300", r.URL.Query().Get("limit"))
		io.WriteString(w, answer(1, "", "g"))
	})
	client, _ := connect(t, server.URL, nil)
	for group, err := range s1.List(t.Context(), client, s1.Groups, nil) {
		require.NoError(t, err)
		assert.Equal(t, "g", group.ID)
	}
}

func TestTheTotalOfEveryPageIsTheFirstOnes(t *testing.T) {
	consoleURL, _ := threePages(t)
	client, _ := connect(t, consoleURL, nil)
	pages := 0
	for page, err := range s1.Pages(t.Context(), client, s1.Agents, nil) {
		require.NoError(t, err)
		assert.Equal(t, 5, page.Total)
		pages++
	}
	assert.Equal(t, 3, pages)
}

func TestATotalThatIsNotSaidIsMinusOne(t *testing.T) {
	server := serve(t, func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, `{"data":[]}`) })
	client, _ := connect(t, server.URL, nil)
	for page, err := range s1.Pages(t.Context(), client, s1.Agents, nil) {
		require.NoError(t, err)
		assert.Equal(t, -1, page.Total)
	}
}

func TestTheListOfSitesStandsInsideTheData(t *testing.T) {
	server := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		io.WriteString(w, `{"pagination":{"totalItems":2,"nextCursor":null},
			"data":{"allSites":{"activeLicenses":3},"sites":[{"id":"1","registrationToken":"x"},{"id":"2"}]},"errors":null}`)
	})
	client, _ := connect(t, server.URL, nil)
	var got []string
	for site, err := range s1.List(t.Context(), client, s1.Sites, nil) {
		require.NoError(t, err)
		got = append(got, site.ID)
	}
	assert.Equal(t, []string{"1", "2"}, got)
}

func TestAnEmptyPageThatNamesANextOneIsFollowed(t *testing.T) {
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("cursor") == "" {
			io.WriteString(w, answer(1, "b"))
			return
		}
		io.WriteString(w, answer(1, "", "1"))
	})
	client, _ := connect(t, server.URL, nil)
	got, err := ids(t.Context(), client, nil)
	require.NoError(t, err)
	assert.Equal(t, []string{"1"}, got)
}

func TestACursorThatRepeatsIsAnError(t *testing.T) {
	for name, next := range map[string]map[string]string{
		"the same page":    {"": "a", "a": "a"},
		"an earlier page":  {"": "a", "a": "b", "b": "c", "c": "a"},
		"the page before ": {"": "a", "a": "b", "b": "a"},
	} {
		t.Run(name, func(t *testing.T) {
			server := serve(t, func(w http.ResponseWriter, r *http.Request) {
				io.WriteString(w, answer(9, next[r.URL.Query().Get("cursor")], "1"))
			})
			client, _ := connect(t, server.URL, nil)
			_, err := ids(t.Context(), client, nil)
			require.ErrorContains(t, err, "sentinelone api 200 on /agents: the console named a page that it has already given")
		})
	}
}

func TestAListThatGoesOnBeyondItsTotalEnds(t *testing.T) {
	for name, test := range map[string]struct {
		effect s1test.Effect
		rows   int // on each page
	}{
		"with rows":          {s1test.EndlessList(), 100},
		"without rows":       {s1test.EndlessEmptyPages(), 0},
		"with rows, in vain": {s1test.EndlessList(), 1},
	} {
		t.Run(name, func(t *testing.T) {
			console := s1test.New(s1test.Tenant{Agents: 500})
			console.Break(s1test.Fault{Path: "/agents", Effect: test.effect})
			client, _ := connect(t, serve(t, console.ServeHTTP).URL, func(cfg *s1.Config) { cfg.Token = s1.StaticToken(s1test.DefaultToken) })

			got, err := ids(t.Context(), client, url.Values{"limit": {strconv.Itoa(max(1, test.rows))}})

			require.ErrorIs(t, err, s1.ErrBeyondBound)
			require.ErrorContains(t, err, "sentinelone api 200 on /agents: page ")
			assert.Regexp(t, `the list goes on where \d+ rows were promised and \d+ pages came, which no console sends`, err.Error())
			total := console.Totals().Agents
			assert.LessOrEqual(t, len(got), total+total/10+1000)
			assert.LessOrEqual(t, console.Requests()["/agents"], (total+total/10+1000)/max(1, test.rows)+3)
		})
	}
}

// paging is a console without a network: it answers with the pages that next makes, by their number from 1.
type paging func(number int) string

func (p paging) RoundTrip(r *http.Request) (*http.Response, error) {
	number, _ := strconv.Atoi(strings.TrimLeft(r.URL.Query().Get("cursor"), "x"))
	return &http.Response{StatusCode: 200, Body: io.NopCloser(strings.NewReader(p(number + 1)))}, nil
}

func TestAListOfWhichNobodySaysHowLongItIsEndsToo(t *testing.T) {
	pages := 0
	client, _ := connect(t, "https://acme.sentinelone.example", func(cfg *s1.Config) {
		cfg.Transport = paging(func(number int) string {
			pages++
			return fmt.Sprintf(`{"data":[],"pagination":{"nextCursor":"%d"}}`, number)
		})
	})
	_, err := ids(t.Context(), client, nil)
	require.ErrorIs(t, err, s1.ErrBeyondBound)
	require.ErrorContains(t, err, "sentinelone api 200 on /agents: the list has more than 100000 pages")
	assert.Equal(t, 100_000, pages)
}

func TestTheNameOfTheNextPageHasABound(t *testing.T) {
	for length, beyond := range map[int]bool{8 << 10: false, 8<<10 + 1: true} {
		client, _ := connect(t, "https://acme.sentinelone.example", func(cfg *s1.Config) {
			cfg.Transport = paging(func(number int) string {
				if number == 2 {
					return answer(1, "", "2")
				}
				return answer(1, strings.Repeat("x", length-1)+"1", "1")
			})
		})
		_, err := ids(t.Context(), client, nil)
		if beyond {
			require.ErrorContains(t, err, "sentinelone api 200 on /agents: page 1: the name of the next page has more than 8 KiB")
			continue
		}
		require.NoError(t, err)
	}
}

func TestATotalIsNeverTakenForMoreThanAPromise(t *testing.T) {
	const refused = -2
	for total, want := range map[string]int{
		"-5": -1, "1000000000": 1e9, "1000000001": refused, "9223372036854775807": refused, "1e300": -1, "99999999999999999999": -1,
		`"7"`: 7, `"7.0"`: 7, `[7]`: 7, `"many"`: -1, `null`: -1, `{}`: -1, `true`: -1, `"1000000001"`: refused,
	} {
		server := serve(t, func(w http.ResponseWriter, _ *http.Request) {
			fmt.Fprintf(w, `{"data":[{"id":"1"}],"pagination":{"nextCursor":null,"totalItems":%s}}`, total)
		})
		client, _ := connect(t, server.URL, nil)
		for page, err := range s1.Pages(t.Context(), client, s1.Agents, nil) {
			if want == refused {
				require.ErrorIs(t, err, s1.ErrBeyondBound)
				require.ErrorContains(t, err, "page 1: the answer promises more than 1000000000 rows")
				continue
			}
			require.NoError(t, err)
			assert.Equal(t, want, page.Total, total)
		}
	}
}

func TestWhatStandsAroundTheRowsIsReadHoweverItIsWritten(t *testing.T) {
	for pagination, want := range map[string][]string{
		`{"nextCursor":7,"totalItems":"2"}`: {"1", "7"},
		`{"nextCursor":["7"]}`:              {"1", "7"},
		`{"nextCursor":null}`:               {"1"},
		`{"nextCursor":""}`:                 {"1"},
		`{"nextCursor":false}`:              {"1"},
		`{"nextCursor":{}}`:                 {"1"},
		`{}`:                                {"1"},
		`[]`:                                {"1"},
		`"none"`:                            {"1"},
		`null`:                              {"1"},
	} {
		server := serve(t, func(w http.ResponseWriter, r *http.Request) {
			cursor := r.URL.Query().Get("cursor")
			if cursor != "" {
				io.WriteString(w, `{"data":[{"id":"`+cursor+`"}],"errors":[]}`)
				return
			}
			io.WriteString(w, `{"data":[{"id":1}],"errors":"","pagination":`+pagination+`}`)
		})
		client, _ := connect(t, server.URL, nil)
		got, err := ids(t.Context(), client, nil)
		require.NoError(t, err, pagination)
		assert.Equal(t, want, got, pagination)
	}
}

func TestAnErrorIsToldHoweverItIsWritten(t *testing.T) {
	for errors, want := range map[string]string{
		`[{"code":"5000020","title":"Query failed"}]`: "Query failed",
		`{"code":5000020,"detail":"Query failed"}`:    "Query failed",
		`"Query failed"`:     "Query failed",
		`["Query failed"]`:   "Query failed",
		`[{"code":5000020}]`: "the answer says that it failed, and not why",
	} {
		server := serve(t, func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, `{"data":[],"errors":`+errors+`}`) })
		client, _ := connect(t, server.URL, nil)
		_, err := ids(t.Context(), client, nil)
		assert.ErrorContains(t, err, "sentinelone api 200 on /agents: "+want, errors)
	}
}

func TestAListThatStandsWithoutTheObjectAroundItIsRead(t *testing.T) {
	assert.Equal(t, []s1.Site{{ID: "1"}}, read(t, s1.Sites, `{"data":[{"id":"1"}]}`))
}

func TestOnePageIsFetchedAheadAndNoMore(t *testing.T) {
	asked := make(chan string, 10)
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		cursor := r.URL.Query().Get("cursor")
		page, _ := strconv.Atoi(cursor)
		asked <- cursor
		io.WriteString(w, answer(99, strconv.Itoa(page+1), cursor))
	})
	client, _ := connect(t, server.URL, nil)
	pages := 0
	for _, err := range s1.Pages(t.Context(), client, s1.Agents, nil) {
		require.NoError(t, err)
		if pages++; pages == 1 {
			assert.Equal(t, "", <-asked)
			assert.Equal(t, "1", <-asked, "asked for while the first page is consumed")
			assert.Empty(t, asked)
		}
		if pages == 3 {
			break // goleak sees whether the goroutine that fetches ends
		}
	}
	assert.LessOrEqual(t, len(asked), 2)
}

func TestCancellingInTheMiddleEndsTheListWithTheContextsError(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("cursor") == "" {
			io.WriteString(w, answer(9, "b", "1"))
			return
		}
		io.WriteString(w, `{"data":[{"id":"2"},`)
		w.(http.Flusher).Flush()
		cancel()
		<-r.Context().Done()
	})
	client, clock := connect(t, server.URL, nil)
	got, err := ids(ctx, client, nil)
	require.ErrorIs(t, err, context.Canceled)
	assert.Equal(t, []string{"1"}, got)
	assert.Empty(t, clock.Waits())
}

func TestACancelledWaitEndsAtOnce(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	server := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "300")
		w.WriteHeader(http.StatusTooManyRequests)
		cancel()
	})
	client, _ := connect(t, server.URL, func(cfg *s1.Config) { cfg.Sleep, cfg.Now = nil, nil })
	_, err := ids(ctx, client, nil)
	require.ErrorIs(t, err, context.Canceled)
}

func TestCountReadsNoRows(t *testing.T) {
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		assert.Equal(t, url.Values{"countOnly": {"true"}, "siteIds": {"1,2"}}, r.URL.Query())
		io.WriteString(w, `{"data":[],"pagination":{"nextCursor":null,"totalItems":1234567}}`)
	})
	client, _ := connect(t, server.URL, nil)
	got, err := s1.Count(t.Context(), client, s1.Agents, url.Values{"siteIds": {"1", "2"}})
	require.NoError(t, err)
	assert.Equal(t, 1234567, got)
}

func TestACountThatIsNotSaidIsAnError(t *testing.T) {
	server := serve(t, func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, `{"data":[]}`) })
	client, _ := connect(t, server.URL, nil)
	_, err := s1.Count(t.Context(), client, s1.Agents, nil)
	require.EqualError(t, err, "sentinelone api 200 on /agents: the answer to countOnly has no totalItems")
}

func TestUserTellsTheScopeOfTheToken(t *testing.T) {
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		assert.Equal(t, "/web/api/v2.1/user", r.URL.Path)
		io.WriteString(w, `{"data":{"id":"1","scope":"site","scopeRoles":[{"id":"7","name":"Paris"}],"apiToken":{"expiresAt":"2027-01-01T00:00:00Z"}}}`)
	})
	client, _ := connect(t, server.URL, nil)
	user, err := client.User(t.Context())
	require.NoError(t, err)
	assert.Equal(t, "site", user.Scope)
	assert.Equal(t, []s1.ScopeRole{{ID: "7", Name: "Paris"}}, user.ScopeRoles)
	assert.Equal(t, s1.Time(1798761600000), user.APIToken.ExpiresAt)
}

func TestAMeterCountsEveryAttempt(t *testing.T) {
	var requests atomic.Int64
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		assert.Equal(t, "ApiToken "+secret, r.Header.Get("Authorization"))
		assert.Equal(t, "s1graph", r.Header.Get("User-Agent"))
		assert.Equal(t, http.MethodGet, r.Method)
		if requests.Add(1) == 1 {
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
		io.WriteString(w, answer(1, "", "1"))
	})
	client, _ := connect(t, server.URL, nil)
	var told atomic.Int64
	_, err := ids(s1.WithObserver(t.Context(), func(s1.Attempt) { told.Add(1) }), client, nil)
	require.NoError(t, err)
	assert.EqualValues(t, 2, told.Load())
}

func TestNoMoreRequestsAreUnderWayThanAllowed(t *testing.T) {
	var underWay, most atomic.Int64
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		now := underWay.Add(1)
		defer underWay.Add(-1)
		for before := most.Load(); now > before && !most.CompareAndSwap(before, now); before = most.Load() {
		}
		io.WriteString(w, answer(1, "", r.URL.Query().Get("siteIds")))
	})
	client, _ := connect(t, server.URL, func(cfg *s1.Config) { cfg.Concurrency = 3 })
	var chains sync.WaitGroup
	for i := range 40 {
		chains.Go(func() {
			_, err := ids(t.Context(), client, url.Values{"siteIds": {strconv.Itoa(i)}})
			assert.NoError(t, err)
		})
	}
	chains.Wait()
	assert.LessOrEqual(t, most.Load(), int64(3))
}

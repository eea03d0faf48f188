package s1_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"s1graph/s1"
)

// shelf is a console with so many agents that answers a request for more than a few rows with a fault.
type shelf struct {
	agents, most int
	fault        http.HandlerFunc
	bound        bool // a cursor is taken only with the limit that it was made with

	mu     sync.Mutex
	limits []int // that were asked for
}

func (s *shelf) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	limit, _ := strconv.Atoi(r.URL.Query().Get("limit"))
	s.mu.Lock()
	s.limits = append(s.limits, limit)
	s.mu.Unlock()
	from, made := 0, 0
	if cursor := r.URL.Query().Get("cursor"); cursor != "" {
		if _, err := fmt.Sscanf(cursor, "%d-%d", &from, &made); err != nil || s.bound && made != limit {
			refuse(w, 400, 4000040, "cursor: Invalid cursor.")
			return
		}
	}
	if limit > s.most && from > 0 {
		s.fault(w, r)
		return
	}
	to := min(s.agents, from+limit)
	rows := make([]string, 0, limit)
	for n := from; n < to; n++ {
		rows = append(rows, strconv.Itoa(n))
	}
	next := ""
	if to < s.agents {
		next = fmt.Sprintf("%d-%d", to, limit)
	}
	fmt.Fprint(w, answer(s.agents, next, rows...))
}

func status(code int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }
}

func TestACursorIsAskedWithASmallerLimitWhereThePageItNamesIsTooBig(t *testing.T) {
	console := &shelf{agents: 1700, most: 300, fault: status(500)}
	client, clock := connect(t, serve(t, console.ServeHTTP).URL, nil)

	got, err := ids(t.Context(), client, nil)

	require.NoError(t, err)
	assert.Len(t, got, 1700)
	assert.Equal(t, []int{1000, 1000, 1000, 500, 250, 250, 250}, console.limits)
	assert.Equal(t, []s1.SmallerPages{{Path: "/agents", Failed: 500, Rows: 250}}, client.SmallerPages())
	assert.Less(t, clock.Total(), 15*time.Second)
	// What is known of a path holds for the next list of it.
	console.limits = nil
	_, err = ids(t.Context(), client, url.Values{"siteIds": {"1"}})
	require.NoError(t, err)
	assert.NotContains(t, console.limits, 1000)
}

// Nobody says that a cursor may be asked with another limit than it was made with, so that it is only tried: the list
// that begins again then does so with the smaller pages.
func TestACursorThatIsTakenWithItsOwnLimitAloneLeadsToSmallerPagesFromTheBeginning(t *testing.T) {
	console := &shelf{agents: 1700, most: 500, fault: status(500), bound: true}
	client, _ := connect(t, serve(t, console.ServeHTTP).URL, nil)
	_, err := ids(t.Context(), client, nil)
	require.True(t, s1.IsInvalid(err), "%v", err)
	got, err := ids(t.Context(), client, nil)
	require.NoError(t, err)
	assert.Len(t, got, 1700)
}

func TestPagesAreHalvedDownToFiftyInAsManyTriesAsARequestHas(t *testing.T) {
	for _, test := range []struct {
		limit string
		fault int
		tries []int
	}{
		{"", 500, []int{1000, 1000, 500, 250, 125, 50}},
		{"", 504, []int{1000, 500, 250, 125, 50, 50}},
		{"", 413, []int{1000, 500, 250, 125, 50, 50}},
		{"", 501, []int{1000}},
		{"300", 502, []int{300, 300, 150, 50, 50, 50}},
		{"80", 500, []int{80, 80, 50, 50, 50, 50}},
		{"50", 500, []int{50, 50, 50, 50, 50, 50}},
		{"7", 504, []int{7, 7, 7, 7, 7, 7}},
	} {
		var limits []int
		server := serve(t, func(w http.ResponseWriter, r *http.Request) {
			limit, _ := strconv.Atoi(r.URL.Query().Get("limit"))
			limits = append(limits, limit)
			w.WriteHeader(test.fault)
		})
		client, clock := connect(t, server.URL, nil)
		filters := url.Values{}
		if test.limit != "" {
			filters.Set("limit", test.limit)
		}
		_, err := ids(t.Context(), client, filters)
		require.Error(t, err)
		assert.Equal(t, test.tries, limits, "%s %d", test.limit, test.fault)
		assert.Less(t, clock.Total(), 50*time.Second)
		assert.Empty(t, client.SmallerPages(), "nothing came")
	}
}

// Who asks to wait, or takes no connection, does not say that less was to be asked for.
func TestNoSmallerPageIsAskedForWhereTheSizeIsNotTheReason(t *testing.T) {
	for name, fault := range map[string]http.HandlerFunc{
		"429": status(429),
		"503 with Retry-After": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", "2")
			w.WriteHeader(503)
		},
		"a CDN in the console's place": func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(403)
			fmt.Fprint(w, "<html>Attention Required!</html>")
		},
	} {
		t.Run(name, func(t *testing.T) {
			fails := 0
			var limits []string
			server := serve(t, func(w http.ResponseWriter, r *http.Request) {
				limits = append(limits, r.URL.Query().Get("limit"))
				if fails++; fails > 1 && fails < 6 { // the first answer says that a console is there
					fault(w, r)
					return
				}
				fmt.Fprint(w, answer(2, map[bool]string{true: "next"}[fails == 1], strconv.Itoa(fails)))
			})
			client, _ := connect(t, server.URL, nil)
			got, err := ids(t.Context(), client, nil)
			require.NoError(t, err)
			assert.Len(t, got, 2)
			assert.Equal(t, strings.Repeat("1000 ", 6), strings.Join(limits, " ")+" ")
		})
	}
}

func TestASmallerPageIsLoggedOnce(t *testing.T) {
	console := &shelf{agents: 3000, most: 500, fault: status(500)}
	var log bytes.Buffer
	client, _ := connect(t, serve(t, console.ServeHTTP).URL, func(cfg *s1.Config) {
		cfg.Logger = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelWarn}))
	})
	_, err := ids(t.Context(), client, nil)
	require.NoError(t, err)
	assert.Equal(t, 1, strings.Count(log.String(), `msg="smaller pages come where larger ones failed" path=/agents rows=500 failed=1000`), log.String())
}

func TestNoPageIsLargerThanIsSet(t *testing.T) {
	console := &shelf{agents: 30, most: 1000}
	client, _ := connect(t, serve(t, console.ServeHTTP).URL, func(cfg *s1.Config) { cfg.PageSize = 7 })
	got, err := ids(t.Context(), client, nil)
	require.NoError(t, err)
	assert.Len(t, got, 30)
	assert.Equal(t, []int{7, 7, 7, 7, 7}, console.limits)
	assert.Equal(t, 7, client.PageSize())
}

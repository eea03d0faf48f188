package s1_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"s1graph/pause"
	"s1graph/s1"
)

// watching is a context under which each wait is noted.
func watching(t *testing.T) (ctx context.Context, waits func() []string) {
	var mu sync.Mutex
	var noted []string
	port := regexp.MustCompile(`:\d+ `)
	ctx = pause.WithWatcher(t.Context(), func(w pause.Wait) (over func()) {
		mu.Lock()
		defer mu.Unlock()
		noted = append(noted, port.ReplaceAllString(fmt.Sprintf("%s %s %s", w.What, w.Lasts.Round(time.Second), w.Why), ":PORT "))
		return func() {}
	})
	return ctx, func() []string {
		mu.Lock()
		defer mu.Unlock()
		return noted
	}
}

func TestWhoWatchesIsToldOfEachTryAndOfWhatIsWaitedForBetweenThem(t *testing.T) {
	answers := []func(http.ResponseWriter){
		func(w http.ResponseWriter) {
			w.Header().Set("Retry-After", "7")
			refuse(w, http.StatusServiceUnavailable, 5030010, "in maintenance")
		},
		func(w http.ResponseWriter) {
			w.Header().Set("Retry-After", "30")
			refuse(w, http.StatusTooManyRequests, 4290010, "too many")
		},
		func(w http.ResponseWriter) { io.WriteString(w, answer(1, "", "1")) },
	}
	server := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		next := answers[0]
		answers = answers[1:]
		next(w)
	})
	client, _ := connect(t, server.URL, nil)
	ctx, waits := watching(t)
	_, err := ids(ctx, client, nil)
	require.NoError(t, err)
	assert.Equal(t, []string{
		"no answer from 127.0.0.1:PORT to /agents (try 1 of 6, up to 1m0s each) 0s ",
		"retrying /agents (try 2 of 6) 7s in maintenance",
		"no answer from 127.0.0.1:PORT to /agents (try 2 of 6, up to 1m0s each) 0s ",
		"retrying /agents (try 2 of 6) 30s too many", // which the limit on tries does not count
		"no answer from 127.0.0.1:PORT to /agents (try 2 of 6, up to 1m0s each) 0s ",
	}, waits())
}

func TestWhoWatchesIsToldOfTheRateLimitAndInFewWordsWhyAConnectionFailed(t *testing.T) {
	client, _ := connect(t, "http://127.0.0.1:1", func(c *s1.Config) { c.RateLimits = map[string]float64{"/agents": 0.1} })
	ctx, waits := watching(t)
	_, err := ids(ctx, client, nil)
	require.Error(t, err)
	assert.Regexp(t, `retrying /agents \(try 2 of 6\) \ds connection refused`, waits()[1])
	assert.Contains(t, fmt.Sprint(waits()), "next request for /agents, within its rate limit, ")
}

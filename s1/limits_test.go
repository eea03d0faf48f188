package s1_test

import (
	"io"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"s1graph/s1"
)

// spent is how long the given number of requests for path are held back.
func spent(t *testing.T, path string, requests int, rates map[string]float64) time.Duration {
	server := serve(t, func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, `{"data":[]}`) })
	client, clock := connect(t, server.URL, func(cfg *s1.Config) { cfg.RateLimits = rates })
	for range requests {
		for _, err := range client.Raw(t.Context(), path, nil) {
			require.NoError(t, err)
		}
	}
	return clock.Total()
}

func TestRequestsStayInsideTheLimitOfTheLongestPrefix(t *testing.T) {
	for _, test := range []struct {
		path     string
		requests int
		want     time.Duration
	}{
		{"/agents", 26, time.Second},        // 25 a second
		{"/agents/count", 26, time.Second},  // the same prefix
		{"/threats", 60, time.Second},       // 10 a second after the first 50
		{"/threats/12/notes", 60, 0},        // 100 a second, the first 1000 at once
		{"/user", 7, time.Second},           // 2 a second after the first 5
		{"/users", 80, 0},                   // not /user
		{"/installed-applications", 200, 0}, // no limit is known
		{"/application-management/inventory/endpoints", 4, time.Second},
	} {
		got := spent(t, test.path, test.requests, nil)
		assert.InDelta(t, test.want.Seconds(), got.Seconds(), 0.001, test.path)
	}
}

func TestLimitsOfOnesOwnReplaceTheUsualOnes(t *testing.T) {
	rates := map[string]float64{"web/api/v2.1/agents": 2, "/threats": 0, "installed-applications": 4}
	assert.Equal(t, time.Second, spent(t, "/agents", 3, rates))
	assert.Zero(t, spent(t, "/threats", 200, rates))
	assert.Equal(t, time.Second, spent(t, "/installed-applications", 5, rates))
}

func TestClientsOfOneTokenShareALimiter(t *testing.T) {
	server := serve(t, func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, answer(1, "", "1")) })
	limiter, shared := s1.NewLimiter(nil), newClock()
	var clients sync.WaitGroup
	for range 13 {
		clients.Go(func() {
			client, _ := connect(t, server.URL, func(cfg *s1.Config) {
				cfg.Limiter, cfg.Sleep = limiter, shared.Sleep
			})
			for range 2 {
				_, err := ids(t.Context(), client, url.Values{})
				assert.NoError(t, err)
			}
		})
	}
	clients.Wait()
	assert.Equal(t, time.Second, slices.Max(shared.Waits()), "the last of 26 requests waits for 25 others")
}

func TestALimitThatNobodyPublishesGrowsUntilTheConsoleAnswers429(t *testing.T) {
	refuse := 0
	server := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		if refuse > 0 {
			refuse--
			w.Header().Set("Retry-After", "1")
			w.WriteHeader(http.StatusTooManyRequests)
			return
		}
		io.WriteString(w, `{"data":[]}`)
	})
	client, clock := connect(t, server.URL, func(*s1.Config) {})
	ask := func(requests int) float64 {
		before := clock.Total()
		for range requests {
			for _, err := range client.Raw(t.Context(), "/application-management/risks", nil) {
				require.NoError(t, err)
			}
		}
		return (clock.Total() - before).Seconds()
	}
	// The nth request but the first comes 1/(9+n) of a second after the one before it: 10 a second, and one more with each.
	assert.InDelta(t, 1.0/11+1.0/12+1.0/13, ask(4), 0.01)
	assert.InDelta(t, 2.0, ask(86), 0.2, "100 a second after 90 requests and ln(100/14), 2.0, seconds")
	assert.InDelta(t, 1, ask(100), 0.01, "and no more")

	refuse = 2
	ask(1)
	assert.InDelta(t, 4, ask(100), 0.1, "25 a second, which is half of the half")
	ask(1000)
	assert.InDelta(t, 100/26.1, ask(100), 0.05, "one more after each thousand answers")
}

func TestWhatWasUnderWayTogetherHalvesALimitOnce(t *testing.T) {
	const together = 8
	var asked sync.WaitGroup
	asked.Add(together)
	var refused atomic.Int32
	server := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		if refused.Add(1) <= together {
			asked.Done()
			asked.Wait()
			w.Header().Set("Retry-After", "1")
			w.WriteHeader(http.StatusTooManyRequests)
			return
		}
		io.WriteString(w, `{"data":[]}`)
	})
	client, clock := connect(t, server.URL, func(*s1.Config) {})
	ask := func() {
		for _, err := range client.Raw(t.Context(), "/application-management/risks", nil) {
			assert.NoError(t, err)
		}
	}
	var askers sync.WaitGroup
	for range together {
		askers.Go(ask)
	}
	askers.Wait()
	before := clock.Total()
	for range 20 {
		ask()
	}
	assert.InDelta(t, 4, (clock.Total() - before).Seconds(), 0.5, "5 a second, half of 10")
}

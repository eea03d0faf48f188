package s1_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"s1graph/s1"
)

func TestRetryAfterIsObeyed(t *testing.T) {
	for name, header := range map[string]string{
		"in seconds": "37",
		"as a date":  newClock().now.Add(37 * time.Second).Format(http.TimeFormat),
	} {
		t.Run(name, func(t *testing.T) {
			server, requests := failing(t, 1, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Retry-After", header)
				refuse(w, 429, 4290010, "Too many requests")
			})
			client, clock := connect(t, server.URL, nil)
			_, err := ids(t.Context(), client, nil)
			require.NoError(t, err)
			assert.EqualValues(t, 2, requests.Load())
			assert.Equal(t, []time.Duration{37 * time.Second}, clock.Waits())
		})
	}
}

func TestRetryAfterHoldsBackTheOtherRequestsOfThePrefix(t *testing.T) {
	server, _ := failing(t, 1, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "60")
		w.WriteHeader(429)
	})
	limiter := s1.NewLimiter(map[string]float64{"agents": 0})
	slept := make(chan time.Duration)
	first, _ := connect(t, server.URL, func(cfg *s1.Config) {
		cfg.Limiter = limiter
		cfg.Sleep = func(_ context.Context, d time.Duration) error { slept <- d; return nil }
	})
	second, clock := connect(t, server.URL, func(cfg *s1.Config) { cfg.Limiter = limiter })

	var done sync.WaitGroup
	done.Go(func() {
		_, err := ids(t.Context(), first, nil)
		assert.NoError(t, err)
	})
	assert.Equal(t, time.Minute, <-slept, "what the first client was told")
	_, err := s1.Count(t.Context(), second, s1.Threats, nil)
	require.NoError(t, err)
	assert.Empty(t, clock.Waits(), "another prefix is free")
	_, err = s1.Count(t.Context(), second, s1.Agents, nil)
	require.NoError(t, err)
	assert.Equal(t, []time.Duration{time.Minute}, clock.Waits(), "the same prefix waits, with another client too")
	assert.Equal(t, time.Minute, <-slept)
	done.Wait()
}

func Test429ForEverIsGivenUpAfterTenMinutes(t *testing.T) {
	server, _ := failing(t, 1000, func(w http.ResponseWriter, _ *http.Request) { refuse(w, 429, 0, "Too many requests") })
	client, clock := connect(t, server.URL, nil)
	_, err := ids(t.Context(), client, nil)
	require.ErrorContains(t, err, "sentinelone api 429 on /agents: Too many requests (failed after a wait of ")
	assert.Less(t, clock.Total(), 11*time.Minute)
	assert.Greater(t, clock.Total(), 8*time.Minute)
}

func TestARetryAfterBeyondAllPatienceEndsAtOnce(t *testing.T) {
	server, requests := failing(t, 99, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "86400")
		w.WriteHeader(429)
	})
	client, clock := connect(t, server.URL, nil)
	_, err := ids(t.Context(), client, nil)
	require.EqualError(t, err, "sentinelone api 429 on /agents: Too Many Requests (the console asks to wait 24h0m0s before the next request, "+
		"and s1graph waits 5m0s at most: run again later, and ask SentinelOne's support if it stays)")
	assert.EqualValues(t, 1, requests.Load())
	assert.Empty(t, clock.Waits())
}

func TestRetryAfterIsObeyedUpToFiveMinutesWhateverItsFormAndTheStatus(t *testing.T) {
	start := newClock().now
	const ownPause = time.Duration(-1) // not said by the console
	for header, want := range map[string]struct {
		wait   time.Duration
		beyond string
	}{
		"1":     {wait: time.Second},
		" 300 ": {wait: 5 * time.Minute},
		"301":   {beyond: "5m1s"},
		start.Add(5 * time.Minute).Format(http.TimeFormat):  {wait: 5 * time.Minute},
		start.Add(6 * time.Minute).Format(http.TimeFormat):  {beyond: "6m0s"},
		start.Add(6 * time.Minute).Format(time.RFC850):      {beyond: "6m0s"},
		start.AddDate(7000, 0, 0).Format(http.TimeFormat):   {beyond: "more than 290 years"},
		start.Add(-5 * time.Minute).Format(http.TimeFormat): {wait: ownPause},
		"0":                       {wait: ownPause},
		"-1":                      {wait: ownPause},
		"-99999999999999999999":   {wait: ownPause},
		"9223372037":              {beyond: "more than 290 years"}, // as nanoseconds too many for 64 bits
		"18446744074":             {beyond: "more than 290 years"}, // as nanoseconds so many too many that little is left
		"9223372036854775808":     {beyond: "more than 290 years"},
		strings.Repeat("9", 1000): {beyond: "more than 290 years"},
		"4000000000":              {beyond: "1111111h6m40s"},
		"soon":                    {wait: ownPause},
		"NaN":                     {wait: ownPause},
		"1e9":                     {wait: ownPause},
		"":                        {wait: ownPause},
	} {
		for _, status := range []int{429, 503, 500, 502, 408} {
			t.Run(fmt.Sprint(status, " ", header[:min(len(header), 40)]), func(t *testing.T) {
				server, requests := failing(t, 1, func(w http.ResponseWriter, _ *http.Request) {
					w.Header().Set("Retry-After", header)
					refuse(w, status, 1, "Not now")
				})
				client, clock := connect(t, server.URL, nil)
				_, err := ids(t.Context(), client, nil)
				if want.beyond != "" {
					require.ErrorContains(t, err, fmt.Sprintf("sentinelone api %d on /agents: Not now (the console asks to wait %s before the next request, and s1graph waits 5m0s at most", status, want.beyond))
					assert.EqualValues(t, 1, requests.Load())
					assert.Empty(t, clock.Waits())
					return
				}
				require.NoError(t, err)
				assert.EqualValues(t, 2, requests.Load())
				if want.wait == ownPause {
					assert.InDelta(t, time.Second, clock.Total(), float64(time.Second/2))
					return
				}
				assert.Equal(t, []time.Duration{want.wait}, clock.Waits())
			})
		}
	}
}

// What one request is told, and what becomes of the requests of others who use the token meanwhile.
func TestOnlyTooManyRequestsHoldBackTheOthersWhoUseTheToken(t *testing.T) {
	for status, held := range map[int]time.Duration{429: 5 * time.Minute, 503: 0, 500: 0} {
		for retryAfter, held := range map[string]time.Duration{"300": held, "301": 0, "999999999": 0} {
			t.Run(fmt.Sprint(status, " for ", retryAfter), func(t *testing.T) {
				server, _ := failing(t, 1, func(w http.ResponseWriter, _ *http.Request) {
					w.Header().Set("Retry-After", retryAfter)
					w.WriteHeader(status)
				})
				limiter, waiting := s1.NewLimiter(map[string]float64{"agents": 0}), make(chan bool)
				first, _ := connect(t, server.URL, func(cfg *s1.Config) {
					cfg.Limiter, cfg.Concurrency = limiter, 1
					cfg.Sleep = func(ctx context.Context, _ time.Duration) error {
						waiting <- true
						<-ctx.Done()
						return ctx.Err()
					}
				})
				second, clock := connect(t, server.URL, func(cfg *s1.Config) { cfg.Limiter = limiter })

				ctx, cancel := context.WithCancel(t.Context())
				var done sync.WaitGroup
				done.Go(func() {
					_, err := ids(ctx, first, nil)
					assert.Error(t, err)
					close(waiting)
				})
				<-waiting // or given up
				got, err := ids(t.Context(), second, nil)
				require.NoError(t, err)
				assert.Equal(t, []string{"1", "2"}, got)
				assert.Equal(t, held, clock.Total())
				if held == 0 && retryAfter == "300" {
					// Nor does the request that waits take the place of another of its own client.
					_, err = s1.Count(t.Context(), first, s1.Threats, nil)
					require.NoError(t, err)
				}
				cancel()
				done.Wait()
			})
		}
	}
}

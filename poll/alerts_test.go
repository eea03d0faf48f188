package poll_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"s1graph/config"
	"s1graph/connector"
	"s1graph/poll"
	"s1graph/s1/s1test"
)

// receiver is a webhook's other side. No connection is kept, as a bubble's time does not pass while one is open.
func receiver(t *testing.T, status *atomic.Int32) (url string, received *atomic.Int32) {
	t.Helper()
	received = new(atomic.Int32)
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		received.Add(1)
		w.WriteHeader(int(status.Load()))
	}))
	server.Config.SetKeepAlivesEnabled(false)
	server.Start()
	t.Cleanup(server.Close)
	return server.URL, received
}

func TestWhatRunsRaiseIsDeliveredAndCounted(t *testing.T) {
	var status atomic.Int32
	status.Store(http.StatusServiceUnavailable)
	url, received := receiver(t, &status)
	console := s1test.New(s1test.Tenant{Seed: 1, Agents: 20, Threats: 5, ApplicationsPerAgent: 2})
	bubble(t, func(t *testing.T) {
		s := start(t, func(ctx context.Context, o connector.Options) (connector.Summary, error) {
			o.Transport = direct{console}
			return connector.Sync(ctx, o)
		}, poll.Config{}, instance(t, "acme", func(c *config.Config) {
			c.Token = config.NewSecret(s1test.DefaultToken)
			c.Alerts = &config.Alerts{
				Destinations: []config.Destination{{Name: "hook", URL: config.NewSecret(url + "/SECRET-path"), Format: "json"}},
				Rules:        []config.Rule{{Name: "anything", When: `change.op in ["created", "updated", "deleted"]`, Title: "{{.Count}} changes", AtLeast: 1}},
			}
		}))
		s.after(5 * time.Minute)
		require.NotNil(t, s.of("acme").LastRun)
		require.Equal(t, connector.Complete, s.of("acme").LastRun.Status, s.of("acme").LastRun)
		assert.Zero(t, received.Load(), "a baseline raises nothing")

		console.SetDay(1)
		s.after(25*time.Minute + time.Second)
		require.NotZero(t, received.Load())
		require.Len(t, s.of("acme").Alerts, 1)
		assert.Equal(t, "hook", s.of("acme").Alerts[0].Destination)
		assert.Equal(t, 1, s.of("acme").Alerts[0].Queued)
		metrics := s.get("/metrics").Body.String()
		assert.Contains(t, metrics, `s1graph_alerts_total{destination="",instance="acme",rule="anything",status="raised"} 1`)
		assert.Regexp(t, `s1graph_alerts_total\{destination="hook",instance="acme",rule="anything",status="failed"\} [1-9]`, metrics)
		assert.Contains(t, metrics, `s1graph_alerts_queued{destination="hook",instance="acme"} 1`)

		status.Store(http.StatusNoContent)
		s.after(20 * time.Minute)
		metrics = s.get("/metrics").Body.String()
		assert.Contains(t, metrics, `s1graph_alerts_total{destination="hook",instance="acme",rule="anything",status="delivered"} 1`)
		assert.Contains(t, metrics, `s1graph_alerts_queued{destination="hook",instance="acme"} 0`)
		assert.Contains(t, metrics, `s1graph_alerts_dead{destination="hook",instance="acme"} 0`)
		assert.Empty(t, s.of("acme").Alerts)
		for _, said := range []string{metrics, s.get("/status").Body.String()} {
			assert.NotContains(t, said, "SECRET-path")
		}
	})
}

func TestAPanicIsEvaluatedByTheRulesOnRuns(t *testing.T) {
	var status atomic.Int32
	status.Store(http.StatusNoContent)
	url, received := receiver(t, &status)
	bubble(t, func(t *testing.T) {
		s := start(t, func(context.Context, connector.Options) (connector.Summary, error) { panic("index out of range") },
			poll.Config{}, instance(t, "acme", func(c *config.Config) {
				c.Alerts = &config.Alerts{
					Destinations: []config.Destination{{Name: "hook", URL: config.NewSecret(url), Format: "json"}},
					Rules:        []config.Rule{{Name: "failing", When: `run.failedInRow == 3`, Title: "three times"}},
				}
			}))
		s.after(2 * time.Minute)
		assert.Zero(t, received.Load())
		s.after(2 * time.Minute)
		assert.EqualValues(t, 1, received.Load())
	})
}

func TestADestinationThatIsNoneIsToldBeforeAnythingIsPolled(t *testing.T) {
	_, err := poll.New(poll.Config{Settings: &config.Service{Instances: []*config.Config{instance(t, "acme", func(c *config.Config) {
		c.Alerts = &config.Alerts{Destinations: []config.Destination{{Name: "hook", URL: config.NewSecret("http://SECRET.example"), Format: "json"}}}
	})}}})
	require.ErrorContains(t, err, "instance acme: destination hook: ")
	assert.NotContains(t, err.Error(), "SECRET")
}

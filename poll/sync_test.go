package poll_test

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"s1graph/config"
	"s1graph/connector"
	"s1graph/poll"
	"s1graph/s1/s1test"
)

// direct answers requests without a network between, so that a bubble's time can pass.
type direct struct{ http.Handler }

func (d direct) RoundTrip(r *http.Request) (*http.Response, error) {
	answer := httptest.NewRecorder()
	r = r.Clone(r.Context())
	r.RequestURI, r.Body = r.URL.RequestURI(), http.NoBody
	d.ServeHTTP(answer, r)
	return answer.Result(), nil
}

func TestATenantIsSyncedAndItsRequestsAreCounted(t *testing.T) {
	console := s1test.New(s1test.Tenant{Seed: 1, Agents: 20, Threats: 5, ApplicationsPerAgent: 2})
	console.Break(s1test.Fault{Path: "/threats", Times: 1, Effect: s1test.Status(http.StatusBadGateway)})
	bubble(t, func(t *testing.T) {
		var log bytes.Buffer
		s := start(t, func(ctx context.Context, o connector.Options) (connector.Summary, error) {
			o.Transport = direct{console}
			return connector.Sync(ctx, o)
		}, poll.Config{Logger: slog.New(slog.NewTextHandler(&log, nil))}, instance(t, "acme", func(c *config.Config) {
			c.Token = config.NewSecret(s1test.DefaultToken)
		}))
		s.after(5 * time.Minute)
		acme := s.of("acme")
		require.NotNil(t, acme.LastRun, acme.State)
		require.Equal(t, connector.Complete, acme.LastRun.Status, acme.LastRun.Error)
		console.SetDay(1)
		s.after(30 * time.Minute)

		metrics := s.get("/metrics").Body.String()
		assert.Contains(t, metrics, `s1graph_requests_total{instance="acme",path="/threats",status="502"} 1`)
		assert.Contains(t, metrics, `s1graph_request_retries_total{instance="acme",path="/threats",status="502"} 1`)
		assert.Regexp(t, `s1graph_requests_total\{instance="acme",path="/agents",status="200"\} [1-9]`, metrics)
		assert.Contains(t, metrics, `s1graph_runs_total{instance="acme",status="complete"} 2`)
		assert.Regexp(t, `(?m)^\S+ level=INFO msg="step ended" instance=acme step=agents state=ok `, log.String())
		assert.Regexp(t, `(?m)^\S+ level=INFO msg="run ended" instance=acme status=complete run=000002-\S+ .* next=2000-01-01T01:00:00`, log.String())
		for _, said := range []string{metrics, log.String(), s.get("/status").Body.String()} {
			assert.NotContains(t, said, s1test.DefaultToken)
			assert.NotContains(t, said, s1test.SecretPrefix)
		}
	})
}

// A console that makes one instance wait and wait costs that instance's run, at the deadline, and the others only the
// time until then.
func TestARunThatTakesTooLongMakesRoomForTheNext(t *testing.T) {
	slow := s1test.New(s1test.Tenant{Seed: 1, Agents: 20})
	slow.Break(s1test.Fault{Path: "/agents", Effect: s1test.Unavailable("299")})
	quick := s1test.New(s1test.Tenant{Seed: 2, Agents: 20})
	bubble(t, func(t *testing.T) {
		withToken := func(c *config.Config) {
			c.Token, c.RunDeadline = config.NewSecret(s1test.DefaultToken), 10*time.Minute
		}
		s := start(t, func(ctx context.Context, o connector.Options) (connector.Summary, error) {
			o.Transport = direct{map[string]http.Handler{"slow": slow, "quick": quick}[o.Config.Instance]}
			return connector.Sync(ctx, o)
		}, poll.Config{Settings: &config.Service{AtOnce: 1}}, instance(t, "slow", withToken), instance(t, "quick", withToken))
		s.after(11 * time.Minute)

		last := s.of("slow").LastRun
		require.NotNil(t, last)
		assert.Equal(t, connector.Failed, last.Status)
		assert.Contains(t, last.Error, "the run took longer than runDeadline allows, 10m0s")
		assert.Equal(t, 10*time.Minute, last.FinishedAt.Sub(last.StartedAt))
		good := s.of("quick").LastRun
		require.NotNil(t, good)
		assert.Equal(t, connector.Complete, good.Status)

		s.after(10 * time.Minute)
		assert.Len(t, s.began("slow"), 2, "it is tried again")
	})
}

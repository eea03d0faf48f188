package poll_test

import (
	"context"
	"encoding/json"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"s1graph/config"
	"s1graph/connector"
	"s1graph/graph"
	"s1graph/graph/jsonstore"
	"s1graph/overview"
	"s1graph/poll"
)

func writeFile(t *testing.T, name, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
	return path
}

func TestAServiceIsReadyAfterTheFirstGoodRunOfEachInstance(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := start(t, func(ctx context.Context, o connector.Options) (connector.Summary, error) {
			if o.Config.Instance == "globex" {
				if _, err := lasting(5*time.Minute)(ctx, o); err != nil {
					return connector.Summary{}, err
				}
			}
			summary, err := good(ctx, o)
			summary.Status = connector.Partial // is committed, and so is good enough
			return summary, err
		}, poll.Config{}, instance(t, "acme"), instance(t, "globex"))
		s.after(time.Minute)
		answer := s.get("/readyz")
		assert.Equal(t, 503, answer.Code)
		assert.Equal(t, "globex: no run was committed yet\n", answer.Body.String())
		s.after(5 * time.Minute)
		assert.Equal(t, 200, s.get("/readyz").Code)
	})
}

func TestAServiceIsNotReadyWhenTheLastGoodRunIsThreeIntervalsOld(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var down atomic.Bool
		s := start(t, func(ctx context.Context, o connector.Options) (connector.Summary, error) {
			if down.Load() && o.Config.Instance == "acme" {
				return failing(ctx, o)
			}
			return good(ctx, o)
		}, poll.Config{}, instance(t, "acme"), instance(t, "globex"))
		s.after(time.Second)
		down.Store(true)
		s.after(90*time.Minute - time.Second)
		assert.Equal(t, 200, s.get("/readyz").Code)
		s.after(time.Minute)
		answer := s.get("/readyz")
		assert.Equal(t, 503, answer.Code)
		assert.Equal(t, "acme: the last good run ended at 2000-01-01T00:00:00Z, more than three intervals (30m) ago; "+
			"the last run failed at 2000-01-01T01:30:00Z: the console is down\n", answer.Body.String())
		assert.Equal(t, 200, s.get("/healthz").Code, "the process lives")
		down.Store(false)
		s.RunNow()
		s.after(0)
		assert.Equal(t, 200, s.get("/readyz").Code)
	})
}

func TestACronExpressionThatLeavesOutTheWeekendKeepsTheServiceReadyOverIt(t *testing.T) {
	bubble(t, func(t *testing.T) { // begins on a Saturday
		s := start(t, good, poll.Config{}, instance(t, "acme", every(t, "TZ=UTC 0 9-17 * * 1-5")))
		s.after(57*time.Hour - time.Second) // Monday, 9:00
		assert.Len(t, s.began("acme"), 1)
		assert.Equal(t, 200, s.get("/readyz").Code)
	})
}

func TestAfterARestartTheLastRunOnDiskCountsWhileItIsYoungEnough(t *testing.T) {
	bubble(t, func(t *testing.T) {
		acme := instance(t, "acme")
		summary, err := json.Marshal(connector.Summary{
			Instance: "acme", Run: "000007-b", Status: connector.Complete, Entities: map[string]int64{"sentinelone_agent": 5},
			StartedAt: time.Now().Add(-61 * time.Minute), FinishedAt: time.Now().Add(-time.Hour),
		})
		require.NoError(t, err)
		before, err := jsonstore.Open(acme.Dir, jsonstore.Options{})
		require.NoError(t, err)
		require.NoError(t, before.Close())
		require.NoError(t, os.WriteFile(filepath.Join(acme.Dir, "summary.json"), summary, 0o600))
		s := start(t, failing, poll.Config{}, acme)
		s.after(0)
		assert.Equal(t, 200, s.get("/readyz").Code)
		assert.Contains(t, s.get("/metrics").Body.String(), `s1graph_entities{instance="acme",type="sentinelone_agent"} 5`)
		s.after(31 * time.Minute)
		assert.Equal(t, 503, s.get("/readyz").Code)
	})
}

func TestTheStatusTellsHowEachInstanceIsDoing(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := start(t, func(ctx context.Context, o connector.Options) (connector.Summary, error) {
			o.Progress(connector.Event{Step: "sites", State: "running", Rows: 6, Total: 6})
			o.Progress(connector.Event{Step: "sites", State: "ok"})
			o.Progress(connector.Event{Step: "agents", State: "running", Rows: 10, Total: 40})
			if o.Config.Instance == "globex" {
				return lasting(time.Hour)(ctx, o)
			}
			return failing(ctx, o)
		}, poll.Config{Version: "v1.2.3"}, instance(t, "acme"), instance(t, "globex"))
		s.after(time.Second)
		answer := s.get("/status")
		assert.Equal(t, "application/json", answer.Header().Get("Content-Type"))
		var status poll.Status
		require.NoError(t, json.Unmarshal(answer.Body.Bytes(), &status))
		assert.Equal(t, "v1.2.3", status.Version)
		assert.False(t, status.Ready)
		acme, globex := status.Instances[0], status.Instances[1]
		assert.Equal(t, "waiting", acme.State)
		assert.Equal(t, "the console is down", acme.LastRun.Error)
		assert.Equal(t, s.started.Add(time.Minute).UTC(), acme.NextRun)
		assert.Equal(t, "running", globex.State)
		assert.Equal(t, []connector.Event{
			{Step: "agents", State: "running", Rows: 10, Total: 40}, {Step: "sites", State: "ok", Rows: 6, Total: 6},
		}, globex.Steps)
		assert.Nil(t, globex.LastRun)
		assert.NotContains(t, answer.Body.String(), "token of")
	})
}

func TestTheMetricsTellOfRunsRequestsAndTheGraph(t *testing.T) {
	bubble(t, func(t *testing.T) {
		n := 0
		s := start(t, func(ctx context.Context, o connector.Options) (connector.Summary, error) {
			if n++; n == 2 {
				return failing(ctx, o)
			}
			summary, err := good(ctx, o)
			summary.Relationships = map[string]int64{"sentinelone_group_has_agent": 2}
			summary.Changes = map[string]graph.Counts{"sentinelone_agent": {Created: 3, Deleted: 1, Baseline: 3}}
			summary.Steps = []connector.StepResult{{ID: "agents", State: "unavailable", Seconds: 1.5}}
			summary.Stores = []connector.StoreResult{{Name: "neo4j", Seconds: 2.5, Behind: true}}
			summary.WithheldDeletions = map[string]int64{"sentinelone_threat": 40}
			summary.Overview = &overview.Overview{
				Figures:  map[string]int64{"agentsInfected": 3, "agentsDisabled": 0},
				Licenses: []overview.SiteLicenses{{Site: "41", Used: 7, Total: 10}, {Site: "42", Used: 5}},
			}
			summary.TokenExpiresAt = o.Clock().Add(10 * 24 * time.Hour)
			return summary, err
		}, poll.Config{Version: "v1.2.3"}, instance(t, "acme"))
		s.after(30*time.Minute + 30*time.Second)
		answer := s.get("/metrics")
		got := answer.Body.String()
		for _, line := range []string{
			`s1graph_build_info{goversion="`,
			`s1graph_runs_total{instance="acme",status="complete"} 1`,
			`s1graph_runs_total{instance="acme",status="failed"} 1`,
			`s1graph_runs_total{instance="acme",status="partial"} 0`,
			`s1graph_runs_skipped_total{instance="acme"} 0`,
			`s1graph_changes_total{instance="acme",kind="created",type="sentinelone_agent"} 3`,
			`s1graph_changes_total{instance="acme",kind="baseline",type="sentinelone_agent"} 3`,
			`s1graph_entities{instance="acme",type="sentinelone_agent"} 2`,
			`s1graph_relationships{instance="acme",type="sentinelone_group_has_agent"} 2`,
			`s1graph_withheld_deletions{instance="acme",type="sentinelone_threat"} 40`,
			`s1graph_store_behind{instance="acme",store="neo4j"} 1`,
			`s1graph_last_good_run_age_seconds{instance="acme"} 1830`,
			`s1graph_failed_runs_in_a_row{instance="acme"} 1`,
			`s1graph_ready{instance="acme"} 1`,
			`s1graph_overview{figure="agentsInfected",instance="acme"} 3`,
			`s1graph_overview{figure="agentsDisabled",instance="acme"} 0`,
			`s1graph_site_licenses_used{instance="acme",site="42"} 5`,
			`s1graph_site_licenses{instance="acme",site="41"} 10`,
			`go_goroutines `,
		} {
			assert.Contains(t, got, line)
		}
		assert.Regexp(t, `s1graph_token_expires_in_days\{instance="acme"\} 9\.97`, got)
		assert.NotContains(t, got, `s1graph_site_licenses{instance="acme",site="42"}`, "any number")
		assert.NotContains(t, got, `figure="threatsOpen"`, "what is not known is not 0")
		assert.NotContains(t, got, "s1graph_step_seconds{", "the last run came to no step")
		s.after(time.Minute)
		assert.Contains(t, s.get("/metrics").Body.String(), `s1graph_step_seconds{instance="acme",step="agents"} 1.5`)
		assert.Contains(t, s.get("/metrics").Body.String(), `s1graph_step_state{instance="acme",state="unavailable",step="agents"} 1`)
		assert.Contains(t, s.get("/metrics").Body.String(), `s1graph_step_seconds{instance="acme",step="neo4j"} 2.5`)

		problems, err := promlint.New(answer.Body).Lint()
		require.NoError(t, err)
		for _, problem := range problems {
			// Days are what a person plans the renewal of a token in.
			assert.Equal(t, "s1graph_token_expires_in_days", problem.Metric, problem.Text)
		}
	})
}

func TestAnAddressThatIsTakenIsToldBeforeAnythingIsPolled(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer taken.Close()
	s, err := poll.New(poll.Config{
		Settings: &config.Service{Listen: taken.Addr().String(), Instances: []*config.Config{instance(t, "acme")}},
		Sync: func(context.Context, connector.Options) (connector.Summary, error) {
			t.Error("it was polled")
			return connector.Summary{}, nil
		},
	})
	require.NoError(t, err)
	err = s.Run(t.Context())
	assert.EqualError(t, err, "s1graph cannot listen on "+taken.Addr().String()+" "+
		"(bind: address already in use), so nothing was polled: give another address with --listen, or stop what listens there")
}

func TestNothingButQuestionsIsAnswered(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := start(t, good, poll.Config{}, instance(t, "acme"))
		s.after(0)
		assert.Equal(t, http.StatusNotFound, s.get("/debug/pprof/").Code)
		assert.Equal(t, "nosniff", s.get("/status").Header().Get("X-Content-Type-Options"))
	})
}

func TestOnlyWhoKnowsTheServiceByAddressOrByAnAllowedNameIsAnswered(t *testing.T) {
	polling, err := poll.New(poll.Config{Settings: &config.Service{
		Listen: "Monitor.acme.example:8338", Hosts: []string{"s1graph", "s1graph.monitoring.svc"}, Instances: []*config.Config{instance(t, "acme")},
	}})
	require.NoError(t, err)
	s := &service{t: t, Service: polling}
	for _, host := range []string{
		"127.0.0.1:8338", "127.0.0.1", "127.9.9.9:80", "[::1]:8338", "[::1]", "localhost:8338", "LOCALHOST", "localhost.", "acme.localhost:1",
		"10.1.2.3:8338", "192.168.0.9", "[fd00::7]:8338", "[fe80::1%eth0]:8338", // by pod IP ask the kubelet and Prometheus
		"monitor.acme.example:8338", "monitor.acme.example.", "s1graph:8338", "S1GRAPH", "s1graph.monitoring.svc:9",
		"", // HTTP/1.0 has no Host, and no browser speaks it
	} {
		for _, path := range []string{"/healthz", "/readyz", "/metrics", "/status", "/"} {
			assert.Contains(t, []int{200, 503}, s.getOf(host, path).Code, "%q %s", host, path)
		}
	}
	for _, host := range []string{
		"evil.example:8338", "evil.example", "127.0.0.1.evil.example", "localhost.evil.example:8338", "evil-localhost", "127.0.0.1.", "127.1", "2130706433", "0x7f.1",
		"s1graph.evil.example", "s1graph.monitoring", "acme.example", "[evil.example]:8338", "127.0.0.1:8338:1", "x@127.0.0.1", "127.0.0.1/", ":8338", ".", ".localhost",
	} {
		for _, path := range []string{"/healthz", "/readyz", "/metrics", "/status", "/", "/none"} {
			answer := s.getOf(host, path)
			assert.Equal(t, 421, answer.Code, "%q %s", host, path)
			assert.Equal(t, "this address answers to IP addresses, to localhost and to the names in the setting hosts of s1graph.yaml\n", answer.Body.String())
		}
	}
}

package poll_test

import (
	"context"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"s1graph/config"
	"s1graph/connector"
	"s1graph/poll"
	"s1graph/steps"
)

func TestPollsReadWhatIsDueAndARunThatIsAskedForReadsAll(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := start(t, good, poll.Config{}, instance(t, "acme"))
		s.after(31 * time.Minute)
		s.RunNow()
		s.after(31 * time.Minute)
		var due []bool
		for _, o := range s.options("acme") {
			due = append(due, o.Due)
		}
		assert.Equal(t, []bool{true, true, false, true}, due)
	})
}

// A poll at which nothing is due is no failure, no run and no reason not to be ready, however many follow each other.
func TestAPollAtWhichNothingIsDueLeavesAllAsItIs(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var polls atomic.Int64
		rarely := func(c *config.Config) {
			c.Every = map[string]time.Duration{}
			for _, step := range steps.All() {
				c.Every[step.ID] = 6 * time.Hour
			}
		}
		s := start(t, func(ctx context.Context, o connector.Options) (connector.Summary, error) {
			if polls.Add(1) > 1 {
				return connector.Summary{Instance: o.Config.Instance, Status: connector.Complete, StartedAt: o.Clock(), NothingDue: true}, nil
			}
			summary, err := good(ctx, o)
			summary.Steps = []connector.StepResult{{ID: "threats", State: "ok", LastReadAt: o.Clock()}}
			return summary, err
		}, poll.Config{}, instance(t, "acme", rarely))
		s.after(5*time.Hour + time.Minute)
		assert.Greater(t, polls.Load(), int64(10))
		assert.Equal(t, 200, s.get("/readyz").Code)
		status := s.of("acme")
		assert.Zero(t, status.FailedInARow)
		assert.Equal(t, "000001-a", status.LastRun.Run)
		assert.Equal(t, map[string]time.Time{"threats": s.started}, status.LastGoodRun.LastRead)
		metrics := s.get("/metrics").Body.String()
		assert.Contains(t, metrics, `s1graph_runs_total{instance="acme",status="complete"} 1`)
		assert.Contains(t, metrics, `s1graph_polls_nothing_due_total{instance="acme"} 10`)
		assert.Contains(t, metrics, `s1graph_step_read_age_seconds{instance="acme",step="threats"} 18060`)
		assert.Contains(t, metrics, `s1graph_step_interval_seconds{instance="acme",step="threats"} 21600`)

		s.after(14 * time.Hour)
		assert.Equal(t, http.StatusServiceUnavailable, s.get("/readyz").Code, "three times six hours have passed, and nothing was read")
	})
}

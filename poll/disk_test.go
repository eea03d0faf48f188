package poll_test

import (
	"context"
	"errors"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"s1graph/alerts/outbox"
	"s1graph/alerts/outbox/disktest"
	"s1graph/config"
	"s1graph/connector"
	"s1graph/poll"
)

func TestThatAlertsAreHeldBackByAReadOnlyDiskIsInTheStatusAndTheMetrics(t *testing.T) {
	disktest.Run(t, func(t *testing.T) {
		disk := disktest.New(t, 1<<20)
		var status atomic.Int32
		status.Store(http.StatusNoContent)
		url, received := receiver(t, &status)
		bubble(t, func(t *testing.T) {
			first := true
			s := start(t, func(ctx context.Context, o connector.Options) (connector.Summary, error) {
				if !first {
					return good(ctx, o)
				}
				first = false
				err := outbox.In(o.Config.Dir).Update(ctx, func(tx *outbox.Tx) error {
					return errors.Join(
						tx.Enqueue(outbox.Message{ID: "1", Destination: "hook", Key: "a"}),
						tx.Enqueue(outbox.Message{ID: "2", Destination: "hook", Key: "b"}),
					)
				})
				disk.ReadOnly()
				return connector.Summary{}, err
			}, poll.Config{}, instance(t, "acme", func(c *config.Config) {
				c.Dir = disk.Dir
				c.Alerts = &config.Alerts{Destinations: []config.Destination{{Name: "hook", URL: config.NewSecret(url), Format: "json"}}}
			}))
			s.after(time.Hour)
			assert.Zero(t, received.Load())
			held := s.of("acme").AlertsHeld
			require.NotNil(t, held)
			assert.Contains(t, held.Reason, "read-only file system")
			assert.WithinDuration(t, s.started, held.Since, time.Minute)
			assert.Contains(t, s.get("/metrics").Body.String(), `s1graph_alerts_held{instance="acme"} 1`)
			assert.Contains(t, s.get("/status").Body.String(), `"alertsHeld"`)

			disk.Writable()
			s.after(6 * time.Minute)
			assert.EqualValues(t, 2, received.Load())
			assert.Nil(t, s.of("acme").AlertsHeld)
			assert.Contains(t, s.get("/metrics").Body.String(), `s1graph_alerts_held{instance="acme"} 0`)
		})
	})
}

package poll_test

import (
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"s1graph/connector"
	"s1graph/graph/jsonstore"
	"s1graph/poll"
)

// wall is a clock that can be put forward and back, as that of a machine is by hand or over the network. Nothing that
// waits notices.
type wall struct{ off atomic.Int64 }

func (w *wall) now() time.Time       { return time.Now().Round(0).Add(time.Duration(w.off.Load())) }
func (w *wall) put(by time.Duration) { w.off.Store(int64(by)) }

const years = 70 * 365 * 24 * time.Hour

func TestAClockThatIsPutBackOrRanAheadLosesNoTimeOfASchedule(t *testing.T) {
	for _, interval := range []string{"30m", "*/30 * * * *", "TZ=Europe/Berlin */30 * * * *"} {
		for name, test := range map[string]struct{ wrong, then time.Duration }{
			"put back by a day":           {0, -24 * time.Hour},
			"put back by a year":          {0, -365 * 24 * time.Hour},
			"years ahead, and right now":  {years, 0},
			"years ahead from now on":     {0, years},
			"a day behind, and right now": {-24 * time.Hour, 0},
		} {
			t.Run(interval+" "+name, func(t *testing.T) {
				bubble(t, func(t *testing.T) {
					clock := new(wall)
					s := start(t, good, poll.Config{Now: clock.now}, instance(t, "a", every(t, interval)))
					s.after(2 * time.Hour)
					clock.put(test.wrong)
					s.after(2*time.Hour + 10*time.Minute)
					clock.put(test.then)
					before := len(s.began("a"))
					s.after(10 * time.Hour)
					assert.InDelta(t, 20, len(s.began("a"))-before, 1)
				})
			})
		}
	}
}

// A machine without a clock of its own may come up years behind, until it is told the time.
func TestARunThatComesOnceADayComesAtItsTimeThoughTheClockWasPutRightMeanwhile(t *testing.T) {
	bubble(t, func(t *testing.T) {
		clock := new(wall)
		clock.put(-years - 5*time.Hour)
		s := start(t, good, poll.Config{Now: clock.now}, instance(t, "a", every(t, "TZ=UTC 0 6 * * *")))
		s.after(time.Minute)
		clock.put(0)
		s.after(30 * time.Hour) // from midnight of the bubble's clock
		began := s.began("a")
		require.Len(t, began, 4)
		assert.InDelta(t, 0, began[1], float64(3*time.Minute), "a time has passed when the clock is put right")
		assert.InDelta(t, 6*time.Hour, began[2], float64(2*time.Minute))
		assert.InDelta(t, 30*time.Hour, began[3], float64(2*time.Minute))
	})
}

func TestAGoodRunThatIsDatedInTheFutureMakesNothingReady(t *testing.T) {
	bubble(t, func(t *testing.T) {
		i := instance(t, "a", every(t, "30m"))
		summary, err := json.Marshal(connector.Summary{Instance: "a", Run: "000001-a", FinishedAt: time.Now().Add(years)})
		require.NoError(t, err)
		before, err := jsonstore.Open(i.Dir, jsonstore.Options{})
		require.NoError(t, err)
		require.NoError(t, before.Close())
		require.NoError(t, os.WriteFile(filepath.Join(i.Dir, "summary.json"), summary, 0o600))
		s := start(t, failing, poll.Config{}, i)
		s.after(time.Minute)
		assert.Equal(t, 503, s.get("/readyz").Code)
		assert.Contains(t, s.of("a").Reason, "in the future")
	})
}

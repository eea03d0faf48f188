package connector_test

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"s1graph/alerts/outbox"
	"s1graph/config"
	"s1graph/connector"
	"s1graph/graph/jsonstore"
)

// calendar gives each run its time of day.
type calendar struct{ now time.Time }

func newCalendar() *calendar { return &calendar{time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)} }

func (c *calendar) after(d time.Duration) func(*connector.Options) {
	c.now = c.now.Add(d)
	at := c.now
	return func(o *connector.Options) { o.Clock = func() time.Time { return at } }
}

const (
	day   = 24 * time.Hour
	years = 70 * 365 * day
)

func logged(t *testing.T, dir string) (ids []string) {
	t.Helper()
	log, err := jsonstore.ChangeLog(dir)
	require.NoError(t, err)
	for _, r := range log {
		ids = append(ids, r.ID)
	}
	return ids
}

// Some machines come up with a clock that is years wrong, and have it for some runs.
func TestRunsThatAreDatedYearsAheadRemoveNothingForItsAge(t *testing.T) {
	t.Parallel()
	c, clock := newConsole(t, busy()), newCalendar()
	w := c.tell(newAgent)
	w.engine.DeadKept = 30 * day
	c.mustSync(w.of, clock.after(0))
	for n := 1; n <= 3; n++ {
		c.SetDay(n)
		c.mustSync(w.of, clock.after(day))
	}
	before := logged(t, c.dir)
	require.NotEmpty(t, before)
	w.bury(clock.now)

	c.SetDay(4)
	ahead := c.mustSync(w.of, clock.after(years))
	assert.Contains(t, ahead.Notices, "This run began 25550 days after the last one. In case the clock is wrong, nothing is deleted for its age until 2095-12-25. Set the clock if it is wrong.")
	for n := 5; n <= 7; n++ {
		c.SetDay(n)
		result := c.mustSync(w.of, clock.after(day))
		assert.Empty(t, result.Notices)
		assert.Empty(t, result.MovedOn)
	}
	assert.Subset(t, logged(t, c.dir), before)
	assert.Equal(t, 1, w.buried())

	// And when the clock is right again, what they left behind goes in its turn.
	clock.now = clock.now.Add(-years)
	var dated []string
	for n := 8; n <= 50; n++ {
		c.SetDay(n)
		result := c.mustSync(w.of, clock.after(day))
		assert.Empty(t, result.Notices, "day %d", n)
		if n == 9 {
			dated = logged(t, c.dir)
			assert.Subset(t, dated, before)
		}
	}
	for _, id := range dated[:len(dated)-2] {
		assert.NotContains(t, logged(t, c.dir), id)
	}
}

// bury puts a message among those that failed for good.
func (w *told) bury(at time.Time) {
	w.t.Helper()
	require.NoError(w.t, outbox.At(w.path).Update(w.t.Context(), func(tx *outbox.Tx) error {
		require.NoError(w.t, tx.Enqueue(outbox.Message{ID: "buried", Destination: "hook", At: at}))
		queued, err := tx.Queued("hook")
		require.NoError(w.t, err)
		return tx.Bury(queued[len(queued)-1], at, "refused")
	}))
}

func (w *told) buried() (n int) {
	w.t.Helper()
	require.NoError(w.t, outbox.At(w.path).View(w.t.Context(), func(tx *outbox.Tx) error {
		given, err := tx.Dead("hook")
		n = len(given)
		return err
	}))
	return n
}

// A service that is left off for a while is no clock that is wrong for ever.
func TestAfterAWeekTheClockIsBelieved(t *testing.T) {
	t.Parallel()
	c, clock := newConsole(t, busy()), newCalendar()
	c.mustSync(clock.after(0))
	c.SetDay(1)
	old := c.mustSync(clock.after(day)).Run
	for n := range 9 {
		c.mustSync(clock.after([]time.Duration{60 * day, day}[min(n, 1)]))
		assert.Equal(t, n < 8, slices.Contains(logged(t, c.dir), old), "%d days after it came back", n)
	}
}

func TestARunThatIsDatedYearsAheadSilencesNoRule(t *testing.T) {
	t.Parallel()
	c, clock := newConsole(t, small()), newCalendar()
	w := c.tell(config.Rule{Name: "muted", When: `run.status == "complete"`, Mute: 12 * time.Hour})
	raised := func(adjust func(*connector.Options)) int {
		before := len(keysOf(w))
		c.mustSync(w.of, adjust)
		return len(keysOf(w)) - before
	}
	assert.Equal(t, 1, raised(clock.after(0)))
	assert.Equal(t, 0, raised(clock.after(time.Hour)))
	assert.Equal(t, 1, raised(clock.after(years)))
	assert.Equal(t, 1, raised(clock.after(time.Hour-years)))
	assert.Equal(t, 0, raised(clock.after(time.Hour)), "it is muted from then on")
	assert.Equal(t, 1, raised(clock.after(12*time.Hour)))
}

func TestARunThatIsDatedYearsAheadMovesNobodyOn(t *testing.T) {
	t.Parallel()
	c, clock := newConsole(t, small()), newCalendar()
	held := c.mustSync(clock.after(0)).Run
	store, err := jsonstore.Open(c.dir, jsonstore.Options{Instance: "test"})
	require.NoError(t, err)
	require.NoError(t, store.NoteApplied("neo4j", held))
	require.NoError(t, store.Close())
	for _, later := range []time.Duration{day, day, years, day, -years} {
		result := c.sync(clock.after(later), at("bolt://127.0.0.1:1"))
		require.NoError(t, result.err)
		assert.Empty(t, result.MovedOn)
		assert.Contains(t, runsOf(t, c.dir), held)
	}
}

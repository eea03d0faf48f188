package outbox_test

import (
	"compress/gzip"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"s1graph/alerts/outbox"
)

// earlier is an outbox that the version before wrote, which counted nothing and gave up by the clock: for the hook one
// message that failed once and one that was given up, for the pager two that wait.
func earlier(t *testing.T) *outbox.Outbox {
	t.Helper()
	f, err := os.Open("testdata/before.db.gz")
	require.NoError(t, err)
	defer f.Close()
	content, err := gzip.NewReader(f)
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), "alerts.db")
	file, err := os.Create(path)
	require.NoError(t, err)
	_, err = io.Copy(file, content)
	require.NoError(t, err)
	require.NoError(t, file.Close())
	return outbox.At(path)
}

func TestAFileOfAnEarlierVersionIsReadAndWrittenOn(t *testing.T) {
	box := earlier(t)
	began := time.Date(2026, 11, 20, 7, 0, 0, 0, time.UTC)
	counts := []outbox.Count{{Destination: "hook", Queued: 1, Dead: 1, Oldest: began}, {Destination: "pager", Queued: 2, Oldest: began}}
	check := func(tx *outbox.Tx) {
		got, err := tx.Counts()
		require.NoError(t, err)
		assert.Equal(t, counts, got)
	}
	view(t, box, check)
	update(t, box, check)
	view(t, box, check)
	update(t, box, func(tx *outbox.Tx) {
		e := only(t, tx, "hook")
		assert.Equal(t, "infected: 12 in one run", e.Title)
		assert.Equal(t, 1, e.Attempts)
		assert.Equal(t, "HTTP 503 Service Unavailable", e.LastError)
		due, next, err := tx.Due("hook", noon.AddDate(1, 0, 0), 10)
		require.NoError(t, err)
		assert.Equal(t, []string{e.ID}, ids(due, nil))
		assert.Zero(t, next)
		require.NoError(t, tx.Failed(due[0], noon, "again"))
		assert.Equal(t, 2, only(t, tx, "hook").Attempts, "what was tried before counts")
		require.NoError(t, tx.Delivered(only(t, tx, "hook")))
		n, err := tx.Retry("hook")
		require.NoError(t, err)
		assert.Equal(t, 1, n)
		assert.Equal(t, "infected: 2001", only(t, tx, "hook").Title)
		state, found := tx.Get("states/infected", "sentinelone_agent:2001")
		assert.True(t, found)
		assert.Contains(t, string(state), `"since":"2026-11-20T08:00:00Z"`)
	})
	counts[0] = outbox.Count{Destination: "hook", Queued: 1, Oldest: began.Add(time.Hour)}
	view(t, box, check)
}

// fill gives up n messages of a kilobyte.
func fill(t *testing.T, box *outbox.Outbox, destination string, n int, at time.Time) {
	t.Helper()
	update(t, box, func(tx *outbox.Tx) {
		for i := range n {
			m := message(destination, fmt.Sprint(destination, i), fmt.Sprint(i))
			m.Text = strings.Repeat("x", 1000)
			require.NoError(t, tx.Enqueue(m))
		}
		entries, err := tx.Queued(destination)
		require.NoError(t, err)
		for _, e := range entries {
			require.NoError(t, tx.Bury(e, at, "refused"))
		}
	})
}

func TestCountingCostsTheSameWithThousandsThatWereGivenUp(t *testing.T) {
	cost := func(n int) float64 {
		box := newBox(t)
		fill(t, box, "soc", n, noon)
		var allocations float64
		view(t, box, func(tx *outbox.Tx) {
			allocations = testing.AllocsPerRun(5, func() {
				counts, err := tx.Counts()
				require.NoError(t, err)
				assert.Equal(t, []outbox.Count{{Destination: "soc", Dead: n}}, counts)
			})
		})
		return allocations
	}
	assert.InDelta(t, cost(3), cost(3_000), 10)
}

func TestWhatWasGivenUpIsDroppedAfterItsTimeOrByHand(t *testing.T) {
	box := newBox(t)
	fill(t, box, "soc", 3, noon)
	fill(t, box, "hook", 2, noon.AddDate(0, 0, 1))
	month := 30 * 24 * time.Hour
	update(t, box, func(tx *outbox.Tx) {
		n, err := tx.Expire(noon.Add(month), month)
		require.NoError(t, err)
		assert.Zero(t, n)
		n, err = tx.Drop("", "soc1")
		require.NoError(t, err)
		assert.Equal(t, 1, n)
		n, err = tx.Expire(noon.Add(month+time.Second), month)
		require.NoError(t, err)
		assert.Equal(t, 2, n)
		assert.Equal(t, []string{"hook0", "hook1"}, ids(tx.Dead("")))
		n, err = tx.Drop("hook")
		require.NoError(t, err)
		assert.Equal(t, 2, n)
		counts, err := tx.Counts()
		require.NoError(t, err)
		assert.Empty(t, counts)
		require.NoError(t, tx.Enqueue(message("soc", "soc1", "a")), "it is not known any more")
		assert.Equal(t, []string{"soc1"}, ids(tx.Queued("soc")))
	})
}

func TestWhatAWrongClockGaveUpYearsAheadIsKeptForItsTimeAndNotForYears(t *testing.T) {
	box := newBox(t)
	fill(t, box, "soc", 1, noon.AddDate(5, 0, 0))
	day := 24 * time.Hour
	update(t, box, func(tx *outbox.Tx) {
		for at, want := range []int{0, 0, 1} { // at days after noon, kept for one and a half
			n, err := tx.Expire(noon.Add(time.Duration(at)*day), 36*time.Hour)
			require.NoError(t, err)
			assert.Equal(t, want, n)
		}
	})
}

func TestTheFileGivesBackTheSpaceOfWhatIsGone(t *testing.T) {
	box := newBox(t)
	fill(t, box, "soc", 5000, noon)
	update(t, box, func(tx *outbox.Tx) {
		require.NoError(t, tx.Put("states", "a", []byte("b")))
		require.NoError(t, tx.Enqueue(message("hook", "1", "a")))
	})
	size := func() int64 {
		info, err := os.Stat(box.Path())
		require.NoError(t, err)
		return info.Size()
	}
	full := size()
	require.Greater(t, full, int64(5<<20))
	require.NoError(t, box.Shrink(t.Context()))
	assert.Equal(t, full, size(), "it is all needed")
	update(t, box, func(tx *outbox.Tx) {
		_, err := tx.Drop("soc")
		require.NoError(t, err)
	})
	assert.Equal(t, full, size())
	require.NoError(t, box.Shrink(t.Context()))
	assert.Less(t, size(), int64(1<<20))
	update(t, box, func(tx *outbox.Tx) {
		value, _ := tx.Get("states", "a")
		assert.Equal(t, "b", string(value))
		require.NoError(t, tx.Enqueue(message("hook", "2", "b")))
		assert.Equal(t, []string{"1", "2"}, ids(tx.Queued("")))
	})
	left, err := filepath.Glob(box.Path() + ".*")
	require.NoError(t, err)
	assert.Empty(t, left)
	info, err := os.Stat(box.Path())
	require.NoError(t, err)
	assert.Equal(t, os.FileMode(0o600), info.Mode())
}

// Whoever waits for the file while another process makes it smaller writes into the new one.
func TestNothingIsLostThatIsWrittenWhileTheFileIsMadeSmaller(t *testing.T) {
	path := newBox(t).Path()
	fill(t, outbox.At(path), "soc", 3000, noon)
	update(t, outbox.At(path), func(tx *outbox.Tx) {
		_, err := tx.Drop("soc")
		require.NoError(t, err)
	})
	var all sync.WaitGroup
	for writer := range 4 {
		box := outbox.At(path) // as processes do, each has its own
		all.Go(func() {
			for n := range 20 {
				assert.NoError(t, box.Update(t.Context(), func(tx *outbox.Tx) error {
					return tx.Enqueue(message("hook", fmt.Sprint(writer, "/", n), "a"))
				}))
			}
		})
	}
	all.Go(func() { assert.NoError(t, outbox.At(path).Shrink(t.Context())) })
	all.Wait()
	view(t, outbox.At(path), func(tx *outbox.Tx) { assert.Len(t, ids(tx.Queued("hook")), 80) })
	info, err := os.Stat(path)
	require.NoError(t, err)
	assert.Less(t, info.Size(), int64(1<<20))
}

func end(id, key string, ends ...string) outbox.Message {
	m := message("soc", id, key)
	m.Ends = ends
	return m
}

func TestAnEndWaitsForItsBeginningWhateverTheKeyOfThat(t *testing.T) {
	box := newBox(t)
	update(t, box, func(tx *outbox.Tx) {
		first, second := message("soc", "together", ""), message("soc", outbox.PartID("together", 2), "")
		first.Rule, second.Rule = "infected", "infected"
		require.NoError(t, tx.Enqueue(first))
		require.NoError(t, tx.Enqueue(second))
		require.NoError(t, tx.Enqueue(end("over", "a", "together", "long delivered")))
		require.NoError(t, tx.Enqueue(message("soc", "else", "b")))
	})
	for _, want := range [][]string{{"together", "else"}, {"together.2"}, {"over"}} {
		update(t, box, func(tx *outbox.Tx) {
			due, _, err := tx.Due("soc", noon, 10)
			require.Equal(t, want, ids(due, err))
			for _, e := range due {
				require.NoError(t, tx.Delivered(e))
			}
		})
	}
}

func TestAnEndWhoseBeginningWasGivenUpIsGivenUpWithItAndComesBackWithIt(t *testing.T) {
	box := newBox(t)
	update(t, box, func(tx *outbox.Tx) {
		require.NoError(t, tx.Enqueue(message("soc", "began", "a")))
		require.NoError(t, tx.Enqueue(end("ended", "a", "began")))
		require.NoError(t, tx.Enqueue(message("soc", "next", "a")))
		e, err := tx.Queued("soc")
		require.NoError(t, err)
		require.NoError(t, tx.Bury(e[0], noon, "refused"))
		require.NoError(t, tx.Enqueue(end("ended again", "b", "began")))
		for _, want := range []string{"ended", "next"} {
			due, _, err := tx.Due("soc", noon, 1)
			require.Equal(t, []string{want}, ids(due, err))
			assert.Equal(t, want == "ended", due[0].Orphan, "nobody was told that it began")
			if due[0].Orphan {
				require.NoError(t, tx.Bury(due[0], noon, ""))
			}
		}
		due, _, err := tx.Due("soc", noon, 10)
		require.Equal(t, []string{"next", "ended again"}, ids(due, err))
		require.True(t, due[1].Orphan)
		require.NoError(t, tx.Bury(due[1], noon, ""))
		assert.Equal(t, []string{"began", "ended", "ended again"}, ids(tx.Dead("soc")))
		dead, err := tx.Dead("soc")
		require.NoError(t, err)
		assert.Equal(t, "the alert that it ends has failed", dead[1].LastError)
		counts, err := tx.Counts()
		require.NoError(t, err)
		assert.Equal(t, []outbox.Count{{Destination: "soc", Queued: 1, Dead: 3, Oldest: noon}}, counts)

		n, err := tx.Retry("soc", "began")
		require.NoError(t, err)
		assert.Equal(t, 3, n)
		due, _, err = tx.Due("soc", noon, 10)
		assert.Equal(t, []string{"began"}, ids(due, err))
	})
}

func TestTheEndOfManyIsToldUnlessAllTheirBeginningsWereGivenUp(t *testing.T) {
	box := newBox(t)
	update(t, box, func(tx *outbox.Tx) {
		for _, id := range []string{"1", "2"} {
			require.NoError(t, tx.Enqueue(message("soc", id, id)))
		}
		require.NoError(t, tx.Enqueue(end("ended", "", "1", "2")))
		queued, err := tx.Queued("soc")
		require.NoError(t, err)
		require.NoError(t, tx.Bury(queued[0], noon, "refused"))
		assert.Equal(t, []string{"2", "ended"}, ids(tx.Queued("soc")))
		require.NoError(t, tx.Delivered(queued[1]))
		due, _, err := tx.Due("soc", noon, 10)
		assert.Equal(t, []string{"ended"}, ids(due, err))
	})
}

func TestAnAttemptAtADestinationThatIsAwayStandsForAllThatIsDue(t *testing.T) {
	box := newBox(t)
	next := func(attempts int) (time.Time, bool) {
		return noon.Add(time.Duration(attempts) * time.Minute), attempts < 2
	}
	update(t, box, func(tx *outbox.Tx) {
		for _, m := range []outbox.Message{message("soc", "1", "a"), message("soc", "2", "a"), message("soc", "3", "b"), message("hook", "4", "a")} {
			require.NoError(t, tx.Enqueue(m))
		}
		given, err := tx.Away("soc", noon, "no answer", next)
		assert.Empty(t, ids(given, err))
		queued, err := tx.Queued("")
		require.NoError(t, err)
		assert.Equal(t, []string{"4", "1", "2", "3"}, ids(queued, nil))
		for i, attempts := range []int{0, 1, 0, 1} {
			assert.Equal(t, attempts, queued[i].Attempts, queued[i].ID)
		}
		assert.Equal(t, noon.Add(time.Minute), queued[1].Next)
		given, err = tx.Away("soc", noon.Add(time.Minute), "no answer", next)
		assert.ElementsMatch(t, []string{"1", "3"}, ids(given, err))
		assert.Equal(t, []string{"1", "3"}, ids(tx.Dead("")))
		assert.Equal(t, []string{"4", "2"}, ids(tx.Queued("")))
	})
}

package outbox_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"s1graph/alerts/outbox"
)

var noon = time.Date(2026, 3, 14, 12, 0, 0, 0, time.UTC)

func TestAMessageAndTheNoteThatItWasWrittenAreOneTransaction(t *testing.T) {
	box := newBox(t)
	update(t, box, func(tx *outbox.Tx) {
		require.NoError(t, tx.Enqueue(message("soc", "1", "a")))
		require.NoError(t, tx.Put("cursor", "run", []byte("r1")))
	})
	failed := errors.New("the run cannot be read")
	err := box.Update(t.Context(), func(tx *outbox.Tx) error {
		require.NoError(t, tx.Enqueue(message("soc", "2", "a")))
		require.NoError(t, tx.Put("cursor", "run", []byte("r2")))
		return failed
	})
	require.ErrorIs(t, err, failed)
	view(t, box, func(tx *outbox.Tx) {
		assert.Equal(t, []string{"1"}, ids(tx.Queued("")))
		cursor, ok := tx.Get("cursor", "run")
		assert.True(t, ok)
		assert.Equal(t, "r1", string(cursor))
	})
}

func TestAPanicLeavesTheOutboxAsItWas(t *testing.T) {
	box := newBox(t)
	assert.PanicsWithValue(t, "a rule is broken", func() {
		_ = box.Update(t.Context(), func(tx *outbox.Tx) error {
			require.NoError(t, tx.Enqueue(message("soc", "1", "a")))
			panic("a rule is broken")
		})
	})
	view(t, box, func(tx *outbox.Tx) { assert.Empty(t, ids(tx.Queued(""))) })
}

func TestWhatFailedBeforeTheClockWasPutBackDoesNotWaitForTheOldTime(t *testing.T) {
	box := newBox(t)
	update(t, box, func(tx *outbox.Tx) {
		require.NoError(t, tx.Enqueue(message("soc", "1", "a")))
		due, _, err := tx.Due("soc", noon, 1)
		require.NoError(t, err)
		require.NoError(t, tx.Failed(due[0], noon.Add(time.Minute), "no answer in time"))
	})
	for back, want := range map[time.Duration]int{-time.Minute: 1, 0: 0, time.Hour: 0, 365 * 24 * time.Hour: 1} {
		view(t, box, func(tx *outbox.Tx) {
			due, _, err := tx.Due("soc", noon.Add(-back), 10)
			require.NoError(t, err)
			assert.Len(t, due, want, "put back by %s", back)
		})
	}
}

func TestAnEmptyFileIsAnEmptyOutbox(t *testing.T) {
	box := newBox(t)
	require.NoError(t, os.MkdirAll(filepath.Dir(box.Path()), 0o700))
	require.NoError(t, os.WriteFile(box.Path(), nil, 0o600))
	view(t, box, func(tx *outbox.Tx) { assert.Empty(t, ids(tx.Queued(""))) })
	update(t, box, func(tx *outbox.Tx) { require.NoError(t, tx.Enqueue(message("soc", "1", "a"))) })
	view(t, box, func(tx *outbox.Tx) { assert.Equal(t, []string{"1"}, ids(tx.Queued(""))) })
}

func TestWithoutAFileThereIsNothingAndNoneIsMadeByReading(t *testing.T) {
	box := newBox(t)
	view(t, box, func(tx *outbox.Tx) {
		assert.Empty(t, ids(tx.Queued("")))
		assert.Empty(t, ids(tx.Dead("soc")))
		counts, err := tx.Counts()
		require.NoError(t, err)
		assert.Empty(t, counts)
		_, ok := tx.Get("rules", "x")
		assert.False(t, ok)
		for range tx.Each("rules", "") {
			t.Error("there is something")
		}
		due, next, err := tx.Due("soc", noon, 10)
		require.NoError(t, err)
		assert.Empty(t, due)
		assert.Zero(t, next)
		require.Error(t, tx.Put("rules", "x", nil))
		require.Error(t, tx.Enqueue(message("soc", "1", "a")))
	})
	assert.NoFileExists(t, box.Path())
}

func TestNobodyElseMayReadTheFileAndNothingIsLeftBesideIt(t *testing.T) {
	box := newBox(t)
	update(t, box, func(*outbox.Tx) {})
	info, err := os.Stat(box.Path())
	require.NoError(t, err)
	assert.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	files, err := os.ReadDir(filepath.Dir(box.Path()))
	require.NoError(t, err)
	assert.Len(t, files, 1)
}

func TestReadingDoesNotWrite(t *testing.T) {
	box := newBox(t)
	update(t, box, func(*outbox.Tx) {})
	view(t, box, func(tx *outbox.Tx) { require.Error(t, tx.Put("rules", "x", []byte("y"))) })
}

func TestAMessageIsQueuedOnceForEachDestination(t *testing.T) {
	box := newBox(t)
	update(t, box, func(tx *outbox.Tx) {
		for range 2 {
			require.NoError(t, tx.Enqueue(message("soc", "1", "a")))
			require.NoError(t, tx.Enqueue(message("hook", "1", "a")))
		}
	})
	update(t, box, func(tx *outbox.Tx) {
		require.NoError(t, tx.Enqueue(message("soc", "1", "a")))
		require.NoError(t, tx.Bury(only(t, tx, "hook"), noon, "refused"))
		require.NoError(t, tx.Enqueue(message("hook", "1", "a")), "it was given up there")
		assert.Equal(t, []string{"1"}, ids(tx.Queued("")))
		assert.Equal(t, []string{"1"}, ids(tx.Dead("")))
	})
}

func TestAMessageNeedsAnIDAndADestination(t *testing.T) {
	box := newBox(t)
	update(t, box, func(tx *outbox.Tx) {
		require.Error(t, tx.Enqueue(message("", "1", "a")))
		require.Error(t, tx.Enqueue(message("soc", "", "a")))
		require.Error(t, tx.Enqueue(message("so\x00c", "1", "a")))
	})
}

func TestAMessageComesBackAsItWas(t *testing.T) {
	box := newBox(t)
	m := outbox.Message{
		ID: "1", Event: "e", Instance: "acme", Run: "r", Rule: "new device", Severity: "low",
		Destination: "soc", Key: "k", Type: "sentinelone_device", Class: "Device", Op: "created",
		At: noon, Title: "a \x1b<b>\nc", Text: "日本", Payload: []byte(`{"id":"1"}`),
	}
	update(t, box, func(tx *outbox.Tx) { require.NoError(t, tx.Enqueue(m)) })
	view(t, box, func(tx *outbox.Tx) { assert.Equal(t, m, only(t, tx, "soc").Message) })
}

func TestWhatIsDueComesInOrderAndWhatHasFailedHoldsUpItsKeyAlone(t *testing.T) {
	box := newBox(t)
	update(t, box, func(tx *outbox.Tx) {
		for _, m := range []outbox.Message{
			message("soc", "1", "a"), message("soc", "2", "b"), message("soc", "3", "a"), message("soc", "4", "c"),
			message("soc2", "5", "a"),
		} {
			require.NoError(t, tx.Enqueue(m))
		}
	})
	later := noon.Add(time.Minute)
	update(t, box, func(tx *outbox.Tx) {
		due, next, err := tx.Due("soc", noon, 2)
		assert.Equal(t, []string{"1", "2"}, ids(due, err))
		assert.Zero(t, next)
		require.NoError(t, tx.Failed(due[0], later, "no answer"))
		require.NoError(t, tx.Delivered(due[1]))
	})
	view(t, box, func(tx *outbox.Tx) {
		due, next, err := tx.Due("soc", noon, 10)
		assert.Equal(t, []string{"4"}, ids(due, err), "1 is not due, and 3 comes after it")
		assert.Equal(t, later, next)

		due, _, err = tx.Due("soc", later, 10)
		assert.Equal(t, []string{"1", "4"}, ids(due, err))
		assert.Equal(t, 1, due[0].Attempts)
		assert.Equal(t, "no answer", due[0].LastError)
	})
}

func TestWhatWasGivenUpIsKeptAndComesBackToItsPlace(t *testing.T) {
	box := newBox(t)
	update(t, box, func(tx *outbox.Tx) {
		for n := range 3 {
			require.NoError(t, tx.Enqueue(message("soc", strconv.Itoa(n), "a")))
		}
		due, _, err := tx.Due("soc", noon, 1)
		require.NoError(t, err)
		require.NoError(t, tx.Bury(due[0], noon, "refused (HTTP 404)"))
	})
	update(t, box, func(tx *outbox.Tx) {
		assert.Equal(t, []string{"1", "2"}, ids(tx.Queued("soc")))
		given, err := tx.Dead("soc")
		assert.Equal(t, []string{"0"}, ids(given, err))
		assert.Equal(t, noon, given[0].DeadSince)
		assert.Equal(t, "refused (HTTP 404)", given[0].LastError)
		assert.Equal(t, 1, given[0].Attempts)

		n, err := tx.Retry("soc", "none such")
		require.NoError(t, err)
		assert.Zero(t, n)
		n, err = tx.Retry("hook")
		require.NoError(t, err)
		assert.Zero(t, n)
		n, err = tx.Retry("", "0")
		require.NoError(t, err)
		assert.Equal(t, 1, n)

		assert.Empty(t, ids(tx.Dead("")))
		queued, err := tx.Queued("")
		assert.Equal(t, []string{"0", "1", "2"}, ids(queued, err))
		assert.Zero(t, queued[0].Attempts)
	})
}

func TestAnAttemptAtWhatWaitsNoMoreIsNotNoted(t *testing.T) {
	box := newBox(t)
	update(t, box, func(tx *outbox.Tx) {
		require.NoError(t, tx.Enqueue(message("soc", "1", "a")))
		e := only(t, tx, "soc")
		require.NoError(t, tx.Delivered(e))
		require.NoError(t, tx.Failed(e, noon, "no answer"))
		require.NoError(t, tx.Bury(e, noon, "refused"))
		require.NoError(t, tx.Delivered(e))
		assert.Empty(t, ids(tx.Queued("")))
		assert.Empty(t, ids(tx.Dead("")))
	})
}

func TestAClaimIsAnAttemptUntilItsEndIsNotedOrItIsTakenBack(t *testing.T) {
	box := newBox(t)
	update(t, box, func(tx *outbox.Tx) { require.NoError(t, tx.Enqueue(message("soc", "1", "a"))) })
	var before outbox.Entry
	view(t, box, func(tx *outbox.Tx) { before = only(t, tx, "soc") })
	claim := func() (claimed bool) {
		update(t, box, func(tx *outbox.Tx) {
			var err error
			claimed, err = tx.Claim(before, noon, noon.Add(time.Minute))
			require.NoError(t, err)
		})
		return claimed
	}
	require.True(t, claim())
	view(t, box, func(tx *outbox.Tx) {
		e := only(t, tx, "soc")
		assert.Equal(t, before.Message, e.Message)
		assert.Equal(t, 1, e.Attempts)
		assert.Equal(t, "an attempt was begun at 2026-03-14T12:00:00Z, and its end is not known", e.LastError)
		due, next, err := tx.Due("soc", noon.Add(59*time.Second), 1)
		require.NoError(t, err)
		assert.Empty(t, due)
		assert.Equal(t, noon.Add(time.Minute), next)
	})
	update(t, box, func(tx *outbox.Tx) { require.NoError(t, tx.Unclaim(before)) })
	view(t, box, func(tx *outbox.Tx) { assert.Equal(t, before, only(t, tx, "soc")) })

	require.True(t, claim())
	update(t, box, func(tx *outbox.Tx) {
		require.NoError(t, tx.Failed(before, noon.Add(time.Hour), "no answer in time"))
	})
	view(t, box, func(tx *outbox.Tx) {
		assert.Equal(t, 1, only(t, tx, "soc").Attempts, "it is one attempt")
	})

	update(t, box, func(tx *outbox.Tx) { require.NoError(t, tx.Delivered(before)) })
	assert.False(t, claim(), "it waits no more")
	view(t, box, func(tx *outbox.Tx) { assert.Empty(t, ids(tx.Queued(""))) })
}

func TestDestinationsAreCounted(t *testing.T) {
	box := newBox(t)
	update(t, box, func(tx *outbox.Tx) {
		for n := range 3 {
			m := message("soc", strconv.Itoa(n), "a")
			m.At = noon.Add(time.Duration(n) * time.Hour)
			require.NoError(t, tx.Enqueue(m))
		}
		require.NoError(t, tx.Enqueue(message("hook", "1", "a")))
		require.NoError(t, tx.Bury(only(t, tx, "hook"), noon, "refused"))
		counts, err := tx.Counts()
		require.NoError(t, err)
		assert.Equal(t, []outbox.Count{
			{Destination: "hook", Dead: 1},
			{Destination: "soc", Queued: 3, Oldest: noon},
		}, counts)
	})
}

func TestWhatIsRememberedIsSortedAndMayBeChangedWhileItIsRead(t *testing.T) {
	box := newBox(t)
	update(t, box, func(tx *outbox.Tx) {
		for n := range 500 {
			require.NoError(t, tx.Put("states", fmt.Sprintf("silent/%03d", 499-n), []byte{byte(n)}))
		}
		require.NoError(t, tx.Put("states", "posture/1", nil))
		require.NoError(t, tx.Put("other", "silent/1", nil))
	})
	update(t, box, func(tx *outbox.Tx) {
		n := 0
		for key := range tx.Each("states", "silent/") {
			require.Equal(t, fmt.Sprintf("silent/%03d", n), key)
			if n%2 == 0 {
				require.NoError(t, tx.Delete("states", key))
			} else {
				require.NoError(t, tx.Put("states", key, make([]byte, 500)))
			}
			n++
		}
		assert.Equal(t, 500, n)
		value, ok := tx.Get("states", "posture/1")
		assert.True(t, ok)
		assert.Empty(t, value)
		require.NoError(t, tx.Delete("nothing", "at all"))
	})
	view(t, box, func(tx *outbox.Tx) {
		n := 0
		for range tx.Each("states", "silent/") {
			n++
		}
		assert.Equal(t, 250, n)
	})
}

// A process that writes message after message is killed at moments that come at random; whatever it said to be
// written must be there, in order, and the note of it must agree.
func TestKilledAtAnyMomentAnOutboxHasWhatItSaidToHave(t *testing.T) {
	if path := os.Getenv("OUTBOX_WRITER"); path != "" {
		writeUntilKilled(path)
	}
	box := newBox(t)
	for round := range 8 {
		writer := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$")
		writer.Env = append(os.Environ(), "OUTBOX_WRITER="+box.Path())
		out, err := writer.StdoutPipe()
		require.NoError(t, err)
		require.NoError(t, writer.Start())
		said := 0
		for range 1 + round { // so many lines, and then some more that nobody reads
			_, err := fmt.Fscanln(out, &said)
			require.NoError(t, err)
		}
		require.NoError(t, writer.Process.Kill())
		_ = writer.Wait()

		view(t, box, func(tx *outbox.Tx) {
			queued := ids(tx.Queued("soc"))
			assert.GreaterOrEqual(t, len(queued), said)
			for n, id := range queued {
				assert.Equal(t, strconv.Itoa(n+1), id)
			}
			noted, _ := tx.Get("writer", "last")
			assert.Equal(t, strconv.Itoa(len(queued)), string(noted))
		})
	}
}

func writeUntilKilled(path string) {
	box := outbox.At(path)
	for {
		var n int
		err := box.Update(context.Background(), func(tx *outbox.Tx) error {
			last, _ := tx.Get("writer", "last")
			n, _ = strconv.Atoi(string(last))
			n++
			return errors.Join(
				tx.Enqueue(message("soc", strconv.Itoa(n), "a")),
				tx.Put("writer", "last", []byte(strconv.Itoa(n))),
			)
		})
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		fmt.Println(n)
	}
}

func newBox(t *testing.T) *outbox.Outbox {
	t.Helper()
	return outbox.At(filepath.Join(t.TempDir(), "acme", "alerts.db"))
}

func message(destination, id, key string) outbox.Message {
	return outbox.Message{ID: id, Destination: destination, Key: key, At: noon, Title: "title of " + id}
}

func update(t *testing.T, box *outbox.Outbox, do func(*outbox.Tx)) {
	t.Helper()
	require.NoError(t, box.Update(t.Context(), func(tx *outbox.Tx) error { do(tx); return nil }))
}

func view(t *testing.T, box *outbox.Outbox, do func(*outbox.Tx)) {
	t.Helper()
	require.NoError(t, box.View(t.Context(), func(tx *outbox.Tx) error { do(tx); return nil }))
}

func only(t *testing.T, tx *outbox.Tx, destination string) outbox.Entry {
	t.Helper()
	queued, err := tx.Queued(destination)
	require.NoError(t, err)
	require.Len(t, queued, 1)
	return queued[0]
}

func ids(entries []outbox.Entry, err error) []string {
	if err != nil {
		return []string{err.Error()}
	}
	var all []string
	for _, e := range entries {
		all = append(all, e.ID)
	}
	return all
}

package state_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"s1graph/graph/jsonstore"
	"s1graph/state"
)

// writePosition makes a directory know the log up to a record that it wrote.
func writePosition(t testing.TB, dir string, r record, b *memory) {
	t.Helper()
	var full map[string]any
	require.NoError(t, json.Unmarshal(b.content[fmt.Sprintf("acme/log/%012d", r.Number)], &full))
	p := map[string]any{"log": r.Log, "number": r.Number, "nonce": full["nonce"], "runs": []string{r.last()}}
	content, err := json.Marshal(p)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "replica.json"), content, 0o600))
}

func TestADirectoryOfAnotherTenantIsRefused(t *testing.T) {
	b := newMemory()
	mustRun(t, newWorker(t, b, "w1"), "a")
	other := newWorker(t, newMemory(), "w2")
	mustRun(t, other, "z")
	_, err := other.restarted(b).replica.Take(t.Context())
	refused, ok := errors.AsType[*state.RefusedError](err)
	require.True(t, ok, "%v", err)
	assert.ErrorContains(t, refused, "has runs of another")
	assert.Equal(t, []string{"z"}, graphOf(t, other.dir))
}

func TestABucketThatWasRestoredIsRefused(t *testing.T) {
	b := newMemory()
	one := newWorker(t, b, "w1")
	mustRun(t, one, "a")
	mustRun(t, one, "a", "b")
	records := b.records(t)
	delete(b.content, fmt.Sprintf("acme/log/%012d", records[len(records)-1].Number))
	again := one.restarted(b)
	looks := 0
	at := func(time.Duration) <-chan time.Time {
		looks++
		now := make(chan time.Time, 1)
		now <- time.Time{}
		return now
	}
	again.replica.After = at
	_, err := again.replica.Take(t.Context())
	_, ok := errors.AsType[*state.RefusedError](err)
	require.True(t, ok, "%v", err)
	assert.ErrorContains(t, err, "an older state of the bucket was restored")
	assert.ErrorContains(t, err, "If nobody restored anything, remove nothing")
	assert.Equal(t, 3, looks, "a list may come late")
	assert.ErrorContains(t, err, "replica.json")

	require.NoError(t, os.Remove(filepath.Join(one.dir, "replica.json")))
	_, err = one.restarted(b).replica.Take(t.Context())
	require.NoError(t, err, "which is the way out")
}

func TestAListThatComesLateIsWaitedFor(t *testing.T) {
	b := newMemory()
	one := newWorker(t, b, "w1")
	mustRun(t, one, "a")
	last := b.lastRecord(t)
	name := fmt.Sprintf("acme/log/%012d", last.Number)
	content := b.content[name]
	delete(b.content, name)
	again := one.restarted(b)
	again.replica.After = func(time.Duration) <-chan time.Time {
		b.content[name] = content
		now := make(chan time.Time, 1)
		now <- time.Time{}
		return now
	}
	taken, err := again.replica.Take(t.Context())
	require.NoError(t, err)
	assert.Empty(t, taken.Restored)
	assert.Equal(t, last.Number+1, taken.Epoch)
}

func TestABucketThatWasLostGetsTheRunsOfTheDirectory(t *testing.T) {
	b := newMemory()
	one := newWorker(t, b, "w1")
	mustRun(t, one, "a")
	was := b.lastRecord(t)
	fresh := newMemory()
	one = one.restarted(fresh)
	mustRun(t, one, "a", "b")
	assert.Equal(t, []string{"a", "b"}, graphOf(t, one.dir))
	assert.NotEqual(t, was.Log, fresh.lastRecord(t).Log)
	assert.Len(t, fresh.lastRecord(t).Runs, 2)
}

func TestARunOfWhichTheAnswerWasLostIsTheLastOneNevertheless(t *testing.T) {
	for _, what := range []string{"no answer, and nothing can be read then", "an error, and the record is there", "it was sent twice"} {
		t.Run(what, func(t *testing.T) {
			b := &hooked{memory: newMemory()}
			one := newWorker(t, b, "w1")
			mustRun(t, one, "a")
			lost := errors.New("connection reset")
			gone := false
			b.instead = func(op, name string, do func() error) error {
				if op == "Create" {
					b.instead = nil
					require.NoError(t, do())
					switch what {
					case "it was sent twice":
						return do()
					case "no answer, and nothing can be read then":
						gone = true
						b.instead = func(op, name string, do func() error) error {
							if gone {
								return lost
							}
							return do()
						}
					}
					return lost
				}
				return do()
			}
			id, err := one.run(t.Context(), "a", "b")
			gone = false
			if what != "no answer, and nothing can be read then" {
				require.NoError(t, err)
				assert.Equal(t, id, b.lastRecord(t).last())
				return
			}
			require.ErrorIs(t, err, lost)
			assert.Equal(t, []string{"a"}, graphOf(t, one.dir))
			mustRun(t, one, "a", "b", "c")
			runs := b.lastRecord(t).Runs
			assert.Len(t, runs, 2, "the run whose answer was lost, and the one that follows it")
			assert.Contains(t, one.said, "came from the bucket")
		})
	}
}

func TestARunThatIsInTheLogAndNotYetLinkedIsLinkedWhenTheWorkerStartsAgain(t *testing.T) {
	b := newMemory()
	one := newWorker(t, b, "w1")
	first := mustRun(t, one, "a")
	second := mustRun(t, one, "a", "b")
	current := filepath.Join(one.dir, "current")
	require.NoError(t, os.Remove(current))
	require.NoError(t, os.Symlink(filepath.Join("runs", first), current)) // killed between record and swap
	one = one.restarted(b)
	taken, err := one.replica.Take(t.Context())
	require.NoError(t, err)
	assert.Empty(t, taken.Restored, "all of it is there")
	run, err := jsonstore.OpenLast(one.dir)
	require.NoError(t, err)
	assert.Equal(t, second, run.Manifest().ID)
}

package state_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"s1graph/alerts/outbox"
	"s1graph/graph/jsonstore"
	"s1graph/graph/storetest"
	"s1graph/state"
)

// mustRun makes a run that is to be committed and settled.
func mustRun(t testing.TB, w *worker, agents ...string) string {
	t.Helper()
	id, err := w.run(t.Context(), agents...)
	require.NoError(t, err)
	return id
}

func queued(t testing.TB, dir string) (ids []string) {
	t.Helper()
	require.NoError(t, outbox.In(dir).View(t.Context(), func(tx *outbox.Tx) error {
		entries, err := tx.Queued("")
		for _, e := range entries {
			ids = append(ids, e.ID)
		}
		return err
	}))
	return ids
}

func queue(t testing.TB, dir, id string) {
	t.Helper()
	require.NoError(t, outbox.In(dir).Update(t.Context(), func(tx *outbox.Tx) error {
		return tx.Enqueue(outbox.Message{ID: id, Destination: "team", Rule: "r", Key: id})
	}))
}

func loggedIn(t testing.TB, dir string) (ids []string) {
	t.Helper()
	runs, err := jsonstore.ChangeLog(dir)
	require.NoError(t, err)
	for _, run := range runs {
		ids = append(ids, run.ID)
	}
	return ids
}

func TestAWorkerWithAnEmptyDirectoryGoesOnWhereAnotherEnded(t *testing.T) {
	b := newMemory()
	one := newWorker(t, b, "w1")
	first := mustRun(t, one, "a")
	queue(t, one.dir, "alert")
	second := mustRun(t, one, "a", "b")

	two := newWorker(t, b, "w2")
	third := mustRun(t, two, "a", "b", "c")
	assert.Equal(t, "The run "+second+" came from the bucket.", two.said)
	assert.Equal(t, []string{"a", "b", "c"}, graphOf(t, two.dir))
	assert.Equal(t, []string{"alert"}, queued(t, two.dir))
	assert.Equal(t, []string{first, second, third}, loggedIn(t, two.dir))
	var history []string
	for line, err := range jsonstore.History(two.dir) {
		require.NoError(t, err)
		history = append(history, string(line))
	}
	assert.Equal(t, []string{`{"run":"` + first + `"}`, `{"run":"` + second + `"}`, `{"run":"` + third + `"}`}, history)
	own, err := jsonstore.ReadIdentity(one.dir)
	require.NoError(t, err)
	other, err := jsonstore.ReadIdentity(two.dir)
	require.NoError(t, err)
	assert.Equal(t, own, other)

	run, err := jsonstore.OpenLast(two.dir)
	require.NoError(t, err)
	assert.Equal(t, second, run.Manifest().Previous)
	_, err = jsonstore.OpenKept(two.dir, second)
	assert.NoError(t, err, "the run before the last one is kept")
}

func TestAWorkerWhoseInstanceWasTakenOverCommitsNothing(t *testing.T) {
	b := newMemory()
	one, two := newWorker(t, b, "w1"), newWorker(t, b, "w2")
	mustRun(t, one, "a")
	mustRun(t, two, "a", "b")
	_, err := one.run(t.Context(), "a", "x")
	require.ErrorIs(t, err, state.ErrFenced)
	assert.ErrorContains(t, err, "w2 wrote record")
	assert.Equal(t, []string{"a"}, graphOf(t, one.dir))
	require.ErrorIs(t, one.replica.Outbox(t.Context()), state.ErrFenced)
	_, err = one.run(t.Context(), "a", "x")
	require.ErrorIs(t, err, state.ErrFenced, "and it stays so until it takes the instance")

	taken, err := one.replica.Take(t.Context())
	require.NoError(t, err)
	assert.NotEmpty(t, taken.Restored)
	assert.True(t, taken.Settled)
	assert.Equal(t, []string{"a", "b"}, graphOf(t, one.dir))
	mustRun(t, one, "a", "b", "c")
}

func TestAWorkerThatWasPausedInARunCommitsNothing(t *testing.T) {
	b := &hooked{memory: newMemory()}
	one, two := newWorker(t, b, "w1"), newWorker(t, b, "w2")
	mustRun(t, one, "a")
	b.beforeFirst("Put", "/objects/", func() { mustRun(t, two, "a", "b") })
	_, err := one.run(t.Context(), "a", "x")
	require.ErrorIs(t, err, state.ErrFenced)
	assert.Equal(t, []string{"a"}, graphOf(t, one.dir), "the draft is aborted")
	assert.Equal(t, "w2", b.lastRecord(t).Worker)
}

func TestTheSameDirectoryFetchesNothingAndTakesEpochsThatGrow(t *testing.T) {
	b := newMemory()
	one := newWorker(t, b, "w1")
	mustRun(t, one, "a")
	queue(t, one.dir, "not in the bucket yet")
	epoch := b.lastRecord(t).Epoch
	one = one.restarted(b)
	mustRun(t, one, "a", "b")
	assert.Empty(t, one.said)
	assert.Equal(t, []string{"not in the bucket yet"}, queued(t, one.dir))
	assert.Greater(t, b.lastRecord(t).Epoch, epoch)
}

func TestTwoProcessesOfOneDirectoryAreOneWorker(t *testing.T) {
	b := newMemory()
	service := newWorker(t, b, "w1")
	mustRun(t, service, "a")
	byHand := service.restarted(b)
	mustRun(t, byHand, "a", "b")
	mustRun(t, service, "a", "b", "c")
	assert.Equal(t, []string{"a", "b", "c"}, graphOf(t, service.dir))
}

func TestWhatDidNotChangeIsNotPutAgain(t *testing.T) {
	b := newMemory()
	one := newWorker(t, b, "w1")
	mustRun(t, one, "a")
	b.puts = nil
	mustRun(t, one, "a") // the agents are written anew, with the same content
	var parts []string
	for _, name := range b.puts {
		if object, found := strings.CutPrefix(name, "acme/objects/"); found {
			parts = append(parts, object[:strings.Index(object, "-")])
		}
	}
	assert.Equal(t, []string{"run", "history"}, parts)
	b.puts = nil
	require.NoError(t, one.replica.Outbox(t.Context()))
	assert.Empty(t, b.puts)
	queue(t, one.dir, "alert")
	require.NoError(t, one.replica.Outbox(t.Context()))
	assert.Len(t, b.puts, 2, "the object and the record")
}

func TestOfALongHistoryTheLastPieceAloneIsPutAgain(t *testing.T) {
	b := newMemory()
	one := newWorker(t, b, "w1")
	mustRun(t, one, "a")
	file := filepath.Join(one.dir, "history.jsonl")
	var long strings.Builder
	for i := range 9000 {
		fmt.Fprintf(&long, `{"run":"%d","figures":{"agents":%d,"devices":%d}}`+"\n", i, i*7919, i*104729)
	}
	require.NoError(t, os.WriteFile(file, []byte(long.String()), 0o600))
	mustRun(t, one, "a")
	b.puts = nil
	mustRun(t, one, "a")
	pieces := slices.DeleteFunc(slices.Clone(b.puts), func(name string) bool { return !strings.Contains(name, "/history-") })
	assert.Len(t, pieces, 1)
	want, err := os.ReadFile(file)
	require.NoError(t, err)
	assert.Len(t, b.lastRecord(t).History, len(want)/(256<<10)+1)
	dir := filepath.Join(t.TempDir(), "copy")
	require.NoError(t, state.Fetch(t.Context(), b, "acme", dir))
	got, err := os.ReadFile(filepath.Join(dir, "history.jsonl"))
	require.NoError(t, err)
	assert.Equal(t, want, got)
}

func TestTheFirstRecordHasTheRunsOfTheDirectory(t *testing.T) {
	b, alone := newMemory(), newMemory()
	one := newWorker(t, alone, "w1")
	first := mustRun(t, one, "a")
	second := mustRun(t, one, "a", "b")
	queue(t, one.dir, "alert")
	require.NoError(t, os.Remove(filepath.Join(one.dir, "replica.json"))) // as one machine without a bucket has it
	one = one.restarted(b)
	taken, err := one.replica.Take(t.Context())
	require.NoError(t, err)
	assert.Equal(t, int64(1), taken.Epoch)
	record := b.lastRecord(t)
	require.Len(t, record.Runs, 2)
	assert.Equal(t, []string{first, second}, []string{record.Runs[0].ID, record.Runs[1].ID})
	two := newWorker(t, b, "w2")
	third := mustRun(t, two, "a", "b", "c")
	assert.Equal(t, []string{first, second, third}, loggedIn(t, two.dir))
	assert.Equal(t, []string{"alert"}, queued(t, two.dir))
}

func TestRunsThatTheBucketNeverHadAreSetAside(t *testing.T) {
	b := newMemory()
	one := newWorker(t, b, "w1")
	mustRun(t, one, "a")
	copied := newMemory() // without --state: what is written goes elsewhere
	for name, content := range b.content {
		copied.content[name] = content
	}
	alone := one.restarted(copied)
	own := mustRun(t, alone, "a", "alone")
	writePosition(t, one.dir, b.lastRecord(t), b)
	one = one.restarted(b)
	mustRun(t, one, "a", "b")
	assert.Contains(t, one.said, "The bucket never had 1 of the runs in "+one.dir)
	assert.DirExists(t, filepath.Join(one.dir, "set-aside", own))
	assert.Equal(t, []string{"a", "b"}, graphOf(t, one.dir))
	assert.NotContains(t, loggedIn(t, one.dir), own)
}

func TestAnAcceptanceReachesTheWorkerThatHasTheInstanceAndPassesOnce(t *testing.T) {
	b := newMemory()
	one := newWorker(t, b, "w1")
	id := mustRun(t, one, "a")
	require.NoError(t, state.Accept(t.Context(), b, "acme", id, false, strings.NewReader("{}\n")))
	require.NoError(t, state.Accept(t.Context(), b, "acme", id, true, strings.NewReader("{}\n")))
	mustRun(t, one, "a")
	assert.Len(t, appliedIn(t, one.dir), 2)
	left, _ := b.List(t.Context(), "acme/asks/")
	assert.Empty(t, left)
	mustRun(t, one, "a")
	mustRun(t, newWorker(t, b, "w2"), "a")
	assert.Empty(t, appliedIn(t, one.dir))
	assert.Empty(t, b.lastRecord(t).Answered)
	assert.Error(t, state.Accept(t.Context(), b, "acme", "../x", false, strings.NewReader("")))
}

// appliedIn are the files of acceptances that the last run of a directory let go.
func appliedIn(t testing.TB, dir string) []string {
	t.Helper()
	run, err := jsonstore.OpenLast(dir)
	require.NoError(t, err)
	var l left
	require.NoError(t, json.Unmarshal(run.Manifest().State, &l))
	return l.Applied
}

func TestWhatIsDamagedIsFetchedAgain(t *testing.T) {
	b := newMemory()
	one := newWorker(t, b, "w1")
	mustRun(t, one, "a")
	graphs, err := filepath.Glob(filepath.Join(one.dir, "current", "graph", "*", "entities", storetest.Agent.Name+"-0001.json"))
	require.NoError(t, err)
	require.Len(t, graphs, 1)
	require.NoError(t, os.WriteFile(graphs[0], []byte("broken"), 0o600))
	one.mends = func() []string { return []string{storetest.Agent.Name} }
	first, err := jsonstore.OpenLast(one.dir)
	require.NoError(t, err)
	require.NotEmpty(t, first.Verify(t.Context()))
	mustRun(t, one, "a", "b")
	assert.Empty(t, first.Verify(t.Context()))
}

func TestTheLogKeepsTwentyRecordsAndWhatTheyName(t *testing.T) {
	b := newMemory()
	one := newWorker(t, b, "w1")
	for i := range 15 {
		mustRun(t, one, fmt.Sprint("agent", i))
	}
	records := b.records(t)
	assert.LessOrEqual(t, len(records), 20)
	there, named := b.objects(t)
	assert.Equal(t, named, there)
	assert.Len(t, records[len(records)-1].Runs, 2)
}

func TestFetchBringsTheLastStateAndTakesNothing(t *testing.T) {
	b := newMemory()
	one := newWorker(t, b, "w1")
	mustRun(t, one, "a")
	before := b.lastRecord(t)
	dir := filepath.Join(t.TempDir(), "copy")
	require.NoError(t, state.Fetch(t.Context(), b, "acme", dir))
	assert.Equal(t, []string{"a"}, graphOf(t, dir))
	assert.Equal(t, before, b.lastRecord(t))
	mustRun(t, one, "a", "b")
	require.NoError(t, state.Fetch(t.Context(), b, "acme", dir))
	assert.Equal(t, []string{"a", "b"}, graphOf(t, dir))
	_, ok := errors.AsType[*state.RefusedError](state.Fetch(t.Context(), b, "nobody", t.TempDir()))
	assert.True(t, ok)
}

func TestWhoIsBeatenByTheLastRecordOfTheOldOwnerTakesTheInstanceAfterIt(t *testing.T) {
	b := &hooked{memory: newMemory()}
	one, two := newWorker(t, b, "w1"), newWorker(t, b, "w2")
	mustRun(t, one, "a")
	b.beforeFirst("Create", "/log/", func() { mustRun(t, one, "a", "b") })
	_, err := two.replica.Take(t.Context())
	require.NoError(t, err)
	assert.Equal(t, []string{"a", "b"}, graphOf(t, two.dir))
}

func TestANameThatBecameFreeProvesNothing(t *testing.T) {
	b := &hooked{memory: newMemory()}
	one, two := newWorker(t, b, "w1"), newWorker(t, b, "w2")
	mustRun(t, one, "a")
	b.beforeFirst("Create", "/log/", func() { // one sleeps for a day
		for i := range 15 {
			mustRun(t, two, "a", fmt.Sprint(i))
		}
	})
	_, err := one.run(t.Context(), "a", "x")
	require.ErrorIs(t, err, state.ErrFenced)
	assert.Equal(t, []string{"a"}, graphOf(t, one.dir))
	mustRun(t, two, "a", "b")
	records := b.records(t)
	assert.LessOrEqual(t, len(records), 20)
	assert.False(t, slices.ContainsFunc(records, func(r record) bool { return r.Worker == "w1" }), "what it wrote is swept")
}

// hooked lets a test do something before an operation, or instead of it.
type hooked struct {
	*memory
	instead func(op, name string, do func() error) error

	mu     sync.Mutex
	before func(op, name string) (do func()) // nil, or gives nil: nothing is to be done
}

// beforeFirst has something done before the first operation of a kind on such a name.
func (h *hooked) beforeFirst(wantedOp, part string, do func()) {
	h.before = func(op, name string) func() {
		if op != wantedOp || !strings.Contains(name, part) {
			return nil
		}
		h.before = nil
		return do
	}
}

func (h *hooked) around(op, name string, do func() error) error {
	h.mu.Lock()
	var first func()
	if h.before != nil {
		first = h.before(op, name)
	}
	h.mu.Unlock()
	if first != nil {
		first()
	}
	if instead := h.instead; instead != nil {
		return instead(op, name, do)
	}
	return do()
}

func (h *hooked) Create(ctx context.Context, name string, content []byte) error {
	return h.around("Create", name, func() error { return h.memory.Create(ctx, name, content) })
}

func (h *hooked) Put(ctx context.Context, name string, content io.Reader) error {
	return h.around("Put", name, func() error { return h.memory.Put(ctx, name, content) })
}

func (h *hooked) Get(ctx context.Context, name string) (r io.ReadCloser, err error) {
	err = h.around("Get", name, func() (err error) {
		r, err = h.memory.Get(ctx, name)
		return err
	})
	return r, err
}

func (h *hooked) List(ctx context.Context, prefix string) (names []string, err error) {
	err = h.around("List", prefix, func() (err error) {
		names, err = h.memory.List(ctx, prefix)
		return err
	})
	return names, err
}

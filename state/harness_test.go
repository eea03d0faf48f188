package state_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"s1graph/gotest"
	"s1graph/graph"
	"s1graph/graph/jsonstore"
	"s1graph/graph/storetest"
	"s1graph/state"
)

func TestMain(m *testing.M) {
	const inMemory = "/dev/shm" // what outlives a loss of power is not tested here
	if info, err := os.Stat(inMemory); err == nil && info.IsDir() {
		_ = os.Setenv("TMPDIR", inMemory)
	}
	gotest.VerifyTestMain(m, goleak.IgnoreAnyFunction("net/http.(*persistConn).readLoop"), goleak.IgnoreAnyFunction("net/http.(*persistConn).writeLoop"))
}

// memory is a bucket that keeps all promises of one, and remembers in which order things were written.
type memory struct {
	mu      sync.Mutex
	content map[string][]byte
	puts    []string
}

func newMemory() *memory { return &memory{content: map[string][]byte{}} }

func (m *memory) Get(_ context.Context, name string) (io.ReadCloser, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	content, there := m.content[name]
	if !there {
		return nil, &fs.PathError{Op: "get", Path: name, Err: fs.ErrNotExist}
	}
	return io.NopCloser(bytes.NewReader(content)), nil
}

func (m *memory) Put(_ context.Context, name string, r io.Reader) error {
	content, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.content[name] = content
	m.puts = append(m.puts, name)
	return nil
}

func (m *memory) Create(_ context.Context, name string, content []byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, there := m.content[name]; there {
		return &fs.PathError{Op: "create", Path: name, Err: fs.ErrExist}
	}
	m.content[name] = content
	m.puts = append(m.puts, name)
	return nil
}

func (m *memory) List(_ context.Context, prefix string) ([]string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	names := slices.Sorted(maps.Keys(m.content))
	return slices.DeleteFunc(names, func(name string) bool { return !strings.HasPrefix(name, prefix) }), nil
}

func (m *memory) Delete(_ context.Context, name string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.content, name)
	return nil
}

// record is what tests look at in one.
type record struct {
	Number, Epoch int64
	Worker, Log   string
	Runs          []struct {
		ID      string
		Objects map[string]string
	}
	Outbox   string
	History  []string
	Settled  bool
	Answered []string
}

func (r record) last() string {
	if len(r.Runs) == 0 {
		return ""
	}
	return r.Runs[len(r.Runs)-1].ID
}

// records are those in the bucket, the oldest first.
func (m *memory) records(t require.TestingT) (records []record) {
	names, _ := m.List(context.Background(), "acme/log/")
	for _, name := range names {
		var r record
		require.NoError(t, json.Unmarshal(m.content[name], &r))
		records = append(records, r)
	}
	return records
}

// lastRecord is the last one in the bucket.
func (m *memory) lastRecord(t require.TestingT) record {
	records := m.records(t)
	require.NotEmpty(t, records)
	return records[len(records)-1]
}

// objects are the names of those in the bucket, and named those that its records name.
func (m *memory) objects(t require.TestingT) (there, named []string) {
	names, _ := m.List(context.Background(), "acme/objects/")
	for _, name := range names {
		there = append(there, path.Base(name))
	}
	all := map[string]bool{}
	for _, r := range m.records(t) {
		for _, object := range append(r.History, r.Outbox) {
			if object != "" {
				all[object] = true
			}
		}
		for _, run := range r.Runs {
			for _, object := range run.Objects {
				all[object] = true
			}
		}
	}
	return there, slices.Sorted(maps.Keys(all))
}

// worker is one with its own directory.
type worker struct {
	name, dir string
	replica   *state.Replica
	said      string          // what the last run restored
	mends     func() []string // types that are to be put in place again before the run; nil: none
}

func newWorker(t testing.TB, b state.Bucket, name string) *worker {
	return worker{name: name, dir: filepath.Join(t.TempDir(), name)}.restarted(b)
}

// restarted is the same worker in another process.
func (w worker) restarted(b state.Bucket) *worker {
	w.replica = state.Of(b, "acme", w.name, w.dir)
	return &w
}

// left is what a run leaves for the next one, as far as acceptances are concerned.
type left struct {
	Taken   []string `json:"taken"`   // files
	Applied []string `json:"applied"` // those of them that it let go
}

// run does what a run of the connector does: agents are the keys of the graph. It gives the ID, and whether the run was
// committed.
func (w *worker) run(ctx context.Context, agents ...string) (id string, err error) {
	store, err := jsonstore.Open(w.dir, jsonstore.Options{Instance: "acme", Prepare: func() error {
		taken, err := w.replica.Prepare(ctx)
		w.said = taken.Restored
		return err
	}})
	if err != nil {
		return "", err
	}
	defer store.Close()
	if w.mends != nil {
		if err := w.replica.Mend(ctx, store.Last(), w.mends()); err != nil {
			return "", err
		}
	}
	var was, is left
	previous := store.Last()
	if previous != nil {
		if err := json.Unmarshal(previous.Manifest().State, &was); err != nil {
			return "", err
		}
	}
	files, _ := filepath.Glob(filepath.Join(w.dir, "accepted", "*.jsonl"))
	for _, file := range files {
		is.Taken = append(is.Taken, filepath.Base(file))
		if !slices.Contains(was.Taken, filepath.Base(file)) {
			is.Applied = append(is.Applied, filepath.Base(file))
		}
	}
	draft, err := store.Begin(time.Now())
	if err != nil {
		return "", err
	}
	var records []graph.Record
	for _, key := range agents {
		r := graph.Record{Type: storetest.Agent, Key: key}
		r.Set("displayName", graph.String("agent "+key))
		records = append(records, r)
	}
	g := storetest.NewSnapshot([]*graph.Type{storetest.Agent}, records...)
	if _, err := draft.Write(ctx, storetest.Agent, graph.All(ctx, g, storetest.Agent.Name)); err != nil {
		return "", err
	}
	if previous != nil && previous.Manifest().Contents[storetest.Group.Name].Records > 0 { // which no run but the first reads
		if _, err := draft.Keep(previous, storetest.Group.Name); err != nil {
			return "", err
		}
	} else {
		r := graph.Record{Type: storetest.Group, Key: "everyone"}
		g := storetest.NewSnapshot([]*graph.Type{storetest.Group}, r)
		if _, err := draft.Write(ctx, storetest.Group, graph.All(ctx, g, storetest.Group.Name)); err != nil {
			return "", err
		}
	}
	if len(records) > 0 {
		if err := draft.Changes().Write(graph.Change{Op: graph.Created, Type: storetest.Agent, Key: records[0].Key, After: &records[0]}); err != nil {
			return "", err
		}
	}
	kept, _ := json.Marshal(is)
	id = draft.ID()
	err = draft.Commit(jsonstore.CommitInfo{State: kept, Summary: []byte("{}"), Publish: func(run *jsonstore.Run) error { return w.replica.Run(ctx, run) }})
	if err != nil {
		return "", err
	}
	for _, file := range files {
		_ = os.Remove(file)
	}
	if err := store.AppendHistory(fmt.Appendf(nil, `{"run":%q}`, id)); err != nil {
		return id, err
	}
	if err := store.Prune(); err != nil {
		return id, err
	}
	return id, w.replica.Settled(ctx)
}

// graphOf are the keys of the agents in the last run of a directory.
func graphOf(t testing.TB, dir string) (keys []string) {
	t.Helper()
	run, err := jsonstore.OpenLast(dir)
	require.NoError(t, err)
	require.Empty(t, run.Verify(t.Context()))
	for e, err := range graph.All(t.Context(), run, storetest.Agent.Name) {
		require.NoError(t, err)
		keys = append(keys, e.Key)
	}
	return keys
}

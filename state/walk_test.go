package state_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"s1graph/graph/jsonstore"
	"s1graph/state"
)

// What follows walks through all orders in which the operations of two workers on the bucket can happen, each of which takes the
// instance, commits a run, settles it and sweeps; and in each of them through every fault of any one operation. It drives the
// real code over directories of their own. One that was reached before, with the same bucket and with workers that saw the
// same, or have ended and left the same, is not gone on from.
//
// Operations that commute with all of the other worker are no points at which the order branches: reading what never changes,
// and deleting names that never come back. They have faults all the same.

// fault is what happens to an operation.
type fault int8

const (
	none     fault = iota
	refused        // it is not done, and the answer is an error
	lost           // it is done, and the answer is an error
	repeated       // it is done twice, and the answer is that of the second time
	delayed        // the answer is an error, and it is done later, or never
	stopped        // neither it nor any other of the worker is done
)

// faultsOf are those that make a difference for an operation.
func faultsOf(op string) []fault {
	switch op {
	case "Create":
		return []fault{refused, lost, repeated, delayed, stopped}
	case "Put", "Delete":
		return []fault{refused, lost, delayed, stopped}
	}
	return []fault{refused, stopped}
}

// choice is what happens next.
type choice struct {
	actor int8 // a worker; late: the operation that was delayed; never: it is not done any more
	fault fault
}

const (
	late  = 2
	never = 3
)

var errFault = errors.New("no answer")

// world is a bucket, and what is told of its history.
type world struct {
	*memory
	sum   uint64   // of all that is there, in any order
	chain []record // those that became the last one of the log
}

var seed = maphash.MakeSeed()

func sumOf(parts ...string) uint64 { return maphash.String(seed, strings.Join(parts, "\x00")) }

func (w *world) set(name string, content []byte, there bool) {
	if was, had := w.content[name]; had {
		w.sum ^= sumOf(name, string(was))
		delete(w.content, name)
	}
	if there {
		w.sum ^= sumOf(name, string(content))
		w.content[name] = content
	}
}

func numberOf(name string) int64 {
	n, _ := strconv.ParseInt(path.Base(name), 10, 64)
	return n
}

func (w *world) create(name string, content []byte) error {
	if _, there := w.content[name]; there {
		return &fs.PathError{Op: "create", Path: name, Err: fs.ErrExist}
	}
	if strings.Contains(name, "/log/") {
		last := w.chain[len(w.chain)-1].Number
		if numberOf(name) == last+1 {
			var r record
			if err := json.Unmarshal(content, &r); err != nil {
				return err
			}
			w.chain = append(w.chain, r)
		}
	}
	w.set(name, content, true)
	return nil
}

// operation is one that a worker waits for.
type operation struct {
	op, name string
	content  string // that it puts or creates
	do       func() error
	answer   chan error
}

// branches says whether the order in which a worker's operation happens matters to the other one.
func (x *execution) branches(i int) bool {
	o, other := x.actors[i].pending, x.actors[1-i]
	sweeps := x.walk.settles[1-i] && !other.listed
	switch {
	case strings.Contains(o.name, "/log/"):
		return o.op == "List" || o.op == "Create"
	case strings.Contains(o.name, "/asks/"): // which the other one deletes when it has swept
		return o.op == "List" && (x.tail != nil || x.walk.settles[1-i])
	case o.op == "Put":
		return x.tail != nil || sweeps
	case strings.Contains(o.name, "/objects/"):
		return o.op == "List" && (x.tail != nil || !other.put)
	}
	return false
}

// actor is a worker in an execution, and the bucket as it sees it.
type actor struct {
	*worker
	in          *execution
	asks        chan *operation // what it wants to do; closed when it has ended
	pending     *operation      // nil: it has ended
	seen        uint64          // of all that it asked and was answered
	cut         bool            // it reaches the bucket no more
	put, listed bool            // it has put its object, and listed the objects to sweep
	random      int
	commits     []string // runs that it was told are committed
	left        string   // see execution.left
}

func (a *actor) await(op, name, content string, do func() error) error {
	o := &operation{op, name, content, do, make(chan error)}
	a.asks <- o
	return <-o.answer
}

func (a *actor) Get(_ context.Context, name string) (r io.ReadCloser, err error) {
	err = a.await("Get", name, "", func() (err error) {
		r, err = a.in.Get(context.Background(), name)
		return err
	})
	return r, err
}

func (a *actor) Put(_ context.Context, name string, r io.Reader) error {
	content, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	return a.await("Put", name, string(content), func() error {
		a.in.set(name, content, true)
		return nil
	})
}

func (a *actor) Create(_ context.Context, name string, content []byte) error {
	return a.await("Create", name, string(content), func() error { return a.in.create(name, content) })
}

func (a *actor) List(_ context.Context, prefix string) (names []string, err error) {
	err = a.await("List", prefix, "", func() (err error) {
		names, err = a.in.List(context.Background(), prefix)
		a.seen ^= sumOf(names...)
		return err
	})
	return names, err
}

func (a *actor) Delete(_ context.Context, name string) error {
	return a.await("Delete", name, "", func() error {
		a.in.set(name, nil, false)
		return nil
	})
}

// noon is when everything happens.
func noon() time.Time { return time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC) }

// madeRun is what is known of a run, be it committed or not.
type madeRun struct {
	previous string
	applied  []string
}

// session is a run of the connector's without types, so that it has few operations.
func (w *worker) session(ctx context.Context, tag byte, settles bool, made func(id string, m madeRun), committed func(id string)) error {
	store, err := jsonstore.Open(w.dir, jsonstore.Options{Instance: "acme", Clock: noon, Rand: bytes.NewReader([]byte{tag, tag}), Prepare: func() error {
		_, err := w.replica.Prepare(ctx)
		return err
	}})
	if err != nil {
		return err
	}
	defer store.Close()
	var was, is left
	m := madeRun{}
	if previous := store.Last(); previous != nil {
		m.previous = previous.Manifest().ID
		if err := json.Unmarshal(previous.Manifest().State, &was); err != nil {
			return err
		}
	}
	files, _ := filepath.Glob(filepath.Join(w.dir, "accepted", "*.jsonl"))
	for _, file := range files {
		is.Taken = append(is.Taken, filepath.Base(file))
		if !slices.Contains(was.Taken, filepath.Base(file)) {
			is.Applied = append(is.Applied, filepath.Base(file))
		}
	}
	draft, err := store.Begin(noon())
	if err != nil {
		return err
	}
	m.applied = is.Applied
	made(draft.ID(), m)
	kept, _ := json.Marshal(is)
	err = draft.Commit(jsonstore.CommitInfo{State: kept, Summary: []byte("{}"), Publish: func(run *jsonstore.Run) error { return w.replica.Run(ctx, run) }})
	if err != nil {
		return err
	}
	committed(draft.ID())
	for _, file := range files {
		_ = os.Remove(file)
	}
	if err := store.Prune(); err != nil || !settles {
		return err
	}
	return w.replica.Settled(ctx)
}

// walk is the walk through all executions.
type walk struct {
	base  *memory
	chain []record
	dir   string // of the first worker before it; the second one has none
	made  map[string]madeRun
	temp  string
	// whole walks through all orders. Else a worker that could go on is interrupted once at most, and where an operation has
	// a fault right after that.
	whole bool

	mu       sync.Mutex
	faults   bool    // operations have some
	settles  [2]bool // which workers settle their run, and sweep
	visited  map[uint64]bool
	ends     map[uint64]bool
	todo     [][]choice
	running  int
	wake     *sync.Cond
	failures []string
	number   atomic.Int64
}

// interruptions is how often a worker is interrupted that could go on, where not all orders are walked through.
const interruptions = 1

// plainWorld is a world whose operations happen at once.
type plainWorld struct{ *world }

func (p *plainWorld) Put(_ context.Context, name string, r io.Reader) error {
	content, err := io.ReadAll(r)
	if err == nil {
		p.set(name, content, true)
	}
	return err
}

func (p *plainWorld) Create(_ context.Context, name string, content []byte) error {
	return p.create(name, content)
}

func (p *plainWorld) Delete(_ context.Context, name string) error {
	p.set(name, nil, false)
	return nil
}

func (w *walk) visit(key uint64) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	was := w.visited[key]
	w.visited[key] = true
	return !was
}

func (w *walk) reachesEnd(key uint64) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	was := w.ends[key]
	w.ends[key] = true
	return !was
}

func (w *walk) push(prefix []choice) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.todo = append(w.todo, prefix)
	w.wake.Signal()
}

// next is an execution that is to be begun; false: there is none any more.
func (w *walk) next() ([]choice, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for len(w.todo) == 0 && w.running > 0 {
		w.wake.Wait()
	}
	if len(w.todo) == 0 || len(w.failures) > 3 {
		w.wake.Broadcast()
		return nil, false
	}
	prefix := w.todo[len(w.todo)-1]
	w.todo = w.todo[:len(w.todo)-1]
	w.running++
	return prefix, true
}

func (w *walk) done() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.running--
	w.wake.Broadcast()
}

// begin makes the directories and the bucket of an execution.
func (w *walk) begin() (*execution, error) {
	x := &execution{walk: w, dir: filepath.Join(w.temp, fmt.Sprint(w.number.Add(1))), faulty: -1, turn: -1, made: map[string]madeRun{}}
	x.memory, x.chain = newMemory(), slices.Clone(w.chain)
	for id, m := range w.made {
		x.made[id] = m
	}
	for name, content := range w.base.content {
		x.set(name, content, true)
	}
	for i := range x.actors {
		a := &actor{in: x, asks: make(chan *operation)}
		name := fmt.Sprint("w", i+1)
		a.worker = worker{name: name, dir: filepath.Join(x.dir, name)}.restarted(a)
		a.replica.Clock = noon
		a.replica.Random = func() string {
			a.random++
			return fmt.Sprintf("%s%d", name, a.random)
		}
		x.actors[i] = a
	}
	return x, os.CopyFS(x.actors[0].dir, os.DirFS(w.dir))
}

// newWalk begins with a log of more records than are kept, a run in it, and an acceptance that nobody has seen.
func newWalk(t *testing.T, whole bool) *walk {
	w := &walk{base: newMemory(), whole: whole, temp: t.TempDir(), visited: map[uint64]bool{}, ends: map[uint64]bool{}, made: map[string]madeRun{}, todo: [][]choice{nil}}
	w.wake = sync.NewCond(&w.mu)
	first := newWorker(t, w.base, "w1")
	first.replica.Clock = noon
	id := ""
	for range 10 {
		require.NoError(t, first.session(t.Context(), 'x', true, func(id string, m madeRun) { w.made[id] = m }, func(committed string) { id = committed }))
	}
	w.dir, w.chain = first.dir, w.base.records(t)
	require.NoError(t, state.Accept(t.Context(), w.base, "acme", id, false, strings.NewReader("{}\n")))
	return w
}

// go walks through all of it, with some executions at once.
func (w *walk) walkThrough(t *testing.T, atOnce int) {
	var walking sync.WaitGroup
	executions := atomic.Int64{}
	for range atOnce {
		walking.Go(func() {
			for {
				prefix, more := w.next()
				if !more {
					return
				}
				executions.Add(1)
				if x, err := w.begin(); err != nil {
					w.failures = append(w.failures, err.Error())
				} else {
					x.run(prefix)
					_ = os.RemoveAll(x.dir)
				}
				w.done()
			}
		})
	}
	walking.Wait()
	t.Logf("%d executions, %d states, %d ends", executions.Load(), len(w.visited), len(w.ends))
	require.Empty(t, w.failures)
}

// The whole walk takes minutes: make walk.
func TestInEveryOrderOfTwoWorkersAndWithEveryFaultNothingForksAndNothingIsLost(t *testing.T) {
	both := [2]bool{true, true}
	if os.Getenv("S1GRAPH_WALK") == "" {
		w := newWalk(t, false)
		w.faults, w.settles = true, both
		w.walkThrough(t, 2)
		return
	}
	for name, settles := range map[string][2]bool{"the first worker sweeps": {true, false}, "the second worker sweeps": {false, true}} {
		t.Run(name, func(t *testing.T) {
			w := newWalk(t, true)
			w.faults, w.settles = true, settles
			w.walkThrough(t, 2)
		})
	}
	t.Run("both sweep, without faults", func(t *testing.T) {
		w := newWalk(t, true)
		w.settles = both
		w.walkThrough(t, 2)
	})
}

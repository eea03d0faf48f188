package state_test

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
)

// execution is one order of events.
type execution struct {
	world
	walk    *walk
	dir     string
	actors  [2]*actor
	tail    *operation // that was delayed and is not done yet
	faulty  int        // worker whose operation had the fault; -1: none
	turn    int        // worker that went on last
	turns   int        // how often one was interrupted that could go on
	made    map[string]madeRun
	history []string
	mu      sync.Mutex
}

func (x *execution) run(prefix []choice) {
	for i, a := range x.actors {
		go func() {
			defer close(a.asks)
			_ = a.session(context.Background(), byte('a'+i), x.walk.settles[i], x.note, func(id string) { a.commits = append(a.commits, id) })
		}()
		a.pending = <-a.asks
	}
	for step := 0; ; step++ {
		options := x.options()
		if len(options) == 0 {
			x.end()
			return
		}
		chosen := options[0]
		if step < len(prefix) {
			chosen = prefix[step]
		} else {
			if !x.walk.visit(x.key()) {
				x.cutOff()
				return
			}
			for _, other := range options[1:] {
				x.walk.push(append(slices.Clip(prefix), other))
			}
			prefix = append(slices.Clip(prefix), chosen)
		}
		x.apply(chosen)
	}
}

func (x *execution) note(id string, m madeRun) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.made[id] = m
}

// options are what may happen next.
func (x *execution) options() (options []choice) {
	branching := true
	var able []int
	for i, a := range x.actors {
		if a.pending != nil && !x.branches(i) {
			able, branching = []int{i}, false
			break
		}
		if a.pending != nil {
			able = append(able, i)
		}
	}
	if !x.walk.whole && len(able) == 2 {
		switch {
		case x.faulty >= 0: // the other one makes all of its run now
			able = []int{1 - x.faulty}
		case x.turns == interruptions:
			able = []int{x.turn}
		}
	}
	for _, i := range able {
		options = append(options, choice{int8(i), none})
	}
	if x.tail != nil && branching && (x.walk.whole || x.tail.op == "Create" || len(able) == 0) {
		options = append(options, choice{late, none})
		if len(able) == 0 {
			options = append(options, choice{never, none})
		}
	}
	if x.faulty < 0 && x.turns == 0 && x.walk.faults || x.faulty < 0 && x.walk.whole && x.walk.faults {
		for _, i := range able {
			for _, f := range faultsOf(x.actors[i].pending.op) {
				options = append(options, choice{int8(i), f})
			}
		}
	}
	return options
}

func (x *execution) key() uint64 {
	parts := []string{fmt.Sprint(x.sum, x.faulty >= 0)}
	if !x.walk.whole {
		parts = append(parts, fmt.Sprint(x.faulty, x.turn, x.turns))
	}
	for i, a := range x.actors {
		if a.pending == nil {
			parts = append(parts, "ended", x.left(i))
		} else {
			parts = append(parts, fmt.Sprint(a.seen, a.cut))
		}
	}
	if x.tail != nil {
		parts = append(parts, x.tail.op, x.tail.name, x.tail.content)
	}
	return sumOf(parts...)
}

// left is all that a worker that has ended has to do with what comes: what it was told is committed, and of the first one, which
// starts again, what is in its directory.
func (x *execution) left(i int) string {
	a := x.actors[i]
	if a.left == "" {
		parts := append([]string{"commits"}, a.commits...)
		if i == 0 {
			_ = filepath.WalkDir(a.dir, func(path string, d fs.DirEntry, err error) error {
				if err != nil || d.IsDir() || strings.HasPrefix(d.Name(), "lock") { // the process' own
					return err
				}
				content, err := os.ReadFile(path)
				if d.Type()&fs.ModeSymlink != 0 {
					to, unread := os.Readlink(path)
					content, err = []byte(to), unread
				}
				parts = append(parts, strings.TrimPrefix(path, a.dir), string(content))
				return err
			})
		}
		a.left = fmt.Sprint(sumOf(parts...))
	}
	return a.left
}

func (x *execution) apply(c choice) {
	if c.actor >= late {
		if c.actor == late {
			_ = x.tail.do()
		}
		x.history = append(x.history, fmt.Sprintf("%d: %s %s", c.actor, x.tail.op, x.tail.name))
		x.tail = nil
		return
	}
	a, o := x.actors[c.actor], x.actors[c.actor].pending
	if x.turn >= 0 && x.turn != int(c.actor) && x.actors[x.turn].pending != nil {
		x.turns++
	}
	x.turn = int(c.actor)
	x.history = append(x.history, fmt.Sprintf("w%d: %s %s, fault %d", c.actor+1, o.op, o.name, c.fault))
	if c.fault != none {
		x.faulty = int(c.actor)
	}
	var err error
	switch c.fault {
	case none:
		err = o.do()
	case repeated:
		_ = o.do()
		err = o.do()
	case lost:
		_ = o.do()
		err = errFault
	case delayed:
		x.tail, err = o, errFault
	case refused:
		err = errFault
	case stopped:
		a.cut, err = true, errFault
	}
	a.put = a.put || o.op == "Put"
	a.listed = a.listed || o.op == "List" && strings.Contains(o.name, "/objects/")
	a.seen = sumOf(fmt.Sprint(a.seen, err), o.op, o.name, fmt.Sprint(c.fault == delayed))
	if o.op == "Delete" && err == nil {
		x.check("after a deletion")
	}
	x.answer(a, err)
}

// answer lets a worker go on to its next operation; one that is cut off gets to its end.
func (x *execution) answer(a *actor, err error) {
	a.pending.answer <- err
	a.pending = <-a.asks
	for a.cut && a.pending != nil {
		a.pending.answer <- errFault
		a.pending = <-a.asks
	}
}

// cutOff ends the workers, whose further way is known.
func (x *execution) cutOff() {
	for _, a := range x.actors {
		a.cut = true
		if a.pending != nil {
			x.answer(a, errFault)
		}
	}
}

func (x *execution) fail(format string, args ...any) {
	x.walk.mu.Lock()
	defer x.walk.mu.Unlock()
	x.walk.failures = append(x.walk.failures, fmt.Sprintf(format, args...)+"\n  "+strings.Join(x.history, "\n  "))
}

// check holds the bucket to what is true at any moment: what the last records name is there.
func (x *execution) check(when string) {
	last := x.chain[len(x.chain)-1].Number
	for _, r := range x.chain[max(0, len(x.chain)-20):] {
		if _, there := x.content[fmt.Sprintf("acme/log/%012d", r.Number)]; !there || r.Number <= last-20 {
			continue
		}
		for _, run := range r.Runs {
			for _, object := range run.Objects {
				if _, there := x.content["acme/objects/"+object]; !there {
					x.fail("%s the object %s is lost, which record %d names", when, object, r.Number)
				}
			}
		}
	}
}

// end holds what came of it to the promises, and lets workers go on from there.
func (x *execution) end() {
	x.check("at the end")
	for i := 1; i < len(x.chain); i++ {
		before, after := x.chain[i-1].last(), x.chain[i].last()
		if after != before && x.made[after].previous != before {
			x.fail("a fork: record %d has the run %s, which follows %q and not %s", x.chain[i].Number, after, x.made[after].previous, before)
		}
	}
	for _, a := range x.actors {
		for _, id := range a.commits {
			if !slices.ContainsFunc(x.chain, func(r record) bool { return r.last() == id }) {
				x.fail("%s was told that the run %s is committed, and it is not", a.name, id)
			}
		}
	}
	if !x.walk.reachesEnd(sumOf(fmt.Sprint(x.sum), x.left(0))) {
		return
	}
	x.recover()
}

// recover has the first worker start again, and then a third one with an empty directory go on twice.
func (x *execution) recover() {
	plain := &plainWorld{&x.world}
	third := worker{name: "w3", dir: filepath.Join(x.dir, "w3")}.restarted(plain)
	for i, w := range []*worker{x.actors[0].worker.restarted(plain), third, third} {
		w.replica.Clock = noon
		if err := w.session(context.Background(), byte('r'+i), true, x.note, func(string) {}); err != nil {
			x.fail("%s cannot go on: %v", w.name, err)
			return
		}
	}
	applied, seen := 0, map[string]bool{}
	for _, r := range x.chain {
		if id := r.last(); !seen[id] {
			seen[id] = true
			applied += len(x.made[id].applied)
		}
	}
	if applied != 1 {
		x.fail("what was accepted was let go %d times", applied)
	}
	there, named := x.objects(failer{x})
	if !slices.Equal(there, named) {
		x.fail("objects are stranded or lost: there are %v, and records name %v", there, named)
	}
	if asks, _ := x.List(context.Background(), "acme/asks/"); len(asks) > 0 {
		x.fail("asks are stranded: %v", asks)
	}
	if records := x.records(failer{x}); len(records) > 20 {
		x.fail("there are %d records", len(records))
	}
}

type failer struct{ x *execution }

func (f failer) Errorf(format string, args ...any) { f.x.fail(format, args...) }

func (f failer) FailNow() { panic("an execution has failed") }

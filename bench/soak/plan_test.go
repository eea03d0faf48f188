package soak_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"s1graph/alerts/outbox"
	"s1graph/s1/s1test"
)

// fault is something that fails for some polls.
type fault struct {
	name        string
	from, until int // polls: it begins before the first, and is mended before the second
	begin       func(t *testing.T)
	mend        func(t *testing.T)
}

// kind is what can fail.
type kind struct {
	name  string
	most  int // polls for which it lasts at most
	begin func(t *testing.T, random int)
	mend  func(t *testing.T)
}

// makePlan says what fails when. What keeps runs from being committed fails one after the other, and never for so long
// that two busy days look like one; what only follows the runs fails meanwhile, too.
func (s *soak) makePlan(random *rand.Rand, polls int) []fault {
	lanes := [][]kind{s.ofRuns(), s.ofReceiver(), s.ofNeo4j(), s.ofClock()}
	var plan []fault
	for lane, kinds := range lanes {
		if len(kinds) == 0 {
			continue
		}
		gap := 1 + polls/40*8/len(kinds) // a week has some of each, and a year has none too often
		random.Shuffle(len(kinds), func(i, j int) { kinds[i], kinds[j] = kinds[j], kinds[i] })
		free := 2
		for n := 0; ; n++ {
			k := kinds[n%len(kinds)]
			lasts, detail := 1+random.IntN(k.most), random.IntN(1<<30)
			from := nextBusy(free+lasts-1+random.IntN(gap)) - random.IntN(lasts)
			if from+lasts > polls-calm*perDay {
				break
			}
			begin, mend := func(t *testing.T) { k.begin(t, detail) }, k.mend
			if lane == 0 {
				begin = func(t *testing.T) { s.mayFail.Store(true); k.begin(t, detail) }
				mend = func(t *testing.T) { s.mayFail.Store(false); k.mend(t) }
			}
			plan = append(plan, fault{k.name, from, from + lasts, begin, mend})
			free = from + lasts + 3
		}
	}
	slices.SortStableFunc(plan, func(a, b fault) int { return a.from - b.from })
	return plan
}

// nextBusy is the first poll of a busy day, which are the odd ones, that is not before the given one: a fault matters when
// there is something to be told.
func nextBusy(poll int) int { return (poll+2*perDay-perDay-1)/(2*perDay)*2*perDay + perDay }

func (s *soak) breakAndMend(t *testing.T, poll int) {
	for _, f := range s.plan {
		if f.until == poll {
			f.mend(t)
		}
	}
	for _, f := range s.plan {
		if f.from == poll {
			f.begin(t)
			s.count("faults: " + f.name)
		}
	}
}

func (s *soak) planText() string {
	var b strings.Builder
	for _, f := range s.plan {
		fmt.Fprintf(&b, "polls %d to %d (%s to %s): %s\n", f.from, f.until-1,
			firstDay.Add(time.Duration(f.from)*every).Format(time.DateTime), firstDay.Add(time.Duration(f.until-1)*every).Format(time.DateTime), f.name)
	}
	return b.String()
}

// ofRuns keep a run from being committed, or from being whole.
func (s *soak) ofRuns() []kind {
	var mend func()
	console := func(name string, f func(random int) s1test.Fault) kind {
		return kind{name, 3, func(_ *testing.T, random int) { mend = s.console.Break(f(random)) }, func(*testing.T) { mend() }}
	}
	lists := []string{"/accounts", "/sites", "/groups", "/agents", "/threats", "/installed-applications"}
	some := func(random int, e s1test.Effect) s1test.Fault {
		return s1test.Fault{Path: lists[random%len(lists)], Match: s1test.Rows, Effect: e}
	}
	return []kind{
		console("the console is down", func(int) s1test.Fault {
			return s1test.Fault{Effect: s1test.Status(http.StatusServiceUnavailable)}
		}),
		console("a list fails", func(random int) s1test.Fault { return some(random, s1test.Status(http.StatusInternalServerError)) }),
		console("a list is refused", func(random int) s1test.Fault { return some(random, s1test.Status(http.StatusForbidden)) }),
		console("a list is empty", func(random int) s1test.Fault { return some(random, s1test.EmptyList()) }),
		console("a list lacks rows", func(random int) s1test.Fault { return some(random, s1test.RowsLost(1+random%7)) }),
		console("answers are cut off", func(random int) s1test.Fault { return some(random, s1test.CutInBody()) }),
		{
			"the disk is full", 3,
			func(_ *testing.T, random int) { // from the middle of a run on
				s.isBroken = true
				s.request.in(1+random%12, s.disk.Fill)
			},
			func(*testing.T) {
				if s.request.stop() { // as many requests never came
					s.disk.Free()
				}
				s.isBroken = false
			},
		},
		{
			"the disk is read-only", 3,
			func(t *testing.T, _ int) { s.isBroken = true; letGo(t); s.disk.ReadOnly() },
			func(*testing.T) { s.disk.Writable(); s.isBroken = false },
		},
		{
			"the service is off", 4,
			func(*testing.T, int) { s.stop() },
			func(t *testing.T) { s.start(t) },
		},
	}
}

// letGo unmaps the damaged files over which bbolt stumbled, which it never does: no disk becomes read-only while a file is
// mapped that was opened for writing.
func letGo(t *testing.T) {
	maps, err := os.ReadFile("/proc/self/maps")
	require.NoError(t, err)
	for line := range strings.Lines(string(maps)) {
		var from, to uintptr
		if strings.Contains(line, "/alerts.db.damaged-") {
			_, err := fmt.Sscanf(line, "%x-%x", &from, &to)
			require.NoError(t, err)
			_, _, errno := syscall.Syscall(syscall.SYS_MUNMAP, from, to-from, 0)
			require.Zero(t, errno)
		}
	}
}

// ofClock put the clock of the machine to another time.
func (s *soak) ofClock() []kind {
	clock := func(name string, off time.Duration) kind {
		return kind{name, 3, func(*testing.T, int) { s.skew.Store(int64(off)) }, func(*testing.T) { s.skew.Store(0) }}
	}
	return []kind{
		clock("the clock is three years ahead", 3*365*24*time.Hour),
		clock("the clock is a day behind", -24*time.Hour),
	}
}

// ofReceiver make that what is told does not arrive, or seems not to.
func (s *soak) ofReceiver() []kind {
	mood := func(name string, most int, m mood) kind {
		return kind{name, most, func(*testing.T, int) { s.receiver.feel(m) }, func(*testing.T) { s.receiver.feel(taking) }}
	}
	return []kind{
		mood("the receiver is down", 4, failing),
		mood("the receiver is down for days", 12, failing),
		mood("the receiver takes and does not answer", 2, cutting),
		mood("the receiver asks for a pause", 2, busy),
		mood("the receiver refuses", 2, refusing),
		{"alerts.db is damaged while nothing waits in it", 1, func(t *testing.T, random int) { s.damageAlerts(t, random) }, func(*testing.T) {}},
	}
}

// damageAlerts writes over a part of alerts.db, unless that cannot be or would lose what waits there.
func (s *soak) damageAlerts(t *testing.T, random int) {
	if s.isBroken || s.service == nil {
		return
	}
	s.sample(t) // for what is dead
	for _, queue := range s.service.Status().Instances[0].Alerts {
		if queue.Queued > 0 {
			return
		}
	}
	f, err := os.OpenFile(outbox.In(s.settings.Dir).Path(), os.O_WRONLY, 0)
	require.NoError(t, err)
	_, err = f.WriteAt(bytes.Repeat([]byte{0xff}, 4096), int64(random%3)*4096)
	require.NoError(t, errors.Join(err, f.Close()))
	s.count("times that alerts.db was damaged")
}

// ofNeo4j are none where there is no Neo4j.
func (s *soak) ofNeo4j() []kind {
	if s.line == nil {
		return nil
	}
	up := func(*testing.T) { s.line.set(whole) }
	return []kind{
		{"Neo4j is away", 40, func(*testing.T, int) { s.line.set(0) }, up},
		{"Neo4j goes away in the middle", 4, func(_ *testing.T, random int) { s.line.set(int64(1 + random%20_000)) }, up},
	}
}

// countdown does something when so many requests have come.
type countdown struct {
	mu   sync.Mutex
	left int
	then func()
	done bool
}

func (c *countdown) in(requests int, then func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.left, c.then, c.done = requests, then, false
}

// stop says whether it was done.
func (c *countdown) stop() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.left = 0
	return c.done
}

func (c *countdown) pass(*http.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.left == 0 {
		return
	}
	if c.left--; c.left == 0 {
		c.then()
		c.done = true
	}
}

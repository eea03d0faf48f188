package soak_test

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"s1graph/alerts/outbox"
)

// sample is how much a service takes at the end of a day.
type sample struct {
	day               int
	heap, disk        int64 // bytes
	goroutines, files int
}

// sample measures, and notes what is listed as dead.
func (s *soak) sample(t *testing.T) {
	t.Helper()
	if s.isBroken {
		return
	}
	look := func() error {
		return outbox.In(s.settings.Dir).View(t.Context(), func(tx *outbox.Tx) error {
			dead, err := tx.Dead("")
			for _, e := range dead {
				s.dead[e.ID] = message{ID: e.ID, Event: e.Event, Rule: e.Rule, Key: e.Key}
			}
			return err
		})
	}
	err := look()
	if errors.Is(err, outbox.ErrDamaged) { // and nobody had met with that yet
		err = look()
	}
	require.NoError(t, err)
	now := sample{day: int(s.elapsed().Hours() / 24), goroutines: runtime.NumGoroutine(), disk: sizeOf(t, s.settings.Dir)}
	open, err := os.ReadDir("/proc/self/fd")
	require.NoError(t, err)
	now.files = len(open)
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	now.heap = int64(m.HeapAlloc)
	s.samples = append(s.samples, now)
}

// sizeOf is what the files of a folder take, those that are linked counted once.
func sizeOf(t *testing.T, dir string) (size int64) {
	t.Helper()
	var seen []os.FileInfo
	require.NoError(t, filepath.WalkDir(dir, func(_ string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		info, err := e.Info()
		if err == nil && !slices.ContainsFunc(seen, func(other os.FileInfo) bool { return os.SameFile(info, other) }) {
			seen = append(seen, info)
			size += info.Size()
		}
		return err
	}))
	return size
}

// assertBounded compares the end with the time when a service had settled.
func (s *soak) assertBounded(t *testing.T) {
	t.Helper()
	require.GreaterOrEqual(t, len(s.samples), 4)
	settled := s.samples[:min(len(s.samples)/2, 60)]
	last := s.samples[len(s.samples)-1]
	most := func(of func(sample) int64) (most int64) {
		for _, one := range settled {
			most = max(most, of(one))
		}
		return most
	}
	const underWay = 4 // of the servers that the test has
	assert.LessOrEqual(t, int64(last.goroutines), most(func(s sample) int64 { return int64(s.goroutines) })+underWay, "goroutines")
	assert.LessOrEqual(t, int64(last.files), most(func(s sample) int64 { return int64(s.files) })+underWay, "open files")
	assert.LessOrEqual(t, last.heap, most(func(s sample) int64 { return s.heap })+16<<20, "bytes of the heap")
	assert.LessOrEqual(t, last.disk, 8*s.clean, "bytes of the folder, whose clean one has %d", s.clean)
}

func (s *soak) count(what string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.outcomes[what]++
}

// figures are what make soak prints.
func (s *soak) figures() string {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(s.outcomes)) {
		fmt.Fprintf(&b, "%6d  %s\n", s.outcomes[name], name)
	}
	fmt.Fprintf(&b, "%6d  requests to the receiver, which took %d messages\n", s.receiver.requests, len(s.receiver.messages))
	fmt.Fprintf(&b, "%6d  messages that were listed as dead\n", len(s.dead))
	fmt.Fprintf(&b, "%6d  planted events, of which %d belong to runs that were said not to be seen\n", s.planted, s.excused)
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err == nil {
		fmt.Fprintf(&b, "%6d  seconds of CPU time, without Neo4j's\n", used.Utime.Sec+used.Stime.Sec)
	}
	const mib = 1 << 20
	fmt.Fprintf(&b, "a clean run's folder has %.1f MiB\n", float64(s.clean)/mib)
	for i, one := range s.samples {
		if i == 0 || i == len(s.samples)-1 || i%max(1, len(s.samples)/8) == 0 {
			fmt.Fprintf(&b, "day %d: %.1f MiB of disk, %.1f MiB of heap, %d goroutines, %d open files\n",
				one.day, float64(one.disk)/mib, float64(one.heap)/mib, one.goroutines, one.files)
		}
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// logger keeps the last lines that tell of something odd.
func (s *soak) logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(tail{s}, &slog.HandlerOptions{Level: slog.LevelWarn}))
}

type tail struct{ *soak }

const lines = 20

func (l tail) Write(line []byte) (int, error) {
	if bytes.Contains(line, []byte(`msg="alert failed"`)) { // of these there are too many
		return len(line), nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.log = append(l.log, strings.TrimSpace(string(line[:min(len(line), 500)])))
	l.log = l.log[max(0, len(l.log)-lines):]
	return len(line), nil
}

//go:build unix

package jsonstore_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"math/rand/v2"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"s1graph/graph"
	"s1graph/graph/jsonstore"
	"s1graph/graph/storetest"
)

func init() {
	children["commit for ever"] = commitForEver
	children["commit on a full disk"] = commitOnAFullDisk
	children["commit without the right to"] = commitWithoutTheRightTo
	children["open a run without the right to"] = openARunWithoutTheRightTo
	children["commit where no name can be synced"] = commitWhereNoNameCanBeSynced
}

func child(t *testing.T, what, dir string) *exec.Cmd {
	t.Helper()
	c := exec.Command(os.Args[0], dir)
	c.Env = append(os.Environ(), childVariable+"="+what)
	return c
}

// commitForEver commits graph after graph, each with a different size, and removes runs that are no longer needed. It
// prints a dot every few records, so that whoever kills it does so in the middle of something.
func commitForEver(dir string) error {
	s, err := jsonstore.Open(dir, jsonstore.Options{Instance: "acme"})
	if err != nil {
		return err
	}
	for {
		next := int64(1)
		if s.Last() != nil {
			next = s.Last().Manifest().Sequence + 1
		}
		if _, err := commit(context.Background(), s, dotted{numbered(sizeOf(next))}, changesOf(next)...); err != nil {
			return err
		}
		fmt.Print(".")
		if err := s.Prune(); err != nil {
			return err
		}
	}
}

// changesOf is the one change that a run makes; the first is a baseline.
func changesOf(sequence int64) []graph.Change {
	if sequence == 1 {
		return nil
	}
	return []graph.Change{renamed(fmt.Sprint(sequence))}
}

func sizeOf(sequence int64) int { return 1 + int(sequence*397%1500) }

type dotted struct{ graph.Snapshot }

func (d dotted) All(ctx context.Context, typeName string) iter.Seq2[graph.Encoded, error] {
	return func(yield func(graph.Encoded, error) bool) {
		n := 0
		for e, err := range graph.All(ctx, d.Snapshot, typeName) {
			if n++; n%64 == 0 {
				fmt.Print(".")
			}
			if !yield(e, err) {
				return
			}
		}
	}
}

func TestKilledAtAnyMomentTheLastRunStands(t *testing.T) {
	dir := t.TempDir()
	random := rand.New(rand.NewPCG(3, 1))
	var last int64
	for range 20 {
		c := child(t, "commit for ever", dir)
		dots, err := c.StdoutPipe()
		require.NoError(t, err)
		require.NoError(t, c.Start())
		_, err = io.ReadFull(dots, make([]byte, 1+random.IntN(60)))
		require.NoError(t, err)
		require.NoError(t, c.Process.Kill())
		require.ErrorContains(t, c.Wait(), "killed")

		s, err := jsonstore.Open(dir, jsonstore.Options{Instance: "acme"})
		require.NoError(t, err)
		if s.Last() == nil {
			requireNames(t, filepath.Join(dir, "runs"))
			require.NoError(t, s.Close())
			continue
		}
		m := s.Last().Manifest()
		require.Empty(t, s.Last().Verify(t.Context()))
		require.GreaterOrEqual(t, m.Sequence, last)
		storetest.RequireSame(t, numbered(sizeOf(m.Sequence)), s.Last())
		requireNoRunAfter(t, dir, m.ID)
		requireLogUpTo(t, dir, m.Sequence)
		requireNames(t, s.TempDir())
		require.NoError(t, s.Close())
		if s.Recovered() == "" {
			names := []string{"changes", "current", "graph", "identity.json", "lock", "runs", "summary.json"}
			if m.Sequence == 1 {
				names = names[1:]
			}
			requireNames(t, dir, names...)
		} else {
			require.EqualValues(t, 1, m.Sequence, "the first run, whole and not yet linked")
		}
		last = m.Sequence
	}
	require.Greater(t, last, int64(5))
}

// requireLogUpTo wants the changes of all runs that were committed, once each, and no others.
func requireLogUpTo(t *testing.T, dir string, last int64) {
	t.Helper()
	want, got := []string{}, []string{}
	for n := int64(2); n <= last; n++ {
		want = append(want, fmt.Sprintf("%06d sentinelone_group:%d", n, n))
	}
	for _, line := range logged(t, dir) {
		id, key, _ := strings.Cut(line, " ")
		got = append(got, id[:6]+" "+key)
	}
	require.Equal(t, want, got)
}

// requireNoRunAfter allows older runs, which a killed child did not come to prune.
func requireNoRunAfter(t *testing.T, dir, last string) {
	t.Helper()
	entries, err := os.ReadDir(filepath.Join(dir, "runs"))
	require.NoError(t, err)
	for _, e := range entries {
		require.LessOrEqual(t, e.Name(), last)
	}
}

// commitOnAFullDisk first commits, and then tries again while the system refuses to let files grow, which is how a full
// disk is played. It prints what it got as an error.
func commitOnAFullDisk(dir string) error {
	signal.Ignore(syscall.SIGXFSZ)
	s, err := jsonstore.Open(dir, jsonstore.Options{Instance: "acme"})
	if err != nil {
		return err
	}
	if _, err := commit(context.Background(), s, numbered(10)); err != nil {
		return err
	}
	for _, limit := range []uint64{0, 100, 2_000, 20_000, 60_000} {
		if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: limit, Max: syscall.RLIM_INFINITY & (1<<63 - 1)}); err != nil {
			return err
		}
		_, err := commit(context.Background(), s, numbered(1000))
		if err == nil {
			return fmt.Errorf("a commit with files of %d bytes at most went well", limit)
		}
		fmt.Println(err)
	}
	return s.Close()
}

func TestOnAFullDiskTheLastRunStands(t *testing.T) {
	dir := t.TempDir()
	out, err := child(t, "commit on a full disk", dir).CombinedOutput()
	require.NoError(t, err, "%s", out)
	faults := strings.Split(strings.TrimSpace(string(out)), "\n")
	require.Len(t, faults, 5)
	for _, fault := range faults {
		assert.Contains(t, fault, dir+"/runs/000002-")
		assert.Contains(t, fault, syscall.EFBIG.Error())
	}
	s := open(t, dir)
	assert.EqualValues(t, 1, s.Last().Manifest().Sequence)
	assert.Empty(t, s.Last().Verify(t.Context()))
	storetest.RequireSame(t, numbered(10), s.Last())
	requireNames(t, filepath.Join(dir, "runs"), s.Last().Manifest().ID)
}

func TestASecondProcessIsToldWhoHoldsTheDirectory(t *testing.T) {
	dir := t.TempDir()
	c := child(t, "commit for ever", dir)
	require.NoError(t, c.Start())
	defer func() {
		require.NoError(t, c.Process.Kill())
		require.Error(t, c.Wait())
	}()
	host, err := os.Hostname()
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		_, err := os.Lstat(filepath.Join(dir, "current"))
		return err == nil
	}, 5*time.Minute, time.Millisecond)

	_, err = jsonstore.Open(dir, jsonstore.Options{Instance: "acme"})
	var locked *jsonstore.LockedError
	require.ErrorAs(t, err, &locked)
	assert.Equal(t, c.Process.Pid, locked.PID)
	assert.Equal(t, host, locked.Host)
	assert.WithinDuration(t, time.Now(), locked.Since, time.Minute)
	assert.ErrorContains(t, err, fmt.Sprintf("%s is in use by process %d on %s since ", dir, c.Process.Pid, host))
}

func TestDirectoriesAndFilesAreForTheirOwnerAlone(t *testing.T) {
	before := syscall.Umask(0)
	defer syscall.Umask(before)
	dir := filepath.Join(t.TempDir(), "state", "acme")
	s := open(t, dir)
	_, err := commit(t.Context(), s, numbered(600))
	require.NoError(t, err)
	require.NoError(t, filepath.Walk(dir, func(path string, info os.FileInfo, err error) error {
		require.NoError(t, err)
		switch {
		case info.IsDir():
			assert.Equal(t, os.FileMode(0o700), info.Mode().Perm(), path)
		case info.Mode().IsRegular():
			assert.Equal(t, os.FileMode(0o600), info.Mode().Perm(), path)
		}
		return nil
	}))
}

func TestAReadOnlyDiskIsAnErrorThatNamesTheFileAndTheLastRunStands(t *testing.T) {
	dir, faults := withoutRights(t, "commit without the right to")
	require.Len(t, faults, 3)
	assert.Contains(t, faults[0], dir+"/state/runs/000002-")
	assert.Contains(t, faults[1], dir+"/state/")
	assert.Contains(t, faults[2], dir+"/closed/state")
	for _, fault := range faults {
		assert.Contains(t, fault, syscall.EACCES.Error())
	}
}

// withoutRights runs a child that is not root, whose rights can be taken away, and returns the lines that it prints.
func withoutRights(t *testing.T, what string) (dir string, lines []string) {
	t.Helper()
	dir = t.TempDir()
	require.NoError(t, os.Chmod(dir, 0o777))
	require.NoError(t, os.Chmod(filepath.Dir(dir), 0o755))
	out, err := child(t, what, dir).CombinedOutput()
	require.NoError(t, err, "%s", out)
	return dir, strings.Split(strings.TrimSpace(string(out)), "\n")
}

func becomeNobody() error {
	const nobody = 65534
	if os.Getuid() != 0 {
		return nil
	}
	return syscall.Setuid(nobody)
}

// commitWithoutTheRightTo takes away, bit by bit, the right to write, which root cannot lose. It prints the errors.
func commitWithoutTheRightTo(dir string) error {
	if err := becomeNobody(); err != nil {
		return err
	}
	state := filepath.Join(dir, "state")
	s, err := jsonstore.Open(state, jsonstore.Options{})
	if err != nil {
		return err
	}
	if _, err := commit(context.Background(), s, numbered(10)); err != nil {
		return err
	}
	for _, path := range []string{filepath.Join(state, "runs"), filepath.Join(state, "tmp")} {
		if err := os.Chmod(path, 0o500); err != nil {
			return err
		}
		if _, err = commit(context.Background(), s, numbered(20)); err == nil {
			return fmt.Errorf("a commit without the right to write to %s went well", path)
		}
		fmt.Println(err)
		if damaged := s.Last().Verify(context.Background()); len(damaged) > 0 || s.Last().Manifest().Sequence != 1 {
			return fmt.Errorf("the last run is no longer whole: %v", damaged)
		}
		if err := os.Chmod(path, 0o700); err != nil {
			return err
		}
	}
	if err := s.Close(); err != nil {
		return err
	}
	if err := os.Mkdir(filepath.Join(dir, "closed"), 0o500); err != nil {
		return err
	}
	if _, err = jsonstore.Open(filepath.Join(dir, "closed", "state"), jsonstore.Options{}); err == nil {
		return errors.New("a directory was made without the right to")
	}
	fmt.Println(err)
	return nil
}

func TestARunThatMayNotBeReadIsAnErrorAndNotLost(t *testing.T) {
	dir, lines := withoutRights(t, "open a run without the right to")
	require.Len(t, lines, 3)
	for _, fault := range lines[:2] {
		assert.Contains(t, fault, dir+"/state/runs/000002-")
		assert.Contains(t, fault, "/run.json is damaged: permission denied")
	}
	assert.Equal(t, "2", lines[2], "the last run, when it may be read again")
}

// openARunWithoutTheRightTo opens a directory whose last run may not be read, with the link to it and without.
func openARunWithoutTheRightTo(dir string) error {
	if err := becomeNobody(); err != nil {
		return err
	}
	state := filepath.Join(dir, "state")
	if err := commitTwice(state); err != nil {
		return err
	}
	manifest, err := filepath.EvalSymlinks(filepath.Join(state, "current", "run.json"))
	if err != nil {
		return err
	}
	if err := os.Chmod(manifest, 0); err != nil {
		return err
	}
	for range 2 {
		if _, err := jsonstore.Open(state, jsonstore.Options{}); err == nil {
			return errors.New("a run was opened without the right to")
		} else {
			fmt.Println(err)
		}
		if err := os.RemoveAll(filepath.Join(state, "current")); err != nil {
			return err
		}
	}
	if err := os.Chmod(manifest, 0o600); err != nil {
		return err
	}
	s, err := jsonstore.Open(state, jsonstore.Options{})
	if err != nil {
		return err
	}
	fmt.Println(s.Last().Manifest().Sequence)
	return s.Close()
}

func commitTwice(dir string) error {
	s, err := jsonstore.Open(dir, jsonstore.Options{})
	if err != nil {
		return err
	}
	for n := range 2 {
		if _, err := commit(context.Background(), s, numbered(n)); err != nil {
			return err
		}
	}
	return s.Close()
}

func TestARunThatIsLinkedIsCommittedWhateverFollows(t *testing.T) {
	_, lines := withoutRights(t, "commit where no name can be synced")
	assert.Equal(t, []string{"3"}, lines)
}

// commitWhereNoNameCanBeSynced commits while the directory may be written and not be opened, which is how a disk
// that fails after the link was swapped is played.
func commitWhereNoNameCanBeSynced(dir string) error {
	if err := becomeNobody(); err != nil {
		return err
	}
	state := filepath.Join(dir, "state")
	if err := commitTwice(state); err != nil {
		return err
	}
	s, err := jsonstore.Open(state, jsonstore.Options{})
	if err != nil {
		return err
	}
	if err := os.Chmod(state, 0o300); err != nil {
		return err
	}
	run, err := commit(context.Background(), s, numbered(20))
	if err != nil {
		return err
	}
	fmt.Println(run.Manifest().Sequence)
	return errors.Join(os.Chmod(state, 0o700), s.Close())
}

package jsonstore

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"s1graph/graph"
)

// LoggedRun is a committed run whose changes are kept. It can be read while another process writes to the
// directory: what is in the log is whole.
type LoggedRun struct {
	ID string
	At time.Time // when it started, to the second

	file string
}

// ChangeLog finds the runs in a Store's directory whose changes are kept, the oldest first. Runs that changed
// nothing are not among them. The lock is not needed. The error is fs.ErrNotExist if there is no such directory.
func ChangeLog(dir string) ([]LoggedRun, error) {
	if _, err := os.Stat(dir); err != nil {
		return nil, err
	}
	ids, err := loggedIDs(dir)
	if err != nil {
		return nil, err
	}
	var runs []LoggedRun
	for _, id := range ids {
		runs = append(runs, LoggedRun{ID: id, At: startOf(id), file: loggedPath(dir, id)})
	}
	return withCurrent(dir, runs), nil
}

// withCurrent adds the last run, should its process have been killed before it could put it into the log.
func withCurrent(dir string, runs []LoggedRun) []LoggedRun {
	id, err := lastID(dir)
	if err != nil {
		return runs
	}
	file := filepath.Join(dir, "runs", id, "changes.jsonl")
	info, err := os.Stat(file)
	isLogged := slices.ContainsFunc(runs, func(r LoggedRun) bool { return r.ID == id })
	if err != nil || info.Size() == 0 || isLogged {
		return runs
	}
	return append(runs, LoggedRun{ID: id, At: startOf(id), file: file})
}

// Changes yields the run's changes in the order in which they were written: by type, and by key within each. A run that was
// pruned meanwhile has none. After an error, a *DamagedError where the file is not as it was written, nothing more is yielded.
func (r *LoggedRun) Changes(ctx context.Context) iter.Seq2[graph.ChangeLine, error] {
	return readChanges(ctx, r.file)
}

// Changes yields what the run changed, as LoggedRun's Changes does.
func (r *Run) Changes(ctx context.Context) iter.Seq2[graph.ChangeLine, error] {
	return readChanges(ctx, filepath.Join(r.dir, "changes.jsonl"))
}

func readChanges(ctx context.Context, path string) iter.Seq2[graph.ChangeLine, error] {
	return func(yield func(graph.ChangeLine, error) bool) {
		f, err := OpenPlain(path)
		if errors.Is(err, fs.ErrNotExist) {
			return
		}
		if err != nil {
			yield(graph.ChangeLine{}, err)
			return
		}
		defer f.Close()
		for c, err := range graph.ReadChanges(ctx, f) {
			_, ofFile := errors.AsType[*fs.PathError](err)
			if err != nil && !ofFile && ctx.Err() == nil {
				err = &DamagedError{File: path, Reason: err}
			}
			if !yield(c, err) || err != nil {
				return
			}
		}
	}
}

// PruneChanges removes from the log the runs that started before the given time. One that is dated more than a day after
// the last run had a clock that was ahead: it goes with the run that followed it. The last run's changes stay: they are in
// its own folder all the same.
func (s *Store) PruneChanges(before time.Time) error {
	ids, err := loggedIDs(s.dir)
	if err != nil || s.last == nil {
		return err
	}
	last := &s.last.manifest
	old, at := map[string]bool{}, last.StartedAt
	for _, id := range slices.Backward(ids) {
		if started := startOf(id); !started.After(last.StartedAt.Add(24 * time.Hour)) {
			at = started
		}
		old[id] = at.Before(before) && id != last.ID
	}
	return s.removeLogged(func(id string) bool { return old[id] })
}

// logChanges puts the run's changes into the log, if there are any and it does not have them.
func (s *Store) logChanges(r *Run) error {
	from, to := filepath.Join(r.dir, "changes.jsonl"), loggedPath(s.dir, r.manifest.ID)
	if info, err := os.Stat(from); errors.Is(err, fs.ErrNotExist) || err == nil && info.Size() == 0 {
		return nil
	}
	if _, err := os.Lstat(to); err == nil {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(to), dirMode); err != nil {
		return err
	}
	if err := LinkOrCopy(from, to); err != nil {
		return err
	}
	return syncDir(filepath.Dir(to))
}

// LinkOrCopy makes a hard link, or a copy: some file systems have no hard links, and none reaches another file system.
func LinkOrCopy(from, to string) error {
	if os.Link(from, to) == nil {
		return nil
	}
	return copyFile(from, to)
}

// copyFile makes a copy that is there whole or not at all.
func copyFile(from, to string) error {
	source, err := OpenPlain(from)
	if err != nil {
		return err
	}
	defer source.Close()
	return ReplaceBy(to, func(w io.Writer) error {
		_, err := io.Copy(w, source)
		return err
	})
}

// forgetUncommitted removes from the log what is of no committed run: a run's entry can outlive a loss of power that the link
// to the run itself does not.
func (s *Store) forgetUncommitted() error {
	last := &s.last.manifest
	return s.removeLogged(func(id string) bool {
		n, _ := sequenceOf(id)
		return n >= last.Sequence && id != last.ID
	})
}

func (s *Store) removeLogged(which func(id string) bool) error {
	ids, err := loggedIDs(s.dir)
	if err != nil {
		return err
	}
	var errs []error
	for _, id := range ids {
		if which(id) {
			errs = append(errs, os.Remove(loggedPath(s.dir, id)))
		}
	}
	return errors.Join(errs...)
}

const loggedSuffix = ".jsonl"

func loggedPath(dir, id string) string { return filepath.Join(dir, "changes", id+loggedSuffix) }

// loggedIDs are the IDs of the runs in the log, the oldest first.
func loggedIDs(dir string) ([]string, error) {
	return idsIn(filepath.Join(dir, "changes"), loggedSuffix, 0)
}

// startOf reads from a run's ID when it started; zero if it does not say so.
func startOf(id string) time.Time {
	_, rest, _ := strings.Cut(id, "-")
	moment, _, _ := strings.Cut(rest, "-")
	started, _ := time.Parse(idTime, moment)
	return started
}

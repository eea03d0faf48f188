package jsonstore

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// What follows is for who keeps a directory's runs in another place too, and brings a directory to what is there. It is
// called under the directory's lock: by Options.Prepare, or within Hold.

// Hold runs do while this process is the only one that may write to the directory, which is made where there is none. Nothing
// in it is read or tidied up. The errors are those of Open, and do's.
func Hold(dir string, now time.Time, do func() error) error {
	l, err := claim(dir, now)
	if err != nil {
		return err
	}
	return errors.Join(do(), l.release())
}

// claim takes the lock of a directory that is ours.
func claim(dir string, now time.Time) (*lock, error) {
	if err := Inspect(dir); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, dirMode); err != nil {
		return nil, err
	}
	return takeLock(dir, now)
}

// Kept are the committed runs that a directory keeps, the oldest first and the last one at the end; none where DIR/current
// leads to none.
func Kept(dir string) ([]*Run, error) {
	last, err := OpenLast(dir)
	if errors.Is(err, ErrNoRun) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	ids, err := runIDs(dir)
	if err != nil {
		return nil, err
	}
	var kept []*Run
	for _, id := range ids {
		run, err := OpenKept(dir, id)
		if err == nil && run.manifest.Sequence < last.manifest.Sequence {
			kept = append(kept, run)
		}
	}
	return append(kept, last), nil
}

// IDs are the IDs of all that lies in runs, drafts of killed processes too, the oldest first.
func IDs(dir string) ([]string, error) { return runIDs(dir) }

// LoggedIDs are the IDs of the runs in the change log, the oldest first.
func LoggedIDs(dir string) ([]string, error) { return loggedIDs(dir) }

// LoggedPath is the file of a run in the change log, be it there or not.
func LoggedPath(dir, id string) string { return loggedPath(dir, id) }

// Receive puts files into a directory in which fill is given an empty folder for them, and then moves that folder to path, in
// place of what is there. All is on disk by then, or path is as it was.
func Receive(dir, path string, fill func(into string) error) error {
	temporary := filepath.Join(dir, "tmp")
	if err := errors.Join(os.MkdirAll(temporary, dirMode), os.MkdirAll(filepath.Dir(path), dirMode)); err != nil {
		return err
	}
	into, err := os.MkdirTemp(temporary, "received-*")
	if err != nil {
		return err
	}
	if err := errors.Join(fill(into), syncTree(into)); err != nil {
		return errors.Join(err, os.RemoveAll(into))
	}
	if err := os.RemoveAll(path); err != nil {
		return err
	}
	return errors.Join(os.Rename(into, path), syncDir(filepath.Dir(path)))
}

// MakeLast makes a run of the directory the last one, as a commit does.
func MakeLast(dir, id string) error {
	if _, err := OpenKept(dir, id); err != nil {
		return err
	}
	s := &Store{dir: dir}
	return errors.Join(os.MkdirAll(s.TempDir(), dirMode), s.fixLinks(), s.swap(id))
}

// asideKept is how many runs are kept that were set aside, in asideDir; PruneAside keeps fewer.
const (
	asideKept = 10
	asideDir  = "set-aside"
)

// SetAside moves runs to DIR/set-aside, where the newest ten stay.
func SetAside(dir string, ids ...string) error {
	aside := filepath.Join(dir, asideDir)
	if err := os.MkdirAll(aside, dirMode); err != nil {
		return err
	}
	for _, id := range ids {
		to := filepath.Join(aside, id)
		if err := errors.Join(os.RemoveAll(to), os.Rename(filepath.Join(dir, "runs", id), to)); err != nil {
			return err
		}
	}
	kept, err := idsIn(aside, "", fs.ModeDir)
	for _, id := range kept[:max(0, len(kept)-asideKept)] {
		err = errors.Join(err, os.RemoveAll(filepath.Join(aside, id)))
	}
	return err
}

// RemoveRuns removes what lies in runs under such IDs, and in the change log.
func RemoveRuns(dir string, ids ...string) error {
	s := &Store{dir: dir}
	which := func(id string) bool { return slices.Contains(ids, id) }
	return errors.Join(s.removeRuns(which), s.removeLogged(which))
}

// NewIdentity is one that no directory has.
func NewIdentity() Identity { return newIdentity() }

// Identify gives a directory an identity, in place of the one that it has.
func Identify(dir string, i Identity) error {
	if err := i.check(); err != nil {
		return fmt.Errorf("%s: %w", identityPath(dir), err)
	}
	content, err := json.Marshal(i, jsontext.WithIndent("  "))
	if err == nil {
		err = Replace(identityPath(dir), append(content, '\n'))
	}
	return errors.Join(err, syncDir(dir))
}

// OwnPart is the part of a run that is no type's.
const OwnPart = "run"

// Parts are the files of the run, as paths below its directory: by type, and under OwnPart the rest.
func (r *Run) Parts() map[string][]string {
	parts := map[string][]string{OwnPart: {"run.json", "summary.json", "changes.jsonl"}}
	for name := range r.manifest.Files {
		parts[OwnPart] = append(parts[OwnPart], name)
	}
	slices.Sort(parts[OwnPart])
	for name, t := range r.byName {
		paths := []string{indexPath("", t.typ)}
		for n := range t.content.FileBytes {
			paths = append(paths, graphPath("", t.typ, n+1))
		}
		parts[name] = paths
	}
	return parts
}

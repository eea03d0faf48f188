package jsonstore

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// BlockedError says that files or directories are where the links of a Store must be. A copy that followed the
// links has such.
type BlockedError struct{ Paths []string }

func (e *BlockedError) Error() string {
	return strings.Join(e.Paths, ", ") + ": a link belongs there, and something else is there"
}

// recover brings the directory into the state after the last commit.
func (s *Store) recover() error {
	if err := s.removeTemp(); err != nil {
		return err
	}
	for _, d := range []string{s.path("runs"), s.TempDir()} {
		if err := os.MkdirAll(d, dirMode); err != nil {
			return err
		}
	}
	current, err := lastID(s.dir)
	if err == nil {
		s.last, err = OpenRun(s.runDir(current))
	}
	switch {
	case err == nil:
		return s.tidy()
	case errors.Is(err, ErrNoRun), isLost(err):
		return s.fallBack(current, err)
	}
	return err
}

// isLost says whether a run or the link to it is not to be had any more, unlike one that cannot be read just now, by
// this user or by this version.
func isLost(err error) bool {
	_, ofFile := errors.AsType[*fs.PathError](err)
	_, newer := errors.AsType[*NewerError](err)
	return errors.Is(err, fs.ErrNotExist) || !ofFile && !newer
}

// tidy makes the links anew if they are gone, removes drafts of killed processes, whose sequence numbers are those
// that the next draft might have, and makes good what the change log lacks.
func (s *Store) tidy() error {
	if err := s.fixLinks(); err != nil {
		return err
	}
	last := &s.last.manifest
	s.sequence = last.Sequence
	err := s.removeRuns(func(id string) bool {
		n, _ := sequenceOf(id)
		return n >= last.Sequence && id != last.ID
	})
	return errors.Join(err, s.forgetUncommitted(), s.logChanges(s.last))
}

// fallBack makes the newest run that can be read the last one. It leaves all but drafts as it is, the link too: until a
// run is committed, the next process finds the same. A first draft that was whole when its process was killed counts as
// a run: nothing tells it from one whose link was lost.
// current is the ID of the run that the link leads to, "" where there is no link.
func (s *Store) fallBack(current string, lost error) error {
	err := s.removeRuns(func(id string) bool {
		_, err := os.Stat(filepath.Join(s.runDir(id), "run.json"))
		return id != current && errors.Is(err, fs.ErrNotExist) // the draft of a killed process
	})
	if err != nil {
		return err
	}
	ids, err := runIDs(s.dir)
	if err != nil {
		return err
	}
	for _, id := range slices.Backward(ids) {
		run, err := OpenRun(s.runDir(id))
		if err == nil {
			s.last = run
			break
		}
		if !isLost(err) {
			return err
		}
	}
	for _, id := range append(ids, current) {
		n, _ := sequenceOf(id)
		s.sequence = max(s.sequence, n)
	}
	if current != "" || len(ids) > 0 {
		s.recovered = s.recovery(current, lost)
	}
	if s.last != nil {
		return s.logChanges(s.last)
	}
	return nil
}

// recovery is what Recovered says.
func (s *Store) recovery(current string, lost error) string {
	what := fmt.Sprintf("The last run is lost (%v)", lost)
	if current == "" {
		what = fmt.Sprintf("There is no link %s to the last run", s.path("current"))
	}
	if s.last == nil {
		return what + ": there is no other that can be read, and the next run starts anew."
	}
	return fmt.Sprintf("%s: the newest run that can be read, %s, counts as the last one.", what, s.last.manifest.ID)
}

// runIDs are the IDs of what lies in runs, the oldest first.
func runIDs(dir string) ([]string, error) { return idsIn(filepath.Join(dir, "runs"), "", fs.ModeDir) }

// idsIn are the IDs of runs, the oldest first, that files or folders in a directory are named after. One that is not there has
// none.
func idsIn(dir, suffix string, kind fs.FileMode) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	var ids []string
	for _, e := range entries {
		id, found := strings.CutSuffix(e.Name(), suffix)
		if _, ok := sequenceOf(id); ok && found && e.Type() == kind && !startOf(id).IsZero() {
			ids = append(ids, id)
		}
	}
	slices.SortStableFunc(ids, func(a, b string) int {
		m, _ := sequenceOf(a)
		n, _ := sequenceOf(b)
		return cmp.Compare(m, n)
	})
	return ids, nil
}

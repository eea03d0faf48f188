package jsonstore

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// Bounds say how long runs may be kept, and how much room they may take together.
type Bounds struct {
	Since time.Time // runs that started before are too old; zero: none is
	Bytes int64
}

// Excess are those of the given runs that are too much to keep, the oldest first: what is too old, and from the oldest on
// what takes too much room together. A file that several runs have is counted once, and not at all where the last run or
// its predecessor has it: those stay whatever they take.
func (s *Store) Excess(ids []string, b Bounds) ([]string, error) {
	if s.last == nil {
		return nil, nil
	}
	stay := []string{s.last.manifest.ID, s.last.manifest.Previous}
	kept, err := runIDs(s.dir)
	if err != nil {
		return nil, err
	}
	kept = slices.DeleteFunc(kept, func(id string) bool { return slices.Contains(stay, id) || !slices.Contains(ids, id) })
	seen := files{}
	for _, id := range stay {
		if _, err := seen.add(s.runDir(id)); err != nil {
			return nil, err
		}
	}
	var total int64
	for i, id := range slices.Backward(kept) {
		n, err := seen.add(s.runDir(id))
		if err != nil {
			return nil, err
		}
		if total += n; total > b.Bytes || startOf(id).Before(b.Since) {
			return kept[:i+1], nil
		}
	}
	return nil, nil
}

// PruneAside removes those of the runs that were set aside that are too much to keep, see Excess. The newest one stays.
func (s *Store) PruneAside(b Bounds) error {
	aside := s.path(asideDir)
	kept, err := idsIn(aside, "", fs.ModeDir)
	if err != nil || len(kept) < 2 {
		return err
	}
	seen, total, excess := files{}, int64(0), false
	for i, id := range slices.Backward(kept) {
		n, counted := seen.add(filepath.Join(aside, id))
		total += n
		if excess = excess || i < len(kept)-1 && (total > b.Bytes || startOf(id).Before(b.Since)); excess {
			err = errors.Join(err, os.RemoveAll(filepath.Join(aside, id)))
		}
		err = errors.Join(err, counted)
	}
	return err
}

// files are those that were counted, by size.
type files map[int64][]fs.FileInfo

// add counts the bytes of the files in a folder that were not counted before. A folder that is not there has none.
func (f files) add(dir string) (total int64, err error) {
	if _, err := os.Lstat(dir); err != nil {
		return 0, nil
	}
	err = filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		same := func(other fs.FileInfo) bool { return os.SameFile(info, other) }
		if !slices.ContainsFunc(f[info.Size()], same) {
			f[info.Size()] = append(f[info.Size()], info)
			total += info.Size()
		}
		return nil
	})
	return total, err
}

// Between is how many runs were committed between two of a directory, by their IDs.
func Between(id, later string) int64 {
	m, _ := sequenceOf(id)
	n, _ := sequenceOf(later)
	return max(0, n-m-1)
}

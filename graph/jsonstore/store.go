// Package jsonstore keeps graphs as JSON files, in the layout that JupiterOne's tools read, and the
// committed runs that they came from. A directory belongs to one tenant:
//
//	DIR/current        link to runs/<id>, the last committed run; swapping it is the commit
//	DIR/graph          link to current/graph
//	DIR/summary.json   link to current/summary.json
//	DIR/runs/<id>/
//	    graph/<step>/entities/<type>-0001.json, graph/<step>/relationships/<type>-0001.json
//	    index/<type>   keys and digests of the type's records, and where they are
//	    changes.jsonl  what changed against the run before, a change a line
//	    summary.json   what the run did
//	    run.json       the Manifest; it is written last
//	DIR/changes/<id>.jsonl   the change log: changes.jsonl of each committed run that changed something, which stays
//	                   there when the run is removed; see ChangeLog
//	DIR/applied.json   which run each consumer has, for when it cannot be asked
//	DIR/history.jsonl  a line a run, which its writer makes; see AppendHistory
//	DIR/tmp            what does not outlive the process
//	DIR/identity.json  tells the directory from all others; see Identity
//	DIR/replica.json   how far the directory is known to be in another place too; see package state
//	DIR/set-aside/<id> runs that only this directory had when it was brought to what is in that place
//	DIR/lock           held by the one process that writes; lock.json says which
//
// Killed at any moment, the last committed run stands, and what the killed process left is removed when
// the directory is opened again. Where the link or run.json is lost all the same, to a backup without links
// or to a person, the newest run that can be read takes its place. Directories are made with mode 0700, files with 0600.
//
// What the records are about, when a run is due and what its summary says is the business of others.
package jsonstore

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	dirMode  = 0o700
	fileMode = 0o600
)

// Options say how a directory is opened.
type Options struct {
	// Instance names the tenant. It is part of the IDs of change events.
	Instance string

	// Clock and Rand are for tests: the time of day and the source of the random part of run IDs. Nil
	// means the usual ones.
	Clock func() time.Time
	Rand  io.Reader

	// Prepare is called under the directory's lock, before anything in it is read or tidied up; its error is Open's. Nil: there
	// is nothing to prepare.
	Prepare func() error
}

// Store is an open directory. Its process is the only one that writes to it, until it is closed. It is safe
// for concurrent use as far as its runs are concerned; Begin, Commit, Abort and Prune are for one goroutine.
type Store struct {
	dir     string
	options Options
	lock    *lock
	last    *Run
	draft   *Draft // that is neither committed nor aborted

	identity  Identity
	recovered string // what Recovered says
	sequence  int64  // the highest of all runs
}

// Open makes the directory if there is none, takes its lock, removes what a killed process left, and reads
// the last committed run. If that is lost, the newest run that can be read counts as the last one, and Recovered
// says so; damage to what a run holds is found by its methods. A directory that Inspect refuses is left as it is, with
// the same error. If another process holds the lock the error is a *LockedError.
func Open(dir string, o Options) (*Store, error) {
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.Rand == nil {
		o.Rand = rand.Reader
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	s := &Store{dir: dir, options: o}
	if s.lock, err = claim(dir, o.Clock()); err != nil {
		return nil, err
	}
	if o.Prepare != nil {
		err = o.Prepare()
	}
	if err == nil {
		err = s.identify()
	}
	if err == nil {
		err = s.recover()
	}
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// Dir is the directory.
func (s *Store) Dir() string { return s.dir }

// Identity is the directory's. The key in it is not to be changed.
func (s *Store) Identity() Identity { return s.identity }

// TempDir is a directory for files that do not outlive the process: the spill files of a sorter.Sorter. They are
// removed when the Store is opened and closed.
func (s *Store) TempDir() string { return filepath.Join(s.dir, "tmp") }

// Last is the last committed run, or nil if there is none.
func (s *Store) Last() *Run { return s.last }

// Recovered is a sentence for a person where the last run is not the one that it should be, because that was lost; ""
// where nothing was. It is said anew whenever the directory is opened, until a run is committed: what the next run
// differs in from Last was perhaps told before.
func (s *Store) Recovered() string { return s.recovered }

// Close gives the directory free. A draft that is under way is aborted.
func (s *Store) Close() error {
	var err error
	if s.draft != nil {
		err = s.draft.Abort()
	}
	return errors.Join(err, s.removeTemp(), s.lock.release())
}

// Prune removes the runs that are neither the last one nor its predecessor nor among keep, which are IDs.
func (s *Store) Prune(keep ...string) error {
	if s.last == nil {
		return nil
	}
	keep = append(slices.Clone(keep), s.last.manifest.ID, s.last.manifest.Previous)
	if s.draft != nil {
		keep = append(keep, s.draft.manifest.ID)
	}
	return s.removeRuns(func(id string) bool { return !slices.Contains(keep, id) })
}

// Run opens a committed run that is still kept, such as the one that a consumer has applied. The error is
// fs.ErrNotExist if there is no such run.
func (s *Store) Run(id string) (*Run, error) {
	if _, ok := sequenceOf(id); !ok {
		return nil, fmt.Errorf("run %q: %w", id, fs.ErrNotExist)
	}
	return OpenRun(s.runDir(id))
}

func (s *Store) runDir(id string) string { return filepath.Join(s.dir, "runs", id) }

func (s *Store) removeRuns(which func(id string) bool) error {
	return removeMade(s.path("runs"), madeInRuns, func(e fs.DirEntry) bool { return e.IsDir() && which(e.Name()) })
}

// removeTemp removes what we made in TempDir, and the directory if nothing else is in it.
func (s *Store) removeTemp() error {
	if err := removeMade(s.TempDir(), madeInTmp, func(fs.DirEntry) bool { return true }); err != nil {
		return err
	}
	if only, err := hasOnly(s.TempDir(), madeInTmp); err != nil || !only {
		return err
	}
	if err := os.Remove(s.TempDir()); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

func (s *Store) path(name string) string { return filepath.Join(s.dir, name) }

// linked has where the links that lead through current lead.
var linked = map[string]string{
	"graph":        filepath.Join("current", "graph"),
	"summary.json": filepath.Join("current", "summary.json"),
}

// fixLinks makes the links that lead through current.
func (s *Store) fixLinks() error {
	if err := checkLinks(s.dir); err != nil {
		return err
	}
	for name, target := range linked {
		if err := os.Symlink(target, s.path(name)); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
	}
	return nil
}

// checkLinks refuses what is not ours where links must be.
func checkLinks(dir string) error {
	blocked := &BlockedError{}
	for _, name := range []string{"current", "graph", "summary.json"} {
		path := filepath.Join(dir, name)
		info, err := os.Lstat(path)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			continue
		case err != nil:
			return err
		}
		target, _ := os.Readlink(path) // "" where it is no link
		if info.Mode().Type() != fs.ModeSymlink || linked[name] != "" && target != linked[name] {
			blocked.Paths = append(blocked.Paths, path)
		}
	}
	if len(blocked.Paths) > 0 {
		return blocked
	}
	return nil
}

// swap makes the run the current one: the commit.
func (s *Store) swap(id string) error {
	fresh := filepath.Join(s.TempDir(), "current")
	if err := os.Remove(fresh); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := os.Symlink(filepath.Join("runs", id), fresh); err != nil {
		return err
	}
	if err := os.Rename(fresh, s.path("current")); err != nil {
		return err
	}
	// From here on the run is committed. Should the link not outlive a loss of power, it is the run before that
	// stands, whole as well.
	_ = syncDir(s.dir)
	return nil
}

// newID makes the ID of a run, such as 000012-20261122T174800Z-1f3a: IDs sort as the runs follow each other.
func (s *Store) newID(sequence int64, started time.Time) (string, error) {
	var b [2]byte
	if _, err := io.ReadFull(s.options.Rand, b[:]); err != nil {
		return "", err
	}
	return fmt.Sprintf("%06d-%s-%s", sequence, started.UTC().Format(idTime), hex.EncodeToString(b[:])), nil
}

// idTime is the form of the time in a run's ID.
const idTime = "20060102T150405Z"

// sequenceOf reads the sequence number from a run's ID.
func sequenceOf(id string) (int64, bool) {
	if !madeInRuns.MatchString(id) {
		return 0, false
	}
	n, _, _ := strings.Cut(id, "-")
	sequence, err := strconv.ParseInt(n, 10, 64)
	return sequence, err == nil
}

// Precedes says whether the run of an ID began before another run of the directory, be it of a history that is no
// more since a backup was put in its place: it has a lesser number and did not start later.
func Precedes(id, other string) bool {
	m, _ := sequenceOf(id)
	n, ok := sequenceOf(other)
	return ok && m < n && !startOf(id).After(startOf(other))
}

// create makes a file for writing, where there is none yet.
func create(path string) (*os.File, error) {
	return os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, fileMode)
}

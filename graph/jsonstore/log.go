package jsonstore

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"s1graph/graph"
)

// LoggedRun is a committed run whose changes are kept. It can be read while another process writes to the
// directory: what is in the log is whole.
type LoggedRun struct {
	ID string
	At time.Time // when it started, to the second

	file string
}

// LoggedChange is a line of the log. What it holds of the record before and after is told by Change.
type LoggedChange struct {
	ID    string   `json:"id"` // the event's
	Op    graph.Op `json:"op"`
	Type  string   `json:"type"`
	Class string   `json:"class"`
	Key   string   `json:"key"`

	// JSON is the line as changes.jsonl has it, without the line feed.
	JSON []byte `json:"-"`
}

// ChangeLog finds the runs in a Store's directory whose changes are kept, the oldest first. Runs that changed
// nothing are not among them. The lock is not needed. The error is fs.ErrNotExist if there is no such directory.
func ChangeLog(dir string) ([]LoggedRun, error) {
	if _, err := os.Stat(dir); err != nil {
		return nil, err
	}
	names, err := loggedNames(dir)
	if err != nil {
		return nil, err
	}
	var runs []LoggedRun
	for _, id := range names {
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

// File is where the run's changes stand, as changes.jsonl has them.
func (r *LoggedRun) File() string { return r.file }

// Changes yields the run's changes in the order in which they were written: by type, and by key within each. Of a run
// that was pruned since there are none. After an error, a *DamagedError where the file is not as it was written,
// nothing more is yielded.
func (r *LoggedRun) Changes(ctx context.Context) iter.Seq2[LoggedChange, error] {
	return func(yield func(LoggedChange, error) bool) {
		f, err := os.Open(r.file)
		if errors.Is(err, fs.ErrNotExist) {
			return
		}
		if err != nil {
			yield(LoggedChange{}, err)
			return
		}
		defer f.Close()
		reader := bufio.NewReaderSize(f, 64<<10)
		for n := 1; ; n++ {
			line, err := reader.ReadBytes('\n')
			switch {
			case err == io.EOF && len(line) == 0:
				return
			case err == io.EOF:
				err = &DamagedError{File: r.file, Reason: fmt.Errorf("line %d is cut off", n)}
			case ctx.Err() != nil:
				err = context.Cause(ctx)
			}
			c := LoggedChange{JSON: bytes.TrimSuffix(line, []byte("\n"))}
			if err == nil {
				fault := json.Unmarshal(c.JSON, &c)
				if fault == nil && (c.ID == "" || c.Op == "" || c.Type == "" || c.Key == "") {
					fault = errors.New("it is no change")
				}
				if fault != nil {
					err = &DamagedError{File: r.file, Reason: fmt.Errorf("line %d: %w", n, fault)}
				}
			}
			if err != nil {
				yield(LoggedChange{}, err)
				return
			}
			if !yield(c, nil) {
				return
			}
		}
	}
}

// Change is the change as graph.Diff found it, as far as the line tells: its records have, unless they were created or
// deleted, only the properties that changed and what the record is called, and its type has only a name and a class.
func (c *LoggedChange) Change() (graph.Change, error) {
	var line struct {
		DisplayName string         `json:"displayName"`
		PreviousKey string         `json:"previousKey"`
		Changed     []string       `json:"changed"`
		Before      jsontext.Value `json:"before"`
		After       jsontext.Value `json:"after"`
	}
	if err := json.Unmarshal(c.JSON, &line); err != nil {
		return graph.Change{}, err
	}
	t := &graph.Type{Name: c.Type, Class: c.Class}
	_, _, t.Relationship = graph.RelationshipEnds(c.Key)
	change := graph.Change{Op: c.Op, Type: t, Key: c.Key, PreviousKey: line.PreviousKey, Changed: line.Changed}
	var err error
	for _, side := range []struct {
		value jsontext.Value
		to    **graph.Record
	}{{line.Before, &change.Before}, {line.After, &change.After}} {
		if len(side.value) > 0 && err == nil {
			*side.to, err = decodeSide(t, c.Key, side.value)
		}
	}
	if after := change.After; after != nil && line.DisplayName != "" {
		after.Set("displayName", graph.String(line.DisplayName))
	}
	return change, err
}

// decodeSide reads a record of which the line has all but what follows from its type and key.
func decodeSide(t *graph.Type, key string, properties jsontext.Value) (*graph.Record, error) {
	head, err := json.Marshal(struct {
		Type string `json:"_type"`
		Key  string `json:"_key"`
	}{t.Name, key})
	if err != nil {
		return nil, err
	}
	whole := head
	if rest := bytes.TrimPrefix(properties, []byte("{")); string(rest) != "}" {
		whole = slices.Concat(head[:len(head)-1], []byte(","), rest)
	}
	r, err := graph.Decode(whole, map[string]*graph.Type{t.Name: t})
	if err != nil {
		return nil, err
	}
	r.From, r.To, _ = graph.RelationshipEnds(key)
	return &r, nil
}

// PruneChanges removes from the log the runs that started before the given time. The last run's changes stay: they
// are in its own folder all the same.
func (s *Store) PruneChanges(before time.Time) error {
	return s.removeLogged(func(id string) bool {
		return startOf(id).Before(before) && (s.last == nil || id != s.last.manifest.ID)
	})
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
	if err := os.Link(from, to); err != nil {
		// Some file systems have no hard links, and none reaches another file system.
		if err := copyFile(from, to); err != nil {
			return err
		}
	}
	return syncDir(filepath.Dir(to))
}

// copyFile makes a copy that is there whole or not at all.
func copyFile(from, to string) error {
	source, err := os.Open(from)
	if err != nil {
		return err
	}
	defer source.Close()
	unfinished, err := createNew(to)
	if err != nil {
		return err
	}
	_, err = io.Copy(unfinished, source)
	if err := errors.Join(err, unfinished.Sync(), unfinished.Close()); err != nil {
		return err
	}
	return os.Rename(unfinished.Name(), to)
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
	ids, err := loggedNames(s.dir)
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

// loggedNames are the IDs of the runs in the log, the oldest first.
func loggedNames(dir string) ([]string, error) {
	entries, err := os.ReadDir(filepath.Join(dir, "changes"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var ids []string
	for _, e := range entries {
		id, isLog := strings.CutSuffix(e.Name(), loggedSuffix)
		if _, ok := sequenceOf(id); ok && isLog && e.Type().IsRegular() && !startOf(id).IsZero() {
			ids = append(ids, id)
		}
	}
	sortIDs(ids)
	return ids, nil
}

// startOf reads from a run's ID when it started; zero if it does not say so.
func startOf(id string) time.Time {
	_, rest, _ := strings.Cut(id, "-")
	moment, _, _ := strings.Cut(rest, "-")
	started, err := time.Parse(idTime, moment)
	if err != nil {
		return time.Time{}
	}
	return started
}

package jsonstore

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/gofrs/flock"
)

// LockedError says that another process writes to the directory.
type LockedError struct {
	Dir string `json:"-"`

	// Of the holder; zero where it could not be told.
	PID   int       `json:"pid"`
	Host  string    `json:"host"`
	Since time.Time `json:"since"`
}

func (e *LockedError) Error() string {
	if e.PID == 0 {
		return fmt.Sprintf("%s is in use by another process", e.Dir)
	}
	return fmt.Sprintf("%s is in use by process %d on %s since %s", e.Dir, e.PID, e.Host, e.Since.Format(time.RFC3339))
}

// lock is the right to write to a directory. The system takes it back when the process ends, however that
// comes about.
type lock struct {
	flock  *flock.Flock
	holder string // file that says who holds the lock
}

func takeLock(dir string, now time.Time) (*lock, error) {
	l := &lock{
		flock:  flock.New(filepath.Join(dir, "lock"), flock.SetPermissions(fileMode)),
		holder: filepath.Join(dir, "lock.json"),
	}
	taken, err := l.flock.TryLock()
	if err != nil {
		return nil, fmt.Errorf("lock of %s: %w", dir, err)
	}
	if !taken {
		held, err := readHolder(l.holder)
		if err != nil {
			held = LockedError{} // it has taken the lock this very moment, and not yet said so
		}
		held.Dir = dir
		return nil, &held
	}
	host, err := os.Hostname()
	if err != nil {
		host = "localhost"
	}
	b, err := json.Marshal(LockedError{PID: os.Getpid(), Host: host, Since: now.UTC().Truncate(time.Second)})
	if err == nil {
		err = Replace(l.holder, b)
	}
	if err != nil {
		return nil, errors.Join(err, l.release())
	}
	return l, nil
}

// readHolder reads who holds the lock, or held it last.
func readHolder(path string) (held LockedError, err error) {
	b, err := ReadPlain(path)
	if err == nil {
		err = json.Unmarshal(b, &held)
	}
	return held, err
}

func (l *lock) release() error {
	err := os.Remove(l.holder)
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	return errors.Join(err, l.flock.Unlock())
}

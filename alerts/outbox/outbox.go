// Package outbox keeps on disk what is still to be told: the messages that wait for their destinations, those
// that failed, and the memory of who writes them. All of it stands in one file, so that a message, and
// the note that it was written, are one transaction: killed at any moment, none is lost and none is written
// twice. What a message says is the alerts package's to know, how it is sent the delivery package's.
package outbox

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"
	"time"

	"github.com/gofrs/flock"
	"go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"

	"s1graph/pause"
)

const (
	fileMode = 0o600
	dirMode  = 0o700

	patience = 10 * time.Second      // with another process that has the file open
	again    = 20 * time.Millisecond // until the next look whether it still has
)

// ErrInUse says that another process had the file open for as long as one waits for it.
var ErrInUse = errors.New("in use by another process")

// ErrDamaged says that the file was cut off or written over by somebody else. It was moved aside then, if the error does
// not say otherwise, and the next transaction finds a new one.
var ErrDamaged = errors.New("it is damaged")

// Outbox is the file of one instance. It is open only while a transaction lasts, so that several processes can
// use it: a service that delivers, and a person who lists what waits. It needs no closing and is safe for
// concurrent use; use one Outbox for one path in a process, so that those who wait are served in turn.
type Outbox struct {
	path    string
	turn    chan struct{} // holds one token while a transaction lasts
	damaged os.FileInfo   // file that is not opened again, as it was found damaged; nil: none. Of who has the turn
}

// At is the outbox in the file path. Nothing is opened or made yet.
func At(path string) *Outbox {
	return &Outbox{path: path, turn: make(chan struct{}, 1)}
}

// In is the outbox of an instance's directory.
func In(dir string) *Outbox { return At(filepath.Join(dir, "alerts.db")) }

// Path is the file.
func (o *Outbox) Path() string { return o.path }

// Update runs do in a transaction that is on disk when Update returns, and as if it had never been where do
// returns an error, which is then Update's. It makes the file, and its folder, where there is none. A Tx must
// not be used after do, and do must not begin another transaction of the outbox, nor take its time: all
// others wait meanwhile.
func (o *Outbox) Update(ctx context.Context, do func(*Tx) error) error {
	if err := o.create(); err != nil {
		return fmt.Errorf("outbox %s: %w", o.path, err)
	}
	return o.withFile(ctx, false, func(db *bbolt.DB) error { return update(db, do) })
}

func update(db *bbolt.DB, do func(*Tx) error) error {
	return db.Update(func(bolt *bbolt.Tx) error {
		tx := &Tx{bolt}
		if tx.bucket(counted) == nil {
			if err := tx.countAnew(); err != nil {
				return err
			}
		}
		return do(tx)
	})
}

// View runs do in a transaction that only reads; without a file it sees an empty outbox. For the rest it is
// as Update.
func (o *Outbox) View(ctx context.Context, do func(*Tx) error) error {
	info, err := plain(o.path)
	switch {
	case errors.Is(err, fs.ErrNotExist), err == nil && info.Size() == 0:
		return do(&Tx{})
	case err != nil:
		return fmt.Errorf("outbox: %w", err)
	}
	return o.withFile(ctx, true, func(db *bbolt.DB) error {
		return db.View(func(tx *bbolt.Tx) error { return do(&Tx{tx}) })
	})
}

// TakeDelivery is the right to deliver what is queued, which one process at a time has: two would send
// everything twice. It returns nil and no error where another has it. The system takes it back when the
// process ends, however that comes about; release gives it back before.
func (o *Outbox) TakeDelivery() (release func() error, err error) {
	if err := os.MkdirAll(filepath.Dir(o.path), dirMode); err != nil {
		return nil, fmt.Errorf("outbox: %w", err)
	}
	if _, err := plain(o.path + ".lock"); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("outbox: %w", err)
	}
	lock := flock.New(o.path+".lock", flock.SetPermissions(fileMode))
	taken, err := lock.TryLock()
	switch {
	case err != nil:
		return nil, fmt.Errorf("outbox: lock of %s: %w", o.path, err)
	case !taken:
		return nil, nil
	}
	return lock.Unlock, nil
}

// withFile opens the file for as long as do lasts.
func (o *Outbox) withFile(ctx context.Context, readOnly bool, do func(*bbolt.DB) error) (err error) {
	select {
	case o.turn <- struct{}{}:
		defer func() { <-o.turn }()
	case <-ctx.Done():
		return fmt.Errorf("outbox %s: %w", o.path, ctx.Err())
	}
	file, err := o.open(ctx, readOnly)
	if errors.Is(err, ErrDamaged) {
		err = o.replaced(ctx)
	}
	if err != nil {
		return fmt.Errorf("outbox %s: %w", o.path, err)
	}
	defer func() {
		if errors.Is(err, ErrDamaged) {
			err = fmt.Errorf("outbox %s: %w", o.path, errors.Join(o.abandon(file), o.replaced(ctx)))
			return
		}
		err = errors.Join(err, file.Close())
	}()
	return guarded(func() error { return do(file.DB) })
}

// file is the open file.
type file struct {
	*bbolt.DB
	descriptor *os.File
}

// guarded makes an error of what bbolt does where its file is not as it wrote it: it panics, or reads where the file
// ends and no memory is, which would take all instances of a service along. Other panics go on.
func guarded(do func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if fault := recover(); fault != nil {
			if !isOfFile(fault) {
				panic(fault)
			}
			err = ErrDamaged
		}
	}()
	return do()
}

// isOfFile says whether a panic is about the file, as far as one can see: memory that cannot be read, or something
// that bbolt stumbled over. It is for a deferred function, while the stack is as it was.
func isOfFile(fault any) bool {
	if _, ok := fault.(interface{ Addr() uintptr }); ok {
		return true
	}
	callers := make([]uintptr, 64)
	frames := runtime.CallersFrames(callers[:runtime.Callers(0, callers)])
	for panicked, more := false, true; more; {
		var frame runtime.Frame
		frame, more = frames.Next()
		switch isRuntime := strings.HasPrefix(frame.Function, "runtime."); {
		case frame.Function == "runtime.gopanic":
			panicked = true
		case panicked && !isRuntime:
			return strings.HasPrefix(frame.Function, "go.etcd.io/bbolt")
		}
	}
	return false
}

// abandon lets go of a damaged file, and remembers which it is: bbolt may hold locks of its own for ever, and its memory.
func (o *Outbox) abandon(f *file) error {
	o.damaged, _ = f.descriptor.Stat()
	return errors.Join(unlock(f.descriptor), f.descriptor.Close())
}

// isDamaged says whether the file is the one that was found damaged.
func (o *Outbox) isDamaged() bool {
	if o.damaged == nil {
		return false
	}
	info, err := os.Stat(o.path)
	return err == nil && os.SameFile(info, o.damaged) && info.ModTime().Equal(o.damaged.ModTime()) && info.Size() == o.damaged.Size()
}

// open waits for other processes. That bbolt could do too, but it does not look at a context.
func (o *Outbox) open(ctx context.Context, readOnly bool) (*file, error) {
	if o.isDamaged() {
		return nil, ErrDamaged
	}
	ctx, cancel := context.WithTimeoutCause(ctx, patience, ErrInUse)
	defer cancel()
	defer pause.Tell(ctx, pause.Wait{What: "another process has alerts.db"})()
	for {
		f := &file{}
		var info os.FileInfo
		err := guarded(func() (err error) {
			f.DB, err = bbolt.Open(o.path, fileMode, &bbolt.Options{
				ReadOnly: readOnly,
				Timeout:  time.Nanosecond, // looks once
				OpenFile: func(path string, flag int, mode fs.FileMode) (opened *os.File, err error) {
					if f.descriptor, err = os.OpenFile(path, flag, mode); err == nil {
						info, err = f.descriptor.Stat()
					}
					return f.descriptor, err
				},
			})
			return err
		})
		switch {
		case errors.Is(err, ErrDamaged):
			return nil, errors.Join(err, o.abandon(f))
		case errors.Is(err, bolterrors.ErrInvalid), errors.Is(err, bolterrors.ErrVersionMismatch), errors.Is(err, bolterrors.ErrChecksum),
			err != nil && info != nil && info.Size() > 0 && info.Size() < 2*int64(os.Getpagesize()): // bbolt has no name for that
			o.damaged = info
			return nil, ErrDamaged
		case err == nil && o.isInPlace(f):
			return f, nil
		case err == nil: // another process has put a smaller file in its place
			if err := f.Close(); err != nil {
				return nil, err
			}
			continue
		case !errors.Is(err, bolterrors.ErrTimeout):
			return nil, err
		}
		if pause.For(ctx, again) != nil {
			return nil, context.Cause(ctx)
		}
	}
}

// isInPlace says whether an open file is the one that stands under its name.
func (o *Outbox) isInPlace(f *file) bool {
	own, err := f.descriptor.Stat()
	there, other := os.Stat(o.path)
	return err == nil && other == nil && os.SameFile(own, there)
}

// plain looks at a file, and refuses what is none: a link would be followed, and a pipe waited for. The error is
// fs.ErrNotExist if there is nothing.
func plain(path string) (fs.FileInfo, error) {
	info, err := os.Lstat(path)
	if err == nil && !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is not a plain file: move it away", path)
	}
	return info, err
}

// create makes an empty file where there is none. It is made under another name first: bbolt refuses for ever
// a file whose first pages were cut off by a kill.
func (o *Outbox) create() error {
	if _, err := plain(o.path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	dir := filepath.Dir(o.path)
	if err := os.MkdirAll(dir, dirMode); err != nil {
		return err
	}
	draft, err := o.draft()
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(draft) }()
	if err := makeEmpty(draft); err != nil {
		return err
	}
	// A link and not a rename: another process may have made the file meanwhile, and put something into it. Some file
	// systems have no hard links: there bbolt makes it in its place, which its lock keeps to one process.
	if err := os.Link(draft, o.path); err != nil && !errors.Is(err, fs.ErrExist) {
		if err := makeEmpty(o.path); err != nil {
			return err
		}
	}
	syncDir(dir)
	return nil
}

// draft makes a file beside the outbox that may take its place. Whoever has it made removes what is left of it.
func (o *Outbox) draft() (path string, err error) {
	f, err := os.CreateTemp(filepath.Dir(o.path), filepath.Base(o.path)+".new-*")
	if err != nil {
		return "", err
	}
	if err := f.Close(); err != nil {
		return "", errors.Join(err, os.Remove(f.Name()))
	}
	return f.Name(), nil
}

func makeEmpty(path string) error {
	db, err := bbolt.Open(path, fileMode, &bbolt.Options{Timeout: patience})
	if err != nil {
		return err
	}
	return db.Close()
}

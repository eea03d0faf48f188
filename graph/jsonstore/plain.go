package jsonstore

import (
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"
)

var errNotPlain = errors.New("it is not a plain file")

// OpenPlain opens a file to read it, and never waits. A folder may come from a stranger, and a pipe or a device in the
// place of a file has no end: it is an error. A link is followed.
func OpenPlain(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s: %w", path, errNotPlain) // no *fs.PathError: as good as not there, see isLost
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// ReadPlain reads a file that OpenPlain opens.
func ReadPlain(path string) ([]byte, error) {
	f, err := OpenPlain(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(f)
}

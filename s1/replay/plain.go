package replay

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"s1graph/s1"
)

// A recording may come from a stranger. Its files are read where they are plain files in plain folders: a link could
// lead to any file of this machine, and a pipe or a device has no end.

// openPlain opens a file of a recording, and never waits. What is not a plain file is an error that says what it is.
func openPlain(path string) (*os.File, error) {
	before, err := os.Lstat(path)
	if err == nil {
		err = refuseKind(path, before, 0)
	}
	if err != nil {
		return nil, err
	}
	// Should a pipe or a link have taken its place since, the pipe is not waited for, and neither is read.
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	after, err := f.Stat()
	if err == nil && !os.SameFile(before, after) {
		err = fmt.Errorf("%s was replaced while it was opened; try again", path)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

func readPlain(path string) ([]byte, error) {
	f, err := openPlain(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	content, err := io.ReadAll(s1.Bounded(f))
	return content, beyondBound(path, err)
}

// checkFolder refuses a link in the place of a folder of a recording, which need not be there.
func checkFolder(path string) error {
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return refuseKind(path, info, fs.ModeDir)
}

func refuseKind(path string, info fs.FileInfo, want fs.FileMode) error {
	is := info.Mode().Type()
	if is == want {
		return nil
	}
	kinds := map[fs.FileMode]string{0: "a plain file", fs.ModeDir: "a folder", fs.ModeSymlink: "a link", fs.ModeNamedPipe: "a pipe", fs.ModeSocket: "a socket"}
	found, known := kinds[is]
	if !known {
		found = "a device"
	}
	return fmt.Errorf("%s is %s, where a recording has %s: put a copy of the recording there", path, found, kinds[want])
}

// checkFiles refuses a recording before it is replayed where something else is in the place of its files. One that is not
// there is told of when its rows are read.
func (r *Recording) checkFiles() error {
	if err := checkFolder(filepath.Join(r.dir, rowsFolder)); err != nil {
		return err
	}
	for _, a := range r.answers {
		if a.File == "" {
			continue
		}
		info, err := os.Lstat(r.path(a))
		if err == nil {
			err = refuseKind(r.path(a), info, 0)
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

package state

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"runtime"
	"slices"
	"strings"
	"time"
)

// folder is a bucket in a folder, which machines may share. A name is created by link(2), which of all who try lets one
// succeed.
type folder struct{ root *os.Root }

var _ Bucket = (*folder)(nil)

// unfinished has what is being written.
const unfinished = ".unfinished"

func openFolder(dir string) (*folder, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	f := &folder{root}
	if err := root.MkdirAll(unfinished, 0o700); err != nil {
		return nil, err
	}
	entries, err := fs.ReadDir(root.FS(), unfinished)
	for _, e := range entries {
		if info, gone := e.Info(); gone == nil && time.Since(info.ModTime()) > unfinishedKept {
			_ = root.Remove(path.Join(unfinished, e.Name())) // another process may have done so
		}
	}
	return f, err
}

func (f *folder) Get(_ context.Context, name string) (io.ReadCloser, error) { return f.root.Open(name) }

func (f *folder) Put(ctx context.Context, name string, content io.Reader) error {
	return f.write(ctx, name, content, f.root.Rename)
}

func (f *folder) Create(ctx context.Context, name string, content []byte) error {
	return f.write(ctx, name, bytes.NewReader(content), f.root.Link)
}

// write brings content to the disk under a name of its own, and then has place put it where it belongs.
func (f *folder) write(ctx context.Context, name string, content io.Reader, place func(from, to string) error) error {
	draft := path.Join(unfinished, rand.Text())
	file, err := f.root.OpenFile(draft, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(file, content)
	err = errors.Join(err, file.Sync(), file.Close(), ctx.Err(), f.root.MkdirAll(path.Dir(name), 0o700))
	if err == nil {
		err = place(draft, name)
	}
	if removed := f.root.Remove(draft); !errors.Is(removed, fs.ErrNotExist) {
		err = errors.Join(err, removed)
	}
	return errors.Join(err, f.sync(path.Dir(name)))
}

// sync brings to the disk which files are in a folder. Windows does so by itself, and refuses to be asked.
func (f *folder) sync(dir string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	d, err := f.root.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

func (f *folder) List(_ context.Context, prefix string) (names []string, err error) {
	dir := path.Clean(prefix)
	err = fs.WalkDir(f.root.FS(), dir, func(name string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) { // it was removed while we looked
			return nil
		}
		if err == nil && !d.IsDir() && strings.HasPrefix(name, prefix) {
			names = append(names, name)
		}
		return err
	})
	slices.Sort(names)
	return names, err
}

func (f *folder) Delete(_ context.Context, name string) error {
	if err := f.root.Remove(name); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

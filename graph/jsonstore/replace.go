package jsonstore

import (
	"errors"
	"io"
	"io/fs"
	"os"
)

// Replace puts a file with this content in the place of the one that is there, as ReplaceBy does.
func Replace(path string, content []byte) error {
	return ReplaceBy(path, func(to io.Writer) error {
		_, err := to.Write(content)
		return err
	})
}

// ReplaceBy puts a file with what write writes in the place of the one that is there. Who reads it sees either the old content
// or the new, whole, after a loss of power too. When write fails, the old file stays. The file that is to take its place is
// PATH.new: what a killed process left of it is removed, and no link is followed.
func ReplaceBy(path string, write func(io.Writer) error) error {
	fresh := path + ".new"
	if err := os.Remove(fresh); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	f, err := create(fresh)
	if err != nil {
		return err
	}
	err = write(f)
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
		err = os.Rename(fresh, path)
	}
	if err != nil {
		err = errors.Join(err, os.Remove(fresh))
	}
	return err
}

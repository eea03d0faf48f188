package state

import (
	"archive/tar"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/klauspost/compress/zstd"

	"s1graph/graph/jsonstore"
)

// window bounds what compressing and decompressing hold in memory.
const window = 1 << 20

// nameOf is what the name of an object begins with that has these files, by their paths and contents.
func nameOf(part, dir string, paths []string) (string, error) {
	hash := sha256.New()
	for _, name := range paths {
		f, err := jsonstore.OpenPlain(filepath.Join(dir, name))
		if err != nil {
			return "", err
		}
		info, err := f.Stat()
		if err == nil {
			fmt.Fprintf(hash, "%s\x00%d\x00", filepath.ToSlash(name), info.Size())
			_, err = io.Copy(hash, f)
		}
		if err := errors.Join(err, f.Close()); err != nil {
			return "", err
		}
	}
	return beginningOf(part, [sha256.Size]byte(hash.Sum(nil))), nil
}

func beginningOf(part string, hash [sha256.Size]byte) string {
	return part + "-" + hex.EncodeToString(hash[:16]) + "-"
}

// put stores what write writes, compressed.
func put(ctx context.Context, b Bucket, name string, write func(io.Writer) error) error {
	from, to := io.Pipe()
	go func() {
		packed, err := zstd.NewWriter(to, zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(window), zstd.WithEncoderLevel(zstd.SpeedFastest))
		if err == nil {
			err = errors.Join(write(packed), packed.Close())
		}
		to.CloseWithError(err) // nil is the end
	}()
	err := b.Put(ctx, name, from)
	from.CloseWithError(errors.New("nobody reads any more")) // so that the writer ends
	return err
}

// putFiles stores files below dir as one object.
func putFiles(ctx context.Context, b Bucket, name, dir string, paths []string) error {
	return put(ctx, b, name, func(w io.Writer) error {
		archive := tar.NewWriter(w)
		for _, path := range paths {
			if err := addFile(archive, dir, path); err != nil {
				return err
			}
		}
		return archive.Close()
	})
}

func addFile(archive *tar.Writer, dir, name string) error {
	f, err := jsonstore.OpenPlain(filepath.Join(dir, name))
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if err := archive.WriteHeader(&tar.Header{Name: filepath.ToSlash(name), Mode: 0o600, Size: info.Size(), Typeflag: tar.TypeReg}); err != nil {
		return err
	}
	_, err = io.Copy(archive, f)
	return err
}

// get reads what put stored.
func get(ctx context.Context, b Bucket, name string, readAll func(io.Reader) error) error {
	packed, err := b.Get(ctx, name)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	defer packed.Close()
	r, err := zstd.NewReader(packed, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(window))
	if err != nil {
		return err
	}
	defer r.Close()
	if err := readAll(r); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// getFiles puts the files of an object into a folder that lacks them, and says which they are. None is put outside of it.
func getFiles(ctx context.Context, b Bucket, name, dir string) (paths []string, err error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	err = get(ctx, b, name, func(r io.Reader) error {
		for archive := tar.NewReader(r); ; {
			header, err := archive.Next()
			if err == io.EOF {
				return nil
			}
			if err == nil && header.Typeflag != tar.TypeReg {
				err = fmt.Errorf("%s is not a plain file", header.Name)
			}
			if err == nil {
				err = root.MkdirAll(path.Dir(header.Name), 0o700)
			}
			if err == nil {
				err = writeNew(root, header.Name, archive)
			}
			if err != nil {
				return err
			}
			paths = append(paths, header.Name)
		}
	})
	return paths, err
}

func writeNew(root *os.Root, name string, content io.Reader) error {
	f, err := root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, content)
	return errors.Join(err, f.Close())
}

// isOf says whether an object has the content that the beginning of its name, see nameOf, stands for.
func isOf(object, beginning string) bool {
	return beginning != "" && strings.HasPrefix(object, beginning)
}

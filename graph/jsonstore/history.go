package jsonstore

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
)

// HistoryPath is the file of History, be it there or not.
func HistoryPath(dir string) string { return filepath.Join(dir, "history.jsonl") }

// History yields the lines of DIR/history.jsonl, the oldest first, without line feeds. A line is valid until the next one. A
// last line that is not whole is left out: its process was killed, or writes it now.
func History(dir string) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		f, err := OpenPlain(HistoryPath(dir))
		if errors.Is(err, fs.ErrNotExist) {
			return
		}
		if err != nil {
			yield(nil, err)
			return
		}
		defer f.Close()
		lines := bufio.NewScanner(f)
		lines.Split(wholeLines)
		for lines.Scan() {
			if !yield(lines.Bytes(), nil) {
				return
			}
		}
		if err := lines.Err(); err != nil {
			yield(nil, fmt.Errorf("%s: %w", f.Name(), err))
		}
	}
}

// wholeLines is bufio.ScanLines without what stands behind the last line feed.
func wholeLines(data []byte, _ bool) (advance int, token []byte, err error) {
	if i := bytes.IndexByte(data, '\n'); i >= 0 {
		return i + 1, data[:i], nil
	}
	return 0, nil, nil
}

// AppendHistory puts a line, which has no line feed, behind those of DIR/history.jsonl. What a killed process left of a line
// goes.
func (s *Store) AppendHistory(line []byte) error {
	path := HistoryPath(s.dir)
	if info, err := os.Lstat(path); err == nil && !info.Mode().IsRegular() {
		return fmt.Errorf("%s: %w", path, errNotPlain)
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, fileMode)
	if err != nil {
		return err
	}
	end, err := endOfLines(f)
	if err == nil {
		_, err = f.WriteAt(append(line, '\n'), end)
	}
	if err == nil {
		err = f.Truncate(end + int64(len(line)) + 1)
	}
	return errors.Join(err, f.Close())
}

// endOfLines is where the last line feed of a file ends.
func endOfLines(f *os.File) (int64, error) {
	end, err := f.Seek(0, io.SeekEnd)
	for block := make([]byte, 4096); err == nil && end > 0; {
		from := max(0, end-int64(len(block)))
		var n int
		if n, err = f.ReadAt(block[:end-from], from); err != nil && err != io.EOF {
			return 0, err
		}
		if i := bytes.LastIndexByte(block[:n], '\n'); i >= 0 {
			return from + int64(i) + 1, nil
		}
		end, err = from, nil
	}
	return end, err
}

// KeepHistory leaves of DIR/history.jsonl the lines that keep wants.
func (s *Store) KeepHistory(keep func(line []byte) bool) error {
	return ReplaceBy(HistoryPath(s.dir), func(to io.Writer) error {
		w := bufio.NewWriter(to)
		for line, err := range History(s.dir) {
			if err != nil {
				return err
			}
			if keep(line) {
				if _, err := w.Write(append(line, '\n')); err != nil { // in place of the line feed that it had
					return err
				}
			}
		}
		return w.Flush()
	})
}

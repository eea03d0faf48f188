package jsonstore

import (
	"bufio"
	"fmt"
	"io"
	"os"

	"s1graph/graph"
)

// graphFile reads a graph file. Its first error stays, and is a *DamagedError.
type graphFile struct {
	table *table
	file  *os.File
	r     *bufio.Reader
	size  int64 // that was written
	at    int64
	err   error
}

func (t *table) openFile(number int) (*graphFile, error) {
	path := graphPath(t.dir, t.typ, number)
	f, err := OpenPlain(path)
	if err != nil {
		return nil, t.damaged(path, err)
	}
	size := t.content.FileBytes[number-1]
	return &graphFile{table: t, file: f, r: bufio.NewReaderSize(f, int(min(size, 64<<10))), size: size}, nil
}

func (f *graphFile) close() { f.file.Close() }

func (f *graphFile) fail(err error) {
	if f.err == nil {
		f.err = f.table.damaged(f.file.Name(), err)
	}
}

func (f *graphFile) seek(offset int64) {
	if gap := offset - f.at; gap >= 0 && gap <= int64(f.r.Buffered()) {
		f.r.Discard(int(gap))
	} else {
		if _, err := f.file.Seek(offset, io.SeekStart); err != nil {
			f.fail(err)
		}
		f.r.Reset(f.file)
	}
	f.at = offset
}

func (f *graphFile) read(n int) []byte {
	if int64(n) > f.size {
		f.fail(fmt.Errorf("%d bytes are to be read, where it has %d", n, f.size))
	}
	if f.err != nil {
		return nil
	}
	b := make([]byte, n)
	got, err := io.ReadFull(f.r, b)
	f.at += int64(got)
	if err != nil {
		f.fail(fmt.Errorf("it ends at byte %d, in the middle", f.at))
	}
	return b
}

func (f *graphFile) literal(want string) {
	at := f.at
	if got := f.read(len(want)); f.err == nil && string(got) != want {
		f.fail(fmt.Errorf("at byte %d there is %q in place of %q", at, got, want))
	}
}

func (f *graphFile) record(e *indexEntry) graph.Encoded {
	b := f.read(e.length)
	if f.err == nil && graph.DigestOf(b) != e.Full {
		f.fail(fmt.Errorf("the record %s is not as it was written", e.Key))
	}
	return graph.Encoded{KeyDigest: e.KeyDigest, JSON: b}
}

func (f *graphFile) end() {
	if _, err := f.r.ReadByte(); f.err == nil && err != io.EOF {
		f.fail(fmt.Errorf("it goes on after byte %d", f.at))
	}
}

package jsonstore

import (
	"bytes"
	"errors"
	"hash/crc32"
	"io"

	"s1graph/graph"
)

// earlier is a type as the last run has it. A graph file that comes out as that run wrote it is linked and not written again;
// whether it does, the index tells, by lengths and digests. Nil where there is no such type, or nobody verified it.
type earlier struct {
	*table
	index  *blockReader
	blocks []blockInfo
	number int // of the file at hand, from 1
	same   int // so many bytes of its block were compared
}

func (r *Run) earlier(t *graph.Type) *earlier {
	if r == nil {
		return nil
	}
	was := r.table(t.Name)
	if was == nil || !was.verified.Load() || was.content.Records == 0 || was.typ.Relationship != t.Relationship {
		return nil
	}
	index, blocks, err := was.openIndex()
	if err != nil {
		return nil // all is written, as without a last run
	}
	return &earlier{table: was, index: index, blocks: blocks}
}

func (e *earlier) close() {
	if e != nil {
		e.index.file.Close()
	}
}

// begins says whether there is a file of that number.
func (e *earlier) begins(number int) bool {
	if e == nil || number > len(e.blocks) {
		return false
	}
	e.number, e.same = number, 0
	return e.index.load(&e.blocks[number-1]) == nil
}

// goesOn says whether the block of the file at hand begins with block, which did so when it was shorter.
func (e *earlier) goesOn(block []byte) bool {
	raw, from := e.index.raw, e.same
	e.same = len(block)
	return len(block) <= len(raw) && bytes.Equal(block[from:], raw[from:len(block)])
}

// isWhole says whether the file at hand has nothing more.
func (e *earlier) isWhole() bool { return e.same == len(e.index.raw) }

func (e *earlier) path() string { return graphPath(e.dir, e.typ, e.number) }

// copyTo copies the first bytes of the file at hand, which have that checksum.
func (e *earlier) copyTo(w io.Writer, size int64, checksum uint32) error {
	f, err := OpenPlain(e.path())
	if err != nil {
		return e.damaged(e.path(), err)
	}
	defer f.Close()
	found := crc32.New(castagnoli)
	_, err = io.CopyN(io.MultiWriter(w, found), f, size)
	if errors.Is(err, io.EOF) || err == nil && found.Sum32() != checksum {
		err = e.damaged(e.path(), errChecksum)
	}
	return err
}

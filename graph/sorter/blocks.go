package sorter

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"os"

	"github.com/klauspost/compress/s2"
)

// The spill file is a sequence of blocks: the length of what follows (4 bytes, little-endian), and bytes that were compressed by
// themselves. Edges take a seventh of their length so, and no more CPU time than writing and reading the rest would.
const blockHeader = 4

// blockWriter appends blocks to a file. An error is kept by w until that is flushed.
type blockWriter struct {
	w     *bufio.Writer
	n     int64 // where the next block begins
	least int   // bytes that a block holds, unless it is the last of its section

	held, packed []byte
}

func (w *blockWriter) write(b []byte) { w.held = append(w.held, b...) }

// endIfFull ends the block if it holds enough. What is written between two calls is in one block.
func (w *blockWriter) endIfFull() {
	if len(w.held) >= w.least {
		w.end()
	}
}

func (w *blockWriter) end() {
	if len(w.held) == 0 {
		return
	}
	w.packed = s2.Encode(w.packed[:cap(w.packed)], w.held)
	var header [blockHeader]byte
	binary.LittleEndian.PutUint32(header[:], uint32(len(w.packed)))
	w.w.Write(header[:])
	w.w.Write(w.packed)
	w.n += int64(blockHeader + len(w.packed))
	w.held = w.held[:0]
}

// section ends the block, and says where all is that was written since start.
func (w *blockWriter) section(start int64) section {
	w.end()
	return section{start, w.n - start}
}

// blockReader reads the blocks of a section.
type blockReader struct {
	file         *os.File
	left         section
	held, packed []byte
}

// next gives what a block holds, until the next call, and io.EOF at the end.
func (r *blockReader) next() ([]byte, error) {
	if r.left.length == 0 {
		return nil, io.EOF
	}
	var header [blockHeader]byte
	err := r.read(header[:])
	if err == nil {
		n := int64(binary.LittleEndian.Uint32(header[:]))
		if int64(cap(r.packed)) < n {
			r.packed = make([]byte, min(n, r.left.length))
		}
		r.packed = r.packed[:min(n, r.left.length)]
		err = r.read(r.packed)
	}
	if err == nil {
		r.held, err = s2.Decode(r.held[:cap(r.held)], r.packed)
	}
	if err != nil {
		return nil, fmt.Errorf("sorter: %s: %w", r.file.Name(), err)
	}
	return r.held, nil
}

func (r *blockReader) read(b []byte) error {
	if int64(len(b)) > r.left.length {
		return io.ErrUnexpectedEOF
	}
	_, err := r.file.ReadAt(b, r.left.offset)
	r.left = section{r.left.offset + int64(len(b)), r.left.length - int64(len(b))}
	return err
}

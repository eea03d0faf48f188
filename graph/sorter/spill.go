package sorter

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"

	"s1graph/graph"
)

// batch is what is held in memory before it is spilled.
type batch struct {
	firstRow uint64 // number of the first row; the others follow
	rows     []rowHeader
	data     []byte  // entries
	refs     [][]ref // by type
	nRefs    int
}

// ref says where an entry is. prefix holds the eight bytes of its key by which it is being sorted.
type ref struct {
	prefix uint64
	at     int
}

const refSize = 16

func (b *batch) size() int { return len(b.data) + refSize*b.nRefs + rowHeaderSize*len(b.rows) }

func (b *batch) add(s *scratch, h rowHeader, number uint64, limit int) {
	if len(b.rows) == 0 {
		b.firstRow = number
	}
	b.rows = append(b.rows, h)
	start := len(b.data)
	if n := start + len(s.entries); n > cap(b.data) { // in few steps: each leaves a copy behind
		b.data = slices.Grow(b.data, max(n, min(4*n, limit))-start)
	}
	b.data = append(b.data, s.entries...)
	for i, at := range s.at {
		end := len(b.data)
		if i+1 < len(s.at) {
			end = start + s.at[i+1]
		}
		binary.LittleEndian.PutUint64(b.data[end-8:], number)
		t := s.types[i]
		b.refs[t] = append(b.refs[t], ref{at: start + at})
	}
	b.nRefs += len(s.at)
}

func (b *batch) reset() {
	b.rows, b.data, b.nRefs = b.rows[:0], b.data[:0], 0
	for i := range b.refs {
		b.refs[i] = b.refs[i][:0]
	}
}

// sort puts the entries of a type in ascending order, first by key and then as compareEntries has it.
func (b *batch) sort(t int) []ref {
	b.sortBehind(0, b.refs[t])
	return b.refs[t]
}

// sortBehind sorts entries whose keys have so many bytes in common at least: by the eight bytes behind all that they have in
// common, and those that are alike in these in the same way. Most comparisons look at no key.
func (b *batch) sortBehind(known int, refs []ref) {
	if len(refs) < 2 {
		return
	}
	first := b.key(refs[0])
	common := len(first)
	for _, r := range refs[1:] {
		k := b.key(r)
		n := known
		for n < common && n < len(k) && k[n] == first[n] {
			n++
		}
		common = n
	}
	for i := range refs {
		var p [8]byte
		copy(p[:], b.key(refs[i])[common:])
		refs[i].prefix = binary.BigEndian.Uint64(p[:])
	}
	slices.SortFunc(refs, func(x, y ref) int { return cmp.Compare(x.prefix, y.prefix) })
	for len(refs) > 0 {
		n := 1
		for n < len(refs) && refs[n].prefix == refs[0].prefix {
			n++
		}
		if alike := refs[:n]; byte(refs[0].prefix) != 0 { // no key has a byte that is 0, so all of these go at least so far
			b.sortBehind(common+8, alike)
		} else if n > 1 { // one key, which ends here
			slices.SortFunc(alike, func(x, y ref) int {
				ex, _ := parseEntry(b.data[x.at:])
				ey, _ := parseEntry(b.data[y.at:])
				return compareEntries(&ex, &ey)
			})
		}
		refs = refs[n:]
	}
}

func (b *batch) key(r ref) []byte { return entryKey(b.data[r.at:]) }

// spill is the file of the batches that did not fit into the memory.
//
// The Sorter sorts and merges by itself and not with github.com/lanrat/extsort, which is well kept and was tried. That
// library bounds its chunks in records, not in bytes, and has up to nine of them in flight, so that the memory
// depends on the tenant; it sorts one sequence that is read once, where here a type is read at a time, in any order and
// more than once; it cannot put equal records together before they are written, which halves what applications take
// on the disk; and the superseded rows would need a second sorter. (Measured with 1.2 million records of 400
// bytes: 4.5 s of CPU and 93 MiB with chunks of 20,000 records, 235 MiB with chunks of 50,000; here 3.8 s and
// 107 MiB, the graph files included.)
type spill struct {
	dir        string
	blockBytes int // that a block holds at least

	mu      sync.Mutex
	file    *os.File // nil until something is spilled
	size    int64
	batches []spilled
}

// spilled says where the parts of a batch are in the file.
type spilled struct {
	firstRow uint64
	rows     section
	types    []section
}

type section struct{ offset, length int64 }

// write sorts the batch and appends it. Entries that are alike are written as one, with the numbers of
// all their rows.
func (s *spill) write(b *batch, types []*graph.Type) error {
	for t := range b.refs {
		b.sort(t)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.file == nil {
		f, err := os.CreateTemp(s.dir, "spill-*")
		if err != nil {
			return fmt.Errorf("sorter: %w", err)
		}
		s.file = f
	}
	w := &blockWriter{w: bufio.NewWriterSize(s.file, 256<<10), n: s.size, least: s.blockBytes}
	done := spilled{firstRow: b.firstRow, types: make([]section, len(types))}
	for t, refs := range b.refs {
		start := w.n
		b.writeEntries(w, refs)
		done.types[t] = w.section(start)
	}
	start := w.n
	b.writeRows(w)
	done.rows = w.section(start)
	if err := w.w.Flush(); err != nil {
		return fmt.Errorf("sorter: %w", err)
	}
	s.size = w.n
	s.batches = append(s.batches, done)
	return nil
}

func (b *batch) writeEntries(w *blockWriter, refs []ref) {
	for len(refs) > 0 {
		first := b.data[refs[0].at:]
		e, size := parseEntry(first)
		n := 1
		for ; n < len(refs); n++ {
			other := b.data[refs[n].at:]
			if !bytes.Equal(rankAndFull(other), rankAndFull(first)) {
				break
			}
			if o, _ := parseEntry(other); !bytes.Equal(o.tie, e.tie) {
				break
			}
		}
		setEntryRows(first, n)
		w.write(first[:size])
		setEntryRows(first, 1)
		for _, r := range refs[1:n] {
			other, _ := parseEntry(b.data[r.at:])
			w.write(other.rows)
		}
		w.endIfFull()
		refs = refs[n:]
	}
}

func (b *batch) writeRows(w *blockWriter) {
	var buf [rowHeaderSize]byte
	for i := range b.rows {
		h := &b.rows[i]
		binary.LittleEndian.PutUint64(buf[0:], h.id)
		binary.LittleEndian.PutUint64(buf[8:], uint64(h.updated))
		copy(buf[16:28], h.content[:])
		binary.LittleEndian.PutUint32(buf[28:], h.list)
		binary.LittleEndian.PutUint64(buf[32:], h.shared)
		w.write(buf[:])
		w.endIfFull()
	}
}

func (s *spill) close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.file == nil {
		return nil
	}
	err := errors.Join(s.file.Close(), os.Remove(s.file.Name()))
	s.file, s.batches = nil, nil
	return err
}

package graph

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"sync"
)

// The Builder sorts and merges by itself and not with github.com/lanrat/extsort, which is well kept and was tried. That
// library bounds its chunks in records, not in bytes, and has up to nine of them in flight, so that the memory
// depends on the tenant; it sorts one sequence that is read once, where here a type is read at a time, in any order and
// more than once; it cannot put equal records together before they are written, which halves what applications take
// on the disk; and the rows that others replace would need a second sorter. (Measured with 1.2 million records of 400
// bytes: 4.5 s of CPU and 93 MiB with chunks of 20,000 records, 235 MiB with chunks of 50,000; here 3.2 s and 100 MiB.)

const (
	entryHeader = 56
	maxTieBytes = 1<<16 - 1
)

// entry is a record as it lies in a batch and in the spill file: a header of little-endian numbers,
//
//	length of the JSON (4), place of the key (4), count of rows (4), lengths of key and tie (2 each),
//	rank (8), full (16), stable (16)
//
// and then the tie, the JSON, the key if it does not stand in the JSON as it is, and the numbers of the rows
// that gave rise to it (8 each).
type entry struct {
	key, tie, json []byte
	rank           int64
	full, stable   Digest
	rows           []byte
}

// appendEntry appends r with room for the number of one row.
func appendEntry(b []byte, r *Record) ([]byte, Digest) {
	start := len(b)
	b = slices.Grow(b, entryHeader+len(r.Key)+len(r.Tie)+256+48*len(r.Properties))
	b = append(b[:start+entryHeader], r.Tie...)
	json := len(b)
	b = appendRecord(b, r, false)
	full, stable := digests(b[json:], r)
	header := b[start:]
	binary.LittleEndian.PutUint32(header, uint32(len(b)-json))

	name := []byte(`"_key":"`) // cannot be in a string, where the quotes would have backslashes
	key := json + bytes.Index(b[json:], name) + len(name)
	if !bytes.HasPrefix(b[key:], []byte(r.Key)) || b[key+len(r.Key)] != '"' {
		key = len(b)
		b = append(b, r.Key...)
		header = b[start:]
	}
	binary.LittleEndian.PutUint32(header[4:], uint32(key-start))
	binary.LittleEndian.PutUint32(header[8:], 1)
	binary.LittleEndian.PutUint16(header[12:], uint16(len(r.Key)))
	binary.LittleEndian.PutUint16(header[14:], uint16(len(r.Tie)))
	binary.LittleEndian.PutUint64(header[16:], uint64(r.Rank))
	copy(header[24:], full[:])
	copy(header[40:], stable[:])
	return append(b, make([]byte, 8)...), full
}

// layout says where the parts of the entry end that begins with this header.
func layout(header []byte) (tie, json, rows, end int) {
	tie = entryHeader + int(binary.LittleEndian.Uint16(header[14:]))
	json = tie + int(binary.LittleEndian.Uint32(header))
	rows = max(json, int(binary.LittleEndian.Uint32(header[4:]))+int(binary.LittleEndian.Uint16(header[12:])))
	return tie, json, rows, rows + 8*entryRows(header)
}

func entryRows(header []byte) int { return int(binary.LittleEndian.Uint32(header[8:])) }

func setEntryRows(header []byte, n int) { binary.LittleEndian.PutUint32(header[8:], uint32(n)) }

func entryKey(b []byte) []byte {
	at := int(binary.LittleEndian.Uint32(b[4:]))
	return b[at : at+int(binary.LittleEndian.Uint16(b[12:]))]
}

// parseEntry reads the entry that b begins with, and says how long it is; the result lies in b's memory.
func parseEntry(b []byte) (entry, int) {
	tie, json, rows, end := layout(b)
	return entry{
		key:    entryKey(b),
		tie:    b[entryHeader:tie],
		json:   b[tie:json],
		rank:   int64(binary.LittleEndian.Uint64(b[16:])),
		full:   Digest(b[24:40]),
		stable: Digest(b[40:56]),
		rows:   b[rows:end],
	}, end
}

// compareEntries says which of two entries with one key is the greater.
func compareEntries(a, b *entry) int {
	if c := cmp.Compare(a.rank, b.rank); c != 0 {
		return c
	}
	if c := bytes.Compare(a.tie, b.tie); c != 0 {
		return c
	}
	return bytes.Compare(a.json, b.json)
}

// isLive says whether a row that is not lost gave rise to e.
func (e *entry) isLive(lost bitset) bool {
	if lost == nil {
		return true
	}
	for rows := e.rows; len(rows) > 0; rows = rows[8:] {
		if !lost.has(binary.LittleEndian.Uint64(rows)) {
			return true
		}
	}
	return false
}

// clone copies what decides between entries into memory, which it may replace.
func (e *entry) clone(memory *[]byte) entry {
	b := append(append((*memory)[:0], e.tie...), e.json...)
	*memory = b
	c := *e
	c.key, c.rows = nil, nil
	c.tie, c.json = b[:len(e.tie)], b[len(e.tie):]
	return c
}

// rowHeader is what decides between rows with one ID.
type rowHeader struct {
	id      uint64
	updated int64
	content [14]byte
	list    uint16
}

const rowHeaderSize = 32

// batch is what is held in memory before it is spilled.
type batch struct {
	firstRow uint64 // number of the first row; the others follow
	rows     []rowHeader
	data     []byte  // entries
	refs     [][]ref // by type
	nRefs    int
}

// ref says where an entry is. prefix holds the eight bytes that come after what all keys of the batch's
// records of the type have in common: most comparisons end there.
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
	refs := b.refs[t]
	if len(refs) == 0 {
		return nil
	}
	common := b.key(refs[0])
	for _, r := range refs[1:] {
		k := b.key(r)
		n := 0
		for n < len(common) && n < len(k) && common[n] == k[n] {
			n++
		}
		common = common[:n]
	}
	for i := range refs {
		var p [8]byte
		copy(p[:], b.key(refs[i])[len(common):])
		refs[i].prefix = binary.BigEndian.Uint64(p[:])
	}
	slices.SortFunc(refs, func(x, y ref) int {
		if x.prefix != y.prefix {
			return cmp.Compare(x.prefix, y.prefix)
		}
		if c := bytes.Compare(b.key(x), b.key(y)); c != 0 {
			return c
		}
		ex, _ := parseEntry(b.data[x.at:])
		ey, _ := parseEntry(b.data[y.at:])
		return compareEntries(&ex, &ey)
	})
	return refs
}

func (b *batch) key(r ref) []byte { return entryKey(b.data[r.at:]) }

// spill is the file of the batches that did not fit into the memory.
type spill struct {
	dir string

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
func (s *spill) write(b *batch, types []*Type) error {
	for t := range b.refs {
		b.sort(t)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.file == nil {
		f, err := os.CreateTemp(s.dir, "spill-*")
		if err != nil {
			return fmt.Errorf("graph builder: %w", err)
		}
		s.file = f
	}
	w := &countingWriter{w: bufio.NewWriterSize(s.file, 256<<10), n: s.size}
	done := spilled{firstRow: b.firstRow, types: make([]section, len(types))}
	for t, refs := range b.refs {
		start := w.n
		b.writeEntries(w, refs)
		done.types[t] = section{start, w.n - start}
	}
	start := w.n
	b.writeRows(w)
	done.rows = section{start, w.n - start}
	if err := w.w.Flush(); err != nil {
		return fmt.Errorf("graph builder: %w", err)
	}
	s.size = w.n
	s.batches = append(s.batches, done)
	return nil
}

func (b *batch) writeEntries(w *countingWriter, refs []ref) {
	for len(refs) > 0 {
		first := b.data[refs[0].at:]
		e, size := parseEntry(first)
		n := 1
		for ; n < len(refs); n++ {
			other, _ := parseEntry(b.data[refs[n].at:])
			if other.full != e.full || other.rank != e.rank || !bytes.Equal(other.tie, e.tie) {
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
		refs = refs[n:]
	}
}

func (b *batch) writeRows(w *countingWriter) {
	var buf [rowHeaderSize]byte
	for i := range b.rows {
		h := &b.rows[i]
		binary.LittleEndian.PutUint64(buf[0:], h.id)
		binary.LittleEndian.PutUint64(buf[8:], uint64(h.updated))
		copy(buf[16:30], h.content[:])
		binary.LittleEndian.PutUint16(buf[30:], h.list)
		w.write(buf[:])
	}
}

func parseRowHeader(b []byte) rowHeader {
	return rowHeader{
		id:      binary.LittleEndian.Uint64(b[0:]),
		updated: int64(binary.LittleEndian.Uint64(b[8:])),
		content: [14]byte(b[16:30]),
		list:    binary.LittleEndian.Uint16(b[30:]),
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

// countingWriter knows where it is; its error is kept by w until w is flushed.
type countingWriter struct {
	w *bufio.Writer
	n int64
}

func (w *countingWriter) write(b []byte) {
	w.w.Write(b)
	w.n += int64(len(b))
}

// source yields sorted entries, each until the next is asked for, and io.EOF at their end.
type source interface {
	next() (entry, error)
}

// memorySource reads the batch that was never spilled.
type memorySource struct {
	data []byte
	refs []ref
}

func (s *memorySource) next() (entry, error) {
	if len(s.refs) == 0 {
		return entry{}, io.EOF
	}
	e, _ := parseEntry(s.data[s.refs[0].at:])
	s.refs = s.refs[1:]
	return e, nil
}

// fileSource reads a section of the spill file through a buffer of its own.
type fileSource struct {
	file *os.File
	left section // not yet in the buffer
	buf  []byte
	rest []byte // of the buffer: not yet parsed
}

func (s *fileSource) next() (entry, error) {
	if len(s.rest) == 0 && s.left.length == 0 {
		return entry{}, io.EOF
	}
	if err := s.need(entryHeader); err != nil {
		return entry{}, err
	}
	_, _, _, n := layout(s.rest)
	if err := s.need(n); err != nil {
		return entry{}, err
	}
	e, _ := parseEntry(s.rest)
	s.rest = s.rest[n:]
	return e, nil
}

// need reads on until there are n bytes that are not yet parsed.
func (s *fileSource) need(n int) error {
	if len(s.rest) >= n {
		return nil
	}
	if n > len(s.buf) {
		s.buf = make([]byte, n)
	}
	have := copy(s.buf, s.rest)
	want := int(min(int64(len(s.buf)-have), s.left.length))
	got, err := s.file.ReadAt(s.buf[have:have+want], s.left.offset)
	if got < want || have+got < n {
		return fmt.Errorf("graph builder: %s: %w", s.file.Name(), cmp.Or(err, io.ErrUnexpectedEOF))
	}
	s.left.offset += int64(got)
	s.left.length -= int64(got)
	s.rest = s.buf[:have+got]
	return nil
}

// merger is a heap of the sources that have entries left, the one with the least key first.
type merger []*cursor

type cursor struct {
	head entry
	source
}

func (m *merger) push(s source) error {
	e, err := s.next()
	if err == io.EOF {
		return nil
	}
	if err != nil {
		return err
	}
	*m = append(*m, &cursor{e, s})
	return nil
}

func (m merger) init() {
	for i := len(m)/2 - 1; i >= 0; i-- {
		m.down(i)
	}
}

// advance moves the first source on by one entry.
func (m *merger) advance() error {
	h := *m
	e, err := h[0].next()
	switch {
	case err == io.EOF:
		h[0] = h[len(h)-1]
		h[len(h)-1] = nil
		*m = h[:len(h)-1]
	case err != nil:
		return err
	default:
		h[0].head = e
	}
	m.down(0)
	return nil
}

func (m merger) down(i int) {
	for {
		least := i
		for child := 2*i + 1; child <= 2*i+2 && child < len(m); child++ {
			if bytes.Compare(m[child].head.key, m[least].head.key) < 0 {
				least = child
			}
		}
		if least == i {
			return
		}
		m[i], m[least] = m[least], m[i]
		i = least
	}
}

// open makes a merger of all that there is of a type.
func (b *Builder) open(t int) (merger, error) {
	var m merger
	if b.filling != nil {
		if err := m.push(&memorySource{b.filling.data, b.filling.refs[t]}); err != nil {
			return nil, err
		}
	}
	const least, most = 4 << 10, 1 << 20
	buffer := min(max(b.limit/max(len(b.spill.batches), 1), least), most)
	for _, s := range b.spill.batches {
		if s.types[t].length == 0 {
			continue
		}
		size := min(int64(buffer), s.types[t].length)
		if err := m.push(&fileSource{file: b.spill.file, left: s.types[t], buf: make([]byte, size)}); err != nil {
			return nil, err
		}
	}
	m.init()
	return m, nil
}

// seal ends the adding: what is left in memory is sorted, and the rows are found that others replace.
func (b *Builder) seal() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.err != nil || b.sealed {
		return b.err
	}
	b.sealed = true
	for len(b.free) > 0 {
		<-b.free // its memory is better used for reading
	}
	if b.filling != nil {
		for t := range b.types {
			b.filling.sort(t)
		}
	}
	b.err = b.findLost()
	return b.err
}

// findLost fills b.lost. It reads the headers of all rows, if some IDs came more than once.
func (b *Builder) findLost() error {
	type best struct {
		header rowHeader
		number uint64
		found  bool
	}
	repeated := map[uint16][]uint64{}
	winners := map[uint16][]best{}
	for _, l := range b.lists {
		if ids := l.repeats(); len(ids) > 0 {
			repeated[l.number], winners[l.number] = ids, make([]best, len(ids))
		}
	}
	if len(repeated) == 0 {
		return nil
	}
	b.lost = newBitset(b.rows)
	return b.eachRow(func(number uint64, h rowHeader) {
		i, found := slices.BinarySearch(repeated[h.list], h.id)
		if !found {
			return
		}
		w := &winners[h.list][i]
		switch {
		case !w.found:
		case cmp.Or(cmp.Compare(h.updated, w.header.updated), bytes.Compare(h.content[:], w.header.content[:])) > 0:
			b.lost.set(w.number)
		default:
			b.lost.set(number)
			return
		}
		*w = best{h, number, true}
	})
}

func (b *Builder) eachRow(visit func(number uint64, h rowHeader)) error {
	for _, s := range b.spill.batches {
		r := bufio.NewReaderSize(io.NewSectionReader(b.spill.file, s.rows.offset, s.rows.length), 256<<10)
		var buf [rowHeaderSize]byte
		for i := range s.rows.length / rowHeaderSize {
			if _, err := io.ReadFull(r, buf[:]); err != nil {
				return fmt.Errorf("graph builder: %s: %w", b.spill.file.Name(), err)
			}
			visit(s.firstRow+uint64(i), parseRowHeader(buf[:]))
		}
	}
	if b.filling != nil {
		for i, h := range b.filling.rows {
			visit(b.filling.firstRow+uint64(i), h)
		}
	}
	return nil
}

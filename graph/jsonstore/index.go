package jsonstore

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"slices"

	"s1graph/graph"
)

// The index of a type has a block for each of its graph files, and at its end a directory of the blocks:
//
//	blocks      for each record: length of what its key shares with the one before, length of the rest, the rest,
//	            twice the record's length in bytes and 1 if Stable differs from Full, Full, and Stable if it differs
//	directory   for each block: length, checksum of the block, checksum of the graph file, count of records,
//	            length of the first key, first key
//	trailer     length of the directory (8), checksum of the directory (4), magic (8)
//
// Lengths and counts are uvarints, except in the trailer; checksums are CRC-32C; numbers are little-endian.
const (
	indexMagic  = "s1gindx1"
	trailerSize = 20
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// blockInfo is an entry of the directory.
type blockInfo struct {
	offset, length int64
	checksum       uint32
	fileChecksum   uint32
	records        int
	firstKey       string
}

// indexEntry is what the index says of a record.
type indexEntry struct {
	graph.KeyDigest
	length int // of the record's JSON
}

// indexWriter writes an index while the records go by.
type indexWriter struct {
	file      *os.File
	size      int64
	block     []byte
	records   int
	first     string
	last      string
	directory []byte
}

func newIndexWriter(path string) (*indexWriter, error) {
	f, err := create(path)
	if err != nil {
		return nil, err
	}
	return &indexWriter{file: f}, nil
}

func (w *indexWriter) add(e *graph.Encoded) {
	if w.records == 0 {
		w.first, w.last = e.Key, ""
	}
	shared := 0
	for shared < len(w.last) && shared < len(e.Key) && w.last[shared] == e.Key[shared] {
		shared++
	}
	b := binary.AppendUvarint(w.block, uint64(shared))
	b = binary.AppendUvarint(b, uint64(len(e.Key)-shared))
	b = append(b, e.Key[shared:]...)
	length := uint64(len(e.JSON)) << 1
	if e.Stable != e.Full {
		length |= 1
	}
	b = binary.AppendUvarint(b, length)
	b = append(b, e.Full[:]...)
	if e.Stable != e.Full {
		b = append(b, e.Stable[:]...)
	}
	w.block, w.last = b, e.Key
	w.records++
}

// endBlock is called where a graph file ends, with its checksum.
func (w *indexWriter) endBlock(fileChecksum uint32) error {
	d := binary.AppendUvarint(w.directory, uint64(len(w.block)))
	d = binary.LittleEndian.AppendUint32(d, crc32.Checksum(w.block, castagnoli))
	d = binary.LittleEndian.AppendUint32(d, fileChecksum)
	d = binary.AppendUvarint(d, uint64(w.records))
	d = binary.AppendUvarint(d, uint64(len(w.first)))
	w.directory = append(d, w.first...)
	n, err := w.file.Write(w.block)
	w.size += int64(n)
	w.block, w.records = w.block[:0], 0
	return err
}

// close ends the index and says how long it is.
func (w *indexWriter) close() (int64, error) {
	t := binary.LittleEndian.AppendUint64(w.directory, uint64(len(w.directory)))
	t = binary.LittleEndian.AppendUint32(t, crc32.Checksum(w.directory, castagnoli))
	t = append(t, indexMagic...)
	_, err := w.file.Write(t)
	return w.size + int64(len(t)), errors.Join(err, w.file.Close())
}

// readDirectory reads the directory of an index that should be size bytes long.
func readDirectory(f *os.File, size int64) ([]blockInfo, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if info.Size() != size || size < trailerSize {
		return nil, fmt.Errorf("it has %d bytes, where %d were written", info.Size(), size)
	}
	var trailer [trailerSize]byte
	if _, err := f.ReadAt(trailer[:], size-trailerSize); err != nil {
		return nil, err
	}
	length := int64(binary.LittleEndian.Uint64(trailer[:]))
	if string(trailer[12:]) != indexMagic || length < 0 || length > size-trailerSize {
		return nil, errors.New("it does not end as an index does")
	}
	b := make([]byte, length)
	if _, err := f.ReadAt(b, size-trailerSize-length); err != nil && err != io.EOF {
		return nil, err
	}
	if crc32.Checksum(b, castagnoli) != binary.LittleEndian.Uint32(trailer[8:]) {
		return nil, errChecksum
	}
	var blocks []blockInfo
	var offset int64
	for d := (decoder{b: b}); len(d.b) > 0; {
		info := blockInfo{offset: offset, length: int64(d.uvarint())}
		info.checksum = binary.LittleEndian.Uint32(d.bytes(4))
		info.fileChecksum = binary.LittleEndian.Uint32(d.bytes(4))
		info.records = int(d.uvarint())
		info.firstKey = string(d.bytes(int(d.uvarint())))
		if d.short {
			return nil, errors.New("its directory is cut off")
		}
		offset += info.length
		blocks = append(blocks, info)
	}
	return blocks, nil
}

var errChecksum = errors.New("the checksum does not match")

// blockReader reads blocks, and uses its memory again for the next one.
type blockReader struct {
	file    *os.File
	raw     []byte
	keys    []byte
	ends    []int // of the keys
	entries []indexEntry
}

// read gives the entries of a block, until the next is read; their keys outlive that, and share the memory of one
// string.
func (r *blockReader) read(info *blockInfo) ([]indexEntry, error) {
	if err := r.load(info); err != nil {
		return nil, err
	}
	r.keys, r.ends, r.entries = r.keys[:0], r.ends[:0], r.entries[:0]
	d := decoder{b: r.raw}
	start := 0
	for range info.records {
		shared, rest := int(d.uvarint()), int(d.uvarint())
		if shared < 0 || start+shared > len(r.keys) {
			return nil, errors.New("a block is cut off")
		}
		previous := r.keys[start : start+shared]
		start = len(r.keys)
		r.keys = append(append(r.keys, previous...), d.bytes(rest)...)
		r.ends = append(r.ends, len(r.keys))

		var e indexEntry
		length := d.uvarint()
		e.length = int(length >> 1)
		e.Full = graph.Digest(d.bytes(len(e.Full)))
		e.Stable = e.Full
		if length&1 == 1 {
			e.Stable = graph.Digest(d.bytes(len(e.Stable)))
		}
		r.entries = append(r.entries, e)
	}
	if d.short || len(d.b) > 0 {
		return nil, errors.New("a block has another length than its records")
	}
	keys, start := string(r.keys), 0
	for i, end := range r.ends {
		r.entries[i].Key = keys[start:end]
		start = end
	}
	return r.entries, nil
}

// load reads a block and checks it, without taking it apart.
func (r *blockReader) load(info *blockInfo) error {
	r.raw = slices.Grow(r.raw[:0], int(info.length))[:info.length]
	if _, err := r.file.ReadAt(r.raw, info.offset); err != nil {
		return err
	}
	if crc32.Checksum(r.raw, castagnoli) != info.checksum {
		return errChecksum
	}
	return nil
}

// decoder reads what appends of package binary wrote.
type decoder struct {
	b     []byte
	short bool // more was asked for than there was
}

func (d *decoder) uvarint() uint64 {
	v, n := binary.Uvarint(d.b)
	if n <= 0 {
		d.short = true
		d.b = nil
		return 0
	}
	d.b = d.b[n:]
	return v
}

// bytes gives zeroes where there are too few, for a digest at most.
func (d *decoder) bytes(n int) []byte {
	if n < 0 || n > len(d.b) {
		d.short = true
		d.b = nil
		return make([]byte, min(max(n, 0), len(graph.Digest{})))
	}
	b := d.b[:n]
	d.b = d.b[n:]
	return b
}

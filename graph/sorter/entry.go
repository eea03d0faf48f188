package sorter

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"slices"

	"s1graph/graph"
)

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
// that gave rise to it (8 each). The JSON of a relationship is without its meta properties, half of it, which follow from its type
// and key.
type entry struct {
	key, tie, json []byte
	rank           int64
	full, stable   graph.Digest
	rows           []byte
}

// appendEntry appends r with room for the number of one row.
func appendEntry(b []byte, r *graph.Record) ([]byte, graph.Digest) {
	start := len(b)
	b = slices.Grow(b, entryHeader+len(r.Key)+len(r.Tie)+256+48*len(r.Properties))
	b = append(b[:start+entryHeader], r.Tie...)
	json := len(b)
	b, meta, digest := graph.AppendRecord(b, r)
	key, name := 0, []byte(`"_key":"`)
	if meta > 0 && hasTheEndsOfItsKey(r) {
		b = append(b[:json+1], b[json+meta:]...) // what is left orders as the whole would
	} else if at := bytes.Index(b[json:], name); at >= 0 { // in no string, where the quotes would have backslashes
		key = json + at + len(name)
	}
	end := len(b)
	if key == 0 || !bytes.HasPrefix(b[key:], []byte(r.Key)) || b[key+len(r.Key)] != '"' {
		key = end
		b = append(b, r.Key...)
	}
	header := b[start:]
	binary.LittleEndian.PutUint32(header, uint32(end-json))
	binary.LittleEndian.PutUint32(header[4:], uint32(key-start))
	binary.LittleEndian.PutUint32(header[8:], 1)
	binary.LittleEndian.PutUint16(header[12:], uint16(len(r.Key)))
	binary.LittleEndian.PutUint16(header[14:], uint16(len(r.Tie)))
	binary.LittleEndian.PutUint64(header[16:], uint64(r.Rank))
	copy(header[24:], digest.Full[:])
	copy(header[40:], digest.Stable[:])
	return append(b, make([]byte, 8)...), digest.Full
}

// hasTheEndsOfItsKey says whether r is a relationship whose meta properties follow from its type and key, as those of the
// model's do.
func hasTheEndsOfItsKey(r *graph.Record) bool {
	from, to, ok := graph.RelationshipEnds(r.Key)
	return ok && r.Type.Relationship && from == r.From && to == r.To
}

// appendWhole appends the JSON of an entry of that type and key, with its meta properties.
func appendWhole(b, json []byte, t *graph.Type, key string) []byte {
	if json[1] == '"' { // nothing was cut off, else a comma or the end comes here
		return append(b, json...)
	}
	r := graph.Record{Type: t, Key: key}
	r.From, r.To, _ = graph.RelationshipEnds(key)
	b = graph.AppendMeta(append(b, '{'), &r)
	return append(b, json[1:]...)
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

func rankAndFull(header []byte) []byte { return header[16:40] }

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
		full:   graph.Digest(b[24:40]),
		stable: graph.Digest(b[40:56]),
		rows:   b[rows:end],
	}, end
}

// compareEntries says which of two entries with one key is the greater.
func compareEntries(a, b *entry) int {
	return cmp.Or(cmp.Compare(a.rank, b.rank), bytes.Compare(a.tie, b.tie), bytes.Compare(a.json, b.json))
}

// isLive says whether a row that no other superseded gave rise to e.
func (e *entry) isLive(superseded bitset) bool {
	if superseded == nil {
		return true
	}
	for rows := e.rows; len(rows) > 0; rows = rows[8:] {
		if !superseded.has(binary.LittleEndian.Uint64(rows)) {
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

// rowHeader is what decides between rows with one ID, and which shared record a row gave rise to.
type rowHeader struct {
	id      uint64
	updated int64
	content [12]byte
	list    uint32
	shared  uint64 // as in Shared; 0: none
}

const rowHeaderSize = 40

func parseRowHeader(b []byte) rowHeader {
	return rowHeader{
		id:      binary.LittleEndian.Uint64(b[0:]),
		updated: int64(binary.LittleEndian.Uint64(b[8:])),
		content: [12]byte(b[16:28]),
		list:    binary.LittleEndian.Uint32(b[28:]),
		shared:  binary.LittleEndian.Uint64(b[32:]),
	}
}

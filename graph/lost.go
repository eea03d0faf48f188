package graph

import (
	"bufio"
	"bytes"
	"cmp"
	"fmt"
	"io"
	"slices"
)

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

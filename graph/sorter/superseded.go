package sorter

import (
	"bytes"
	"cmp"
	"io"
	"slices"
)

// seal ends the adding: what is left in memory is sorted, and the superseded rows are found.
func (s *Sorter) seal() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil || s.sealed {
		return s.err
	}
	s.sealed = true
	for len(s.free) > 0 {
		<-s.free // its memory is better used for reading
	}
	if s.filling != nil {
		for t := range s.types {
			s.filling.sort(t)
		}
	}
	s.err = s.findSuperseded()
	return s.err
}

// findSuperseded fills s.superseded. It reads the headers of all rows, if some IDs came more than once.
func (s *Sorter) findSuperseded() error {
	type best struct {
		header rowHeader
		number uint64
		found  bool
	}
	repeated := map[uint32][]uint64{}
	winners := map[uint32][]best{}
	for _, l := range s.lists {
		if ids := l.ids.repeats(); len(ids) > 0 {
			repeated[l.number], winners[l.number] = ids, make([]best, len(ids))
		}
	}
	if len(repeated) == 0 {
		return nil
	}
	s.superseded = newBitset(s.rows)
	err := s.eachRow(func(number uint64, h rowHeader) {
		i, found := slices.BinarySearch(repeated[h.list], h.id)
		if !found {
			return
		}
		w := &winners[h.list][i]
		switch {
		case !w.found:
		case cmp.Or(cmp.Compare(h.updated, w.header.updated), bytes.Compare(h.content[:], w.header.content[:])) > 0:
			s.superseded.set(w.number)
		default:
			s.superseded.set(number)
			return
		}
		*w = best{h, number, true}
	})
	if err != nil {
		return err
	}
	return s.findUnshared()
}

// findUnshared adds to s.superseded the shared records whose rows are all superseded.
func (s *Sorter) findUnshared() error {
	live, gone := newBitset(s.rows), newBitset(s.rows)
	err := s.eachRow(func(number uint64, h rowHeader) {
		switch {
		case h.shared == 0:
		case s.superseded.has(number):
			gone.set(h.shared - 1)
		default:
			live.set(h.shared - 1)
		}
	})
	for i := range s.superseded {
		s.superseded[i] |= gone[i] &^ live[i]
	}
	return err
}

func (s *Sorter) eachRow(visit func(number uint64, h rowHeader)) error {
	for _, spilled := range s.spill.batches {
		number := spilled.firstRow
		for r := (blockReader{file: s.spill.file, left: spilled.rows}); ; {
			rows, err := r.next()
			if err == io.EOF {
				break
			}
			if err != nil {
				return err
			}
			for ; len(rows) > 0; rows = rows[rowHeaderSize:] {
				visit(number, parseRowHeader(rows))
				number++
			}
		}
	}
	if s.filling != nil {
		for i, h := range s.filling.rows {
			visit(s.filling.firstRow+uint64(i), h)
		}
	}
	return nil
}

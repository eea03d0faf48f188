package sorter

import (
	"slices"
	"sync"
)

// idSet is a set of numbers that costs little more than the eight bytes of each, and remembers which were
// added more than once. It is safe for concurrent use.
type idSet struct {
	mu       sync.Mutex
	shards   []shard // one for a few numbers, else many: to sort each takes less time then
	repeated []uint64
}

// manyIDs are too many for one shard.
const manyIDs = 1024

// shard holds its numbers sorted up to a point, and behind it those that were added since.
type shard struct {
	ids    []uint64
	sorted int
}

func (s *idSet) add(id uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.shards == nil {
		s.shards = make([]shard, 1)
	}
	sh := s.shard(id)
	sh.ids = append(sh.ids, id)
	if len(s.shards) == 1 && len(sh.ids) > manyIDs {
		s.shards = make([]shard, 256)
		for _, id := range sh.ids {
			one := s.shard(id)
			one.ids = append(one.ids, id)
		}
	}
}

func (s *idSet) has(id uint64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.shards == nil {
		return false
	}
	const few = 64 // to look through is faster than to sort
	sh := s.shard(id)
	if len(sh.ids)-sh.sorted > few {
		s.settle(sh)
	}
	if _, found := slices.BinarySearch(sh.ids[:sh.sorted], id); found {
		return true
	}
	return slices.Contains(sh.ids[sh.sorted:], id)
}

func (s *idSet) count() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	var n int64
	for i := range s.shards {
		s.settle(&s.shards[i])
		n += int64(len(s.shards[i].ids))
	}
	return n
}

// repeats are the numbers that were added more than once, sorted.
func (s *idSet) repeats() []uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range s.shards {
		s.settle(&s.shards[i])
	}
	slices.Sort(s.repeated)
	s.repeated = slices.Compact(s.repeated)
	return s.repeated
}

// shard spreads numbers that follow each other, as a vendor's do, by the upper bits of a product.
func (s *idSet) shard(id uint64) *shard {
	return &s.shards[id*0x9e3779b97f4a7c15>>56%uint64(len(s.shards))]
}

func (s *idSet) settle(sh *shard) {
	if sh.sorted == len(sh.ids) {
		return
	}
	slices.Sort(sh.ids)
	kept := sh.ids[:1]
	for _, id := range sh.ids[1:] {
		if id == kept[len(kept)-1] {
			s.repeated = append(s.repeated, id)
		} else {
			kept = append(kept, id)
		}
	}
	sh.ids, sh.sorted = kept, len(kept)
}

// bitset is a set of small numbers.
type bitset []uint64

func newBitset(n uint64) bitset { return make(bitset, (n+63)/64) }

func (b bitset) set(i uint64) { b[i/64] |= 1 << (i % 64) }

func (b bitset) has(i uint64) bool { return b[i/64]&(1<<(i%64)) != 0 }

// Package sorter turns rows of the Management API, which come in any order, into the records of a snapshot in
// ascending order of their keys, one a key. It is an external merge sort: what does not fit into the memory is
// sorted and spilled to a file, and merged when it is read. What a record is, and how it is encoded, is told by
// the graph package.
package sorter

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/maphash"
	"iter"
	"slices"
	"strconv"
	"sync"

	"s1graph/graph"
)

// DefaultMemoryBytes is the bound of a Sorter that is not told another.
const DefaultMemoryBytes = 24 << 20

// Config says how a Sorter is made.
type Config struct {
	// Dir is an existing directory for the spill file, which only appears when the records outgrow the
	// memory. Empty means the system's directory for temporary files.
	Dir string

	// Types are those whose records are taken.
	Types []*graph.Type

	// MemoryBytes bounds what is held of the records: while they are added, and again while they are
	// read back. A row that alone is larger is taken all the same. Zero means DefaultMemoryBytes. The IDs
	// of the rows come on top, at some ten bytes each.
	MemoryBytes int
}

// Row is all the records that one row of one list of the Management API gave rise to.
type Row struct {
	List string // names the list, in whose rows IDs are unique

	// ID is the row's; a row without one is not counted, and never another row again.
	ID string

	// Updated decides between rows of one list with one ID: the greatest wins, and among equals the one
	// whose records have the greatest digest. Everything that the others gave rise to is left out.
	Updated int64

	Records []graph.Record
	Shared  Shared // a record more that it gave rise to, as others did; the zero Shared is none
}

// Shared stands for a record that a Sorter was given once for all the rows that give rise to it.
type Shared struct {
	row     uint64 // number of the row in whose place it stands, and 1
	content [12]byte
}

// Sorter turns rows that come in any order, and from many goroutines, into the records of a snapshot in
// ascending order of their keys, one a key. The result depends on the set of the rows alone, not on
// their order nor on which were added together. What does not fit into its memory is sorted and
// spilled to a file, and merged when it is read.
//
// Whoever makes a Sorter closes it. First come all the Adds, then the reading with Sorted; Distinct and
// Seen may be called at any time. All methods are safe for concurrent use.
type Sorter struct {
	types  []*graph.Type // sorted by name
	byName map[string]int
	seed   maphash.Seed
	limit  int // bytes that a batch holds before it is spilled: half of the memory, as one is filled while another is written
	spill  spill

	listsMu sync.RWMutex
	lists   map[string]*list

	mu      sync.Mutex
	filling *batch // nil while none is free
	rows    uint64 // rows added, which is the number of the next one
	sealed  bool
	err     error // the first that a spill met; all that comes after repeats it

	free chan *batch

	superseded bitset // numbers of the rows that another row of their ID replaces; set when the Sorter is sealed
}

// New makes an empty Sorter.
func New(c Config) (*Sorter, error) {
	if c.MemoryBytes < 0 {
		return nil, fmt.Errorf("sorter: %d bytes of memory", c.MemoryBytes)
	}
	c.MemoryBytes = cmp.Or(c.MemoryBytes, DefaultMemoryBytes)
	s := &Sorter{
		types:  slices.Clone(c.Types),
		byName: make(map[string]int, len(c.Types)),
		seed:   maphash.MakeSeed(),
		limit:  c.MemoryBytes / 2,
		lists:  map[string]*list{},
		free:   make(chan *batch, 2),
	}
	s.spill.dir, s.spill.blockBytes = c.Dir, min(max(s.limit/256, 4<<10), 64<<10) // as many batches are read at once with half of the memory
	slices.SortFunc(s.types, func(x, y *graph.Type) int { return cmp.Compare(x.Name, y.Name) })
	for i, t := range s.types {
		if _, twice := s.byName[t.Name]; twice {
			return nil, fmt.Errorf("sorter: the type %s is given twice", t.Name)
		}
		s.byName[t.Name] = i
	}
	for range cap(s.free) {
		s.free <- &batch{refs: make([][]ref, len(s.types))}
	}
	return s, nil
}

// Add takes a row. Its records are encoded at once and not kept, so the caller may use them again. After
// an error of the disk every further Add gives the same error.
func (s *Sorter) Add(row Row) error {
	_, err := s.add(&row)
	return err
}

// Share takes a record that many rows give rise to, so that it need not come with each of them: they name it as their Shared.
// It is left out where all of its rows are. One may be shared twice.
func (s *Sorter) Share(r graph.Record) (Shared, error) {
	return s.add(&Row{Records: []graph.Record{r}})
}

func (s *Sorter) add(row *Row) (Shared, error) {
	encoded := scratches.Get().(*scratch)
	defer scratches.Put(encoded)
	if err := encoded.encode(s, row); err != nil {
		if row.ID != "" {
			err = fmt.Errorf("row %s of %s: %w", row.ID, row.List, err)
		}
		return Shared{}, err
	}
	h := rowHeader{shared: row.Shared.row}
	var l *list
	if row.ID != "" {
		l = s.list(row.List)
		h.list, h.id, h.updated, h.content = l.number, s.rowNumber(row.ID), row.Updated, encoded.content
	}

	number, full, err := s.take(encoded, h)
	if err != nil {
		return Shared{}, err
	}
	if l != nil {
		l.ids.add(h.id)
	}
	if full != nil {
		err = s.spillOut(full)
	}
	return Shared{number + 1, h.content}, err
}

// Count notes the ID of a row that nothing is kept of: Distinct and Seen know of it.
func (s *Sorter) Count(list, id string) { s.list(list).ids.add(s.rowNumber(id)) }

// take puts an encoded row into the batch that is being filled, and gives that back once it is full. It says which number
// the row has. Where no batch is free it waits with s.mu held: the others have to wait for one all the same, and who spills
// does not need it.
func (s *Sorter) take(encoded *scratch, h rowHeader) (number uint64, full *batch, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return 0, nil, s.err
	}
	if s.sealed {
		return 0, nil, errors.New("sorter: a row was added after the reading began")
	}
	if s.filling == nil {
		s.filling = <-s.free
	}
	number = s.rows
	s.filling.add(encoded, h, number, s.limit)
	s.rows++
	if s.filling.size() >= s.limit {
		full, s.filling = s.filling, nil
	}
	return number, full, nil
}

// spillOut writes a full batch to the disk and frees it, in the goroutine of the Add that filled it.
func (s *Sorter) spillOut(full *batch) error {
	err := s.spill.write(full, s.types)
	full.reset()
	s.free <- full
	if err != nil {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.err = cmp.Or(s.err, err)
	}
	return err
}

// Distinct counts the IDs of the list's rows so far.
func (s *Sorter) Distinct(list string) int64 {
	if l := s.known(list); l != nil {
		return l.ids.count()
	}
	return 0
}

// Seen says whether the list had a row of that ID so far. (An ID that is no decimal number is known by 63
// bits of its hash, so one in 10^18 answers is wrong.)
func (s *Sorter) Seen(list, id string) bool {
	l := s.known(list)
	return l != nil && l.ids.has(s.rowNumber(id))
}

// Sorted yields the records of a type in ascending order of their keys. The JSON of each is valid until the next. The first
// call ends the adding; Sorted may be called more than once, and for several types at once, each call
// with half of MemoryBytes for its buffers, and a goroutine that is a few chunks ahead. After an error nothing more is yielded.
func (s *Sorter) Sorted(ctx context.Context, typeName string) iter.Seq2[graph.Encoded, error] {
	return ahead(func(yield func(graph.Encoded, error) bool) {
		if err := s.seal(); err != nil {
			yield(graph.Encoded{}, err)
			return
		}
		if i, known := s.byName[typeName]; known {
			s.merge(ctx, i, yield)
		}
	})
}

// Close removes the spill file. The Sorter must no longer be used, and no Sorted be under way.
func (s *Sorter) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sealed, s.filling = true, nil
	s.err = cmp.Or(s.err, errors.New("sorter: it is closed"))
	return s.spill.close()
}

// known is the list of that name, or nil if none of its rows were added yet.
func (s *Sorter) known(name string) *list {
	s.listsMu.RLock()
	defer s.listsMu.RUnlock()
	return s.lists[name]
}

// list finds or makes the list of that name.
func (s *Sorter) list(name string) *list {
	if l := s.known(name); l != nil {
		return l
	}
	s.listsMu.Lock()
	defer s.listsMu.Unlock()
	if s.lists[name] == nil {
		s.lists[name] = &list{number: uint32(len(s.lists) + 1)} // a row without an ID is of list 0
	}
	return s.lists[name]
}

// rowNumber makes a number of a row's ID: the number that it is written as, else a hash in the upper
// half of the numbers.
func (s *Sorter) rowNumber(id string) uint64 {
	const hashed = 1 << 63
	if n, err := strconv.ParseUint(id, 10, 63); err == nil && (id == "0" || id[0] != '0') { // written in the one usual way
		return n
	}
	return maphash.String(s.seed, id) | hashed
}

// list is what the Sorter knows of the rows of one list.
type list struct {
	number uint32
	ids    idSet
}

// scratch is where one Add encodes its row, outside the lock.
type scratch struct {
	entries []byte
	at      []int // where each entry starts
	types   []int // the type of each
	content [12]byte
	hash    []byte
}

var scratches = sync.Pool{New: func() any { return new(scratch) }}

func (s *scratch) encode(sorter *Sorter, row *Row) error {
	const keep = 1 << 20
	if cap(s.entries) > keep { // one very long row is no reason to hold on to its memory
		s.entries = nil
	}
	s.entries, s.at, s.types, s.hash = s.entries[:0], s.at[:0], s.types[:0], s.hash[:0]
	for i := range row.Records {
		r := &row.Records[i]
		t, err := sorter.check(r)
		if err != nil {
			return err
		}
		s.at, s.types = append(s.at, len(s.entries)), append(s.types, t)
		var full graph.Digest
		s.entries, full = appendEntry(s.entries, r)
		s.hash = append(s.hash, full[:]...)
		s.hash = binary.BigEndian.AppendUint64(s.hash, uint64(r.Rank))
		s.hash = append(s.hash, r.Tie...)
	}
	if row.Shared != (Shared{}) {
		s.hash = append(s.hash, row.Shared.content[:]...)
	}
	sum := sha256.Sum256(s.hash)
	copy(s.content[:], sum[:])
	return nil
}

// checkEnds says what is wrong with the ends of a relationship whose key is good.
func checkEnds(r *graph.Record) error {
	if len(r.From) >= graph.MinKeyBytes && len(r.To) >= graph.MinKeyBytes && hasTheEndsOfItsKey(r) {
		return nil // they are parts of it
	}
	return errors.Join(graph.CheckKey(r.From), graph.CheckKey(r.To))
}

// check says whether r can be taken, and the number of its type.
func (s *Sorter) check(r *graph.Record) (int, error) {
	if r.Type == nil {
		return 0, fmt.Errorf("record %s: it has no type", r.Key)
	}
	t, known := s.byName[r.Type.Name]
	if !known {
		return 0, fmt.Errorf("record %s: the type %s is none of the sorter's", r.Key, r.Type.Name)
	}
	if err := graph.CheckKey(r.Key); err != nil {
		return 0, err
	}
	if r.Type.Relationship {
		if err := checkEnds(r); err != nil {
			return 0, fmt.Errorf("end of relationship %s: %w", r.Key, err)
		}
	}
	if len(r.Tie) > maxTieBytes {
		return 0, fmt.Errorf("record %s: a Tie of %d bytes, where %d are allowed", r.Key, len(r.Tie), maxTieBytes)
	}
	for i, p := range r.Properties {
		if p.Name == "" || p.Name[0] == '_' {
			return 0, fmt.Errorf("record %s: a property cannot be named %q", r.Key, p.Name)
		}
		if i > 0 && r.Properties[i-1].Name >= p.Name {
			return 0, fmt.Errorf("record %s: the properties %s and %s are not in order", r.Key, r.Properties[i-1].Name, p.Name)
		}
	}
	return t, nil
}

package sorter

import (
	"bytes"
	"container/heap"
	"context"
	"fmt"
	"io"

	"s1graph/graph"
)

// merge yields the records of one type, of those with one key one.
func (s *Sorter) merge(ctx context.Context, t int, yield func(graph.Encoded, error) bool) {
	m, err := s.open(t)
	if err != nil {
		yield(graph.Encoded{}, err)
		return
	}
	g := keyGroup{typ: s.types[t]}
	for n := 0; len(m) > 0; n++ {
		if n%1024 == 0 && ctx.Err() != nil {
			yield(graph.Encoded{}, context.Cause(ctx))
			return
		}
		g.begin(m[0].head.key)
		for len(m) > 0 && bytes.Equal(m[0].head.key, g.key) {
			if err := g.add(&m[0].head, s.superseded); err != nil {
				yield(graph.Encoded{}, err)
				return
			}
			if err := m.advance(); err != nil {
				yield(graph.Encoded{}, err)
				return
			}
		}
		if !g.live {
			continue
		}
		e, err := g.record()
		if !yield(e, err) || err != nil {
			return
		}
	}
}

// keyGroup makes one record of the entries that have one key.
type keyGroup struct {
	typ *graph.Type

	key    []byte
	live   bool                   // there is an entry of a row that is not superseded
	best   entry                  // the greatest of those
	memory []byte                 // that best lies in
	whole  []byte                 // JSON of a record, with what an entry lacks of it
	folded map[string]graph.Value // what the properties in Combine have come to; nil while one entry says it all
}

func (g *keyGroup) begin(key []byte) {
	g.key, g.live, g.folded = append(g.key[:0], key...), false, nil
}

func (g *keyGroup) add(e *entry, superseded bitset) error {
	if !e.isLive(superseded) {
		return nil
	}
	if !g.live {
		g.live = true
		g.best = e.clone(&g.memory)
		return nil
	}
	order := compareEntries(e, &g.best)
	if order == 0 {
		return nil
	}
	if len(g.typ.Combine) > 0 {
		if g.folded == nil {
			g.folded = map[string]graph.Value{}
			if err := g.fold(g.best.json); err != nil {
				return err
			}
		}
		if err := g.fold(e.json); err != nil {
			return err
		}
	}
	if order > 0 {
		g.best = e.clone(&g.memory)
	}
	return nil
}

func (g *keyGroup) fold(json []byte) error {
	r, err := g.decode(json)
	if err != nil {
		return err
	}
	for name, combine := range g.typ.Combine {
		v := r.Get(name)
		if v.IsAbsent() {
			continue
		}
		if sofar := g.folded[name]; !sofar.IsAbsent() {
			v = combine(sofar, v)
		}
		g.folded[name] = v
	}
	return nil
}

// record is what the entries have become.
func (g *keyGroup) record() (graph.Encoded, error) {
	if g.folded == nil {
		var e graph.Encoded
		e.Key, e.Full, e.Stable = string(g.key), g.best.full, g.best.stable
		g.whole = appendWhole(g.whole[:0], g.best.json, g.typ, e.Key)
		e.JSON = g.whole
		return e, nil
	}
	r, err := g.decode(g.best.json)
	if err != nil {
		return graph.Encoded{}, err
	}
	for name, v := range g.folded {
		r.Set(name, v)
	}
	return graph.Encode(&r), nil
}

func (g *keyGroup) decode(json []byte) (graph.Record, error) {
	g.whole = appendWhole(g.whole[:0], json, g.typ, string(g.key))
	r, err := graph.Decode(g.whole, map[string]*graph.Type{g.typ.Name: g.typ})
	if err != nil {
		return r, fmt.Errorf("record %s: %w", g.key, err)
	}
	return r, nil
}

// open makes a merger of all that there is of a type.
func (s *Sorter) open(t int) (merger, error) {
	var m merger
	if s.filling != nil {
		if err := m.add(&memorySource{s.filling.data, s.filling.refs[t]}); err != nil {
			return nil, err
		}
	}
	for _, spilled := range s.spill.batches {
		if err := m.add(&fileSource{blocks: blockReader{file: s.spill.file, left: spilled.types[t]}}); err != nil {
			return nil, err
		}
	}
	return m, nil
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

// fileSource reads a section of the spill file, block by block.
type fileSource struct {
	blocks blockReader
	rest   []byte // of the block: not yet parsed
}

func (s *fileSource) next() (entry, error) {
	if len(s.rest) == 0 {
		var err error
		if s.rest, err = s.blocks.next(); err != nil {
			return entry{}, err
		}
	}
	e, n := parseEntry(s.rest)
	s.rest = s.rest[n:]
	return e, nil
}

// merger is a heap of the sources that have entries left, the one with the least key first.
type merger []*cursor

type cursor struct {
	head entry
	source
}

func (m merger) Len() int           { return len(m) }
func (m merger) Less(i, j int) bool { return bytes.Compare(m[i].head.key, m[j].head.key) < 0 }
func (m merger) Swap(i, j int)      { m[i], m[j] = m[j], m[i] }
func (m *merger) Push(c any)        { *m = append(*m, c.(*cursor)) }

func (m *merger) Pop() any {
	last := (*m)[len(*m)-1]
	*m = (*m)[:len(*m)-1]
	return last
}

// add puts in a source, if it has any entry.
func (m *merger) add(s source) error {
	e, err := s.next()
	if err == nil {
		heap.Push(m, &cursor{e, s})
	} else if err != io.EOF {
		return err
	}
	return nil
}

// advance moves the first source on by one entry.
func (m *merger) advance() error {
	switch e, err := (*m)[0].next(); {
	case err == io.EOF:
		heap.Pop(m)
	case err != nil:
		return err
	default:
		(*m)[0].head = e
		heap.Fix(m, 0)
	}
	return nil
}

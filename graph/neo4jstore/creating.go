package neo4jstore

import (
	"encoding/hex"
	"errors"
	"fmt"
	"hash/maphash"
	"strconv"
	"strings"
	"sync"

	"s1graph/graph"
)

// edge is a relationship that is to be created.
type edge struct {
	from string // key of the entity that it starts at
	item []any  // as a creation wants it: key and ID of the entity that it leads to, digest, further properties, firstValue
	more bool   // it has further properties
}

// firstValue is where in an item the values of creations.names begin.
const firstValue = 4

// newEdge makes one of a record. The ID is filled in when the edge is written, since the entity may not be made yet.
func newEdge(r *graph.Record, digest graph.Digest, at map[string]int) (*edge, error) {
	if r.Key != graph.RelationshipKey(r.From, r.Type.Class, r.To) {
		return nil, fmt.Errorf("relationship %s: its key is not made of its ends", r.Key)
	}
	e := &edge{from: r.From, item: make([]any, firstValue+len(at))}
	further := map[string]any{}
	e.item[0], e.item[2], e.item[3] = r.To, hex.EncodeToString(digest[:]), further
	for _, p := range r.Properties {
		if i, ok := at[p.Name]; ok {
			e.item[i] = p.Value.Any()
		} else {
			further[p.Name] = p.Value.Any()
			e.more = true
		}
	}
	if !e.more {
		e.item[3] = nil
	}
	return e, nil
}

// made are the IDs that the database gave to entities that this apply created. Nothing else is found by its ID, and none is trusted: who
// uses one looks at scope and key too, so that keys that share a hash do no harm either. It is safe for concurrent use.
type made struct {
	mu     sync.Mutex
	seed   maphash.Seed
	prefix string           // of all IDs: what they are of, and which database's
	ids    map[uint64]int64 // the number behind it, by the hash of the key; nil: they turned out to be others' since
}

// mostMade bounds how much memory they take: 9 MiB for the 320,000 entities of 100,000 agents, 37 MiB at most. Entities beyond
// that are found by their keys, as are those whose ID is of another form.
const mostMade = 1 << 20

func newMade() *made { return &made{seed: maphash.MakeSeed(), ids: map[uint64]int64{}} }

func (m *made) add(key, id string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	at := strings.LastIndexByte(id, ':') + 1
	number, err := strconv.ParseInt(id[at:], 10, 64)
	if m.prefix == "" {
		m.prefix = id[:at]
	}
	if err == nil && id[:at] == m.prefix && m.ids != nil && len(m.ids) < mostMade {
		m.ids[maphash.String(m.seed, key)] = number
	}
}

// forget lets everything be found by its key from now on.
func (m *made) forget() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.ids = nil
}

// of is the ID of the entity with a key. The caller has the lock.
func (m *made) of(key string) (id string, ok bool) {
	number, ok := m.ids[maphash.String(m.seed, key)]
	if !ok {
		return "", false
	}
	return m.prefix + strconv.FormatInt(number, 10), true
}

// nested puts edges that follow each other and start at the same entity under that: rows are its key, its ID and the items.
func (m *made) nested(rows []any) (nested []any, allMade, more bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	allMade = true
	of := func(key string) any {
		id, ok := m.of(key)
		allMade = allMade && ok
		return id
	}
	last := ""
	for i, row := range rows {
		e := row.(*edge)
		if i == 0 || e.from != last {
			nested, last = append(nested, []any{e.from, of(e.from), []any{}}), e.from
		}
		e.item[1] = of(e.item[0].(string))
		n := nested[len(nested)-1].([]any)
		n[2] = append(n[2].([]any), e.item)
		more = more || e.more
	}
	return nested, allMade, more
}

// errNotMade says that an entity is not, or not any more, what has the ID that it was made with.
var errNotMade = errors.New("an entity that was just made has another ID now")

// make creates entities, and remembers their IDs.
func (t *transaction) make(rows []any) error {
	if len(rows) == 0 {
		return nil
	}
	t.statements++
	records, err := collect(t.ctx, t.tx, t.of.create, t.parameters(rows))
	if err != nil {
		return err
	}
	var ids []any
	if len(records) == 1 {
		ids, _ = records[0].Values[0].([]any)
	}
	if len(ids) != len(rows) {
		return fmt.Errorf("neo4j: of %d entities the statement made %d", len(rows), len(ids))
	}
	for i, row := range rows {
		key, _ := row.(map[string]any)["_key"].(string)
		if id, ok := ids[i].(string); ok { // the order of the rows is not promised, and who uses an ID looks whose it is
			t.made.add(key, id)
		}
	}
	t.rows += int64(len(rows))
	return nil
}

// relate creates relationships: by IDs where this apply made all their entities.
func (t *transaction) relate(rows []any) error {
	nested, allMade, more := t.made.nested(rows)
	cypher := t.of.byKey
	if allMade {
		cypher = t.of.byID
	}
	if more {
		cypher += further
	}
	err := t.exactly(cypher+" RETURN count(r)", nested, len(rows))
	if different := new(differentError); allMade && errors.As(err, &different) {
		return errNotMade
	}
	return err
}

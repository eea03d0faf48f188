package neo4jstore

import (
	"cmp"
	"context"
	"encoding/hex"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"

	"s1graph/graph"
)

// held is the scope's graph as the database has it: a snapshot that is read page by page while others may write.
type held struct {
	store      *Store
	types      map[string]*heldType
	properties bool // take the digests of what there is, not those that were noted when it was written
	encoded    bool // pages hold the records themselves, as they were written
	empty      bool // there is not one entity, so that no type need be read
}

type heldType struct {
	*graph.Type
	statements
	declared map[string]bool // names of the properties that are ours

	// What Digests found on its last way through.
	records int64
	none    bool     // there is not one
	twice   []string // keys of relationships that are there more than once
}

var _ graph.Snapshot = (*held)(nil)

func (s *Store) held(types []known, properties bool) *held {
	h := &held{store: s, types: map[string]*heldType{}, properties: properties}
	for _, t := range types {
		h.types[t.Name] = &heldType{Type: &t.Type, statements: statementsOf(&t.Type, nil), declared: t.declared()}
	}
	return h
}

// Types are all types that the scope may hold records of.
func (h *held) Types() []*graph.Type {
	types := make([]*graph.Type, 0, len(h.types))
	for _, name := range slices.Sorted(maps.Keys(h.types)) {
		types = append(types, h.types[name].Type)
	}
	return types
}

// isAny says whether Digests found anything.
func (h *held) isAny() bool {
	for _, t := range h.types {
		if t.records > 0 {
			return true
		}
	}
	return false
}

// lookWhether finds out whether there is anything to read.
func (h *held) lookWhether(ctx context.Context) (err error) {
	var entities []string
	for _, t := range h.Types() {
		if !t.Relationship {
			entities = append(entities, t.Name)
		}
	}
	h.empty, err = h.store.IsEmpty(ctx, entities)
	return err
}

// found is a record as a page of keys or contents tells it.
type found struct {
	graph.KeyDigest
	from string // of a relationship

	record graph.Encoded // where it is asked for
	edited bool          // record is not what there is, since that is not what was written
}

// Digests reads the keys and digests of a type. Where the noted digests are taken, both are that of all properties.
// A record that is not as it was written has digests of zeros.
func (h *held) Digests(ctx context.Context, typeName string) iter.Seq2[graph.KeyDigest, error] {
	return func(yield func(graph.KeyDigest, error) bool) {
		t := h.types[typeName]
		if t == nil {
			return
		}
		t.records, t.none, t.twice = 0, false, nil
		if h.empty {
			return
		}
		if from := h.types[t.From]; from != nil && from.none {
			return // where they would start there was nothing, and what is there now was written since
		}
		last := ""
		for page, err := range h.pages(ctx, t) {
			if err != nil {
				yield(graph.KeyDigest{}, err)
				return
			}
			for _, f := range page {
				if t.records > 0 && f.Key == last {
					t.twice = append(t.twice, f.Key)
					continue
				}
				last = f.Key
				t.records++
				if !yield(f.KeyDigest, nil) {
					return
				}
			}
		}
		t.none = t.records == 0
	}
}

// A page has about so many records, where their keys and digests are read or all that there is.
const (
	pageRows     = 10_000
	fullPageRows = 2_000
)

// pages yields the records in ascending order of their keys. Those of relationships are read in the order of the
// entities that they start at, which is another one where the key of one entity begins with that of another;
// what may come out of order is held back until the next page.
func (h *held) pages(ctx context.Context, t *heldType) iter.Seq2[[]found, error] {
	return func(yield func([]found, error) bool) {
		var pending []found
		rows := pageRows
		if h.properties {
			rows = fullPageRows
		}
		after, limit := "", rows
		if t.Relationship {
			limit = rows / 20
		}
		for {
			page, last, entities, err := h.page(ctx, t, after, limit)
			if err != nil {
				yield(nil, err)
				return
			}
			pending = append(pending, page...)
			if entities < limit {
				slices.SortFunc(pending, byKey)
				yield(pending, nil)
				return
			}
			after = last
			ready := pending
			pending = nil
			if t.Relationship {
				slices.SortFunc(ready, byKey)
				if i := slices.IndexFunc(ready, func(f found) bool { return strings.HasPrefix(last, f.from) }); i >= 0 {
					ready, pending = ready[:i], slices.Clone(ready[i:])
				}
				limit = min(max(limit*rows/max(len(page), 1), 10), rows)
			}
			if !yield(ready, nil) {
				return
			}
		}
	}
}

func byKey(a, b found) int { return strings.Compare(a.Key, b.Key) }

// page reads the records of the next entities after a key, and says which entity was the last and how many there
// were.
func (h *held) page(ctx context.Context, t *heldType, after string, limit int) (page []found, last string, entities int, err error) {
	cypher := t.keys
	if h.properties {
		cypher = t.contents
	}
	records, err := h.store.read(ctx, cypher, parameters{
		"scope": h.store.config.Scope, "type": t.Name, "after": after, "limit": limit})
	if err != nil {
		return nil, "", 0, err
	}
	last = after
	for _, r := range records {
		entity, _ := r.Values[0].(string)
		if entity != last {
			entities++
			last = entity
		}
		f := found{from: entity}
		if f.Key, _ = r.Values[1].(string); f.Key == "" {
			continue // an entity at which no relationship starts
		}
		if h.properties {
			properties, _ := r.Values[2].(map[string]any)
			if labelled, _ := r.Values[3].(bool); labelled {
				f.Full, f.Stable = t.digests(f.Key, properties)
			}
			if h.encoded {
				f.record, f.edited = t.asWritten(f.Key, properties)
			}
		} else {
			f.Full = decodeDigest(r.Values[2])
			f.Stable = f.Full
		}
		page = append(page, f)
	}
	return page, last, entities, nil
}

// Fetch reads records by their keys.
func (h *held) Fetch(ctx context.Context, typeName string, keys []string) iter.Seq2[graph.Encoded, error] {
	return func(yield func(graph.Encoded, error) bool) {
		t := h.types[typeName]
		if t == nil {
			return
		}
		for keys := range slices.Chunk(keys, 1000) {
			rows := make([]any, 0, len(keys))
			for _, key := range keys {
				rows = append(rows, t.reference(key))
			}
			records, err := h.store.read(ctx, t.fetch, parameters{"scope": h.store.config.Scope, "rows": rows})
			if err != nil {
				yield(graph.Encoded{}, err)
				return
			}
			contents := make(map[string]map[string]any, len(records))
			for _, r := range records {
				key, _ := r.Values[0].(string)
				contents[key], _ = r.Values[1].(map[string]any)
			}
			for _, key := range keys {
				properties, ok := contents[key]
				if ok && !yield(t.encode(key, properties), nil) {
					return
				}
			}
		}
	}
}

// reference is how a statement finds a record.
func (t *heldType) reference(key string) any { return reference(t.Type, key) }

func reference(t *graph.Type, key string) any {
	if !t.Relationship {
		return key
	}
	from, to, _ := graph.RelationshipEnds(key)
	return parameters{"key": key, "from": from, "to": to}
}

// encode makes a record of those properties that are ours.
func (t *heldType) encode(key string, properties map[string]any) graph.Encoded {
	r := graph.Record{Type: t.Type, Key: key}
	if t.Relationship {
		r.From, r.To, _ = graph.RelationshipEnds(key)
	}
	for name, v := range properties {
		if t.declared[name] || strings.HasPrefix(name, graph.TagPrefix) {
			r.Properties = append(r.Properties, graph.Property{Name: name, Value: value(v)})
		}
	}
	slices.SortFunc(r.Properties, func(a, b graph.Property) int { return cmp.Compare(a.Name, b.Name) })
	for _, name := range t.Nulls {
		if properties != nil && r.Get(name).IsAbsent() { // Neo4j holds no null
			r.Set(name, graph.Null())
		}
	}
	return graph.Encode(&r)
}

// digests are those of what there is, or zeros where anything of ours is not as it was written.
func (t *heldType) digests(key string, properties map[string]any) (full, stable graph.Digest) {
	e := t.encode(key, properties)
	if decodeDigest(properties[digestProperty]) != e.Full {
		return full, stable
	}
	for name, v := range meta(t.Type, key) {
		if !value(properties[name]).Equal(v) {
			return full, stable
		}
	}
	return e.Full, e.Stable
}

// meta are the meta properties of a record.
func meta(t *graph.Type, key string) map[string]graph.Value {
	m := map[string]graph.Value{"_key": graph.String(key), "_type": graph.String(t.Name)}
	if !t.Relationship {
		m["_class"] = graph.Strings([]string{t.Class})
		return m
	}
	from, to, _ := graph.RelationshipEnds(key)
	m["_class"], m["_fromEntityKey"], m["_toEntityKey"] = graph.String(t.Class), graph.String(from), graph.String(to)
	return m
}

// value is what a property holds, or where a record cannot hold such a thing a text that no record has.
func value(v any) graph.Value {
	switch v := v.(type) {
	case string:
		return graph.String(v)
	case bool:
		return graph.Bool(v)
	case int64:
		return graph.Int(v)
	case float64:
		return graph.Float(v)
	case []any:
		list := make([]string, 0, len(v))
		for _, element := range v {
			s, ok := element.(string)
			if !ok {
				return graph.String(fmt.Sprintf("%T %v", v, v))
			}
			list = append(list, s)
		}
		return graph.Strings(list)
	}
	return graph.String(fmt.Sprintf("%T %v", v, v))
}

// Names of the properties beside a record's own.
const (
	scopeProperty   = "_scope"
	digestProperty  = "_digest"
	createdProperty = "_createdOn"
	updatedProperty = "_updatedOn"
	changedProperty = "_changedOn"
)

// decodeDigest reads what hex.EncodeToString made of a digest; of anything else it makes zeros.
func decodeDigest(v any) (d graph.Digest) {
	text, _ := v.(string)
	if b, err := hex.DecodeString(text); err == nil && len(b) == len(d) {
		copy(d[:], b)
	}
	return d
}

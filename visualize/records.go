package visualize

import (
	"encoding/binary"
	"fmt"
	"iter"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"

	"s1graph/graph"
	"s1graph/steps"
)

// How many records a block has: what is looked at is unpacked with the whole of its block.
const (
	entitiesPerBlock      = 512
	relationshipsPerBlock = 4096
)

// onCards has the properties that stand below a name, inLists the columns of lists, and searched the properties by whose values
// entities are found, by type.
var onCards, inLists, searched = map[string][]string{}, map[string][]string{}, map[string][]string{}

func init() {
	for _, d := range steps.Entities() {
		onCards[d.Name], inLists[d.Name], searched[d.Name] = d.Card, d.List, d.Search
	}
}

// insteadOf are the properties by which a list says what no relationship leads to: of a threat the name of its machine, and of
// a device that no agent protects the agents that did.
var insteadOf = []string{"agentComputerName", "formerAgentIds"}

// columns are the properties of some records, each with the values of all, and nil where a record has none.
type columns struct {
	records int
	values  map[string][]any
}

func (c *columns) add(name string, value any) {
	if c.values == nil {
		c.values = map[string][]any{}
	}
	column := c.values[name]
	for len(column) < c.records {
		column = append(column, nil)
	}
	c.values[name] = append(column, value)
}

// end is called after each record.
func (c *columns) end() { c.records++ }

func (c *columns) clear() { *c = columns{} }

// writeEntities writes three blocks for each few entities: what is needed of all of them from the start, for search and
// picture, what their list shows besides, and their properties.
func (p *page) writeEntities() error {
	for _, table := range p.entities {
		block := 0
		for records, err := range graph.Chunks(p.records(table.of, table.typ.Name), entitiesPerBlock) {
			if err != nil {
				return err
			}
			index, list, properties := table.columns(records)
			id := fmt.Sprintf("%d.%d", table.number, block)
			block++
			if err := p.writeJSON("i"+id, index.values); err != nil {
				return err
			}
			if err := p.writeJSON("l"+id, list.values); err != nil {
				return err
			}
			if err := p.writeJSON("p"+id, properties.values); err != nil {
				return err
			}
		}
	}
	return nil
}

// states is the column that says in which figures an entity counts, as overview.Classifier does.
const states = "_states"

// columns are what is needed of some entities from the start, what their list shows besides, and all of their properties.
func (t *entityTable) columns(records []graph.Record) (index, list, properties columns) {
	card, listed := onCards[t.typ.Name], inLists[t.typ.Name]
	for _, r := range records {
		index.add("_key", strings.TrimPrefix(r.Key, t.typ.Name+":"))
		for _, property := range r.Properties {
			name, value := property.Name, property.Value.Any()
			switch {
			case name == "displayName", slices.Contains(card, name):
				index.add(name, value)
			case slices.Contains(searched[t.typ.Name], name) && !isEmpty(property.Value):
				index.add(name, value)
			case slices.Contains(listed, name) || slices.Contains(listed, "?"+name) || slices.Contains(insteadOf, name) && !isEmpty(property.Value):
				list.add(name, value)
			}
			properties.add(name, value)
		}
		if in := t.of.classifier.Counts(t.typ, r); in != 0 {
			index.add(states, in)
		}
		index.end()
		list.end()
		properties.end()
	}
	return index, list, properties
}

func isEmpty(v graph.Value) bool {
	return v.Kind() == graph.StringKind && v.Text() == "" || v.Kind() == graph.StringsKind && len(v.List()) == 0
}

// writeRelationships writes two blocks for each few relationships: which entities they join, as the differences
// between the numbers of one and of the next, and their properties, unless there are too many.
func (p *page) writeRelationships() error {
	for _, table := range p.relationships {
		if table.from == nil || table.to == nil {
			p.report.Dangling += table.count
			continue
		}
		var ends endList
		var properties columns
		block := 0
		flush := func() error {
			if len(ends.bytes) == 0 {
				return nil
			}
			id := fmt.Sprintf("%d.%d", table.number, block)
			block++
			defer properties.clear()
			defer ends.clear()
			if err := p.writeBlock("e"+id, ends.bytes); err != nil {
				return err
			}
			if table.noDetails || len(properties.values) == 0 {
				return nil
			}
			return p.writeJSON("d"+id, properties.values)
		}
		for r, err := range p.records(table.of, table.typ.Name) {
			if err != nil {
				return err
			}
			from, there := table.from.find(r.From)
			to, too := table.to.find(r.To)
			if !there || !too {
				p.report.Dangling++
				continue
			}
			ends.add(from, to)
			for _, property := range r.Properties {
				if property.Name != "displayName" && !table.noDetails { // it says the class again
					properties.add(property.Name, property.Value.Any())
				}
			}
			properties.end()
			if properties.records == relationshipsPerBlock {
				if err := flush(); err != nil {
					return err
				}
			}
		}
		if err := flush(); err != nil {
			return err
		}
	}
	return nil
}

// find gives the number of the entity with the key.
func (t *entityTable) find(key string) (number int, found bool) {
	return slices.BinarySearch(t.keys, key)
}

// endList is the ends of relationships: for each how much its start's number is greater than the last one's, and how
// much its end's is, or where it starts elsewhere its end's number; both as signed varints.
type endList struct {
	bytes    []byte
	from, to int
}

func (l *endList) add(from, to int) {
	if from != l.from {
		l.to = 0
	}
	l.bytes = binary.AppendVarint(l.bytes, int64(from-l.from))
	l.bytes = binary.AppendVarint(l.bytes, int64(to-l.to))
	l.from, l.to = from, to
}

func (l *endList) clear() { *l = endList{bytes: l.bytes[:0]} }

// records yields the records of a type, decoded.
func (p *page) records(of *instance, typeName string) iter.Seq2[graph.Record, error] {
	types := graph.TypesByName(of.Graph)
	return func(yield func(graph.Record, error) bool) {
		for e, err := range graph.All(p.ctx, of.Graph, typeName) {
			var r graph.Record
			if err == nil {
				r, err = graph.Decode(e.JSON, types)
			}
			if err != nil {
				yield(r, fmt.Errorf("type %s: %w", typeName, err))
				return
			}
			if !yield(r, nil) {
				return
			}
		}
	}
}

func (p *page) writeJSON(id string, value any) error {
	b, err := json.Marshal(value, json.Deterministic(true))
	if err != nil {
		return err
	}
	return p.writeBlock(id, b)
}

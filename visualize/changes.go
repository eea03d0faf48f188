package visualize

import (
	"fmt"

	"github.com/go-json-experiment/json/jsontext"

	"s1graph/graph"
)

// changesPerBlock is how many changes a block has.
const changesPerBlock = 2048

// shownChange is a change as the page's script reads it: of an entity by its type and number, or of a relationship by
// its type and the numbers of its ends. What was created has its properties with the other entities; what is gone has
// name, key and properties here.
type shownChange struct {
	Op           graph.Op       `json:"op"`
	Entity       *int           `json:"entity,omitzero"`
	Number       int            `json:"number,omitzero"`
	Relationship *int           `json:"relationship,omitzero"`
	From         int            `json:"from,omitzero"`
	To           int            `json:"to,omitzero"`
	Key          string         `json:"key,omitzero"`
	Name         string         `json:"name,omitzero"`
	Changed      []string       `json:"changed,omitzero"`
	Before       jsontext.Value `json:"before,omitzero"`
	After        jsontext.Value `json:"after,omitzero"`
}

// countChanges counts the changes by type, and gives numbers to the entities that are gone.
func (p *page) countChanges() error {
	return p.eachChange(func(c *graph.ChangeLine) error {
		if table := p.relationshipTable(c.Type); table != nil {
			table.counts[c.Op]++
		}
		table := p.byName[c.Type]
		if table == nil {
			return nil
		}
		table.counts[c.Op]++
		switch c.Op {
		case graph.Deleted:
			table.former[c.Key] = len(table.keys) + table.gone
			table.gone++
		case graph.Rekeyed:
			if number, found := table.find(c.Key); found {
				table.former[c.PreviousKey] = number
			}
		}
		return nil
	})
}

// writeChanges writes the changes, those left out that are about nothing that the page has.
func (p *page) writeChanges() error {
	var shown []shownChange
	block := 0
	flush := func() error {
		if len(shown) == 0 {
			return nil
		}
		defer func() { shown = shown[:0] }()
		block++
		return p.writeJSON(fmt.Sprintf("c0.%d", block-1), shown)
	}
	err := p.eachChange(func(c *graph.ChangeLine) error {
		s, ok := p.show(c)
		if !ok {
			return nil
		}
		if shown = append(shown, s); len(shown) < changesPerBlock {
			return nil
		}
		return flush()
	})
	if err != nil {
		return err
	}
	return flush()
}

func (p *page) show(c *graph.ChangeLine) (shown shownChange, ok bool) {
	shown = shownChange{Op: c.Op}
	switch c.Op {
	case graph.Created:
	case graph.Deleted:
		shown.Before = c.Before
	default:
		shown.Changed, shown.Before, shown.After = c.Changed, c.Before, c.After
	}
	if table := p.byName[c.Type]; table != nil {
		shown.Entity, shown.Name = &table.number, c.DisplayName
		if c.Op == graph.Deleted || c.Op == graph.Rekeyed {
			shown.Key = c.Key
		}
		shown.Number, ok = table.findFormer(c.Key)
		return shown, ok
	}
	table := p.relationshipTable(c.Type)
	if table == nil || table.from == nil || table.to == nil {
		return shown, false
	}
	from, to, _ := graph.RelationshipEnds(c.Key)
	shown.Relationship = &table.number
	shown.From, ok = table.from.findFormer(from)
	if !ok {
		return shown, false
	}
	shown.To, ok = table.to.findFormer(to)
	return shown, ok
}

// findFormer is find, for what is gone too.
func (t *entityTable) findFormer(key string) (number int, found bool) {
	if number, found = t.find(key); found {
		return number, true
	}
	number, found = t.former[key]
	return number, found
}

// eachChange reads the changes from their beginning.
func (p *page) eachChange(visit func(*graph.ChangeLine) error) error {
	if p.source.Changes == nil {
		return nil
	}
	for c, err := range p.source.Changes(p.ctx) {
		if err == nil {
			err = visit(&c)
		}
		if err != nil {
			return fmt.Errorf("changes: %w", err)
		}
	}
	return nil
}

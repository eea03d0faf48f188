package visualize

import (
	"fmt"
	"iter"
	"slices"

	"github.com/go-json-experiment/json/jsontext"

	"s1graph/graph"
	"s1graph/overview"
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
	IsState      bool           `json:"isState,omitzero"` // figures look at one of these properties
	Before       jsontext.Value `json:"before,omitzero"`
	After        jsontext.Value `json:"after,omitzero"`
}

// countChanges counts the changes by type, and gives numbers to the entities that are gone.
func (p *page) countChanges(of *instance) error {
	for c, err := range p.changes(of) {
		if err != nil {
			return err
		}
		if table := p.relationshipTable(of, c.Type); table != nil {
			table.counts[c.Op]++
		}
		table := of.byName[c.Type]
		if table == nil {
			continue
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
	}
	return nil
}

// writeChanges writes the changes, those left out that are about nothing that the page has.
func (p *page) writeChanges() error {
	for _, of := range p.instances {
		shown := graph.Filter(graph.Map(p.changes(of), func(c graph.ChangeLine) *shownChange { return p.show(of, c) }), func(s *shownChange) bool { return s != nil })
		block := 0
		for some, err := range graph.Chunks(shown, changesPerBlock) {
			if err != nil {
				return err
			}
			if err := p.writeJSON(fmt.Sprintf("c%d.%d", of.number, block), some); err != nil {
				return err
			}
			block++
		}
	}
	return nil
}

// show is nil for what the page has nothing of.
func (p *page) show(of *instance, c graph.ChangeLine) *shownChange {
	shown := &shownChange{Op: c.Op}
	switch c.Op {
	case graph.Created:
	case graph.Deleted:
		shown.Before = c.Before
	default:
		shown.Changed, shown.Before, shown.After = c.Changed, c.Before, c.After
		shown.IsState = slices.ContainsFunc(c.Changed, overview.Reads) || slices.Contains(c.Changed, "malwareProtected")
	}
	if table := of.byName[c.Type]; table != nil {
		shown.Entity, shown.Name = &table.number, c.DisplayName
		if c.Op == graph.Deleted || c.Op == graph.Rekeyed {
			shown.Key = c.Key
		}
		var found bool
		if shown.Number, found = table.findFormer(c.Key); !found {
			return nil
		}
		return shown
	}
	table := p.relationshipTable(of, c.Type)
	if table == nil || table.from == nil || table.to == nil {
		return nil
	}
	start, end, _ := graph.RelationshipEnds(c.Key)
	from, there := table.from.findFormer(start)
	to, too := table.to.findFormer(end)
	if !there || !too {
		return nil
	}
	shown.Relationship, shown.From, shown.To = &table.number, from, to
	return shown
}

// findFormer is find, for what is gone too.
func (t *entityTable) findFormer(key string) (number int, found bool) {
	if number, found = t.find(key); found {
		return number, true
	}
	number, found = t.former[key]
	return number, found
}

// changes are those of an instance's run, from their beginning.
func (p *page) changes(of *instance) iter.Seq2[graph.ChangeLine, error] {
	if of.Changes == nil {
		return graph.None
	}
	return graph.MapErrors(of.Changes(p.ctx), func(err error) error { return fmt.Errorf("changes: %w", err) })
}

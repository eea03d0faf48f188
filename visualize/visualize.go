// Package visualize writes a graph as one HTML file that needs no network: the types with their counts, and the
// neighbourhood of whatever is searched for or clicked, with what changed in the last run marked. The page's
// script, style and markup are the files beside this one, written as they are, without a build step; picture.js says
// how things are laid out. Which graph is written, and to where, is the business of cli.
//
// What stands in the graph was named by attackers. Into the markup goes none of it: records are compressed and
// encoded as base64, the rest is JSON in which <, > and & are escaped, and the page's script makes text of both, never
// markup. Should that fail, the page's Content-Security-Policy lets no script run but that of the page.
package visualize

import (
	"bufio"
	"cmp"
	"compress/flate"
	"context"
	"fmt"
	"io"
	"iter"
	"strings"
	"time"

	"s1graph/graph"
)

// Source is what a page is made of.
type Source struct {
	Graph graph.Snapshot

	// Name is what the page is called after: the instance, or the folder.
	Name string

	// Run and At are the ID of the run that wrote the graph and when it ended; zero where that is unknown.
	Run string
	At  time.Time

	// Changes yields what changed in that run; nil where that is unknown. It is asked twice.
	Changes func(context.Context) iter.Seq2[graph.ChangeLine, error]

	// MostDetails is how many relationships there may be for the page to have their properties; 0: DefaultMostDetails.
	MostDetails int64
}

// DefaultMostDetails keeps the page of 10,000 devices with 60 applications each below 30 MB, details included. A
// relationship takes about 1.5 bytes of the page, and its properties 10 times as much.
const DefaultMostDetails = 1_000_000

// Report says what became of a graph.
type Report struct {
	Entities      int64
	Relationships int64

	// Dangling is how many relationships were left out because one of their ends is not in the graph.
	Dangling int64

	// NoDetails says that there were too many relationships for the page to have their properties.
	NoDetails bool
}

// Write writes the page. The graph streams through: what stays in memory are the keys of the entities.
func Write(ctx context.Context, w io.Writer, s Source) (Report, error) {
	s.MostDetails = cmp.Or(s.MostDetails, DefaultMostDetails)
	p := &page{ctx: ctx, source: s, out: bufio.NewWriterSize(w, 256<<10)}
	if err := p.count(); err != nil {
		return Report{}, err
	}
	p.report.NoDetails = p.report.Relationships > s.MostDetails
	for _, part := range []func() error{p.writeHead, p.writeChanges, p.writeEntities, p.writeRelationships, p.writeEnd} {
		if err := part(); err != nil {
			return Report{}, err
		}
	}
	return p.report, p.out.Flush()
}

// page is a page that is being written.
type page struct {
	ctx    context.Context
	source Source
	out    *bufio.Writer
	report Report

	deflater *flate.Writer

	entities      []*entityTable
	relationships []*relationshipTable
	byName        map[string]*entityTable // of entities, by type
}

// entityTable is the entities of a type, which are numbered in the order of their keys. Those that went with the last
// run have the numbers that follow.
type entityTable struct {
	typ    *graph.Type
	number int
	keys   []string
	former map[string]int // numbers of keys that are no more: of what is gone, and of what is there under another key
	gone   int
	counts map[graph.Op]int64
}

// relationshipTable is what is known of the relationships of a type before they are written.
type relationshipTable struct {
	typ      *graph.Type
	number   int
	from, to *entityTable // nil where the graph has no relationship of the type that leads anywhere
	count    int64
	counts   map[graph.Op]int64
}

// count makes the tables.
func (p *page) count() error {
	p.byName = map[string]*entityTable{}
	for _, t := range p.source.Graph.Types() {
		if t.Relationship {
			p.relationships = append(p.relationships, &relationshipTable{typ: t, number: len(p.relationships), counts: map[graph.Op]int64{}})
			continue
		}
		table := &entityTable{typ: t, number: len(p.entities), former: map[string]int{}, counts: map[graph.Op]int64{}}
		for d, err := range p.source.Graph.Digests(p.ctx, t.Name) {
			if err != nil {
				return fmt.Errorf("type %s: %w", t.Name, err)
			}
			table.keys = append(table.keys, d.Key)
		}
		p.entities, p.byName[t.Name] = append(p.entities, table), table
		p.report.Entities += int64(len(table.keys))
	}
	for _, table := range p.relationships {
		table.from, table.to = p.byName[table.typ.From], p.byName[table.typ.To]
		for d, err := range p.source.Graph.Digests(p.ctx, table.typ.Name) {
			if err != nil {
				return fmt.Errorf("type %s: %w", table.typ.Name, err)
			}
			if table.from == nil || table.to == nil { // of a graph that another program wrote
				from, to, _ := graph.RelationshipEnds(d.Key)
				table.from, table.to = p.tableOf(from), p.tableOf(to)
			}
			table.count++
		}
		p.report.Relationships += table.count
	}
	return p.countChanges()
}

// tableOf is the table of the type that a key begins with.
func (p *page) tableOf(key string) *entityTable {
	typeName, _, _ := strings.Cut(key, ":")
	return p.byName[typeName]
}

func (p *page) relationshipTable(typeName string) *relationshipTable {
	for _, t := range p.relationships {
		if t.typ.Name == typeName {
			return t
		}
	}
	return nil
}

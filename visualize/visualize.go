// Package visualize writes graphs as one HTML file that needs no network: how the fleet is, lists, and the
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
	"slices"
	"time"

	"s1graph/graph"
	"s1graph/overview"
)

// Page is what a page is made of.
type Page struct {
	Instances []Instance

	// MostDetails is how many relationships the page has the properties of, at most; 0: DefaultMostDetails.
	MostDetails int64
}

// Instance is a graph that a page shows.
type Instance struct {
	Graph graph.Snapshot

	// Name is what it is called: the instance, or the folder. The names of a page differ.
	Name string

	// Run and At are the ID of the run that wrote the graph and when it ended; zero where that is unknown.
	Run string
	At  time.Time

	// Changes yields what changed in that run; nil where that is unknown. It is asked twice. IsFirst says that the run was the
	// first, which had nothing to compare with.
	Changes func(context.Context) iter.Seq2[graph.ChangeLine, error]
	IsFirst bool

	// IsBaseline says of a type that the run was the first to read it as it is read now: of that type there was nothing to compare
	// with. nil: of none.
	IsBaseline func(typeName string) bool

	// Overview is what the graph comes to, and Trend how that was in earlier runs, the earliest first; nil where it is unknown. An
	// entity counts in the figures by the time at which ReadAt says that it was read.
	Overview overview.Overview
	ReadAt   overview.ReadAt
	Trend    iter.Seq2[Point, error]
}

// Point is how a fleet was when a run read it.
type Point struct {
	At      time.Time
	Figures map[string]int64 // see overview.Overview
}

// DefaultMostDetails keeps the page of 10,000 devices with 60 applications each below 30 MB, their details included. A
// relationship takes about 1.5 bytes of the page, and its properties 10 times as much.
const DefaultMostDetails = 1_000_000

// Report says what became of a graph.
type Report struct {
	Entities      int64
	Relationships int64

	// Dangling is how many relationships were left out because one of their ends is not in the graph.
	Dangling int64

	// NoDetails are the types of relationships that are too many for the page to have their properties.
	NoDetails []string
}

// Write writes the page. The graphs stream through: what stays in memory are the keys of the entities.
func Write(ctx context.Context, w io.Writer, of Page) (Report, error) {
	p := &page{ctx: ctx, out: bufio.NewWriterSize(w, 256<<10)}
	for i, of := range of.Instances {
		instance := &instance{Instance: of, number: i, byName: map[string]*entityTable{}}
		p.instances = append(p.instances, instance)
		if err := p.count(instance); err != nil {
			return Report{}, fmt.Errorf("%s: %w", of.Name, err)
		}
	}
	p.leaveOutDetails(cmp.Or(of.MostDetails, DefaultMostDetails))
	for _, part := range []func() error{p.writeHead, p.writeChanges, p.writeEntities, p.writeRelationships, p.writeEnd} {
		if err := part(); err != nil {
			return Report{}, err
		}
	}
	return p.report, p.out.Flush()
}

// leaveOutDetails leaves out the properties of relationships, the most numerous type first, until the rest are not too many.
func (p *page) leaveOutDetails(most int64) {
	n := p.report.Relationships
	for _, t := range slices.SortedStableFunc(slices.Values(p.relationships), func(a, b *relationshipTable) int { return cmp.Compare(b.count, a.count) }) {
		if n <= most {
			break
		}
		n -= t.count
		t.noDetails = true
		if !slices.Contains(p.report.NoDetails, t.typ.Name) {
			p.report.NoDetails = append(p.report.NoDetails, t.typ.Name)
		}
	}
}

// page is a page that is being written.
type page struct {
	ctx    context.Context
	out    *bufio.Writer
	report Report

	deflater *flate.Writer

	instances     []*instance
	entities      []*entityTable
	relationships []*relationshipTable
}

// instance is one that is being written.
type instance struct {
	Instance
	number     int
	byName     map[string]*entityTable // by type
	classifier *overview.Classifier
	trend      trend
}

// entityTable is the entities of a type, which are numbered in the order of their keys. Those that went with the last
// run have the numbers that follow.
type entityTable struct {
	of     *instance
	typ    *graph.Type
	number int
	keys   []string
	former map[string]int // numbers of keys that are no more: of what is gone, and of what is there under another key
	gone   int
	counts map[graph.Op]int64
}

// relationshipTable is what is known of the relationships of a type before they are written.
type relationshipTable struct {
	of       *instance
	typ      *graph.Type
	number   int
	from, to *entityTable // nil where the graph has no relationship of the type that leads anywhere
	count    int64
	counts   map[graph.Op]int64

	noDetails bool // their properties are left out
}

// count makes the tables of an instance.
func (p *page) count(of *instance) (err error) {
	if of.ReadAt == nil {
		of.ReadAt = func(*graph.Type, string) (time.Time, bool) { return time.Time{}, false }
	}
	if of.IsBaseline == nil {
		of.IsBaseline = func(string) bool { return false }
	}
	if of.Trend == nil {
		of.Trend = graph.None
	}
	if of.classifier, err = overview.NewClassifier(p.ctx, of.Graph, of.ReadAt); err != nil {
		return err
	}
	for point, err := range of.Trend {
		if err != nil {
			return err
		}
		of.trend.add(point)
	}
	first := len(p.relationships)
	for _, t := range of.Graph.Types() {
		if t.Relationship {
			p.relationships = append(p.relationships, &relationshipTable{of: of, typ: t, number: len(p.relationships), counts: map[graph.Op]int64{}})
			continue
		}
		table := &entityTable{of: of, typ: t, number: len(p.entities), former: map[string]int{}, counts: map[graph.Op]int64{}}
		for d, err := range of.Graph.Digests(p.ctx, t.Name) {
			if err != nil {
				return fmt.Errorf("type %s: %w", t.Name, err)
			}
			table.keys = append(table.keys, d.Key)
		}
		p.entities, of.byName[t.Name] = append(p.entities, table), table
		p.report.Entities += int64(len(table.keys))
	}
	for _, table := range p.relationships[first:] {
		table.from, table.to = of.byName[table.typ.From], of.byName[table.typ.To]
		for d, err := range of.Graph.Digests(p.ctx, table.typ.Name) {
			if err != nil {
				return fmt.Errorf("type %s: %w", table.typ.Name, err)
			}
			if table.from == nil || table.to == nil { // of a graph that another program wrote
				from, to, _ := graph.RelationshipEnds(d.Key)
				table.from, table.to = of.tableOf(from), of.tableOf(to)
			}
			table.count++
		}
		p.report.Relationships += table.count
	}
	return p.countChanges(of)
}

// tableOf is the table of the type that a key begins with.
func (i *instance) tableOf(key string) *entityTable {
	typeName, _ := graph.CutKey(key)
	return i.byName[typeName]
}

func (p *page) relationshipTable(of *instance, typeName string) *relationshipTable {
	for _, t := range p.relationships {
		if t.of == of && t.typ.Name == typeName {
			return t
		}
	}
	return nil
}

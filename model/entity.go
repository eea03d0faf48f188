// Package model has the machinery with which the data model is declared: what an entity or relationship type is, and
// how a row of the Management API becomes a record of it. A type is one value of Entity or Relationship, in a file of
// the entities or relationships package, and says everything about itself. Which rows are read is the business of
// steps.
package model

import (
	"slices"
	"strings"

	"s1graph/graph"
)

// Entity is all there is to say about an entity type that is made of rows of type T. Define completes it; after that
// it is not changed, and safe for concurrent use.
type Entity[T any] struct {
	Type   string // _type
	Class  string // _class
	Step   string // ID of the step that makes it
	Source string // the endpoint that the rows come from
	Doc    string // what an entity of this type is
	KeyDoc string // what follows the type and a colon in the key

	// Revision goes up by one when values are made in another way while names and kinds of properties
	// stay as they are: the next run is then a baseline instead of a flood of changes.
	Revision int

	// Key makes the entity's key of a row.
	Key func(*T) string

	// Rank orders the rows that have one key: the one of the greatest rank describes the entity. Where it is nil, all are
	// equal.
	Rank func(*T) Rank

	// DerivedFrom are the types whose rows it is made of, where it has no list of its own: it goes when all that it
	// was derived from is gone or points elsewhere.
	DerivedFrom []*graph.Type

	// MayLose is the percentage of its records that a run may delete where the deletion guard allows less: many of them may go
	// at once without a fault. 0: the guard's applies.
	MayLose float64

	// Place says where an entity stands.
	Place Place

	Properties []Property[T]

	// Card names the properties that stand below its name where little room is.
	Card []string

	// List names the columns of a list of entities, besides the name. A property stands for its value, and a type for the
	// nearest entities of it: sentinelone_user in a list of threats is who owns the device. #TYPE is how many of them there
	// are. ?PROPERTY is no column: a list can be filtered by it.
	List []string

	// Search names the properties by whose values people find it, besides its name and key.
	Search []string

	// WebLink makes the address at which people find the thing in the console of the given host; nil where no form of it is
	// known, "" where none is for this row. It becomes the property webLink.
	WebLink func(host string, row *T) string

	// Tags makes the properties whose names are data, tag.KEY, in ascending order; nil where the type
	// has none. TagsDoc documents them.
	Tags    func(*T) []graph.Property
	TagsDoc string

	description                  *Description
	before, afterTags, afterLink Properties[T] // sorted Properties that stand before the tags, between them and webLink, and after that
}

const webLink = "webLink"

// Define completes a declaration. It panics where the declaration is at fault.
func (k Entity[T]) Define() *Entity[T] {
	if k.WebLink != nil {
		k.Properties = append(slices.Clip(k.Properties),
			Text(webLink, "Where people find it in the console.", func(*T) string { return "" }). // a row alone does not tell
														Volatile("moves with the names that stand in it: the console's, the computer's"))
	}
	properties := Sorted(k.Properties)
	tagsAt, _ := slices.BinarySearchFunc(properties, graph.TagPrefix, func(p Property[T], name string) int {
		return strings.Compare(p.Name, name)
	})
	linkAt, _ := slices.BinarySearchFunc(properties, webLink, func(p Property[T], name string) int { return strings.Compare(p.Name, name) })
	k.before, k.afterTags, k.afterLink = properties[:tagsAt], properties[tagsAt:linkAt], properties[linkAt:]
	graphType := &graph.Type{Name: k.Type, Class: k.Class, Step: k.Step}
	properties.Complete(graphType, k.Revision)
	k.description = &Description{
		Type:        graphType,
		Revision:    k.Revision,
		Source:      k.Source,
		Doc:         k.Doc,
		Key:         k.KeyDoc,
		DerivedFrom: k.DerivedFrom,
		Place:       k.Place,
		MayLose:     k.MayLose,
		Card:        k.Card,
		List:        k.List,
		Search:      k.Search,
		Properties:  properties.Describe(),
		Tags:        k.TagsDoc,
		Make: func(_, _ string, fill func(any)) graph.Record {
			row := new(T)
			fill(row)
			return k.Entity(row)
		},
	}
	return &k
}

// Description is what is known of the type without a row.
func (k *Entity[T]) Description() *Description { return k.description }

// GraphType is what the graph package is to know of the type.
func (k *Entity[T]) GraphType() *graph.Type { return k.description.Type }

// Entity maps row, without the link into the console. The caller sees to it that the row has an id.
func (k *Entity[T]) Entity(row *T) graph.Record { return k.EntityOn("", row) }

// EntityOn maps row as Entity does, with the link into the console of the given host.
func (k *Entity[T]) EntityOn(host string, row *T) graph.Record {
	r := k.entity(row)
	tags := k.tags(row)
	r.Properties = make([]graph.Property, 0, len(k.before)+len(tags)+len(k.afterTags)+1+len(k.afterLink))
	r.Properties = append(k.before.Append(r.Properties, row), tags...)
	r.Properties = k.afterTags.Append(r.Properties, row)
	if link := k.link(host, row); link != "" {
		r.Properties = append(r.Properties, graph.Property{Name: webLink, Value: graph.String(link)})
	}
	r.Properties = k.afterLink.Append(r.Properties, row)
	return r
}

// WrittenOn is EntityOn with the properties written, in memory that is there for them, and with more tags, whose names begin with
// graph.TagPrefix.
func (k *Entity[T]) WrittenOn(space *graph.Written, host string, row *T, more []graph.Property) graph.Record {
	r := k.entity(row)
	space.Reset()
	k.before.Write(space, row)
	tags := graph.Record{Properties: k.tags(row)}
	for _, tag := range more {
		tags.Set(tag.Name, tag.Value)
	}
	for _, tag := range tags.Properties {
		space.JSON = tag.Value.AppendJSON(append(space.JSON, graph.BeforeValue(tag.Name)...))
	}
	k.afterTags.Write(space, row)
	if link := k.link(host, row); link != "" {
		start := len(space.JSON)
		space.JSON = graph.AppendText(append(space.JSON, graph.BeforeValue(webLink)...), link)
		space.MarkVolatile(start)
	}
	k.afterLink.Write(space, row)
	r.Written = space
	return r
}

// entity is one without properties.
func (k *Entity[T]) entity(row *T) graph.Record {
	r := graph.Record{Type: k.description.Type, Key: k.Key(row)}
	if k.Rank != nil {
		rank := k.Rank(row)
		r.Rank, r.Tie = rank.Number, rank.Tie
	}
	return r
}

func (k *Entity[T]) tags(row *T) []graph.Property {
	if k.Tags == nil {
		return nil
	}
	return k.Tags(row)
}

func (k *Entity[T]) link(host string, row *T) string {
	if k.WebLink == nil || host == "" {
		return ""
	}
	return k.WebLink(host, row)
}

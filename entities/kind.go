// Package entities says how rows of the Management API become entities of the graph: one file for each
// entity type, in which one value holds the type's class, its key and its properties with their
// documentation. A type is added by adding such a file. What rows are read is the business of steps;
// what connects entities is in the relationships package.
//
// Classes, and the properties that they demand, are those of JupiterOne's data model
// (npm @jupiterone/data-model 0.64.2). A field that is taken over unchanged keeps the vendor's name;
// times are milliseconds since 1970. What is unknown is absent, but where the data model demands it.
package entities

import (
	"slices"
	"strings"

	"s1graph/graph"
)

// Kind is all there is to say about an entity type that is made of rows of type T. It is not changed
// after define, and safe for concurrent use.
type Kind[T any] struct {
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

	// Rank and Tie say which of several rows with one key describes the entity: the one of the greatest
	// Rank, among equals of the greatest Tie. Where nil, 0 and "".
	Rank func(*T) int64
	Tie  func(*T) string

	Properties []Property[T]

	// Tags makes the properties whose names are data, tag.KEY, in ascending order; nil where the type
	// has none. TagsDoc documents them.
	Tags    func(*T) []graph.Property
	TagsDoc string

	graphType        *graph.Type
	before, fromTags Properties[T] // sorted Properties that stand before and after the tags
}

// define completes k and puts it among All.
func define[T any](k Kind[T]) *Kind[T] {
	properties := Sorted(k.Properties)
	tagsAt, _ := slices.BinarySearchFunc(properties, tagPrefix, func(p Property[T], name string) int {
		return strings.Compare(p.name, name)
	})
	k.before, k.fromTags = properties[:tagsAt], properties[tagsAt:]
	k.graphType = &graph.Type{Name: k.Type, Class: k.Class, Step: k.Step}
	properties.Complete(k.graphType, k.Revision)
	all = append(all, Description{
		Type:       k.graphType,
		Revision:   k.Revision,
		Source:     k.Source,
		Doc:        k.Doc,
		Key:        k.KeyDoc,
		Properties: properties.Describe(),
		Tags:       k.TagsDoc,
	})
	return &k
}

// GraphType is what the graph package is to know of the type.
func (k *Kind[T]) GraphType() *graph.Type { return k.graphType }

// Entity maps row. The caller sees to it that the row has an id.
func (k *Kind[T]) Entity(row *T) graph.Record {
	r := graph.Record{Type: k.graphType, Key: k.Key(row)}
	if k.Rank != nil {
		r.Rank = k.Rank(row)
	}
	if k.Tie != nil {
		r.Tie = k.Tie(row)
	}
	var tags []graph.Property
	if k.Tags != nil {
		tags = k.Tags(row)
	}
	r.Properties = make([]graph.Property, 0, len(k.before)+len(tags)+len(k.fromTags))
	r.Properties = k.before.Append(r.Properties, row)
	r.Properties = append(r.Properties, tags...)
	r.Properties = k.fromTags.Append(r.Properties, row)
	return r
}

// Description is what the documentation says of an entity type.
type Description struct {
	Type       *graph.Type
	Revision   int
	Source     string
	Doc        string
	Key        string                // what follows the type and a colon in the key
	Properties []PropertyDescription // sorted by name
	Tags       string                // documents the tag.KEY properties; "" where there are none
}

var all []Description

// All describes every entity type, in ascending order of the names.
func All() []Description {
	return slices.SortedFunc(slices.Values(all), func(a, b Description) int {
		return strings.Compare(a.Type.Name, b.Type.Name)
	})
}

// GraphTypes are the graph.Types of all entity types, in ascending order of the names.
func GraphTypes() []*graph.Type {
	types := make([]*graph.Type, 0, len(all))
	for _, d := range All() {
		types = append(types, d.Type)
	}
	return types
}

// Package relationships says what connects the entities of the graph: one file for each relationship
// type, in which one value holds the type's class, its ends and its properties with their
// documentation. Which rows give rise to a relationship, and whether both its ends are in the graph,
// is the business of steps.
package relationships

import (
	"slices"
	"strings"

	"s1graph/entities"
	"s1graph/graph"
)

// End is one of the two ends of a relationship.
type End string

// The ends: a relationship goes from one entity to another.
const (
	From End = "from"
	To   End = "to"
)

// Kind is all there is to say about a relationship type whose properties are read from rows of type T.
// It is not changed after define, and safe for concurrent use.
type Kind[T any] struct {
	Type  string      // _type
	Class string      // _class
	From  *graph.Type // of the entity that it starts at
	To    *graph.Type // of the entity that it ends at
	Step  string      // ID of the step that makes it
	Doc   string      // what a relationship of this type says

	// Subject is the end that the relationship is a fact about: where that entity is outside of what a
	// run was to read, so is the relationship.
	Subject End

	// Revision goes up by one when values are made in another way while names and kinds of properties
	// stay as they are.
	Revision int

	// Rank says which of several rows with the same ends describes the relationship: the greatest.
	// Where nil, 0.
	Rank func(*T) int64

	// Properties are those besides displayName, which every relationship has.
	Properties []entities.Property[T]

	graphType  *graph.Type
	sorted     entities.Properties[T]
	middle     string           // of the key, between the keys of the ends
	properties []graph.Property // of every record, where no property is read from a row
}

// define completes k and puts it among All.
func define[T any](k Kind[T]) *Kind[T] {
	class := k.Class
	k.sorted = entities.Sorted(append([]entities.Property[T]{
		entities.Text("displayName", "Always "+class+".", func(*T) string { return class }),
	}, k.Properties...))
	if len(k.Properties) == 0 {
		k.properties = slices.Clip(k.sorted.Append(nil, nil))
	}
	k.middle = strings.TrimSuffix(strings.TrimPrefix(graph.RelationshipKey("a", class, "b"), "a"), "b")
	k.graphType = &graph.Type{
		Name:         k.Type,
		Class:        class,
		Relationship: true,
		From:         k.From.Name,
		To:           k.To.Name,
		Step:         k.Step,
	}
	k.sorted.Complete(k.graphType, k.Revision)
	all = append(all, Description{
		Type:       k.graphType,
		Revision:   k.Revision,
		Doc:        k.Doc,
		Subject:    k.Subject,
		Properties: k.sorted.Describe(),
	})
	return &k
}

// GraphType is what the graph package is to know of the type.
func (k *Kind[T]) GraphType() *graph.Type { return k.graphType }

// Between is the relationship between the entities of the given keys, with what row says of it. The row
// may be nil where the type has no Properties; its records then share their Properties, which must not
// be written to.
func (k *Kind[T]) Between(from, to string, row *T) graph.Record {
	r := graph.Record{
		Type:       k.graphType,
		Key:        from + k.middle + to,
		From:       from,
		To:         to,
		Properties: k.properties,
	}
	if k.properties == nil {
		r.Properties = k.sorted.Append(make([]graph.Property, 0, len(k.sorted)), row)
	}
	if k.Rank != nil {
		r.Rank = k.Rank(row)
	}
	return r
}

// Description is what the documentation says of a relationship type.
type Description struct {
	Type       *graph.Type
	Revision   int
	Doc        string
	Subject    End
	Properties []entities.PropertyDescription // sorted by name
}

var all []Description

// All describes every relationship type, in ascending order of the names.
func All() []Description {
	return slices.SortedFunc(slices.Values(all), func(a, b Description) int {
		return strings.Compare(a.Type.Name, b.Type.Name)
	})
}

// GraphTypes are the graph.Types of all relationship types, in ascending order of the names.
func GraphTypes() []*graph.Type {
	types := make([]*graph.Type, 0, len(all))
	for _, d := range All() {
		types = append(types, d.Type)
	}
	return types
}

// has and the like are the classes, of JupiterOne's data model.
const (
	has      = "HAS"
	protects = "PROTECTS"
	owns     = "OWNS"
)

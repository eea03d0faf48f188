package model

import (
	"slices"
	"strings"

	"s1graph/graph"
)

// Relationship is all there is to say about a relationship type whose properties are read from rows of type T. Define
// completes it; after that it is not changed, and safe for concurrent use.
type Relationship[T any] struct {
	Type  string      // _type
	Class string      // _class
	From  *graph.Type // of the entity that it starts at
	To    *graph.Type // of the entity that it ends at
	Step  string      // ID of the step that makes it
	Doc   string      // what a relationship of this type says

	// Subject is the end that the relationship is a fact about: where that entity is out of scope, so is the relationship.
	Subject End

	// Places is the end that stands where the other one does, as an application stands where the device stands that it is
	// installed on. It is neither where both ends say themselves where they stand.
	Places End

	// MayLose is as Entity.MayLose.
	MayLose float64

	// Revision goes up by one when values are made in another way while names and kinds of properties
	// stay as they are.
	Revision int

	// Rank orders the rows that have the same ends: the one of the greatest rank describes the relationship. Where it is nil,
	// all are equal.
	Rank func(*T) Rank

	// Properties are those besides displayName, which every relationship has.
	Properties []Property[T]

	description *Description
	sorted      Properties[T]
	middle      string           // of the key, between the keys of the ends
	properties  []graph.Property // of every record, where no property is read from a row
}

// Define completes a declaration. It panics where the declaration is at fault.
func (k Relationship[T]) Define() *Relationship[T] {
	class := k.Class
	k.sorted = Sorted(append([]Property[T]{
		Text("displayName", "Always "+class+".", func(*T) string { return class }),
	}, k.Properties...))
	if len(k.Properties) == 0 {
		k.properties = slices.Clip(k.sorted.Append(nil, nil))
	}
	k.middle = strings.TrimSuffix(strings.TrimPrefix(graph.RelationshipKey("a", class, "b"), "a"), "b")
	graphType := &graph.Type{
		Name:         k.Type,
		Class:        class,
		Relationship: true,
		From:         k.From.Name,
		To:           k.To.Name,
		Step:         k.Step,
	}
	k.sorted.Complete(graphType, k.Revision)
	k.description = &Description{
		Type:       graphType,
		Revision:   k.Revision,
		Doc:        k.Doc,
		Subject:    k.Subject,
		Places:     k.Places,
		MayLose:    k.MayLose,
		Properties: k.sorted.Describe(),
		Make: func(from, to string, fill func(any)) graph.Record {
			row := new(T)
			fill(row)
			return k.Between(from, to, row)
		},
	}
	return &k
}

// Description is what is known of the type without a row.
func (k *Relationship[T]) Description() *Description { return k.description }

// GraphType is what the graph package is to know of the type.
func (k *Relationship[T]) GraphType() *graph.Type { return k.description.Type }

// Between is the relationship between the entities of the given keys, with what row says of it. The row
// may be nil where the type has no Properties; its records then share their Properties, which must not
// be written to.
func (k *Relationship[T]) Between(from, to string, row *T) graph.Record {
	r := k.between(from, to, row)
	r.Properties = k.properties
	if k.properties == nil {
		r.Properties = k.sorted.Append(make([]graph.Property, 0, len(k.sorted)), row)
	}
	return r
}

// WrittenBetween is Between with the properties written, in memory that is there for them.
func (k *Relationship[T]) WrittenBetween(space *graph.Written, from, to string, row *T) graph.Record {
	space.Reset()
	k.sorted.Write(space, row)
	r := k.between(from, to, row)
	r.Written = space
	return r
}

func (k *Relationship[T]) between(from, to string, row *T) graph.Record {
	r := graph.Record{Type: k.description.Type, Key: from + k.middle + to, From: from, To: to}
	if k.Rank != nil {
		rank := k.Rank(row)
		r.Rank, r.Tie = rank.Number, rank.Tie
	}
	return r
}

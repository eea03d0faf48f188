package model

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"s1graph/graph"
)

// Description is what the program knows of an entity or relationship type, apart from how a row becomes a record of
// it. It is not changed once it is made, and safe for concurrent use.
type Description struct {
	*graph.Type

	Revision   int
	Doc        string
	Properties []PropertyDescription // sorted by name
	MayLose    float64               // see Entity.MayLose

	// Of an entity type:
	Source      string // the endpoint that its rows come from
	Key         string // what follows the type and a colon in the key
	Tags        string // documents the tag.KEY properties; "" where there are none
	DerivedFrom []*graph.Type
	Place       Place
	Card        []string
	List        []string
	Search      []string

	// Of a relationship type:
	Subject End
	Places  End

	// Make makes a record of the row that fill fills in: it is given a pointer to an empty one. A relationship goes between
	// the entities of two keys; an entity takes none. Tests try rows of all types with it.
	Make func(from, to string, fill func(row any)) graph.Record
}

// TypePrefix begins the names of all types.
const TypePrefix = "sentinelone_"

// ShortName is a type's name as people say it, without what all begin with.
func ShortName(typeName string) string { return strings.TrimPrefix(typeName, TypePrefix) }

// Place names the properties of an entity that say where in the tenant it stands, each the ID of an account, site or
// group; "" where the entity does not say. The zero Place is that of a type which stands where those do that it is
// connected with.
type Place struct {
	Account, Site, Group string
}

// Own stands in a Place for the entity's own ID: a site stands in the site that it is.
const Own = "_id"

// IsZero says whether the entity does not say at all where it stands.
func (p Place) IsZero() bool { return p == Place{} }

// IsOwn says whether the entity is a place itself: an account, a site or a group.
func (p Place) IsOwn() bool { return slices.Contains([]string{p.Account, p.Site, p.Group}, Own) }

// End is one of the two ends of a relationship; the zero value is neither.
type End string

// The ends: a relationship goes from one entity to another.
const (
	From End = "from"
	To   End = "to"
)

// Rank is the order among several rows or records of one thing: the greatest describes it.
type Rank struct {
	Number int64
	Tie    string // decides among equal numbers
}

// Compare returns a negative number where r is less than other, a positive one where it is greater.
func (r Rank) Compare(other Rank) int {
	return cmp.Or(cmp.Compare(r.Number, other.Number), cmp.Compare(r.Tie, other.Tie))
}

// ID makes a Tie of an ID, so that numbers compare as numbers, whatever their length: of two, the one with more digits
// is the greater.
func ID(id string) string {
	digits := strings.TrimLeft(id, "0")
	if strings.ContainsFunc(digits, func(r rune) bool { return r < '0' || r > '9' }) {
		return id
	}
	return fmt.Sprintf("%04d %s", len(digits), digits)
}

// PropertyDescription is what is known of a property without a row.
type PropertyDescription struct {
	Name     string
	Kind     graph.ValueKind
	Doc      string
	Volatile string // why it is volatile, or ""
	Combined string // how the values of several rows become one, or ""
	Required bool   // JupiterOne's data model demands it
}

package model

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"s1graph/graph"
	"s1graph/s1"
)

// Property says what one property of an entity or relationship type is called, what it means, and how
// its value is read from a row of type T. The constructors below make them; what is unknown in a row
// is absent from the record.
type Property[T any] struct {
	PropertyDescription
	before  string // what stands before the value in a record; Sorted fills it in
	value   func(*T) graph.Value
	write   func([]byte, *T) []byte // appends value as it is written, and nothing where that is absent; nil: value tells
	unknown graph.Value             // what is written where value is absent; absent itself but for required ones
	combine func(a, b graph.Value) graph.Value
}

// Combination makes one value of those that several rows have for a property of the same record.
type Combination struct {
	Doc string // how, such as "the highest"

	// Of is commutative, associative and idempotent, so that neither the order of rows matters nor how
	// often one comes. It is not asked where a row has no value.
	Of func(a, b graph.Value) graph.Value
}

// Text is a property that holds a string; "" is unknown.
func Text[T any](name, doc string, get func(*T) string) Property[T] {
	return property(name, doc, graph.StringKind, get, graph.String, graph.AppendText)
}

// Flag is a property that holds a boolean.
func Flag[T any](name, doc string, get func(*T) s1.Flag) Property[T] {
	return property(name, doc, graph.BoolKind, get, func(f s1.Flag) graph.Value { return graph.Bool(f == s1.True) },
		func(b []byte, f s1.Flag) []byte { return strconv.AppendBool(b, f == s1.True) })
}

// Whole is a property that holds a whole number.
func Whole[T any](name, doc string, get func(*T) s1.Int) Property[T] {
	return property(name, doc, graph.IntKind, get, func(n s1.Int) graph.Value { return graph.Int(n.Value) },
		func(b []byte, n s1.Int) []byte { return strconv.AppendInt(b, n.Value, 10) })
}

// Moment is a property that holds a time, in milliseconds since 1970-01-01 UTC.
func Moment[T any](name, doc string, get func(*T) s1.Time) Property[T] {
	return property(name, doc, graph.IntKind, get, func(t s1.Time) graph.Value { return graph.Int(int64(t)) },
		func(b []byte, t s1.Time) []byte { return strconv.AppendInt(b, int64(t), 10) })
}

// Decimal is a property that holds the number that a text says; a text that says none is unknown.
func Decimal[T any](name, doc string, get func(*T) string) Property[T] {
	return property(name, doc, graph.FloatKind, get, func(text string) graph.Value {
		if n, isNumber := ParseDecimal(text); isNumber {
			return graph.Float(n)
		}
		return graph.Value{}
	}, nil)
}

// ParseDecimal reads a number in decimal digits. It takes no exponent, and nothing else that programs take for numbers.
func ParseDecimal(text string) (float64, bool) {
	text = strings.TrimSpace(text)
	if strings.ContainsFunc(text, func(r rune) bool { return !strings.ContainsRune("0123456789.-", r) }) {
		return 0, false
	}
	n, err := strconv.ParseFloat(text, 64)
	return n, err == nil
}

// property is one whose zero value is unknown. write may be nil.
func property[T any, V comparable](name, doc string, kind graph.ValueKind, get func(*T) V, valueOf func(V) graph.Value, write func([]byte, V) []byte) Property[T] {
	var unknown V
	p := Property[T]{PropertyDescription: PropertyDescription{Name: name, Kind: kind, Doc: doc}, value: func(row *T) graph.Value {
		if v := get(row); v != unknown {
			return valueOf(v)
		}
		return graph.Value{}
	}}
	if write != nil {
		p.write = func(b []byte, row *T) []byte {
			if v := get(row); v != unknown {
				return write(b, v)
			}
			return b
		}
	}
	return p
}

// Set is a property that holds strings, sorted and without duplicates and empty ones; no string at all
// is unknown. get may return its row's own list, which is not changed.
func Set[T any](name, doc string, get func(*T) []string) Property[T] {
	description := PropertyDescription{Name: name, Kind: graph.StringsKind, Doc: doc}
	return Property[T]{PropertyDescription: description, value: func(row *T) graph.Value {
		list := get(row)
		if len(list) == 0 {
			return graph.Value{}
		}
		set := make([]string, 0, len(list))
		for _, s := range list {
			if s != "" {
				// What is not UTF-8 is mended when it is written, which must not change the order.
				set = append(set, strings.ToValidUTF8(s, "\uFFFD"))
			}
		}
		if len(set) == 0 {
			return graph.Value{}
		}
		slices.Sort(set)
		return graph.Strings(slices.Compact(set))
	}}
}

// Named gives a property another name than that of the field that it takes over.
func (p Property[T]) Named(name string) Property[T] {
	p.Name = name
	return p
}

// Volatile marks a property that the vendor moves without anything having happened to the asset: it is
// written, but a difference in it is no change. The reason goes to the documentation.
func (p Property[T]) Volatile(reason string) Property[T] {
	p.PropertyDescription.Volatile = reason
	return p
}

// Required marks a property that JupiterOne's data model demands: where it is unknown, it is written
// as "", 0, false or the empty list.
func (p Property[T]) Required() Property[T] {
	p.PropertyDescription.Required = true
	switch p.Kind {
	case graph.StringKind:
		p.unknown = graph.String("")
	case graph.BoolKind:
		p.unknown = graph.Bool(false)
	case graph.IntKind:
		p.unknown = graph.Int(0)
	case graph.StringsKind:
		p.unknown = graph.Strings([]string{})
	}
	return p
}

// RequiredOrNull is Required for a property that JupiterOne's data model lets be null where it is unknown.
func (p Property[T]) RequiredOrNull() Property[T] {
	p.PropertyDescription.Required = true
	p.unknown = graph.Null()
	return p
}

// Combined marks a property that is made of all the rows that give a record the same key. Others are
// taken from the row of the greatest rank.
func (p Property[T]) Combined(by Combination) Property[T] {
	p.PropertyDescription.Combined, p.combine = by.Doc, by.Of
	return p
}

// HighestOf makes a Combination of words in ascending order, which doc names. A word that is not among them counts as less
// than the first.
func HighestOf(doc string, words ...string) Combination {
	return Combination{Doc: doc, Of: func(a, b graph.Value) graph.Value {
		x, y := slices.Index(words, a.Text()), slices.Index(words, b.Text())
		if x > y || x == y && a.Text() > b.Text() {
			return a
		}
		return b
	}}
}

// Properties is what a type has, in ascending order of the names.
type Properties[T any] []Property[T]

// Sorted puts properties into the order in which Append needs them. It panics when two have the same
// name, which is a mistake in the declaration of a type.
func Sorted[T any](properties []Property[T]) Properties[T] {
	sorted := slices.SortedFunc(slices.Values(properties), func(a, b Property[T]) int {
		return strings.Compare(a.Name, b.Name)
	})
	for i := range sorted {
		sorted[i].before = graph.BeforeValue(sorted[i].Name)
		if i > 0 && sorted[i].Name == sorted[i-1].Name {
			panic(fmt.Sprintf("the property %s is declared twice", sorted[i].Name))
		}
	}
	return sorted
}

// Append appends what is known of row, in ascending order of the names.
func (ps Properties[T]) Append(to []graph.Property, row *T) []graph.Property {
	for i := range ps {
		p := &ps[i]
		v := p.value(row)
		if v.IsAbsent() {
			v = p.unknown
		}
		if !v.IsAbsent() {
			to = append(to, graph.Property{Name: p.Name, Value: v})
		}
	}
	return to
}

// Write is Append for properties that are written.
func (ps Properties[T]) Write(to *graph.Written, row *T) {
	for i := range ps {
		p := &ps[i]
		start := len(to.JSON)
		to.JSON = append(to.JSON, p.before...)
		value := len(to.JSON)
		if p.write != nil {
			to.JSON = p.write(to.JSON, row)
		} else if v := p.value(row); !v.IsAbsent() {
			to.JSON = v.AppendJSON(to.JSON)
		}
		if len(to.JSON) == value && !p.unknown.IsAbsent() {
			to.JSON = p.unknown.AppendJSON(to.JSON)
		}
		switch {
		case len(to.JSON) == value:
			to.JSON = to.JSON[:start]
		case p.PropertyDescription.Volatile != "":
			to.MarkVolatile(start)
		}
	}
}

// Describe says of each property what there is to say without a row.
func (ps Properties[T]) Describe() []PropertyDescription {
	described := make([]PropertyDescription, len(ps))
	for i, p := range ps {
		described[i] = p.PropertyDescription
	}
	return described
}

// Complete fills in those fields of t that follow from the properties: Volatile, Nulls, Combine and Schema.
// The schema changes with the type's name and class, with revision, and with the names, kinds,
// volatility and combination of the properties, but not with their documentation.
func (ps Properties[T]) Complete(t *graph.Type, revision int) {
	schema := fmt.Appendf(nil, "%s %s %s %s revision %d\n", t.Name, t.Class, t.From, t.To, revision)
	for i := range ps {
		p := &ps[i].PropertyDescription
		if p.Volatile != "" {
			t.Volatile = append(t.Volatile, p.Name)
		}
		if ps[i].unknown.Equal(graph.Null()) {
			t.Nulls = append(t.Nulls, p.Name)
		}
		if combine := ps[i].combine; combine != nil {
			if t.Combine == nil {
				t.Combine = make(map[string]func(a, b graph.Value) graph.Value)
			}
			t.Combine[p.Name] = combine
		}
		schema = fmt.Appendf(schema, "%s %v volatile=%t required=%t combined=%s\n", p.Name, p.Kind, p.Volatile != "", p.Required, p.Combined)
	}
	sum := sha256.Sum256(schema)
	t.Schema = hex.EncodeToString(sum[:8])
}

// The combinations that types use.
var (
	Union = Combination{
		Doc: "the strings of all",
		Of: func(a, b graph.Value) graph.Value {
			return graph.Set(slices.Concat(a.List(), b.List()))
		},
	}
	AnyOf = Combination{
		Doc: "true where one is",
		Of: func(a, b graph.Value) graph.Value {
			return graph.Bool(a.Any() == true || b.Any() == true)
		},
	}
	Latest = Combination{
		Doc: "the latest",
		Of: func(a, b graph.Value) graph.Value {
			return graph.Int(max(a.Int64(), b.Int64()))
		},
	}
	Earliest = Combination{
		Doc: "the earliest",
		Of: func(a, b graph.Value) graph.Value {
			return graph.Int(min(a.Int64(), b.Int64()))
		},
	}
	HighestNumber = Combination{
		Doc: "the highest",
		Of: func(a, b graph.Value) graph.Value {
			return graph.Float(max(a.Number(), b.Number()))
		},
	}
	Greatest = Combination{
		Doc: "the last in alphabetical order",
		Of: func(a, b graph.Value) graph.Value {
			return graph.String(max(a.Text(), b.Text()))
		},
	}
)

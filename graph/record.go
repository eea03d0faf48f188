package graph

import (
	"bytes"
	"crypto/sha256"
	"encoding"
	"errors"
	"fmt"
	"hash"
	"io"
	"slices"
	"strings"
	"sync"

	"github.com/go-json-experiment/json/jsontext"
)

// Type is what all records of one entity or relationship type have in common. The entities and
// relationships packages declare them; a committed run keeps the types that it was written with, so
// that a type which the model no longer has is still understood.
type Type struct {
	Name         string `json:"name"`  // _type, such as sentinelone_agent
	Class        string `json:"class"` // _class, such as HostAgent, or HAS
	Relationship bool   `json:"relationship,omitzero"`
	From         string `json:"from,omitzero"` // of a relationship: the type it starts at
	To           string `json:"to,omitzero"`   // of a relationship: the type it ends at
	Step         string `json:"step"`          // ID of the step that makes it

	// Volatile names the properties that the vendor moves without anything having happened to the
	// asset. They are written, but a difference in them alone is a touch and no change. Sorted.
	Volatile []string `json:"volatile,omitzero"`

	// Nulls names the properties that are null where they are unknown. A store that cannot hold null knows by it what a record
	// without such a property has. Sorted.
	Nulls []string `json:"nulls,omitzero"`

	// Schema changes when the mapping changes. A type whose Schema is not the last run's is a baseline:
	// written, and without change events.
	Schema string `json:"schema"`

	// Combine has the properties that are made of all the rows that give a record the same key; what
	// it does not name is taken from the row of the greatest Rank. Each function is commutative,
	// associative and idempotent (a maximum, a union, an or), so that neither the order of rows nor
	// their repetition matters. It is never given an absent value: what is absent adds nothing.
	Combine map[string]func(a, b Value) Value `json:"-"`
}

// EntitiesFirst orders types of entities before those of relationships.
func EntitiesFirst(a, b *Type) int {
	switch {
	case a.Relationship == b.Relationship:
		return 0
	case b.Relationship:
		return -1
	}
	return 1
}

// IsVolatile says whether a difference in the property name is no change.
func (t *Type) IsVolatile(name string) bool {
	_, found := slices.BinarySearch(t.Volatile, name)
	return found
}

// Property is a named value of a record.
type Property struct {
	Name  string
	Value Value
}

// TagPrefix begins the names of those properties that the tenant's data names, such as the keys of its tags.
const TagPrefix = "tag."

// Record is an entity or a relationship. The meta properties that follow from its fields (_key, _type,
// _class, _fromEntityKey, _toEntityKey) are not among its Properties.
type Record struct {
	Type *Type
	Key  string
	From string // of a relationship: the key of the entity it starts at
	To   string // of a relationship: the key of the entity it ends at

	// Properties are sorted by name, one each; absent values are left out when written.
	Properties []Property

	// Written, where it is not nil, stands for Properties in a record that is to be encoded and nothing else.
	Written *Written

	// Rank decides which of several records with one key is taken: the greatest, among equals the one
	// of the greatest Tie, and among those the one whose encoded bytes are greatest. Neither is written
	// to the graph.
	Rank int64
	Tie  string
}

// MinKeyBytes and MaxKeyBytes are the lengths of the shortest and of the longest key that are accepted.
const (
	MinKeyBytes = 10
	MaxKeyBytes = 256
)

// CheckKey says what is wrong with a key: it must be 10 to 256 printable ASCII characters (the lower
// bound is JupiterOne's data model's).
func CheckKey(key string) error {
	if len(key) < MinKeyBytes || len(key) > MaxKeyBytes {
		return fmt.Errorf("key %q: %d bytes, where %d to %d are allowed", key, len(key), MinKeyBytes, MaxKeyBytes)
	}
	for i := plainPart(key); i < len(key); i++ {
		if key[i]-' ' > '~'-' ' {
			return fmt.Errorf("key %q: byte %d is not printable ASCII", key, i)
		}
	}
	return nil
}

// CutKey takes the key of an entity apart: the name of its type, and what tells it from others of the type.
func CutKey(key string) (typeName, rest string) {
	typeName, rest, _ = strings.Cut(key, ":")
	return typeName, rest
}

// RelationshipKey joins the keys of two entities to the key of the relationship of the given class
// between them.
func RelationshipKey(from, class, to string) string {
	return from + "|" + strings.ToLower(class) + "|" + to
}

// RelationshipEnds takes a key apart that RelationshipKey made.
func RelationshipEnds(key string) (from, to string, ok bool) {
	from, rest, ok := strings.Cut(key, "|")
	if !ok {
		return "", "", false
	}
	_, to, ok = strings.Cut(rest, "|")
	return from, to, ok
}

// find returns where the property stands or should stand.
func (r *Record) find(name string) (at int, found bool) {
	return slices.BinarySearchFunc(r.Properties, name, func(p Property, name string) int { return strings.Compare(p.Name, name) })
}

func sortProperties(properties []Property) {
	slices.SortFunc(properties, func(a, b Property) int { return strings.Compare(a.Name, b.Name) })
}

// Get returns the property's value, absent where r has none of that name.
func (r *Record) Get(name string) Value {
	i, found := r.find(name)
	if !found {
		return Value{}
	}
	return r.Properties[i].Value
}

// Set puts a property in its place, or replaces its value.
func (r *Record) Set(name string, v Value) {
	i, found := r.find(name)
	if found {
		r.Properties[i].Value = v
		return
	}
	r.Properties = slices.Insert(r.Properties, i, Property{name, v})
}

// Combine adds to r what another record of its key says for the properties that its type combines.
func (r *Record) Combine(other *Record) {
	for name, combine := range r.Type.Combine {
		known, more := r.Get(name), other.Get(name)
		switch {
		case more.IsAbsent():
		case known.IsAbsent():
			r.Set(name, more)
		default:
			r.Set(name, combine(known, more))
		}
	}
}

// Digest is the first half of a SHA-256. Names are written by attackers, who must not be able to make
// two different records look the same.
type Digest [16]byte

// KeyDigest is what the diff looks at first.
type KeyDigest struct {
	Key    string
	Stable Digest // of all properties but the volatile ones
	Full   Digest // of all properties
}

// Encoded is a record at rest: one line of a graph file, and its digests.
type Encoded struct {
	KeyDigest
	JSON []byte // one JSON object in canonical form, without a line feed
}

// Encode puts a record into its canonical form: a JSON object with the meta properties and the others
// in ascending order of their names. Equal records give equal bytes. The result owns its memory.
func Encode(r *Record) (e Encoded) {
	e.JSON, _, e.KeyDigest = AppendRecord(make([]byte, 0, 128+48*len(r.Properties)), r)
	return e
}

// AppendRecord appends to b what Encode makes of r, for those who have the memory for it. Its first meta bytes are the brace and
// what AppendMeta appends; meta is 0 where other properties stand before.
func AppendRecord(b []byte, r *Record) (_ []byte, meta int, d KeyDigest) {
	start := len(b)
	var some [8]span
	b, meta, volatile := appendRecord(b, r, some[:0])
	d.Key = r.Key
	d.Full, d.Stable = digestsOf(b[start:], volatile)
	return b, meta, d
}

// DigestOf is the digest of a record's canonical form: of all its bytes it is the record's Full.
func DigestOf(canonical []byte) Digest {
	sum := sha256.Sum256(canonical)
	return Digest(sum[:len(Digest{})])
}

// digester reckons both digests of a record: what stands before the first volatile property, most of a relationship, is hashed
// once for the two.
type digester struct {
	full, stable hash.Hash
	state, sum   []byte // memory for what they give
}

var digesters = sync.Pool{New: func() any { return &digester{full: sha256.New(), stable: sha256.New()} }}

// digestsOf are the digests of a record's canonical form: of all of it, and without its volatile properties.
func digestsOf(canonical []byte, volatile []span) (full, stable Digest) {
	if len(volatile) == 0 {
		full = DigestOf(canonical)
		return full, full
	}
	d := digesters.Get().(*digester)
	defer digesters.Put(d)
	first := volatile[0].from
	d.full.Reset()
	d.full.Write(canonical[:first])
	d.state, _ = d.full.(encoding.BinaryAppender).AppendBinary(d.state[:0]) // neither fails between two SHA-256
	_ = d.stable.(encoding.BinaryUnmarshaler).UnmarshalBinary(d.state)
	d.full.Write(canonical[first:])
	needsComma := first > len("{")
	for i, p := range volatile {
		end := len(canonical)
		if i+1 < len(volatile) {
			end = volatile[i+1].from
		}
		rest := canonical[p.to:end]
		if !needsComma && len(rest) > 0 {
			rest, needsComma = bytes.TrimPrefix(rest, []byte(",")), true
		}
		d.stable.Write(rest)
	}
	d.sum = d.full.Sum(d.sum[:0])
	full = Digest(d.sum[:len(full)])
	d.sum = d.stable.Sum(d.sum[:0])
	return full, Digest(d.sum[:len(stable)])
}

// span is a part of a record's canonical form.
type span struct{ from, to int }

// appendRecord appends r's canonical form; meta is as AppendRecord has it. It adds to volatile where the volatile properties
// stand in it, each with the comma before it. It relies on every meta property sorting between uppercase letters and lowercase
// ones, as '_' does; properties before "_" are written first.
func appendRecord(b []byte, r *Record, volatile []span) (_ []byte, meta int, _ []span) {
	if r.Written != nil {
		return r.Written.appendTo(b, r)
	}
	start := len(b)
	b = append(b, '{')
	metaWritten := false
	writeMeta := func() {
		isFirst := len(b) == start+1
		b = AppendMeta(b, r)
		if metaWritten = true; isFirst {
			meta = len(b) - start
		}
	}
	moving := r.Type.Volatile // those that may still come
	for i := range r.Properties {
		p := &r.Properties[i]
		if p.Value.IsAbsent() {
			continue
		}
		if !metaWritten && p.Name > "_" {
			writeMeta()
		}
		from := len(b)
		b = appendProperty(b, p.Name, p.Value)
		for len(moving) > 0 && moving[0] < p.Name {
			moving = moving[1:]
		}
		if len(moving) > 0 && moving[0] == p.Name {
			volatile = append(volatile, span{from - start, len(b) - start})
		}
	}
	if !metaWritten {
		writeMeta()
	}
	return append(b, '}'), meta, volatile
}

// AppendMeta appends the meta properties of a record as they stand in its canonical form, behind its brace or the properties before
// them.
func AppendMeta(b []byte, r *Record) []byte {
	quoteKey := AppendText
	if isPlain(r.Key) && strings.HasPrefix(r.Key, r.From) && strings.HasSuffix(r.Key, r.To) {
		quoteKey = appendPlain // so the ends need not be looked at
	}
	if b[len(b)-1] != '{' {
		b = append(b, ',')
	}
	if r.Type.Relationship {
		b = AppendText(append(b, `"_class":`...), r.Type.Class)
		b = quoteKey(append(b, `,"_fromEntityKey":`...), r.From)
		b = quoteKey(append(b, `,"_key":`...), r.Key)
		b = quoteKey(append(b, `,"_toEntityKey":`...), r.To)
	} else {
		b = append(AppendText(append(b, `"_class":[`...), r.Type.Class), ']')
		b = quoteKey(append(b, `,"_key":`...), r.Key)
	}
	return AppendText(append(b, `,"_type":`...), r.Type.Name)
}

func appendProperty(b []byte, name string, v Value) []byte {
	if b[len(b)-1] != '{' {
		b = append(b, ',')
	}
	b = AppendText(b, name)
	b = append(b, ':')
	return v.AppendJSON(b)
}

// Decode reads what Encode wrote, and any other JSON object of that shape. types says what is known of
// the type that the record names; a record of another type is an error.
func Decode(b []byte, types map[string]*Type) (Record, error) {
	var r Record
	d := jsontext.NewDecoder(bytes.NewReader(b))
	if d.PeekKind() != '{' {
		return r, errors.New("a record must be a JSON object")
	}
	sorted := true
	err := eachMember(d, "property ", func(name string) error {
		v, err := DecodeValue(d)
		if err != nil {
			return err
		}
		switch name {
		case "_key":
			r.Key = v.Text()
		case "_fromEntityKey":
			r.From = v.Text()
		case "_toEntityKey":
			r.To = v.Text()
		case "_class": // follows from the type
		case "_type":
			if r.Type = types[v.Text()]; r.Type == nil {
				return fmt.Errorf("the type %q is not in the data model", v.Text())
			}
		default:
			sorted = sorted && (len(r.Properties) == 0 || r.Properties[len(r.Properties)-1].Name < name)
			r.Properties = append(r.Properties, Property{name, v})
		}
		return nil
	})
	if err != nil {
		return r, err
	}
	if _, err := d.ReadToken(); err != io.EOF {
		return r, errors.New("there is something after the end of the record")
	}
	if r.Type == nil || r.Key == "" {
		return r, errors.New("a record must have a _type and a _key")
	}
	if !sorted {
		sortProperties(r.Properties)
	}
	return r, nil
}

// DecodeValue reads the value that comes next, as it stands in a record.
func DecodeValue(d *jsontext.Decoder) (Value, error) {
	t, err := d.ReadToken()
	if err != nil {
		return Value{}, err
	}
	switch t.Kind() {
	case '"':
		return String(t.String()), nil
	case 't', 'f':
		return Bool(t.Bool()), nil
	case '0':
		if text := t.String(); strings.ContainsAny(text, ".eE") {
			f, err := t.Float()
			return Float(f), err
		}
		i, err := t.Int()
		return Int(i), err
	case '[':
		list := []string{}
		for d.PeekKind() != ']' {
			t, err := d.ReadToken()
			if err != nil {
				return Value{}, err
			}
			if t.Kind() != '"' {
				return Value{}, errors.New("a list may hold strings only")
			}
			list = append(list, t.String())
		}
		_, err := d.ReadToken()
		return Strings(list), err
	case 'n':
		return Null(), nil
	}
	return Value{}, errors.New("a value may be a string, a boolean, a number or a list of strings")
}

package graph

import (
	"math"
	"slices"
	"strconv"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// ValueKind is the type of a property's value.
type ValueKind uint8

// The kinds of values; Absent is the zero Value's, and means that the property is not there.
const (
	AbsentKind ValueKind = iota
	StringKind
	BoolKind
	IntKind
	FloatKind
	StringsKind
	NullKind
)

// String names the kind as the data model's documentation does.
func (k ValueKind) String() string {
	return [...]string{"absent", "string", "boolean", "integer", "number", "list of strings", "null"}[k]
}

// Value is what a property holds: a string, a bool, an int64, a float64 or a list of strings, and
// nothing else. The zero Value is absent: there is no null in the graph, except where JupiterOne's data model demands one.
type Value struct {
	kind ValueKind
	num  uint64
	str  string
	list []string
}

// String is a Value that holds s, the empty string included.
func String(s string) Value { return Value{kind: StringKind, str: s} }

// Int is a Value that holds i.
func Int(i int64) Value { return Value{kind: IntKind, num: uint64(i)} }

// Null is the Value of what JupiterOne's data model demands and is unknown, where it takes nothing else for that.
func Null() Value { return Value{kind: NullKind} }

// Float is a Value that holds f; NaN and infinities, which JSON cannot say, are absent.
func Float(f float64) Value {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return Value{}
	}
	return Value{kind: FloatKind, num: math.Float64bits(f)}
}

// Bool is a Value that holds b.
func Bool(b bool) Value {
	v := Value{kind: BoolKind}
	if b {
		v.num = 1
	}
	return v
}

// Strings is a Value that holds list, in its order, the empty list included. The list is not
// copied: the caller no longer changes it.
func Strings(list []string) Value { return Value{kind: StringsKind, list: list} }

// Set is a Value that holds the strings of list sorted and without duplicates.
func Set(list []string) Value {
	sorted := slices.Clone(list)
	slices.Sort(sorted)
	return Strings(slices.Compact(sorted))
}

// Kind says which of the kinds v is of.
func (v Value) Kind() ValueKind { return v.kind }

// IsAbsent says whether v is the zero Value.
func (v Value) IsAbsent() bool { return v.kind == AbsentKind }

// Text is the string that v holds, or "" if it holds something else.
func (v Value) Text() string { return v.str }

// List is the list that v holds, or nil if it holds something else.
func (v Value) List() []string { return v.list }

// Int64 is the whole number that v holds, or 0 if it holds something else.
func (v Value) Int64() int64 {
	if v.kind != IntKind {
		return 0
	}
	return int64(v.num)
}

// Number is the number that v holds, or 0 if it holds something else.
func (v Value) Number() float64 {
	if v.kind == FloatKind {
		return math.Float64frombits(v.num)
	}
	return float64(v.Int64())
}

// Any is v as a plain Go value: string, bool, int64, float64, []string, or nil where absent or null.
func (v Value) Any() any {
	switch v.kind {
	case StringKind:
		return v.str
	case BoolKind:
		return v.num == 1
	case IntKind:
		return int64(v.num)
	case FloatKind:
		return math.Float64frombits(v.num)
	case StringsKind:
		return v.list
	}
	return nil
}

// Equal says whether v and w are of one kind and hold the same.
func (v Value) Equal(w Value) bool {
	return v.kind == w.kind && v.num == w.num && v.str == w.str && slices.Equal(v.list, w.list)
}

// AppendJSON appends v in its one canonical form. A float always has a point or an exponent, so
// that it is read back as a float.
func (v Value) AppendJSON(b []byte) []byte {
	switch v.kind {
	case StringKind:
		return AppendText(b, v.str)
	case BoolKind:
		return strconv.AppendBool(b, v.num == 1)
	case IntKind:
		return strconv.AppendInt(b, int64(v.num), 10)
	case FloatKind:
		start := len(b)
		b = strconv.AppendFloat(b, math.Float64frombits(v.num), 'g', -1, 64)
		if !slices.ContainsFunc(b[start:], func(c byte) bool { return c == '.' || c == 'e' }) {
			b = append(b, ".0"...)
		}
		return b
	case StringsKind:
		b = append(b, '[')
		for i, s := range v.list {
			if i > 0 {
				b = append(b, ',')
			}
			b = AppendText(b, s)
		}
		return append(b, ']')
	}
	return append(b, "null"...)
}

// AppendText quotes s, as AppendJSON does; bytes that are not UTF-8 become U+FFFD.
func AppendText(b []byte, s string) []byte {
	if isPlain(s) {
		return appendPlain(b, s)
	}
	b, _ = jsontext.AppendQuote(b, s) // the error says that s was not UTF-8, which AppendQuote has mended
	return b
}

// appendPlain quotes s, which is plain.
func appendPlain(b []byte, s string) []byte {
	b = append(append(b, '"'), s...)
	return append(b, '"')
}

// isPlain says whether s is quoted as it is, as nearly all is that stands in a graph.
func isPlain(s string) bool {
	for i := plainPart(s); i < len(s); i++ {
		if !plain[s[i]] {
			return false
		}
	}
	return true
}

// plainPart is how many bytes of s, from its beginning and eight at a time, are printable ASCII without quotes and backslashes. There may be more.
func plainPart(s string) (n int) {
	const each, high = 0x0101010101010101, 0x8080808080808080
	for ; n+8 <= len(s); n += 8 {
		b := s[n : n+8]
		w := uint64(b[0]) | uint64(b[1])<<8 | uint64(b[2])<<16 | uint64(b[3])<<24 | uint64(b[4])<<32 | uint64(b[5])<<40 | uint64(b[6])<<48 | uint64(b[7])<<56
		// The high bit of a byte is set by what is no ASCII, by DEL, by what is less than a space, by a quote and by a backslash.
		if (w|(w+each)|(w-each*' ')|((w^each*'"')-each)|((w^each*'\\')-each))&high != 0 {
			break
		}
	}
	return n
}

var plain = func() (is [256]bool) {
	for c := ' '; c < utf8.RuneSelf; c++ {
		is[c] = c != '"' && c != '\\'
	}
	return is
}()

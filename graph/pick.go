package graph

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// Pick decodes the wanted properties alone, which of large records takes a fifth of the time of Decode. The result has no
// type, and of a relationship its key and not its ends. What Pick skips it does not check: a snapshot has held the record to
// its digest.
func Pick(e Encoded, wanted map[string]bool) (Record, error) {
	r := Record{Key: strings.Clone(e.Key)}
	err := eachProperty(e.JSON, func(name, value []byte) error {
		if !wanted[string(name)] {
			return nil
		}
		v, isPlain := plainValue(value)
		var err error
		if !isPlain {
			v, err = DecodeValue(jsontext.NewDecoder(bytes.NewReader(value)))
		}
		r.Properties = append(r.Properties, Property{Name: string(name), Value: v}) // they ascend in the file too
		return err
	})
	if err != nil {
		err = fmt.Errorf("%s: %w", e.Key, err)
	}
	return r, err
}

// plainValue reads what nearly all values are, a text without escapes, a flag or a whole number, in a fraction of the time that
// DecodeValue takes. It says whether it did.
func plainValue(b []byte) (Value, bool) {
	switch text := string(b); {
	case text == "true", text == "false":
		return Bool(text == "true"), true
	case strings.HasPrefix(text, `"`):
		return String(text[1 : len(text)-1]), strings.IndexByte(text, '\\') < 0
	default:
		n, err := strconv.ParseInt(text, 10, 64)
		return Int(n), err == nil
	}
}

// PickAll yields what Pick makes of each record that a snapshot has of a type, in ascending order of their keys.
func PickAll(ctx context.Context, s Snapshot, typeName string, wanted map[string]bool) iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) {
		for e, err := range All(ctx, s, typeName) {
			var r Record
			if err == nil {
				r, err = Pick(e, wanted)
			}
			if !yield(r, err) || err != nil {
				return
			}
		}
	}
}

var errNotCanonical = errors.New("the record is not as the graph writes it")

// eachProperty calls visit with the name and the JSON value of each member of a record in canonical form.
func eachProperty(b []byte, visit func(name, value []byte) error) error {
	if len(b) < 2 || b[0] != '{' {
		return errNotCanonical
	}
	for b = b[1:]; len(b) > 0 && b[0] != '}'; {
		end := endOfString(b)
		if end < 0 || end >= len(b) || b[end] != ':' {
			return errNotCanonical
		}
		name := b[1 : end-1]
		b = b[end+1:]
		if end = endOfValue(b); end < 0 || end >= len(b) {
			return errNotCanonical
		}
		if err := visit(name, b[:end]); err != nil {
			return err
		}
		if b = b[end:]; b[0] == ',' {
			b = b[1:]
		}
	}
	return nil
}

// endOfString is the index after the string that b begins with, -1 where there is none.
func endOfString(b []byte) int {
	if len(b) == 0 || b[0] != '"' {
		return -1
	}
	for i := 1; i < len(b); i++ {
		switch b[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return -1
}

// endOfValue is the index after the string, number, flag or list that b begins with, -1 where there is none.
func endOfValue(b []byte) int {
	if len(b) == 0 {
		return -1
	}
	switch b[0] {
	case '"':
		return endOfString(b)
	case '[':
		for i := 1; i < len(b); {
			switch b[i] {
			case ']':
				return i + 1
			case '"':
				end := endOfString(b[i:])
				if end < 0 {
					return -1
				}
				i += end
			default:
				i++
			}
		}
		return -1
	}
	return bytes.IndexAny(b, ",}")
}

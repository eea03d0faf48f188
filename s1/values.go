package s1

import (
	"bytes"
	"math"
	"strconv"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// The types in this file read what consoles really send: null anywhere, and now and then another
// JSON type than the API document names. What cannot be read is unknown, never an error: one odd
// field must not cost the page it came on. The zero value of each means unknown, and is left out
// when a row is written to a recording.

// Time is a moment in milliseconds since 1970-01-01 UTC. Consoles send RFC 3339 with and without
// a fraction.
type Time int64

// UnmarshalJSONFrom reads an RFC 3339 string.
func (t *Time) UnmarshalJSONFrom(d *jsontext.Decoder) error {
	*t = 0
	v, err := d.ReadValue()
	if err != nil || v.Kind() != '"' || len(v) < 2 {
		return err
	}
	at, err := time.Parse(time.RFC3339Nano, string(v[1:len(v)-1]))
	if err == nil {
		*t = Time(at.UnixMilli())
	}
	return nil
}

// MarshalJSONTo writes the form that UnmarshalJSONFrom reads.
func (t Time) MarshalJSONTo(e *jsontext.Encoder) error {
	return e.WriteToken(jsontext.String(time.UnixMilli(int64(t)).UTC().Format("2006-01-02T15:04:05.000Z")))
}

// Flag is a boolean that may be unknown.
type Flag uint8

// The three values of a Flag.
const (
	Unknown Flag = iota
	False
	True
)

// FlagOf is the Flag of a known boolean.
func FlagOf(b bool) Flag {
	if b {
		return True
	}
	return False
}

// UnmarshalJSONFrom reads a JSON boolean.
func (f *Flag) UnmarshalJSONFrom(d *jsontext.Decoder) error {
	v, err := d.ReadValue()
	switch v.Kind() {
	case 't':
		*f = True
	case 'f':
		*f = False
	default:
		*f = Unknown
	}
	return err
}

// MarshalJSONTo writes true, false or null.
func (f Flag) MarshalJSONTo(e *jsontext.Encoder) error {
	if f == Unknown {
		return e.WriteToken(jsontext.Null)
	}
	return e.WriteToken(jsontext.Bool(f == True))
}

// Int is a whole number that may be unknown. The API document says "number" for whole numbers and
// fractions alike; fractions are cut off.
type Int struct {
	Value int64
	Known bool
}

// UnmarshalJSONFrom reads a JSON number.
func (n *Int) UnmarshalJSONFrom(d *jsontext.Decoder) error {
	*n = Int{}
	v, err := d.ReadValue()
	if err != nil || v.Kind() != '0' {
		return err
	}
	if i, err := strconv.ParseInt(string(v), 10, 64); err == nil {
		*n = Int{Value: i, Known: true}
	} else if f, err := strconv.ParseFloat(string(v), 64); err == nil && math.Abs(f) < 1<<53 {
		*n = Int{Value: int64(f), Known: true}
	}
	return nil
}

// MarshalJSONTo writes the number, or null.
func (n Int) MarshalJSONTo(e *jsontext.Encoder) error {
	if !n.Known {
		return e.WriteToken(jsontext.Null)
	}
	return e.WriteToken(jsontext.Int(n.Value))
}

// Text is a string in a field whose type the API document leaves open. Anything but a string is
// unknown.
type Text string

// UnmarshalJSONFrom reads a JSON string.
func (t *Text) UnmarshalJSONFrom(d *jsontext.Decoder) error {
	*t = ""
	v, err := d.ReadValue()
	if err != nil || v.Kind() != '"' {
		return err
	}
	b, err := jsontext.AppendUnquote(nil, v)
	if err == nil {
		*t = Text(b)
	}
	return nil
}

// Texts is a list in a field whose type the API document leaves open: strings, or objects of which
// the title, else the name, else the key is taken.
type Texts []string

// UnmarshalJSONFrom reads a JSON list, or one string.
func (t *Texts) UnmarshalJSONFrom(d *jsontext.Decoder) error {
	*t = nil
	v, err := d.ReadValue()
	if err != nil {
		return err
	}
	v = jsontext.Value(bytes.TrimSpace(v))
	if v.Kind() == '"' {
		var one string
		if json.Unmarshal(v, &one) == nil && one != "" {
			*t = Texts{one}
		}
		return nil
	}
	var items []jsontext.Value
	if v.Kind() != '[' || json.Unmarshal(v, &items) != nil {
		return nil
	}
	for _, item := range items {
		var text string
		var object struct{ Title, Name, Key Text }
		switch item.Kind() {
		case '"':
			_ = json.Unmarshal(item, &text)
		case '{':
			_ = json.Unmarshal(item, &object, json.MatchCaseInsensitiveNames(true))
			for _, s := range []Text{object.Title, object.Name, object.Key} {
				if text == "" {
					text = string(s)
				}
			}
		}
		if text != "" {
			*t = append(*t, text)
		}
	}
	return nil
}

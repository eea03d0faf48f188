package s1

import (
	"bytes"
	"errors"
	"math"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// This file reads what consoles really send: null anywhere, and now and then another JSON type than the API document
// names, such as "true" for a boolean (github.com/writer/cerebro#528), "" for a list (elastic/integrations#13456) or
// null for a text (elastic/kibana#202483). One odd field costs neither its row nor the page. What can only mean one
// thing is read as that:
//
//   - for a text a number or a boolean; for a number or a boolean a text that says it;
//   - for a list of something the thing alone; for a thing a list that has it alone;
//   - for a text an object's title, name, key or value, of an ID its id; for an object a text that is one of those.
//
// Anything else is unknown, and never an error. The zero value of each type means unknown, and is left out when a row
// is written to a recording.

// decodeRow reads a row. A text, a list or an object of a row is first read as the API document has it, which is what
// nearly all rows are, and fast. A row in which one of them does not fit is read again with patience.
func decodeRow(row jsontext.Value, into any) error {
	err := json.Unmarshal(row, into, lenient)
	if err == nil {
		return nil
	}
	target := reflect.ValueOf(into).Elem()
	target.SetZero()
	if target.Kind() == reflect.Struct && row.Kind() != '{' {
		return nil // nothing is known of a row that is no object
	}
	if err := json.Unmarshal(row, into, lenient, patiently); err != nil {
		return &Error{Status: http.StatusOK, Detail: "a row cannot be read: " + clean(err.Error())}
	}
	return nil
}

// patiently reads texts, lists and objects where something else stands for them.
var patiently json.Options

func init() { // which readPatiently refers to
	patiently = json.WithUnmarshalers(json.UnmarshalFromFunc(readPatiently))
}

func readPatiently(d *jsontext.Decoder, into any) error {
	if _, own := into.(json.UnmarshalerFrom); own {
		return errors.ErrUnsupported
	}
	v := reflect.ValueOf(into).Elem()
	kind := d.PeekKind()
	switch v.Kind() {
	case reflect.String:
		if kind == '"' || kind == 'n' {
			return errors.ErrUnsupported
		}
		isID := namesSomething(d.StackPointer().LastToken())
		value, err := d.ReadValue()
		v.SetString(textOf(value, isID))
		return err
	case reflect.Slice:
		if kind == '[' || kind == 'n' {
			return errors.ErrUnsupported
		}
		value, err := d.ReadValue()
		if err != nil || saysNothing(value) {
			return err
		}
		return json.Unmarshal(slices.Concat([]byte("["), value, []byte("]")), into, lenient, patiently)
	case reflect.Struct, reflect.Map:
		if kind == '{' || kind == 'n' {
			return errors.ErrUnsupported
		}
		value, err := d.ReadValue()
		if err != nil {
			return err
		}
		object := onlyOf(value)
		if name := nameMember(v.Type()); object.Kind() == '"' && !saysNothing(object) && name != "" {
			object = slices.Concat([]byte(`{"`+name+`":`), object, []byte("}"))
		}
		if object.Kind() != '{' {
			return nil
		}
		return json.Unmarshal(object, into, lenient, patiently)
	}
	return errors.ErrUnsupported // what a pointer points to is looked at in its turn
}

// textOf is a value that stands where a text should: "" where it is none. An ID and the name of a page are never made
// of a boolean, nor of the names of an object.
func textOf(value jsontext.Value, isID bool) string {
	value = onlyOf(value)
	switch value.Kind() {
	case '{':
		var object nameMembers
		if json.Unmarshal(value, &object, lenient, json.MatchCaseInsensitiveNames(true)) != nil {
			return ""
		}
		members := []jsontext.Value{object.Title, object.Name, object.Key, object.Value}
		if isID {
			members = []jsontext.Value{object.ID}
		}
		for _, member := range members {
			if text := scalarText(onlyOf(member), isID); text != "" {
				return text
			}
		}
		return ""
	default:
		return scalarText(value, isID)
	}
}

// nameMembers are the members of an object that can stand for all of it.
type nameMembers struct {
	Title, Name, Key, Value, ID jsontext.Value
}

// nameMember is the JSON name of the first of a type's members that can stand for all of it; "" where it has none.
func nameMember(t reflect.Type) string {
	if t.Kind() != reflect.Struct {
		return ""
	}
	for _, name := range []string{"Title", "Name", "Key", "Value"} {
		if f, ok := t.FieldByName(name); ok && f.Type.Kind() == reflect.String {
			tag, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			return tag
		}
	}
	return ""
}

func scalarText(value jsontext.Value, isID bool) string {
	switch value.Kind() {
	case '"':
		text, _ := jsontext.AppendUnquote(nil, value) // what is not UTF-8 is replaced, as everywhere
		return string(text)
	case '0':
		return string(value)
	case 't', 'f':
		if !isID {
			return string(value)
		}
	}
	return ""
}

// namesSomething says whether a member with this name is an ID, or the name of the next page.
func namesSomething(member string) bool {
	member = strings.ToLower(member)
	return strings.HasSuffix(member, "id") || strings.HasSuffix(member, "cursor")
}

// onlyOf is the one value in a list, and the value itself where that is no list of one. What stands in it is no list
// again, so that lists in one another are not read once for each of them.
func onlyOf(value jsontext.Value) jsontext.Value {
	if value.Kind() != '[' {
		return value
	}
	var items []jsontext.Value
	if json.Unmarshal(value, &items, lenient) != nil || len(items) != 1 || items[0].Kind() == '[' {
		return nil
	}
	return items[0]
}

// saysNothing says whether a value has nothing in it that could stand in a list or an object.
func saysNothing(value jsontext.Value) bool {
	switch value.Kind() {
	case '"':
		return strings.TrimSpace(scalarText(value, false)) == ""
	case '{', '[':
		return len(bytes.TrimSpace(value[1:len(value)-1])) == 0
	}
	return value.Kind() != '0'
}

// readText reads the next value as the text that it stands for.
func readText(d *jsontext.Decoder) (string, error) {
	v, err := d.ReadValue()
	if err != nil {
		return "", err
	}
	return textOf(v, false), nil
}

// Time is a moment in milliseconds since 1970-01-01 UTC. Consoles send RFC 3339 with and without a fraction.
type Time int64

// UnmarshalJSONFrom reads RFC 3339, the same without a zone, which is UTC then, with a blank for the T, or without a
// time of day; and seconds or milliseconds since 1970, as a number or a text. What is no later than the zero of a clock
// (year 1, 1601, 1970, 1980) is unknown: no agent is so old.
func (t *Time) UnmarshalJSONFrom(d *jsontext.Decoder) error {
	v, err := d.ReadValue()
	*t = timeIn(v)
	return err
}

func timeIn(v jsontext.Value) Time {
	if v.Kind() == '"' && len(v) > 2 {
		if at, err := time.Parse(time.RFC3339Nano, string(v[1:len(v)-1])); err == nil {
			return timeOf(at)
		}
	}
	return parseTime(strings.TrimSpace(textOf(v, false)))
}

// earliest is the zero of the clock of DOS and its file systems, the latest of those that stand for unknown.
var earliest = time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC)

// timeOf is a moment, or unknown where it is none. Of the future all that RFC 3339 can write is kept: what never
// expires expires in 9999.
func timeOf(at time.Time) Time {
	if at = at.UTC(); !at.After(earliest) || at.Year() > 9999 {
		return 0
	}
	return Time(at.UnixMilli())
}

// timeLayouts are those that time.Parse reads with and without a fraction of a second.
var timeLayouts = []string{
	"2006-01-02T15:04:05Z07:00", "2006-01-02T15:04:05Z0700", "2006-01-02T15:04:05Z07",
	"2006-01-02T15:04:05", "2006-01-02T15:04", "2006-01-02",
}

func parseTime(text string) Time {
	if n, err := strconv.ParseFloat(text, 64); err == nil {
		const mostSeconds = 100_000_000_000 // in seconds the year 5138, in milliseconds the year 1973
		if math.Abs(n) < mostSeconds {
			n *= 1000
		}
		if !(n > 0 && n < 1<<53) {
			return 0
		}
		return timeOf(time.UnixMilli(int64(math.Round(n))))
	}
	text = strings.ToUpper(text)
	for _, zone := range []string{"UTC", "GMT"} {
		if before, ok := strings.CutSuffix(text, zone); ok {
			text = strings.TrimSpace(before) + "Z"
		}
	}
	if date := len("2006-01-02"); len(text) > date && text[date] == ' ' {
		text = text[:date] + "T" + strings.ReplaceAll(text[date+1:], " ", "")
	}
	for _, layout := range timeLayouts {
		if at, err := time.Parse(layout, text); err == nil {
			return timeOf(at)
		}
	}
	return 0
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

// UnmarshalJSONFrom reads a JSON boolean, 1 and 0, and the words true, yes, y, on, false, no, n and off in any case.
func (f *Flag) UnmarshalJSONFrom(d *jsontext.Decoder) error {
	v, err := d.ReadValue()
	*f = flagIn(v)
	return err
}

func flagIn(v jsontext.Value) Flag {
	switch v.Kind() {
	case 't':
		return True
	case 'f':
		return False
	}
	switch strings.ToLower(strings.TrimSpace(textOf(v, false))) {
	case "true", "1", "yes", "y", "on":
		return True
	case "false", "0", "no", "n", "off":
		return False
	}
	return Unknown
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

// UnmarshalJSONFrom reads a JSON number, or a text that holds one. What an int64 cannot hold is unknown.
func (n *Int) UnmarshalJSONFrom(d *jsontext.Decoder) error {
	v, err := d.ReadValue()
	*n = intIn(v)
	return err
}

func intIn(v jsontext.Value) Int {
	if v.Kind() == '0' {
		if i, err := strconv.ParseInt(string(v), 10, 64); err == nil {
			return Int{Value: i, Known: true}
		}
	}
	return parseInt(strings.TrimSpace(textOf(v, false)))
}

func parseInt(text string) Int {
	if i, err := strconv.ParseInt(text, 10, 64); err == nil {
		return Int{Value: i, Known: true}
	}
	if f, err := strconv.ParseFloat(text, 64); err == nil && math.Abs(f) < 1<<53 {
		return Int{Value: int64(f), Known: true}
	}
	return Int{}
}

// MarshalJSONTo writes the number, or null.
func (n Int) MarshalJSONTo(e *jsontext.Encoder) error {
	if !n.Known {
		return e.WriteToken(jsontext.Null)
	}
	return e.WriteToken(jsontext.Int(n.Value))
}

// Text is a string in a field whose type the API document leaves open.
type Text string

// UnmarshalJSONFrom reads what stands for a text.
func (t *Text) UnmarshalJSONFrom(d *jsontext.Decoder) error {
	text, err := readText(d)
	*t = Text(text)
	return err
}

// Texts is a list in a field whose type the API document leaves open: of texts, or of objects that stand for one.
type Texts []string

// UnmarshalJSONFrom reads a JSON list, or one thing that should stand in it. What is no text is left out.
func (t *Texts) UnmarshalJSONFrom(d *jsontext.Decoder) error {
	*t = nil
	v, err := d.ReadValue()
	if err != nil {
		return err
	}
	items := []jsontext.Value{v}
	if v.Kind() == '[' && json.Unmarshal(v, &items, lenient) != nil {
		return nil
	}
	for _, item := range items {
		if text := textOf(item, false); text != "" {
			*t = append(*t, text)
		}
	}
	return nil
}

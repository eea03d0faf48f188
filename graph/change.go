package graph

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"

	"github.com/go-json-experiment/json/jsontext"
)

// EventID is the same for the same event however often it is found or delivered, and differs where one of its parts differs.
func EventID(parts ...string) string {
	h := sha256.New()
	for _, part := range parts {
		h.Write(binary.BigEndian.AppendUint32(nil, uint32(len(part))))
		h.Write([]byte(part))
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// AppendChange appends a change as one JSON object without a line feed, which is a line of changes.jsonl and
// of `s1graph diff --json`:
//
//	{"id":…,"op":"updated","type":…,"class":…,"key":…,"displayName":…,"changed":[…],"before":{…},"after":{…}}
//
// before and after hold, of what was updated, touched or rekeyed, the properties that changed, and of what
// was created or deleted all of them; a property that was or is absent is left out. previousKey is there for
// rekeyed records. id is the event's, and left out where it is empty.
func AppendChange(b []byte, id string, c *Change) []byte {
	b = append(b, '{')
	if id != "" {
		b = appendProperty(b, "id", String(id))
	}
	b = appendProperty(b, "op", String(string(c.Op)))
	b = appendProperty(b, "type", String(c.Type.Name))
	b = appendProperty(b, "class", String(c.Type.Class))
	b = appendProperty(b, "key", String(c.Key))
	if name := c.DisplayName(); name != "" {
		b = appendProperty(b, "displayName", String(name))
	}
	if c.PreviousKey != "" {
		b = appendProperty(b, "previousKey", String(c.PreviousKey))
	}
	if c.Op != Created && c.Op != Deleted {
		b = appendProperty(b, "changed", Strings(c.Changed))
	}
	b = c.appendSide(b, `,"before":`, c.Before)
	b = c.appendSide(b, `,"after":`, c.After)
	return append(b, '}')
}

// DisplayName is what the record is called now, or was called last.
func (c *Change) DisplayName() string {
	for _, r := range []*Record{c.After, c.Before} {
		if r != nil {
			return r.Get("displayName").Text()
		}
	}
	return ""
}

func (c *Change) appendSide(b []byte, name string, r *Record) []byte {
	if r == nil {
		return b
	}
	b = append(append(b, name...), '{')
	if c.Op == Created || c.Op == Deleted {
		for _, p := range r.Properties {
			if !p.Value.IsAbsent() {
				b = appendProperty(b, p.Name, p.Value)
			}
		}
		return append(b, '}')
	}
	for _, name := range c.Changed {
		if v := r.Get(name); !v.IsAbsent() {
			b = appendProperty(b, name, v)
		}
	}
	return append(b, '}')
}

// ChangeLine is a line that AppendChange wrote, as far as it was read.
type ChangeLine struct {
	ID          string // the event's; "" where the line has none
	Op          Op
	Type        string
	Class       string
	Key         string
	PreviousKey string
	DisplayName string
	Changed     []string

	// Before and After are JSON objects, nil where there is none; ReadProperties reads them. Most readers look into few of
	// them.
	Before, After jsontext.Value

	// JSON is the whole line, without the line feed. It is valid until the next line is read.
	JSON []byte
}

// ReadChanges yields the lines of r, in their order. An error that is neither r's nor ctx's names the line that is not
// as AppendChange wrote it, or that is cut off. After an error nothing more is yielded.
func ReadChanges(ctx context.Context, r io.Reader) iter.Seq2[ChangeLine, error] {
	return func(yield func(ChangeLine, error) bool) {
		n := 0
		for line, err := range lines(r) {
			var c ChangeLine
			switch n++; {
			case err == nil && ctx.Err() != nil:
				err = context.Cause(ctx)
			case err == nil:
				c, err = parseChange(line)
			}
			if err != nil {
				err = fmt.Errorf("line %d: %w", n, err)
			}
			if !yield(c, err) || err != nil {
				return
			}
		}
	}
}

// lines yields what stands before each line feed; a line is valid until the next one.
func lines(r io.Reader) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		b := bufio.NewReaderSize(r, 64<<10)
		var long []byte
		for {
			part, err := b.ReadSlice('\n')
			if err == bufio.ErrBufferFull {
				long = append(long, part...)
				continue
			}
			if len(long) > 0 {
				long = append(long, part...)
				part = long
			}
			switch {
			case err == io.EOF && len(part) == 0:
				return
			case err == io.EOF:
				err = errors.New("it is cut off")
			}
			if !yield(bytes.TrimSuffix(part, []byte("\n")), err) || err != nil {
				return
			}
			long = long[:0]
		}
	}
}

func parseChange(line []byte) (ChangeLine, error) {
	c := ChangeLine{JSON: line}
	d := jsontext.NewDecoder(bytes.NewReader(line))
	err := eachMember(d, "", func(name string) (err error) {
		switch name {
		case "before":
			c.Before, err = cloneValue(d)
		case "after":
			c.After, err = cloneValue(d)
		case "changed":
			var v Value
			v, err = DecodeValue(d)
			c.Changed = v.List()
		default:
			var t jsontext.Token
			if t, err = d.ReadToken(); err != nil || t.Kind() != '"' {
				return err
			}
			switch text := t.String(); name {
			case "id":
				c.ID = text
			case "op":
				c.Op = Op(text)
			case "type":
				c.Type = text
			case "class":
				c.Class = text
			case "key":
				c.Key = text
			case "previousKey":
				c.PreviousKey = text
			case "displayName":
				c.DisplayName = text
			}
		}
		return err
	})
	if err == nil && (c.Op == "" || c.Type == "" || c.Key == "") {
		err = errors.New("a change must have op, type and key")
	}
	return c, err
}

// Change is the change as Diff found it, as far as the line tells: its records have, unless they were created or
// deleted, only the properties that changed and what the record is called, and its type has only a name and a class.
func (c *ChangeLine) Change() (Change, error) {
	t := &Type{Name: c.Type, Class: c.Class}
	from, to, isRelationship := RelationshipEnds(c.Key)
	t.Relationship = isRelationship
	change := Change{Op: c.Op, Type: t, Key: c.Key, PreviousKey: c.PreviousKey, Changed: c.Changed}
	side := func(object jsontext.Value) (*Record, error) {
		if object == nil {
			return nil, nil
		}
		properties, err := ReadProperties(object)
		return &Record{Type: t, Key: c.Key, From: from, To: to, Properties: properties}, err
	}
	var errBefore, errAfter error
	change.Before, errBefore = side(c.Before)
	change.After, errAfter = side(c.After)
	if change.After != nil && c.DisplayName != "" {
		change.After.Set("displayName", String(c.DisplayName))
	}
	return change, errors.Join(errBefore, errAfter)
}

// ReadProperties reads the properties of Before or After, sorted by name.
func ReadProperties(object jsontext.Value) ([]Property, error) {
	if object == nil {
		return nil, nil
	}
	var properties []Property
	d := jsontext.NewDecoder(bytes.NewReader(object))
	err := eachMember(d, "", func(name string) error {
		v, err := DecodeValue(d)
		properties = append(properties, Property{Name: name, Value: v})
		return err
	})
	sortProperties(properties)
	return properties, err
}

// eachMember calls read with the name of each member of the object that comes next; what comes next in the decoder then is the
// member's value. An error of read gets prefix and the name in front.
func eachMember(d *jsontext.Decoder, prefix string, read func(name string) error) error {
	if d.PeekKind() != '{' {
		return errors.New("must be a JSON object")
	}
	if _, err := d.ReadToken(); err != nil {
		return err
	}
	for d.PeekKind() != '}' {
		t, err := d.ReadToken()
		if err != nil {
			return err
		}
		name := t.String()
		if err := read(name); err != nil {
			return fmt.Errorf("%s%s: %w", prefix, name, err)
		}
	}
	_, err := d.ReadToken()
	return err
}

func cloneValue(d *jsontext.Decoder) (jsontext.Value, error) {
	v, err := d.ReadValue()
	return slices.Clone(v), err
}

package alerts

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"s1graph/graph"
)

// Event is a change as a line of changes.jsonl tells it; graph.AppendChange says what such a line has.
type Event struct {
	ID          string
	Op          graph.Op
	Type        string
	Class       string
	Key         string
	PreviousKey string
	DisplayName string
	Changed     []string

	before, after jsontext.Value // objects, nil where there is none: they are only read where a rule looks at them
}

// ReadEvents yields the changes of the file path, in its order; none where there is no such file.
func ReadEvents(ctx context.Context, path string) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		f, err := os.Open(path)
		if err != nil {
			if !errors.Is(err, os.ErrNotExist) {
				yield(Event{}, err)
			}
			return
		}
		defer f.Close()
		n := 0
		for line, err := range lines(f) {
			var e Event
			if n++; err == nil && n%1024 == 0 {
				err = context.Cause(ctx)
			}
			if err == nil {
				e, err = readEvent(line)
			}
			if err != nil {
				err = fmt.Errorf("%s: line %d: %w", path, n, err)
			}
			if !yield(e, err) || err != nil {
				return
			}
		}
	}
}

// lines yields what stands between line feeds; a line is valid until the next one.
func lines(r io.Reader) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		b := bufio.NewReaderSize(r, 256<<10)
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
			if err == io.EOF && len(part) == 0 {
				return
			}
			if err != nil && err != io.EOF {
				yield(nil, err)
				return
			}
			if !yield(part, nil) || err == io.EOF {
				return
			}
			long = long[:0]
		}
	}
}

func readEvent(line []byte) (Event, error) {
	var e Event
	d := jsontext.NewDecoder(bytes.NewReader(line))
	err := eachMember(d, func(name string) (err error) {
		switch name {
		case "before":
			e.before, err = readRaw(d)
		case "after":
			e.after, err = readRaw(d)
		case "changed":
			e.Changed, err = readStrings(d)
		default:
			var t jsontext.Token
			if t, err = d.ReadToken(); err != nil || t.Kind() != '"' {
				return err
			}
			switch text := t.String(); name {
			case "id":
				e.ID = text
			case "op":
				e.Op = graph.Op(text)
			case "type":
				e.Type = text
			case "class":
				e.Class = text
			case "key":
				e.Key = text
			case "previousKey":
				e.PreviousKey = text
			case "displayName":
				e.DisplayName = text
			}
		}
		return err
	})
	if err == nil && (e.Op == "" || e.Type == "" || e.Key == "") {
		err = errors.New("a change must have op, type and key")
	}
	return e, err
}

// readProperties reads the before or after of an event.
func readProperties(object jsontext.Value) ([]graph.Property, error) {
	if object == nil {
		return nil, nil
	}
	var properties []graph.Property
	d := jsontext.NewDecoder(bytes.NewReader(object))
	err := eachMember(d, func(name string) error {
		v, err := readValue(d)
		properties = append(properties, graph.Property{Name: name, Value: v})
		return err
	})
	slices.SortFunc(properties, func(a, b graph.Property) int { return strings.Compare(a.Name, b.Name) })
	return properties, err
}

// eachMember calls read with the name of each member of the object that comes next, when its value comes next.
func eachMember(d *jsontext.Decoder, read func(name string) error) error {
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
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	_, err := d.ReadToken()
	return err
}

func readRaw(d *jsontext.Decoder) (jsontext.Value, error) {
	v, err := d.ReadValue()
	return slices.Clone(v), err
}

func readStrings(d *jsontext.Decoder) ([]string, error) {
	v, err := readValue(d)
	return v.List(), err
}

func readValue(d *jsontext.Decoder) (graph.Value, error) {
	t, err := d.ReadToken()
	if err != nil {
		return graph.Value{}, err
	}
	switch t.Kind() {
	case '"':
		return graph.String(t.String()), nil
	case 't', 'f':
		return graph.Bool(t.Bool()), nil
	case '0':
		if strings.ContainsAny(t.String(), ".eE") {
			f, err := t.Float()
			return graph.Float(f), err
		}
		i, err := t.Int()
		return graph.Int(i), err
	case '[':
		list := []string{}
		for d.PeekKind() == '"' {
			t, err := d.ReadToken()
			if err != nil {
				return graph.Value{}, err
			}
			list = append(list, t.String())
		}
		end, err := d.ReadToken()
		if err == nil && end.Kind() != ']' {
			err = errors.New("a list may hold strings only")
		}
		return graph.Strings(list), err
	}
	return graph.Value{}, errors.New("a value may be a string, a boolean, a number or a list of strings")
}

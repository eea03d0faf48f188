package config

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/goccy/go-yaml/ast"
)

// mapping is a map in the file that is no map of settings, such as a rule.
type mapping struct {
	*document
	key    string              // alerts.rules[0]
	places map[string]string   // by name: where its value stands; under "" where the map does
	values map[string]ast.Node // by name, those that are given
	broken bool                // something in it is not what it must be, which was told
}

// mapping reads node, which must be a map in which there are no names but those. It is nil where node is none.
func (d *document) mapping(key string, node ast.Node, names ...string) *mapping {
	tree, ok := node.(ast.MapNode)
	if !ok {
		d.fault(d.place(node, key), "must be a map of %s", alternatives(names))
		return nil
	}
	m := &mapping{document: d, key: key, places: map[string]string{"": d.start(node, key)}, values: map[string]ast.Node{}}
	lines := map[string]int{}
	for entries := tree.MapRange(); entries.Next(); {
		name := entries.Key().GetToken().Value
		if now := inCamelCase(name); now != name && slices.Contains(names, now) {
			d.warn("%s: write %s: the old spelling is read for now", d.place(entries.Key(), key+"."+name), now)
			name = now
		}
		switch {
		case !slices.Contains(names, name):
			m.unknown(entries.Key(), names)
		case d.isTwice(lines, entries.Key(), key+"."+name):
			m.broken = true
		case entries.Value().Type() != ast.NullType:
			m.values[name] = entries.Value()
			m.places[name] = d.place(entries.Value(), key+"."+name)
		}
	}
	return m
}

var underscored = regexp.MustCompile(`_[a-z]`)

// inCamelCase is the spelling of all settings of what some had once: url_file is urlFile.
func inCamelCase(name string) string {
	return underscored.ReplaceAllStringFunc(name, func(begun string) string { return strings.ToUpper(begun[1:]) })
}

func (m *mapping) fault(where, format string, args ...any) {
	m.broken = true
	m.document.fault(where, format, args...)
}

// word is what may be repeated of a name that is not known, or of a word in a list: an address is none.
var word = regexp.MustCompile(`^[A-Za-z][A-Za-z_-]{0,30}$`)

func (m *mapping) unknown(node ast.Node, names []string) {
	name := node.GetToken().Value
	switch {
	case name == "secret" && slices.Contains(names, "secretFile"):
		m.fault(m.place(node, m.key+".secret"), "must not stand here: put the secret into a file of its own and name that with secretFile")
	case word.MatchString(name):
		m.fault(m.place(node, m.key), "unknown setting %q%s", name, suggestion(name, names))
	default:
		m.fault(m.place(node, m.key), "must have nothing but %s", alternatives(names))
	}
}

// unique makes sure that no two rules, or policies, have one name: what is remembered of one is not that of another.
func (m *mapping) unique(what, name, place string) {
	other, taken := m.layer.names[what+" "+name]
	switch {
	case name == "":
	case taken:
		m.fault(place, "must be a name that no other %s has, and that at %s has it too: give one of them another name", what, other)
	default:
		m.layer.names[what+" "+name] = place
	}
}

// take hands on the value of a name where it is given and of the kind.
func (m *mapping) take(name string, kind Kind, apply func(value string) error) {
	node, isGiven := m.values[name]
	if !isGiven {
		return
	}
	value, ok := content(kind, node)
	if !ok {
		m.fault(m.places[name], "must be %s", kind.expected())
		return
	}
	if value == "" {
		return
	}
	if err := apply(value); err != nil {
		m.fault(m.places[name], "%v", err)
	}
}

func (m *mapping) text(name string, field *string, checks ...func(string) error) {
	m.take(name, Text, func(value string) error {
		for _, check := range checks {
			if err := check(value); err != nil {
				return err
			}
		}
		*field = value
		return nil
	})
}

// flag leaves the field nil where the name is not given.
func (m *mapping) flag(name string, field **bool) {
	m.take(name, Flag, func(value string) error {
		on := value == "true"
		*field = &on
		return nil
	})
}

func (m *mapping) whole(name string, least, most int, field *int) {
	m.take(name, Number, func(value string) error {
		n, err := wholeNumber(least, value)
		if err == nil && n > most {
			err = must(fmt.Sprintf("a whole number from %d to %d", least, most), value)
		}
		if err == nil {
			*field = n
		}
		return err
	})
}

// words takes a list without repetitions, in its order, or, where it would have one word, that.
func (m *mapping) words(name string, field *[]string, checks ...func(string) error) {
	node, isGiven := m.values[name]
	if !isGiven {
		return
	}
	value, ok := content(List, node)
	if !ok {
		value, ok = content(Text, node)
	}
	if !ok {
		m.fault(m.places[name], "must be a list, such as [a, b]")
		return
	}
	for item := range strings.SplitSeq(value, ",") {
		if item = strings.TrimSpace(item); item == "" || slices.Contains(*field, item) {
			continue
		}
		for _, check := range checks {
			if err := check(item); err != nil {
				m.fault(m.places[name], "%v", err)
				return
			}
		}
		*field = append(*field, item)
	}
}

// list hands on what stands in a list, each with its key.
func (d *document) list(key string, node ast.Node, what string, take func(key string, node ast.Node)) {
	sequence, ok := node.(*ast.SequenceNode)
	if !ok {
		d.fault(d.place(node, key), "must be a list of %s, each of which begins with a hyphen", what)
		return
	}
	for i, item := range sequence.Values {
		take(fmt.Sprintf("%s[%d]", key, i), item)
	}
}

func isOneLine(text string) error {
	if len(text) > 200 || strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return must("one line of at most 200 letters", "")
	}
	return nil
}

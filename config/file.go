package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// readFile reads the configuration file. It walks the syntax tree itself, as a decoder stops at the
// first fault.
func (l *loader) readFile() {
	path, named := l.sources.File, l.sources.File != ""
	if !named {
		path, named = l.variables[FileVariable], l.variables[FileVariable] != ""
	}
	if !named {
		path = DefaultFile
	}
	content, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) && !named {
		return
	}
	if err != nil {
		l.fault(path, "must be a file with settings: %v", reason("it", err))
		return
	}
	file, err := parser.ParseBytes([]byte(strings.TrimPrefix(string(content), "\ufeff")), 0, parser.AllowDuplicateMapKey())
	var syntax yaml.Error
	switch {
	case errors.As(err, &syntax):
		position := syntax.GetToken().Position
		l.fault(fmt.Sprintf("%s:%d:%d", path, position.Line, position.Column), "must be YAML: %s", syntax.GetMessage())
	case err != nil:
		l.fault(path, "must be YAML")
	case len(file.Docs) > 1:
		l.fault(path, "must be one YAML document, without --- between its lines")
	case len(file.Docs) == 1 && file.Docs[0].Body != nil:
		document := document{loader: l, path: path, lines: map[string]int{}}
		document.read("", file.Docs[0].Body)
	}
}

// document is a configuration file that is being read.
type document struct {
	*loader
	path  string
	lines map[string]int // by key: the line in which it was met
}

// read takes what stands under a key that is not a setting itself: a mapping of settings.
func (d *document) read(prefix string, node ast.Node) {
	if node.Type() == ast.NullType {
		return
	}
	mapping, ok := node.(ast.MapNode)
	if !ok {
		d.fault(d.place(node, strings.TrimSuffix(prefix, ".")), "must be a map of settings, each on a line as name: value")
		return
	}
	for entries := mapping.MapRange(); entries.Next(); {
		d.readEntry(prefix, entries.Key(), entries.Value())
	}
}

func (d *document) readEntry(prefix string, name ast.MapKeyNode, value ast.Node) {
	key := prefix + name.GetToken().Value
	setting, isSetting, isPrefix := find(key)
	if !isSetting && !isPrefix {
		d.unknown(name, key)
		return
	}
	if line, twice := d.lines[key]; twice {
		d.fault(d.place(name, key), "must be given once, and stands in line %d already", line)
		return
	}
	d.lines[key] = name.GetToken().Position.Line
	if isPrefix {
		d.read(key+".", value)
		return
	}
	if value.Type() == ast.NullType {
		return
	}
	given, ok := content(setting.Kind, value)
	if !ok {
		d.reject(key, d.place(value, key), "must be "+setting.Kind.expected())
		return
	}
	if given == "" {
		return
	}
	if setting.Kind == Path && !filepath.IsAbs(given) {
		given = filepath.Join(filepath.Dir(d.path), given)
	}
	d.set(setting, d.place(value, key), given)
}

// unknown says what to do about a key that is none. What stands under it is not looked at.
func (d *document) unknown(name ast.Node, key string) {
	if len(key) > 40 { // a secret, for all one knows
		d.fault(d.place(name, "an unknown name"), "is no setting")
		return
	}
	if strings.EqualFold(key, "token") {
		d.fault(d.place(name, key), "must not stand here: put the token into a file of its own and name that with tokenFile")
		return
	}
	known := make([]string, len(settings))
	for i, s := range settings {
		known[i] = s.Key
	}
	d.fault(d.place(name, fmt.Sprintf("%q", key)), "is no setting%s", suggestion(key, known))
}

func (d *document) place(node ast.Node, key string) string {
	position := node.GetToken().Position
	place := fmt.Sprintf("%s:%d:%d", d.path, position.Line, position.Column)
	if key == "" {
		return place
	}
	return place + ": " + key
}

// find says whether key is a setting, or what others begin with, as deletionGuard.
func find(key string) (setting Setting, isSetting, isPrefix bool) {
	for _, s := range settings {
		if s.Key == key {
			return s, true, false
		}
		isPrefix = isPrefix || strings.HasPrefix(s.Key, key+".")
	}
	return Setting{}, false, isPrefix
}

// content is a node's value in the form that flags and variables have, if it is of the kind.
func content(kind Kind, node ast.Node) (string, bool) {
	switch kind {
	case List:
		return items(node)
	case Rates:
		return pairs(node)
	}
	switch n := node.(type) {
	case *ast.StringNode:
		return n.Value, kind == Text || kind == Path || kind == Duration
	case *ast.LiteralNode:
		return strings.TrimSpace(n.Value.Value), kind == Text
	case *ast.BoolNode:
		return fmt.Sprint(n.Value), kind == Flag
	case *ast.IntegerNode, *ast.FloatNode:
		return node.GetToken().Value, kind == Number
	}
	return "", false
}

// items takes numbers too, since the vendor's IDs look so.
func items(node ast.Node) (string, bool) {
	sequence, ok := node.(*ast.SequenceNode)
	if !ok {
		return "", false
	}
	var list []string
	for _, item := range sequence.Values {
		switch n := item.(type) {
		case *ast.StringNode:
			list = append(list, n.Value)
		case *ast.IntegerNode:
			list = append(list, n.GetToken().Value)
		default:
			return "", false
		}
	}
	return strings.Join(list, ","), true
}

func pairs(node ast.Node) (string, bool) {
	mapping, ok := node.(ast.MapNode)
	if !ok {
		return "", false
	}
	var list []string
	for entries := mapping.MapRange(); entries.Next(); {
		number, ok := content(Number, entries.Value())
		if !ok {
			return "", false
		}
		list = append(list, entries.Key().GetToken().Value+"="+number)
	}
	return strings.Join(list, ","), true
}

package config

import (
	"cmp"
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

// layer is what one map of settings says: the top level of the file, or one of its instances.
type layer struct {
	name   string // instances[0]; "" for the top level
	place  string // FILE:LINE:COLUMN; "" for the top level
	values []given
	lines  map[string]int    // by key: the line in which it was met
	names  map[string]string // of rules and policies: the place of each

	destinations section[foundDestination]
	rules        section[foundRule]
	posture      section[PosturePolicy]
}

func newLayer(name, place string) *layer {
	return &layer{name: name, place: place, lines: map[string]int{}, names: map[string]string{}}
}

// given is the value of one setting.
type given struct {
	setting      Setting
	where, value string
	broken       bool // it is not what it must be, which was told
}

// section is a list that a layer has or leaves out.
type section[T any] struct {
	place string // "" where it is left out
	items []T
}

// over is the section, or the one below it where it is left out.
func (s section[T]) over(below section[T]) section[T] {
	if s.place == "" {
		return below
	}
	return s
}

// get is the value that the layer itself has for a setting, nil where it has none.
func (l *layer) get(key string) *given {
	for i := range l.values {
		if l.values[i].setting.Key == key {
			return &l.values[i]
		}
	}
	return nil
}

// readFile reads the configuration file. It walks the syntax tree itself, as a decoder stops at the
// first fault.
func (r *reading) readFile() {
	named := cmp.Or(r.sources.File, r.variables[FileVariable])
	path := cmp.Or(named, DefaultFile)
	r.path = path
	byChance := named == ""
	if byChance && (r.refuses(os.Lstat(path)) || r.refuses(os.Stat(path))) {
		return
	}
	content, info, err := read(path)
	if byChance && (errors.Is(err, fs.ErrNotExist) || r.refuses(info, err)) {
		return
	}
	if err != nil {
		r.fault(path, "must be a file with settings: %s", reason("it", err))
		return
	}
	if content, err = withoutMark(content); err != nil {
		r.fault(path, "must be YAML in UTF-8: %v", err)
		return
	}
	file, err := parser.ParseBytes(content, 0, parser.AllowDuplicateMapKey())
	var syntax yaml.Error
	switch {
	case errors.As(err, &syntax):
		position := syntax.GetToken().Position
		r.fault(fmt.Sprintf("%s:%d:%d", path, position.Line, position.Column), "must be YAML: %s", syntax.GetMessage())
	case err != nil:
		r.fault(path, "must be YAML")
	case len(file.Docs) > 1:
		r.fault(path, "must be one YAML document, without --- between its lines")
	case len(file.Docs) == 1 && file.Docs[0].Body != nil:
		top := &document{reading: r, layer: r.top}
		top.read("", file.Docs[0].Body)
		r.checkInstances()
	}
	if r.hasSecrets && seenByOthers(info) {
		r.warn("%s holds secrets and can be read by other users of this machine: chmod 600 %s", path, path)
	}
}

// refuses says whether a file, or a link to one, that nobody named must not be read, and notes why: it may say where
// the token is sent (url, proxy) and who may listen (caFile), and anybody can put a file into a folder that is
// shared. What cannot be looked at is left to reading, which tells of it.
func (r *reading) refuses(info fs.FileInfo, err error) bool {
	if err != nil {
		return false
	}
	reason := distrusted(info)
	if kind := info.Mode().Type(); reason == "" && kind != 0 && kind != fs.ModeDir && kind != fs.ModeSymlink {
		reason = "it is not a plain file" // reading a pipe could take for ever
	}
	if reason == "" {
		return false
	}
	r.refused = true
	r.fault(r.path, "must be named by --config or %s to be read, since %s, and it could send the token elsewhere: "+
		"if you trust it say --config %s, else remove it or work in another folder", FileVariable, reason, r.path)
	return true
}

// document reads one layer of the configuration file.
type document struct {
	*reading
	layer *layer
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
	readSection := d.section(key)
	if !isSetting && !isPrefix && readSection == nil {
		d.unknown(name, key)
		return
	}
	if d.isTwice(d.layer.lines, name, key) {
		return
	}
	switch {
	case d.layer.name != "" && (setting.Group == Serving || setting.Group == Fleet || setting.Group == Logging):
		d.fault(d.place(name, key), "must stand at the top level: it is one for all instances")
	case value.Type() == ast.NullType:
	case readSection != nil:
		readSection(key, value)
	case isPrefix:
		d.read(key+".", value)
	default:
		d.readSetting(setting, value)
	}
}

// section is what reads a key that is not a setting, since there is no flag that could say it; nil where the
// key is none of them.
func (d *document) section(key string) func(string, ast.Node) {
	switch {
	case key == "alerts":
		return d.readAlerts
	case key == "posture":
		return d.readPosture
	case key == "instances" && d.layer.name == "":
		return d.readInstances
	}
	return nil
}

func (d *document) readSetting(s Setting, node ast.Node) {
	value := given{setting: s, where: d.place(node, s.Key)}
	var ok bool
	value.value, ok = content(s.Kind, node)
	switch {
	case ok && value.value == "":
		return
	case !ok:
		value.broken = true
		d.fault(value.where, "must be %s", s.Kind.expected())
	default:
		if s.Kind == Path {
			value.value = d.relative(value.value)
		}
		var scratch draft
		if err := s.apply(&scratch, value.value); err != nil {
			value.broken = true
			d.fault(value.where, "%v", err)
		}
		d.hasSecrets = d.hasSecrets || strings.Contains(scratch.Proxy.Reveal(), "@")
	}
	d.layer.values = append(d.layer.values, value)
}

// relative makes a path that is relative to the file's folder one that is relative to the working directory.
func (d *document) relative(path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(filepath.Dir(d.path), path)
}

// unknown says what to do about a key that is none. What stands under it is not looked at.
func (d *document) unknown(name ast.Node, key string) {
	if len(key) > 40 { // a secret, for all one knows
		d.fault(d.place(name, "an unknown name"), "there is no such setting")
		return
	}
	if strings.EqualFold(key, "token") {
		d.fault(d.place(name, key), "must not stand here: put the token into a file of its own and name that with tokenFile")
		return
	}
	known := []string{"alerts", "posture"}
	if d.layer.name == "" {
		known = append(known, "instances")
	}
	for _, s := range settings {
		known = append(known, s.Key)
	}
	d.fault(d.place(name, fmt.Sprintf("%q", key)), "there is no such setting%s", suggestion(key, known))
}

// isTwice tells of a name that a map has already, and notes in which line it stands otherwise.
func (d *document) isTwice(lines map[string]int, name ast.Node, key string) bool {
	line, twice := lines[key]
	if twice {
		d.fault(d.place(name, key), "must be given once, and stands in line %d already", line)
	} else {
		lines[key] = name.GetToken().Position.Line
	}
	return twice
}

// start is the place of a node, and of a map that of its first name: there people look for it.
func (d *document) start(node ast.Node, key string) string {
	if tree, ok := node.(ast.MapNode); ok {
		if entries := tree.MapRange(); entries.Next() {
			node = entries.Key()
		}
	}
	return d.place(node, key)
}

func (d *document) place(node ast.Node, key string) string {
	position := node.GetToken().Position
	place := fmt.Sprintf("%s:%d:%d", d.path, position.Line, position.Column)
	if d.layer.name != "" {
		key = strings.TrimSuffix(d.layer.name+"."+key, ".")
	}
	if key == "" {
		return place
	}
	return place + ": " + key
}

// find says whether key is a setting, or what others begin with, as deletionGuard: then it is one of those.
func find(key string) (setting Setting, isSetting, isPrefix bool) {
	for _, s := range settings {
		if s.Key == key {
			return s, true, false
		}
		if strings.HasPrefix(s.Key, key+".") {
			setting, isPrefix = s, true
		}
	}
	return setting, false, isPrefix
}

// content is a node's value in the form that flags and variables have, if it is of the kind.
func content(kind Kind, node ast.Node) (string, bool) {
	switch kind {
	case List:
		if word, isText := node.(*ast.StringNode); isText && (word.Value == "all" || word.Value == "off") {
			return word.Value, true // in place of the severities
		}
		return items(node, ",")
	case Command:
		words, ok := items(node, "\x00")
		if words != "" {
			words += "\x00"
		}
		return words, ok
	case Rates:
		return pairs(node, Number)
	case Intervals:
		return pairs(node, Duration)
	}
	switch n := node.(type) {
	case *ast.StringNode:
		return n.Value, kind == Text || kind == Path || kind == Duration || kind == Schedules
	case *ast.LiteralNode:
		return strings.TrimSpace(n.Value.Value), kind == Text || kind == Schedules
	case *ast.BoolNode:
		return fmt.Sprint(n.Value), kind == Flag
	case *ast.IntegerNode, *ast.FloatNode:
		return node.GetToken().Value, kind == Number
	}
	return "", false
}

// items takes numbers too, since the vendor's IDs look so.
func items(node ast.Node, separator string) (string, bool) {
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
	return strings.Join(list, separator), true
}

func pairs(node ast.Node, of Kind) (string, bool) {
	mapping, ok := node.(ast.MapNode)
	if !ok {
		return "", false
	}
	var list []string
	for entries := mapping.MapRange(); entries.Next(); {
		number, ok := content(of, entries.Value())
		if !ok {
			return "", false
		}
		list = append(list, entries.Key().GetToken().Value+"="+number)
	}
	return strings.Join(list, ","), true
}

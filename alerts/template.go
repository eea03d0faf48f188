package alerts

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"text/template"
	"text/template/parse"
	"time"

	"s1graph/harmless"
)

// text is a template that looks at plain maps of strings, so that nothing of the program can be reached from it.
type text struct {
	template *template.Template
	needs    relationSet // related entities that it looks at
	reads    []string    // properties of the entity in a state that it looks at; "" stands for all
	tellsOp  bool        // it says itself whether a state began or ended
}

// What is told of one alert is cut after so many characters, and one value of it too: titles are read on telephones,
// and whoever names a file may give it a very long name.
const (
	maxTitle = 300
	maxText  = 4000
	maxValue = 500
)

// root is what a template may begin with: a word, or the properties of something (whose names may be known).
type root struct {
	properties kinds // nil for a word
}

// roots are what templates of rules with this condition may begin with.
func roots(c *condition) map[string]root {
	all := map[string]root{}
	word := func(names ...string) {
		for _, name := range names {
			all[name] = root{}
		}
	}
	word("Rule", "Severity", "Instance", "Run", "At", "Count", "Names", "Key", "Name", "Op")
	if c.kind == OnRun {
		word("Status", "Error", "FailedInRow", "NotCompleteInRow", "IncompleteTypes", "Withheld", "Behind", "Unseen", "TokenDaysLeft")
		return all
	}
	word("Type", "Class")
	properties := propertiesOf(c.allowedTypes())
	if c.kind == OnState {
		maps.Copy(properties, derived)
		all["Entity"] = root{properties}
	} else {
		word("PreviousKey", "Changed")
		all["Before"], all["After"] = root{properties}, root{properties}
	}
	for _, r := range relations {
		all[capital(r.name)] = root{dataModel[r.typeName].properties}
	}
	return all
}

// parseText reads a template, and says what is wrong with it.
func parseText(given string, c *condition) (*text, []string) {
	known := roots(c)
	t, err := template.New("").Option("missingkey=zero").Funcs(functions).Parse(given)
	if err != nil {
		return &text{template: template.New("")}, []string{"must be a template: " + strings.TrimPrefix(err.Error(), "template: ")}
	}
	x := &text{template: t}
	w := walker{known: known, text: x}
	for _, defined := range t.Templates() {
		if defined.Tree != nil {
			w.walk(defined.Root, defined.Name() != "")
			defined.Root.Nodes = slices.Insert(defined.Root.Nodes, 0, oneStep)
		}
	}
	if len(w.problems) > 0 {
		return x, w.problems
	}
	if _, err := x.render(sample(known), plain); errors.Is(err, errTooLong) {
		return x, []string{"must be shorter: " + errTooLong.Error()}
	} else if err != nil {
		return x, []string{"must work where nothing is known: " + err.Error()}
	}
	return x, nil
}

// functions are what templates may call besides those of text/template. render puts others in the place of escape and step.
var functions = template.FuncMap{
	"escape": func(value any) string { return fmt.Sprint(value) },
	"step":   func() string { return "" },
	"date": func(milliseconds string) string {
		n, err := strconv.ParseInt(milliseconds, 10, 64)
		if err != nil {
			return milliseconds
		}
		return time.UnixMilli(n).UTC().Format("2006-01-02 15:04 UTC")
	},
}

// escaped lets a pipeline end with the escaping of what it prints, so that a template compares values as they are, and prints
// them in the markup of the destination.
func escaped(p *parse.PipeNode) {
	p.Cmds = append(p.Cmds, &parse.CommandNode{
		NodeType: parse.NodeCommand, Pos: p.Pos,
		Args: []parse.Node{parse.NewIdentifier("escape").SetPos(p.Pos)},
	})
}

func sample(known map[string]root) map[string]any {
	data := map[string]any{}
	for name, r := range known {
		data[name] = ""
		if r.properties != nil {
			data[name] = map[string]string{}
		}
	}
	return data
}

// render fills the template in. What it prints of the data is escaped, what stands in it is not.
func (t *text) render(data map[string]any, escape func(string) string) (string, error) {
	own, err := t.template.Clone()
	if err != nil {
		return "", err
	}
	b := &bounds{left: maxWork}
	own.Funcs(b.functions()).Funcs(template.FuncMap{"escape": func(value any) string { return escape(harmless.Cut(fmt.Sprint(value), maxValue)) }})
	if err = own.Execute(b, data); errors.Is(err, errEnough) {
		err = nil // the caller cuts it anyway
	}
	return b.out.String(), err
}

// walker looks at all that a template begins with.
type walker struct {
	known    map[string]root
	text     *text
	problems []string
}

// walk looks at a node. Where elsewhere, the dot is not what the template was given.
func (w *walker) walk(node parse.Node, elsewhere bool) {
	switch n := node.(type) {
	case *parse.ListNode:
		if n != nil {
			for _, child := range n.Nodes {
				w.walk(child, elsewhere)
			}
		}
	case *parse.ActionNode:
		w.walk(n.Pipe, elsewhere)
		if len(n.Pipe.Decl) == 0 {
			escaped(n.Pipe)
		}
	case *parse.IfNode:
		w.branch(&n.BranchNode, elsewhere, elsewhere)
	case *parse.WithNode:
		w.branch(&n.BranchNode, elsewhere, true)
	case *parse.RangeNode:
		w.branch(&n.BranchNode, elsewhere, true)
		n.List.Nodes = slices.Insert(n.List.Nodes, 0, oneStep)
	case *parse.TemplateNode:
		w.walk(n.Pipe, elsewhere)
	case *parse.PipeNode:
		if n != nil {
			for _, command := range n.Cmds {
				for _, arg := range command.Args {
					w.walk(arg, elsewhere)
				}
			}
		}
	case *parse.ChainNode:
		w.walk(n.Node, elsewhere)
	case *parse.FieldNode:
		if !elsewhere {
			w.check(n.Ident)
		}
	case *parse.VariableNode:
		if n.Ident[0] == "$" && len(n.Ident) > 1 {
			w.check(n.Ident[1:])
		}
	}
}

func (w *walker) branch(n *parse.BranchNode, elsewhere, inside bool) {
	w.walk(n.Pipe, elsewhere)
	w.walk(n.List, inside)
	w.walk(n.ElseList, elsewhere)
}

// check looks at a chain of names, such as After, displayName.
func (w *walker) check(names []string) {
	r, found := w.known[names[0]]
	if !found {
		w.problems = append(w.problems, fmt.Sprintf(".%s is not known in this rule's texts%s", names[0], orRather(names[0], slices.Sorted(maps.Keys(w.known)))))
		return
	}
	w.text.tellsOp = w.text.tellsOp || names[0] == "Op"
	if names[0] == "Entity" {
		w.text.reads = append(w.text.reads, strings.Join(names[1:], "."))
	}
	for i, relation := range relations {
		if capital(relation.name) == names[0] {
			w.text.needs[i] = true
		}
	}
	switch {
	case r.properties == nil && len(names) > 1:
		w.problems = append(w.problems, fmt.Sprintf(".%s is a word, and has no %s", names[0], names[1]))
	case r.properties != nil && len(names) == 2:
		if _, found := r.properties[names[1]]; !found {
			w.problems = append(w.problems, fmt.Sprintf(".%s has no property %s%s", names[0], names[1], orRather(names[1], slices.Sorted(maps.Keys(r.properties)))))
		}
	case len(names) > 2:
		w.problems = append(w.problems, fmt.Sprintf(".%s is a word, and has no %s", strings.Join(names[:2], "."), names[2]))
	}
}

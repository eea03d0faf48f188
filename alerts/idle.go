package alerts

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"

	"s1graph/graph"
)

// Idle says, in a sentence each, which rules can be true of nothing in a graph: what they look at is not read, or nothing has
// the property or the value that they ask for. Of ready-made conditions it says only the former: they wait for what is rare. Of
// types without records nobody can tell.
func (r *Rules) Idle(ctx context.Context, g graph.Snapshot, isRead func(typeName string) bool) ([]string, error) {
	asked := questions{}
	for _, rule := range r.rules {
		if rule.own && rule.kind != OnRun {
			rule.ask(asked)
		}
	}
	if err := asked.answer(ctx, g); err != nil {
		return nil, err
	}
	var sentences []string
	for _, rule := range r.rules {
		if rule.kind == OnRun {
			continue
		}
		if rule.types != nil && !slices.ContainsFunc(rule.allowedTypes(), isRead) {
			sentences = append(sentences, fmt.Sprintf("The rule %q does nothing: it looks at %s alone, which is not read.", rule.name, strings.Join(rule.allowedTypes(), " and ")))
		} else if rule.exposure && !isRead(exposesType) {
			sentences = append(sentences, fmt.Sprintf("The rule %q does nothing: it looks at vulnerabilities of devices, which are not read.", rule.name))
		} else if why := rule.doubt(rule.tree, asked); rule.own && why != "" {
			sentences = append(sentences, fmt.Sprintf("The rule %q does nothing so far: %s.", rule.name, why))
		}
	}
	return sentences, nil
}

// question is whether a record of some types has a property, or has one of some words in it.
type question struct {
	types    []string
	property string
	words    []string // nil: any value will do
}

// questions are answered by type, property and word; "" stands for any value. A type without records is not among them in the
// end.
type questions map[string]map[string]map[string]bool

func (q question) text() string {
	who := "no " + strings.Join(q.types, " and no ") + " has "
	if q.words == nil {
		return who + q.property
	}
	return who + q.property + " " + strings.Join(quoted(q.words), " or ")
}

func quoted(words []string) []string {
	var all []string
	for _, word := range words {
		all = append(all, fmt.Sprintf("%q", word))
	}
	return all
}

// ask notes what the answer to a rule depends on.
func (c *condition) ask(asked questions) {
	ast.PreOrderVisit(c.tree, ast.NewExprVisitor(func(e ast.Expr) {
		q, ok := c.questionOf(e)
		if !ok {
			return
		}
		for _, name := range q.types {
			if asked[name] == nil {
				asked[name] = map[string]map[string]bool{}
			}
			if asked[name][q.property] == nil {
				asked[name][q.property] = map[string]bool{"": false}
			}
			for _, word := range q.words {
				asked[name][q.property][word] = false
			}
		}
	}))
}

// answer looks through the records of a graph.
func (asked questions) answer(ctx context.Context, g graph.Snapshot) error {
	there := map[string]bool{}
	for _, t := range g.Types() {
		there[t.Name] = true
	}
	for name, properties := range asked {
		wanted, open, records := map[string]bool{}, 0, 0
		for property, words := range properties {
			wanted[property] = true
			open += len(words)
		}
		if there[name] {
			for record, err := range graph.PickAll(ctx, g, name, wanted) {
				if err != nil {
					return err
				}
				records++
				for _, p := range record.Properties {
					for _, word := range append([]string{"", p.Value.Text()}, p.Value.List()...) {
						if known, isAsked := properties[p.Name][word]; isAsked && !known {
							properties[p.Name][word] = true
							open--
						}
					}
				}
				if open == 0 {
					break
				}
			}
		}
		if records == 0 {
			delete(asked, name)
		}
	}
	return nil
}

// isNo says whether the answer is surely no.
func (asked questions) isNo(q question) bool {
	words := q.words
	if words == nil {
		words = []string{""}
	}
	for _, name := range q.types {
		properties, known := asked[name]
		if !known || slices.ContainsFunc(words, func(word string) bool { return properties[q.property][word] }) {
			return false
		}
	}
	return true
}

// doubt says why an expression is true of nothing, "" where it may be true.
func (c *condition) doubt(e ast.Expr, asked questions) string {
	if q, ok := c.questionOf(e); ok {
		if asked.isNo(q) {
			return q.text()
		}
		return ""
	}
	if e.Kind() != ast.CallKind {
		return ""
	}
	args := e.AsCall().Args()
	switch e.AsCall().FunctionName() {
	case operators.LogicalAnd:
		for _, term := range args {
			if why := c.doubt(term, asked); why != "" {
				return why
			}
		}
	case operators.LogicalOr:
		var all []string
		for _, term := range args {
			why := c.doubt(term, asked)
			if why == "" {
				return ""
			}
			all = append(all, why)
		}
		return strings.Join(all, ", and ")
	}
	return ""
}

// questionOf is what must be so for an expression to be true, if it is a comparison of a property.
func (c *condition) questionOf(e ast.Expr) (question, bool) {
	if q, ok := c.propertyOf(e); ok { // a flag, or has
		return q, true
	}
	if e.Kind() != ast.CallKind || len(e.AsCall().Args()) != 2 {
		return question{}, false
	}
	isProperty := func(e ast.Expr) bool {
		_, ok := c.propertyOf(e)
		return ok
	}
	args := e.AsCall().Args()
	at := slices.IndexFunc(args, isProperty)
	if at < 0 {
		return question{}, false
	}
	q, _ := c.propertyOf(args[at])
	switch e.AsCall().FunctionName() {
	case operators.Equals:
		q.words = compared(e, isProperty)
	case operators.In:
		if q.words = compared(e, isProperty); at == 1 { // a word in a list that is a property
			if word, ok := args[0].AsLiteral().(types.String); args[0].Kind() == ast.LiteralKind && ok {
				q.words = []string{string(word)}
			}
		}
	case operators.NotEquals, operators.Less, operators.LessEquals, operators.Greater, operators.GreaterEquals:
	default:
		return question{}, false
	}
	return q, true
}

// propertyOf is the property of the data model that an expression stands for, if it does.
func (c *condition) propertyOf(e ast.Expr) (question, bool) {
	if e.Kind() != ast.SelectKind {
		return question{}, false
	}
	q := question{types: c.allowedTypes(), property: e.AsSelect().FieldName()}
	of := e.AsSelect().Operand()
	switch {
	case of.Kind() == ast.IdentKind && of.AsIdent() == string(OnState) && c.kind == OnState:
		if _, common := commonFields[q.property]; common {
			return question{}, false
		}
	case c.isField(of, "before"), c.isField(of, "after"), c.isField(of, "properties"):
	default:
		i := slices.IndexFunc(relations[:], func(r struct{ name, typeName string }) bool { return c.isField(of, r.name) })
		if i < 0 {
			return question{}, false
		}
		q.types = []string{relations[i].typeName}
	}
	properties := propertiesOf(q.types)
	if _, declared := properties[q.property]; !declared {
		return question{}, false
	}
	q.types = slices.DeleteFunc(slices.Clone(q.types), func(name string) bool {
		_, has := dataModel[name].properties[q.property]
		return !has
	})
	return q, true
}

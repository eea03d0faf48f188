package alerts

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"

	"s1graph/config"
	"s1graph/graph"
)

// kindOf is told by the variables that the condition uses.
func kindOf(tree ast.Expr) (kind Kind, fault string) {
	var used []string
	ast.PreOrderVisit(tree, ast.NewExprVisitor(func(e ast.Expr) {
		if e.Kind() == ast.IdentKind && slices.Contains(allKinds, Kind(e.AsIdent())) && !slices.Contains(used, e.AsIdent()) {
			used = append(used, e.AsIdent())
		}
	}))
	slices.Sort(used)
	switch len(used) {
	case 0:
		return "", "must look at change (what changed), entity (a state that an entity is in) or run (how a run went)"
	case 1:
		return Kind(used[0]), ""
	}
	return "", fmt.Sprintf("must look at one of change, entity and run, and looks at %s", strings.Join(used, " and "))
}

// narrow finds out which types and operations the condition can be true of, and which related entities it looks at.
func (c *condition) narrow(tree ast.Expr) (faults []string) {
	c.types = words(tree, func(e ast.Expr) bool { return c.isField(e, "type") })
	c.ops = words(tree, func(e ast.Expr) bool { return c.isField(e, "op") })
	if classes := words(tree, func(e ast.Expr) bool { return c.isField(e, "class") }); classes != nil && c.types == nil {
		c.types = map[string]bool{}
		for _, name := range typeNames(func(t *graph.Type) bool { return classes[t.Class] }) {
			c.types[name] = true
		}
	}
	known := map[string][]string{"type": typeNames(isAny), "op": ops, "class": classes()}
	if c.kind == OnState {
		known["type"] = typeNames(isEntity)
	}
	reads, readsAll := map[string]bool{"displayName": true}, false
	ast.PreOrderVisit(tree, ast.NewExprVisitor(func(e ast.Expr) {
		switch e.Kind() {
		case ast.CallKind:
			if name := e.AsCall().FunctionName(); name == operators.OptSelect || name == operators.OptIndex {
				readsAll = true
			}
			for field, known := range known {
				for _, word := range compared(e, func(e ast.Expr) bool { return c.isField(e, field) }) {
					if !slices.Contains(known, word) {
						faults = append(faults, fmt.Sprintf("there is no %s %q%s", field, word, orRather(word, known)))
					}
				}
			}
		case ast.SelectKind:
			sel := e.AsSelect()
			reads[sel.FieldName()] = true // also those of others, which does no harm
			if sel.Operand().Kind() == ast.IdentKind && sel.Operand().AsIdent() == string(c.kind) {
				c.needs.addNamed(sel.FieldName())
				c.posture = c.posture || c.kind == OnState && (sel.FieldName() == compliant || sel.FieldName() == reasons)
				c.exposure = c.exposure || c.kind == OnState && exposes(sel.FieldName())
			}
		}
	}))
	slices.Sort(faults)
	if !readsAll && c.needs.isEmpty() {
		c.reads = reads
	}
	if c.kind == OnRun {
		c.types, c.ops, c.needs, faults = nil, nil, relationSet{}, nil
	}
	if (c.posture || c.exposure) && c.types == nil {
		c.types = map[string]bool{deviceType: true}
	}
	return faults
}

var ops = []string{string(graph.Created), string(graph.Updated), string(graph.Deleted), string(graph.Rekeyed)}

func classes() []string {
	var all []string
	for _, name := range typeNames(isAny) {
		all = append(all, dataModel[name].Class)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// orRather is what was perhaps meant, as the end of a sentence.
func orRather(word string, known []string) string {
	if near := config.Nearest(word, known); near != "" {
		return ": did you mean " + near + "?"
	}
	if len(known) <= 20 {
		return ": there are " + strings.Join(known, ", ")
	}
	return ""
}

// isField says whether e is a field of the variable that the condition looks at, such as change.type.
func (c *condition) isField(e ast.Expr, field string) bool {
	if e.Kind() != ast.SelectKind || e.AsSelect().FieldName() != field || e.AsSelect().IsTestOnly() {
		return false
	}
	operand := e.AsSelect().Operand()
	return operand.Kind() == ast.IdentKind && operand.AsIdent() == string(c.kind)
}

// words are those that a field must be one of for e to be true; nil where it can be any.
func words(e ast.Expr, isField func(ast.Expr) bool) map[string]bool {
	if e.Kind() != ast.CallKind {
		return nil
	}
	var all map[string]bool
	switch e.AsCall().FunctionName() {
	case operators.LogicalAnd:
		for _, term := range e.AsCall().Args() {
			switch some := words(term, isField); {
			case all == nil:
				all = some
			case some != nil:
				maps.DeleteFunc(all, func(word string, _ bool) bool { return !some[word] })
			}
		}
		return all
	case operators.LogicalOr:
		all = map[string]bool{}
		for _, term := range e.AsCall().Args() {
			some := words(term, isField)
			if some == nil {
				return nil
			}
			maps.Copy(all, some)
		}
		return all
	case operators.Equals, operators.In:
		for _, word := range compared(e, isField) {
			if all == nil {
				all = map[string]bool{}
			}
			all[word] = true
		}
	}
	return all
}

// compared are the literal words that a call compares the field with.
func compared(e ast.Expr, isField func(ast.Expr) bool) []string {
	call := e.AsCall()
	args := call.Args()
	if len(args) != 2 {
		return nil
	}
	literal := func(e ast.Expr) []string {
		if e.Kind() == ast.LiteralKind {
			if s, ok := e.AsLiteral().(types.String); ok {
				return []string{string(s)}
			}
		}
		return nil
	}
	switch call.FunctionName() {
	case operators.Equals, operators.NotEquals:
		switch {
		case isField(args[0]):
			return literal(args[1])
		case isField(args[1]):
			return literal(args[0])
		}
	case operators.In:
		if !isField(args[0]) || args[1].Kind() != ast.ListKind {
			return nil
		}
		var all []string
		for _, element := range args[1].AsList().Elements() {
			word := literal(element)
			if word == nil {
				return nil
			}
			all = append(all, word...)
		}
		return all
	}
	return nil
}

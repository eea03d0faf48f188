package alerts

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/ext"
	"cel.dev/cel-go/interpreter"
)

// Kind is what a rule's condition looks at. It is told by the variable that the condition uses.
type Kind string

// The kinds of rules: a change of the last run, a state that an entity of the graph is in, and a run itself.
const (
	OnChange Kind = "change"
	OnState  Kind = "entity"
	OnRun    Kind = "run"
)

var allKinds = []Kind{OnChange, OnState, OnRun}

// condition is a compiled one. It is safe for concurrent use.
type condition struct {
	kind     Kind
	types    map[string]bool // that it can be true of; nil: any
	ops      map[string]bool // that it can be true of; nil: any
	needs    relationSet     // related entities that it looks at
	posture  bool            // it looks at what posture says of devices
	exposure bool            // it looks at what is open on devices
	reads    map[string]bool // properties of the entity that it looks at; nil: perhaps all
	tree     ast.Expr
	program  cel.Program
}

// Bounds of a condition: its length in characters, and what one evaluation may cost, in steps of about 10 ns.
const (
	maxCondition = 8 << 10
	maxCost      = 100_000
)

// compile reads a condition. What is wrong with it is told in words that follow the place of the condition.
func compile(text string) (*condition, []string) {
	env, err := baseEnvironment()
	if err != nil {
		return nil, []string{err.Error()}
	}
	parsed, issues := env.Parse(text)
	if issues.Err() != nil {
		return nil, problems(issues, nil, nil)
	}
	tree := parsed.NativeRep().Expr()
	kind, fault := kindOf(tree)
	if fault != "" {
		return nil, []string{fault}
	}
	c := &condition{kind: kind, tree: tree}
	if faults := c.narrow(tree); len(faults) > 0 {
		return nil, faults
	}
	s := newSchema(kind, c.allowedTypes())
	if env, err = env.Extend(
		cel.CustomTypeProvider(s),
		cel.CustomTypeAdapter(adapter{s.Registry}),
		cel.Variable(string(kind), cel.ObjectType(string(kind))),
	); err != nil {
		return nil, []string{err.Error()}
	}
	checked, issues := env.Check(parsed)
	if issues.Err() != nil {
		return nil, problems(issues, tree, s)
	}
	if checked.OutputType() != cel.BoolType {
		return nil, []string{fmt.Sprintf("must be true or false, and is of the type %s", checked.OutputType())}
	}
	if c.program, err = env.Program(checked,
		cel.CostLimit(maxCost),
		cel.CustomDecoratorV2(absentIsFalse(checked.NativeRep())),
		cel.OptimizeRegex(&guardedMatches),
	); err != nil {
		return nil, []string{err.Error()}
	}
	return c, nil
}

// holds says whether the condition is true of what is given.
func (c *condition) holds(a *scope) (bool, error) {
	value, _, err := c.program.Eval(a)
	if err != nil {
		if isAbsent(value) {
			return false, nil
		}
		return false, err
	}
	return value == types.True, nil
}

// mayHold says whether it can be true of what has this type and operation at all.
func (c *condition) mayHold(typeName, op string) bool {
	return (c.types == nil || c.types[typeName]) && (c.ops == nil || c.ops[op])
}

func (c *condition) allowedTypes() []string {
	if c.types != nil {
		return slices.Sorted(maps.Keys(c.types))
	}
	if c.kind == OnState {
		return typeNames(isEntity)
	}
	return typeNames(isAny)
}

// scope is what the variables of a condition stand for.
type scope struct {
	subject  any // *subject or *runState
	now      types.Int
	instance types.String
}

var _ interpreter.Activation = (*scope)(nil)

// ResolveName is the value of a variable.
func (s *scope) ResolveName(name string) (any, bool) {
	switch name {
	case "change", "entity", "run":
		return s.subject, true
	case "now":
		return s.now, true
	case "instance":
		return s.instance, true
	}
	return nil, false
}

// Parent is nil: there is no wider scope.
func (s *scope) Parent() interpreter.Activation { return nil }

// baseEnvironment is what all conditions have in common. Times are milliseconds since 1970, as in the graph.
var baseEnvironment = sync.OnceValues(func() (*cel.Env, error) {
	milliseconds := func(unit int64) cel.OverloadOpt {
		return cel.UnaryBinding(func(v ref.Val) ref.Val {
			n, ok := v.(types.Int)
			if !ok {
				return types.MaybeNoSuchOverloadErr(v)
			}
			return n.Multiply(types.Int(unit))
		})
	}
	const hour = 60 * 60 * 1000
	return cel.NewEnv(
		cel.OptionalTypes(),
		ext.Strings(),
		cel.Variable("now", cel.IntType),
		cel.Variable("instance", cel.StringType),
		cel.Function("days", cel.Overload("days_int", []*cel.Type{cel.IntType}, cel.IntType, milliseconds(24*hour))),
		cel.Function("hours", cel.Overload("hours_int", []*cel.Type{cel.IntType}, cel.IntType, milliseconds(hour))),
		cel.Function("rank", cel.Overload("rank_string", []*cel.Type{cel.StringType}, cel.IntType, cel.UnaryBinding(rank))),
		cel.ParserExpressionSizeLimit(maxCondition),
	)
})

// rank puts words for levels in their order: none and unknown words 0, info 1, low 2, medium 3, high 4, critical 5.
func rank(v ref.Val) ref.Val {
	word, ok := v.(types.String)
	if !ok {
		return types.MaybeNoSuchOverloadErr(v)
	}
	return types.Int(slices.Index(severities, strings.ToLower(string(word))) + 1)
}

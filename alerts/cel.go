package alerts

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/ext"
	"cel.dev/cel-go/interpreter"

	"s1graph/config"
	"s1graph/graph"
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
	kind    Kind
	types   map[string]bool // that it can be true of; nil: any
	ops     map[string]bool // that it can be true of; nil: any
	needs   relationSet     // related entities that it looks at
	posture bool            // it looks at what posture says of devices
	reads   map[string]bool // properties of the entity that it looks at; nil: perhaps all
	program cel.Program
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
	c := &condition{kind: kind}
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
						faults = append(faults, fmt.Sprintf("%q is no %s%s", word, field, orRather(word, known)))
					}
				}
			}
		case ast.SelectKind:
			sel := e.AsSelect()
			reads[sel.FieldName()] = true // also those of others, which does no harm
			if sel.Operand().Kind() == ast.IdentKind && sel.Operand().AsIdent() == string(c.kind) {
				c.needs.addNamed(sel.FieldName())
				c.posture = c.posture || c.kind == OnState && (sel.FieldName() == compliant || sel.FieldName() == reasons)
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
	if c.posture && c.types == nil {
		c.types = map[string]bool{deviceType: true}
	}
	return faults
}

var ops = []string{string(graph.Created), string(graph.Updated), string(graph.Deleted), string(graph.Rekeyed)}

func classes() []string {
	var all []string
	for _, name := range typeNames(isAny) {
		all = append(all, model[name].Class)
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

// schema is what the checker is told of the types that a condition can look at, and how their fields are read.
type schema struct {
	*types.Registry
	structs map[string]map[string]*types.FieldType
	unknown map[string][]string // fields that were asked for and are none: the types, by field
	names   map[string]string   // what the types are called in faults
}

var _ types.Provider = (*schema)(nil)

// recordOf is the name that a schema has for a record of one of the types.
const changedRecord = "record"

func newSchema(kind Kind, allowed []string) *schema {
	registry, err := types.NewRegistry(types.OptionalType)
	if err != nil {
		panic(err) // it is given nothing that could be refused
	}
	s := &schema{Registry: registry, structs: map[string]map[string]*types.FieldType{}, unknown: map[string][]string{}, names: map[string]string{}}
	switch kind {
	case OnRun:
		s.structs[string(OnRun)] = runFields
		s.names[string(OnRun)] = "a run"
		return s
	case OnChange:
		s.structs[string(OnChange)] = changeFields
		s.names[string(OnChange)] = "a change"
		s.structs[changedRecord] = recordFields(propertiesOf(allowed))
		s.names[changedRecord] = nameTypes(allowed)
	case OnState:
		s.structs[string(OnState)] = stateFields(allowed)
		s.names[string(OnState)] = nameTypes(allowed)
		s.structs[changedRecord] = recordFields(propertiesOf(allowed))
		s.names[changedRecord] = nameTypes(allowed)
	}
	for _, r := range relations {
		s.structs[r.typeName] = recordFields(model[r.typeName].properties)
		s.names[r.typeName] = r.typeName
	}
	return s
}

func nameTypes(types []string) string {
	if len(types) > 3 {
		return "any type"
	}
	return strings.Join(types, " or ")
}

// FindStructType says whether there is a type of that name.
func (s *schema) FindStructType(name string) (*types.Type, bool) {
	if _, found := s.structs[name]; found {
		return types.NewTypeTypeWithParam(types.NewObjectType(name)), true
	}
	return s.Registry.FindStructType(name)
}

// FindStructFieldNames are the fields of a type.
func (s *schema) FindStructFieldNames(name string) ([]string, bool) {
	if fields, found := s.structs[name]; found {
		return slices.Sorted(maps.Keys(fields)), true
	}
	return s.Registry.FindStructFieldNames(name)
}

// FindStructFieldType is the type of a field.
func (s *schema) FindStructFieldType(name, field string) (*types.FieldType, bool) {
	fields, found := s.structs[name]
	if !found {
		return s.Registry.FindStructFieldType(name, field)
	}
	f, found := fields[field]
	if !found {
		s.unknown[field] = append(s.unknown[field], name)
	}
	return f, found
}

// field reads one of a *T; absent is nil.
func field[T any](celType *types.Type, get func(*T) any) *types.FieldType {
	return &types.FieldType{
		Type: celType,
		IsSet: func(target any) bool {
			t, ok := target.(*T)
			return ok && get(t) != nil
		},
		GetFrom: func(target any) (any, error) {
			if t, ok := target.(*T); ok {
				if v := get(t); v != nil {
					return v, nil
				}
			}
			return nil, errAbsent
		},
	}
}

func textField[T any](get func(*T) string) *types.FieldType {
	return field(types.StringType, func(t *T) any {
		if s := get(t); s != "" {
			return types.String(s)
		}
		return nil
	})
}

func recordField(typeName string, get func(*subject) *record) *types.FieldType {
	return field(types.NewObjectType(typeName), func(s *subject) any {
		if r := get(s); r != nil {
			return r
		}
		return nil
	})
}

// changeFields are the fields of change.
var changeFields = func() map[string]*types.FieldType {
	fields := map[string]*types.FieldType{
		"op":          textField(func(s *subject) string { return s.op }),
		"previousKey": textField(func(s *subject) string { return s.previousKey }),
		"displayName": textField(func(s *subject) string { return s.name }),
		"changed":     field(types.NewListType(types.StringType), func(s *subject) any { return celList(s.changed) }),
		"before":      recordField(changedRecord, func(s *subject) *record { return s.before }),
		"after":       recordField(changedRecord, func(s *subject) *record { return s.after }),
	}
	maps.Copy(fields, commonFields)
	return fields
}()

// commonFields are those of change and entity.
var commonFields = func() map[string]*types.FieldType {
	fields := map[string]*types.FieldType{
		"type":  textField(func(s *subject) string { return s.typ }),
		"class": textField(func(s *subject) string { return s.class }),
		"key":   textField(func(s *subject) string { return s.key }),
	}
	for i, r := range relations {
		fields[r.name] = recordField(r.typeName, func(s *subject) *record { return s.related[i] })
	}
	return fields
}()

// stateFields are the fields of entity: its properties, and what all subjects have. A property that is called as one of
// the latter (type, of applications and groups) is a field of entity.properties alone, where all are.
func stateFields(allowed []string) map[string]*types.FieldType {
	all := propertiesOf(allowed)
	if slices.Contains(allowed, deviceType) {
		all[compliant], all[reasons] = graph.BoolKind, graph.StringsKind
	}
	fields := map[string]*types.FieldType{
		"properties": recordField(changedRecord, func(s *subject) *record { return s.after }),
	}
	for name, kind := range all {
		fields[name] = field(celType(kind), func(s *subject) any { return celValue(s.after.get(name)) })
	}
	maps.Copy(fields, commonFields)
	return fields
}

func recordFields(properties kinds) map[string]*types.FieldType {
	fields := make(map[string]*types.FieldType, len(properties))
	for name, kind := range properties {
		fields[name] = field(celType(kind), func(r *record) any { return celValue(r.get(name)) })
	}
	return fields
}

// runFields are the fields of run.
var runFields = map[string]*types.FieldType{
	"id":               textField(func(r *runState) string { return r.report.Run }),
	"status":           textField(func(r *runState) string { return r.report.Status }),
	"error":            textField(func(r *runState) string { return r.report.Error }),
	"failedInRow":      field(types.IntType, func(r *runState) any { return types.Int(r.failedInRow) }),
	"notCompleteInRow": field(types.IntType, func(r *runState) any { return types.Int(r.notCompleteInRow) }),
	"incompleteTypes":  field(types.NewListType(types.StringType), func(r *runState) any { return celList(r.report.IncompleteTypes) }),
	"behind":           field(types.NewListType(types.StringType), func(r *runState) any { return celList(r.report.Behind) }),
	"withheld": field(types.NewMapType(types.StringType, types.IntType), func(r *runState) any {
		return types.NewDynamicMap(types.DefaultTypeAdapter, r.report.Withheld)
	}),
	"tokenDaysLeft":       field(types.IntType, func(r *runState) any { return celNumber(r.tokenDaysLeft) }),
	"tokenDaysLeftBefore": field(types.IntType, func(r *runState) any { return celNumber(r.tokenDaysLeftBefore) }),
}

func celType(kind graph.ValueKind) *types.Type {
	switch kind {
	case graph.StringKind:
		return types.StringType
	case graph.BoolKind:
		return types.BoolType
	case graph.IntKind:
		return types.IntType
	case graph.FloatKind:
		return types.DoubleType
	case graph.StringsKind:
		return types.NewListType(types.StringType)
	}
	return types.DynType
}

// celValue is nil where v is absent.
func celValue(v graph.Value) any {
	switch v.Kind() {
	case graph.StringKind:
		return types.String(v.Text())
	case graph.BoolKind:
		return types.Bool(v.Any() == true)
	case graph.IntKind:
		return types.Int(v.Int64())
	case graph.FloatKind:
		return types.Double(v.Any().(float64))
	case graph.StringsKind:
		return celList(v.List())
	}
	return nil
}

func celList(list []string) any { return types.NewStringList(types.DefaultTypeAdapter, list) }

func celNumber(n *int64) any {
	if n == nil {
		return nil
	}
	return types.Int(*n)
}

// adapter hands records on as they are, for comparisons with null and for optional values.
type adapter struct{ *types.Registry }

// NativeToValue is value as CEL has it.
func (a adapter) NativeToValue(value any) ref.Val {
	switch value.(type) {
	case *record, *subject, *runState:
		return opaque{types.String(fmt.Sprintf("%p", value)), value}
	}
	return a.Registry.NativeToValue(value)
}

// opaque is a record as a value: all that can be done with one is to read its fields.
type opaque struct {
	types.String
	value any
}

// Value is the record.
func (o opaque) Value() any { return o.value }

// Type is not that of any value that a condition can write.
func (o opaque) Type() ref.Type { return types.NewObjectType(changedRecord) }

// Equal holds of the same record alone.
func (o opaque) Equal(other ref.Val) ref.Val {
	p, ok := other.(opaque)
	return types.Bool(ok && p.value == o.value)
}

// errAbsent stands for what is not there. Whatever is reckoned from it is not there either, until a comparison makes
// it false.
var errAbsent = errors.New("absent")

func isAbsent(v ref.Val) bool {
	err, ok := v.(*types.Err)
	if !ok {
		return false
	}
	if errors.Is(err.Unwrap(), errAbsent) {
		return true
	}
	text := err.Error() // a key or an index that is not there has no error of its own in CEL
	return strings.HasPrefix(text, "no such key") || strings.HasPrefix(text, "index out of bounds")
}

// absentIsFalse makes false of each comparison of what is absent, and of each other function that answers yes or no.
func absentIsFalse(checked *ast.AST) interpreter.InterpretableDecoratorV2 {
	presence := map[int64]bool{}
	ast.PreOrderVisit(checked.Expr(), ast.NewExprVisitor(func(e ast.Expr) {
		if e.Kind() == ast.SelectKind && e.AsSelect().IsTestOnly() {
			presence[e.ID()] = true
		}
	}))
	return func(i interpreter.InterpretableV2) (interpreter.InterpretableV2, error) {
		if t := checked.TypeMap()[i.ID()]; t == nil || t.Kind() != types.BoolKind {
			return i, nil
		}
		switch node := i.(type) {
		case interpreter.InterpretableConst:
			return i, nil
		case interpreter.InterpretableAttribute:
			// A flag stays what it is, absent too, so that !entity.infected is as false as entity.infected where
			// nobody knows.
			if !presence[i.ID()] {
				return i, nil
			}
		case interpreter.InterpretableCall:
			return guardedCall{node}, nil
		}
		return guarded{i}, nil
	}
}

type guarded struct{ interpreter.InterpretableV2 }

// Exec is false for what is absent.
func (g guarded) Exec(frame *interpreter.ExecutionFrame) ref.Val {
	return falseIfAbsent(g.InterpretableV2.Exec(frame))
}

// Eval is Exec for callers that have no frame.
func (g guarded) Eval(a interpreter.Activation) ref.Val {
	return interpreter.EvalActivation(a, g.Exec)
}

// guardedCall is guarded, and still a call to whom looks for calls.
type guardedCall struct{ interpreter.InterpretableCall }

// Exec is false for what is absent.
func (g guardedCall) Exec(frame *interpreter.ExecutionFrame) ref.Val {
	return falseIfAbsent(g.InterpretableCall.Exec(frame))
}

// Eval is Exec for callers that have no frame.
func (g guardedCall) Eval(a interpreter.Activation) ref.Val {
	return interpreter.EvalActivation(a, g.Exec)
}

func falseIfAbsent(v ref.Val) ref.Val {
	if isAbsent(v) {
		return types.False
	}
	return v
}

// guardedMatches compiles regular expressions once, and finds out when the configuration is read that one is wrong.
var guardedMatches = interpreter.RegexOptimization{
	Function:   interpreter.MatchesRegexOptimization.Function,
	RegexIndex: interpreter.MatchesRegexOptimization.RegexIndex,
	Factory: func(call interpreter.InterpretableCall, pattern string) (interpreter.InterpretableCall, error) {
		optimized, err := interpreter.MatchesRegexOptimization.Factory(call, pattern)
		if err != nil {
			return nil, err
		}
		return guardedCall{optimized}, nil
	},
}

// problems are what CEL found wrong, in our words where they say more.
func problems(issues *cel.Issues, tree ast.Expr, s *schema) []string {
	var all []string
	for _, e := range issues.Errors() {
		detail := strings.ReplaceAll(e.Message, " (in container '')", "")
		if m := undefinedField.FindStringSubmatch(detail); m != nil && s != nil {
			detail = s.explain(m[1])
		}
		if m := undeclared.FindStringSubmatch(detail); m != nil {
			detail = m[1] + " is nothing that a condition knows" + orRather(m[1], []string{"change", "entity", "run", "now", "instance", "days", "hours", "rank"})
		}
		all = append(all, fmt.Sprintf("line %d, character %d of the condition: %s", e.Location.Line(), e.Location.Column()+1, detail))
	}
	return all
}

var (
	undefinedField = regexp.MustCompile(`^undefined field '(.*)'$`)
	undeclared     = regexp.MustCompile(`^undeclared reference to '([^']*)'`)
)

// explain says what is wrong with a field that the checker did not find.
func (s *schema) explain(field string) string {
	in := ""
	if asked := s.unknown[field]; len(asked) > 0 {
		in = asked[0]
		if len(asked) > 1 {
			s.unknown[field] = asked[1:]
		}
	}
	known := slices.Sorted(maps.Keys(s.structs[in]))
	return fmt.Sprintf("%s is no property of %s%s", field, s.names[in], orRather(field, known))
}

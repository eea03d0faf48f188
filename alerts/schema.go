package alerts

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"

	"s1graph/graph"
)

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
		s.structs[r.typeName] = recordFields(dataModel[r.typeName].properties)
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
		maps.Copy(all, derived)
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
	"unseen":           field(types.NewListType(types.StringType), func(r *runState) any { return celList(r.report.Unseen) }),
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

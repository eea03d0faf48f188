package model

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"s1graph/s1"
)

// Field is a property that takes over a field of the row as it is, under its JSON name: "uuid", or "threatInfo.storyline"
// where it stands in a part of the row, which may be missing. Its type says the kind. A path through a list, such as
// "networkInterfaces.name", gives the set of what all elements say; one through a map, such as "cloudProviders.awsRole",
// what the first says that says anything, in the order of the map's keys, or of lists all of them; a map at the end gives
// its keys. Field panics where a row has no such field.
func Field[T any](path, doc string) Property[T] {
	of := reflect.TypeFor[T]()
	var steps []int
	var name string
	inList := false
	for name = range strings.SplitSeq(path, ".") {
		for of.Kind() != reflect.Struct {
			inList = inList || of.Kind() == reflect.Slice
			of = of.Elem()
		}
		f, found := of.FieldByNameFunc(func(field string) bool { return strings.EqualFold(field, name) })
		if !found {
			panic(fmt.Sprintf("%v has no field %s", reflect.TypeFor[T](), path))
		}
		steps, of = append(steps, f.Index...), f.Type
	}
	switch {
	case of == reflect.TypeFor[string]() && len(steps) == 1:
		return Text(name, doc, own[T, string](steps[0]))
	case of == reflect.TypeFor[s1.Flag]() && len(steps) == 1:
		return Flag(name, doc, own[T, s1.Flag](steps[0]))
	case of == reflect.TypeFor[s1.Int]() && len(steps) == 1:
		return Whole(name, doc, own[T, s1.Int](steps[0]))
	case of == reflect.TypeFor[s1.Time]() && len(steps) == 1:
		return Moment(name, doc, own[T, s1.Time](steps[0]))
	case of.Kind() == reflect.String && inList:
		return Set(name, doc, allOf[T](steps, func(v reflect.Value) []string { return []string{v.String()} }))
	case of.Kind() == reflect.String:
		return Text(name, doc, firstOf[T](steps, reflect.Value.String))
	case of == reflect.TypeFor[s1.Flag]():
		return Flag(name, doc, firstOf[T](steps, func(v reflect.Value) s1.Flag { return s1.Flag(v.Uint()) }))
	case of == reflect.TypeFor[s1.Int]():
		return Whole(name, doc, firstOf[T](steps, func(v reflect.Value) s1.Int { return v.Interface().(s1.Int) }))
	case of == reflect.TypeFor[s1.Time]():
		return Moment(name, doc, firstOf[T](steps, func(v reflect.Value) s1.Time { return s1.Time(v.Int()) }))
	case of.Kind() == reflect.Map:
		return Set(name, doc, allOf[T](steps, keysOf))
	case of.ConvertibleTo(listOfStrings):
		return Set(name, doc, allOf[T](steps, func(v reflect.Value) []string { return v.Convert(listOfStrings).Interface().([]string) }))
	}
	panic(fmt.Sprintf("%s of %v is a %v, which no property holds", path, reflect.TypeFor[T](), of))
}

// own reads a field of the row itself, as most are. That takes a fraction of the time of a path through its parts.
func own[T, F any](field int) func(*T) F {
	return func(row *T) F { return *reflect.ValueOf(row).Elem().Field(field).Addr().Interface().(*F) }
}

var listOfStrings = reflect.TypeFor[[]string]()

// firstOf reads the first known one of the fields that steps lead to.
func firstOf[T any, F comparable](steps []int, read func(reflect.Value) F) func(*T) F {
	return func(row *T) (value F) {
		var unknown F
		eachField(reflect.ValueOf(row), steps, func(field reflect.Value) bool {
			value = read(field)
			return value == unknown
		})
		return value
	}
}

// allOf puts together what the fields hold that steps lead to.
func allOf[T any](steps []int, read func(reflect.Value) []string) func(*T) []string {
	return func(row *T) (list []string) {
		eachField(reflect.ValueOf(row), steps, func(field reflect.Value) bool {
			list = append(list, read(field)...)
			return true
		})
		return list
	}
}

// eachField calls visit with the fields that steps lead to from v, until it returns false, and says whether it never did.
func eachField(v reflect.Value, steps []int, visit func(reflect.Value) bool) bool {
	if len(steps) == 0 {
		return visit(v)
	}
	switch v.Kind() {
	case reflect.Pointer:
		return v.IsNil() || eachField(v.Elem(), steps, visit)
	case reflect.Slice:
		for i := range v.Len() {
			if !eachField(v.Index(i), steps, visit) {
				return false
			}
		}
		return true
	case reflect.Map:
		for _, key := range keysOf(v) {
			if !eachField(v.MapIndex(reflect.ValueOf(key)), steps, visit) {
				return false
			}
		}
		return true
	}
	return eachField(v.Field(steps[0]), steps[1:], visit)
}

// keysOf are the keys of a map, sorted.
func keysOf(v reflect.Value) []string {
	var keys []string
	for _, key := range v.MapKeys() {
		keys = append(keys, key.String())
	}
	slices.Sort(keys)
	return keys
}

package graph

import (
	"errors"
	"fmt"
	"regexp"
)

// validName is what a type, a class or a step may be called. Such names become parts of statements and of paths, where no
// quoting is relied on: Neo4j turns \u0060 into the backtick that ends a quoted name before it parses a statement.
var validName = regexp.MustCompile(`^[A-Za-z0-9_]{1,100}$`)

// CheckName says what is wrong with the name of a type, a class or a step.
func CheckName(text string) error {
	if validName.MatchString(text) {
		return nil
	}
	return fmt.Errorf("%.100q is not a name: it must be 1 to 100 of the letters A to Z and a to z, digits and _", text)
}

// Check says what is wrong with the names of a type, a line each.
func (t *Type) Check() error {
	var faults []error
	check := func(what, text string) {
		if err := CheckName(text); err != nil {
			faults = append(faults, fmt.Errorf("type %.100q: %s: %w", t.Name, what, err))
		}
	}
	check("name", t.Name)
	check("class", t.Class)
	check("step", t.Step)
	if t.Relationship {
		check("from", t.From)
		check("to", t.To)
	}
	return errors.Join(faults...)
}

// CheckTypes says what is wrong with the names of types, a line each. A type that is not there is a fault too.
func CheckTypes(types []*Type) error {
	var faults []error
	for i, t := range types {
		if t == nil {
			faults = append(faults, fmt.Errorf("type number %d is not there", i+1))
			continue
		}
		faults = append(faults, t.Check())
	}
	return errors.Join(faults...)
}

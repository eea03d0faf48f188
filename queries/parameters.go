package queries

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Parameter is what a person may say to make a question theirs.
type Parameter struct {
	Name    string
	Type    Type
	Default string // as a person would give it, or Required, or Null
	Doc     string // one sentence
}

// Defaults that are no values: a parameter must be given, or is null if it is not.
const (
	Required = "required"
	Null     = "null"
)

// Type is what a parameter is, and how it is written.
type Type string

// The types of parameters, and what they are in Cypher.
const (
	String  Type = "string"
	Strings Type = "strings" // joined with commas; LIST<STRING>
	Integer Type = "integer" // 0 to 2,147,483,647
	Number  Type = "number"  // with or without decimals; FLOAT
	Boolean Type = "boolean" // true or false
	Moment  Type = "moment"  // now, 7d or 36h before now, 2026-11-20, 2026-11-20T18:00:00Z; INTEGER, milliseconds since 1970 UTC
)

// parsers make a value of a text. An error says what the text must be.
var parsers = map[Type]func(text string, now time.Time) (any, error){
	String:  func(text string, _ time.Time) (any, error) { return text, nil },
	Strings: func(text string, _ time.Time) (any, error) { return strings.Split(text, ","), nil },
	Integer: parseInteger,
	Number:  parseNumber,
	Boolean: parseBoolean,
	Moment:  parseMoment,
}

// Arguments are the values of all parameters, ready for Neo4j: those that are given, by name, and defaults
// for the others. now is what moments are counted from. An error has all that is wrong, a line each.
func (q *Question) Arguments(given map[string]string, now time.Time) (map[string]any, error) {
	arguments := map[string]any{}
	var faults []error
	for _, p := range q.Parameters {
		text, isGiven := given[p.Name]
		if !isGiven {
			text = p.Default
		}
		switch {
		case isGiven || text != Required && text != Null:
			value, err := parsers[p.Type](text, now)
			if err != nil {
				faults = append(faults, fmt.Errorf("%s: must be %w, not %q", p.Name, err, text))
			}
			arguments[p.Name] = value
		case text == Required:
			faults = append(faults, fmt.Errorf("%s: must be given: %s", p.Name, p.Doc))
		default:
			arguments[p.Name] = nil
		}
	}
	for _, name := range slices.Sorted(maps.Keys(given)) {
		if !slices.ContainsFunc(q.Parameters, func(p Parameter) bool { return p.Name == name }) {
			faults = append(faults, fmt.Errorf("%s: %s has no such parameter; it has %s", name, q.Name, strings.Join(q.parameterNames(), ", ")))
		}
	}
	if len(faults) > 0 {
		return nil, errors.Join(faults...)
	}
	return arguments, nil
}

func (q *Question) parameterNames() []string {
	var names []string
	for _, p := range q.Parameters {
		names = append(names, p.Name)
	}
	return names
}

func parseInteger(text string, _ time.Time) (any, error) {
	n, err := strconv.ParseInt(text, 10, 32)
	if err != nil || n < 0 {
		return nil, errors.New("a whole number such as 14")
	}
	return n, nil
}

func parseNumber(text string, _ time.Time) (any, error) {
	x, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsNaN(x) || math.IsInf(x, 0) {
		return nil, errors.New("a number such as 7.5")
	}
	return x, nil
}

func parseBoolean(text string, _ time.Time) (any, error) {
	switch text {
	case "true", "false":
		return text == "true", nil
	}
	return nil, errors.New("true or false")
}

func parseMoment(text string, now time.Time) (any, error) {
	at, err := ParseMoment(text, now)
	return at.UnixMilli(), err
}

// ParseMoment reads a moment as people write it: now, so long before now as 7d or 36h, or a time such as 2026-11-20 or
// 2026-11-20T18:00:00Z. A day begins at midnight UTC.
func ParseMoment(text string, now time.Time) (time.Time, error) {
	if text == "now" {
		return now, nil
	}
	if number, inDays := strings.CutSuffix(text, "d"); inDays {
		if days, err := strconv.ParseUint(number, 10, 16); err == nil {
			return now.Add(-time.Duration(days) * 24 * time.Hour), nil
		}
	}
	if before, err := time.ParseDuration(text); err == nil && before >= 0 {
		return now.Add(-before), nil
	}
	for _, layout := range []string{time.DateOnly, time.RFC3339, "2006-01-02T15:04Z07:00"} {
		if at, err := time.Parse(layout, text); err == nil {
			return at, nil
		}
	}
	return time.Time{}, errors.New("now, a duration such as 7d or 36h, or a time such as 2026-11-20 or 2026-11-20T18:00:00Z")
}

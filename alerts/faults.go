package alerts

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"
)

// problems are what CEL found wrong, in our words where they say more.
func problems(issues *cel.Issues, tree ast.Expr, s *schema) []string {
	var all []string
	for _, e := range issues.Errors() {
		detail := strings.ReplaceAll(e.Message, " (in container '')", "")
		if m := undefinedField.FindStringSubmatch(detail); m != nil && s != nil {
			detail = s.explain(m[1])
		}
		if m := undeclared.FindStringSubmatch(detail); m != nil {
			detail = m[1] + " is not known in conditions" + orRather(m[1], []string{"change", "entity", "run", "now", "instance", "days", "hours", "rank"})
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
	return fmt.Sprintf("%s has no property %s%s", s.names[in], field, orRather(field, known))
}

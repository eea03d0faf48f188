package alerts

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"text/template"

	"s1graph/harmless"
)

// A template says so many bytes at most, and does so much for it: each turn of a loop and each template that it calls costs
// a step, and what a function makes costs its length. It is counted, not timed, so that a template that is good is so on a
// slow machine too.
const (
	maxOutput   = 64 << 10
	maxWork     = 1 << 20
	costOfAStep = 1 << 8
)

var (
	errEnough  = errors.New("it has said enough")
	errTooLong = fmt.Errorf("it says or does too much: %d turns of loops and calls of templates are the most, and no value is printed wider than 999 characters", maxWork/costOfAStep)
)

// oneStep calls step. It is put at the beginning of each loop's body and of each template.
var oneStep = template.Must(template.New("").Funcs(functions).Parse("{{step}}")).Root.Nodes[0]

// bounds takes what one template says, and ends it where that is too much.
type bounds struct {
	out  strings.Builder
	left int
}

func (b *bounds) Write(p []byte) (int, error) {
	if b.out.Len() > maxOutput {
		return 0, errEnough
	}
	return b.out.Write(p)
}

func (b *bounds) spend(n int) error {
	if b.left -= n; b.left < 0 {
		return errTooLong
	}
	return nil
}

// functions stand for those of text/template that make texts: they could make one that fills the memory, of a name that is
// used as a format too.
func (b *bounds) functions() template.FuncMap {
	bounded := func(of func(...any) string) func(...any) (string, error) {
		return func(values ...any) (string, error) {
			for i, value := range values {
				if s, isText := value.(string); isText {
					values[i] = harmless.Cut(s, maxText)
				}
			}
			made := of(values...)
			return harmless.Cut(made, maxText), b.spend(len(made))
		}
	}
	format := func(values ...any) string { return fmt.Sprintf(values[0].(string), values[1:]...) }
	return template.FuncMap{
		"step":     func() (string, error) { return "", b.spend(costOfAStep) },
		"print":    bounded(fmt.Sprint),
		"println":  bounded(fmt.Sprintln),
		"html":     bounded(template.HTMLEscaper),
		"js":       bounded(template.JSEscaper),
		"urlquery": bounded(template.URLQueryEscaper),
		"printf": func(text string, values ...any) (string, error) {
			if wide.MatchString(text) {
				return "", errTooLong
			}
			return bounded(format)(append([]any{text}, values...)...)
		},
	}
}

// wide finds a verb that prints a value with a width or precision that is not small, or is a value itself.
var wide = regexp.MustCompile(`%[^a-zA-Z%]*(?:\*|[0-9]{4})`)

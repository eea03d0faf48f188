package queries

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
)

// Parse reads a question from the text of its file: a comment that is laid out as below, an empty line and
// the statement. An error has all that is wrong, a line each.
//
//	// Title
//	//
//	// Description, which may have
//	// several lines.
//	//
//	// Parameters:
//	//   name  type  default  What it says.
//	//
//	// Columns:
//	//   name  What it is.
//
// Between the parts of a parameter and of a column stand two blanks or more. A default is what a person
// would give, null for nothing, or required.
func Parse(name, text string) (Question, error) {
	q := Question{Name: name}
	var header []string
	lines := strings.Split(text, "\n")
	for len(lines) > 0 && strings.HasPrefix(lines[0], "//") {
		header = append(header, strings.TrimPrefix(strings.TrimPrefix(lines[0], "//"), " "))
		lines = lines[1:]
	}
	q.Cypher = strings.TrimSpace(strings.Join(lines, "\n"))
	faults := q.readHeader(header)
	if len(faults) == 0 {
		faults = q.check()
	}
	for i, fault := range faults {
		faults[i] = fmt.Errorf("%s.cypher: %w", name, fault)
	}
	return q, errors.Join(faults...)
}

func (q *Question) readHeader(header []string) (faults []error) {
	blocks := split(header)
	if len(blocks) != 4 || len(blocks[0]) != 1 || blocks[2][0] != "Parameters:" || blocks[3][0] != "Columns:" {
		return []error{errors.New("the comment before the statement must be a title, a description, Parameters: and Columns:, with an empty line between them")}
	}
	q.Title = blocks[0][0]
	q.Description = strings.Join(blocks[1], " ")
	for _, line := range blocks[2][1:] {
		p, err := parseParameter(line)
		if err != nil {
			faults = append(faults, err)
		}
		q.Parameters = append(q.Parameters, p)
	}
	for _, line := range blocks[3][1:] {
		c, err := parseColumn(line)
		if err != nil {
			faults = append(faults, err)
		}
		q.Columns = append(q.Columns, c)
	}
	return faults
}

// split divides lines at the empty ones.
func split(lines []string) (blocks [][]string) {
	for block := range strings.SplitSeq(strings.Join(lines, "\n"), "\n\n") {
		if block = strings.Trim(block, "\n"); block != "" {
			blocks = append(blocks, strings.Split(block, "\n"))
		}
	}
	return blocks
}

var (
	parameterLine = regexp.MustCompile(`^  ([a-z]\w*) {2,}([a-z]+) {2,}(\S+) {2,}(\S.*\.)$`)
	columnLine    = regexp.MustCompile(`^  ([a-z]\w*) {2,}(\S.*\.)$`)
	used          = regexp.MustCompile(`\$(\w+)`)
)

func parseParameter(line string) (Parameter, error) {
	parts := parameterLine.FindStringSubmatch(line)
	if parts == nil {
		return Parameter{}, fmt.Errorf("a parameter must read `name  type  default  What it says.`, not %q", strings.TrimSpace(line))
	}
	p := Parameter{Name: parts[1], Type: Type(parts[2]), Default: parts[3], Doc: parts[4]}
	if _, known := parsers[p.Type]; !known {
		return p, fmt.Errorf("%s: there is no type %s", p.Name, p.Type)
	}
	if p.Default == Required || p.Default == Null {
		return p, nil
	}
	if _, err := parsers[p.Type](p.Default, time.Now()); err != nil {
		return p, fmt.Errorf("%s: the default must be %w, not %q", p.Name, err, p.Default)
	}
	return p, nil
}

func parseColumn(line string) (Column, error) {
	parts := columnLine.FindStringSubmatch(line)
	if parts == nil {
		return Column{}, fmt.Errorf("a column must read `name  What it is.`, not %q", strings.TrimSpace(line))
	}
	return Column{Name: parts[1], Doc: parts[2]}, nil
}

// check holds the statement against the parameters.
func (q *Question) check() (faults []error) {
	if q.Cypher == "" {
		faults = append(faults, errors.New("there is no statement"))
	}
	var names []string
	for _, match := range used.FindAllStringSubmatch(q.Cypher, -1) {
		names = append(names, match[1])
	}
	for _, p := range q.Parameters {
		if !slices.Contains(names, p.Name) {
			faults = append(faults, fmt.Errorf("%s: the statement does not use it", p.Name))
		}
	}
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		if !slices.ContainsFunc(q.Parameters, func(p Parameter) bool { return p.Name == name }) {
			faults = append(faults, fmt.Errorf("$%s: there is no such parameter", name))
		}
	}
	return faults
}

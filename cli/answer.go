package cli

import (
	"encoding/csv"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/neo4j/neo4j-go-driver/v5/neo4j"
	"github.com/urfave/cli/v2"

	"s1graph/harmless"
	"s1graph/queries"
)

// answer prints the rows of a statement in one form.
type answer interface {
	queries.Receiver
	end() error // prints what is left
	count() int // of the rows
}

func (c *commands) answer(ctx *cli.Context) answer {
	switch {
	case ctx.Bool("json"):
		return &jsonAnswer{screen: c.out}
	case ctx.Bool("csv"):
		return &csvAnswer{screen: c.out, to: csv.NewWriter(c.out)}
	}
	return &tableAnswer{screen: c.out}
}

// firstRows ends a statement with errEnough behind so many rows, if they are not 0.
type firstRows struct {
	answer
	most int64
}

var errEnough = errors.New("there are enough rows")

func (f *firstRows) Row(values []any) error {
	if f.most > 0 && int64(f.count()) == f.most {
		return errEnough
	}
	return f.answer.Row(values)
}

// limitFlag is the flag that says how many of something are printed at most; byDefault is how many that are without it.
func limitFlag(of, byDefault string) cli.Flag {
	return &cli.Int64Flag{Name: "limit", Usage: "at most this `NUMBER` of " + of + "; 0: all", DefaultText: byDefault}
}

// limitOf is what the flag says; 0: all.
func limitOf(ctx *cli.Context) (int64, error) {
	limit := ctx.Int64("limit")
	if limit < 0 {
		return 0, misuse("--limit must be 0 or greater")
	}
	return limit, nil
}

// jsonAnswer prints an object a row, with its members in the order of the columns.
type jsonAnswer struct {
	*screen
	columns []string
	rows    int
}

func (a *jsonAnswer) Columns(names []string) error { a.columns = names; return nil }

func (a *jsonAnswer) Row(values []any) error {
	a.rows++
	line := []byte{'{'}
	for i, value := range values {
		if i > 0 {
			line = append(line, ',')
		}
		line, _ = jsontext.AppendQuote(line, a.columns[i]) // the error says that it was not UTF-8, which is mended
		line = append(line, ':')
		line = append(line, toJSON(value)...)
	}
	return a.jsonText(append(line, '}'))
}

func (a *jsonAnswer) end() error { return nil }
func (a *jsonAnswer) count() int { return a.rows }

// csvAnswer prints as RFC 4180 has it. A cell is one line of printable text that no spreadsheet takes for
// a formula: who names a computer or a file must not be able to run something on the analyst's.
type csvAnswer struct {
	*screen
	to   *csv.Writer
	rows int
}

func (a *csvAnswer) Columns(names []string) error {
	return a.to.Write(namesOf(names, harmless.Cell))
}

func (a *csvAnswer) Row(values []any) error {
	a.rows++
	record := make([]string, len(values))
	for i, value := range values {
		if record[i] = toText(value); !isNumber(value) {
			record[i] = harmless.Cell(record[i])
		}
	}
	return a.to.Write(record)
}

func (a *csvAnswer) end() error { a.to.Flush(); return a.to.Error() }
func (a *csvAnswer) count() int { return a.rows }

// tableAnswer keeps all rows until the end, as the widths of the columns depend on them.
type tableAnswer struct {
	*screen
	columns []string
	rows    [][]any
}

func (a *tableAnswer) Columns(names []string) error { a.columns = names; return nil }
func (a *tableAnswer) Row(values []any) error       { a.rows = append(a.rows, values); return nil }
func (a *tableAnswer) count() int                   { return len(a.rows) }

func (a *tableAnswer) end() error {
	if len(a.rows) == 0 {
		a.line("No rows.")
		return nil
	}
	header := make([]string, len(a.columns))
	numeric := make([]bool, len(a.columns))
	for i, name := range a.columns {
		header[i], numeric[i] = a.clip(name), a.isNumeric(i)
	}
	isCut := false
	cells := make([][]any, len(a.rows))
	for r, row := range a.rows {
		cells[r] = make([]any, len(row))
		for i, value := range row {
			whole := harmless.Text(toText(value))
			cell := a.clip(whole)
			isCut = isCut || cell != whole
			if cells[r][i] = cell; numeric[i] {
				cells[r][i] = number(cell)
			}
		}
	}
	a.table(header, cells)
	if isCut {
		a.line("%s", a.paint(faint, "Long cells are cut. --json or --csv shows them whole."))
	}
	return nil
}

// number is a cell that stands to the right.
type number string

func (a *tableAnswer) isNumeric(column int) bool {
	return !slices.ContainsFunc(a.rows, func(row []any) bool { return row[column] != nil && !isNumber(row[column]) })
}

func isNumber(value any) bool {
	switch value.(type) {
	case int64, float64:
		return true
	}
	return false
}

// toText is a value as people read it; nothing is "". It is not escaped yet.
func toText(value any) string {
	switch v := value.(type) {
	case nil:
		return ""
	case string:
		return v
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	case time.Time:
		return v.Format(time.RFC3339)
	case []any:
		parts := make([]string, len(v))
		for i, element := range v {
			parts[i] = toText(element)
		}
		return strings.Join(parts, ", ")
	case map[string]any, neo4j.Node, neo4j.Relationship, neo4j.Path, []byte:
		return string(toJSON(v))
	}
	return fmt.Sprint(value) // whole numbers, booleans, and dates and durations as Cypher writes them
}

// toJSON is a value of Neo4j's as JSON.
func toJSON(value any) []byte {
	b, err := json.Marshal(plain(value), json.Deterministic(true), jsontext.AllowInvalidUTF8(true))
	if err != nil {
		b, _ = json.Marshal(fmt.Sprint(value), jsontext.AllowInvalidUTF8(true))
	}
	return b
}

// plain makes of a value of Neo4j's what JSON can say: maps of graph elements, texts of what is no number.
func plain(value any) any {
	switch v := value.(type) {
	case nil, string, bool, int64, []byte:
		return v
	case float64:
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return fmt.Sprint(v)
		}
		return v
	case time.Time:
		return v.Format(time.RFC3339Nano)
	case []any:
		list := make([]any, len(v))
		for i, element := range v {
			list[i] = plain(element)
		}
		return list
	case map[string]any:
		m := make(map[string]any, len(v))
		for name, element := range v {
			m[name] = plain(element)
		}
		return m
	case neo4j.Node:
		return map[string]any{"labels": slices.Sorted(slices.Values(v.Labels)), "properties": plain(v.Props)}
	case neo4j.Relationship:
		return map[string]any{"type": v.Type, "properties": plain(v.Props)}
	case neo4j.Path:
		return plain(pathElements(v))
	}
	return fmt.Sprint(value)
}

// pathElements are a path's nodes, with the relationships between them.
func pathElements(p neo4j.Path) []any {
	var elements []any
	for i, node := range p.Nodes {
		if i > 0 {
			elements = append(elements, p.Relationships[i-1])
		}
		elements = append(elements, node)
	}
	return elements
}

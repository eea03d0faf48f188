package cli

import (
	"fmt"
	"slices"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"

	"s1graph/harmless"
)

// table prints rows under a header. Columns whose cells are numbers are aligned to the right. On a terminal the table is
// no wider than that: long cells are wrapped, and where even that is not enough each row is printed as a block, a cell a
// line. Elsewhere each row is one line, and nothing is wrapped.
func (s *screen) table(header []string, rows [][]any) {
	cells := make([][]string, len(rows))
	for i, row := range rows {
		cells[i] = make([]string, len(header))
		for j, cell := range row {
			cells[i][j] = fmt.Sprint(cell)
		}
	}
	widths, fits := s.columnWidths(header, cells)
	if !fits {
		s.blocks(header, cells)
		return
	}
	t := table.NewWriter()
	style := table.StyleRounded
	if !s.isTerminal() {
		style = plainTable
	}
	style.Format.Header = text.FormatDefault
	t.SetStyle(style)
	t.SuppressTrailingSpaces()
	columns := make([]table.ColumnConfig, len(header))
	head := make(table.Row, len(header))
	for i, name := range header {
		if s.isTerminal() {
			name = s.paint(bold, wrapped(name, widths[i]))
		} else {
			name = strings.ToUpper(name)
		}
		head[i] = name
		columns[i] = table.ColumnConfig{Number: i + 1}
		if len(rows) > 0 && !isText(rows[0][i]) {
			columns[i].Align, columns[i].AlignHeader = text.AlignRight, text.AlignRight
		}
	}
	t.SetColumnConfigs(columns)
	t.AppendHeader(head)
	for _, row := range cells {
		line := make(table.Row, len(row))
		for i, cell := range row {
			if line[i] = cell; s.isTerminal() {
				line[i] = wrapped(cell, widths[i])
			}
		}
		t.AppendRow(line)
	}
	s.line("%s", t.Render())
}

// counted is a row of a table: what it is of, and counts.
type counted struct {
	of     []any
	counts []int64
}

// countedTable prints rows of counts, without the columns that are 0 in all of them.
func (s *screen) countedTable(header []string, rows []counted) {
	if len(rows) == 0 {
		return
	}
	var columns []int
	head := header[:len(rows[0].of)]
	for i := range rows[0].counts {
		if slices.ContainsFunc(rows, func(r counted) bool { return r.counts[i] != 0 }) {
			columns = append(columns, i)
			head = append(head[:len(head):len(head)], header[len(rows[0].of)+i])
		}
	}
	var cells [][]any
	for _, row := range rows {
		cell := row.of
		for _, i := range columns {
			cell = append(cell, row.counts[i])
		}
		cells = append(cells, cell)
	}
	s.table(head, cells)
}

// columnWidths are how many columns of the terminal each column of a table takes: as many as it wants or, where all want more
// than there is, less for the widest. Words are broken only where wrapping between words does not do, and only those that are
// longer than longestWord. A column in which each word would stand alone cannot be read: the table does not fit then.
func (s *screen) columnWidths(header []string, rows [][]string) (widths []int, fits bool) {
	const leastOfText, longestWord, border = 12, 20, len("|  ")
	wanted, least := make([]int, len(header)), make([]int, len(header))
	for i, name := range header {
		words := strings.Fields(name)
		wanted[i] = text.StringWidth(name)
		for _, row := range rows {
			wanted[i] = max(wanted[i], text.LongestLineLen(row[i]))
			words = append(words, strings.Fields(row[i])...)
		}
		least[i] = min(wanted[i], leastOfText)
		for _, word := range words {
			least[i] = max(least[i], text.StringWidthWithoutEscSequences(word))
		}
	}
	if !s.isTerminal() {
		return wanted, true
	}
	room := s.columns() - border*len(header) - 1
	if widths, fits = narrowed(wanted, least, room); !fits {
		for i := range least {
			least[i] = min(least[i], longestWord)
		}
		widths, fits = narrowed(wanted, least, room)
	}
	return widths, fits
}

// narrowed takes from the widest columns until all have room, and leaves each its least.
func narrowed(wanted, least []int, room int) (widths []int, fits bool) {
	widths = slices.Clone(wanted)
	total := 0
	for _, width := range widths {
		total += width
	}
	for ; total > room; total-- {
		widest := -1
		for i := range widths {
			if widths[i] > least[i] && (widest < 0 || widths[i] > widths[widest]) {
				widest = i
			}
		}
		if widest < 0 {
			return widths, false
		}
		widths[widest]--
	}
	return widths, true
}

// blocks prints rows one under another, each cell on a line of its own behind the name of its column. Empty cells are left
// out.
func (s *screen) blocks(header []string, rows [][]string) {
	widest := 0
	for _, name := range header {
		widest = max(widest, text.StringWidth(name))
	}
	beside := min(widest, s.columns()/3) + len("  ")
	for i, row := range rows {
		if i > 0 {
			s.line("")
		}
		for j, cell := range row {
			if cell != "" {
				s.labelled(header[j], cell, beside)
			}
		}
	}
}

// labelled prints a text behind a label that takes so many columns. On a terminal the text is wrapped, beside the label.
func (s *screen) labelled(label, text string, beside int) {
	s.line("%s%s", s.paint(bold, padded(label, beside)), strings.ReplaceAll(s.wrap(text, beside), "\n", "\n"+strings.Repeat(" ", beside)))
}

// indented is a text that is wrapped where the screen is a terminal, with what does not fit the first line further to the right.
func (s *screen) indented(text string, by int) string {
	const further = 4
	indent := strings.Repeat(" ", by)
	return indent + strings.ReplaceAll(s.wrap(text, by+further), "\n", "\n"+indent+strings.Repeat(" ", further))
}

// sentence prints text that is wrapped where the screen is a terminal.
func (s *screen) sentence(format string, args ...any) {
	s.line("%s", s.wrap(fmt.Sprintf(format, args...), 0))
}

// padded is a label that takes so many columns, with at least one blank at its end.
func padded(label string, columns int) string {
	return text.Pad(text.Snip(label, columns-1, "…"), columns, ' ')
}

// wrap breaks a text between words so that it fits beside so many columns, where the screen is a terminal.
func (s *screen) wrap(t string, beside int) string {
	if !s.isTerminal() {
		return t
	}
	return wrapped(t, max(20, s.columns()-beside))
}

// wrapped breaks the lines of a text between words, and words that are longer than a line. go-pretty has such functions, but
// they part letters from their accents, and let wide characters stand out.
func wrapped(t string, width int) string {
	var b strings.Builder
	for i, line := range strings.Split(t, "\n") {
		if i > 0 {
			b.WriteByte('\n')
		}
		if text.StringWidthWithoutEscSequences(line) <= width {
			b.WriteString(line)
			continue
		}
		used, blanks := 0, 0
		for word := range strings.SplitSeq(line, " ") {
			if word == "" {
				blanks++
				continue
			}
			long := text.StringWidthWithoutEscSequences(word)
			switch {
			case used > 0 && used+blanks+long > width:
				b.WriteByte('\n')
				used = 0
			case used > 0:
				b.WriteString(strings.Repeat(" ", blanks))
				used += blanks
			}
			blanks = 1
			if long <= width {
				b.WriteString(word)
				used += long
				continue
			}
			for _, r := range word {
				if used+text.RuneWidth(r) > width {
					b.WriteByte('\n')
					used = 0
				}
				b.WriteRune(r)
				used += text.RuneWidth(r)
			}
		}
	}
	return b.String()
}

func isText(cell any) bool {
	_, ok := cell.(string)
	return ok
}

// plainTable has columns and nothing between them but blanks.
var plainTable = table.Style{
	Name:    "plain",
	Box:     table.BoxStyle{PaddingRight: "  "},
	Format:  table.FormatOptionsDefault,
	Options: table.OptionsNoBordersAndSeparators,
}

// lines is a harmless text of several lines, which stand below each other on a terminal alone.
func (s *screen) lines(t string) string {
	between := "\n"
	if !s.isTerminal() {
		between = "; "
	}
	return strings.Join(namesOf(strings.Split(strings.TrimSpace(t), "\n"), harmless.Text), between)
}

// clip makes a text harmless, and on a terminal cuts one that is longer than a line can take.
func (s *screen) clip(t string) string {
	t = harmless.Text(t)
	if s.isTerminal() {
		t = text.Snip(t, 100, "…")
	}
	return t
}

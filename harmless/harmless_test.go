package harmless_test

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"s1graph/harmless"
)

func TestWhatIsNotPrintableIsShownAsItsCode(t *testing.T) {
	for text, want := range map[string]string{
		"":                   "",
		"Müller-PC 日本 🦊":     "Müller-PC 日本 🦊",
		"\x1b[2Jgone":        `\x1b[2Jgone`,
		"two\nlines\r\t":     `two\nlines\r\t`,
		"evil\u202etxt.exe":  `evil\u202etxt.exe`,
		"no width\u200b":     `no width\u200b`,
		"\u0915\u094d\u200d": "\u0915\u094d\u200d", // a joiner, without which it is another letter
		"\xff\xfe":           `\xff\xfe`,
		"\ufffd":             `\ufffd`,
	} {
		assert.Equal(t, want, harmless.Text(text))
	}
}

func TestATextIsCutByItsCharacters(t *testing.T) {
	assert.Equal(t, "日本語", harmless.Cut("日本語", 3))
	assert.Equal(t, "日…", harmless.Cut("日本語", 2))
}

// cells are what a cell must look like of names that would be formulas, and of names that would not.
var cells = map[string]string{
	"":             "",
	"LAPTOP-1":     "LAPTOP-1",
	"a=b, c-d":     "a=b, c-d",
	"=1+1":         "'=1+1",
	"+1":           "'+1",
	"-1":           "'-1",
	"@SUM(1)":      "'@SUM(1)",
	"＝1":           "'＝1",
	"﹦1":           "'﹦1",
	"\t=1":         `'\t=1`,
	"\tname":       `'\tname`,
	"\rname":       `'\rname`,
	"\n=1":         `'\n=1`,
	" =1":          "' =1",
	" \t x":        `' \t x`,
	"\u00a0=1":     `'\u00a0=1`,
	"\u200d=1":     "'\u200d=1",
	`"=1"`:         `'"=1"`,
	"'=1":          "''=1",
	"a;=1":         "a;'=1",
	"a; \"=1":      `a;' "=1`,
	"a;\tname":     `a;'\tname`,
	"a;\rname":     `a;'\rname`,
	"a;\u200d=1":   "a;'\u200d=1",
	"a|=1":         "a|'=1",
	"a\t=1":        `a\t=1`, // its tab is no separator any more
	"a;b|c":        "a;b|c",
	"=1;=2;=3":     "'=1;'=2;'=3",
	"Müller 日本; 🦊": "Müller 日本; 🦊",
}

func TestNoSpreadsheetFindsAFormulaInACell(t *testing.T) {
	for text, want := range cells {
		assert.Equal(t, want, harmless.Cell(text), "%q", text)
		assertNoFormula(t, text)
	}
}

// assertNoFormula reads a line of CSV as spreadsheets do that take one or another character for the separator.
func assertNoFormula(t *testing.T, text string) {
	t.Helper()
	var line strings.Builder
	w := csv.NewWriter(&line)
	require.NoError(t, w.Write([]string{"before", harmless.Cell(text), "behind"}))
	w.Flush()
	require.Equal(t, 1, strings.Count(line.String(), "\n"), "%q", text)
	for _, separator := range ",;|\t" {
		read := csv.NewReader(strings.NewReader(line.String()))
		read.Comma, read.LazyQuotes, read.FieldsPerRecord = separator, true, -1
		row, err := read.Read()
		require.NoError(t, err, "%q", text)
		for _, cell := range row {
			cell = strings.TrimLeftFunc(cell, func(r rune) bool { return unicode.IsSpace(r) || strings.ContainsRune("\"\u200c\u200d", r) })
			assert.NotRegexp(t, `^[=+\-@＝＋－＠﹦﹢﹣﹫]`, cell, "%q, where %q separates", text, separator)
		}
		if separator == ',' {
			require.Len(t, row, 3)
			assert.NotRegexp(t, `^[\s\pZ]*\\[tr]`, row[1], "%q", text)
		}
	}
}

func FuzzCell(f *testing.F) {
	for text := range cells {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		assertNoFormula(t, text)
		assertShown(t, harmless.Cell(text))
	})
}

func FuzzText(f *testing.F) {
	for _, text := range []string{"", "Müller-PC 日本 🦊", "\x1b[2J", "two\nlines", "\u202etxt", "\xff\ufffd", "\u0915\u094d\u200d", "\U000e0041"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		shown := harmless.Text(text)
		assertShown(t, shown)
		assert.Equal(t, shown, harmless.Text(shown), "what is shown is not changed again")
	})
}

func FuzzJSON(f *testing.F) {
	for text := range cells {
		f.Add(text)
	}
	f.Add("\x1b\u202e\U000e0041\\\"")
	f.Fuzz(func(t *testing.T, text string) {
		if !utf8.ValidString(text) {
			return // no JSON
		}
		encoded, err := json.Marshal(text)
		require.NoError(t, err)
		shown := harmless.JSON(encoded)
		assertShown(t, string(shown))
		var again string
		require.NoError(t, json.Unmarshal(shown, &again))
		assert.Equal(t, text, again, "it means the same")
	})
}

func assertShown(t *testing.T, text string) {
	t.Helper()
	for _, r := range text {
		assert.True(t, unicode.IsPrint(r) && r != unicode.ReplacementChar || r == '\u200c' || r == '\u200d', "%U in %q", r, text)
	}
}

func ExampleCell() {
	fmt.Println(harmless.Cell("=cmd|'/c calc'!A1"))
	// Output:
	// '=cmd|'/c calc'!A1
}

func ExampleText() {
	fmt.Println(harmless.Text("PC-1\x1b[8m\nis infected"))
	// Output:
	// PC-1\x1b[8m\nis infected
}

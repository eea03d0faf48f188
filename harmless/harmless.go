// Package harmless makes text that people can be shown of what an attacker may have written: the names of computers,
// files and users, on a terminal, in a spreadsheet or in a message. What a service would make of it is left to others.
package harmless

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// Text makes one piece of text: what is not printable (control characters, line breaks, the marks that turn the direction
// of writing, what is not UTF-8) is shown as its code, as Go writes it.
func Text(s string) string {
	if !strings.ContainsFunc(s, func(r rune) bool { return !IsPrintable(r) }) {
		return s
	}
	var b strings.Builder
	for i, r := range s {
		switch {
		case r == utf8.RuneError && !strings.HasPrefix(s[i:], "\uFFFD"):
			b.WriteString(`\x` + strconv.FormatUint(uint64(s[i]), 16))
		case !IsPrintable(r):
			quoted := strconv.QuoteRuneToASCII(r)
			b.WriteString(quoted[1 : len(quoted)-1])
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// IsPrintable says whether a character can be shown as it is. So can the joiners, which scripts of India and Persia, and
// emoji, are written with. The one that stands for what is not UTF-8 is none.
func IsPrintable(r rune) bool {
	const nonJoiner, joiner = '\u200c', '\u200d'
	return r != utf8.RuneError && (unicode.IsPrint(r) || r == nonJoiner || r == joiner)
}

// formula finds where a spreadsheet would see the beginning of a formula: at the beginning of a cell, and after what
// separates cells for those that are set to another separator than the comma. Spaces, quotes and joiners before it may be
// dropped, and so may a tab or a carriage return before anything else. U+FE62 and the like are small or wide forms of the signs.
var formula = regexp.MustCompile(`(^|[;|])([\s\pZ"'\x{200c}\x{200d}]*[=+\-@\x{ff1d}\x{ff0b}\x{ff0d}\x{ff20}\x{fe66}\x{fe62}\x{fe63}\x{fe6b}]|[\s\pZ]*[\t\r])`)

// Cell makes a cell of a CSV file: Text, in which no spreadsheet finds a formula. A quote before what would be one makes a
// text of it.
func Cell(s string) string { return Text(formula.ReplaceAllString(s, "$1'$2")) }

// JSON does to JSON what Text does to text: what is not printable can only stand in a string there, and
// means the same as \uXXXX.
func JSON(b []byte) []byte {
	out := make([]byte, 0, len(b))
	for len(b) > 0 {
		r, size := utf8.DecodeRune(b)
		if IsPrintable(r) || r == '\n' {
			out = append(out, b[:size]...)
		} else {
			for _, unit := range utf16.AppendRune(nil, r) {
				out = fmt.Appendf(out, `\u%04x`, unit)
			}
		}
		b = b[size:]
	}
	return out
}

// Cut shortens a text that has more than most characters.
func Cut(s string, most int) string {
	if utf8.RuneCountInString(s) <= most {
		return s
	}
	return string([]rune(s)[:most-1]) + "…"
}

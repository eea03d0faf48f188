package s1

import (
	"bytes"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// scanner goes through JSON; b has a part of it. It takes what is JSON for sure and nothing else; what may go on behind b is
// not taken either, and at is the length of b then.
type scanner struct {
	b       []byte
	at      int
	values  int  // that were taken, as bounds count them
	depth   int  // of lists and objects in one another, below the row
	isPlain bool // the last text was ASCII without escapes
}

// isShort says whether what was not taken may go on behind b.
func (s *scanner) isShort() bool { return s.at == len(s.b) }

// peek is the character that comes behind blanks; 0 where b ends.
func (s *scanner) peek() byte {
	for ; s.at < len(s.b); s.at++ {
		if c := s.b[s.at]; c > ' ' || c != ' ' && c != '\n' && c != '\r' && c != '\t' {
			return c
		}
	}
	return 0
}

// take takes a character, and blanks before it.
func (s *scanner) take(c byte) bool {
	if s.peek() != c {
		return false
	}
	s.at++
	return true
}

// takeAll takes what is expected.
func (s *scanner) takeAll(expected []byte) bool {
	if !bytes.HasPrefix(s.b[s.at:], expected) {
		return false
	}
	s.at += len(expected)
	return true
}

// value takes a value, and blanks before it.
func (s *scanner) value() bool {
	switch s.peek() {
	case '"':
		return s.text()
	case '{':
		return s.each('}', s.member)
	case '[':
		return s.each(']', s.value)
	case 't':
		return s.word("true")
	case 'f':
		return s.word("false")
	case 'n':
		return s.word("null")
	}
	return s.number()
}

func (s *scanner) member() bool {
	return s.peek() == '"' && s.text() && s.take(':') && s.value()
}

// each takes an object or a list, and has take take what stands in it.
func (s *scanner) each(end byte, take func() bool) bool {
	if s.depth++; s.depth > maxPlainDepth {
		return false
	}
	defer func() { s.depth-- }()
	s.at++
	s.values++
	if s.take(end) {
		return true
	}
	for take() {
		if !s.take(',') {
			return s.take(end)
		}
		s.values++
	}
	return false
}

// maxPlainDepth is less than bounds allow: no row that is known has more than 4.
const maxPlainDepth = 50

// text takes a text that is no longer than bounds allow, as far as no more than a row that is plain is held.
func (s *scanner) text() bool {
	from, bits := s.at, byte(0)
	for s.at++; s.at < len(s.b); s.at++ {
		c := s.b[s.at]
		switch bits |= c; {
		case c == '"':
			s.at++
			s.isPlain = bits < 0x80
			return true
		case c < ' ':
			return false
		case c == '\\':
			s.isPlain = false
			return s.escaped(from)
		}
	}
	return false
}

// escaped takes a text that begins at from; a backslash in it comes next.
func (s *scanner) escaped(from int) bool {
	for ; s.at < len(s.b); s.at++ {
		switch s.b[s.at] {
		case '"':
			s.at++
			return s.isJSON(from)
		case '\\':
			if s.at++; s.at == len(s.b) {
				return false
			}
		}
	}
	return false
}

func (s *scanner) number() bool {
	from := s.at
	for s.at < len(s.b) && '0' <= s.b[s.at] && s.b[s.at] <= '9' {
		s.at++
	}
	isSimple := s.at-from == 1 || s.at > from && s.b[from] != '0'
	for s.at < len(s.b) && strings.IndexByte("+-.0123456789Ee", s.b[s.at]) >= 0 {
		s.at++
		isSimple = false
	}
	return !s.isShort() && (isSimple || s.isJSON(from))
}

// isJSON says whether what was taken since from is JSON.
func (s *scanner) isJSON(from int) bool {
	if jsontext.Value(s.b[from:s.at]).IsValid(lenient) {
		return true
	}
	s.at = from
	return false
}

func (s *scanner) word(word string) bool {
	if s.takeAll([]byte(word)) {
		return true
	}
	if rest := s.b[s.at:]; len(rest) < len(word) && word[:len(rest)] == string(rest) {
		s.at = len(s.b)
	}
	return false
}

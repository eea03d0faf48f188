package s1test

import (
	"strconv"
	"unicode/utf8"
)

// object appends JSON. Every field leaves a comma behind, which end turns into the closing brace.
type object struct {
	b     []byte
	nulls bool // every field is null, except those written with id
	novel bool // values are such as the API document does not list: words, fractions, times with an offset
	full  bool // nothing is null or empty
	ascii bool // what is not ASCII is written as \uXXXX
}

// plain ends every special way of writing.
func (o *object) plain() { o.nulls, o.novel, o.full, o.ascii = false, false, false, false }

func (o *object) begin() { o.b = append(o.b, '{') }

func (o *object) end() {
	if last := len(o.b) - 1; o.b[last] == ',' {
		o.b[last] = '}'
	} else {
		o.b = append(o.b, '}')
	}
	o.b = append(o.b, ',')
}

func (o *object) endList() {
	if last := len(o.b) - 1; o.b[last] == ',' {
		o.b[last] = ']'
	} else {
		o.b = append(o.b, ']')
	}
	o.b = append(o.b, ',')
}

func (o *object) key(name string) {
	o.b = append(o.b, '"')
	o.b = append(o.b, name...)
	o.b = append(o.b, '"', ':')
}

// open begins an object as a field. It is false where the field became null: there is nothing to
// write and nothing to end.
func (o *object) open(name string) bool { return o.opened(name, '{') }

// openList begins a list as a field, as open does an object.
func (o *object) openList(name string) bool { return o.opened(name, '[') }

func (o *object) opened(name string, brace byte) bool {
	if o.nulls {
		o.null(name)
		return false
	}
	o.key(name)
	o.b = append(o.b, brace)
	return true
}

func (o *object) null(name string) {
	if o.full {
		o.text(name, "full_"+name)
		return
	}
	o.key(name)
	o.b = append(o.b, "null,"...)
}

// id writes an ID, which stays where everything else is null.
func (o *object) id(name string, id uint64) {
	o.key(name)
	o.b = append(o.b, '"')
	o.b = strconv.AppendUint(o.b, id, 10)
	o.b = append(o.b, '"', ',')
}

func (o *object) text(name, value string) {
	if o.nulls {
		o.null(name)
		return
	}
	if o.full && value == "" {
		value = "full_" + name
	}
	o.key(name)
	o.value(value)
}

// value writes a string and the comma after it.
func (o *object) value(value string) {
	o.b = o.appendText(o.b, value)
	o.b = append(o.b, ',')
}

// textOrNull writes null for "".
func (o *object) textOrNull(name, value string) {
	if value == "" {
		o.null(name)
		return
	}
	o.text(name, value)
}

// enum writes a value out of the few that the API document lists.
func (o *object) enum(name, value string) {
	if o.novel {
		value = "novel_" + name
	}
	o.text(name, value)
}

func (o *object) texts(name string, values ...string) {
	if o.full && len(values) == 0 {
		values = []string{"full_" + name}
	}
	if o.openList(name) {
		for _, v := range values {
			o.value(v)
		}
		o.endList()
	}
}

func (o *object) number(name string, value int64) {
	if o.nulls {
		o.null(name)
		return
	}
	o.key(name)
	o.b = strconv.AppendInt(o.b, value, 10)
	if o.novel {
		o.b = append(o.b, ".75"...)
	}
	o.b = append(o.b, ',')
}

func (o *object) flag(name string, value bool) {
	if o.nulls {
		o.null(name)
		return
	}
	o.key(name)
	o.b = strconv.AppendBool(o.b, value)
	o.b = append(o.b, ',')
}

// time writes a moment; 0 is null.
func (o *object) time(name string, at moment) {
	if at == 0 && o.full {
		at = dayZero - 10*day
	}
	if o.nulls || at == 0 {
		o.null(name)
		return
	}
	o.key(name)
	o.b = at.append(o.b)
	if o.novel {
		o.b = append(o.b[:len(o.b)-2], `+00:00"`...)
	}
	o.b = append(o.b, ',')
}

func (o *object) appendText(b []byte, s string) []byte {
	b = append(b, '"')
	if isPlain(s) {
		b = append(b, s...)
		return append(b, '"')
	}
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b = append(b, '\\', byte(r))
		case r == '\n':
			b = append(b, '\\', 'n')
		case r < 0x20:
			b = appendHex(append(b, '\\', 'u'), uint64(r), 4)
		case r < utf8.RuneSelf || !o.ascii:
			b = utf8.AppendRune(b, r)
		case r < 0x10000:
			b = appendHex(append(b, '\\', 'u'), uint64(r), 4)
		default:
			b = appendHex(append(b, '\\', 'u'), uint64(0xd800+(r-0x10000)>>10), 4)
			b = appendHex(append(b, '\\', 'u'), uint64(0xdc00+(r-0x10000)&0x3ff), 4)
		}
	}
	return append(b, '"')
}

// isPlain tells whether a string stands in JSON as it is.
func isPlain(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < 0x20 || c == '"' || c == '\\' || c >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

package s1

import (
	"hash/maphash"
	"reflect"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// plainReader reads rows that are as the API document has them, as nearly all are, in a fraction of the time that json.Unmarshal
// takes, and to the same result. Of any other row, such as one with a number for a text or one that is no JSON, it takes nothing:
// who reads it in its place says what is wrong. It remembers the row before, since the next one has the same members in the same
// order, and many of the same values. It is not safe for concurrent use.
type plainReader[T any] struct {
	fields map[string]int // of T, by the names of their members
	before []member       // of the row before
	texts  [4096]string   // that stood in rows: those that come again are in memory once
}

// member is a member of a row, and what its value says.
type member struct {
	name  []byte // as it stood in the row, with its colon
	field int    // of T, or unread
	value []byte // as it stood in the row; empty where it is not to be used again
	news  int    // how many rows one after another had a text that was not known

	text  string
	time  Time
	flag  Flag
	whole Int
}

const (
	unread = -1 // a member that no field is there for

	// longestPlain is how long a row may be whose end has not come: it is read from its beginning with each part that comes.
	longestPlain = 16 << 10

	mostMembers       = 200 // that are remembered of a row
	longestRemembered = 100 // name or value that is
	mostNews          = 50  // after which a member has another text in each row, such as an ID
)

// newPlainReader makes a reader of rows of type T; nil where that is no struct, or reads itself.
func newPlainReader[T any]() *plainReader[T] {
	t := reflect.TypeFor[T]()
	if _, own := any(new(T)).(json.UnmarshalerFrom); own || t.Kind() != reflect.Struct {
		return nil
	}
	r := &plainReader[T]{fields: make(map[string]int, t.NumField())}
	for i := range t.NumField() {
		name, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
		r.fields[name] = i
	}
	return r
}

// read reads the row that s comes to into an empty one. It says whether it did.
func (r *plainReader[T]) read(s *scanner, row *T) bool {
	if !s.take('{') {
		return false
	}
	s.values++
	if s.take('}') {
		return true
	}
	fields := reflect.ValueOf(row).Elem()
	for number := 0; ; number++ {
		if number == len(r.before) && number < mostMembers {
			r.before = append(r.before, member{})
		}
		if !r.readMember(s, &r.before[min(number, mostMembers-1)], fields) {
			return false
		}
		if !s.take(',') {
			return s.take('}')
		}
		s.values++
	}
}

// readMember reads a member of a row. m is what stood in its place in the row before.
func (r *plainReader[T]) readMember(s *scanner, m *member, row reflect.Value) bool {
	if len(m.name) == 0 || !s.takeAll(m.name) {
		if !r.readName(s, m) {
			return false
		}
	}
	from := s.at
	if len(m.value) > 0 && s.takeAll(m.value) {
		if c := s.peek(); c == ',' || c == '}' { // else it is a number that goes on
			m.put(row)
			return true
		}
		s.at = from
	}
	m.value = m.value[:0]
	s.peek()
	from = s.at
	if !s.value() {
		return false
	}
	value := s.b[from:s.at]
	if m.field != unread {
		switch field := row.Field(m.field); field.Type() {
		case stringType:
			if value[0] != '"' && value[0] != 'n' {
				return false
			}
			m.text = r.text(m, value, s.isPlain)
		case timeType:
			m.time = timeIn(value)
		case flagType:
			m.flag = flagIn(value)
		case intType:
			m.whole = intIn(value)
		default:
			return json.Unmarshal(value, field.Addr().Interface(), lenient) == nil
		}
		m.put(row)
	}
	if value[0] != '{' && value[0] != '[' {
		m.value = remembered(m.value, value)
	}
	return true
}

var (
	stringType = reflect.TypeFor[string]()
	timeType   = reflect.TypeFor[Time]()
	flagType   = reflect.TypeFor[Flag]()
	intType    = reflect.TypeFor[Int]()
)

// put puts the value into its field.
func (m *member) put(row reflect.Value) {
	if m.field == unread {
		return
	}
	switch field := row.Field(m.field); field.Kind() {
	case reflect.String:
		field.SetString(m.text)
	case reflect.Int64:
		field.SetInt(int64(m.time))
	case reflect.Uint8:
		field.SetUint(uint64(m.flag))
	case reflect.Struct:
		field.Field(0).SetInt(m.whole.Value)
		field.Field(1).SetBool(m.whole.Known)
	}
}

// readName reads a name that is another than in the row before, and its colon.
func (r *plainReader[T]) readName(s *scanner, m *member) bool {
	if s.peek() != '"' {
		return false
	}
	from := s.at
	if !s.text() || !s.isPlain {
		return false
	}
	name := s.b[from+1 : s.at-1]
	if !s.take(':') {
		return false
	}
	field, found := r.fields[string(name)]
	if !found {
		field = unread
	}
	*m = member{field: field, name: remembered(m.name, s.b[from:s.at]), value: m.value[:0]}
	return true
}

// remembered is a copy of b in the memory of another, unless it is long.
func remembered(memory, b []byte) []byte {
	if len(b) > longestRemembered {
		return memory[:0]
	}
	return append(memory[:0], b...)
}

var textSeed = maphash.MakeSeed()

// text is what a JSON string says, or null.
func (r *plainReader[T]) text(m *member, value []byte, isPlain bool) string {
	if value[0] == 'n' {
		return ""
	}
	text := value[1 : len(value)-1]
	if !isPlain {
		text, _ = jsontext.AppendUnquote(nil, value) // what is not UTF-8 is replaced, as everywhere
	}
	if len(text) > longestRemembered || m.news == mostNews {
		return string(text)
	}
	known := &r.texts[maphash.Bytes(textSeed, text)%uint64(len(r.texts))]
	if *known == string(text) {
		m.news = 0
	} else {
		m.news++
		*known = string(text)
	}
	return *known
}

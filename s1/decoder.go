package s1

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// decoder reads an answer as it comes. It can give the row that it read last once more, and lets a plainReader read rows in
// its place.
type decoder struct {
	*jsontext.Decoder
	input *input
	begun int64 // where in the answer the Decoder's first byte is
}

func newDecoder(in *input) *decoder {
	return &decoder{Decoder: jsontext.NewDecoder(in, lenient), input: in}
}

// readRow reads the next value as a row, while it comes. A row that is not as the API document has it is read once more, as
// decodeRow does.
func readRow[T any](d *decoder, row *T) error {
	d.input.row = d.at()
	defer func() { d.input.row = noRow }()
	depth := d.StackDepth()
	err := json.UnmarshalDecode(d.Decoder, row)
	if _, misfits := errors.AsType[*json.SemanticError](err); !misfits {
		return err
	}
	for d.StackDepth() > depth { // the rest of it
		if _, err := d.ReadToken(); err != nil {
			return err
		}
	}
	var zero T
	*row = zero
	end := d.at()
	return decodeRow(bytes.TrimLeft(d.input.held[d.input.row:end], ", \n\r\t"), row)
}

// readPlainRows appends those of the next rows of a list that reader takes, as long as rows has no more than most of them.
func readPlainRows[T any](d *decoder, reader *plainReader[T], most int, rows *[]T) {
	in := d.input
	in.row = d.at()
	defer func() { in.row = noRow }()
	_, before := d.StackIndex(d.StackDepth())
	var ahead bounds // of what the Decoder has, and does not come to if rows are taken
	ahead.scan(in.held[in.row:in.next])
	taken := int64(0)
	for len(*rows) < most {
		var zero T
		*rows = append(*rows, zero)
		s := scanner{b: in.held[in.row:min(len(in.held), in.row+readAtOnce)]}
		if (before+taken == 0 || s.take(',')) && reader.read(&s, &(*rows)[len(*rows)-1]) {
			in.row += s.at
			in.next = in.row
			in.bounds.values += s.values
			taken++
			continue
		}
		*rows = (*rows)[:len(*rows)-1]
		if !s.isShort() || len(s.b) > longestPlain || !in.more() {
			break
		}
	}
	if taken > 0 {
		in.bounds.values -= ahead.values
		d.goOn()
	}
}

// at is the place of the byte that comes next, in what the input holds.
func (d *decoder) at() int {
	in, ahead := d.input, d.UnreadBuffer()
	if in.next < len(ahead) { // the input has let go of some of it
		in.held, in.next = slices.Concat(ahead, in.held[in.next:]), len(ahead)
	}
	return in.next - len(ahead)
}

// goOn has the Decoder read on behind a row that it did not read, as deep in lists and objects as it was.
func (d *decoder) goOn() {
	d.input.bounds = bounds{bytes: d.input.bounds.bytes, values: d.input.bounds.values, depth: d.StackDepth()}
	var around strings.Builder
	tokens := 1
	for i := range d.StackDepth() {
		switch kind, _ := d.StackIndex(1 + i); kind {
		case '{':
			around.WriteString(`{"":`)
			tokens += 2
		case '[':
			around.WriteByte('[')
			tokens++
		}
	}
	around.WriteByte('0') // the row
	d.begun = d.input.offset + int64(d.input.next) - int64(around.Len())
	d.Reset(io.MultiReader(strings.NewReader(around.String()), d.input), lenient)
	for range tokens {
		_, _ = d.ReadToken() // which cannot fail
	}
}

// place is where in the answer an error of the Decoder is.
func (d *decoder) place(err error) error {
	if notJSON, ok := errors.AsType[*jsontext.SyntacticError](err); ok {
		notJSON.ByteOffset += d.begun
	}
	return err
}

// input passes on an answer within its bounds, and holds what nobody took yet.
type input struct {
	r      io.Reader
	err    error // of r, which comes behind all that is held
	bounds bounds
	held   []byte
	offset int64 // of what is held, in the answer
	next   int   // how much of what is held was passed on
	row    int   // where the row begins that is under way, and is held from there on; noRow between rows
}

const (
	noRow = -1

	// readAtOnce is what an input has room for, unless a row is longer.
	readAtOnce = 64 << 10
)

func newInput() *input { return &input{row: noRow} }

// giveBack lets another answer be read with the memory of this one.
func (in *input) giveBack() {
	*in = input{row: noRow, held: in.held[:0]}
	if cap(in.held) <= 2*readAtOnce { // one very long row is no reason to hold on to its memory
		memoryFor(newInput).Put(in)
	}
}

func (in *input) Read(p []byte) (int, error) {
	if in.next == len(in.held) && !in.more() {
		return 0, in.err
	}
	n := copy(p, in.held[in.next:])
	in.bounds.scan(p[:n])
	if err := in.bounds.err(); err != nil {
		return 0, err
	}
	in.next += n
	return n, nil
}

// more reads more, and lets go of what was passed on before the row.
func (in *input) more() bool {
	from := in.next
	if in.row != noRow {
		from, in.row = in.row, 0
	}
	in.held = in.held[:copy(in.held, in.held[from:])]
	in.offset += int64(from)
	in.next -= from
	if len(in.held) == cap(in.held) {
		in.held = slices.Grow(in.held, max(readAtOnce, len(in.held)))
	}
	n := 0
	for n == 0 && in.err == nil {
		n, in.err = in.r.Read(in.held[len(in.held):cap(in.held)])
	}
	in.held = in.held[:len(in.held)+n]
	if in.bounds.addBytes(n); in.bounds.fault != nil {
		in.err = in.bounds.fault
		return false
	}
	return n > 0
}

// refuseHTML looks at the first byte of the answer, and passes over the blanks before it.
func (in *input) refuseHTML() error {
	for in.more() {
		text := bytes.TrimLeft(in.held, " \n\r\t")
		if bytes.HasPrefix(text, []byte("<")) {
			return &Error{Status: http.StatusOK, Detail: wrongURL, Foreign: webPage}
		}
		if in.next = len(in.held) - len(text); len(text) > 0 {
			in.offset = -int64(in.next)
			return nil
		}
	}
	return cutOff(in.err)
}

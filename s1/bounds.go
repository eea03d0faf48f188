package s1

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
)

// What a console sends is believed up to these bounds, which no console comes near. Beyond one, an answer is not read
// any further and its list ends: a console that was taken over, or whatever stands before it, can fill neither the
// memory nor the disk.
const (
	// MaxAnswerBytes is how long one answer may be, once it is decompressed. A page of 1,000 agents has 5 MB.
	MaxAnswerBytes = 64 << 20

	// MaxTextBytes is how long one text, name or number may be, as it stands in JSON. The longest that is known is the command
	// line of a threat: 32,767 characters, and each may be written in 6 bytes.
	MaxTextBytes = 1 << 20

	// maxDepth is how many lists and objects may stand in one another. Those that are known have 6.
	maxDepth = 100

	// maxValues is how many values one answer may have. Each can take much more memory than it has bytes.
	maxValues = 1_000_000

	// maxPages is how many pages a list may have. It ends a list whose length nobody says.
	maxPages = 100_000

	// maxTotal is how many rows a list may promise: sums of promises stay numbers.
	maxTotal = 1_000_000_000

	// maxCursorBytes is how long the name of the next page may be; it becomes part of an address.
	maxCursorBytes = 8 << 10

	// maxHeaderBytes is how long the headers of an answer may be.
	maxHeaderBytes = 256 << 10
)

// ErrBeyondBound is the Cause of an *Error that says that a console sent more than is believed.
var ErrBeyondBound = errors.New("more than a console sends")

// beyondBound is the error of an answer that is not read any further, and says what to do. Client.get knows the path
// where it is "".
func beyondBound(path, format string, args ...any) *Error {
	return &Error{
		Status: http.StatusOK,
		Path:   path,
		Cause:  ErrBeyondBound,
		Detail: fmt.Sprintf(format, args...) + ", which no console sends: look at the address and at what stands before the console, " +
			"such as a proxy, and ask SentinelOne's support if it is the console itself",
	}
}

// Bounded passes on JSON as long as it keeps to the bounds of an answer. Beyond one it ends with an *Error whose Cause
// is ErrBeyondBound. It does not say whether what it passes on is JSON at all.
func Bounded(r io.Reader) io.Reader { return &bounded{r: r} }

type bounded struct {
	r io.Reader
	bounds
}

func (b *bounded) Read(p []byte) (int, error) {
	if err := b.err(); err != nil {
		return 0, err
	}
	n, err := b.r.Read(p)
	b.addBytes(n)
	b.scan(p[:n])
	if err := b.err(); err != nil {
		return 0, err
	}
	return n, err
}

// bounds keep track of where in an answer its reader is, as far as that is needed to hold it to what is believed.
type bounds struct {
	fault  *Error // what was found first
	bytes  int    // so far
	values int    // so far
	depth  int    // now

	text        int  // bytes of the text or number that is under way
	inText      bool // between quotes
	backslashes int  // that stood last between the quotes, one after another
}

func (b *bounds) err() error {
	if b.fault == nil {
		return nil
	}
	return b.fault
}

func (b *bounds) addBytes(n int) {
	if b.bytes += n; b.bytes > MaxAnswerBytes {
		b.fault = beyondBound("", "the answer has more than %d MiB", MaxAnswerBytes>>20)
	}
}

// scan looks at what follows.
func (b *bounds) scan(p []byte) {
	for len(p) > 0 && b.fault == nil {
		if b.inText {
			p = b.scanText(p)
			continue
		}
		c := p[0]
		p = p[1:]
		switch c {
		case '"':
			b.inText, b.text, b.backslashes = true, 0, 0
		case '{', '[':
			b.text = 0
			b.values++
			if b.depth++; b.depth > maxDepth {
				b.fault = beyondBound("", "the answer has lists and objects in one another, more than %d deep", maxDepth)
			}
		case '}', ']':
			b.text = 0
			b.depth--
		case ',':
			b.text = 0
			b.values++
		case ':':
			b.text = 0
		case ' ', '\n', '\r', '\t':
			b.text = 0
			p = bytes.TrimLeft(p, " \n\r\t")
		default:
			b.lengthen(1)
		}
	}
	if b.values > maxValues && b.fault == nil {
		b.fault = beyondBound("", "the answer has more than %d values", maxValues)
	}
}

// scanText looks at what stands between quotes, and returns what follows.
func (b *bounds) scanText(p []byte) (rest []byte) {
	end := bytes.IndexByte(p, '"')
	text := p
	if end >= 0 {
		text = p[:end]
	}
	b.lengthen(len(text))
	unescaped := bytes.TrimRight(text, `\`)
	if len(unescaped) > 0 {
		b.backslashes = 0
	}
	b.backslashes += len(text) - len(unescaped)
	if end < 0 {
		return nil
	}
	if b.backslashes%2 == 0 {
		b.inText, b.text = false, 0
	}
	b.backslashes = 0
	return p[end+1:]
}

func (b *bounds) lengthen(n int) {
	if b.text += n; b.text > MaxTextBytes {
		b.fault = beyondBound("", "the answer has a text of more than %d MiB", MaxTextBytes>>20)
	}
}

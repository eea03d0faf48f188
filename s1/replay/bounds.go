package replay

import (
	"bufio"
	"errors"
	"fmt"

	"s1graph/s1"
)

// A recording may come from a stranger, so it is believed as far as a console is: what is read of it passes s1.Bounded,
// and no page or row that is longer than an answer may be is put together for the client to refuse.

// beyondBound says that there is more of something than is read, in place of err where that says so of a console.
func beyondBound(where string, err error) error {
	if errors.Is(err, s1.ErrBeyondBound) {
		return fmt.Errorf("%s is too large for a recording: it is damaged, or was made to do harm", where)
	}
	return err
}

// readLine reads up to the end of a line. One that is longer than an answer may be is s1.ErrBeyondBound.
func readLine(r *bufio.Reader) (line []byte, err error) {
	for {
		part, err := r.ReadSlice('\n')
		if len(line)+len(part) > s1.MaxAnswerBytes {
			return nil, s1.ErrBeyondBound
		}
		line = append(line, part...)
		if !errors.Is(err, bufio.ErrBufferFull) {
			return line, err
		}
	}
}

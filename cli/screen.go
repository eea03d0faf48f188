package cli

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"

	"github.com/go-json-experiment/json"
	"golang.org/x/term"

	"s1graph/harmless"
)

// screen is where something is printed for people: a terminal, with borders and colours, or a file or
// pipe, plain. What is written to a file or pipe is kept back until there is enough of it; flush
// writes the rest. After a fault nothing more is written, and flush tells of it.
type screen struct {
	to       *bufio.Writer
	progress *progress // what is told of what is waited for; nil: nothing is
	terminal bool
	columns  func() int // of the terminal, which may become wider or narrower; of what is none, 0
	colours  bool       // never without a terminal
	live     bool       // nothing is kept back: someone may be watching
}

func (s *screen) Write(b []byte) (n int, err error) {
	if s.progress != nil {
		return s.progress.write(b, s)
	}
	return s.write(b)
}

// put writes past the progress, which is who calls it.
func (s *screen) put(text string) { _, _ = s.write([]byte(text)) }

func (s *screen) write(b []byte) (n int, err error) {
	if n, err = s.to.Write(b); err == nil && s.live {
		err = s.to.Flush()
	}
	return n, err
}

func (s *screen) flush() error {
	if err := s.to.Flush(); err != nil {
		return fmt.Errorf("the result could not be written: %w", err)
	}
	return nil
}

// line prints one line.
func (s *screen) line(format string, args ...any) { fmt.Fprintf(s, format+"\n", args...) }

func (c *commands) screen(w io.Writer) *screen {
	width := c.Width
	if width == nil {
		width = terminalWidth
	}
	s := &screen{to: bufio.NewWriterSize(pipe{w}, 64<<10), terminal: width(w) > 0, columns: func() int { return width(w) }}
	s.live = s.isTerminal()
	s.colours = s.isTerminal() && c.variable("NO_COLOR") == "" && c.variable("TERM") != "dumb"
	return s
}

// errReaderGone is the error of writing to a pipe whose reader has seen enough, as head(1) has. It is no
// fault, unlike what the system calls the same: a connection that breaks.
var errReaderGone = errors.New("nobody reads any more")

// pipe is a writer whose reader may go.
type pipe struct{ io.Writer }

func (p pipe) Write(b []byte) (int, error) {
	n, err := p.Writer.Write(b)
	if errors.Is(err, syscall.EPIPE) {
		err = errReaderGone
	}
	return n, err
}

func terminalWidth(w io.Writer) int {
	f, ok := w.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return 0
	}
	if width, _, err := term.GetSize(int(f.Fd())); err == nil && width > 0 {
		return width
	}
	return 80
}

// variable is a variable of the environment, "" if it is not there.
func (c *commands) variable(name string) string {
	value := ""
	for _, line := range c.Environment {
		if n, v, _ := strings.Cut(line, "="); n == name {
			value = v
		}
	}
	return value
}

func (s *screen) isTerminal() bool { return s.terminal }

// colour is what a word is painted with.
type colour string

const (
	bold   colour = "1"
	faint  colour = "2"
	red    colour = "31"
	green  colour = "32"
	yellow colour = "33"
	blue   colour = "34"
)

func (s *screen) paint(c colour, word string) string {
	if !s.colours || c == "" {
		return word
	}
	begin, end := "\x1b["+string(c)+"m", "\x1b[0m"
	return begin + strings.ReplaceAll(word, "\n", end+"\n"+begin) + end
}

// jsonLine prints a value as JSON, on a line of its own unless the options say otherwise.
func (s *screen) jsonLine(v any, options ...json.Options) error {
	line, err := json.Marshal(v, append(options, json.Deterministic(true))...)
	if err != nil {
		return err
	}
	return s.jsonText(line)
}

// jsonText prints JSON, and ends the line.
func (s *screen) jsonText(line []byte) error {
	_, err := s.Write(append(s.json(line), '\n'))
	return err
}

// json is a line of JSON as it is printed: made harmless where a terminal would act on it.
func (s *screen) json(line []byte) []byte {
	if s.isTerminal() {
		return harmless.JSON(line)
	}
	return line
}

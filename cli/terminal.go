package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/term"
)

// terminal is where somebody types answers.
type terminal struct {
	*term.Terminal
	fd  int
	out io.Writer
}

// terminal is the one that a person sits before; nil where stdin or stderr is none.
func (c *commands) terminal(ctx context.Context) *terminal {
	in, isFile := c.Stdin.(*os.File)
	if !isFile || !term.IsTerminal(int(in.Fd())) || !c.err.isTerminal() {
		return nil
	}
	t := &terminal{term.NewTerminal(struct {
		io.Reader
		io.Writer
	}{&keyboard{ctx, in}, c.err}, ""), int(in.Fd()), c.err}
	_ = t.SetSize(c.err.columns(), 24) // the height does not matter
	return t
}

// keyboard is what somebody types, whose reader waits no longer than ctx lasts.
type keyboard struct {
	ctx context.Context
	in  io.Reader
}

func (k *keyboard) Read(b []byte) (int, error) {
	type typed struct {
		keys []byte
		err  error
	}
	read := make(chan typed, 1)
	go func() { // which nothing can end where no key is pressed any more
		keys := make([]byte, len(b))
		n, err := k.in.Read(keys)
		read <- typed{keys[:n], err}
	}()
	select {
	case got := <-read:
		return copy(b, got.keys), got.err
	case <-k.ctx.Done():
		return 0, k.ctx.Err()
	}
}

// errNoAnswer is the error of somebody who ends the questions.
var errNoAnswer = errors.New("no answer was given")

// ask prints a question, and behind a prompt reads a line, which is not shown if it is secret. Ctrl-C and Ctrl-D end it
// with errNoAnswer. Whatever happens, the terminal is as it was before: it is changed before the question is seen, so that
// nothing of a quick answer is shown, and no key makes a signal until the question is answered.
func (t *terminal) ask(question, prompt string, secret bool) (answer string, err error) {
	before, err := term.MakeRaw(t.fd)
	if err != nil {
		return "", fmt.Errorf("the terminal cannot be asked: %w", err)
	}
	defer func() { err = cmp.Or(err, term.Restore(t.fd, before)) }()
	fmt.Fprintln(t, question)
	if secret {
		answer, err = t.ReadPassword(prompt)
	} else {
		t.SetPrompt(prompt)
		answer, err = t.ReadLine()
	}
	if err != nil {
		fmt.Fprint(t.out, "\r\n") // what is said of it gets a line of its own; t would show what was typed
	}
	if errors.Is(err, io.EOF) {
		err = errNoAnswer
	}
	return answer, err
}

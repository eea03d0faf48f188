package s1

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"sync"
	"time"
)

// commands are the tokens of this process that commands print, by their words: a service that reads the tenants of one
// token again and again runs the command once, and again when the token is refused.
var commands sync.Map

// CommandToken is a token that a command prints: a program and its arguments, which no shell reads. It is run when the
// token is first needed in this process, and again after the console refused it; it may take so long as within says, and is
// then ended with all that it has started. It has the environment of this process, and nothing to read. What it prints is
// seen by nobody, and neither is what it says on stderr, where the token may be too.
func CommandToken(within time.Duration, words ...string) TokenSource {
	source, _ := commands.LoadOrStore(strings.Join(words, "\x00"), &renewedToken{read: func(ctx context.Context) (string, error) {
		return runTokenCommand(ctx, within, words)
	}})
	return source.(TokenSource)
}

// mostPrinted is more than a token has, and what stands around one by mistake.
const mostPrinted = 64 << 10

func runTokenCommand(ctx context.Context, within time.Duration, words []string) (string, error) {
	bounded, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	printed := &beginning{}
	command := exec.CommandContext(bounded, words[0], words[1:]...)
	command.Stdout = printed
	command.WaitDelay = time.Second // for what it has started and holds its output open
	endWithAllThatItStarted(command)
	err := command.Run()
	name := "token command " + words[0]
	switch failed := (*exec.ExitError)(nil); {
	case ctx.Err() != nil:
		return "", ctx.Err()
	case bounded.Err() != nil:
		return "", fmt.Errorf("%s: it printed no token within %s and was ended: %s", name, within, byHand)
	case errors.As(err, &failed):
		return "", fmt.Errorf("%s: it ended with %s: %s", name, failed.ProcessState, byHand)
	case errors.Is(err, exec.ErrWaitDelay):
		return "", fmt.Errorf("%s: it ended and left a process behind that holds its output open: let it end its own processes", name)
	case err != nil:
		return "", fmt.Errorf("%s: it cannot be run: %w; correct tokenCommand, or install the program", name, err)
	case printed.more:
		return "", fmt.Errorf("%s: it printed more than %d KiB, which is no token: let it print the API token alone", name, mostPrinted>>10)
	}
	return checkToken(printed.kept.String(), "what the "+name+" prints")
}

const byHand = "run it by hand, as the user that s1graph runs as, to see why"

// beginning keeps the first 64 KiB of what is written to it.
type beginning struct {
	kept bytes.Buffer
	more bool // was written
}

var _ io.Writer = (*beginning)(nil)

// Write takes all, so that the command is not held up.
func (b *beginning) Write(p []byte) (int, error) {
	kept := p[:min(len(p), mostPrinted-b.kept.Len())]
	b.more = b.more || len(kept) < len(p)
	_, _ = b.kept.Write(kept) // memory does not fail
	return len(p), nil
}

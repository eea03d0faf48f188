// Command make makes the pictures of the README anew, from the recorded tenant: what s1graph prints, and the page that
// it writes. It is what `make docs-images` runs, at the top of the repository, and needs Chromium.
package main

import (
	"context"
	"fmt"
	"html"
	"io"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/chromedp/chromedp"
	"github.com/creack/pty"

	"s1graph/visualize/chromium"
)

func main() {
	if err := run(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, "docs/images:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	dir, err := os.MkdirTemp("", "s1graph-images-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	program := filepath.Join(dir, "s1graph")
	if out, err := exec.CommandContext(ctx, "go", "build", "-o", program, ".").CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	recordings, err := filepath.Abs("testdata/recordings")
	if err != nil {
		return err
	}
	s1graph := func(args ...string) *exec.Cmd {
		c := exec.CommandContext(ctx, program, args...)
		c.Dir, c.Env = dir, append(os.Environ(), "TERM=xterm-256color", "NO_COLOR=")
		return c
	}
	if out, err := s1graph("run", "--replay", filepath.Join(recordings, "acme")).CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	output, err := onTerminal(s1graph("run", "--replay", filepath.Join(recordings, "acme-next-day"), "--instance", "acme"))
	if err != nil {
		return err
	}
	if out, err := s1graph("visualize", "--instance", "acme").CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	terminal := filepath.Join(dir, "terminal.html")
	if err := os.WriteFile(terminal, []byte(terminalPage(output)), 0o600); err != nil {
		return err
	}

	tab, stop, err := chromium.Start(ctx, filepath.Join(dir, "profile"))
	if err != nil {
		return err
	}
	defer stop()
	if err := chromium.Prefer(tab, "light"); err != nil {
		return err
	}
	if err := picture(tab, "docs/images/run.png", terminal, "", 866, 935, "true"); err != nil {
		return err
	}
	page := filepath.Join(dir, "graph.html")
	if err := picture(tab, "docs/images/fleet.png", page, "", 1440, 720, chromium.Ready); err != nil {
		return err
	}
	// An agent that was found infected in the last run.
	const agent = "sentinelone_agent:1100017000003141870"
	return picture(tab, "docs/images/visualize.png", page, agent, 1440, 760, chromium.Ready+` && document.querySelector("aside dl")`)
}

// erased is what a command drew on a line and took away again: how far it is.
var erased = regexp.MustCompile(`[^\n]*\r\x1b\[K`)

// onTerminal gives what stays of what a command prints on a terminal of 104 columns.
func onTerminal(c *exec.Cmd) (string, error) {
	c.Stderr = io.Discard
	f, err := pty.StartWithSize(c, &pty.Winsize{Rows: 60, Cols: 104})
	if err != nil {
		return "", err
	}
	defer f.Close()
	out, _ := io.ReadAll(f) // ends with an error where the command closes its terminal
	return erased.ReplaceAllString(strings.ReplaceAll(string(out), "\r\n", "\n"), ""), c.Wait()
}

// picture shows a file, and takes its picture once an expression is true.
func picture(tab context.Context, output, file, at string, width, height int64, ready string) error {
	address := url.URL{Scheme: "file", Path: file, Fragment: at}
	if err := chromedp.Do(tab, chromedp.EmulateViewport(width, height), chromedp.Navigate(address.String())); err != nil {
		return err
	}
	if ok, err := chromium.Until(tab, ready+` && document.activeElement?.blur() === undefined`); err != nil || !ok {
		return fmt.Errorf("%s did not get ready: %w", file, err)
	}
	png, err := chromedp.Run(tab, chromedp.CaptureScreenshot())
	if err != nil {
		return err
	}
	return os.WriteFile(output, png, 0o644)
}

// leftOut is what the picture leaves out: all changes but those of agents.
var leftOut = regexp.MustCompile("(?s)\n\x1b\\[1mthreat\x1b.*\n\n(s1graph changes )")

func terminalPage(output string) string {
	shown := leftOut.ReplaceAllString(strings.TrimRight(output, "\n"), "\n\x1b[2m…\x1b[0m\n\n$1")
	return `<!DOCTYPE html><meta charset="utf-8"><style>
body { margin: 0; background: #171b21; color: #d7dde4; overflow: hidden; }
pre { margin: 22px 26px; width: 104ch; white-space: pre-wrap; overflow-wrap: anywhere; font: 13px/1.36 "DejaVu Sans Mono", monospace; }
p { margin: 0 0 14px; color: #8b96a3; }
b { color: #fff } i { font-style: normal; color: #8b96a3 }
.c31 { color: #f28b84 } .c32 { color: #66cd97 } .c33 { color: #e0b552 } .c34 { color: #82a8ff }
</style><pre><p>$ s1graph run --replay testdata/recordings/acme-next-day --instance acme</p>` + colours(shown) + `</pre>`
}

var escape = regexp.MustCompile("\x1b\\[([0-9;]*)([A-Za-z])")

// colours makes markup of what a terminal would make bold, faint or coloured.
func colours(text string) string {
	var b strings.Builder
	end := ""
	at := 0
	for _, m := range escape.FindAllStringSubmatchIndex(text, -1) {
		b.WriteString(html.EscapeString(text[at:m[0]]))
		at = m[1]
		if text[m[4]:m[5]] != "m" {
			continue
		}
		b.WriteString(end)
		switch code := text[m[2]:m[3]]; code {
		case "1":
			b.WriteString("<b>")
			end = "</b>"
		case "2":
			b.WriteString("<i>")
			end = "</i>"
		case "31", "32", "33", "34":
			b.WriteString(`<span class="c` + code + `">`)
			end = "</span>"
		default:
			end = ""
		}
	}
	b.WriteString(html.EscapeString(text[at:]))
	return b.String() + end
}

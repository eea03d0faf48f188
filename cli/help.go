package cli

import (
	"bytes"
	"io"
	"regexp"
	"strings"

	"github.com/urfave/cli/v2"
)

// repeated is what the library says a second time of a flag that may be given several times. Its usage says so.
var repeated = regexp.MustCompile(` \[ --?\S+ \S+ \]`)

// The library has one printer of help, and one way to write a flag, for all apps. It prints as before where the writer is no
// screen of a person.
func init() {
	flag := cli.FlagStringer
	cli.FlagStringer = func(f cli.Flag) string { return repeated.ReplaceAllString(flag(f), "") }
	print := cli.HelpPrinter
	cli.HelpPrinter = func(w io.Writer, template string, data any) {
		s, isScreen := w.(*screen)
		if !isScreen || !s.isTerminal() {
			print(w, template, data)
			return
		}
		var help bytes.Buffer
		print(&help, template, data)
		_, _ = io.WriteString(w, wrapHelp(help.String(), s.columns())) // flush tells what went wrong
	}
}

// labelled is a line such as "--dir DIR   DIR of the graph": blanks, a label, and what it means.
var labelled = regexp.MustCompile(`^( +\S+(?: \S+)*)( {2,})(\S.*)$`)

// wrapHelp breaks the lines of help that are longer than width between words: sentences as a paragraph, and what a label means
// beside it or, where the label leaves no room, below it. Examples stay as they are typed.
func wrapHelp(help string, width int) string {
	const indent, deeper = "   ", "          "
	var b strings.Builder
	var paragraph []string
	end := func() {
		for _, line := range paragraph {
			if len([]rune(indent+line)) > width {
				paragraph = strings.Split(wrapped(strings.Join(paragraph, " "), width-len(indent)), "\n")
				break
			}
		}
		for _, line := range paragraph {
			b.WriteString(indent + line + "\n")
		}
		paragraph = nil
	}
	for line := range strings.SplitSeq(strings.TrimSuffix(help, "\n"), "\n") {
		label := labelled.FindStringSubmatch(line)
		if sentence, isOne := strings.CutPrefix(line, indent); isOne && label == nil && !strings.HasPrefix(sentence, " ") {
			paragraph = append(paragraph, sentence)
			continue
		}
		end()
		if label == nil || len([]rune(line)) <= width {
			b.WriteString(line + "\n")
			continue
		}
		first, hang := label[1]+label[2], strings.Repeat(" ", len(label[1]+label[2]))
		if len(hang) > width/2 {
			first, hang = label[1]+"\n"+deeper, deeper
		}
		b.WriteString(first + strings.ReplaceAll(wrapped(label[3], max(20, width-len(hang))), "\n", "\n"+hang) + "\n")
	}
	end()
	return b.String()
}

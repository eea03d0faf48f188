package gotest

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// event is a line of go test -json, as go doc test2json describes it.
type event struct {
	Action, Package, Test, Output string
}

// Print reads what go test -json writes and prints what go test without it prints, and before the line of a package a
// line for each reason why tests of it were skipped. A line that is no event is printed as it is.
func Print(w io.Writer, r io.Reader) error {
	packages := map[string]*tests{}
	for in := bufio.NewReader(r); ; {
		line, err := in.ReadString('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		if _, writeErr := io.WriteString(w, read(packages, line)); writeErr != nil {
			return writeErr
		}
		if err != nil {
			return nil
		}
	}
}

// read gives what is to be printed when a line has come.
func read(packages map[string]*tests, line string) string {
	var e event
	if err := json.Unmarshal([]byte(line), &e); err != nil || e.Action == "" {
		return line
	}
	if e.Package == "" {
		return e.Output // of the compiler
	}
	if packages[e.Package] == nil {
		packages[e.Package] = &tests{output: map[string]string{}, skipped: map[string][]string{}}
	}
	return packages[e.Package].add(e)
}

// tests is what is known of the tests of one package.
type tests struct {
	output  map[string]string   // of tests that have not passed; "" is the package itself
	skipped map[string][]string // reason: tests
}

// add takes an event and gives what is to be printed then: all of a package when it has ended.
func (p *tests) add(e event) string {
	switch e.Action {
	case "output":
		if !progress.MatchString(e.Output) {
			p.output[e.Test] += e.Output
		}
	case "pass", "skip", "fail":
		if e.Test == "" {
			return p.end(e)
		}
		if e.Action == "skip" {
			reason := reasonOf(p.output[e.Test])
			p.skipped[reason] = append(p.skipped[reason], e.Test)
		}
		if e.Action != "fail" {
			delete(p.output, e.Test)
		}
	}
	return ""
}

// progress are the lines that go test prints only with -v or -json.
var progress = regexp.MustCompile(`^=== (RUN|PAUSE|CONT|NAME) `)

// end gives the lines of a package whose tests have ended. What a test said that failed, or that never came to its end,
// stands before what the package said; of a package that did not fail only its own line is of interest.
func (p *tests) end(e event) string {
	var b strings.Builder
	for _, reason := range slices.Sorted(maps.Keys(p.skipped)) {
		fmt.Fprintf(&b, "skip\t%s\t%s: %s\n", e.Package, some(p.skipped[reason]), reason)
	}
	own := p.output[""]
	delete(p.output, "")
	if e.Action != "fail" {
		lines := strings.SplitAfter(strings.TrimSuffix(own, "\n"), "\n")
		return b.String() + lines[len(lines)-1] + "\n"
	}
	for _, name := range slices.Sorted(maps.Keys(p.output)) {
		b.WriteString(p.output[name])
	}
	return b.String() + own
}

// some names the tests, if they are few, or the first of them.
func some(names []string) string {
	const few = 3
	if len(names) <= few {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:few], ", "), len(names)-few)
}

var position = regexp.MustCompile(`(?m)^\s*\S+\.go:\d+: `)

// reasonOf is the last thing that a skipped test said, in one line.
func reasonOf(output string) string {
	said, _, _ := strings.Cut(output, "--- SKIP: ")
	if places := position.FindAllStringIndex(said, -1); len(places) > 0 {
		said = said[places[len(places)-1][1]:]
	}
	if reason := strings.Join(strings.Fields(said), " "); reason != "" {
		return reason
	}
	return "it does not say why"
}

package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"

	"github.com/urfave/cli/v2"

	"s1graph/graph"
	"s1graph/graph/jsonstore"
	"s1graph/steps"
)

func (c *commands) diff() *cli.Command {
	return &cli.Command{
		Name:      "diff",
		Usage:     "say what changed between two graph folders",
		ArgsUsage: "A B",
		Description: `Exit code 0: nothing changed; 1: something did; 2: it could not be told. Volatile properties, such as last seen,
are no change: in how many records they alone differ is told, with --json a line each, and the exit code is 0.

Example: what happened since a copy was made:

    cp -rL .s1graph/acme/graph monday
    s1graph diff monday .s1graph/acme`,
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "json", Usage: "print a JSON object for each change, a line each", DisableDefaultText: true},
		},
		Action: func(ctx *cli.Context) error {
			if ctx.NArg() != 2 {
				return misuse("diff takes two graph folders, such as: s1graph diff A B")
			}
			different, err := c.printDiff(ctx, ctx.Args().Get(0), ctx.Args().Get(1))
			switch {
			case errors.Is(err, errReaderGone):
				// Where nothing changed, hardly anything is printed that is long enough to be left in the middle.
				return &ending{code: 1}
			case err != nil:
				return &ending{misused, err}
			case different:
				return &ending{code: 1}
			}
			return nil
		},
	}
}

// printDiff prints the changes as they are found: there may be more than memory holds.
func (c *commands) printDiff(ctx *cli.Context, from, to string) (different bool, err error) {
	before, err := openFolder(from)
	if err != nil {
		return false, err
	}
	defer before.Close()
	after, err := openFolder(to)
	if err != nil {
		return false, err
	}
	defer after.Close()
	print := c.out.readableChanges(newNames(ctx.Context, after, before))
	if ctx.Bool("json") {
		print = c.out.jsonChanges()
	}
	counts, err := graph.Diff(ctx.Context, before, after, graph.DiffOptions{Touches: true}, print)
	if err != nil {
		return false, err
	}
	total := graph.Total(counts)
	if !ctx.Bool("json") {
		c.out.conclusion(counts, total)
	}
	return total != (graph.Counts{Touched: total.Touched}), c.out.flush()
}

func openFolder(path string) (*jsonstore.Folder, error) {
	folder, err := jsonstore.OpenFolder(path, steps.GraphTypes())
	if errors.Is(err, fs.ErrNotExist) {
		err = errors.New("there is no such folder")
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w; give the folder of a graph, such as .s1graph/INSTANCE or a copy of its graph folder", path, err)
	}
	return folder, nil
}

// jsonChanges prints a change as changes.jsonl has it, without the ID.
func (s *screen) jsonChanges() func(graph.Change) error {
	var line []byte
	return func(c graph.Change) error {
		line = graph.AppendChange(line[:0], "", &c)
		return s.jsonText(line)
	}
}

// readableChanges prints the changes under their types. Touches are counted in the end and not listed.
func (s *screen) readableChanges(names *names) func(graph.Change) error {
	heading := ""
	return func(c graph.Change) error {
		if c.Op == graph.Touched {
			return nil
		}
		if c.Type.Name != heading {
			if heading != "" {
				s.line("")
			}
			heading = c.Type.Name
			s.line("%s", s.paint(bold, shortType(heading)))
		}
		for _, line := range s.change(&c, names) {
			s.line("%s", line)
		}
		return nil
	}
}

func (s *screen) conclusion(counts map[string]graph.Counts, total graph.Counts) {
	if total == (graph.Counts{}) {
		s.line("The graphs are equal.")
		return
	}
	if total != (graph.Counts{Touched: total.Touched}) { // and stands above
		s.line("")
	}
	s.countsTable(counts)
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

package cli

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"s1graph/graph"
	"s1graph/harmless"
)

// marks are what a change's line begins with.
var marks = map[graph.Op]struct {
	sign   string
	colour colour
}{
	graph.Created: {"+", green},
	graph.Updated: {"~", yellow},
	graph.Deleted: {"-", red},
	graph.Rekeyed: {">", blue},
	graph.Touched: {".", faint},
}

// change is what people read of a change: a line, and under it a line for each property that changed.
func (s *screen) change(c *graph.Change, names *names) []string {
	mark := marks[c.Op]
	lines := []string{"  " + s.paint(mark.colour, mark.sign+" "+s.title(c, names))}
	if c.Before == nil || c.After == nil {
		return lines
	}
	const most = 12
	for i, name := range c.Changed {
		if i == most {
			lines = append(lines, fmt.Sprintf("      … and %d more properties", len(c.Changed)-most))
			break
		}
		if name == "displayName" && slices.Contains(c.Changed, "name") {
			continue // it says the same
		}
		lines = append(lines, fmt.Sprintf("      %s: %s -> %s", harmless.Text(name), s.readable(name, c.Before.Get(name)), s.readable(name, c.After.Get(name))))
	}
	return lines
}

// title says which record it is: an entity by its name and key, a relationship by its ends.
func (s *screen) title(c *graph.Change, names *names) string {
	if from, to, ok := graph.RelationshipEnds(c.Key); ok && c.Type.Relationship {
		return s.clip(names.of(from)) + " " + harmless.Text(c.Type.Class) + " " + s.clip(names.of(to))
	}
	title := harmless.Text(c.Key)
	if name := c.DisplayName(); name != "" {
		title = s.clip(name) + "  " + title
	}
	if c.PreviousKey != "" {
		title += " (was " + harmless.Text(c.PreviousKey) + ")"
	}
	return title
}

// readable is a value as people read it. Texts stand in quotes only where they would not be seen.
func (s *screen) readable(name string, v graph.Value) string {
	switch v.Kind() {
	case graph.AbsentKind:
		return "(none)"
	case graph.StringKind:
		if strings.TrimSpace(v.Text()) == "" {
			return fmt.Sprintf("%q", v.Text())
		}
		return s.clip(v.Text())
	case graph.StringsKind:
		return s.clip("[" + strings.Join(v.List(), ", ") + "]")
	case graph.IntKind:
		if isMoment(name, v.Int64()) {
			return time.UnixMilli(v.Int64()).UTC().Format(time.RFC3339)
		}
	}
	return fmt.Sprint(v.Any())
}

// isMoment knows JupiterOne's times by their names, such as createdOn and lastSeenOn, and the vendor's,
// such as registeredAt and lastActiveDate. They are milliseconds since 1970.
func isMoment(name string, milliseconds int64) bool {
	endings := []string{"On", "At", "Date", "Time"}
	return milliseconds >= 1e11 && slices.ContainsFunc(endings, func(ending string) bool { return strings.HasSuffix(name, ending) })
}

// countsTable prints how many changes there were of each type that has some, and says whether there
// were any.
func (s *screen) countsTable(counts map[string]graph.Counts) bool {
	header := []string{"type", "created", "updated", "deleted", "rekeyed", "touched"}
	baseline := false
	for _, n := range counts {
		baseline = baseline || n.Baseline > 0
	}
	if baseline {
		header = append(header, "baseline")
	}
	var rows [][]any
	for _, name := range sortedKeys(counts) {
		n := counts[name]
		if n == (graph.Counts{}) {
			continue
		}
		row := []any{harmless.Text(name), n.Created, n.Updated, n.Deleted, n.Rekeyed, n.Touched}
		if baseline {
			row = append(row, n.Baseline)
		}
		rows = append(rows, row)
	}
	if len(rows) > 0 {
		s.table(header, rows)
	}
	return len(rows) > 0
}

// changeList keeps what is printed of a run's changes when it is over: so many of each kind in each
// type, as a tenant may change as a whole.
type changeList struct {
	ctx    context.Context
	screen *screen
	names  *names
	types  []*typeChanges // in the order in which they came
}

// typeChanges are the first changes of a type, by operation.
type typeChanges struct {
	name  string
	lines map[graph.Op][]string
	count map[graph.Op]int // of all changes
}

const mostOfAKind = 10

func (l *changeList) add(c graph.Change, before, after graph.Snapshot) error {
	if l.names == nil {
		l.names = newNames(l.ctx, after, before)
	}
	if len(l.types) == 0 || l.types[len(l.types)-1].name != c.Type.Name {
		l.types = append(l.types, &typeChanges{c.Type.Name, map[graph.Op][]string{}, map[graph.Op]int{}})
	}
	t := l.types[len(l.types)-1]
	t.count[c.Op]++
	if t.count[c.Op] <= mostOfAKind {
		t.lines[c.Op] = append(t.lines[c.Op], l.screen.change(&c, l.names)...)
	}
	return nil
}

// print prints the list. file is where all of the changes stand, "" where they stand nowhere.
func (l *changeList) print(file string) {
	see := ""
	if file != "" {
		see = ", see " + file
	}
	for _, t := range l.types {
		l.screen.line("\n%s", l.screen.paint(bold, harmless.Text(t.name)))
		for _, op := range []graph.Op{graph.Created, graph.Updated, graph.Rekeyed, graph.Deleted} {
			for _, line := range t.lines[op] {
				l.screen.line("%s", line)
			}
			if more := t.count[op] - mostOfAKind; more > 0 {
				l.screen.line("  … and %d more %s%s", more, op, see)
			}
		}
	}
}

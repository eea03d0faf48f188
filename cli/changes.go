package cli

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"s1graph/graph"
	"s1graph/harmless"
	"s1graph/model"
	"s1graph/overview"
	"s1graph/plural"
	"s1graph/steps"
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

// opWords are the operations as people call them.
var opWords = map[graph.Op]string{graph.Created: "created", graph.Updated: "updated", graph.Deleted: "deleted", graph.Rekeyed: "renamed"}

// change is what people read of a change: a line, and under it a line for each property that changed.
func (s *screen) change(c *graph.Change, names *names) []string {
	mark := marks[c.Op]
	lines := []string{s.indented(s.paint(mark.colour, mark.sign+" "+s.title(c, names)), 2)}
	if c.Before == nil || c.After == nil {
		return lines
	}
	const most = 12
	for i, name := range overview.ByWeight(c.Changed) {
		if i == most {
			lines = append(lines, fmt.Sprintf("      … and %s", plural.Of(len(c.Changed)-most, "more property")))
			break
		}
		if name == "displayName" && slices.Contains(c.Changed, "name") {
			continue // it says the same
		}
		lines = append(lines, s.indented(s.property(c, name, names), 6))
	}
	return lines
}

// briefly is a line of a change of an entity: its name and what changed.
func (s *screen) briefly(c *graph.Change, names *names) string {
	mark := marks[c.Op]
	line := s.paint(mark.colour, mark.sign+" "+s.named(c.DisplayName(), c.Key))
	if c.Before != nil && c.After != nil {
		changed := overview.ByWeight(c.Changed)
		if name := c.After.Get("name"); slices.Contains(changed, "name") && name.Text() != "" {
			changed = slices.DeleteFunc(changed, func(other string) bool { // which says that it is called otherwise
				v := c.After.Get(other)
				return other != "name" && v.Kind() == graph.StringKind && strings.Contains(v.Text(), name.Text())
			})
		}
		const most = 2
		var words []string
		for _, name := range changed[:min(len(changed), most)] {
			words = append(words, s.property(c, name, names))
		}
		line += "  " + strings.Join(words, ", ")
		if len(changed) > most {
			line += fmt.Sprintf(" and %d more", len(changed)-most)
		}
	}
	return s.indented(strings.TrimRight(line, " "), 2)
}

// named is a name, or the key of what has a blank one.
func (s *screen) named(name, key string) string {
	if strings.TrimSpace(name) == "" {
		return harmless.Text(key)
	}
	return s.clip(name)
}

// property says how a property changed. An account, site or group is called by its name, where the graph knows it, and groups of
// one name by that of their site too: every site has a Default Group.
func (s *screen) property(c *graph.Change, name string, names *names) string {
	before, label := names.place(c, name, c.Before)
	after, labelAfter := names.place(c, name, c.After)
	if before != "" && before == after {
		from, _ := names.place(c, "siteId", c.Before)
		to, _ := names.place(c, "siteId", c.After)
		if from == to || from == "" || to == "" {
			before, after, label, labelAfter = "", "", name, name
		} else {
			before, after = from+" / "+before, to+" / "+after
		}
	}
	if labelAfter != name {
		label = labelAfter
	}
	return fmt.Sprintf("%s: %s -> %s", harmless.Text(label),
		cmp.Or(s.clip(before), s.readable(name, c.Before.Get(name))), cmp.Or(s.clip(after), s.readable(name, c.After.Get(name))))
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

// countsTable prints how many changes there were of each type that has some, and under it how many records changed in nothing
// but volatile properties.
func (s *screen) countsTable(counts map[string]graph.Counts) {
	var rows []counted
	for _, now := range []bool{false, true} { // entities first
		for _, name := range sortedKeys(counts) {
			n := counts[name]
			if n != (graph.Counts{Touched: n.Touched}) && isRelationship()[name] == now {
				rows = append(rows, counted{[]any{shortType(name)}, []int64{n.Created, n.Updated, n.Deleted, n.Rekeyed, n.Baseline}})
			}
		}
	}
	s.countedTable([]string{"type", "created", "updated", "deleted", "renamed", "baseline"}, rows)
	if touched := graph.Total(counts).Touched; touched > 0 {
		nothing := ""
		if len(rows) == 0 {
			nothing = "Nothing changed. "
		}
		s.sentence("%sOnly volatile properties, such as last seen, changed in %s.", nothing, plural.Of(int(touched), "record"))
	}
}

// isRelationship says of each type by its name whether it is one of relationships.
var isRelationship = sync.OnceValue(func() map[string]bool {
	is := map[string]bool{}
	for _, t := range steps.GraphTypes() {
		is[t.Name] = t.Relationship
	}
	return is
})

// shortType is a type as people call it.
func shortType(name string) string { return harmless.Text(model.ShortName(name)) }

func typeNames() []string {
	return namesOf(steps.GraphTypes(), func(t *graph.Type) string { return t.Name })
}

func shortTypes(names []string) []string { return namesOf(names, shortType) }

// changeList keeps what is printed of a run's changes when it is over: of each type of entities the weightiest, as a tenant may
// change as a whole. Of relationships the table has the numbers.
type changeList struct {
	ctx     context.Context
	screen  *screen
	verbose bool // with keys, and a line for each property
	names   *names
	types   []*typeChanges // in the order in which they came
}

// typeChanges are the first changes of a type.
type typeChanges struct {
	name  string
	kinds []*changeKind // in the order in which they came
}

// changeKind are the changes of one weight that changed the same properties.
type changeKind struct {
	op      graph.Op
	weight  int
	changed []string
	count   int
	first   [][]string // lines of the first changes
}

const (
	mostOfAType = 10
	mostKinds   = 100 // of a type are told apart by what changed
)

func (l *changeList) add(c graph.Change, before, after graph.Snapshot) error {
	if c.Type.Relationship {
		return nil
	}
	if l.names == nil {
		l.names = newNames(l.ctx, after, before)
	}
	if len(l.types) == 0 || l.types[len(l.types)-1].name != c.Type.Name {
		l.types = append(l.types, &typeChanges{name: c.Type.Name})
	}
	kind := l.types[len(l.types)-1].kind(&c)
	kind.count++
	if kind.count > mostOfAType {
		return nil
	}
	lines := []string{l.screen.briefly(&c, l.names)}
	if l.verbose {
		lines = l.screen.change(&c, l.names)
	}
	kind.first = append(kind.first, lines)
	return nil
}

func (t *typeChanges) kind(c *graph.Change) *changeKind {
	weight := overview.Weight(c)
	isOfKind := func(k *changeKind) bool {
		return k.op == c.Op && k.weight == weight && (slices.Equal(k.changed, c.Changed) || len(t.kinds) >= mostKinds)
	}
	if i := slices.IndexFunc(t.kinds, isOfKind); i >= 0 {
		return t.kinds[i]
	}
	kind := &changeKind{op: c.Op, weight: weight, changed: c.Changed}
	t.kinds = append(t.kinds, kind)
	return kind
}

// weight is that of the weightiest change.
func (t *typeChanges) weight() (most int) {
	for _, k := range t.kinds {
		most = max(most, k.weight)
	}
	return most
}

// print prints the list, and says whether there are any. The weightiest comes first, and of equal weight what is rare.
func (l *changeList) print() bool {
	slices.SortStableFunc(l.types, func(a, b *typeChanges) int { return cmp.Compare(b.weight(), a.weight()) })
	for _, t := range l.types {
		l.screen.line("\n%s", l.screen.paint(bold, shortType(t.name)))
		slices.SortStableFunc(t.kinds, func(a, b *changeKind) int {
			return cmp.Or(cmp.Compare(b.weight, a.weight), cmp.Compare(a.count, b.count))
		})
		printed, more := 0, map[graph.Op]int{}
		for _, kind := range t.kinds {
			shown := kind.first[:min(len(kind.first), mostOfAType-printed)]
			for _, lines := range shown {
				l.screen.line("%s", strings.Join(lines, "\n"))
			}
			printed += len(shown)
			more[kind.op] += kind.count - len(shown)
		}
		for _, op := range []graph.Op{graph.Created, graph.Updated, graph.Rekeyed, graph.Deleted} {
			if more[op] > 0 {
				l.screen.line("  … and %d more %s", more[op], opWords[op])
			}
		}
	}
	return len(l.types) > 0
}

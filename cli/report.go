package cli

import (
	"fmt"
	"path/filepath"
	"strings"

	"s1graph/config"
	"s1graph/connector"
	"s1graph/graph"
	"s1graph/harmless"
	"s1graph/steps"
)

// report is what a person reads when a run is over.
type report struct {
	*screen
	summary  connector.Summary
	changes  *changeList
	settings *config.Config
	dryRun   bool
	failed   bool // nothing was committed; why is said elsewhere
}

func (r *report) print() {
	if len(r.summary.Steps) > 0 {
		r.stepsTable()
	}
	if len(r.summary.Stores) > 0 {
		r.line("")
		r.storesTable()
	}
	if !r.failed {
		r.line("")
		r.printChanges()
	}
	if r.summary.Overview != nil {
		r.line("")
		r.printOverview(r.summary.Overview)
	}
	r.printNotices()
	if !r.failed {
		r.line("\n%s", r.closing())
	}
}

func (r *report) stepsTable() {
	colours := map[string]colour{"ok": green, "failed": red, "refused": red, "unavailable": yellow, "skipped": faint}
	var rows [][]any
	for _, step := range r.summary.Steps {
		rows = append(rows, []any{step.ID, r.paint(colours[step.State], step.State), seconds(step.Seconds), step.Requests, step.Entities, step.Relationships})
	}
	r.table([]string{"step", "state", "seconds", "requests", "entities", "relationships"}, rows)
}

func (r *report) storesTable() {
	var rows [][]any
	for _, store := range r.summary.Stores {
		state := r.paint(green, "up to date")
		if store.Behind {
			state = r.paint(red, "behind")
		}
		rows = append(rows, []any{store.Name, state, seconds(store.Seconds), store.Statements, store.Rows})
	}
	r.table([]string{"store", "state", "seconds", "statements", "changes written"}, rows)
}

// seconds prints with one decimal.
type seconds float64

func (s seconds) String() string { return fmt.Sprintf("%.1f", float64(s)) }

func (r *report) printChanges() {
	if r.summary.Previous == "" {
		r.graphTable()
		if !r.dryRun {
			r.line("\nThis is the first graph of %s: the next run is compared with it.", harmless.Text(r.summary.Instance))
		}
		return
	}
	if !r.countsTable(r.summary.Changes) {
		r.line("Nothing changed.")
		return
	}
	if baseline := r.baselineTypes(); len(baseline) > 0 {
		r.line("\nBaseline: changes of %s are written and not reported, as what the last run has of them is missing or cannot be compared.", strings.Join(baseline, ", "))
	}
	file := filepath.Join(r.settings.Dir, "current", "changes.jsonl")
	if r.dryRun {
		file = ""
	}
	r.changes.print(file)
}

func (r *report) baselineTypes() []string {
	var names []string
	for _, name := range sortedKeys(r.summary.Changes) {
		if r.summary.Changes[name].Baseline > 0 {
			names = append(names, name)
		}
	}
	return names
}

// graphTable prints how much there is of each type: all of it was created.
func (r *report) graphTable() {
	var rows [][]any
	for _, counts := range []map[string]int64{r.summary.Entities, r.summary.Relationships} {
		for _, name := range sortedKeys(counts) {
			if counts[name] > 0 {
				rows = append(rows, []any{name, counts[name]})
			}
		}
	}
	r.table([]string{"type", "created"}, rows)
}

// notices are what is odd, each with what to do about it.
func (r *report) notices() (notices []string) {
	for _, step := range r.summary.Steps {
		if step.Error == "" || step.State == string(steps.Unavailable) { // of which a notice tells, once
			continue
		}
		what := "run again"
		if step.State == "refused" {
			what = "give the service user the role Viewer over the whole scope, or leave the step out with --skip " + step.ID
		}
		fault := strings.TrimSuffix(step.Error, ".")
		if !strings.HasSuffix(fault, what) {
			fault += "; " + what
		}
		notices = append(notices, fmt.Sprintf("%s %s: %s.", step.ID, step.State, fault))
	}
	if types := r.summary.IncompleteTypes; len(types) > 0 {
		notices = append(notices, fmt.Sprintf("Incomplete: %s. What was not found there does not count as gone; a later run that reads all of it makes up for that.", strings.Join(types, ", ")))
	}
	for _, name := range sortedKeys(r.summary.WithheldDeletions) {
		notices = append(notices, fmt.Sprintf("Withheld: %d deletions of %s, more than the deletion guard lets pass. If they are really gone, run with --allow-mass-delete, or let the next run pass with s1graph accept-deletions.", r.summary.WithheldDeletions[name], name))
	}
	notices = append(notices, r.summary.Notices...)
	if n := r.summary.DanglingRelationships; n > 0 {
		notices = append(notices, fmt.Sprintf("Left out: %d relationships with an end that the console does not list.", n))
	}
	return notices
}

func (r *report) printNotices() {
	for i, notice := range r.notices() {
		if i == 0 {
			r.line("")
		}
		r.marked(yellow, notice)
	}
}

// marked prints a text behind an exclamation mark, and harmless.
func (s *screen) marked(c colour, text string) {
	const mark = "! "
	s.line("%s%s", s.paint(c, mark), strings.ReplaceAll(s.wrap(harmless.Text(text), len(mark)), "\n", "\n  "))
}

// totalOf is how many changes there were of all types together.
func totalOf(counts map[string]graph.Counts) (t graph.Counts) {
	for _, n := range counts {
		t.Created += n.Created
		t.Updated += n.Updated
		t.Deleted += n.Deleted
		t.Rekeyed += n.Rekeyed
		t.Touched += n.Touched
		t.Baseline += n.Baseline
	}
	return t
}

// closing says where the graph is and how to go on.
func (r *report) closing() string {
	folder := filepath.Join(r.settings.Dir, "graph")
	switch {
	case r.dryRun:
		return "Dry run: nothing was written. Leave --dry-run out to write it to " + folder + "."
	case r.summary.Status == connector.Partial:
		return "The graph is in " + folder + ", and partial: see the lines marked with ! above, and run again."
	}
	return "The graph is in " + folder + ". Run again to see what changed since."
}

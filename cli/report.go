package cli

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"s1graph/config"
	"s1graph/connector"
	"s1graph/graph"
	"s1graph/harmless"
	"s1graph/plural"
	"s1graph/steps"
)

// report is what a person reads when a run is over.
type report struct {
	*screen
	summary  connector.Summary
	changes  *changeList
	settings *config.Config
	dryRun   bool
	verbose  bool
	which    string // flag that chooses the instance, where it is one of several
	failed   bool   // nothing was committed; why is said elsewhere
}

func (r *report) print() {
	if r.summary.NothingDue {
		r.sentence("No step is due: nothing was read, and the last graph stands.")
		r.printNotices()
		return
	}
	if r.tellsOfSteps() {
		r.stepsTable()
		r.line("")
	}
	if !r.failed {
		r.printChanges()
	}
	if r.summary.Overview != nil {
		r.line("")
		if r.keeps() {
			r.line("With what is kept of earlier runs:")
		}
		r.printOverview(r.summary.Overview)
	}
	r.printNotices()
	if !r.failed {
		r.line("")
		r.sentence("%s", r.closing())
	}
}

// keeps says whether the graph has something that this run did not read, or no longer found.
func (r *report) keeps() bool {
	return len(r.summary.IncompleteTypes)+len(r.summary.WithheldDeletions)+len(r.summary.KeptOutOfScope) > 0
}

// slowStep is how many seconds a step may take without being told of.
const slowStep = 60

// tellsOfSteps says whether somebody would want to know how the steps went: something was slow or wrong, or they ask.
func (r *report) tellsOfSteps() bool {
	return len(r.summary.Steps) > 0 && (r.verbose || slices.ContainsFunc(r.summary.Steps, func(s connector.StepResult) bool {
		return s.Seconds >= slowStep || s.State == string(steps.Failed) || s.State == string(steps.Refused)
	}))
}

func (r *report) stepsTable() {
	colours := map[string]colour{"ok": green, "failed": red, "refused": red, "unavailable": yellow, "skipped": faint}
	var rows []counted
	for _, step := range r.summary.Steps {
		state := step.State
		if at := step.LastReadAt; !at.IsZero() && (state == string(steps.Skipped) || state == string(steps.Unavailable)) {
			state += ", last read " + at.Local().Format("2006-01-02 15:04")
		}
		rows = append(rows, counted{[]any{step.ID, r.paint(colours[step.State], state), seconds(step.Seconds)}, []int64{step.Requests, step.Entities, step.Relationships}})
	}
	r.countedTable([]string{"step", "state", "seconds", "requests", "entities", "relationships"}, rows)
}

// seconds prints with one decimal.
type seconds float64

func (s seconds) String() string { return fmt.Sprintf("%.1f", float64(s)) }

func (r *report) printChanges() {
	if r.summary.Previous == "" {
		r.graphTable()
		if !r.dryRun {
			r.line("")
			r.sentence("This is the first graph of %s: the next run is compared with it.", harmless.Text(r.summary.Instance))
		}
		return
	}
	if graph.Total(r.summary.Changes) == (graph.Counts{}) {
		what := "Nothing changed."
		if r.keeps() {
			what = "Nothing changed in what was read."
		}
		r.line("%s", what)
		return
	}
	r.countsTable(r.summary.Changes)
	if baseline := r.baselineTypes(); len(baseline) > 0 {
		r.line("")
		r.sentence("Baseline: changes of %s are written and not reported, as what the last run has of them is missing or cannot be compared.", strings.Join(baseline, ", "))
	}
	if r.changes.print() && !r.dryRun {
		r.line("")
		where := "--dir " + r.settings.Dir
		if r.settings.Dir == filepath.Join(".s1graph", r.settings.Instance) {
			where = "--instance " + r.settings.Instance
		}
		r.sentence("s1graph changes %s lists all changes.", harmless.Text(where))
	}
}

func (r *report) baselineTypes() []string {
	var names []string
	for _, name := range sortedKeys(r.summary.Changes) {
		if r.summary.Changes[name].Baseline > 0 {
			names = append(names, shortType(name))
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
				rows = append(rows, []any{shortType(name), counts[name]})
			}
		}
	}
	r.table([]string{"type", "created"}, rows)
}

// notices are what is odd, each with what to do about it.
func (r *report) notices() (notices []string) {
	for _, step := range r.summary.Steps {
		if step.Error == "" || step.State == string(steps.Unavailable) || strings.Contains(r.summary.Error, step.Error) { // that is told once
			continue
		}
		if strings.HasPrefix(step.Error, "not read: ") {
			notices = append(notices, step.ID+" "+step.Error+".")
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
		notices = append(notices, fmt.Sprintf("Incomplete: %s. Nothing of them was deleted; the next complete run catches up.", strings.Join(shortTypes(types), ", ")))
	}
	for _, name := range sortedKeys(r.summary.WithheldDeletions) {
		notices = append(notices, fmt.Sprintf("Withheld: %s of %s, more than the deletion guard lets pass. If they are really gone, run%s with --allow-mass-delete, or let the next run pass with s1graph accept-deletions%s.", plural.Of(r.summary.WithheldDeletions[name], "deletion"), shortType(name), r.which, r.which))
	}
	notices = append(notices, r.summary.Notices...)
	if n := r.summary.DanglingRelationships; n > 0 {
		notices = append(notices, fmt.Sprintf("Left out: %s: one end is not in the console's lists.", plural.Of(n, "dangling relationship")))
	}
	return notices
}

func (r *report) printNotices() {
	notices := r.notices()
	if len(notices) > 0 {
		r.line("")
	}
	for _, notice := range notices {
		r.marked(yellow, notice)
	}
}

// marked prints a text behind an exclamation mark, and harmless.
func (s *screen) marked(c colour, text string) {
	const mark = "! "
	s.line("%s%s", s.paint(c, mark), strings.ReplaceAll(s.wrap(harmless.Text(text), len(mark)), "\n", "\n  "))
}

// closing says where the graph is and how to go on.
func (r *report) closing() string {
	folder := filepath.Join(r.settings.Dir, "graph")
	if r.dryRun {
		return "Dry run: nothing was written. Leave --dry-run out to write it to " + folder + "."
	}
	where := "The graph is in " + folder
	for _, store := range r.summary.Stores {
		if !store.Behind {
			where += fmt.Sprintf(" and in %s (%s written, %ss)", storeNames[store.Name], plural.Of(int(store.Rows), "change"), seconds(store.Seconds))
		}
	}
	if r.summary.Status == connector.Partial {
		return where + ", and partial: the lines marked with ! above say why, and what to do."
	}
	return where + ". Run again to see what changed since."
}

// storeNames are the stores as people call them.
var storeNames = map[string]string{"neo4j": "Neo4j"}

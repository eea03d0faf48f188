package connector

import (
	"cmp"
	"context"
	"iter"
	"slices"
	"time"

	"github.com/go-json-experiment/json"

	"s1graph/entities"
	"s1graph/graph"
	"s1graph/graph/jsonstore"
	"s1graph/overview"
	"s1graph/posture"
	"s1graph/reconcile"
	"s1graph/steps"
)

// lookOver counts what the run's graph comes to, and compares it with what the last one's did.
func (r *run) lookOver(ctx context.Context, draft *jsonstore.Draft) error {
	o, err := overview.Of(ctx, draft, readAt(&r.state, r.outOfScope, &r.summary))
	if err != nil {
		return err
	}
	r.leaveOutUnread(o.Figures)
	for name, n := range r.counted {
		o.Figures[name] = n
	}
	if _, isKnown := o.Figures["threatsOpen"]; !isKnown {
		delete(o.Figures, overview.ThreatsReopened)
	}
	if before := r.lastSummary(); before != nil && before.Overview != nil {
		o.Compare(before.Overview.Figures)
	}
	r.summary.Overview = &o
	return nil
}

// leaveOutUnread takes out the figures of what is not asked for or cannot be had: what was known of it some day says nothing of
// today, and 0 would say that there is none.
func (r *run) leaveOutUnread(figures map[string]int64) {
	for _, step := range steps.All() {
		for _, t := range step.Types {
			if slices.Contains(r.state.Unavailable, step.ID) || t.Name == vulnerabilityType && slices.Contains(r.config.Vulnerabilities, "off") {
				for _, f := range overview.FiguresOf(t.Name) {
					delete(figures, f.Name)
				}
			}
		}
	}
	asked := r.config.Severities()
	if _, isKnown := figures[overview.VulnerabilitiesOpen]; len(asked) == 0 || !isKnown {
		return
	}
	unknown, known := figures[overview.VulnerabilitiesOpen], int64(0) // of unknown severity, which asking for none gives, and of those asked for
	for _, severity := range overview.Severities {
		name := overview.VulnerabilitiesOf(severity)
		unknown -= figures[name]
		if slices.Contains(asked, severity) {
			known += figures[name]
		} else {
			delete(figures, name)
		}
	}
	if slices.Contains(asked, "none") {
		known += unknown
	}
	figures[overview.VulnerabilitiesOpen] = known
}

// readAt is when the records of a run were last read.
func readAt(s *state, outOfScope reconcile.KeySet, of *Summary) overview.ReadAt {
	return func(t *graph.Type, key string) (time.Time, bool) {
		switch {
		case outOfScope.Has(t.Name, key):
			return of.KeptOutOfScopeSince[t.Name], s.Established[t.Name]
		case t.Name == agentType:
			return s.AgentsReadAt, s.Established[t.Name]
		}
		return cmp.Or(s.ReadAt[t.Step], of.StartedAt), s.Established[t.Name]
	}
}

// ReadAt is when the records of a committed run were last read; summary is the run's own.
func ReadAt(run *jsonstore.Run, summary *Summary) (overview.ReadAt, error) {
	was, err := stateOf(run)
	if err != nil {
		return nil, err
	}
	outOfScope, err := reconcile.NewKeySet(outOfScopeOf(run))
	return readAt(&was, outOfScope, summary), err
}

// lastSummary is the last run's; nil where it cannot be read, or there is none.
func (r *run) lastSummary() *Summary {
	if r.last.run == nil {
		return nil
	}
	s, err := ReadSummary(r.last.run.Dir())
	if err != nil {
		return nil
	}
	return &s
}

// countReopened counts a change if it is a threat's that was resolved and is open again.
func (r *run) countReopened(c *graph.Change) {
	if c.Type.Name == entities.Threat.GraphType().Name && c.Op == graph.Updated &&
		c.Before.Get("open").Equal(graph.Bool(false)) && c.After.Get("open").Equal(graph.Bool(true)) {
		r.counted[overview.ThreatsReopened]++
	}
}

// countVerdicts counts what posture says of devices while it is written.
func (r *run) countVerdicts(verdicts iter.Seq2[posture.Verdict, error]) iter.Seq2[posture.Verdict, error] {
	r.counted[overview.DevicesEvaluated], r.counted[overview.DevicesCompliant] = 0, 0
	return graph.Map(verdicts, func(v posture.Verdict) posture.Verdict {
		r.counted[overview.DevicesEvaluated]++
		if v.Compliant {
			r.counted[overview.DevicesCompliant]++
		}
		return v
	})
}

// HistoryLine is a line of DIR/history.jsonl: how the fleet was when a run read it.
type HistoryLine struct {
	Run       string           `json:"run"` // ID
	StartedAt time.Time        `json:"startedAt"`
	Status    Status           `json:"status"`
	Figures   map[string]int64 `json:"figures"` // see overview.Overview
}

// historyKept is how long a run stands in the history: a year, and some weeks to compare with.
const historyKept = 400 * 24 * time.Hour

// History yields how the fleet of an instance was over time, the earliest run first. A line that is damaged is left out. After
// an error nothing more is yielded.
func History(dir string) iter.Seq2[HistoryLine, error] {
	return func(yield func(HistoryLine, error) bool) {
		for line, err := range jsonstore.History(dir) {
			l, damaged := readHistoryLine(line)
			if err == nil && damaged != nil {
				continue
			}
			if !yield(l, err) || err != nil {
				return
			}
		}
	}
}

func readHistoryLine(line []byte) (l HistoryLine, err error) {
	err = json.Unmarshal(line, &l)
	return l, err
}

// record puts the run into the history, from which it takes what is old once a month: that writes the file anew. That it
// cannot be written is no fault of the run.
func (r *run) record() {
	err := r.append(&r.summary)
	if err == nil && r.state.ClockDoubted.IsZero() {
		err = r.shortenHistory()
	}
	r.noticeHistory(err)
}

func (r *run) noticeHistory(err error) {
	if err != nil {
		r.notice("The overview could not be added to history.jsonl: %v.", err)
	}
}

// recordLast puts the last run into the history where it is not there: its process was killed before it did so, maybe on another
// machine.
func (r *run) recordLast() error {
	s := r.lastSummary()
	if s == nil || s.Overview == nil || r.o.DryRun {
		return nil
	}
	var end []byte
	for line, err := range jsonstore.History(r.config.Dir) {
		if err != nil {
			return err
		}
		end = append(end[:0], line...)
	}
	if recorded, err := readHistoryLine(end); err == nil && !jsonstore.Precedes(recorded.Run, s.Run) {
		return nil
	}
	return r.append(s)
}

func (r *run) append(s *Summary) error {
	line, err := json.Marshal(HistoryLine{s.Run, s.StartedAt, s.Status, s.Overview.Figures}, json.Deterministic(true))
	if err == nil {
		err = r.store.AppendHistory(line)
	}
	return err
}

func (r *run) shortenHistory() error {
	for first, err := range History(r.config.Dir) {
		if err != nil || r.summary.StartedAt.Sub(first.StartedAt) < historyKept+30*24*time.Hour {
			return err
		}
		break
	}
	return r.store.KeepHistory(func(line []byte) bool {
		l, err := readHistoryLine(line)
		return err == nil && r.summary.StartedAt.Sub(l.StartedAt) < historyKept
	})
}

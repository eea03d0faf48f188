package connector

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"iter"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"

	"s1graph/alerts"
	"s1graph/config"
	"s1graph/entities"
	"s1graph/graph"
	"s1graph/graph/jsonstore"
	"s1graph/posture"
	"s1graph/steps"
)

// follower judges committed runs by the rules of alerts: a consumer that follows at its own pace. A run that
// was committed by a process which was killed before it could be judged is judged when the next one starts.
type follower struct {
	sync *sync
	keep []string // IDs of the runs that were not judged yet
}

// openAlerts says who judges runs, if there are rules.
func (s *sync) openAlerts() {
	if s.o.Alerts != nil && !s.o.DryRun {
		s.alerts = &follower{sync: s}
	}
}

// catchUp judges the runs that nobody has judged yet, the oldest first.
func (f *follower) catchUp(ctx context.Context) {
	if f == nil || f.sync.last.run == nil {
		return
	}
	judged, err := f.sync.o.Alerts.Cursor(ctx)
	if err != nil {
		f.keep = idsOf(f.since(""))
		f.complain(ctx, err)
		return
	}
	behind := f.since(judged)
	switch {
	case judged == "": // the rules are new here: the last run is what they begin with
		behind = behind[len(behind)-1:]
	case len(behind) > 0 && behind[0].Manifest().Previous != judged: // a backup was put in place of the folder or of alerts.db
		behind = slices.DeleteFunc(behind, func(run *jsonstore.Run) bool { return jsonstore.Precedes(run.Manifest().ID, judged) })
	}
	for i, run := range behind {
		if err := f.judge(ctx, run, nil); err != nil {
			f.keep = idsOf(behind[i:])
			f.complain(ctx, err)
			return
		}
	}
}

// since are the kept runs that were committed after the given one, the oldest first; all, where that is not among
// them.
func (f *follower) since(id string) []*jsonstore.Run {
	var runs []*jsonstore.Run
	for run := f.sync.last.run; run.Manifest().ID != id; {
		runs = append(runs, run)
		previous, err := f.sync.store.Run(run.Manifest().Previous)
		if err != nil {
			break // it is kept no more
		}
		run = previous
	}
	slices.Reverse(runs)
	return runs
}

func idsOf(runs []*jsonstore.Run) []string {
	var ids []string
	for _, run := range runs {
		ids = append(ids, run.Manifest().ID)
	}
	return ids
}

// follow judges the run that was just committed, whose summary is this sync's.
func (f *follower) follow(ctx context.Context, run *jsonstore.Run) {
	if f == nil {
		return
	}
	if len(f.keep) > 0 { // what comes before was not judged, and runs are judged in their order
		f.keep = append(f.keep, run.Manifest().ID)
		return
	}
	err := f.judge(ctx, run, &f.sync.summary)
	if err != nil {
		f.keep = []string{run.Manifest().ID}
	}
	f.complain(ctx, err)
}

// complain tells of a fault that makes alerts stay behind, which is no fault of the run.
func (f *follower) complain(ctx context.Context, err error) {
	if err == nil || ctx.Err() != nil {
		return
	}
	s := f.sync
	if s.summary.Status == Complete {
		s.summary.Status = Partial
	}
	s.notice("Alerts are behind, and the next run catches up: %s.", strings.TrimSuffix(err.Error(), "."))
}

// failed lets the rules on runs judge a run that committed nothing. What was interrupted did not fail, and neither
// did what another process keeps from running.
func (f *follower) failed(ctx context.Context, err error) {
	var locked *jsonstore.LockedError
	if f == nil || ctx.Err() != nil || errors.As(err, &locked) {
		return
	}
	if err := f.sync.o.Alerts.Failed(ctx, reportOf(&f.sync.summary)); err != nil {
		f.sync.o.Logger.Error("a failed run could not be judged by the rules of alerts", "error", err)
	}
}

// judge gives a committed run to the rules. summary is nil where the run's own is to be read.
func (f *follower) judge(ctx context.Context, run *jsonstore.Run, summary *Summary) error {
	judged, err := RunForAlerts(run, summary)
	if err != nil {
		return err
	}
	_, err = f.sync.o.Alerts.Apply(ctx, judged)
	return err
}

// RunForAlerts is what the rules of alerts are told of a committed run. summary is nil where the run's own file is
// to be read, which does not know yet which stores stayed behind.
func RunForAlerts(run *jsonstore.Run, summary *Summary) (alerts.Run, error) {
	if summary == nil {
		own, err := ReadSummary(run.Dir())
		if err != nil {
			return alerts.Run{}, err
		}
		summary = &own
	}
	manifest, types := run.Manifest(), graph.TypesByName(run)
	var was state
	if err := json.Unmarshal(manifest.State, &was); err != nil {
		return alerts.Run{}, fmt.Errorf("%s/run.json: %w", run.Dir(), err)
	}
	judged := alerts.Run{
		ID: manifest.ID, StartedAt: manifest.StartedAt, Graph: run, Types: types,
		Changes: func(ctx context.Context) iter.Seq2[alerts.Event, error] {
			return alerts.ReadEvents(ctx, filepath.Join(run.Dir(), "changes.jsonl"))
		},
		Fresh:    func(name string) bool { return was.Adopted != "" || summary.isFresh(types[name]) },
		Baseline: func(name string) bool { return manifest.Previous == "" || summary.Changes[name].Baseline > 0 },
		Report:   reportOf(summary),
	}
	if _, found := manifest.Files[posture.File]; found {
		judged.Policies = was.Policies
		judged.Posture = func(context.Context) iter.Seq2[posture.Verdict, error] { return ReadPosture(run) }
	}
	return judged, nil
}

// isFresh says whether all records of a type are as this run found them.
func (s *Summary) isFresh(t *graph.Type) bool {
	if t == nil || slices.Contains(s.IncompleteTypes, t.Name) || s.KeptOutside[t.Name] > 0 {
		return false
	}
	return slices.ContainsFunc(s.Steps, func(r StepResult) bool { return r.ID == t.Step && r.State == string(steps.OK) })
}

func reportOf(s *Summary) alerts.Report {
	report := alerts.Report{
		Instance: s.Instance, Run: s.Run, Status: string(s.Status), Error: s.Error, StartedAt: s.StartedAt, FinishedAt: s.FinishedAt,
		IncompleteTypes: s.IncompleteTypes, Withheld: maps.Clone(s.WithheldDeletions), TokenExpiresAt: s.TokenExpiresAt,
	}
	for _, store := range s.Stores {
		if store.Behind {
			report.Behind = append(report.Behind, store.Name)
		}
	}
	return report
}

// judgePosture writes what the configuration's policies say of the devices beside the graph. Where agents were not
// read whole, it is by the time when they last were: nothing was heard of them since, and that is no fault of theirs.
func (s *sync) judgePosture(ctx context.Context, draft *jsonstore.Draft) error {
	if len(s.config.Posture) == 0 {
		return nil
	}
	verdicts := posture.Evaluate(ctx, s.config.Posture, draft, graph.TypesByName(draft), s.state.AgentsReadAt)
	return draft.WriteFile(posture.File, func(w io.Writer) error { return posture.Write(w, verdicts) })
}

// hashOf is another one when policies demand something else, or of other groups; "" where there are none.
func hashOf(policies []config.PosturePolicy) string {
	if len(policies) == 0 {
		return ""
	}
	h := sha256.New()
	for _, p := range policies {
		fmt.Fprintf(h, "%q %q %q %d %s", p.Groups, p.NetworkStatus, p.OperationalState, p.LastSyncedInterval, given(p.ActiveThreats))
		for _, want := range []*bool{p.EncryptedApplications, p.FirewallEnabled, p.Infected, p.IsActive, p.IsUpToDate} {
			fmt.Fprint(h, " ", given(want))
		}
		fmt.Fprintln(h)
	}
	return hex.EncodeToString(h.Sum(nil)[:8])
}

func given[T any](v *T) string {
	if v == nil {
		return "-"
	}
	return fmt.Sprint(*v)
}

// agentsReadAt is when all agents of the graph were last read.
func (s *sync) agentsReadAt() {
	s.state.AgentsReadAt = s.summary.StartedAt
	if last := s.last.state.AgentsReadAt; !s.summary.isFresh(entities.Agent.GraphType()) && !last.IsZero() {
		s.state.AgentsReadAt = last
	}
}

// ReadPosture yields the verdicts that were kept with a run, in ascending order of the devices' keys. The error is
// fs.ErrNotExist where the run has none.
func ReadPosture(run *jsonstore.Run) iter.Seq2[posture.Verdict, error] {
	return func(yield func(posture.Verdict, error) bool) {
		f, err := run.Open(posture.File)
		if err != nil {
			yield(posture.Verdict{}, err)
			return
		}
		defer f.Close()
		posture.Read(f)(yield)
	}
}

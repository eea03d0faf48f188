// Package connector does one sync from start to end: it opens the directory of the instance, runs the
// steps, settles what is gone, compares with the last run and commits. `run` calls it once. It knows all
// parts and how they fit; what each does is theirs.
package connector

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"slices"
	"time"

	"github.com/go-json-experiment/json"

	"s1graph/config"
	"s1graph/entities"
	"s1graph/graph"
	"s1graph/graph/jsonstore"
	"s1graph/reconcile"
	"s1graph/s1"
	"s1graph/s1/replay"
	"s1graph/steps"
)

// Sync reads the tenant once and commits what it found. The Summary says how far it came, with an error
// too. The error is nil where the run was committed, even if only in part; a *UsageError is a fault of
// the caller, a *jsonstore.LockedError another run's claim on the directory, a *DeadlineError the end of a
// run that took too long.
func Sync(ctx context.Context, o Options) (Summary, error) {
	s := newSync(o)
	bounded, cancel := withDeadline(ctx, o.Config.RunDeadline)
	defer cancel()
	err := orDeadline(bounded, s.run(bounded))
	switch {
	case errors.Is(err, context.Canceled):
		s.summary.Status, s.summary.Error = Failed, "interrupted: nothing was committed"
	case err != nil:
		s.summary.Status, s.summary.Error = Failed, err.Error()
	}
	s.summary.FinishedAt = s.clock().UTC()
	if err != nil {
		s.tellFailure(ctx, err)
	}
	return s.summary, err
}

// sync is one sync under way.
type sync struct {
	o       Options
	config  *config.Config
	summary Summary
	clock   func() time.Time

	recording    *replay.Recording
	recorder     *replay.Recorder
	store        *jsonstore.Store
	last         *lastRun
	client       *s1.Client
	accepted     acceptance
	consumers    []consumer
	folderIsOurs bool // an alert may be queued in it
	state        state
	results      []steps.Result
	mixed        bool // while the steps ran, what the token may see changed, or the token did and sees something else
}

// state is what a run leaves for the next one, beside the graph.
type state struct {
	Host   string      `json:"host"`             // of the console
	Source string      `json:"source,omitempty"` // console or replay; "" where an older version committed the run
	Scope  steps.Scope `json:"scope"`            // what the run could see when it began

	// Applications is the source that was found, so that it is kept; auto while none was.
	Applications string `json:"applications"`

	// Established has the types that were read whole at least once as the model maps them now, of
	// relationships with both their ends. Until then a type is a baseline: nothing of it makes a change
	// event.
	Established map[string]bool `json:"established"`

	// Complete has the types of which the run's graph has all there is: a store may delete what of them it
	// has and the graph has not.
	Complete map[string]bool `json:"complete"`

	AgentsReadAt time.Time `json:"agentsReadAt,omitzero"` // when all agents of the graph were last read
	Policies     string    `json:"policies,omitempty"`    // hash of what posture demanded; "" where it demanded nothing

	Tag string `json:"tag,omitempty"` // the account name on every entity

	Taken      []string  `json:"taken,omitempty"`     // files of accepted deletions that the run took over
	ReleasedAt time.Time `json:"releasedAt,omitzero"` // when the newest was released of what the run lists as released

	// Adopted is the run whose graph was read back from Neo4j, where this run did nothing but that; else it is empty.
	Adopted string `json:"adopted,omitempty"`

	Version string `json:"version,omitempty"` // of s1graph
}

func newSync(o Options) *sync {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Progress == nil {
		o.Progress = func(Event) {}
	}
	if o.Changes == nil {
		o.Changes = func(graph.Change, graph.Snapshot, graph.Snapshot) error { return nil }
	}
	clock := o.Clock
	if clock == nil {
		clock = time.Now
	}
	return &sync{o: o, config: o.Config, clock: clock, summary: Summary{
		Instance:          o.Config.Instance,
		Status:            Complete,
		Steps:             []StepResult{},
		IncompleteTypes:   []string{},
		WithheldDeletions: map[string]int64{},
		KeptOutside:       map[string]int64{},
		Entities:          map[string]int64{},
		Relationships:     map[string]int64{},
		Changes:           map[string]graph.Counts{},
	}}
}

func (s *sync) run(ctx context.Context) (err error) {
	if s.o.Replay != "" {
		if s.recording, err = replay.Open(s.o.Replay); err != nil {
			return err
		}
		if s.o.Clock == nil {
			s.clock = func() time.Time { return s.recording.Meta().RecordedAt }
		}
	}
	if s.o.Record != "" && isSameFolder(s.o.Record, s.o.Replay) {
		return &UsageError{fmt.Errorf("%s would be replayed and recorded over at once: give --record another folder", s.o.Record)}
	}
	s.summary.StartedAt = s.clock().UTC()
	if err := CheckFolder(s.config); err != nil { // before an alert is queued in it
		return err
	}
	s.folderIsOurs = true
	if err := s.connect(); err != nil {
		return err
	}
	defer s.client.Close()
	if err := s.openStore(); err != nil {
		return err
	}
	defer s.store.Close()
	if err := s.openLast(ctx); err != nil {
		return err
	}
	defer s.closeConsumers(ctx)
	if err := s.openConsumers(ctx); err != nil {
		return err
	}
	s.catchUp(ctx)
	draft, err := s.store.Begin(s.summary.StartedAt)
	if err != nil {
		return err
	}
	err = s.fill(ctx, draft)
	if s.recorder != nil {
		err = errors.Join(err, s.recorder.Close())
	}
	if err != nil || s.o.DryRun {
		return errors.Join(err, draft.Abort())
	}
	if err := s.commit(draft); err != nil {
		return err
	}
	s.apply(ctx, s.store.Last())
	s.prune()
	return nil
}

// connect makes the client, and the recorder that it tells; nothing is asked yet.
func (s *sync) connect() (err error) {
	if s.o.Record != "" {
		filters := s.filters()
		s.recorder, err = replay.NewRecorder(s.o.Record, replay.Meta{
			Instance: s.config.Instance, RecordedAt: s.summary.StartedAt, APIVersion: s.config.APIVersion,
			Accounts: filters.Accounts, Sites: filters.Sites, Groups: filters.Groups,
		})
		if err != nil {
			return &UsageError{err}
		}
	}
	s.client, err = NewClient(s.config, func(c *s1.Config) {
		c.Transport, c.Sleep, c.Logger, c.Limiter = s.o.Transport, s.o.Sleep, s.o.Logger, s.o.Limiter
		if s.recorder != nil {
			c.Recorder = s.recorder
		}
		if s.recording != nil {
			c.URL, c.Token, c.Transport = s.recording.URL(), s1.StaticToken("replay"), s.recording.Transport()
			c.Limiter = new(s1.Limiter) // nobody is to be spared
		}
	})
	return err
}

// openLast opens the last committed run, and refuses to go on where it is of something else than this run reads.
func (s *sync) openLast(ctx context.Context) (err error) {
	s.last, err = openLast(ctx, s.store)
	if err != nil {
		return err
	}
	s.summary.Previous = s.last.id()
	if recovered := s.store.Recovered(); recovered != "" {
		s.notice("%s", recovered)
		s.last.incomparable = true
	}
	if s.last.state.Adopted != "" {
		s.last.incomparable = true
	}
	for _, name := range slices.Sorted(maps.Keys(s.last.damaged)) {
		s.notice("The last run's %s were damaged (%v): what could be read was kept, and the type is written anew.", name, s.last.damaged[name])
	}
	if err := s.readAccepted(); err != nil {
		return err
	}
	return s.checkOrigin()
}

func (s *sync) notice(format string, args ...any) {
	s.summary.Notices = append(s.summary.Notices, fmt.Sprintf(format, args...))
}

// fill reads the tenant into the draft and compares it with the last run.
func (s *sync) fill(ctx context.Context, draft *jsonstore.Draft) error {
	in, err := s.input(ctx)
	if err != nil {
		return err
	}
	builder, err := graph.NewBuilder(graph.BuilderConfig{Dir: s.store.TempDir(), Types: steps.GraphTypes()})
	if err != nil {
		return err
	}
	defer builder.Close()
	if err := s.runSteps(ctx, in, builder); err != nil {
		return err
	}
	if err := s.checkTokens(ctx, in); err != nil {
		return err
	}
	r, err := reconcile.Run(ctx, reconcile.Input{
		Model: steps.Model(), Last: s.last, Fresh: builder, Draft: draft, Read: s.readings(in), Decodable: s.last.byName,
		Tenant: in, Guard: s.guard(), Accepted: s.accepted.keys,
	})
	if err != nil {
		return err
	}
	s.conclude(in, r)
	if err := s.listKeys(ctx, draft, r); err != nil {
		return err
	}
	if err := s.compare(ctx, draft, r); err != nil {
		return err
	}
	return s.evaluatePosture(ctx, draft)
}

func (s *sync) guard() reconcile.Guard {
	return reconcile.Guard{Percent: s.config.DeletionGuard.Percent, Count: int64(s.config.DeletionGuard.Count), Off: s.o.AllowMassDelete}
}

// input asks who the token is, and puts together what the steps need.
func (s *sync) input(ctx context.Context) (*steps.Input, error) {
	scope, err := s.readScope(ctx)
	if err != nil {
		return nil, err
	}
	if scope.Unknown {
		s.notice("The console does not say what the token may see, so nothing counts as gone: ask it with s1graph api user.")
	}
	applications := s.config.Applications
	if found := s.last.state.Applications; applications == steps.AutoSource && found != "" {
		applications = found
	}
	s.state = state{Host: s.client.Host(), Source: s.source(), Scope: scope, Applications: applications, Version: s.o.Version}
	in, err := steps.NewInput(ctx, steps.Input{
		Client: s.client, Scope: scope, Last: s.last, Logger: s.o.Logger, Applications: applications,
	})
	if err == nil && s.last.committed() {
		s.compareScopes(in)
	}
	return in, err
}

// compareScopes says where this run sees another part of the tenant than the last one.
func (s *sync) compareScopes(in *steps.Input) {
	before := s.last.state.Scope
	if !in.Scope.Covers(before, in.AccountBefore) {
		s.summary.Status = Partial
		s.notice("This run sees less of the tenant than the last one: what lies outside is kept as it was. If it is really gone, let it go with s1graph accept-deletions --out-of-scope.")
	}
	if !before.Covers(in.Scope, in.AccountBefore) {
		s.last.incomparable = true
		s.notice("This run sees more of the tenant than the last one: what it finds is a baseline, and no change is reported.")
	}
}

// filters are what the configuration limits the scope to, or else what the recording was limited to.
func (s *sync) filters() steps.Scope {
	filters := steps.Scope{Accounts: s.config.Accounts, Sites: s.config.Sites, Groups: s.config.Groups}
	if s.recording != nil && len(filters.Accounts)+len(filters.Sites)+len(filters.Groups) == 0 {
		meta := s.recording.Meta()
		filters = steps.Scope{Accounts: meta.Accounts, Sites: meta.Sites, Groups: meta.Groups}
	}
	return filters
}

// isSameFolder says whether two paths lead to one folder that is there.
func isSameFolder(a, b string) bool {
	infoA, errA := os.Stat(a)
	infoB, errB := os.Stat(b)
	return errA == nil && errB == nil && os.SameFile(infoA, infoB)
}

func (s *sync) runSteps(ctx context.Context, in *steps.Input, builder *graph.Builder) error {
	var tags []graph.Property
	if s.config.TagAccountName && s.config.AccountName != "" {
		s.state.Tag = s.config.AccountName
		tags = []graph.Property{{Name: "tag.AccountName", Value: graph.String(s.state.Tag)}}
	}
	s.last.retagged = s.last.state.Tag != s.state.Tag
	results, err := steps.Run(ctx, in, steps.Plan{
		Steps:    steps.All(),
		Skip:     s.skips,
		Builder:  builder,
		Tags:     tags,
		Progress: s.report,
	})
	s.results = results
	read, faults := 0, []error{}
	for _, result := range results {
		s.summary.Steps = append(s.summary.Steps, stepResult(result))
		switch {
		case result.State == steps.OK:
			read++
		case result.Err != nil:
			faults = append(faults, fmt.Errorf("%s: %w", result.Step.ID, result.Err))
		}
	}
	if err == nil && read == 0 && len(faults) > 0 {
		err = fmt.Errorf("no step could be read, so nothing is committed: %w", errors.Join(faults...))
	}
	return err
}

func (s *sync) skips(id string) bool {
	if len(s.o.Only) > 0 {
		return !slices.Contains(s.o.Only, id)
	}
	return slices.Contains(s.config.Skip, id) || id == "applications" && s.config.Applications == "off"
}

func (s *sync) report(p steps.Progress) {
	state := string(p.State)
	if state == "" {
		state = "running"
	}
	s.o.Progress(Event{Step: p.Step.ID, Name: p.Step.Name, State: state, Rows: p.Rows, Total: p.Total, Seconds: p.Elapsed.Seconds(), Err: p.Err})
}

func stepResult(r steps.Result) StepResult {
	result := StepResult{ID: r.Step.ID, Name: r.Step.Name, State: string(r.State), Seconds: r.Elapsed.Seconds(), Requests: r.Requests}
	if r.Err != nil {
		result.Error = r.Err.Error()
	}
	return result
}

// readings says of each type of the model how it was read.
func (s *sync) readings(in *steps.Input) map[string]reconcile.Reading {
	readings := make(map[string]reconcile.Reading)
	for _, result := range s.results {
		for _, t := range result.Step.Types {
			skipped := result.State == steps.Skipped
			reading := reconcile.Reading{
				Written: *t.Type, Before: s.last.count(t.Name), Skipped: skipped,
				Incomplete:     result.State == steps.Failed || result.State == steps.Refused || (in.Scope.Unknown || s.mixed) && !skipped,
				KeepProperties: in.AccountsOfSites && t.Type == entities.Account.GraphType(),
			}
			if last := s.last.byName[t.Name]; skipped && last != nil {
				reading.Written = *last
			}
			readings[t.Name] = reading
		}
	}
	return readings
}

// conclude fills in the summary but for the changes.
func (s *sync) conclude(in *steps.Input, r *reconcile.Result) {
	if !s.mixed {
		s.state.Applications = in.Applications
	}
	for name, t := range r.Types {
		counts := s.summary.Entities
		if t.Relationship {
			counts = s.summary.Relationships
		}
		counts[name] = t.Records
		if t.Incomplete {
			s.summary.IncompleteTypes = append(s.summary.IncompleteTypes, name)
		}
		if t.Withheld > 0 {
			s.summary.WithheldDeletions[name] = t.Withheld
		}
		if t.OutOfScope > 0 {
			s.summary.KeptOutside[name] = t.OutOfScope
		}
	}
	s.state.Established = s.established(r.Types)
	s.state.Complete = make(map[string]bool)
	for name, t := range r.Types {
		s.state.Complete[name] = t.Skipped && s.last.state.Complete[name] || !t.KeepsAll() && t.Withheld == 0
	}
	slices.Sort(s.summary.IncompleteTypes)
	s.agentsReadAt()
	s.state.Policies = hashOf(s.config.Posture)
	s.summary.DanglingRelationships = r.Dangling
	for i, result := range s.results {
		for _, t := range result.Step.Types {
			if n := r.Types[t.Name].Fresh; t.Relationship {
				s.summary.Steps[i].Relationships += n
			} else {
				s.summary.Steps[i].Entities += n
			}
		}
		for name, n := range result.Dangling {
			if t := r.Types[name]; !r.Types[t.From].KeepsAll() && !r.Types[t.To].KeepsAll() {
				s.summary.DanglingRelationships += n
			}
		}
	}
	if len(s.summary.IncompleteTypes)+len(s.summary.WithheldDeletions) > 0 {
		s.summary.Status = Partial
	}
}

// established says of which types the next run's differences are changes. Relationships are made of what
// earlier steps found out too, so these must have been whole as well.
func (s *sync) established(types map[string]*reconcile.Type) map[string]bool {
	established := make(map[string]bool)
	sources := make(map[string][]string) // by step: the entity types that it depends on
	for _, result := range s.results {
		for _, id := range result.Step.DependsOn {
			sources[result.Step.ID] = append(sources[result.Step.ID], entityTypes(s.results, id)...)
		}
	}
	for _, t := range steps.GraphTypes() { // entities come first
		state := types[t.Name]
		whole := !state.Skipped && !state.Incomplete
		if t.Relationship {
			ends := append([]string{t.From, t.To}, sources[t.Step]...)
			whole = whole && !slices.ContainsFunc(ends, func(name string) bool { return !established[name] })
		}
		established[t.Name] = whole || s.last.established(&state.Written)
	}
	return established
}

func entityTypes(results []steps.Result, stepID string) []string {
	var names []string
	for _, result := range results {
		for _, t := range result.Step.Types {
			if result.Step.ID == stepID && !t.Relationship {
				names = append(names, t.Name)
			}
		}
	}
	return names
}

// compare finds and writes the changes against the last run.
func (s *sync) compare(ctx context.Context, draft *jsonstore.Draft, r *reconcile.Result) error {
	changes := draft.Changes()
	same := func(name string) bool { return r.Same[name] }
	options := graph.DiffOptions{Rekeyed: r.Rekeyed, Same: same, Baseline: func(name string) bool {
		t := r.Types[name]
		return t == nil || !s.last.comparable(&t.Written)
	}}
	counts, err := graph.Diff(ctx, s.last, draft, options, func(c graph.Change) error {
		if err := changes.Write(c); err != nil {
			return err
		}
		return s.o.Changes(c, s.last, draft)
	})
	maps.Copy(s.summary.Changes, counts)
	return err
}

// commit makes the draft the current run.
func (s *sync) commit(draft *jsonstore.Draft) error {
	s.summary.Run = draft.ID()
	s.summary.FinishedAt = s.clock().UTC()
	document, err := summaryFile(s.summary, s.results)
	if err != nil {
		return err
	}
	state, err := json.Marshal(s.state, json.Deterministic(true))
	if err != nil {
		return err
	}
	if err := draft.Commit(jsonstore.CommitInfo{State: state, Summary: document}); err != nil {
		return err
	}
	s.forgetAccepted()
	return nil
}

// prune removes the runs that nobody needs any more.
func (s *sync) prune() {
	var keep []string
	for _, c := range s.consumers {
		keep = append(keep, c.needs()...)
	}
	if err := s.store.Prune(keep...); err != nil {
		s.notice("Older runs could not be removed, and take space: %v.", err)
	}
	if err := s.store.PruneChanges(s.summary.StartedAt.Add(-s.config.ChangesKept)); err != nil {
		s.notice("Changes of older runs could not be removed, and take space: %v.", err)
	}
}

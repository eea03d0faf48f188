package connector

import (
	"context"
	"fmt"
	"slices"
	"time"

	"s1graph/config"
	"s1graph/graph/jsonstore"
	"s1graph/plural"
)

// consumer follows the committed runs of a folder at its own pace. A fault makes it stay behind, and is no fault of the
// run: the next run makes up for it. It is opened and closed by one run, and used by one goroutine.
type consumer interface {
	// catchUp applies what was committed before the tenant is read. last is the last committed run, nil where there is
	// none.
	catchUp(ctx context.Context, last *jsonstore.Run)

	// apply applies the run that was just committed.
	apply(ctx context.Context, run committed)

	// needs are the IDs of the runs that are to be kept for it: of a store the one that it holds, else those that it has
	// not applied.
	needs() []string

	// report is what there is to say since the last report.
	report() report

	// close gives back what it holds open.
	close(ctx context.Context)
}

// graphStore is a consumer that has a copy of the graph.
type graphStore interface {
	consumer

	// holds says whether the store is known to hold the graph of a run and nothing else.
	holds(runID string) bool

	// verified says whether it was compared with what it really holds when it was last asked to hold a run.
	verified() bool
}

// committed is a run that was just committed.
type committed struct {
	*jsonstore.Run
	summary Summary // with what the consumers before this one did
}

// report is what a consumer has to say.
type report struct {
	notices []string
	unseen  []string     // sentences: what it was moved past without having seen it
	behind  bool         // it has not applied all runs, and cannot in this run any more
	store   *StoreResult // of a store: what was done to it; nil before it was asked to apply the run
}

// consumers are all that there are: what each is called in notices and metrics, and what opens it where the configuration
// asks for it, else gives nil. What comes later in the list is told of those before it. A new one is a line here.
var consumers = []struct {
	name string
	open func(*run, context.Context) (consumer, error)
}{
	{neo4jName, (*run).openNeo4j},
	{"events", (*run).openPublisher},
	{alertsName, (*run).openEvaluator},
}

// ConsumerNames are the names of all consumers, as MovedOn has them.
func ConsumerNames() []string {
	var names []string
	for _, c := range consumers {
		names = append(names, c.name)
	}
	return names
}

// namedConsumer is a consumer that is open.
type namedConsumer struct {
	consumer
	name string
}

// openConsumers opens those that the configuration asks for, before the tenant is read.
func (r *run) openConsumers(ctx context.Context) error {
	for _, known := range consumers {
		c, err := known.open(r, ctx)
		if err != nil {
			return err
		}
		if c != nil {
			r.consumers = append(r.consumers, namedConsumer{c, known.name})
		}
	}
	return nil
}

func (r *run) closeConsumers(ctx context.Context) {
	for _, c := range r.consumers {
		c.close(context.WithoutCancel(ctx))
	}
}

func (r *run) catchUp(ctx context.Context) {
	for _, c := range r.consumers {
		c.catchUp(ctx, r.last.run)
		r.take(c)
	}
}

func (r *run) apply(ctx context.Context, run *jsonstore.Run) {
	for _, c := range r.consumers {
		c.apply(ctx, committed{run, r.summary})
		r.take(c)
	}
}

// behindOf are the kept runs that a consumer has not seen, the oldest first. seen is the last that it has; "" where it is new here:
// then it begins with the last run. missed says in a sentence what it has not seen and is no longer kept.
func behindOf(consumer string, runs *jsonstore.Store, last *jsonstore.Run, seen string) (behind []*jsonstore.Run, missed []string) {
	behind = since(runs, last, seen)
	switch {
	case seen == "":
		return behind[len(behind)-1:], nil
	case len(behind) > 0 && behind[0].Manifest().Previous != seen: // a backup was put in place of the folder or of the consumer's memory
		behind = slices.DeleteFunc(behind, func(run *jsonstore.Run) bool { return jsonstore.Precedes(run.Manifest().ID, seen) })
	}
	if len(behind) > 0 {
		if n := jsonstore.Between(seen, behind[0].Manifest().ID); n > 0 {
			missed = append(missed, fmt.Sprintf("%s did not see %s after %s and before %s, no longer kept: s1graph changes shows what was changed.", consumer, plural.Of(n, "run"), seen, behind[0].Manifest().ID))
		}
	}
	return behind, missed
}

// since are the kept runs that were committed after the given one, the oldest first; all, where that is not among
// them.
func since(runs *jsonstore.Store, last *jsonstore.Run, id string) []*jsonstore.Run {
	var kept []*jsonstore.Run
	for run := last; run.Manifest().ID != id; {
		kept = append(kept, run)
		previous, err := runs.Run(run.Manifest().Previous)
		if err != nil {
			break // it is kept no more
		}
		run = previous
	}
	slices.Reverse(kept)
	return kept
}

func idsOf(runs []*jsonstore.Run) []string {
	var ids []string
	for _, run := range runs {
		ids = append(ids, run.Manifest().ID)
	}
	return ids
}

// take puts into the summary what a consumer has to say.
func (r *run) take(c namedConsumer) {
	result := c.report()
	r.movedOn(c.name, result.unseen...)
	r.summary.Notices = append(r.summary.Notices, result.notices...)
	if result.store != nil {
		r.summary.Stores = append(r.summary.Stores, *result.store)
	}
	if result.behind && r.summary.Status == Complete {
		r.summary.Status = Partial
	}
}

// noteVerified leaves for the next run when the stores were last verified. What is verified while this run is applied it
// cannot know yet.
func (r *run) noteVerified() {
	r.state.VerifiedAt = r.last.state.VerifiedAt
	for _, c := range r.consumers {
		if store, isStore := c.consumer.(graphStore); isStore && store.verified() {
			r.state.VerifiedAt = r.summary.StartedAt
		}
	}
}

// VerifiedAt is when the stores of an instance were last verified, as far as its last run knows; zero where it does not.
func VerifiedAt(c *config.Config) time.Time {
	run, err := jsonstore.OpenLast(c.Dir)
	if err != nil {
		return time.Time{}
	}
	was, _ := stateOf(run) // who cannot read it verifies
	return was.VerifiedAt
}

// isStored says whether this run writes to stores, and all of them hold the graph of a run.
func (r *run) isStored(runID string) bool {
	stores := 0
	for _, c := range r.consumers {
		store, isStore := c.consumer.(graphStore)
		if isStore && !store.holds(runID) {
			return false
		}
		if isStore {
			stores++
		}
	}
	return stores > 0
}

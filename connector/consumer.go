package connector

import (
	"context"

	"s1graph/graph/jsonstore"
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
}

// committed is a run that was just committed.
type committed struct {
	*jsonstore.Run
	summary Summary // with what the consumers before this one did
}

// report is what a consumer has to say.
type report struct {
	notices []string
	behind  bool         // it has not applied all runs, and cannot in this run any more
	store   *StoreResult // of a store: what was done to it; nil before it was asked to apply the run
}

// openConsumers opens those that the configuration asks for, before the tenant is read. What comes later in the list is
// told of those before it. A new one is a line here.
func (s *sync) openConsumers(ctx context.Context) error {
	for _, open := range []func(context.Context) (consumer, error){s.openNeo4j, s.openEvaluator} {
		c, err := open(ctx)
		if err != nil {
			return err
		}
		if c != nil {
			s.consumers = append(s.consumers, c)
		}
	}
	return nil
}

func (s *sync) closeConsumers(ctx context.Context) {
	for _, c := range s.consumers {
		c.close(context.WithoutCancel(ctx))
	}
}

func (s *sync) catchUp(ctx context.Context) {
	for _, c := range s.consumers {
		c.catchUp(ctx, s.last.run)
		s.take(c.report())
	}
}

func (s *sync) apply(ctx context.Context, run *jsonstore.Run) {
	for _, c := range s.consumers {
		c.apply(ctx, committed{run, s.summary})
		s.take(c.report())
	}
}

// take puts into the summary what a consumer has to say.
func (s *sync) take(r report) {
	s.summary.Notices = append(s.summary.Notices, r.notices...)
	if r.store != nil {
		s.summary.Stores = append(s.summary.Stores, *r.store)
	}
	if r.behind && s.summary.Status == Complete {
		s.summary.Status = Partial
	}
}

// isStored says whether this run writes to stores, and all of them hold the graph of a run.
func (s *sync) isStored(runID string) bool {
	stores := 0
	for _, c := range s.consumers {
		store, isStore := c.(graphStore)
		if isStore && !store.holds(runID) {
			return false
		}
		if isStore {
			stores++
		}
	}
	return stores > 0
}

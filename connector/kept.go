package connector

import (
	"errors"
	"fmt"
	"slices"

	"s1graph/graph/jsonstore"
)

// MovedOn says that a consumer of the committed runs was moved past something that it did not see.
type MovedOn struct {
	Consumer string `json:"consumer"`
	What     string `json:"what"` // a sentence
}

// moveOn lets go of runs that are kept for consumers and are too old or take too much room: whoever needs them goes on
// without them.
func (r *run) moveOn() {
	var needed []string
	for _, c := range r.consumers {
		needed = append(needed, c.needs()...)
	}
	var err error
	if r.excess, err = r.store.Excess(needed, r.bounds()); err != nil {
		r.notice("s1graph cannot tell how much space older runs take: %v.", err)
	}
	for _, c := range r.consumers {
		if slices.ContainsFunc(c.needs(), func(id string) bool { return slices.Contains(r.excess, id) }) {
			r.movedOn(c.name, fmt.Sprintf("%s is moved on past the runs up to %s, which are older than runsKept or take more space than runsKeptGiB.",
				c.name, r.excess[len(r.excess)-1]))
		}
	}
}

// bounds say how long runs are kept beside the last two, and how much room they may take.
func (r *run) bounds() jsonstore.Bounds {
	bounds := jsonstore.Bounds{Bytes: int64(r.config.RunsKeptGiB * (1 << 30))}
	if r.state.ClockDoubted.IsZero() {
		bounds.Since = r.summary.StartedAt.Add(-r.config.RunsKept)
	}
	return bounds
}

func (r *run) movedOn(consumer string, what ...string) {
	for _, sentence := range what {
		r.summary.MovedOn = append(r.summary.MovedOn, MovedOn{consumer, sentence})
		r.notice("%s", sentence)
	}
}

// prune removes the runs that nobody needs any more.
func (r *run) prune() {
	var keep []string
	for _, c := range r.consumers {
		keep = append(keep, c.needs()...)
	}
	keep = slices.DeleteFunc(keep, func(id string) bool { return slices.Contains(r.excess, id) })
	if err := errors.Join(r.store.Prune(keep...), r.store.PruneAside(r.bounds())); err != nil {
		r.notice("Older runs could not be deleted, and take space: %v.", err)
	}
	if !r.state.ClockDoubted.IsZero() {
		return
	}
	if err := r.store.PruneChanges(r.summary.StartedAt.Add(-r.config.ChangesKept)); err != nil {
		r.notice("Changes of older runs could not be deleted, and take space: %v.", err)
	}
}

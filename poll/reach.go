package poll

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"s1graph/state"
)

// answers is when the bucket answered last.
type answers struct {
	mu  sync.Mutex
	at  time.Time
	err error // of what was asked since, and not answered
}

// note notes that something was asked of the bucket and how that ended. That it refuses a worker is an answer.
func (a *answers) note(now time.Time, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	_, refused := errors.AsType[*state.RefusedError](err)
	if err == nil || refused || errors.Is(err, state.ErrFenced) {
		a.at, err = now, nil
	}
	a.err = err
}

func (a *answers) last() (at time.Time, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.at, a.err
}

// asksEvery is how often a worker asks the bucket for a sign of life that does nothing else with it.
const asksEvery = time.Minute

// askBucket finds out whether the bucket answers a worker that may have no instance just now, until ctx ends.
func (s *Service) askBucket(ctx context.Context) {
	for s.wait(ctx, asksEvery) == nil {
		if at, _ := s.answered.last(); s.Now().Sub(at) < asksEvery {
			continue
		}
		asked, cancel := context.WithTimeout(ctx, endsWithin)
		err := state.Reach(asked, s.Bucket)
		cancel()
		if ctx.Err() == nil {
			s.answered.note(s.Now(), err)
		}
	}
}

// unready says why the service is not ready: what is wrong with it, and then with each instance.
func (s *Service) unready() (reasons []string) {
	now := s.Now()
	if s.ending.Load() {
		reasons = append(reasons, "the service ends")
	}
	if s.Fleet != nil {
		if !s.Fleet.Joined() {
			reasons = append(reasons, "NATS does not answer, so this worker can have no instance")
		}
		at, err := s.answered.last()
		late := s.instances[0].settings.Interval.Nth(at, 3)
		for _, i := range s.instances[1:] {
			if own := i.settings.Interval.Nth(at, 3); own.Before(late) {
				late = own
			}
		}
		if err != nil && now.After(late) {
			reasons = append(reasons, fmt.Sprintf("the bucket has not answered since %s: %v", at.UTC().Format(time.RFC3339), err))
		}
	}
	for _, i := range s.instances {
		if reason := i.unready(i.state(), now); reason != "" {
			reasons = append(reasons, i.settings.Instance+": "+reason)
		}
	}
	return reasons
}

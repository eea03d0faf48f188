package connector

import (
	"time"

	"s1graph/plural"
)

// tolerated is how far in the future a stored time may lie: clocks differ, and are put right.
const tolerated = 24 * time.Hour

// leap is how long after the last run a run must begin for its clock to be doubted, and how long it is doubted then.
const leap = 7 * 24 * time.Hour

// believe takes what is stored as a time in the future for now: it was written by a clock that was wrong.
func (s *state) believe(now time.Time) {
	s.AgentsReadAt, s.ReleasedAt = believed(s.AgentsReadAt, now), believed(s.ReleasedAt, now)
	for id, at := range s.ReadAt {
		s.ReadAt[id] = believed(at, now)
	}
}

func believed(at, now time.Time) time.Time {
	if at.After(now.Add(tolerated)) {
		return now
	}
	return at
}

// doubtClock says since when nothing is removed for its age, since the clock may have been put forward: a run that is dated
// years ahead would remove all. The zero time: the clock is believed.
func (r *run) doubtClock() time.Time {
	if r.last.run == nil {
		return time.Time{}
	}
	now, since := r.summary.StartedAt, r.last.state.ClockDoubted
	gap := now.Sub(r.last.run.Manifest().StartedAt)
	switch {
	case gap < 0: // it was wrong, and is right
		return time.Time{}
	case since.IsZero() && gap > leap:
		r.notice("This run began %s after the last one. In case the clock is wrong, nothing is deleted for its age until %s. Set the clock if it is wrong.",
			plural.Of(int(gap.Hours()/24), "day"), now.Add(leap).Format(time.DateOnly))
		return now
	case now.Sub(since) > leap:
		return time.Time{}
	}
	return since
}

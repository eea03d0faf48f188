package config

import (
	"fmt"
	"strings"
	"time"

	"github.com/netresearch/go-cron"
)

// shortest is the least time between two polls.
const shortest = time.Minute

// Schedule says when an instance is polled: after an interval, at the times of a cron expression, or, as the
// zero Schedule, never. It does not change, and may be used by several goroutines.
type Schedule struct {
	text  string // as it was given; "" where polling is disabled
	every time.Duration
	cron  cron.Schedule // nil where every is set
}

// expressions are those of crontab(5), which the parser's own standard is not: there, a day of the month and a
// day of the week must both be right.
var expressions = cron.MustNewParser(cron.Minute | cron.Hour | cron.Dom | cron.Month | cron.Dow | cron.Descriptor | cron.DowOrDom).
	WithMinEveryInterval(shortest)

// ParseSchedule understands DISABLED, a duration of a minute or more (30m), and a cron expression with five
// fields (0 */2 * * *) or a name (@hourly). The times of a cron expression are those of the machine's time zone,
// unless it begins with another, as in TZ=Europe/Berlin 0 6 * * *. A day of the month and a day of the week are
// alternatives, as in crontab(5).
func ParseSchedule(text string) (Schedule, error) {
	text = strings.TrimSpace(text)
	if strings.EqualFold(text, "DISABLED") {
		return Schedule{}, nil
	}
	if every, err := time.ParseDuration(text); err == nil {
		if every < shortest {
			return Schedule{}, must("at least 1m", text)
		}
		return Schedule{text: text, every: every}, nil
	}
	const what = `DISABLED, a duration such as 30m, or a cron expression such as "0 */2 * * *"`
	if !strings.HasPrefix(text, "@") && !strings.Contains(text, " ") || len(text) > 100 {
		return Schedule{}, must(what, text)
	}
	expression, err := expressions.Parse(text)
	if err != nil {
		return Schedule{}, fmt.Errorf("must be %s: %w", what, err)
	}
	s := Schedule{text: text, cron: expression}
	if s.Next(time.Now()).IsZero() {
		return Schedule{}, must("a cron expression that comes true: there is no such day in the next years", text)
	}
	return s, nil
}

// Disabled says that there is no next time.
func (s Schedule) Disabled() bool { return s.text == "" }

// Next is the first time that is later than after, the zero time where s is disabled. Where the clock is put
// forward, a cron expression's time that is left out comes an hour later; where it is put back, a time that comes
// twice is taken twice.
func (s Schedule) Next(after time.Time) time.Time {
	switch {
	case s.cron != nil:
		return s.cron.Next(after.Local()).In(after.Location())
	case s.every > 0:
		return after.Add(s.every)
	default:
		return time.Time{}
	}
}

// Nth is the nth time that is later than after, n being 1 or more: what is to have happened within three times
// is late after Nth(last, 3), though a cron expression may leave out the nights.
func (s Schedule) Nth(after time.Time, n int) time.Time {
	for ; n > 0 && !after.IsZero(); n-- {
		after = s.Next(after)
	}
	return after
}

// Period is the gap between the next time and the one that follows it, as seen from now; 0 where s is disabled.
func (s Schedule) Period(now time.Time) time.Duration {
	if s.Disabled() {
		return 0
	}
	next := s.Next(now)
	return s.Next(next).Sub(next)
}

// String is the schedule as it was given, or DISABLED.
func (s Schedule) String() string {
	if s.Disabled() {
		return "DISABLED"
	}
	return s.text
}

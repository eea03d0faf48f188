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
	cron  cron.Schedule  // nil where every is set; asked in UTC, for times of the wall clock
	zone  *time.Location // of the wall clock; nil is the machine's
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
	if every, err := parseDuration(text); err == nil {
		if every < shortest {
			return Schedule{}, must("at least 1m", text)
		}
		return Schedule{text: text, every: every}, nil
	}
	const what = `DISABLED, a duration such as 30m, or a cron expression such as "0 */2 * * *"`
	if !strings.HasPrefix(text, "@") && !strings.Contains(text, " ") || len(text) > 100 {
		return Schedule{}, must(what, text)
	}
	s := Schedule{text: text}
	fields := text
	for _, prefix := range []string{"TZ=", "CRON_TZ="} {
		if rest, ok := strings.CutPrefix(text, prefix); ok {
			var err error
			name, after, _ := strings.Cut(rest, " ")
			if s.zone, err = location(name); err != nil {
				return Schedule{}, fmt.Errorf("must be %s: %w", what, err)
			}
			fields = strings.TrimSpace(after)
		}
	}
	expression, err := expressions.Parse("TZ=UTC " + fields)
	if err != nil {
		return Schedule{}, fmt.Errorf("must be %s: %w", what, err)
	}
	if every, ok := expression.(cron.ConstantDelaySchedule); ok {
		return Schedule{text: text, every: every.Delay}, nil
	}
	s.cron = expression
	if s.Next(time.Now()).IsZero() {
		return Schedule{}, must("a cron expression that comes true: there is no such day in the next years", text)
	}
	return s, nil
}

// Disabled says that there is no next time.
func (s Schedule) Disabled() bool { return s.text == "" }

// Next is the first time that is later than after, the zero time where s is disabled. Where the clock is put
// forward, a cron expression's time that is left out comes as much later, mostly an hour; where it is put back, a time
// that comes twice is taken twice.
func (s Schedule) Next(after time.Time) time.Time {
	switch {
	case s.cron != nil:
		return s.nextOnWall(after)
	case s.every > 0:
		return after.Add(s.every)
	default:
		return time.Time{}
	}
}

// After is the first time later than after, where due is one of the times: an interval counts from that. It takes no longer
// where the two are years apart.
func (s Schedule) After(due, after time.Time) time.Time {
	if s.every == 0 {
		return s.Next(after)
	}
	if late := after.Sub(due); late >= 0 {
		due = due.Add((late/s.every + 1) * s.every)
	}
	return due
}

// nextOnWall is Next of a cron expression. The expression is asked for times of a wall clock that nobody puts forward or back,
// and each is then looked up in the zone: go-cron itself leaves out midnight's run where the clock is put forward at midnight,
// and comes to no end where a zone leaves out a day.
func (s Schedule) nextOnWall(after time.Time) time.Time {
	zone := s.zone
	if zone == nil {
		zone = time.Local
	}
	// Near a change, a moment later on the wall may come earlier: what is close enough is looked at too.
	const near = 26 * time.Hour // a zone that crosses the date line puts the clock forward by a day
	shift := time.Duration(0)
	if offset(after.Add(-near), zone) != offset(after.Add(near), zone) {
		shift = near
	}
	var next time.Time
	for wall := onWall(after, zone).Add(-shift); ; {
		if wall = s.cron.Next(wall); wall.IsZero() {
			return next
		}
		for _, at := range moments(wall, zone) {
			if at.After(after) && (next.IsZero() || at.Before(next)) {
				next = at.In(after.Location())
			}
		}
		if !next.IsZero() && wall.After(onWall(next, zone).Add(shift)) {
			return next
		}
	}
}

// onWall is what a clock on the wall of a zone shows, written as if it were UTC.
func onWall(at time.Time, zone *time.Location) time.Time {
	return at.UTC().Add(offset(at, zone))
}

func offset(at time.Time, zone *time.Location) time.Duration {
	_, seconds := at.In(zone).Zone()
	return time.Duration(seconds) * time.Second
}

// moments are those at which the clock on the wall shows a time: two where it is put back over it. Where it is put
// forward over it, it is the one at which it would be shown if the clock were put forward later.
func moments(wall time.Time, zone *time.Location) []time.Time {
	before, after := offset(wall.Add(-26*time.Hour), zone), offset(wall.Add(26*time.Hour), zone)
	var found []time.Time
	for _, o := range []time.Duration{before, after} {
		at := wall.Add(-o)
		if onWall(at, zone).Equal(wall) && (len(found) == 0 || !found[0].Equal(at)) {
			found = append(found, at)
		}
	}
	if len(found) == 0 {
		return []time.Time{wall.Add(-before)}
	}
	return found
}

// Nth is the nth time that is later than after, n being 1 or more: what is to have happened within three times
// is late after Nth(last, 3), though a cron expression may leave out the nights.
func (s Schedule) Nth(after time.Time, n int) time.Time {
	for ; n > 0 && !after.IsZero(); n-- {
		after = s.Next(after)
	}
	return after
}

// String is the schedule as it was given, or DISABLED.
func (s Schedule) String() string {
	if s.Disabled() {
		return "DISABLED"
	}
	return s.text
}

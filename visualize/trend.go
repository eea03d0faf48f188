package visualize

import "s1graph/overview"

// mostPoints is how many runs a trend keeps at least, once it has had that many: a line is a few centimetres wide.
const mostPoints = 100

// trend is how the figures were in earlier runs: every one, or every n-th of many, and the last.
type trend struct {
	points     []Point
	step, seen int
	last       Point
}

func (t *trend) add(p Point) {
	t.last = p
	t.step = max(t.step, 1)
	if t.seen%t.step == 0 {
		t.points = append(t.points, p)
	}
	t.seen++
	if len(t.points) == 2*mostPoints {
		for i := range mostPoints {
			t.points[i] = t.points[2*i]
		}
		t.points = t.points[:mostPoints]
		t.step *= 2
	}
}

// aboutTrend has a value of each figure for each time; null where it is not known.
type aboutTrend struct {
	At      []int64             `json:"at"` // milliseconds since 1970
	Figures map[string][]*int64 `json:"figures"`
}

func (t *trend) about() *aboutTrend {
	if t.seen == 0 {
		return nil
	}
	points := t.points
	if (t.seen-1)%t.step != 0 {
		points = append(points, t.last)
	}
	a := aboutTrend{Figures: map[string][]*int64{}}
	for _, p := range points {
		a.At = append(a.At, p.At.UnixMilli())
	}
	for _, f := range overview.Figures() {
		column, isKnown := make([]*int64, len(points)), false
		for i, p := range points {
			if n, found := p.Figures[f.Name]; found {
				column[i], isKnown = &n, true
			}
		}
		if isKnown {
			a.Figures[f.Name] = column
		}
	}
	return &a
}

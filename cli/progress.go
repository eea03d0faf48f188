package cli

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/jedib0t/go-pretty/v6/text"

	"s1graph/connector"
	"s1graph/harmless"
	"s1graph/pause"
)

const (
	// silent is how long nothing may be told on a terminal while something is waited for.
	silent = 2 * time.Second

	// silentElsewhere is how long nothing is told where there is no terminal, and nothing moves. What comes there is read
	// later, or mailed: it must be quiet while all is well.
	silentElsewhere = 30 * time.Second
)

// progress tells of what a command waits for, as long as it does. On a terminal that is a line that is redrawn, and gone
// when something is printed. A terminal that cannot redraw gets a line now and then, and so does what is no terminal, when
// nothing has moved for long. It is made by newProgress and ended by stop. It is safe for concurrent use.
type progress struct {
	mu      sync.Mutex
	screen  *screen // where it is told
	redraws bool    // a line can be redrawn there
	isQuiet bool    // nothing is told: a log says it
	now     time.Time
	moved   time.Time // when something was read, written or printed last
	told    time.Time // when the last line was printed where none can be redrawn
	isDrawn bool
	midLine bool // the terminal's cursor is behind text that somebody else has printed
	steps   []*stepProgress
	waits   []*waiting // in the order in which they began
	stop    func()
}

// stepProgress is how far a step is.
type stepProgress struct {
	connector.Event
	began time.Time
}

// waiting is a wait that is not over.
type waiting struct {
	pause.Wait
	began time.Time
}

func (c *commands) newProgress() *progress {
	p := &progress{screen: c.err}
	if !c.err.isTerminal() && c.out.isTerminal() {
		p.screen = c.out
	}
	p.redraws = p.screen.isTerminal() && c.variable("TERM") != "dumb"
	ticks, stop := c.ticks()
	ending, ended := make(chan struct{}), make(chan struct{})
	p.stop = func() {
		stop()
		close(ending)
		<-ended
		p.mu.Lock()
		defer p.mu.Unlock()
		p.erase()
	}
	go func() {
		defer close(ended)
		for {
			select {
			case now := <-ticks:
				p.tick(now)
			case <-ending:
				return
			}
		}
	}()
	return p
}

// ticks are those of the process, or else of the system's clock.
func (c *commands) ticks() (<-chan time.Time, func()) {
	if c.Ticks != nil {
		return c.Ticks, func() {}
	}
	ticker := time.NewTicker(200 * time.Millisecond)
	return ticker.C, ticker.Stop
}

// leaveToLog is for commands with a log: where nothing can be redrawn, the log tells of what is waited for.
func (p *progress) leaveToLog() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.isQuiet = !p.redraws
}

// wait notes that a wait begins.
func (p *progress) wait(w pause.Wait) (over func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	waits := &waiting{w, p.now}
	p.waits = append(p.waits, waits)
	return func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.waits = slices.DeleteFunc(p.waits, func(w *waiting) bool { return w == waits })
	}
}

// of notes how far the steps of an instance's run are, of several.
func (p *progress) of(instance string) func(connector.Event) {
	return func(e connector.Event) {
		e.Step = instance + ": " + e.Step
		p.step(e)
	}
}

// step notes how far a step is.
func (p *progress) step(e connector.Event) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.moved = p.now
	i := slices.IndexFunc(p.steps, func(s *stepProgress) bool { return s.Step == e.Step })
	switch {
	case e.State != "running": // that of a store ends those of its types
		p.steps = slices.DeleteFunc(p.steps, func(s *stepProgress) bool { return s.Step == e.Step || strings.HasPrefix(s.Step, e.Step+" ") })
	case i < 0:
		p.steps = append(p.steps, &stepProgress{e, p.now})
	default:
		p.steps[i].Event = e
	}
}

// write prints what somebody else has to say, on a terminal in the place of the line.
func (p *progress) write(b []byte, to *screen) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.moved = p.now
	if to.isTerminal() {
		p.erase()
		p.midLine = len(b) > 0 && b[len(b)-1] != '\n'
	}
	return to.write(b)
}

func (p *progress) erase() {
	if p.isDrawn {
		p.screen.put("\r\x1b[K")
		p.isDrawn = false
	}
}

// tick tells what is to be told at a time.
func (p *progress) tick(now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, began := range append(p.beginnings(), &p.moved) {
		if began.IsZero() { // before the first tick
			*began = now
		}
	}
	p.now = now
	line := p.line()
	switch {
	case p.isQuiet || p.midLine:
	case p.redraws && line == "":
		p.erase()
	case p.redraws:
		p.screen.put("\r\x1b[K" + p.screen.paint(faint, text.Snip(line, p.screen.columns()-1, "…")))
		p.isDrawn = true
	case line != "":
		p.nowAndThen(line)
	}
}

func (p *progress) beginnings() (all []*time.Time) {
	for _, s := range p.steps {
		all = append(all, &s.began)
	}
	for _, w := range p.waits {
		all = append(all, &w.began)
	}
	return all
}

// nowAndThen prints a line where none can be redrawn.
func (p *progress) nowAndThen(line string) {
	first, then := silentElsewhere, time.Minute
	if p.screen.isTerminal() {
		first, then = silent, 10*time.Second
	}
	if p.now.Sub(p.moved) >= first && (p.told.IsZero() || p.now.Sub(p.told) >= then) {
		p.screen.put("s1graph: " + line + "\n")
		p.told = p.now
	}
}

// line says what is under way; "" where there is nothing to tell.
func (p *progress) line() string {
	var parts []string
	for _, s := range p.steps {
		parts = append(parts, s.words(p.now))
	}
	moves := len(parts) > 0 && p.now.Sub(p.moved) < silent
	if w := p.worth(); w != nil && (w.Why != "" || !moves) {
		parts = slices.Insert(parts, 0, w.words(p.now))
	}
	return strings.Join(parts, "; ")
}

// worth is the wait that is the most worth being told of: one that was not to be expected, one that nobody knows the end
// of and of these the one that began last, which is what the others wait for, or the one that ends first. Those that are
// over in no time are none; so is what only began.
func (p *progress) worth() *waiting {
	var best *waiting
	for _, w := range p.waits {
		if w.Lasts < time.Second && p.now.Sub(w.began) < silent {
			continue
		}
		if best == nil || w.rank() < best.rank() || w.rank() == best.rank() && (w.Lasts == 0 || w.left(p.now) < best.left(p.now)) {
			best = w
		}
	}
	return best
}

func (w *waiting) rank() int {
	switch {
	case w.Why != "":
		return 0
	case w.Lasts == 0:
		return 1
	}
	return 2
}

func (w *waiting) left(now time.Time) time.Duration { return w.Lasts - now.Sub(w.began) }

func (w *waiting) words(now time.Time) string {
	words := harmless.Text(w.What)
	if w.Lasts > 0 {
		words += " in " + inSeconds(max(0, w.left(now)))
	} else {
		words += " for " + inSeconds(now.Sub(w.began).Truncate(time.Second))
	}
	if w.Why != "" {
		words += ": " + harmless.Text(w.Why)
	}
	return words
}

// words say how far a step is and, where its length is known, how long it may still take.
func (s *stepProgress) words(now time.Time) string {
	words := strings.Replace(s.Step, "neo4j ", "writing to Neo4j: ", 1)
	if s.Rows == 0 {
		return words
	}
	words += fmt.Sprintf(" %d", s.Rows)
	took := now.Sub(s.began)
	if s.Total > s.Rows {
		words += fmt.Sprintf(" of %d", s.Total)
		if took >= silent {
			left := time.Duration(float64(took) * float64(s.Total-s.Rows) / float64(s.Rows))
			words += ", about " + inSeconds(left) + " left"
		}
	}
	return words
}

// inSeconds is a time in whole seconds, rounded up, such as 1m5s.
func inSeconds(d time.Duration) string { return (d + time.Second - 1).Truncate(time.Second).String() }

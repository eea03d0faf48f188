package cli

import (
	"bytes"
	"time"

	"github.com/jedib0t/go-pretty/v6/progress"

	"s1graph/connector"
)

// bars show on a terminal how far the steps are, a bar each. They are made by newBars and must be
// ended by stop.
type bars struct {
	writer progress.Writer
	steps  map[string]*progress.Tracker
	done   chan struct{} // closed when the last picture was drawn
}

func newBars(s *screen) *bars {
	b := &bars{writer: progress.NewWriter(), steps: map[string]*progress.Tracker{}, done: make(chan struct{})}
	b.writer.SetOutputWriter(s)
	b.writer.SetTerminalWidth(s.width)
	b.writer.SetMessageLength(20)
	b.writer.SetTrackerLength(max(10, min(30, s.width-50)))
	b.writer.SetUpdateFrequency(100 * time.Millisecond)
	style := progress.StyleBlocks
	if s.colours {
		style.Colors = progress.StyleColorsExample
	}
	style.Visibility.ETA, style.Visibility.Time = false, false
	style.Options.DoneString, style.Options.ErrorString = "done", "ended"
	b.writer.SetStyle(style)
	go func() {
		defer close(b.done)
		b.writer.Render()
	}()
	return b
}

// show brings a step's bar up to date. It is called by one goroutine at a time.
func (b *bars) show(e connector.Event) {
	bar := b.steps[e.Step]
	if bar == nil {
		bar = &progress.Tracker{Message: e.Step, AutoStopDisabled: true}
		b.steps[e.Step] = bar
		b.writer.AppendTracker(bar)
	}
	if e.State == "running" {
		bar.UpdateTotal(max(e.Total, e.Rows))
		bar.SetValue(e.Rows)
		return
	}
	bar.UpdateMessage(e.Step + " " + string(e.State))
	if e.State == "failed" || e.State == "refused" {
		bar.MarkAsErrored()
		return
	}
	bar.UpdateTotal(bar.Value())
	bar.MarkAsDone()
}

// Write prints log lines above the bars.
func (b *bars) Write(line []byte) (int, error) {
	b.writer.Log(string(bytes.TrimSuffix(line, []byte("\n"))))
	return len(line), nil
}

// stop draws a last time. Asking once is not enough: what comes before the first picture is forgotten.
func (b *bars) stop() {
	for {
		b.writer.Stop()
		select {
		case <-b.done:
			return
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// Package check finds out why s1graph does not work, or will not for long: it tries each thing that a run
// needs, one after the other, and says of each how it stands and what to do about a fault. It changes
// nothing, at the console or elsewhere. How findings are shown is left to others.
package check

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"sync/atomic"
	"time"

	"s1graph/config"
	"s1graph/pause"
	"s1graph/s1"
)

// State is how a thing stands.
type State string

// The states. With a fault a run would fail or miss something; a warning may become one. What is Skipped was
// not looked at, because of a fault before it.
const (
	OK      State = "ok"
	Warning State = "warning"
	Fault   State = "fault"
	Skipped State = "skipped"
)

// Finding is how one thing stands.
type Finding struct {
	Subject string `json:"subject"` // what was looked at, such as "token" or "list /agents"
	State   State  `json:"state"`
	Detail  string `json:"detail"`           // what was found; it may hold text of the tenant
	Advice  string `json:"advice,omitempty"` // what to do about it, in one line
}

// Options say what is checked. Config alone must be set.
type Options struct {
	Config *config.Config

	// Reach says whether the host of a destination of alerts can be reached, without sending anything; its error
	// holds no secret. nil: destinations are not looked at.
	Reach func(ctx context.Context, d config.Destination) error

	// Sleep waits before a question is asked again, or until ctx ends, whose error it returns then; nil: it really waits.
	Sleep func(ctx context.Context, d time.Duration) error

	Clock     func() time.Time  // nil: time.Now
	Transport http.RoundTripper // nil: one made of Config
	Logger    *slog.Logger      // nil: discards
}

// Run checks all there is, and calls found with each finding as it comes.
func Run(ctx context.Context, o Options, found func(Finding)) {
	c := newChecker(o, found)
	c.configuration()
	for _, look := range []func(context.Context){c.console, c.directory, c.bucket, c.fleet, c.controls, c.neo4j, c.events, c.destinations} {
		if ctx.Err() != nil {
			return
		}
		look(ctx)
	}
}

// Console checks the console alone, as Run does: the way to it, the token, and the lists.
func Console(ctx context.Context, o Options, found func(Finding)) { newChecker(o, found).console(ctx) }

// Neo4j checks the database alone, as Run does.
func Neo4j(ctx context.Context, o Options, found func(Finding)) { newChecker(o, found).neo4j(ctx) }

func newChecker(o Options, found func(Finding)) *checker {
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.Sleep == nil {
		o.Sleep = pause.For
	}
	o.Logger = cmp.Or(o.Logger, slog.New(slog.DiscardHandler))
	c := &checker{Options: o, told: map[string]bool{}, faulty: map[string]bool{}}
	c.found = func(f Finding) {
		c.told[f.Subject] = true
		c.faulty[f.Subject] = f.State == Fault
		found(f)
	}
	return c
}

// checker is one check under way.
type checker struct {
	Options
	found  func(Finding)
	user   s1.User         // as /user tells it
	told   map[string]bool // the subjects that were told of
	faulty map[string]bool // those of them that are faults

	tooMany       atomic.Int64  // requests that the console refused as too many
	statusAnswers bool          // /system/status was answered as the API does
	skew          time.Duration // by how much this machine's clock is ahead of the console's
}

// configuration tells of what is odd in the configuration.
func (c *checker) configuration() {
	for i, warning := range c.Config.Warnings {
		subject := "configuration"
		if i > 0 {
			subject += fmt.Sprintf(" %d", i+1)
		}
		c.warn(subject, warning, "")
	}
}

func (c *checker) ok(subject, detail string) { c.found(Finding{subject, OK, detail, ""}) }
func (c *checker) warn(subject, detail, advice string) {
	c.found(Finding{subject, Warning, detail, advice})
}
func (c *checker) fault(subject, detail, advice string) {
	c.found(Finding{subject, Fault, detail, advice})
}
func (c *checker) skip(detail string, subjects ...string) {
	for _, subject := range subjects {
		c.found(Finding{subject, Skipped, detail, ""})
	}
}

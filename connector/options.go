package connector

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"time"

	"s1graph/alerts"
	"s1graph/config"
	"s1graph/graph"
	"s1graph/graph/jsonstore"
	"s1graph/s1"
	bucket "s1graph/state"
	"s1graph/steps"
)

// Options say what one run is to do. The zero values of all but Config are ready to use.
type Options struct {
	Config *config.Config

	DryRun          bool     // fetch and diff, commit nothing
	AllowMassDelete bool     // let the deletion guard pass what it would withhold
	Only            []string // IDs of the steps to run; empty: all but Config.Skip
	Due             bool     // read what is due by its interval (EveryOf), and leave the rest as it is
	Verify          bool     // compare Neo4j with what it really holds, and heal it
	Unattended      bool     // nobody is there who could put Neo4j's configuration right: the run goes on without it
	Record          string   // folder to write a recording to
	Replay          string   // folder of a recording to read instead of a console
	Version         string   // of s1graph, kept with the run

	// Limiter holds back the requests of all runs that use one token; nil: one of this run's own.
	Limiter *s1.Limiter

	// Alerts evaluates the runs that are committed, and those that fail; nil: nobody is told of anything. What it queues
	// is delivered by others.
	Alerts *alerts.Engine

	// Replica keeps what the directory holds in a bucket too; nil: this machine alone has it. A DryRun leaves it alone.
	Replica *bucket.Replica

	// Transport and Sleep are for tests: what carries the requests, and what waits between them (see
	// s1.Config). nil: the usual ones.
	Transport http.RoundTripper
	Sleep     func(context.Context, time.Duration) error

	// RetryFor is how long Neo4j is waited for when it goes away in the middle; 0: a minute. For one answer it is waited
	// five times as long.
	RetryFor time.Duration

	Clock    func() time.Time // nil: time.Now, or the recording's moment
	Logger   *slog.Logger     // nil: discards
	Progress func(Event)      // called from several goroutines, one call at a time

	// Changes is called with each change event, in order. before and after are the graphs that it lies
	// between; they are valid during the call.
	Changes func(c graph.Change, before, after graph.Snapshot) error
}

// Event says how far a step is, or one store.
type Event = steps.Progress

// UsageError says that the run was asked for something that it must not do, such as reading another
// console into the same directory. Nothing was changed.
type UsageError struct{ Err error }

func (e *UsageError) Error() string { return e.Err.Error() }

// Unwrap returns what the error is about.
func (e *UsageError) Unwrap() error { return e.Err }

// IsLocked says whether another process has the directory, so that nothing was done.
func IsLocked(err error) bool {
	var locked *jsonstore.LockedError
	return errors.As(err, &locked)
}

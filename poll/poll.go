// Package poll is the service that people can leave alone: it runs each instance on its schedule, tries again
// sooner what failed, and tells over HTTP how things are. What a run does is the connector's to know, what
// becomes of alerts the business of alerts; what is logged, configured and signalled comes from outside.
package poll

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"s1graph/config"
	"s1graph/connector"
	"s1graph/fleet"
	"s1graph/pause"
	"s1graph/state"
)

// Config says what a Service does. Settings is required.
type Config struct {
	Settings *config.Service
	Version  string       // of s1graph
	Logger   *slog.Logger // nil: discards

	// Bucket keeps what the folders of the instances hold too; nil: this machine alone has it.
	Bucket state.Bucket

	// Fleet shares the instances with other workers, which needs the Bucket; nil: all are this one's. Who joined it closes
	// it when Run has ended.
	Fleet *fleet.Fleet

	// Sync makes one run; nil: connector.Sync. Where it panics, that is one failed run.
	Sync func(context.Context, connector.Options) (connector.Summary, error)

	// Progress gives who is told how far the steps of an instance's runs are; nil: nobody is.
	Progress func(instance string) func(connector.Event)

	// Now is the clock that schedules go by, After what waits on it, and Rand gives numbers from 0 to 1 for what
	// shall not happen to all at once; nil: the system's.
	Now   func() time.Time
	After func(time.Duration) <-chan time.Time
	Rand  func() float64
}

// ErrDisabled says that no instance is to be polled.
var ErrDisabled = errors.New("polling is disabled")

// endsWithin is how long an orderly end may take.
const endsWithin = 30 * time.Second

// Service polls instances until it is told to end. Who makes one with New runs it once.
type Service struct {
	Config
	log       *slog.Logger
	metrics   *metrics
	instances []*instance
	slots     chan struct{} // holds one value for each run under way
	takes     chan struct{} // holds one value for each instance that is being taken over
	answered  answers
	startedAt time.Time
	ending    atomic.Bool
}

// New makes a Service of the instances that have a schedule, and reads what is known of their last runs. The
// error is ErrDisabled where there is none, or tells what is wrong with rules and destinations of alerts, or with the
// folder of an instance.
func New(c Config) (*Service, error) {
	s := &Service{Config: c, log: cmp.Or(c.Logger, slog.New(slog.DiscardHandler))}
	worker := ""
	if c.Fleet != nil {
		worker = c.Fleet.Worker
	}
	s.metrics = newMetrics(c.Version, worker)
	if c.Bucket != nil {
		s.metrics.ofBucket()
	}
	if s.Sync == nil {
		s.Sync = connector.Sync
	}
	if s.Now == nil {
		s.Now = time.Now
	}
	if s.After == nil {
		s.After = time.After
	}
	if s.Rand == nil {
		s.Rand = rand.Float64
	}
	s.slots, s.takes = make(chan struct{}, max(1, c.Settings.AtOnce)), make(chan struct{}, mostTakes)
	s.startedAt = s.Now()
	s.answered.at = s.startedAt // when who opened the bucket found that it answers
	limiter := Limiters(c.Settings.Instances)
	var disabled []string
	for _, settings := range c.Settings.Instances {
		if settings.Interval.Disabled() {
			disabled = append(disabled, settings.Instance)
			continue
		}
		i, err := newInstance(s, settings, limiter[settings])
		if err != nil {
			return nil, fmt.Errorf("instance %s: %w", settings.Instance, err)
		}
		s.instances = append(s.instances, i)
	}
	if len(s.instances) == 0 {
		return nil, ErrDisabled
	}
	if len(disabled) > 0 {
		s.log.Warn("not polled, since their interval is DISABLED", "instances", disabled)
	}
	s.metrics.watch(s)
	return s, nil
}

// Run polls until ctx ends, and then waits for what is under way to end, up to 30 s; what is still under way
// after that is an error, and so is an address that cannot be listened on: then nothing was polled. A run that is
// interrupted commits nothing, and one that has committed has done so for good. A membership in the fleet that ends by itself ends
// it too, with that error.
func (s *Service) Run(ctx context.Context) error {
	ctx, end := context.WithCancel(ctx)
	defer end()
	stopServing, err := s.serve(ctx)
	if err != nil {
		return err
	}
	if s.Fleet != nil {
		s.Fleet.OnRunNow(s.runNow)
	}
	var running sync.WaitGroup
	if s.Fleet != nil {
		running.Go(func() { s.askBucket(ctx) })
		running.Go(func() {
			select {
			case <-s.Fleet.Ended():
				end()
			case <-ctx.Done():
			}
		})
	}
	for _, i := range s.instances {
		running.Go(func() { i.serve(ctx) })
	}
	<-ctx.Done()
	s.ending.Store(true)
	s.log.Info("service ends", "within", endsWithin)
	defer stopServing()
	err = s.await(&running)
	if s.Fleet != nil {
		err = errors.Join(s.Fleet.Err(), err)
	}
	return err
}

// await waits until all goroutines have ended, and not for ever.
func (s *Service) await(running *sync.WaitGroup) error {
	ended := make(chan struct{})
	go func() {
		running.Wait()
		close(ended)
	}()
	bound := time.NewTimer(endsWithin)
	defer bound.Stop()
	select {
	case <-ended:
		return nil
	case <-bound.C:
		return fmt.Errorf("not all that was under way has ended within %s; what was committed stands", endsWithin)
	}
}

// RunNow makes all instances run now, except those that do so already or are about to. The schedule goes on as it was.
func (s *Service) RunNow() {
	for _, i := range s.instances {
		i.askForRun()
	}
}

// runNow makes one instance run now, unless it does so already or is about to.
func (s *Service) runNow(instance string) {
	for _, i := range s.instances {
		if i.settings.Instance == instance {
			i.askForRun()
		}
	}
}

// wait waits for d, or until ctx ends, whose error it returns then.
func (s *Service) wait(ctx context.Context, d time.Duration) error {
	return pause.Until(ctx, s.After(d))
}

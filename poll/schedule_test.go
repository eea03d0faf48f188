package poll_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sourcegraph/conc"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"s1graph/config"
	"s1graph/connector"
	"s1graph/graph/jsonstore"
	"s1graph/poll"
)

func TestAnInstanceIsSyncedAtOnceAndThenOnSchedule(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := start(t, good, poll.Config{}, instance(t, "acme"), instance(t, "globex", every(t, "0 */2 * * *")))
		s.after(2*time.Hour + time.Minute)
		assert.Equal(t, minutes(0, 30, 60, 90, 120), s.began("acme"))
		assert.Equal(t, minutes(0, 120), s.began("globex"), "the bubble begins at midnight")
	})
}

func TestSchedulesArePutOffByATenthAtMostAndByAMinute(t *testing.T) {
	bubble(t, func(t *testing.T) {
		latest := func() float64 { return 1 }
		s := start(t, good, poll.Config{Rand: latest}, instance(t, "acme"), instance(t, "globex", every(t, "5m")))
		s.after(62 * time.Minute)
		assert.Equal(t, minutes(0, 31, 61), s.began("acme"), "and what is put off does not add up")
		assert.Equal(t, minutes(0, 5.5, 10.5, 15.5), s.began("globex")[:4])
	})
}

func TestWhatComesDueDuringARunIsSkippedAndCounted(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := start(t, lasting(70*time.Minute), poll.Config{}, instance(t, "acme"))
		s.after(60 * time.Minute)
		assert.Equal(t, minutes(0), s.began("acme"))
		s.after(31 * time.Minute)
		assert.Equal(t, minutes(0, 90), s.began("acme"))
		assert.EqualValues(t, 2, s.of("acme").Skipped)
		assert.Contains(t, s.get("/metrics").Body.String(), `s1graph_runs_skipped_total{instance="acme"} 2`)
	})
}

func TestAFailedRunIsRepeatedSoonerThanTheScheduleSays(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var up atomic.Bool
		s := start(t, func(ctx context.Context, o connector.Options) (connector.Summary, error) {
			if !up.Load() {
				return failing(ctx, o)
			}
			return good(ctx, o)
		}, poll.Config{}, instance(t, "acme"))
		s.after(50 * time.Minute)
		assert.Equal(t, minutes(0, 1, 3, 7, 15, 30), s.began("acme"))
		assert.EqualValues(t, 6, s.of("acme").FailedInARow)
		up.Store(true)
		s.after(70 * time.Minute)
		assert.Zero(t, s.of("acme").FailedInARow)
		assert.Equal(t, minutes(60, 90), s.began("acme")[6:8])
	})
}

func TestTheTimeBetweenTriesOfAFailedRunGrowsUpToTheInterval(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := start(t, failing, poll.Config{}, instance(t, "acme", every(t, "24h")))
		s.after(24*time.Hour - time.Minute)
		assert.Equal(t, minutes(0, 1, 3, 7, 15, 31, 63, 127, 255, 511, 1023), s.began("acme"))
		s.after(24 * time.Hour)
		assert.Len(t, s.began("acme"), 12, "once a day")
	})
}

func TestAPanicInASyncIsOneFailedRunAndNotTheEnd(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var log bytes.Buffer
		s := start(t, func(ctx context.Context, o connector.Options) (connector.Summary, error) {
			if o.Config.Instance == "acme" && o.Clock().Minute() == 0 {
				var steps conc.WaitGroup // as a run has
				steps.Go(func() { panic("index out of range") })
				steps.Wait()
			}
			return good(ctx, o)
		}, poll.Config{Logger: slog.New(slog.NewJSONHandler(&log, nil))}, instance(t, "acme"), instance(t, "globex"))
		s.after(0)
		acme := s.of("acme")
		assert.EqualValues(t, 1, acme.FailedInARow)
		assert.Equal(t, connector.Failed, acme.LastRun.Status)
		assert.Equal(t, "a fault of s1graph: panic: index out of range", acme.LastRun.Error)
		assert.True(t, s.of("globex").Ready)
		s.after(31 * time.Minute)
		assert.Equal(t, minutes(0, 1, 30), s.began("acme"))
		assert.True(t, s.of("acme").Ready)
		assert.Equal(t, minutes(0, 30), s.began("globex"))
		assert.Contains(t, log.String(), "schedule_test.go", "the log says where it was")
	})
}

func TestNoMoreSyncAtOnceThanMay(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var all []*config.Config
		for _, name := range []string{"a", "b", "c", "d", "e"} {
			all = append(all, instance(t, name))
		}
		s := start(t, lasting(time.Minute), poll.Config{Settings: &config.Service{AtOnce: 2}}, all...)
		s.after(time.Second)
		states := map[string]int{}
		for _, i := range s.Status().Instances {
			states[i.State]++
		}
		assert.Equal(t, map[string]int{"running": 2, "queued": 3}, states)
		s.after(3 * time.Minute)
		at := map[time.Duration]int{}
		for _, i := range all {
			require.Len(t, s.began(i.Instance), 1)
			at[s.began(i.Instance)[0]]++
		}
		assert.Equal(t, map[time.Duration]int{0: 2, time.Minute: 2, 2 * time.Minute: 1}, at)
	})
}

func TestARunNowIsARunOfThoseWhoWaitAndOfNobodyTwice(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := start(t, lasting(2*time.Minute), poll.Config{}, instance(t, "acme"), instance(t, "globex", every(t, "7m")))
		s.after(8 * time.Minute) // acme waits, globex runs
		s.RunNow()
		s.after(time.Second)
		s.RunNow()
		s.after(30 * time.Minute)
		assert.Equal(t, minutes(0, 8, 30), s.began("acme"), "the schedule goes on as it was")
		assert.Equal(t, minutes(0, 7, 14, 21, 28, 35), s.began("globex"))
	})
}

// whenLogged does something once, when a line with a text is logged.
type whenLogged struct {
	text string
	do   func()
	once sync.Once
}

func (w *whenLogged) Write(line []byte) (int, error) {
	if bytes.Contains(line, []byte(w.text)) {
		w.once.Do(w.do)
	}
	return len(line), nil
}

func TestARunThatIsAskedForWhenOneHasJustEndedIsNotForgotten(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var s atomic.Pointer[service]
		log := &whenLogged{text: "run ended", do: func() { s.Load().RunNow() }}
		s.Store(start(t, lasting(time.Second), poll.Config{Logger: slog.New(slog.NewTextHandler(log, nil))}, instance(t, "acme")))
		s.Load().after(time.Minute)
		assert.Equal(t, []time.Duration{0, time.Second}, s.Load().began("acme"))
	})
}

func TestOnceADayTheStoreIsVerified(t *testing.T) {
	bubble(t, func(t *testing.T) {
		behind := true
		s := start(t, func(ctx context.Context, o connector.Options) (connector.Summary, error) {
			summary, err := good(ctx, o)
			summary.Stores = []connector.StoreResult{{Name: "neo4j", Behind: behind}}
			behind = false
			return summary, err
		}, poll.Config{}, instance(t, "acme", every(t, "6h"), func(c *config.Config) { c.Store = "neo4j" }))
		s.after(31 * time.Hour)
		var verified []bool
		for _, o := range s.options("acme") {
			verified = append(verified, o.Verify)
		}
		assert.Equal(t, []bool{true, true, false, false, false, true}, verified, "and again where it did not come to its end")
	})
}

func TestAnotherProcessAtItIsNoFailureAndIsLookedAfterSoon(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var over atomic.Bool
		s := start(t, func(ctx context.Context, o connector.Options) (connector.Summary, error) {
			if !over.Load() {
				return connector.Summary{Status: connector.Failed}, &jsonstore.LockedError{Dir: o.Config.Dir, PID: 7}
			}
			return good(ctx, o)
		}, poll.Config{}, instance(t, "acme"))
		s.after(2 * time.Minute)
		over.Store(true)
		s.after(2 * time.Minute)
		assert.Equal(t, minutes(0, 1, 3), s.began("acme"))
		acme := s.of("acme")
		assert.Zero(t, acme.FailedInARow)
		assert.EqualValues(t, 2, acme.Skipped)
		assert.True(t, acme.Ready)
	})
}

func TestAnOrderlyEndInterruptsWhatIsUnderWay(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := start(t, lasting(time.Hour), poll.Config{}, instance(t, "acme"), instance(t, "globex"))
		s.after(time.Minute)
		s.end()
		s.after(0)
		assert.NoError(t, <-s.ended)
		assert.Nil(t, s.of("acme").LastRun, "what was interrupted has not failed")
		assert.Equal(t, 503, s.get("/readyz").Code)
	})
}

func TestAnEndIsNotWaitedForForEver(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := start(t, func(context.Context, connector.Options) (connector.Summary, error) {
			time.Sleep(time.Minute) // and heeds nothing
			return connector.Summary{}, errors.New("interrupted")
		}, poll.Config{}, instance(t, "acme"))
		s.after(time.Second)
		s.end()
		s.after(29 * time.Second)
		assert.Empty(t, s.ended)
		s.after(time.Second)
		assert.ErrorContains(t, <-s.ended, "within 30s")
		s.after(time.Minute)
	})
}

func TestAnInstanceThatIsDisabledIsLeftOut(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := start(t, good, poll.Config{}, instance(t, "acme", every(t, "DISABLED")), instance(t, "globex"))
		s.after(time.Hour)
		assert.Empty(t, s.began("acme"))
		assert.Len(t, s.began("globex"), 3)
		assert.Equal(t, 200, s.get("/readyz").Code)
	})
	_, err := poll.New(poll.Config{Settings: &config.Service{Instances: []*config.Config{instance(t, "acme", every(t, "DISABLED"))}}})
	assert.ErrorIs(t, err, poll.ErrDisabled)
}

func TestThoseWhoHaveOneTokenShareItsLimits(t *testing.T) {
	bubble(t, func(t *testing.T) {
		token := func(text string) func(*config.Config) {
			return func(c *config.Config) { c.URL, c.Token = "https://mssp.sentinelone.net", config.NewSecret(text) }
		}
		command := func(words ...string) func(*config.Config) {
			return func(c *config.Config) { c.TokenCommand = words }
		}
		file := writeFile(t, "token", "one\n")
		s := start(t, good, poll.Config{},
			instance(t, "a", token("one")), instance(t, "b", token("one")), instance(t, "c", token("two")),
			instance(t, "d", token(""), func(c *config.Config) { c.TokenFile = file }),
			instance(t, "e", token(""), command("vault", "one")), instance(t, "f", token(""), command("vault", "one")), instance(t, "g", token(""), command("vault", "two")))
		s.after(0)
		limiter := func(name string) any { return s.options(name)[0].Limiter }
		require.NotNil(t, limiter("a"))
		assert.Same(t, limiter("a"), limiter("b"))
		assert.Same(t, limiter("a"), limiter("d"), "however it was given")
		assert.NotSame(t, limiter("a"), limiter("c"))
		assert.Same(t, limiter("e"), limiter("f"))
		assert.NotSame(t, limiter("e"), limiter("g"))
	})
}

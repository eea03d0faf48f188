package poll_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"s1graph/config"
	"s1graph/connector"
	"s1graph/fleet"
	"s1graph/graph/jsonstore"
	"s1graph/pause"
	"s1graph/poll"
	"s1graph/s1/s1test"
	"s1graph/state"
)

func TestTheMetricsOfAWorkerTellWhatItHasAndWhatTheBucketTook(t *testing.T) {
	s := newShared(t, "acme", "globex")
	w := s.start("w1")
	tells := func(lines ...string) {
		t.Helper()
		assert.EventuallyWithT(t, func(t *assert.CollectT) {
			got := w.get("/metrics").Body.String()
			for _, line := range lines {
				assert.Regexp(t, "(?m)^"+line+"$", got)
			}
		}, patience, 10*time.Millisecond)
	}
	tells(`s1graph_runs_total{instance="acme",status="complete",worker="w1"} 1`, `s1graph_ready{instance="globex",worker="w1"} 1`,
		`s1graph_claims_held{worker="w1"} 2`, `s1graph_unclaimed_instances{worker="w1"} 0`, `s1graph_fenced_total{instance="acme",worker="w1"} 0`,
		`s1graph_state_seconds_count{op="take",worker="w1"} 2`, `s1graph_state_bytes_count{op="run",worker="w1"} 2`, `s1graph_state_bytes_sum{op="run",worker="w1"} [0-9.e+]{5,}`)
	problems, err := promlint.New(w.get("/metrics").Body).Lint()
	require.NoError(t, err)
	for _, problem := range problems {
		assert.Equal(t, "s1graph_token_expires_in_days", problem.Metric, problem.Text)
	}

	beside := state.Of(s.bucket, "acme", "w9", t.TempDir()) // a machine that polls with the same bucket and is no member
	_, err = beside.Take(t.Context())
	require.NoError(t, err)
	w.RunNow()
	tells(`s1graph_fenced_total{instance="acme",worker="w1"} [1-9]`, `s1graph_ready{instance="globex",worker="w1"} 1`)
	assert.Eventually(t, func() bool {
		return !strings.Contains(w.get("/metrics").Body.String(), `s1graph_ready{instance="acme"`)
	}, patience, 10*time.Millisecond, "how it is, is for who has it to say")
}

func TestAWorkerWhoseNameAnotherHasByNowEndsWithAnError(t *testing.T) {
	s := newShared(t, "acme")
	s.lasts = short
	w := s.start("w1")
	conn, err := nats.Connect(s.nats.ClientURL())
	require.NoError(t, err)
	defer conn.Close()
	_, err = conn.Request("$KV.s1graph-workers.w1", []byte(`{"worker":"w1","process":"another"}`), patience) // as after a SIGSTOP of the first
	require.NoError(t, err)
	err = <-w.ended
	w.ended <- nil
	require.ErrorContains(t, err, "another worker is called w1 by now")
}

func TestAFolderThatIsRemovedUnderALivingWorkerIsFilledFromTheBucketAndNobodyElseIsNamed(t *testing.T) {
	s := newShared(t, "acme")
	var log bytes.Buffer // of a logger that ends before it is read
	w := s.start("w1", func(c *poll.Config) { c.Logger = slog.New(slog.NewTextHandler(&log, nil)) })
	runs := func() string {
		if good := w.statusOf(t)["acme"].LastGoodRun; good != nil {
			return good.Run
		}
		return ""
	}
	require.Eventually(t, func() bool { return runs() != "" && w.statusOf(t)["acme"].State == "waiting" }, patience, 10*time.Millisecond)
	first := runs()
	require.NoError(t, os.RemoveAll(w.dirs["acme"]))
	require.Eventually(t, func() bool {
		w.RunNow()
		return runs() != first
	}, patience, 50*time.Millisecond)
	metrics := w.get("/metrics").Body.String()
	w.end()
	require.NoError(t, <-w.ended)
	w.ended <- nil
	assert.Contains(t, log.String(), "the folder of the instance was removed or replaced while the worker used it: "+w.dirs["acme"])
	assert.NotContains(t, log.String(), "another worker")
	assert.Contains(t, metrics, `s1graph_fenced_total{instance="acme",worker="w1"} 0`)
	last, err := jsonstore.OpenLast(w.dirs["acme"])
	require.NoError(t, err)
	assert.Equal(t, first, last.Manifest().Previous, "the run before it came from the bucket")
}

// hurried is a clock that a test puts forward, and by which waiting takes no time to speak of.
func hurried(ahead *atomic.Int64) func(*poll.Config) {
	return func(c *poll.Config) {
		c.Now = func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
		c.After = func(time.Duration) <-chan time.Time { return time.After(50 * time.Millisecond) }
	}
}

func TestAWorkerIsReadyWhileItIsAMemberTheBucketAnswersAndItsInstancesAreRecent(t *testing.T) {
	s := newShared(t, "globex")
	s.lasts = short
	b := &away{Bucket: s.bucket}
	s.bucket = b
	var ahead atomic.Int64
	other, err := fleet.Join(t.Context(), fleet.Config{URL: s.nats.ClientURL(), Worker: "w9", TTL: s.lasts})
	require.NoError(t, err)
	t.Cleanup(other.Close)
	_, err = other.Hold(t.Context(), "globex", "")
	require.NoError(t, err)
	idle := s.start("w2", hurried(&ahead)) // whose one instance another worker has
	s.names = []string{"acme"}
	w := s.start("w1", hurried(&ahead))
	require.Eventually(t, func() bool { return w.statusOf(t)["acme"].LastGoodRun != nil }, patience, 50*time.Millisecond)
	becomes := func(w *worker, code int, reasons ...string) {
		t.Helper()
		assert.EventuallyWithT(t, func(t *assert.CollectT) {
			got := w.get("/readyz")
			assert.Equal(t, code, got.Code)
			for _, reason := range reasons {
				assert.Regexp(t, reason, got.Body.String())
			}
		}, patience, 10*time.Millisecond)
	}
	becomes(w, 200)
	becomes(idle, 200)

	b.is.Store(true)
	ahead.Add(int64(2 * time.Hour))
	require.Eventually(t, func() bool { return w.statusOf(t)["acme"].FailedInARow > 0 }, patience, 10*time.Millisecond)
	becomes(w, 200)
	for long := false; !long; { // once more where an answer of before was noted after the clock was put forward
		ahead.Add(int64(90 * time.Minute))
		for began := time.Now(); !long && time.Since(began) < 5*time.Second; {
			_ = pause.For(t.Context(), 10*time.Millisecond)
			long = strings.HasPrefix(w.get("/readyz").Body.String(), "the bucket") && strings.HasPrefix(idle.get("/readyz").Body.String(), "the bucket")
		}
		require.NoError(t, t.Context().Err())
	}
	becomes(w, 503, `the bucket has not answered since \S+: .*connection refused`, `acme: the last good run ended at \S+, more than three intervals \(1h\) ago; the last run failed at .*connection refused`)
	becomes(idle, 503, `^the bucket has not answered since \S+: .*connection refused\n$`)
	b.is.Store(false)
	becomes(w, 200)
	becomes(idle, 200)

	s.nats.Shutdown()
	s.nats.WaitForShutdown()
	becomes(w, 503, `NATS does not answer, so this worker can have no instance`)
	becomes(idle, 503, `NATS does not answer`)
}

func TestWorkersWhoseClocksAreHoursApartReadOneAfterTheOtherWithinTheInterval(t *testing.T) {
	for name, off := range map[string]time.Duration{"the first is ahead": 3 * time.Hour, "the first is behind": -3 * time.Hour} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newShared(t, "acme")
			first := s.start("w1", func(c *poll.Config) { c.Now = func() time.Time { return time.Now().Add(off) } })
			rests := func(w *worker) bool {
				is := w.statusOf(t)["acme"] // what another worker said last has the time at which it was heard
				return is.HeardAt.IsZero() && is.LastGoodRun != nil && is.State == "waiting"
			}
			require.Eventually(t, func() bool { return rests(first) }, patience, 10*time.Millisecond)
			before := first.statusOf(t)["acme"].LastGoodRun.Run
			first.end()
			require.NoError(t, <-first.ended)
			first.ended <- nil
			first.fleet.Close()

			second := s.start("w2")
			require.Eventually(t, func() bool { return rests(second) }, patience, 10*time.Millisecond)
			is := second.statusOf(t)["acme"]
			assert.False(t, is.NextRun.After(time.Now().Add(time.Hour+2*time.Minute)), "a run of the future puts off no other: %s", is.NextRun)
			require.Eventually(t, func() bool { // at once where the last run is hours old by this clock
				second.RunNow()
				return second.statusOf(t)["acme"].LastGoodRun.Run != before
			}, patience, 50*time.Millisecond)
			last, err := jsonstore.OpenLast(second.dirs["acme"])
			require.NoError(t, err)
			assert.Equal(t, before, last.Manifest().Previous, "one run follows the other, whatever the clocks say")
		})
	}
}

// partly is a bucket that does not have the state of some instances to give.
type partly struct {
	state.Bucket
	lacks func(name string) bool
}

func (p *partly) List(ctx context.Context, prefix string) ([]string, error) {
	if p.lacks(prefix) {
		return nil, errors.New("connection refused")
	}
	return p.Bucket.List(ctx, prefix)
}

func TestInstancesThatCannotBeTakenKeepNoOtherFromBeingTaken(t *testing.T) {
	var names []string
	for n := range 9 { // one more than are taken at once
		names = append(names, fmt.Sprint("bad", n))
	}
	s := newShared(t, append(names, "good")...)
	s.bucket = &partly{s.bucket, func(name string) bool { return strings.HasPrefix(name, "bad") }}
	w := s.start("w1", hurried(new(atomic.Int64)))
	require.Eventually(t, func() bool { return w.statusOf(t)["good"].Ready && w.statusOf(t)["good"].LastGoodRun != nil }, patience, 10*time.Millisecond)
	bad := w.statusOf(t)["bad0"]
	assert.Equal(t, "taking", bad.State)
	assert.Contains(t, bad.Reason, "connection refused")
	assert.Eventually(t, func() bool {
		_, instances, err := s.look().Status(t.Context())
		return err == nil && strings.Contains(string(instances["bad8"].Status), "connection refused")
	}, patience, 10*time.Millisecond, "s1graph fleet tells of it")
}

func TestWhoCannotTakeAnInstanceLeavesItToWhomItBelongs(t *testing.T) {
	var names []string
	files := map[string]string{}
	for n := range 16 {
		names = append(names, fmt.Sprint("tenant", n))
		files[names[n]] = writeFile(t, "token", s1test.DefaultToken)
	}
	s := newShared(t, names...)
	good := s.bucket
	eachItsOwnToken := func(c *poll.Config) {
		for _, one := range c.Settings.Instances {
			one.TokenFile, one.Token = files[one.Instance], config.Secret{}
		}
	}
	s.bucket = &partly{good, func(string) bool { return true }}
	cut := s.start("w1", hurried(new(atomic.Int64)), eachItsOwnToken)
	require.Eventually(t, func() bool {
		for _, one := range cut.statusOf(t) {
			if one.FailedInARow == 0 {
				return false
			}
		}
		return true
	}, patience, 10*time.Millisecond)
	s.bucket = good
	w := s.start("w2", eachItsOwnToken) // to which half of them belong, more or less
	assert.Eventually(t, func() bool {
		read := 0
		for _, one := range w.statusOf(t) {
			if one.Worker == "w2" && one.LastGoodRun != nil {
				read++
			}
		}
		return read > 2
	}, patience, 10*time.Millisecond)
}

func TestWhoHasRunsOfAnInstanceThatTheBucketHasNotIsPreferredForIt(t *testing.T) {
	var names []string
	for n := range 12 {
		names = append(names, fmt.Sprint("tenant", n))
	}
	s := newShared(t, names...)
	tokens := map[string]string{} // each its own, so that half of the instances would belong to the other worker
	dirs := map[string]string{}
	first := map[string]string{}
	for _, name := range names {
		tokens[name] = writeFile(t, "token", s1test.DefaultToken)
		c := instance(t, name, func(c *config.Config) { c.URL, c.Token = s.console, config.NewSecret(s1test.DefaultToken) })
		summary, err := connector.Sync(t.Context(), connector.Options{Config: c})
		require.NoError(t, err)
		dirs[name], first[name] = c.Dir, summary.Run
	}
	own := func(withRuns bool) func(*poll.Config) {
		return func(c *poll.Config) {
			for _, one := range c.Settings.Instances {
				one.TokenFile, one.Token = tokens[one.Instance], config.Secret{}
				if withRuns {
					one.Dir = dirs[one.Instance]
				}
			}
		}
	}
	var mayTake sync.WaitGroup
	mayTake.Add(1)
	bucket := s.bucket
	s.bucket = &slow{bucket, mayTake.Wait}
	s.start("w1", own(true))
	s.bucket = bucket
	other := s.start("w2", own(false)) // while nothing of the first one's is in the bucket
	require.Eventually(t, func() bool {
		_, _, members, _ := other.fleet.Counts()
		return members == 2
	}, patience, 10*time.Millisecond)
	mayTake.Done()
	assert.Eventually(t, func() bool {
		held, _, _, _ := other.fleet.Counts()
		return held > 1
	}, patience, 10*time.Millisecond, "what is in the bucket belongs to either")
	for _, name := range names {
		assert.EventuallyWithT(t, func(t *assert.CollectT) {
			dir := filepath.Join(s.t.TempDir(), "copy")
			require.NoError(t, state.Fetch(s.t.Context(), bucket, name, dir))
			_, err := jsonstore.OpenKept(dir, first[name])
			assert.NoError(t, err, "the runs of %s are those that there were", name)
		}, patience, 50*time.Millisecond)
	}
}

// A worker that was stopped finds on waking that the bucket refuses it, and may be the only one that is left when the other one ends.
func TestWhoWasRefusedTakesAnInstanceAgainAsSoonAsTheOtherWorkerEnds(t *testing.T) {
	s := newShared(t, "acme")
	s.lasts = time.Hour // nothing is renewed, and so nobody asks meanwhile
	conn, err := nats.Connect(s.nats.ClientURL())
	require.NoError(t, err)
	defer conn.Close()
	const claim = "$KV.s1graph-claims.acme"
	told := make(chan struct{}, 10) // that the other one has the instance, who asks NATS
	_, err = conn.Subscribe("_INBOX.>", func(m *nats.Msg) {
		if m.Header.Get("Nats-Subject") == claim && bytes.Contains(m.Data, []byte(`"w2"`)) {
			told <- struct{}{}
		}
	})
	require.NoError(t, err)
	require.NoError(t, conn.Flush())
	var other sync.Once
	var isWoken atomic.Bool
	bucket := s.bucket
	s.bucket = &slow{bucket, func() {
		if isWoken.Load() {
			other.Do(func() {
				_, err := conn.Request(claim, []byte(`{"worker":"w2","process":"another"}`), patience)
				assert.NoError(t, err)
				_, err = state.Of(bucket, "acme", "w2", t.TempDir()).Take(t.Context())
				assert.NoError(t, err)
			})
		}
	}}
	w := s.start("w1", func(c *poll.Config) {
		c.After = func(d time.Duration) <-chan time.Time {
			if d == time.Minute { // which is as long as one waits who was refused for one who is no worker
				return nil
			}
			return time.After(d)
		}
	})
	rests := func() bool {
		return w.statusOf(t)["acme"].State == "waiting" && w.statusOf(t)["acme"].LastGoodRun != nil
	}
	require.Eventually(t, rests, patience, 10*time.Millisecond)
	first := w.statusOf(t)["acme"].LastGoodRun.Run
	s.tenant.SetDay(1)
	isWoken.Store(true)
	w.RunNow()
	select {
	case <-told:
	case <-time.After(patience):
		t.Fatal("the worker did not ask who has the instance")
	}
	ends := nats.NewMsg(claim)
	ends.Header.Set("KV-Operation", "DEL")
	_, err = conn.RequestMsg(ends, patience)
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		w.RunNow()
		return rests() && w.statusOf(t)["acme"].LastGoodRun.Run != first
	}, patience, 100*time.Millisecond)
}

// slow is a bucket in which nothing is created before wait has ended.
type slow struct {
	state.Bucket
	wait func()
}

func (s *slow) Create(ctx context.Context, name string, content []byte) error {
	s.wait()
	return s.Bucket.Create(ctx, name, content)
}

func TestAWorkerOfAFleetGoesOnWhereTheLastOneEnded(t *testing.T) {
	s := newShared(t, "acme.net", "globex")
	first := s.start("w1")
	has := func(w *worker, good int) func() bool {
		return func() bool {
			n := 0
			for _, one := range w.statusOf(t) {
				if one.LastGoodRun != nil && one.Worker != "" {
					n++
				}
			}
			return n == good
		}
	}
	require.Eventually(t, has(first, 2), patience, 10*time.Millisecond)
	assert.Equal(t, "w1", s.owner("acme.net"))

	second := s.start("w2") // which may take what belongs to it, when that is at rest
	require.Eventually(t, has(second, 2), patience, 10*time.Millisecond, "each worker's /status has what the others have")
	first.end()
	require.NoError(t, <-first.ended)
	first.ended <- nil
	require.Eventually(t, func() bool {
		of := second.statusOf(t)
		return of["acme.net"].Worker == "w2" && of["globex"].Worker == "w2" && of["acme.net"].State == "waiting" && of["acme.net"].HeardAt.IsZero()
	}, patience, 10*time.Millisecond)
	assert.Equal(t, "w2", s.owner("acme.net"))

	run, err := jsonstore.OpenLast(second.dirs["acme.net"])
	require.NoError(t, err)
	before := run.Manifest()
	worker, err := s.look().RunNow(t.Context(), "acme.net")
	require.NoError(t, err)
	assert.Equal(t, "w2", worker)
	require.Eventually(t, func() bool {
		run, err := jsonstore.OpenLast(second.dirs["acme.net"])
		return err == nil && run.Manifest().Previous == before.ID
	}, patience, 10*time.Millisecond, "the other worker's run was fetched, is not read again, and is followed")
	assert.EqualValues(t, 1, before.Sequence, "it was not due again")
}

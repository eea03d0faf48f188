package delivery_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.etcd.io/bbolt"

	"s1graph/alerts/delivery"
	"s1graph/alerts/outbox"
	"s1graph/alerts/outbox/disktest"
	"s1graph/config"
)

// hooks stand for all webhooks, and take what arrives.
type hooks struct {
	mu     sync.Mutex
	got    []string          // HOST ID
	before func(arrived int) // called when so many have arrived, before the answer; nil: nothing
}

func (h *hooks) RoundTrip(r *http.Request) (*http.Response, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.got = append(h.got, r.URL.Hostname()+" "+r.Header.Get("X-S1graph-Id"))
	if h.before != nil {
		h.before(len(h.got))
	}
	return &http.Response{StatusCode: http.StatusNoContent, Body: io.NopCloser(strings.NewReader("")), Request: r}, nil
}

// arrived is what has arrived, sorted.
func (h *hooks) arrived() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Sorted(slices.Values(h.got))
}

// office is a desk in a bubble of time of its own, with two destinations and many alerts for each: so many that what
// is written is not all on one page.
type office struct {
	*desk
	hooks *hooks
}

var alertIDs, everyAlert = manyAlerts()

func manyAlerts() (ids, arrived []string) {
	for key := 'a'; key <= 'z'; key++ {
		for n := range 4 {
			id := fmt.Sprintf("%c%d", key, n)
			ids, arrived = append(ids, id), append(arrived, "soc "+id, "noc "+id)
		}
	}
	slices.Sort(arrived)
	return ids, arrived
}

func newOffice(t *testing.T, dir string) *office {
	t.Helper()
	o := &office{hooks: &hooks{}, desk: &desk{T: t, log: &strings.Builder{}, box: outbox.At(filepath.Join(dir, "alerts.db"))}}
	o.opens()
	return o
}

// opens makes what delivers, as a process does that starts.
func (o *office) opens() {
	o.Helper()
	var err error
	o.deliverer, err = delivery.New(delivery.Config{
		Outbox: o.box, Transport: o.hooks, Logger: slog.New(slog.NewTextHandler(o.desk, nil)), Observe: o.observe,
		Destinations: []config.Destination{hook("soc", "https://soc"), hook("noc", "https://noc")},
	})
	require.NoError(o, err)
}

func (o *office) queueAll() {
	o.Helper()
	for _, to := range []string{"soc", "noc"} {
		o.queue(to, alertIDs...)
	}
}

// runs delivers for a while.
func (o *office) runs(how time.Duration) {
	o.Helper()
	ctx, cancel := context.WithTimeout(o.Context(), how)
	defer cancel()
	require.NoError(o, o.deliverer.Run(ctx))
}

func (o *office) held() string {
	since, why := o.deliverer.Held()
	assert.Equal(o, since.IsZero(), why == "")
	return why
}

func (o *office) said(words string) int { return strings.Count(o.logged(), words) }

// saidOnce says that there was a line of the log with these words, and no second one of the same destination.
func (o *office) saidOnce(words string) {
	o.Helper()
	count := map[string]int{}
	for line := range strings.Lines(o.logged()) {
		if strings.Contains(line, words) {
			_, destination, _ := strings.Cut(line, "destination=")
			destination, _, _ = strings.Cut(destination, " ")
			count[destination]++
		}
	}
	assert.NotEmpty(o, count, words)
	for destination, n := range count {
		assert.Equal(o, 1, n, "%s: %s\n%s", destination, words, o.logged())
	}
}

const heldBack, heldNoMore = "alerts are held back until", "alerts are no longer held back"

// Nothing is sent that could not be noted as sent: it would be sent again and again.
func TestOnADiskThatIsFullOrReadOnlyNothingIsSentTwiceAndAllThatWaitsArrivesWhenItIsMended(t *testing.T) {
	disktest.Run(t, func(t *testing.T) {
		for name, test := range map[string]struct {
			after       int // so many were sent when it fails
			cause, mend func(*office, *disktest.Disk)
			reason      string
		}{
			"full before anything is sent":      {0, full, free, "no space left on device"},
			"full when the first was sent":      {1, crowded, free, "no space left on device"},
			"full when the fifth was sent":      {5, crowded, free, "no space left on device"},
			"read-only before anything is sent": {0, readOnly, writable, "read-only file system"},
			"read-only when the first was sent": {1, readOnly, writable, "read-only file system"},
			"read-only when the fifth was sent": {5, readOnly, writable, "read-only file system"},
		} {
			t.Run(name, func(t *testing.T) {
				disk := disktest.New(t, 1<<20)
				synctest.Test(t, func(t *testing.T) {
					o := newOffice(t, disk.Dir)
					o.queueAll()
					o.hooks.before = func(arrived int) {
						if arrived == test.after {
							test.cause(o, disk)
						}
					}
					o.hooks.before(0)
					o.runs(time.Hour)

					once := o.hooks.arrived()
					assert.Equal(t, slices.Compact(slices.Clone(once)), once, "none is sent twice")
					assert.GreaterOrEqual(t, len(once), test.after)
					assert.LessOrEqual(t, len(once), test.after+1, "the other destination may be at it when the disk fails")
					assert.Contains(t, o.held(), test.reason)
					o.saidOnce(heldBack)
					o.saidOnce(test.reason)

					test.mend(o, disk)
					o.hooks.before = nil
					o.runs(6 * time.Minute)
					assert.Equal(t, everyAlert, o.hooks.arrived(), "each once")
					assert.Empty(t, o.held())
					o.saidOnce(heldNoMore)
					assert.Empty(t, o.queued())
					assert.Len(t, o.observed, len(everyAlert))
				})
			})
		}
	})
}

func full(_ *office, d *disktest.Disk)     { d.Fill() }
func free(_ *office, d *disktest.Disk)     { d.Free() }
func readOnly(_ *office, d *disktest.Disk) { d.ReadOnly() }
func writable(_ *office, d *disktest.Disk) { d.Writable() }

// crowded fills the disk, and then the room that the outbox's file has left, as a run does that remembers much.
func crowded(o *office, d *disktest.Disk) {
	d.Fill()
	for _, size := range []int{20_000, 3_000} {
		var err error
		for n := 0; err == nil; n++ {
			err = o.box.Update(context.Background(), func(tx *outbox.Tx) error {
				return tx.Put("states", fmt.Sprint(size, n), make([]byte, size))
			})
		}
		assert.ErrorIs(o, err, syscall.ENOSPC)
	}
}

// The outbox uses its own room again. What can be noted can be sent.
func TestOnADiskThatBecomesFullAlertsGoOnAsLongAsTheOutboxCanWrite(t *testing.T) {
	disktest.Run(t, func(t *testing.T) {
		disk := disktest.New(t, 1<<20)
		synctest.Test(t, func(t *testing.T) {
			o := newOffice(t, disk.Dir)
			o.queueAll()
			o.hooks.before = func(arrived int) {
				if arrived == 5 {
					disk.Fill()
				}
			}
			o.runs(time.Hour)
			assert.Equal(t, everyAlert, o.hooks.arrived())
			assert.Empty(t, o.held())
			assert.Empty(t, o.queued())
		})
	})
}

func TestTheDiskIsTriedWithGrowingPausesAndAtLeastEveryFiveMinutes(t *testing.T) {
	disktest.Run(t, func(t *testing.T) {
		disk := disktest.New(t, 1<<20)
		synctest.Test(t, func(t *testing.T) {
			o := newOffice(t, disk.Dir)
			o.queueAll()
			disk.Fill()
			for _, hold := range []time.Duration{0, 4 * time.Minute, 2 * time.Hour} {
				o.runs(hold + time.Second)
				require.NotEmpty(t, o.held())
			}
			o.saidOnce(heldBack)
			disk.Free()
			o.runs(5*time.Minute + 30*time.Second)
			assert.Equal(t, everyAlert, o.hooks.arrived())
		})
	})
}

// What was sent and not noted was claimed before: the process that comes next repeats it once, under its ID.
func TestARestartWhileTheDiskIsFullRepeatsOneAttemptOfADestinationAndNoMore(t *testing.T) {
	disktest.Run(t, func(t *testing.T) {
		for name, fault := range map[string]struct{ cause, mend func(*office, *disktest.Disk) }{
			"full": {crowded, free}, "read-only": {readOnly, writable},
		} {
			t.Run(name, func(t *testing.T) {
				disk := disktest.New(t, 1<<20)
				synctest.Test(t, func(t *testing.T) {
					o := newOffice(t, disk.Dir)
					o.queue("soc", alertIDs...)
					o.hooks.before = func(arrived int) {
						if arrived == 2 {
							fault.cause(o, disk)
						}
					}
					for range 10 {
						o.runs(10 * time.Minute)
						o.opens()
					}
					require.Len(t, o.hooks.arrived(), 2)
					o.hooks.before = nil
					fault.mend(o, disk)
					for range 3 {
						o.runs(10 * time.Minute)
						o.opens()
					}
					count := map[string]int{}
					for _, id := range o.hooks.arrived() {
						count[id]++
					}
					assert.Len(t, count, len(alertIDs))
					assert.Len(t, o.hooks.arrived(), len(alertIDs)+1, "one of them twice: %v", count)
				})
			})
		}
	})
}

func TestAnOutboxThatCannotBeOpenedIsSaidOnceAndTakenUpAgainWhenItCan(t *testing.T) {
	for name, damage := range map[string]func(path string) error{
		"a folder":      func(path string) error { return os.Mkdir(path, 0o700) },
		"a broken link": func(path string) error { return os.Symlink(filepath.Join(path, "nowhere"), path) },
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			synctest.Test(t, func(t *testing.T) {
				o := newOffice(t, dir)
				o.queueAll()
				kept := o.box.Path() + ".kept"
				require.NoError(t, os.Rename(o.box.Path(), kept))
				require.NoError(t, damage(o.box.Path()))
				o.runs(time.Hour)
				assert.Empty(t, o.hooks.arrived())
				assert.Contains(t, o.held(), o.box.Path())
				o.saidOnce(heldBack)
				o.saidOnce("level=ERROR")

				require.NoError(t, os.RemoveAll(o.box.Path()))
				require.NoError(t, os.Rename(kept, o.box.Path()))
				o.runs(6 * time.Minute)
				assert.Equal(t, everyAlert, o.hooks.arrived())
				assert.Empty(t, o.held())
			})
		})
	}
}

// The file was moved away since it was damaged, and in the new one another alert has the place of the one that was sent.
func TestWhatWasSentIsNotNotedOfAnotherAlertInANewFile(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t, dir)
		o.queue("soc", "a1")
		o.hooks.before = func(int) {
			assert.NoError(t, os.Remove(o.box.Path()))
			assert.NoError(t, o.box.Update(t.Context(), func(tx *outbox.Tx) error { return tx.Enqueue(message("soc", "z1")) }))
			o.hooks.before = nil
		}
		o.runs(time.Minute)
		assert.Equal(t, []string{"soc a1", "soc z1"}, o.hooks.arrived())
	})
}

func TestAnEntryThatCannotBeReadHoldsUpNoOther(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t, dir)
		o.queueAll()
		db, err := bbolt.Open(o.box.Path(), 0o600, nil)
		require.NoError(t, err)
		require.NoError(t, db.Update(func(tx *bbolt.Tx) error {
			place, _ := tx.Bucket([]byte("waiting")).Cursor().Seek([]byte("soc"))
			return tx.Bucket([]byte("waiting")).Put(place, []byte("{"))
		}))
		require.NoError(t, db.Close())
		o.runs(time.Hour)
		assert.Equal(t, slices.DeleteFunc(slices.Clone(everyAlert), func(id string) bool { return id == "soc a0" }), o.hooks.arrived())
		assert.Equal(t, 1, o.said("alerts that cannot be read are passed over"), o.logged())
		assert.Empty(t, o.held())
	})
}

// A process that is killed in mid-send again and again does not send the more often for that.
func TestAnAttemptWhoseEndIsNotKnownIsRepeatedAfterAPauseThatGrows(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t, dir)
		o.queue("soc", "a1")
		var pauses []time.Duration
		for range 4 {
			at := time.Now()
			// As of a process that was killed in between: what it claimed is on disk, and nothing else.
			require.NoError(t, o.box.Update(t.Context(), func(tx *outbox.Tx) error {
				due, _, err := tx.Due("soc", at, 1)
				require.NoError(t, err)
				require.Len(t, due, 1)
				claimed, err := tx.Claim(due[0], at, at.Add(time.Second<<due[0].Attempts))
				assert.True(t, claimed)
				return err
			}))
			waiting := o.queued()[0]
			assert.Contains(t, waiting.LastError, "its end is not known")
			pauses = append(pauses, waiting.Next.Sub(at))
			time.Sleep(waiting.Next.Sub(at))
		}
		assert.Equal(t, []time.Duration{1 * time.Second, 2 * time.Second, 4 * time.Second, 8 * time.Second}, pauses)
		o.runs(time.Minute)
		assert.Equal(t, []string{"soc a1"}, o.hooks.arrived())
	})
}

func TestASendThatIsCutOffByTheEndOfTheServiceIsNoAttempt(t *testing.T) {
	r := newReceiver(t)
	begun, let := make(chan struct{}), make(chan struct{})
	r.answers(func(http.ResponseWriter, *http.Request) { close(begun); <-let })
	defer close(let)
	d := newDesk(t, hook("hook", r.URL))
	d.queue("hook", "a1")
	before := d.queued()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- d.deliverer.Run(ctx) }()
	<-begun
	assert.Equal(t, 1, d.queued()[0].Attempts, "it was claimed before it was sent")
	cancel()
	require.NoError(t, <-ended)
	assert.Equal(t, before, d.queued(), fmt.Sprint("as it was: ", d.logged()))
}

func TestADamagedOutboxIsSaidAndWhatIsQueuedSinceIsSent(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t, dir)
		require.NoError(t, os.WriteFile(o.box.Path(), []byte(strings.Repeat("x", 1<<16)), 0o600))
		o.runs(time.Minute)
		o.saidOnce("level=ERROR")
		o.saidOnce(".damaged-")
		o.queueAll()
		o.runs(6 * time.Minute)
		assert.Equal(t, everyAlert, o.hooks.arrived())
		assert.Empty(t, o.held())
	})
}

package delivery_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"s1graph/alerts/delivery"
	"s1graph/alerts/outbox"
	"s1graph/config"
)

func TestAnAlertIsPostedWithItsIDAndASignature(t *testing.T) {
	r := newReceiver(t)
	to := hook("hook", r.URL+"/in?key=k")
	to.Secret = config.NewSecret("s3cret")
	d := newDesk(t, to)
	d.queue("hook", "a1")
	assert.Zero(t, d.drain())

	got := r.requests()
	require.Len(t, got, 1)
	assert.Equal(t, http.MethodPost, got[0].Method)
	assert.Equal(t, "/in", got[0].Path)
	assert.Equal(t, `{"id":"a1"}`, got[0].Body)
	assert.Equal(t, "application/json", got[0].Header.Get("Content-Type"))
	assert.Equal(t, "a1", got[0].id())
	timestamp := got[0].Header.Get("X-S1graph-Timestamp")
	assert.Equal(t, strconv.FormatInt(noon.Unix(), 10), timestamp)
	mac := hmac.New(sha256.New, []byte("s3cret"))
	mac.Write([]byte(timestamp + "." + got[0].Body))
	assert.Equal(t, "sha256="+hex.EncodeToString(mac.Sum(nil)), got[0].Header.Get("X-S1graph-Signature"))
	assert.Equal(t, []string{"hook agent gone delivered"}, d.observed)
	assert.Empty(t, d.dead())
}

func TestWithoutASecretNothingIsSigned(t *testing.T) {
	r := newReceiver(t)
	d := newDesk(t, hook("hook", r.URL))
	d.queue("hook", "a1")
	d.drain()
	require.Len(t, r.requests(), 1)
	assert.NotContains(t, r.requests()[0].Header, "X-S1graph-Signature")
}

func TestAlertsOfOneKeyStayInOrderAndThoseOfOthersPass(t *testing.T) {
	r := newReceiver(t)
	r.answers(func(w http.ResponseWriter, req *http.Request) {
		if req.Header.Get("X-S1graph-Id") == "a1" {
			w.WriteHeader(http.StatusInternalServerError)
		}
	})
	d := newDesk(t, hook("hook", r.URL))
	d.queue("hook", "a1", "b1", "a2", "b2")
	assert.Equal(t, 2, d.drain())
	assert.Equal(t, []string{"a1", "b1", "b2"}, r.ids())

	r.forget()
	d.pass(4 * time.Second)
	assert.Equal(t, 2, d.drain())
	assert.Empty(t, r.ids(), "5 s have not passed")

	r.answers(nil)
	d.pass(time.Second)
	assert.Zero(t, d.drain())
	assert.Equal(t, []string{"a1", "a2"}, r.ids())
}

func TestWhatIsRefusedIsADeadLetterAtOnceAndHoldsUpNothing(t *testing.T) {
	for _, code := range []int{400, 401, 403, 404, 410, 413, 422, 301, 302, 307, 308} {
		t.Run(strconv.Itoa(code), func(t *testing.T) {
			elsewhere := newReceiver(t)
			r := newReceiver(t)
			r.answers(func(w http.ResponseWriter, req *http.Request) {
				if req.Header.Get("X-S1graph-Id") == "a1" {
					http.Redirect(w, req, elsewhere.URL, code)
				}
			})
			d := newDesk(t, hook("hook", r.URL))
			d.queue("hook", "a1", "a2")
			assert.Zero(t, d.drain())
			assert.Equal(t, []string{"a1", "a2"}, r.ids())
			assert.Empty(t, elsewhere.ids())
			require.Len(t, d.dead(), 1)
			assert.Equal(t, "a1", d.dead()[0].ID)
			assert.Contains(t, d.dead()[0].LastError, "HTTP "+strconv.Itoa(code))
			assert.Equal(t, []string{"hook agent gone dead", "hook agent gone delivered"}, d.observed)
		})
	}
}

func TestWhatMayPassIsTriedAgainAndArrivesOnce(t *testing.T) {
	reset := func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := w.(http.Hijacker).Hijack()
		if assert.NoError(t, err) {
			assert.NoError(t, conn.Close())
		}
	}
	for name, answer := range map[string]http.HandlerFunc{
		"408": status(408), "429": status(429), "500": status(500), "502": status(502), "503": status(503),
		"a connection that breaks": reset,
	} {
		t.Run(name, func(t *testing.T) {
			r := newReceiver(t)
			r.answers(answer)
			d := newDesk(t, hook("hook", r.URL))
			d.queue("hook", "a1")
			assert.Equal(t, 1, d.drain())
			assert.NotEmpty(t, d.queued()[0].LastError)
			assert.Contains(t, d.logged(), d.queued()[0].LastError)
			r.answers(nil)
			r.forget()
			d.pass(time.Minute)
			assert.Zero(t, d.drain())
			assert.Equal(t, []string{"a1"}, r.ids())
			assert.Equal(t, []string{"hook agent gone failed", "hook agent gone delivered"}, d.observed)
		})
	}
}

func TestADestinationIsLeftAloneForAsLongAsItAsks(t *testing.T) {
	for name, after := range map[string]string{
		"in seconds": "120", "as a time": noon.Add(2 * time.Minute).Format(http.TimeFormat),
	} {
		t.Run(name, func(t *testing.T) {
			r := newReceiver(t)
			r.answers(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Retry-After", after)
				w.WriteHeader(http.StatusTooManyRequests)
			})
			d := newDesk(t, hook("hook", r.URL))
			d.queue("hook", "a1", "b1")
			assert.Equal(t, 2, d.drain())
			assert.Equal(t, []string{"a1"}, r.ids(), "b1 would be refused too")
			r.answers(nil)
			d.pass(119 * time.Second)
			assert.Equal(t, 2, d.drain())
			d.pass(time.Second)
			assert.Zero(t, d.drain())
			assert.ElementsMatch(t, []string{"a1", "a1", "b1"}, r.ids())
		})
	}
}

func TestTheWaitGrowsWithEachFailureUpToAQuarterOfAnHour(t *testing.T) {
	r := newReceiver(t)
	r.answers(status(500))
	d := newDesk(t, hook("hook", r.URL))
	d.queue("hook", "a1")
	var waits []time.Duration
	for range 10 {
		d.drain()
		next := d.queued()[0].Next
		waits = append(waits, next.Sub(d.clock()))
		d.pass(next.Sub(d.clock()))
	}
	assert.Equal(t, []time.Duration{5, 10, 20, 40, 80, 160, 320, 640, 900, 900}, inSeconds(waits))
	assert.Len(t, r.ids(), 10)
}

func inSeconds(all []time.Duration) []time.Duration {
	var seconds []time.Duration
	for _, d := range all {
		seconds = append(seconds, d/time.Second)
	}
	return seconds
}

func TestADestinationThatIsAwayIsNotAskedForEachAlert(t *testing.T) {
	r := newReceiver(t)
	r.answers(status(503))
	d := newDesk(t, hook("hook", r.URL))
	var ids []string
	for key := 'a'; key <= 'z'; key++ {
		ids = append(ids, string(key)+"1")
	}
	d.queue("hook", ids...)
	assert.Equal(t, 26, d.drain())
	assert.Len(t, r.ids(), 3)
	r.answers(nil)
	r.forget()
	d.pass(time.Minute)
	assert.Zero(t, d.drain())
	assert.ElementsMatch(t, ids, r.ids())
}

// attempts drains whenever something is due, with pauses in between, until an alert is given up. It says how many times
// the receiver was asked, and how much time passed, pauses left out.
func (d *desk) attempts(r *receiver, pause func(attempt int) time.Duration) (tried int, passed time.Duration) {
	d.Helper()
	for len(d.dead()) == 0 {
		require.Less(d, len(r.ids()), 1000, "it is never given up")
		d.drain()
		queued := d.queued()
		if len(queued) > 0 {
			wait := queued[0].Next.Sub(d.clock())
			passed += wait
			d.pass(wait + pause(len(r.ids())))
		}
	}
	return len(r.ids()), passed
}

func TestAServiceThatWasOffForADayTriesAsOftenAsOneThatWasOn(t *testing.T) {
	tried := map[string]int{}
	for name, pause := range map[string]func(int) time.Duration{
		"on":                   func(int) time.Duration { return 0 },
		"off for a day":        func(attempt int) time.Duration { return map[int]time.Duration{3: 25 * time.Hour}[attempt] },
		"off for weeks, often": func(int) time.Duration { return 500 * time.Hour },
	} {
		r := newReceiver(t)
		r.answers(status(500))
		d := newDesk(t, hook("hook", r.URL))
		d.queue("hook", "a1")
		var passed time.Duration
		tried[name], passed = d.attempts(r, pause)
		assert.InDelta(t, 27, passed.Hours(), 4, "%s: without chance a process that is on takes a day and some hours", name)
		assert.Equal(t, "HTTP 500 Internal Server Error", d.dead()[0].LastError)
		assert.Contains(t, d.observed, "hook agent gone dead")
	}
	assert.Equal(t, map[string]int{"on": delivery.MostAttempts, "off for a day": delivery.MostAttempts, "off for weeks, often": delivery.MostAttempts}, tried)
}

func TestWhatWasGivenUpCanBeSentAgainByHand(t *testing.T) {
	r := newReceiver(t)
	r.answers(status(500))
	d := newDesk(t, hook("hook", r.URL))
	d.queue("hook", "a1", "a2")
	d.attempts(r, func(int) time.Duration { return 0 })
	r.answers(nil)
	r.forget()
	require.NoError(t, d.box.Update(t.Context(), func(tx *outbox.Tx) error {
		n, err := tx.Retry("")
		assert.Equal(t, 1, n)
		return err
	}))
	d.pass(time.Hour)
	assert.Zero(t, d.drain())
	assert.Equal(t, []string{"a1", "a2"}, r.ids(), "at its old place")
	assert.Empty(t, d.dead())
}

// One attempt at a destination that is away stands for all that are due: else a long queue would never be given up.
func TestAtADestinationThatIsAwayAlertsAreGivenUpTogetherHoweverManyWait(t *testing.T) {
	r := newReceiver(t)
	r.answers(status(503))
	d := newDesk(t, hook("hook", r.URL))
	const many = 300
	require.NoError(t, d.box.Update(t.Context(), func(tx *outbox.Tx) error {
		var faults []error
		for i := range many {
			m := message("hook", fmt.Sprintf("a%d", i))
			m.Key = m.ID
			faults = append(faults, tx.Enqueue(m))
		}
		return errors.Join(faults...)
	}))
	started := d.clock()
	for d.drain() > 0 {
		require.Less(t, d.clock().Sub(started), 48*time.Hour)
		d.pass(time.Minute)
	}
	assert.Greater(t, d.clock().Sub(started), 20*time.Hour)
	assert.Len(t, d.dead(), many)
	for _, e := range d.dead() {
		assert.Equal(t, delivery.MostAttempts, e.Attempts)
		assert.Equal(t, "HTTP 503 Service Unavailable", e.LastError)
	}
	gone := 0
	for _, o := range d.observed {
		if o == "hook agent gone dead" {
			gone++
		}
	}
	assert.Equal(t, many, gone, "each is counted")
}

func TestADestinationThatHangsDelaysNobodyElse(t *testing.T) {
	hanging := newReceiver(t)
	let := make(chan struct{})
	hung := make(chan struct{}, 100)
	hanging.answers(func(w http.ResponseWriter, _ *http.Request) { hung <- struct{}{}; <-let; w.WriteHeader(503) })
	works := newReceiver(t)
	arrived := make(chan string, 100)
	works.answers(func(_ http.ResponseWriter, req *http.Request) { arrived <- req.Header.Get("X-S1graph-Id") })

	d := newDesk(t, hook("hangs", hanging.URL), through("hangs too", "generic://"+hanging.Listener.Addr().String()+"/?disabletls=yes"), hook("works", works.URL))
	d.queue("hangs", "a1", "b1", "c1")
	d.queue("hangs too", "a1", "b1", "c1")
	d.queue("works", "a1", "b1", "c1")
	stop := run(t, d)
	<-hung
	<-hung
	for _, id := range []string{"a1", "b1", "c1"} {
		assert.Equal(t, id, <-arrived)
	}
	d.queue("works", "d1")
	d.deliverer.Wake()
	assert.Equal(t, "d1", <-arrived)
	close(let)
	stop()
	for _, e := range d.queued() {
		assert.Contains(t, []string{"hangs", "hangs too"}, e.Destination)
	}
	assert.Len(t, d.queued(), 6, "none of these has arrived")
}

// panicking is what a library may do.
type panicking struct{ host string }

func (p panicking) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Host == p.host {
		panic("cannot send to " + r.URL.String())
	}
	return http.DefaultTransport.RoundTrip(r)
}

func TestAPanicIsAFailureOfOneAlertAndNobodysEnd(t *testing.T) {
	good := newReceiver(t)
	d := newDesk(t)
	var log strings.Builder
	var err error
	d.deliverer, err = delivery.New(delivery.Config{
		Outbox: d.box, Clock: d.clock, Transport: panicking{"bad.example"}, Logger: slog.New(slog.NewTextHandler(&log, nil)),
		Destinations: []config.Destination{hook("bad", "https://bad.example/SECRET"), hook("good", good.URL)},
	})
	require.NoError(t, err)
	d.queue("bad", "a1", "b1")
	d.queue("good", "a1", "b1")
	assert.Equal(t, 2, d.drain())
	assert.Equal(t, []string{"a1", "b1"}, good.ids())
	for _, e := range d.queued() {
		assert.Equal(t, "bad", e.Destination)
		assert.Equal(t, "a fault of s1graph: panic", e.LastError)
	}
	assert.Contains(t, log.String(), "RoundTrip", "the stack")
	assert.NotContains(t, log.String(), "SECRET")
}

func TestAPanicOutsideOfASendIsAnErrorAndNobodysEnd(t *testing.T) {
	good := newReceiver(t)
	d := newDesk(t)
	var err error
	d.deliverer, err = delivery.New(delivery.Config{
		Outbox: d.box, Clock: d.clock, Destinations: []config.Destination{hook("good", good.URL)},
		Observe: func(string, string, string) {
			if len(good.ids()) == 1 {
				panic("out of range")
			}
		},
	})
	require.NoError(t, err)
	d.queue("good", "a1", "b1")
	_, err = d.deliverer.Drain(t.Context())
	require.EqualError(t, err, "a fault of s1graph: panic")
	assert.Zero(t, d.drain())
	assert.Equal(t, []string{"a1", "b1"}, good.ids())
}

func TestADestinationThatHangsFailsInItsTime(t *testing.T) {
	r := newReceiver(t)
	let := make(chan struct{})
	r.answers(func(http.ResponseWriter, *http.Request) { <-let })
	d := newHastyDesk(t, hook("hook", r.URL), through("soc", "generic://"+r.Listener.Addr().String()+"/?disabletls=yes"))
	d.queue("hook", "a1")
	d.queue("soc", "a1")
	assert.Equal(t, 2, d.drain())
	close(let)
	for _, e := range d.queued() {
		assert.Equal(t, "no answer in time", e.LastError, e.Destination)
	}
	r.answers(nil)
	patient := newDeskAt(t, d.box.Path(), time.Minute, d.deliverer.Destinations...)
	patient.pass(time.Minute)
	assert.Zero(t, patient.drain(), "it has come back")
}

func TestAnAlertCanBeSentPastTheQueue(t *testing.T) {
	r := newReceiver(t)
	d := newDesk(t, hook("hook", r.URL))
	require.NoError(t, d.deliverer.Send(t.Context(), message("hook", "a1")))
	assert.Equal(t, []string{"a1"}, r.ids())
	r.answers(status(404))
	require.EqualError(t, d.deliverer.Send(t.Context(), message("hook", "a2")), "destination hook: HTTP 404 Not Found")
	require.ErrorContains(t, d.deliverer.Send(t.Context(), message("old", "a1")), "old")
	assert.Empty(t, d.queued())
}

func TestAllDestinationsThatAreWrongAreTold(t *testing.T) {
	_, err := delivery.New(delivery.Config{
		Outbox:       outbox.At(t.TempDir() + "/alerts.db"),
		Destinations: []config.Destination{through("soc", "slack://s3cret"), hook("hook", "http://example.com/s3cret"), hook("good", "https://example.com")},
	})
	require.ErrorContains(t, err, "destination soc:")
	require.ErrorContains(t, err, "destination hook:")
	assert.NotContains(t, err.Error(), "good")
	assert.NotContains(t, err.Error(), "s3cret")
}

func TestAlertsArePostedThroughHTTPSOnlyButToThisMachine(t *testing.T) {
	for url, good := range map[string]bool{
		"https://example.com/x": true, "http://127.0.0.1:80/x": true, "http://localhost/x": true, "http://[::1]:8080/": true,
		"http://example.com/x": false, "http://localhost.example.com/": false, "ftp://example.com/": false, "example.com": false, "https://": false, "": false,
		"https://exa mple.com/": false,
	} {
		err := delivery.Check(hook("hook", url))
		assert.Equal(t, good, err == nil, "%s: %v", url, err)
	}
}

// run runs d until the function that it returns is called.
func run(t *testing.T, d *desk) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- d.deliverer.Run(ctx) }()
	return func() {
		t.Helper()
		cancel()
		require.NoError(t, <-ended)
	}
}

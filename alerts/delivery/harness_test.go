package delivery_test

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"s1graph/alerts/delivery"
	"s1graph/alerts/outbox"
	"s1graph/config"
	"s1graph/gotest"
)

var noon = time.Date(2026, 3, 14, 12, 0, 0, 0, time.UTC)

// TestMain lets the services of shoutrrr, which know their hosts, speak to servers of the tests: there is no
// other way to them but through http.DefaultTransport.
func TestMain(m *testing.M) {
	if os.Getenv("DELIVER_FROM") != "" {
		deliverUntilKilled()
		return
	}
	transport := http.DefaultTransport.(*http.Transport)
	transport.TLSClientConfig = &tls.Config{InsecureSkipVerify: true}
	transport.Proxy = nil
	transport.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		if to := internet.Load(); to != nil && !strings.HasPrefix(address, "127.0.0.1:") {
			address = *to
		}
		return (&net.Dialer{}).DialContext(ctx, network, address)
	}
	gotest.VerifyTestMain(m)
}

// internet is the address of the server that stands for all hosts, or nil.
var internet atomic.Pointer[string]

// loopback is the address of the server that answers without TLS for services which cannot be led elsewhere.
var loopback = "127.0.0.1:1"

// onTheInternet lets h answer for every host, through TLS, and at loopback.
func onTheInternet(t *testing.T, h http.Handler) {
	t.Helper()
	server := httptest.NewUnstartedServer(h)
	server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	server.StartTLS()
	address := server.Listener.Addr().String()
	internet.Store(&address)
	plain := httptest.NewServer(h)
	plain.Config.ErrorLog = server.Config.ErrorLog
	loopback = plain.Listener.Addr().String()
	t.Cleanup(func() {
		internet.Store(nil)
		loopback = "127.0.0.1:1"
		plain.Close()
		http.DefaultTransport.(*http.Transport).CloseIdleConnections()
		server.Close()
	})
}

// offTheInternet lets nobody answer.
func offTheInternet(t *testing.T) {
	t.Helper()
	address := "127.0.0.1:1"
	internet.Store(&address)
	t.Cleanup(func() { internet.Store(nil) })
}

// request is what a receiver has got.
type request struct {
	Method, Path string
	Query        url.Values
	Header       http.Header
	Body         string
}

func (r request) id() string { return r.Header.Get("X-S1graph-Id") }

// receiver is a webhook: it keeps what arrives and answers as it is told.
type receiver struct {
	*httptest.Server

	sync.Mutex
	got    []request
	answer http.HandlerFunc // nil: 204
}

func newReceiver(t *testing.T) *receiver {
	t.Helper()
	r := &receiver{}
	r.Server = httptest.NewServer(r)
	r.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	body, _ := io.ReadAll(req.Body)
	r.Lock()
	r.got = append(r.got, request{req.Method, req.URL.Path, req.URL.Query(), req.Header, string(body)})
	answer := r.answer
	r.Unlock()
	if answer == nil {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	answer(w, req)
}

func (r *receiver) answers(h http.HandlerFunc) {
	r.Lock()
	defer r.Unlock()
	r.answer = h
}

func (r *receiver) requests() []request {
	r.Lock()
	defer r.Unlock()
	return append([]request(nil), r.got...)
}

// ids are those of the alerts that arrived, taken or not, in their order.
func (r *receiver) ids() []string {
	var ids []string
	for _, req := range r.requests() {
		ids = append(ids, req.id())
	}
	return ids
}

func (r *receiver) forget() {
	r.Lock()
	defer r.Unlock()
	r.got = nil
}

// hook is a webhook destination.
func hook(name, url string) config.Destination {
	return config.Destination{Name: name, URL: config.NewSecret(url), Format: "json"}
}

func through(name, url string) config.Destination {
	return config.Destination{Name: name, URL: config.NewSecret(url)}
}

func status(code int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }
}

// desk is an outbox and what delivers from it, at a clock that stands still until it is set.
type desk struct {
	*testing.T
	box       *outbox.Outbox
	deliverer *delivery.Deliverer
	log       *strings.Builder

	mu       sync.Mutex
	now      time.Time
	observed []string
}

func newDesk(t *testing.T, to ...config.Destination) *desk {
	t.Helper()
	return newDeskAt(t, filepath.Join(t.TempDir(), "alerts.db"), time.Minute, to...)
}

// newHastyDesk waits for no answer longer than it must: for what really hangs.
func newHastyDesk(t *testing.T, to ...config.Destination) *desk {
	t.Helper()
	return newDeskAt(t, filepath.Join(t.TempDir(), "alerts.db"), 200*time.Millisecond, to...)
}

func newDeskAt(t *testing.T, path string, timeout time.Duration, to ...config.Destination) *desk {
	t.Helper()
	d := &desk{T: t, now: noon, log: &strings.Builder{}, box: outbox.At(path)}
	var err error
	d.deliverer, err = delivery.New(delivery.Config{
		Outbox:       d.box,
		Destinations: to,
		Clock:        d.clock,
		Rand:         func() float64 { return 0 },
		Wait:         func(ctx context.Context, _ time.Duration) error { <-ctx.Done(); return ctx.Err() },
		Timeout:      timeout,
		Logger:       slog.New(slog.NewTextHandler(d, nil)),
		Observe:      d.observe,
	})
	require.NoError(t, err)
	return d
}

// Write takes the log.
func (d *desk) Write(line []byte) (int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.log.Write(line)
}

func (d *desk) logged() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.log.String()
}

func (d *desk) clock() time.Time {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.now
}

func (d *desk) pass(by time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.now = d.now.Add(by)
}

func (d *desk) observe(destination, rule, status string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.observed = append(d.observed, destination+" "+rule+" "+status)
}

// queue puts messages of these IDs; the first letter of an ID is its key.
func (d *desk) queue(destination string, ids ...string) {
	d.Helper()
	require.NoError(d, d.box.Update(d.Context(), func(tx *outbox.Tx) error {
		var faults []error
		for _, id := range ids {
			faults = append(faults, tx.Enqueue(message(destination, id)))
		}
		return errors.Join(faults...)
	}))
}

func message(destination, id string) outbox.Message {
	return outbox.Message{
		ID: id, Destination: destination, Key: id[:1], Rule: "agent gone", Severity: "high", Instance: "acme",
		At: noon, Title: "DC01 is gone", Text: "It was last seen\nyesterday.", Payload: []byte(`{"id":"` + id + `"}`),
	}
}

// drain delivers what is due, and returns how much is left.
func (d *desk) drain() int {
	d.Helper()
	left, err := d.deliverer.Drain(d.Context())
	require.NoError(d, err)
	return left
}

func (d *desk) queued() []outbox.Entry { return d.read((*outbox.Tx).Queued) }
func (d *desk) dead() []outbox.Entry   { return d.read((*outbox.Tx).Dead) }

func (d *desk) read(what func(*outbox.Tx, string) ([]outbox.Entry, error)) (entries []outbox.Entry) {
	d.Helper()
	require.NoError(d, d.box.View(d.Context(), func(tx *outbox.Tx) (err error) {
		entries, err = what(tx, "")
		return err
	}))
	return entries
}

// dialer connects to nothing, and says where it should have.
func dialer(asked func(address string)) func(context.Context, string, string) (net.Conn, error) {
	return func(_ context.Context, _, address string) (net.Conn, error) {
		asked(address)
		return nil, errors.New("no route to host")
	}
}

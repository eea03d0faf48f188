package delivery_test

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"s1graph/alerts/delivery"
	"s1graph/alerts/outbox"
	"s1graph/gotest"
)

// alertmanager is a real one.
type alertmanager struct {
	*testing.T
	scheme  string
	address string
}

// startAlertmanager starts one that answers http.
func startAlertmanager(t *testing.T) *alertmanager {
	t.Helper()
	return startAlertmanagerOn(t, "http")
}

// startSafeAlertmanager starts one that answers https, with a certificate that these tests do not look at.
func startSafeAlertmanager(t *testing.T) *alertmanager {
	t.Helper()
	server := httptest.NewTLSServer(nil)
	server.Close()
	certificate := server.TLS.Certificates[0]
	key, err := x509.MarshalPKCS8PrivateKey(certificate.PrivateKey)
	require.NoError(t, err)
	dir := t.TempDir()
	for name, block := range map[string]*pem.Block{
		"cert.pem": {Type: "CERTIFICATE", Bytes: certificate.Certificate[0]}, "key.pem": {Type: "PRIVATE KEY", Bytes: key},
	} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), pem.EncodeToMemory(block), 0o600))
	}
	settings := filepath.Join(dir, "web.yml")
	require.NoError(t, os.WriteFile(settings, []byte("tls_server_config: {cert_file: cert.pem, key_file: key.pem}\n"), 0o600))
	return startAlertmanagerOn(t, "https", "--web.config.file="+settings)
}

func startAlertmanagerOn(t *testing.T, scheme string, flags ...string) *alertmanager {
	t.Helper()
	program := gotest.Program(t, "prometheus-alertmanager", "prometheus-alertmanager", "alertmanager")
	port, err := gotest.FreePort()
	require.NoError(t, err)
	address := fmt.Sprint("127.0.0.1:", port)
	dir := t.TempDir()
	settings := filepath.Join(dir, "alertmanager.yml")
	require.NoError(t, os.WriteFile(settings, []byte("route: {receiver: none, group_wait: 0s}\nreceivers: [{name: none}]\n"), 0o600))
	c := exec.Command(program, append(flags, "--config.file="+settings, "--storage.path="+dir, "--web.listen-address="+address, "--cluster.listen-address=")...)
	require.NoError(t, c.Start())
	t.Cleanup(func() {
		_ = c.Process.Kill()
		_ = c.Wait()
		http.DefaultTransport.(*http.Transport).CloseIdleConnections()
	})
	require.Eventually(t, func() bool {
		res, err := http.Get(scheme + "://" + address + "/-/ready")
		if err != nil {
			return false
		}
		_ = res.Body.Close()
		return res.StatusCode == http.StatusOK
	}, 5*time.Minute, 20*time.Millisecond)
	return &alertmanager{t, scheme, address}
}

// known is an alert as Alertmanager tells of it.
type known struct {
	Labels, Annotations map[string]string
	StartsAt, EndsAt    time.Time
	GeneratorURL        string
	Status              struct{ State string }
}

// alerts are those that are active, which is all that Alertmanager tells of.
func (a *alertmanager) alerts() (all []known) {
	a.Helper()
	res, err := http.Get(a.scheme + "://" + a.address + "/api/v2/alerts")
	require.NoError(a, err)
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	require.NoError(a, err)
	require.NoError(a, json.Unmarshal(body, &all), string(body))
	return all
}

// lasting is an alert on a state, which began an hour before the clock of the test.
func lasting(d *desk, id, op, incident string) outbox.Message {
	return outbox.Message{
		ID: id, Destination: "am", Key: "sentinelone_agent:1", Type: "sentinelone_agent", Rule: "agent silent", Severity: "low", Instance: "acme", Run: "r1",
		At: d.clock().Add(-time.Hour), Title: "DC01 is silent", Text: "Owner: Carla", Link: "https://acme.test/x", Op: op, Incident: incident, Lasts: op == "began",
	}
}

func (d *desk) put(m outbox.Message) {
	d.Helper()
	require.NoError(d, d.box.Update(d.Context(), func(tx *outbox.Tx) error { return tx.Enqueue(m) }))
}

func TestARealAlertmanagerKnowsAStateUntilItEnds(t *testing.T) {
	a := startAlertmanager(t)
	d := newDesk(t, through("am", "alertmanager://"+a.address))
	d.pass(time.Since(noon)) // Alertmanager has a clock of its own
	began := lasting(d, "a1", "began", "i1")
	d.put(began)
	require.Zero(t, d.drain())
	require.Len(t, a.alerts(), 1)
	got := a.alerts()[0]
	assert.Equal(t, map[string]string{
		"alertname": "agent silent", "instance": "acme", "severity": "low", "type": "sentinelone_agent", "key": "sentinelone_agent:1",
	}, got.Labels)
	assert.Equal(t, map[string]string{"summary": "DC01 is silent", "description": "Owner: Carla", "run": "r1"}, got.Annotations)
	assert.Equal(t, "https://acme.test/x", got.GeneratorURL)
	assert.Equal(t, "active", got.Status.State)
	assert.WithinDuration(t, began.At, got.StartsAt, time.Millisecond)
	assert.WithinDuration(t, d.clock().Add(25*time.Hour), got.EndsAt, time.Minute, "nobody delivers until the next run")

	d.pass(2 * time.Hour)
	require.Zero(t, d.drain())
	assert.WithinDuration(t, d.clock().Add(25*time.Hour), a.alerts()[0].EndsAt, time.Minute, "it lasts")

	other := lasting(d, "b1", "began", "i2")
	other.Key = "sentinelone_agent:2"
	d.put(other)
	require.Zero(t, d.drain())
	assert.Len(t, a.alerts(), 2)

	d.pass(-2 * time.Hour) // to now: the end is not in Alertmanager's future
	ended := lasting(d, "a2", "ended", "i1")
	ended.At = d.clock()
	d.put(ended)
	require.Zero(t, d.drain())
	require.Len(t, a.alerts(), 1, "the other one goes on")
	assert.Equal(t, "sentinelone_agent:2", a.alerts()[0].Labels["key"])
	d.pass(time.Hour)
	require.Zero(t, d.drain())
	assert.Len(t, a.alerts(), 1, "what has ended is not told again")
}

func TestARealAlertmanagerIsToldThroughHTTPS(t *testing.T) {
	a := startSafeAlertmanager(t)
	d := newDesk(t, through("am", "alertmanager+https://"+a.address))
	d.pass(time.Since(noon))
	d.put(lasting(d, "a1", "began", "i1"))
	require.Zero(t, d.drain())
	require.Len(t, a.alerts(), 1)
	ended := lasting(d, "a2", "ended", "i1")
	ended.At = d.clock()
	d.put(ended)
	require.Zero(t, d.drain())
	assert.Empty(t, a.alerts())
}

func TestARealAlertmanagerTakesWhatHasNoEndAndNamesOfAttackers(t *testing.T) {
	a := startAlertmanager(t)
	d := newDesk(t, through("am", "alertmanager://"+a.address+"/"))
	d.pass(time.Since(noon))
	m := message("am", "a1")
	m.At, m.Op, m.Key, m.Title = d.clock(), "created", "sentinelone_device:<!channel>\"\\\n{{.}}", `{{ template "x" }} <script>`
	d.put(m)
	require.Zero(t, d.drain())
	require.Len(t, a.alerts(), 1)
	got := a.alerts()[0]
	assert.Equal(t, m.Key, got.Labels["key"])
	assert.Equal(t, m.Title, got.Annotations["summary"])
	assert.WithinDuration(t, time.Now().Add(5*time.Minute), got.EndsAt, time.Minute, "Alertmanager's resolve_timeout")
}

func TestAServiceTellsAlertmanagerAgainWhatLastsAndSoonAfterItWasAway(t *testing.T) {
	r := newReceiver(t)
	d := newDesk(t, through("am", "alertmanager://"+r.Listener.Addr().String()+"/prefix"))
	for i := range 100 {
		m := lasting(d, fmt.Sprint("a", i), "began", fmt.Sprint(i))
		m.Key = fmt.Sprint(i)
		d.put(m)
	}
	sent := func() (alerts int, ends time.Time) {
		for _, req := range r.requests() {
			assert.Equal(t, "/prefix/api/v2/alerts", req.Path)
			var all []known
			require.NoError(t, json.Unmarshal([]byte(req.Body), &all))
			alerts += len(all)
			ends = all[0].EndsAt
		}
		r.forget()
		return alerts, ends
	}
	waits := make(chan struct{})
	d.deliverer.Wait = func(ctx context.Context, _ time.Duration) error {
		select {
		case waits <- struct{}{}:
		case <-ctx.Done():
		}
		return ctx.Err()
	}
	stop := run(t, d)
	defer stop()
	<-waits
	n, ends := sent()
	assert.GreaterOrEqual(t, n, 100)
	assert.Equal(t, d.clock().Add(4*delivery.RefreshEvery), ends)
	look := func(after time.Duration) int {
		d.pass(after)
		<-waits
		<-waits
		n, _ := sent()
		return n
	}
	assert.Zero(t, look(delivery.RefreshEvery-time.Second))
	assert.Equal(t, 100, look(time.Second))
	r.answers(status(503))
	assert.Equal(t, 64, look(delivery.RefreshEvery), "one request finds it away")
	assert.Equal(t, 64, look(30*time.Second))
	r.answers(nil)
	assert.Equal(t, 100, look(30*time.Second))
	assert.Zero(t, look(time.Minute))
}

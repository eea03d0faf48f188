package poll_test

import (
	"context"
	"encoding/json"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"s1graph/config"
	"s1graph/fleet"
	"s1graph/fleet/fleettest"
	"s1graph/poll"
	"s1graph/s1/s1test"
	"s1graph/state"
)

// shared is a fleet of workers of one bucket and one NATS, which poll tenants of a test console.
type shared struct {
	t       *testing.T
	nats    *server.Server
	bucket  state.Bucket
	tenant  *s1test.Server
	console string
	names   []string
	lasts   time.Duration // of claims
}

// worker is one of them.
type worker struct {
	*poll.Service
	fleet *fleet.Fleet
	dirs  map[string]string
	end   context.CancelFunc
	ended chan error
}

const (
	steady = 15 * time.Second        // how long claims last that no machine is too slow to renew
	short  = 1500 * time.Millisecond // and where it is no harm that they end

	patience = 3 * time.Minute // which only something that hangs exceeds
)

func newShared(t *testing.T, names ...string) *shared {
	t.Helper()
	s := fleettest.Nodes(t, 1)[0]
	b, err := state.Open(t.Context(), "file://"+t.TempDir())
	require.NoError(t, err)
	tenant := s1test.New(s1test.Tenant{Seed: 1, Sites: 2, Groups: 2, Agents: 10})
	web := httptest.NewServer(tenant)
	t.Cleanup(web.Close)
	return &shared{t, s, b, tenant, web.URL, names, steady}
}

func (s *shared) start(name string, adjust ...func(*poll.Config)) *worker {
	s.t.Helper()
	w := &worker{dirs: map[string]string{}, ended: make(chan error, 1)}
	settings := &config.Service{AtOnce: 4, Listen: "off"}
	for _, instanceName := range s.names {
		c := instance(s.t, instanceName, func(c *config.Config) {
			c.URL, c.Token, c.Worker, c.Interval = s.console, config.NewSecret(s1test.DefaultToken), name, schedule(s.t, "1h")
		})
		settings.Instances = append(settings.Instances, c)
	}
	c := poll.Config{Settings: settings, Bucket: s.bucket}
	for _, f := range adjust {
		f(&c)
	}
	for _, one := range settings.Instances {
		w.dirs[one.Instance] = one.Dir
	}
	brings, err := poll.Brings(s.t.Context(), settings, s.bucket)
	if err != nil {
		brings = nil // the bucket is away, as the test wants it
	}
	w.fleet, err = fleet.Join(s.t.Context(), fleet.Config{URL: s.nats.ClientURL(), Worker: name, TTL: s.lasts, Brings: brings, Wall: c.Now})
	require.NoError(s.t, err)
	c.Fleet = w.fleet
	w.Service, err = poll.New(c)
	require.NoError(s.t, err)
	ctx, cancel := context.WithCancel(context.Background())
	w.end = cancel
	go func() { w.ended <- w.Run(ctx) }()
	s.t.Cleanup(func() {
		cancel()
		assert.NoError(s.t, <-w.ended)
		w.fleet.Close()
	})
	return w
}

// owner is who has an instance.
func (s *shared) owner(of string) string {
	_, instances, err := s.look().Status(s.t.Context())
	require.NoError(s.t, err)
	return instances[of].Owner
}

func (s *shared) look() *fleet.Fleet {
	f, err := fleet.Join(s.t.Context(), fleet.Config{URL: s.nats.ClientURL(), TTL: s.lasts})
	require.NoError(s.t, err)
	s.t.Cleanup(f.Close)
	return f
}

// statusOf is what /status of a worker says of the instances.
func (w *worker) statusOf(t *testing.T) map[string]poll.InstanceStatus {
	t.Helper()
	recorder := w.get("/status")
	var all poll.Status
	require.NoError(t, json.Unmarshal(recorder.Body.Bytes(), &all), recorder.Body.String())
	of := map[string]poll.InstanceStatus{}
	for _, one := range all.Instances {
		of[one.Instance] = one
	}
	return of
}

// get is what a worker answers.
func (w *worker) get(path string) *httptest.ResponseRecorder {
	recorder := httptest.NewRecorder()
	w.Handler().ServeHTTP(recorder, httptest.NewRequest("GET", "http://localhost"+path, nil))
	return recorder
}

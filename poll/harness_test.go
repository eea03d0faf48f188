package poll_test

import (
	"context"
	"errors"
	"net/http/httptest"
	"os"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"s1graph/config"
	"s1graph/connector"
	"s1graph/gotest"
	"s1graph/graph/neo4jstore/neo4jtest"
	"s1graph/poll"
)

func TestMain(m *testing.M) {
	if told := os.Getenv(childVariable); told != "" {
		os.Exit(serveAsChild(told))
	}
	gotest.VerifyTestMain(neo4jtest.Main{M: m})
}

// instance is the configuration of one that is polled every half hour, if nothing else is said.
func instance(t *testing.T, name string, adjust ...func(*config.Config)) *config.Config {
	t.Helper()
	c := config.Default()
	c.Vulnerabilities = []string{"off"}
	c.Instance, c.Dir, c.URL = name, t.TempDir(), "https://"+name+".sentinelone.net"
	c.Token = config.NewSecret("token of " + name)
	c.Interval = schedule(t, "30m")
	for _, f := range adjust {
		f(&c)
	}
	return &c
}

func schedule(t *testing.T, text string) config.Schedule {
	t.Helper()
	s, err := config.ParseSchedule(text)
	require.NoError(t, err)
	return s
}

// every sets the schedule of an instance.
func every(t *testing.T, text string) func(*config.Config) {
	return func(c *config.Config) { c.Interval = schedule(t, text) }
}

// service is one that runs in a bubble of synctest, from its start to the end of the test. Its runs are the test's,
// and nothing is put off by chance.
type service struct {
	*poll.Service
	t       *testing.T
	started time.Time
	end     context.CancelFunc
	ended   chan error

	mu   sync.Mutex
	runs []run
}

// run is a run that began.
type run struct {
	instance string
	at       time.Duration // since the service began
	connector.Options
}

// syncing is what a run does in a test.
type syncing func(ctx context.Context, o connector.Options) (connector.Summary, error)

// good is a run that ends at once and finds two entities.
func good(_ context.Context, o connector.Options) (connector.Summary, error) {
	return connector.Summary{
		Instance: o.Config.Instance, Run: "000001-a", Status: connector.Complete,
		StartedAt: o.Clock(), FinishedAt: o.Clock(), Entities: map[string]int64{"sentinelone_agent": 2},
	}, nil
}

func failing(context.Context, connector.Options) (connector.Summary, error) {
	return connector.Summary{}, errors.New("the console is down")
}

// lasting is a good run that takes so long.
func lasting(d time.Duration) syncing {
	return func(ctx context.Context, o connector.Options) (connector.Summary, error) {
		began := o.Clock()
		select {
		case <-ctx.Done():
			return connector.Summary{Status: connector.Failed}, ctx.Err()
		case <-time.After(d):
		}
		summary, err := good(ctx, o)
		summary.StartedAt = began
		return summary, err
	}
}

// start starts a service whose instances sync as do says.
func start(t *testing.T, do syncing, c poll.Config, instances ...*config.Config) *service {
	t.Helper()
	s := &service{t: t, started: time.Now(), ended: make(chan error, 1)}
	if c.Settings == nil {
		c.Settings = &config.Service{AtOnce: 4}
	}
	c.Settings.Instances = instances
	c.Sync = func(ctx context.Context, o connector.Options) (connector.Summary, error) {
		s.mu.Lock()
		s.runs = append(s.runs, run{o.Config.Instance, time.Since(s.started), o})
		s.mu.Unlock()
		return do(ctx, o)
	}
	if c.Rand == nil {
		c.Rand = func() float64 { return 0 }
	}
	var err error
	s.Service, err = poll.New(c)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	s.end = cancel
	go func() { s.ended <- s.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		synctest.Wait()
	})
	return s
}

// after lets so much time pass, and what is to happen then happen.
func (s *service) after(d time.Duration) *service {
	time.Sleep(d) // of the bubble's clock, which costs nothing
	synctest.Wait()
	return s
}

// began is when the runs of an instance began.
func (s *service) began(instance string) []time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	var at []time.Duration
	for _, r := range s.runs {
		if r.instance == instance {
			at = append(at, r.at)
		}
	}
	return at
}

// options are what the runs of an instance were asked to do.
func (s *service) options(instance string) []connector.Options {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []connector.Options
	for _, r := range s.runs {
		if r.instance == instance {
			all = append(all, r.Options)
		}
	}
	return all
}

// get asks the service over HTTP.
func (s *service) get(path string) *httptest.ResponseRecorder { return s.getOf("127.0.0.1:8338", path) }

// getOf asks as one who believes that the service is called host.
func (s *service) getOf(host, path string) *httptest.ResponseRecorder {
	answer, request := httptest.NewRecorder(), httptest.NewRequest("GET", path, nil)
	request.Host = host
	s.Handler().ServeHTTP(answer, request)
	return answer
}

// of is the status of an instance.
func (s *service) of(instance string) poll.InstanceStatus {
	s.t.Helper()
	all := s.Status().Instances
	n := slices.IndexFunc(all, func(i poll.InstanceStatus) bool { return i.Instance == instance })
	require.GreaterOrEqual(s.t, n, 0)
	return all[n]
}

func minutes(all ...float64) []time.Duration {
	var d []time.Duration
	for _, n := range all {
		d = append(d, time.Duration(n*float64(time.Minute)))
	}
	return d
}

// bubble runs a test whose time passes when nothing else is to be done.
func bubble(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	synctest.Test(t, f)
}

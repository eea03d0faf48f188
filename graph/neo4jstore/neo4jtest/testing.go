package neo4jtest

import (
	"context"
	"crypto/rand"
	"errors"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/neo4j/neo4j-go-driver/v5/neo4j"

	"s1graph/gotest"
)

// Main runs a package's tests and then stops the server that they shared. It stands in TestMain:
//
//	os.Exit(neo4jtest.Main{M: m}.Run())
//	goleak.VerifyTestMain(neo4jtest.Main{M: m})
type Main struct{ *testing.M }

// Run runs the tests and gives the exit code.
func (m Main) Run() int {
	code := m.M.Run()
	if server, err := shared(); err == nil && server != nil {
		if err := server.Stop(); err != nil {
			_, _ = os.Stderr.WriteString(err.Error() + "\n")
			return max(code, 1)
		}
	}
	return code
}

var (
	starting sync.Once
	started  *Server
	startErr error
)

// shared is the server that was started, or nil.
func shared() (*Server, error) {
	starting.Do(func() {})
	return started, startErr
}

// Shared is the one server of all tests of a package: that of NEO4J_TEST_URI, with NEO4J_TEST_USERNAME
// (otherwise neo4j) and NEO4J_TEST_PASSWORD, or else one that the first who asks starts. Other tests, and
// with NEO4J_TEST_URI other packages, use its database at the same time: a test keeps to a scope of its own.
// Where there can be no server the test is skipped; with CI=true it fails.
func Shared(t testing.TB) *Server {
	t.Helper()
	starting.Do(func() {
		if uri := os.Getenv("NEO4J_TEST_URI"); uri != "" {
			started = &Server{URI: uri, Username: "neo4j", Password: os.Getenv("NEO4J_TEST_PASSWORD")}
			if name := os.Getenv("NEO4J_TEST_USERNAME"); name != "" {
				started.Username = name
			}
			return
		}
		started, startErr = Start(context.Background(), Options{})
	})
	require(t, startErr)
	return started
}

// ForPackages starts one server for the tests of many packages: with the environment that it gives, Shared takes it in
// place of starting one a package. Where NEO4J_TEST_URI is set already, or there can be none, the environment is empty,
// and stop does nothing.
func ForPackages(ctx context.Context) (environment []string, stop func() error, err error) {
	if os.Getenv("NEO4J_TEST_URI") != "" {
		return nil, func() error { return nil }, nil
	}
	s, err := Start(ctx, Options{})
	if errors.Is(err, ErrUnavailable) {
		return nil, func() error { return nil }, nil
	}
	if err != nil {
		return nil, nil, err
	}
	return []string{"NEO4J_TEST_URI=" + s.URI, "NEO4J_TEST_USERNAME=" + s.Username, "NEO4J_TEST_PASSWORD=" + s.Password}, s.Stop, nil
}

// Own starts a server for one test, to be killed and restarted; it is stopped when the test ends. Where that
// cannot be the test is skipped; with CI=true it fails.
func Own(t testing.TB, o Options) *Server {
	t.Helper()
	s, err := Start(t.Context(), o)
	require(t, err)
	t.Cleanup(func() {
		if err := s.Stop(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func require(t testing.TB, err error) {
	t.Helper()
	if errors.Is(err, ErrUnavailable) {
		gotest.Missing(t, err)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// Driver is a connection to the server, the same one for all who ask. Stop closes it.
func (s *Server) Driver(t testing.TB) neo4j.DriverWithContext {
	t.Helper()
	s.connecting.Lock()
	defer s.connecting.Unlock()
	if s.driver == nil {
		d, err := neo4j.NewDriverWithContext(s.URI, neo4j.BasicAuth(s.Username, s.Password, ""))
		if err != nil {
			t.Fatal(err)
		}
		// The driver's first two connections must not be made side by side: each would set how connections are made.
		if err := d.VerifyConnectivity(t.Context()); err != nil {
			t.Fatal(err)
		}
		s.driver = d
	}
	return s.driver
}

// Scope is a scope that nobody else has. When the test ends, all nodes that have it in _scope or in testScope
// are removed.
func (s *Server) Scope(t testing.TB) string {
	t.Helper()
	scope := strings.ToLower(t.Name() + "-" + rand.Text()[:8])
	d := s.Driver(t)
	t.Cleanup(func() {
		ctx := context.Background()
		session := d.NewSession(ctx, neo4j.SessionConfig{})
		defer session.Close(ctx)
		result, err := session.Run(ctx, `
			MATCH (n) WHERE n._scope = $scope OR n.testScope = $scope
			CALL (n) { DETACH DELETE n } IN TRANSACTIONS OF 1000 ROWS`, map[string]any{"scope": scope})
		if err == nil {
			_, err = result.Consume(ctx)
		}
		if err != nil {
			t.Error(err)
		}
	})
	return scope
}

// Package neo4jtest starts a real Neo4j Community server, for tests and for trying: its jars come from Maven
// Central into the user's cache folder, once, and Java runs them. Nothing of Neo4j needs to be installed, and
// nothing is left behind. Java 17 or 21 and Maven must be there.
package neo4jtest

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/neo4j/neo4j-go-driver/v5/neo4j"

	"s1graph/gotest"
)

// Options say what server to start. The zero value is one for tests: on a free port, without Browser, in a
// temporary folder.
type Options struct {
	Dir      string            // home folder of the server, which stays; "" is a temporary one that Stop removes
	Password string            // of the user neo4j, at least 8 bytes; "" is a random one
	BoltPort int               // 0 is a free one
	HTTPPort int               // for Neo4j Browser, which is fetched too; 0 is neither HTTP nor Browser
	HeapMiB  int               // 0 is 768
	Settings map[string]string // of neo4j.conf, beside and over what Start sets

	// Optimized lets Java compile and Neo4j plan as well as they can, for measurements and for servers that stay: they
	// start in twice the time.
	Optimized bool
}

// Server is a running server, or one that is known by its address alone (NEO4J_TEST_URI). It listens on the loopback only.
// Apart from Driver and Scope it is not safe for concurrent use. Whoever starts one stops it; if that process dies first, the
// server is killed (on Linux).
type Server struct {
	URI, Username, Password string

	options Options
	home    string
	jars    []string
	process *process

	connecting sync.Mutex
	driver     neo4j.DriverWithContext // nil until a test asks for it
}

// Start fetches Neo4j where it is not there yet, starts a server and waits until it answers: some 6 s on a
// quiet machine. An error that is ErrUnavailable says that Java or Maven is missing.
func Start(ctx context.Context, o Options) (*Server, error) {
	if err := available(); err != nil {
		return nil, err
	}
	jars, err := fetch(ctx, o.HTTPPort != 0)
	if err != nil {
		return nil, fmt.Errorf("fetching Neo4j %s: %w", Version(), err)
	}
	s := &Server{Username: "neo4j", Password: o.Password, options: o, home: o.Dir, jars: jars}
	if s.Password == "" {
		s.Password = rand.Text()
	}
	if s.home == "" {
		if s.home, err = os.MkdirTemp("", "s1graph-neo4j-"); err != nil {
			return nil, err
		}
	}
	if err := s.start(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("starting Neo4j: %w", err), s.Stop())
	}
	return s, nil
}

func (s *Server) start(ctx context.Context) error {
	if err := os.MkdirAll(filepath.Join(s.home, "conf"), 0o700); err != nil {
		return err
	}
	if _, err := os.Stat(filepath.Join(s.home, "data", "databases")); errors.Is(err, fs.ErrNotExist) {
		if err := s.setPassword(ctx); err != nil {
			return fmt.Errorf("setting the password: %w", err)
		}
	}
	var err error
	if s.options.BoltPort, err = freePort(s.options.BoltPort); err != nil { // the same one after a restart
		return err
	}
	if s.options.HTTPPort != 0 {
		if _, err = freePort(s.options.HTTPPort); err != nil {
			return err
		}
	}
	s.URI = fmt.Sprintf("bolt://127.0.0.1:%d", s.options.BoltPort)
	return s.launch(ctx)
}

// Restart stops the server, or finds it killed, and starts it again at the same address and with the same
// data. The settings are set from now on, beside those it was started with.
func (s *Server) Restart(ctx context.Context, settings map[string]string) error {
	if err := s.halt(true); err != nil {
		return err
	}
	if s.options.Settings = maps.Clone(s.options.Settings); s.options.Settings == nil {
		s.options.Settings = map[string]string{}
	}
	maps.Copy(s.options.Settings, settings)
	return s.launch(ctx)
}

// Kill ends the server as a power cut would.
func (s *Server) Kill() error { return s.halt(false) }

// Stop ends the server, and removes its folder if it is a temporary one.
func (s *Server) Stop() error {
	if s.driver != nil {
		_ = s.driver.Close(context.Background())
	}
	err := s.halt(s.options.Dir != "") // what is removed need not be tidy
	if s.options.Dir != "" || s.home == "" {
		return err
	}
	return errors.Join(err, os.RemoveAll(s.home))
}

// Done is closed when the server has ended.
func (s *Server) Done() <-chan struct{} { return s.process.done }

// PID is the number of the server's process.
func (s *Server) PID() int { return s.process.cmd.Process.Pid }

func (s *Server) setPassword(ctx context.Context) error {
	if err := s.writeSettings(); err != nil {
		return err
	}
	cmd := s.java(ctx, "org.neo4j.cli.AdminTool", "dbms", "set-initial-password", s.Password)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	return nil
}

// launch starts the process and waits until the database answers.
func (s *Server) launch(ctx context.Context) error {
	if err := s.writeSettings(); err != nil {
		return err
	}
	cmd := s.java(context.Background(), "org.neo4j.server.CommunityEntryPoint",
		"--home-dir="+s.home, "--config-dir="+filepath.Join(s.home, "conf"))
	var err error
	if s.process, err = begin(cmd); err != nil {
		return err
	}
	driver, err := neo4j.NewDriverWithContext(s.URI, neo4j.BasicAuth(s.Username, s.Password, ""))
	if err != nil {
		return err
	}
	defer driver.Close(ctx)
	ctx, cancel := context.WithTimeout(ctx, 10*time.Minute) // which only a server that hangs takes
	defer cancel()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		err := ask(ctx, driver)
		if err == nil || neo4j.IsNeo4jError(err) && strings.Contains(err.Error(), "Security.Unauthorized") {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("it does not answer at %s: %w\n%s", s.URI, err, s.log())
		case <-s.process.done:
			return fmt.Errorf("it ended: %w\n%s", s.process.err, s.log())
		case <-tick.C:
		}
	}
}

// ask asks the database something, once; the driver's own retries wait longer and longer.
func ask(ctx context.Context, driver neo4j.DriverWithContext) error {
	session := driver.NewSession(ctx, neo4j.SessionConfig{DatabaseName: "neo4j"})
	defer session.Close(ctx)
	result, err := session.Run(ctx, "RETURN 1", nil)
	if err == nil {
		_, err = result.Consume(ctx)
	}
	return err
}

func (s *Server) writeSettings() error {
	settings := map[string]string{
		"server.default_listen_address":  "127.0.0.1",
		"server.bolt.listen_address":     fmt.Sprintf("127.0.0.1:%d", s.options.BoltPort),
		"server.bolt.advertised_address": fmt.Sprintf("127.0.0.1:%d", s.options.BoltPort),
		"server.http.enabled":            fmt.Sprint(s.options.HTTPPort != 0),
		"server.http.listen_address":     fmt.Sprintf("127.0.0.1:%d", s.options.HTTPPort),
		"server.https.enabled":           "false",
		"server.memory.pagecache.size":   "256m",
		"dbms.security.auth_enabled":     "true",
		"dbms.usage_report.enabled":      "false",
		"db.tx_log.preallocate":          "false", // 256 MiB a database, which tests do not fill

		// Tests that give a wrong password do not shut out those that are run beside them.
		"dbms.security.auth_max_failed_attempts": "0",

		"internal.server.bolt.thread_pool_shutdown_wait_time": "0s", // twice 5 s at the end, with nothing left to do
	}
	if !s.options.Optimized {
		// Most of what tests cost the server is planning. A plan is kept, however much the number of nodes has changed
		// since, and however many others there are.
		settings["dbms.cypher.min_replan_interval"] = "1h"
		settings["server.memory.query_cache.per_db_cache_num_entries"] = "20000"
	}
	maps.Copy(settings, s.options.Settings)
	var b bytes.Buffer
	for _, name := range slices.Sorted(maps.Keys(settings)) {
		fmt.Fprintf(&b, "%s=%s\n", name, settings[name])
	}
	return os.WriteFile(filepath.Join(s.home, "conf", "neo4j.conf"), b.Bytes(), 0o600)
}

func (s *Server) java(ctx context.Context, arguments ...string) *exec.Cmd {
	heap := cmp.Or(s.options.HeapMiB, 768)
	quick := []string{
		"-XX:TieredStopAtLevel=1", "-XX:ReservedCodeCacheSize=240m", // with that level it has 48, which it sweeps again and again
		"-XX:+UnlockDiagnosticVMOptions", "-XX:-BytecodeVerificationRemote", // a second less of a start
	}
	if s.options.Optimized {
		quick = nil
	}
	cmd := exec.CommandContext(ctx, "java", slices.Concat(quick, []string{
		fmt.Sprintf("-Xmx%dm", heap),
		"-XX:+UseSerialGC", // what it allocates is little, and cores are for the tests
		"--add-opens=java.base/java.nio=ALL-UNNAMED",
		"--add-opens=java.base/java.io=ALL-UNNAMED",
		"--add-opens=java.base/sun.nio.ch=ALL-UNNAMED",
		"-cp", strings.Join(s.jars, string(os.PathListSeparator)),
	}, arguments)...)
	cmd.Env = append(os.Environ(), "NEO4J_HOME="+s.home, "NEO4J_CONF="+filepath.Join(s.home, "conf"))
	cmd.Dir = s.home
	return cmd
}

// log is the end of what the server wrote into its log.
func (s *Server) log() []byte {
	b, err := os.ReadFile(filepath.Join(s.home, "logs", "neo4j.log"))
	if err != nil {
		return nil
	}
	return b[max(0, len(b)-4000):]
}

// halt ends the process, if there is one, and waits for its end.
func (s *Server) halt(tidy bool) error {
	if s.process == nil {
		return nil
	}
	kill := s.process.cmd.Process.Kill
	if tidy && s.process.cmd.Process.Signal(syscall.SIGTERM) == nil {
		patience := time.AfterFunc(5*time.Minute, func() { _ = kill() })
		defer patience.Stop()
	} else if err := kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	<-s.process.done
	return nil
}

// process is a child that was started.
type process struct {
	cmd  *exec.Cmd
	done chan struct{}
	err  error // how it ended; to be read after done
}

// begin starts a process and waits for it on a thread of their own: the child is bound to the thread that
// started it, and is killed with it.
func begin(cmd *exec.Cmd) (*process, error) {
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	bindToParent(cmd)
	p := &process{cmd: cmd, done: make(chan struct{})}
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err != nil {
			return
		}
		defer close(p.done)
		if p.err = cmd.Wait(); p.err != nil {
			p.err = fmt.Errorf("%w: %s", p.err, out.Bytes())
		} else {
			p.err = errors.New("without an error")
		}
	}()
	return p, <-started
}

// freePort is the port, or for 0 any, if nobody listens there. Neo4j takes seconds to listen there itself, and again after a restart.
func freePort(port int) (int, error) {
	if port == 0 {
		return gotest.FreePort()
	}
	l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		return 0, err
	}
	return port, l.Close()
}

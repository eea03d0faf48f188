package main_test

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"s1graph/s1/s1test"
)

// service is the built program that polls a console once a day.
type service struct {
	*exec.Cmd
	t       *testing.T
	stderr  io.Reader
	log     *bufio.Scanner // of stderr
	address string         // of its HTTP server
}

func poll(t *testing.T, console http.Handler, more ...string) *service {
	t.Helper()
	c := s1graph(t, console, append([]string{"poll", "--interval", "24h", "--listen", "127.0.0.1:0", "--instance", "acme"}, more...)...)
	stderr, err := c.StderrPipe()
	require.NoError(t, err)
	require.NoError(t, c.Start())
	s := &service{Cmd: c, t: t, stderr: stderr, log: bufio.NewScanner(stderr)}
	s.address = regexp.MustCompile(`address=(\S+)`).FindStringSubmatch(s.until("msg=listening"))[1]
	return s
}

// until reads the log up to a line that has the text, and returns that line.
func (s *service) until(text string) string {
	s.t.Helper()
	for s.log.Scan() {
		if strings.Contains(s.log.Text(), text) {
			return s.log.Text()
		}
	}
	require.Fail(s.t, "the log ended without "+text)
	return ""
}

// end waits until the program has ended, and returns its exit code.
func (s *service) end() int {
	s.t.Helper()
	_, err := io.Copy(io.Discard, s.stderr)
	require.NoError(s.t, err)
	return exitCode(s.t, s.Cmd, s.Wait())
}

// ask asks over HTTP.
func (s *service) ask(path string) (status int, body string) {
	s.t.Helper()
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	answer, err := client.Get("http://" + s.address + path)
	require.NoError(s.t, err)
	defer answer.Body.Close()
	content, err := io.ReadAll(answer.Body)
	require.NoError(s.t, err)
	return answer.StatusCode, string(content)
}

// stalling is a console that, while it is told to, does not answer for agents.
func stalling() (console *s1test.Server, stall *atomic.Bool, reached chan struct{}) {
	console, stall, reached = s1test.New(s1test.Tenant{Agents: 50}), new(atomic.Bool), make(chan struct{}, 100)
	console.OnRequest(func(r *http.Request) {
		if r.URL.Path == s1test.Base+"/agents" && stall.Load() {
			reached <- struct{}{}
			<-r.Context().Done()
		}
	})
	return console, stall, reached
}

func TestSIGTERMDuringASyncEndsPollInOrderAndLeavesTheLastGraph(t *testing.T) {
	console, stall, reached := stalling()
	s := poll(t, console)
	s.until(`msg="run ended"`)
	status, _ := s.ask("/readyz")
	assert.Equal(t, http.StatusOK, status)
	first, err := filepath.EvalSymlinks(filepath.Join(s.Dir, ".s1graph", "acme", "current"))
	require.NoError(t, err)

	stall.Store(true)
	require.NoError(t, s.Process.Signal(syscall.SIGHUP))
	<-reached
	require.NoError(t, s.Process.Signal(syscall.SIGTERM))
	s.until(`msg="run interrupted: nothing was committed"`)
	assert.Zero(t, s.end())
	last, err := filepath.EvalSymlinks(filepath.Join(s.Dir, ".s1graph", "acme", "current"))
	require.NoError(t, err)
	assert.Equal(t, first, last)
	runs, err := filepath.Glob(filepath.Join(s.Dir, ".s1graph", "acme", "runs", "*"))
	require.NoError(t, err)
	assert.Equal(t, []string{first}, runs, "nothing half done is left")
}

func TestSIGHUPMakesPollRunNow(t *testing.T) {
	s := poll(t, s1test.New(s1test.Tenant{Agents: 50}))
	assert.Contains(t, s.until(`msg="run ended"`), "run=000001-")
	require.NoError(t, s.Process.Signal(syscall.SIGHUP))
	assert.Contains(t, s.until(`msg="run ended"`), "run=000002-")
	_, metrics := s.ask("/metrics")
	assert.Contains(t, metrics, `s1graph_runs_total{instance="acme",status="complete"} 2`)
	require.NoError(t, s.Process.Signal(syscall.SIGTERM))
	s.until("service ends")
	assert.Zero(t, s.end())
}

func TestASecondSignalEndsPollAtOnce(t *testing.T) {
	console, stall, reached := stalling()
	stall.Store(true)
	s := poll(t, console)
	<-reached
	// Whoever asks gets a moment more when the service ends.
	asking, err := net.Dial("tcp", s.address)
	require.NoError(t, err)
	defer asking.Close()
	_, err = io.WriteString(asking, "GET /healthz HTTP/1.1\r\n")
	require.NoError(t, err)
	status, why := s.ask("/readyz") // on a later connection: once it is answered the service has taken the one above
	assert.Equal(t, http.StatusServiceUnavailable, status)
	assert.Equal(t, "acme: no run was committed yet\n", why)
	require.NoError(t, s.Process.Signal(syscall.SIGTERM))
	s.until("service ends")
	ended := make(chan error, 1)
	go func() {
		_, _ = io.Copy(io.Discard, s.stderr)
		ended <- s.Wait()
	}()
	again := time.NewTicker(10 * time.Millisecond)
	defer again.Stop()
	for {
		select {
		case <-again.C: // it may not have noted yet that one came
			_ = s.Process.Signal(syscall.SIGTERM)
			continue
		case <-ended:
		}
		break
	}
	system, ok := s.ProcessState.Sys().(syscall.WaitStatus)
	require.True(t, ok)
	assert.True(t, system.Signaled(), "it ended by the signal, and not in order: %s", s.ProcessState)
}

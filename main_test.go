package main_test

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"

	"github.com/creack/pty"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"s1graph/s1/s1test"
)

var built struct {
	sync.Once
	dir, program string
	err          error
}

func TestMain(m *testing.M) {
	code := m.Run()
	os.RemoveAll(built.dir)
	os.Exit(code)
}

// s1graph is the built program, to be run in a folder of its own against a console.
func s1graph(t *testing.T, console http.Handler, args ...string) *exec.Cmd {
	t.Helper()
	built.Do(func() {
		if built.dir, built.err = os.MkdirTemp("", "s1graph-test-"); built.err != nil {
			return
		}
		built.program = filepath.Join(built.dir, "s1graph")
		var out []byte
		if out, built.err = exec.Command("go", "build", "-o", built.program, ".").CombinedOutput(); built.err != nil {
			built.err = errors.New(string(out))
		}
	})
	require.NoError(t, built.err)
	server := httptest.NewServer(console)
	t.Cleanup(server.Close)
	c := exec.CommandContext(t.Context(), built.program, args...)
	c.Dir = t.TempDir()
	c.Env = []string{"SENTINELONE_URL=" + server.URL, "SENTINELONE_TOKEN=" + s1test.DefaultToken, "TERM=xterm", "TMPDIR=" + t.TempDir()}
	return c
}

func exitCode(t *testing.T, c *exec.Cmd, err error) int {
	t.Helper()
	var exit *exec.ExitError
	if err != nil {
		require.ErrorAs(t, err, &exit)
	}
	return c.ProcessState.ExitCode()
}

func TestTheProgramEndsWithTheExitCodeOfItsCommand(t *testing.T) {
	console := s1test.New(s1test.Tenant{})
	console.Break(s1test.Fault{Path: "/threats", Effect: s1test.Status(http.StatusForbidden)})
	for _, test := range []struct {
		want int
		args []string
	}{
		{0, []string{"--version"}},
		{0, []string{"run", "--skip", "threats"}},
		{1, []string{"api", "nowhere-at-all"}},
		{2, []string{"run", "--no-such-flag"}},
		{3, []string{"run"}},
	} {
		c := s1graph(t, console, test.args...)
		out, err := c.CombinedOutput()
		assert.Equal(t, test.want, exitCode(t, c, err), "%v: %s", test.args, out)
	}
}

func TestASignalInTheMiddleOfARunLeavesNothingBehind(t *testing.T) {
	for _, signal := range []os.Signal{os.Interrupt, syscall.SIGTERM} {
		console := s1test.New(s1test.Tenant{Agents: 50})
		reached := make(chan struct{}, 100)
		console.OnRequest(func(r *http.Request) {
			if r.URL.Path == s1test.Base+"/agents" {
				reached <- struct{}{}
				<-r.Context().Done() // the console never answers
			}
		})
		c := s1graph(t, console, "run", "--log-level", "error")
		var stderr bytes.Buffer
		c.Stderr = &stderr
		require.NoError(t, c.Start())
		<-reached
		require.NoError(t, c.Process.Signal(signal))
		assert.Equal(t, 1, exitCode(t, c, c.Wait()))
		assert.Equal(t, "s1graph: interrupted: nothing was committed; run it again\n", stderr.String())
		assert.NoFileExists(t, filepath.Join(c.Dir, ".s1graph", "127.0.0.1", "current"))
	}
}

func TestAReaderThatHasSeenEnoughIsNoFault(t *testing.T) {
	c := s1graph(t, s1test.New(s1test.Tenant{Agents: 3000}), "api", "agents")
	stdout, err := c.StdoutPipe()
	require.NoError(t, err)
	var stderr bytes.Buffer
	c.Stderr = &stderr
	require.NoError(t, c.Start())
	_, err = bufio.NewReader(stdout).ReadString('\n')
	require.NoError(t, err)
	require.NoError(t, stdout.Close())
	assert.Zero(t, exitCode(t, c, c.Wait()))
	assert.Empty(t, stderr.String())
}

func TestAReaderThatHasSeenEnoughTakesNoExitCodeAway(t *testing.T) {
	console := s1test.New(s1test.Tenant{})
	console.Break(s1test.Fault{Path: "/threats", Effect: s1test.Status(http.StatusForbidden)})
	c := s1graph(t, console, "run", "--log-level", "error")
	stdout, err := c.StdoutPipe()
	require.NoError(t, err)
	var stderr bytes.Buffer
	c.Stderr = &stderr
	require.NoError(t, c.Start())
	require.NoError(t, stdout.Close())
	assert.Equal(t, 3, exitCode(t, c, c.Wait()))
	assert.Empty(t, stderr.String())
}

func TestOnARealTerminalARunPrintsOneScreenAndNoLog(t *testing.T) {
	c := s1graph(t, s1test.New(s1test.Tenant{Agents: 50, Threats: 5, ApplicationsPerAgent: 2}), "run")
	terminal, err := pty.StartWithSize(c, &pty.Winsize{Rows: 40, Cols: 110})
	require.NoError(t, err)
	defer terminal.Close()
	out, _ := io.ReadAll(terminal) // ends with an error where the other side is closed
	assert.Zero(t, exitCode(t, c, c.Wait()))
	assert.Contains(t, string(out), "╭")
	assert.NotContains(t, string(out), "step")
}

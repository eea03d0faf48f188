package main_test

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"s1graph/gotest"
	"s1graph/s1/s1test"
)

// controlGroup makes one whose processes may have so much memory. A process that writes into the file joins it.
func controlGroup(t *testing.T, bytes int) (procs string) {
	t.Helper()
	name := fmt.Sprintf("s1graph-test-%d", os.Getpid())
	var failed error
	for _, limit := range []string{
		filepath.Join("/sys/fs/cgroup/memory", name, "memory.limit_in_bytes"), // of version 1
		filepath.Join("/sys/fs/cgroup", name, "memory.max"),                   // of version 2
	} {
		dir := filepath.Dir(limit)
		if failed = os.Mkdir(dir, 0o700); failed != nil {
			continue
		}
		t.Cleanup(func() { assert.NoError(t, os.Remove(dir)) })
		if _, failed = os.Stat(limit); failed == nil {
			require.NoError(t, os.WriteFile(limit, []byte(strconv.Itoa(bytes)), 0))
			return filepath.Join(dir, "cgroup.procs")
		}
	}
	gotest.Missing(t, fmt.Errorf("no control group can be made here, which takes root: %w", failed))
	return ""
}

func TestTheMemoryOfTheProgramFollowsTheLimitOfItsControlGroup(t *testing.T) {
	const limit = 512 << 20
	procs := controlGroup(t, limit)
	for name, test := range map[string]struct {
		environment []string
		want        float64
	}{
		"of itself":        {nil, limit * 0.9},
		"unless it is set": {[]string{"GOMEMLIMIT=100MiB"}, 100 << 20},
	} {
		t.Run(name, func(t *testing.T) {
			c := s1graph(t, s1test.New(s1test.Tenant{}), "poll", "--interval", "1h", "--listen", "127.0.0.1:0")
			program := c.Path
			c.Path = gotest.Program(t, "dash", "sh")
			c.Args = append([]string{"sh", "-c", `echo $$ > "$0" && exec "$@"`, procs, program}, c.Args[1:]...)
			c.Env = append(c.Env, test.environment...)
			stderr, err := c.StderrPipe()
			require.NoError(t, err)
			require.NoError(t, c.Start())

			var address string
			lines := bufio.NewScanner(stderr)
			for address == "" && lines.Scan() {
				if found := regexp.MustCompile(`msg=listening address=(\S+)`).FindStringSubmatch(lines.Text()); found != nil {
					address = found[1]
				}
			}
			require.NotEmpty(t, address)
			response, err := http.Get("http://" + address + "/metrics")
			require.NoError(t, err)
			metrics, err := io.ReadAll(response.Body)
			require.NoError(t, err)
			require.NoError(t, response.Body.Close())
			require.NoError(t, c.Process.Signal(syscall.SIGTERM))
			_, err = io.Copy(io.Discard, stderr)
			require.NoError(t, err)
			assert.Zero(t, exitCode(t, c, c.Wait()))

			told := regexp.MustCompile(`(?m)^go_gc_gomemlimit_bytes (\S+)$`).FindSubmatch(metrics)
			require.NotNil(t, told)
			got, err := strconv.ParseFloat(string(told[1]), 64)
			require.NoError(t, err)
			assert.InDelta(t, test.want, got, 1)
		})
	}
}

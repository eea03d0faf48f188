package cli_test

import (
	"context"
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"s1graph/fleet/fleettest"
)

// inFleet is a tenant and the file of a fleet that polls it.
func inFleet(t *testing.T) (invocation, *server.Server) {
	t.Helper()
	s := fleettest.Nodes(t, 1)[0]
	_, with := console(t, small)
	with.environment = append(with.environment, "S1GRAPH_NATS="+s.ClientURL(), "S1GRAPH_STATE=file://"+t.TempDir())
	return with, s
}

func TestWorkersOfAFleetAreListedWithWhatTheyHave(t *testing.T) {
	with, _ := inFleet(t)
	assert.Contains(t, with.s1graph(t, "fleet").stdout, "No fleet is here yet: the first worker that starts makes the buckets in NATS.\n")
	ctx, end := context.WithCancel(t.Context())
	polling := with
	polling.ctx = ctx
	ended := make(chan outcome)
	go func() {
		ended <- polling.s1graph(t, "poll", "--interval", "1h", "--listen", "off", "--worker", "w1", "--log-level", "error")
	}()
	var told struct {
		Workers   []struct{ Worker string }
		Instances []struct {
			Instance, Worker, State string
			Ready                   bool
		}
	}
	require.Eventually(t, func() bool {
		got := with.s1graph(t, "fleet", "--json")
		return got.code == 0 && json.Unmarshal([]byte(got.stdout), &told) == nil && len(told.Instances) == 1 && told.Instances[0].Ready
	}, 5*time.Minute, 50*time.Millisecond)
	assert.Equal(t, "w1", told.Workers[0].Worker)
	assert.Equal(t, "test", told.Instances[0].Instance)
	assert.Equal(t, "w1", told.Instances[0].Worker)
	listed := with.s1graph(t, "fleet").stdout
	assert.Regexp(t, `(?m)^test +w1 +waiting `, listed)
	assert.NotContains(t, listed, "No fleet")

	assert.Equal(t, outcome{0, "w1 runs test now, unless a run of it is under way.\n", ""}, with.s1graph(t, "fleet", "run", "test"))
	second := with.s1graph(t, "poll", "--interval", "1h", "--listen", "off", "--worker", "w1")
	assert.Equal(t, 1, second.code)
	assert.Contains(t, second.stderr, "a worker w1 lives already: give each worker a name of its own by --worker")
	end()
	assert.Zero(t, (<-ended).code)
}

func TestWhatCannotBeRunNowIsToldWithoutAskingForALog(t *testing.T) {
	with, _ := inFleet(t)
	for instance, want := range map[string]outcome{
		"tset": {2, "", "s1graph: the configuration has no instance \"tset\"; did you mean test? it has test\n"},
		"a b":  {2, "", "s1graph: the configuration has no instance \"a b\"; it has test\n"},
		"":     {2, "", "s1graph: fleet run needs the name of one instance, such as acme\n"},
		"test": {1, "", "s1graph: no worker has the instance test now: s1graph fleet lists what each has\n"},
	} {
		assert.Equal(t, want, with.s1graph(t, "fleet", "run", instance))
	}
	for _, command := range []string{"fleet", "fleet run test"} {
		away := with.s1graph(t, append(strings.Fields(command), "--nats", "nats://127.0.0.1:1")...)
		assert.Equal(t, 1, away.code)
		assert.Contains(t, away.stderr, "no server of NATS can be reached")
		assert.NotContains(t, away.stderr, "--log-level")
	}
}

func TestSIGHUPDoesNotEndAWorkerThatIsJoiningItsFleet(t *testing.T) {
	with, _ := inFleet(t)
	var did []string
	with.hangups = func() (<-chan os.Signal, func()) {
		did = append(did, "caught")
		return nil, func() { did = append(did, "restored") }
	}
	got := with.s1graph(t, "poll", "--interval", "1h", "--listen", "off", "--nats", "nats://127.0.0.1:1")
	assert.Contains(t, got.stderr, "no server of NATS can be reached")
	assert.Equal(t, []string{"caught", "restored"}, did)
}

func TestInAFleetNobodyActsOnACopy(t *testing.T) {
	with, _ := inFleet(t)
	for command, says := range map[string]string{
		"run":                    "s1graph fleet run test",
		"forget application":     "end all workers",
		"alerts retry":           "end all workers",
		"alerts drop --yes":      "end all workers",
		"poll --claim 5s":        "15s",
		"fleet run":              "needs the name of one instance",
		"fleet walk":             "there is no command fleet",
		"poll --nats kafka://a":  "must be addresses of NATS",
		"poll --nats nats://a@b": "must have no user name",
	} {
		got := with.s1graph(t, strings.Fields(command)...)
		assert.Equal(t, 2, got.code, "%s: %s", command, got.stderr)
		assert.Contains(t, got.stderr, says, command)
	}
	without := with
	without.environment = append(without.environment[:len(without.environment)-1:len(without.environment)-1], "S1GRAPH_STATE=")
	got := without.s1graph(t, "poll", "--interval", "1h")
	assert.Equal(t, 2, got.code)
	assert.Contains(t, got.stderr, "S1GRAPH_NATS: must not be set without state")
	without.environment = []string{}
	require.NoError(t, os.WriteFile("s1graph.yaml", []byte("url: https://example.sentinelone.net\n"), 0o600))
	got = without.s1graph(t, "fleet")
	assert.Equal(t, 2, got.code)
	assert.Contains(t, got.stderr, "there is no fleet: nats is not set")
}

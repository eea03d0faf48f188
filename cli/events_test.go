package cli_test

import (
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"s1graph/fleet/fleettest"
	"s1graph/graph"
	"s1graph/graph/jsonstore"
)

func TestPastChangesArePublishedOnceMore(t *testing.T) {
	s := fleettest.Nodes(t, 1)[0]
	runsOf(t, []graph.Change{gone("1", "OLD")}, []graph.Change{upgrade("2", "PC"), gone("3", "LAPTOP")})
	replay := func(args ...string) outcome {
		return s1graph(t, append([]string{"events", "replay", "--instance", "test"}, args...)...)
	}
	assert.Equal(t, outcome{0, "Published 2 changes of 1 run once more.\n", ""}, replay("--since", "2h", "--events-url", s.ClientURL()))
	assert.Equal(t, outcome{0, "Published 3 changes of 2 runs once more.\n", ""}, replay("--since", "7d", "--events-url", s.ClientURL()))

	conn, err := nats.Connect(s.ClientURL())
	require.NoError(t, err)
	defer conn.Close()
	js, err := jetstream.New(conn)
	require.NoError(t, err)
	stream, err := js.Stream(t.Context(), "s1graph-events")
	require.NoError(t, err)
	info, err := stream.Info(t.Context())
	require.NoError(t, err)
	assert.EqualValues(t, 3, info.State.Msgs, "what it has already it drops")

	for want, args := range map[string][]string{
		"events.url must be set":     {"--since", "2h"},
		"--since must be given":      {"--events-url", s.ClientURL()},
		"must have no user name":     {"--since", "2h", "--events-url", "nats://me:hunter2@127.0.0.1"},
		"must be an address such as": {"--since", "2h", "--events-url", "kafka://127.0.0.1"},
		"--since must be a duration": {"--since", "soon", "--events-url", s.ClientURL()},
		"there is no run yet":        {"--since", "2h", "--events-url", s.ClientURL(), "--instance", "another"},
	} {
		got := replay(args...)
		assert.Equal(t, 2, got.code, want)
		assert.Contains(t, got.stderr, want)
		assert.NotContains(t, got.stderr, "hunter2")
	}
	away := replay("--since", "2h", "--events-url", "nats://127.0.0.1:1")
	assert.Equal(t, 1, away.code)
	assert.Contains(t, away.stderr, "no server of NATS can be reached")
}

// printedLines hands on each line that is written to it.
type printedLines struct {
	mu   sync.Mutex
	rest string
	seen chan string
}

func (l *printedLines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	whole := strings.Split(l.rest+string(p), "\n")
	l.rest = whole[len(whole)-1]
	for _, line := range whole[:len(whole)-1] {
		l.seen <- line
	}
	return len(p), nil
}

func TestWhoFollowsGetsTheChangesOfLaterRunsToo(t *testing.T) {
	runsOf(t, []graph.Change{gone("1", "OLD")}, []graph.Change{upgrade("2", "PC")})
	printed := &printedLines{seen: make(chan string, 100)}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan outcome)
	go func() {
		ended <- invocation{ctx: ctx, stdout: printed}.s1graph(t, "changes", "--follow", "--json", "--instance", "test", "--since", "2h")
	}()
	key := func() string {
		var change struct{ Key, Run string }
		require.NoError(t, json.Unmarshal([]byte(<-printed.seen), &change))
		assert.NotEmpty(t, change.Run)
		return change.Key
	}
	assert.Equal(t, "sentinelone_agent:2", key(), "the older one was not asked for")
	store, err := jsonstore.Open(filepath.Join(".s1graph", "test"), jsonstore.Options{Instance: "test"})
	require.NoError(t, err)
	for i := range 2 {
		draft, err := store.Begin(time.Now())
		require.NoError(t, err)
		require.NoError(t, draft.Changes().Write(gone(fmt.Sprint(7+i), "PC")))
		require.NoError(t, draft.Commit(jsonstore.CommitInfo{}))
	}
	require.NoError(t, store.Close())
	assert.Equal(t, "sentinelone_agent:7", key())
	assert.Equal(t, "sentinelone_agent:8", key())
	cancel()
	assert.Equal(t, outcome{}, <-ended)
	assert.Empty(t, printed.seen)
	for _, flags := range [][]string{{"--follow", "--limit", "3"}, {"--follow", "--all"}} {
		got := s1graph(t, append([]string{"changes", "--instance", "test"}, flags...)...)
		assert.Equal(t, 2, got.code)
		assert.Contains(t, got.stderr, "contradict each other")
	}
}

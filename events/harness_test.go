package events_test

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"s1graph/events"
	"s1graph/fleet/fleettest"
	"s1graph/gotest"
	"s1graph/graph"
)

func TestMain(m *testing.M) { gotest.VerifyTestMain(m) }

// natsServer is one of NATS in this process, with JetStream.
func natsServer(t *testing.T, adjust ...func(*server.Options)) *server.Server {
	t.Helper()
	return fleettest.Nodes(t, 1, adjust...)[0]
}

func open(t *testing.T, c events.Config) events.Publisher {
	t.Helper()
	p, err := events.Open(t.Context(), c)
	require.NoError(t, err)
	t.Cleanup(p.Close)
	return p
}

// run has changes of agents that were created, with the given keys.
func run(id string, keys ...string) events.Run {
	return events.Run{ID: id, StartedAt: time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC), Changes: changes(id, keys...)}
}

func changes(id string, keys ...string) iter.Seq2[graph.ChangeLine, error] {
	var lines strings.Builder
	for _, key := range keys {
		quoted, _ := json.Marshal(key)
		fmt.Fprintf(&lines, `{"id":"%s-%s","op":"created","type":"sentinelone_agent","class":"HostAgent","key":%s,"after":{"displayName":%[3]s}}`+"\n", id, strings.Trim(key, "\x01"), quoted)
	}
	return graph.ReadChanges(context.Background(), strings.NewReader(lines.String()))
}

// stored are the messages in the stream, in their order.
func stored(t *testing.T, s *server.Server) []*jetstream.RawStreamMsg {
	t.Helper()
	conn, err := nats.Connect(s.ClientURL())
	require.NoError(t, err)
	defer conn.Close()
	js, err := jetstream.New(conn)
	require.NoError(t, err)
	stream, err := js.Stream(t.Context(), "s1graph-events")
	require.NoError(t, err)
	info, err := stream.Info(t.Context())
	require.NoError(t, err)
	var all []*jetstream.RawStreamMsg
	for seq := info.State.FirstSeq; seq <= info.State.LastSeq; seq++ {
		message, err := stream.GetMsg(t.Context(), seq)
		require.NoError(t, err)
		all = append(all, message)
	}
	return all
}

func subjects(all []*jetstream.RawStreamMsg) (names []string) {
	for _, message := range all {
		names = append(names, message.Subject)
	}
	return names
}

func cursor(t *testing.T, p events.Publisher) string {
	t.Helper()
	run, err := p.Cursor(t.Context())
	require.NoError(t, err)
	return run
}

func publish(t *testing.T, p events.Publisher, r events.Run) events.Published {
	t.Helper()
	published, err := p.Publish(t.Context(), r)
	require.NoError(t, err)
	return published
}

func count[T comparable](all []T, one T) int {
	return len(slices.DeleteFunc(slices.Clone(all), func(other T) bool { return other != one }))
}

// line is what a run yields.
type line = graph.ChangeLine

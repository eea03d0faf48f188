package fleet_test

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"s1graph/fleet"
	"s1graph/fleet/fleettest"
)

const (
	// steady is how long claims last where none is to end: so long, that no machine is too slow to renew them.
	steady = 15 * time.Second

	// ttl is how long they last where some are to end. It is shorter than what a fleet may have, which keeps elections of NATS apart from
	// claims: here are none.
	ttl = 4 * time.Second

	// patience is what only something that hangs exceeds.
	patience = 3 * time.Minute
)

func join(t *testing.T, c fleet.Config) *fleet.Fleet {
	t.Helper()
	if c.TTL == 0 {
		c.TTL = steady
	}
	f, err := fleet.Join(t.Context(), c)
	require.NoError(t, err)
	t.Cleanup(f.Close)
	return f
}

func hold(t *testing.T, f *fleet.Fleet, instance, how string) *fleet.Claim {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	c, err := f.Hold(ctx, instance, how)
	require.NoError(t, err)
	t.Cleanup(c.Release)
	return c
}

func members(t *testing.T, f *fleet.Fleet, names ...string) {
	t.Helper()
	var found []string
	require.Eventually(t, func() bool {
		_, _, living, _ := f.Counts() // as the member itself sees it, which is what it prefers by
		workers, _, err := f.Status(t.Context())
		found = nil
		for _, w := range workers {
			found = append(found, w.Worker)
		}
		return err == nil && living == len(names) && slices.Equal(names, found)
	}, patience, time.Millisecond, "%v", names)
}

var errStop = errors.New("stop")

// renewedFor waits until the claim on acme was renewed so many times: four are a TTL. Nobody else is to get it meanwhile.
func renewedFor(t *testing.T, claims jetstream.KeyValue, times int, got <-chan *fleet.Claim, why string) {
	t.Helper()
	seen := map[uint64]bool{}
	for len(seen) <= times {
		is, err := claims.Get(t.Context(), "acme")
		require.NoError(t, err)
		seen[is.Revision()] = true
		select {
		case <-got:
			t.Fatal(why)
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// beatsFrom counts what members write of themselves from now on, each three times in a TTL. A machine that is slow makes them fewer.
func beatsFrom(t *testing.T, at string) (beats func() int) {
	t.Helper()
	last := func() int {
		conn, err := nats.Connect(at)
		require.NoError(t, err)
		defer conn.Close()
		js, err := jetstream.New(conn, jetstream.WithDefaultTimeout(patience))
		require.NoError(t, err)
		workers, err := js.Stream(t.Context(), "KV_s1graph-workers")
		require.NoError(t, err)
		return int(workers.CachedInfo().State.LastSeq)
	}
	before := last()
	return func() int { return last() - before }
}

// unread leaves the first message to a subject without an answer, and gives when it came.
func unread(t *testing.T, s *server.Server, subject string) (came <-chan *nats.Msg) {
	t.Helper()
	conn, err := nats.Connect(s.ClientURL())
	require.NoError(t, err)
	t.Cleanup(conn.Close)
	first := make(chan *nats.Msg, 10)
	_, err = conn.Subscribe("nowhere", func(m *nats.Msg) {
		s.GlobalAccount().RemoveMapping(subject)
		first <- m
	})
	require.NoError(t, err)
	require.NoError(t, conn.Flush())
	require.NoError(t, s.GlobalAccount().AddMapping(subject, "nowhere"))
	return first
}

// lineTo is a way to a server that can be cut, as by the death of who uses it.
func lineTo(t *testing.T, s *server.Server) *fleettest.Line {
	t.Helper()
	l, err := fleettest.NewLine(s)
	require.NoError(t, err)
	t.Cleanup(l.Close)
	return l
}

// lines is a log.
type lines struct {
	mu  sync.Mutex
	all strings.Builder
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.all.Write(p)
}

func (l *lines) text() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.all.String()
}

func (l *lines) logger() *slog.Logger { return slog.New(slog.NewTextHandler(l, nil)) }

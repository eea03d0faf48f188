package events_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"s1graph/events"
)

func TestEachChangeIsACloudEventInAStreamThatOthersReplay(t *testing.T) {
	s := natsServer(t)
	p := open(t, events.Config{URL: s.ClientURL(), Instance: "acme.sentinelone.net", Kept: 720 * time.Hour})
	assert.Empty(t, cursor(t, p))
	assert.Equal(t, events.Published{Events: 2}, publish(t, p, run("000001-20261129T120000Z", "a1", "a2\x01")))

	all := stored(t, s)
	assert.Equal(t, []string{
		"s1graph.events.acme=2Esentinelone=2Enet.sentinelone_agent.created",
		"s1graph.events.acme=2Esentinelone=2Enet.sentinelone_agent.created",
		"s1graph.runs.acme=2Esentinelone=2Enet",
	}, subjects(all))
	assert.Equal(t, "000001-20261129T120000Z-a1", all[0].Header.Get("Nats-Msg-Id"))
	assert.Equal(t, "application/cloudevents+json; charset=UTF-8", all[0].Header.Get("content-type"))
	assert.JSONEq(t, `{
		"specversion": "1.0", "id": "000001-20261129T120000Z-a1", "source": "/s1graph/acme.sentinelone.net", "type": "s1graph.sentinelone_agent.created",
		"subject": "a1", "time": "2026-11-29T12:00:00Z", "datacontenttype": "application/json", "instance": "acme.sentinelone.net", "run": "000001-20261129T120000Z",
		"data": {"id":"000001-20261129T120000Z-a1","op":"created","type":"sentinelone_agent","class":"HostAgent","key":"a1","after":{"displayName":"a1"}}
	}`, string(all[0].Data))
	assert.NotContains(t, string(all[1].Data), `"subject"`, "an attribute may hold no control characters")
	var end struct {
		Type string         `json:"type"`
		Data map[string]any `json:"data"`
	}
	require.NoError(t, json.Unmarshal(all[2].Data, &end))
	assert.Equal(t, "s1graph.run", end.Type)
	assert.Equal(t, map[string]any{"run": "000001-20261129T120000Z", "changes": 2.0, "epoch": 0.0}, end.Data)
}

func TestTheCursorIsInTheStreamOfEachInstance(t *testing.T) {
	s := natsServer(t)
	acme := events.Config{URL: s.ClientURL(), Instance: "acme", Kept: time.Hour}
	publish(t, open(t, acme), run("000001", "a1"))
	publish(t, open(t, events.Config{URL: s.ClientURL(), Instance: "globex", Kept: time.Hour}), run("000007", "a1"))

	again := open(t, acme)
	assert.Equal(t, "000001", cursor(t, again))
	publish(t, again, run("000002"))
	assert.Equal(t, "000002", cursor(t, again))
	publish(t, again, run("000003", "a2"))
	assert.Equal(t, "000003", cursor(t, open(t, acme)))
}

func TestARunThatIsPublishedAgainIsInTheStreamOnce(t *testing.T) {
	s := natsServer(t)
	c := events.Config{URL: s.ClientURL(), Instance: "acme", Kept: time.Hour}
	p := open(t, c)
	publish(t, p, run("000001", "a1", "a2"))
	assert.Equal(t, events.Published{Events: 2}, func() events.Published {
		published, err := p.Replay(t.Context(), run("000001", "a1", "a2"))
		require.NoError(t, err)
		return published
	}())
	assert.Len(t, stored(t, s), 3)

	killed := open(t, c) // after the changes, and before the end
	_, err := killed.Replay(t.Context(), run("000002", "a3"))
	require.NoError(t, err)
	next := open(t, c)
	assert.Equal(t, "000001", cursor(t, next))
	publish(t, next, run("000002", "a3"))
	assert.Equal(t, 1, count(subjects(stored(t, s)), "s1graph.events.acme.sentinelone_agent.created")-2)
}

func TestWhoWasOvertakenMovesTheCursorNoMore(t *testing.T) {
	s := natsServer(t)
	c := events.Config{URL: s.ClientURL(), Instance: "acme", Kept: time.Hour, Log: "log", Epoch: 4}
	old := open(t, c)
	assert.Empty(t, cursor(t, old))
	publish(t, old, run("000001", "a1"))
	c.Epoch = 9
	owner := open(t, c)
	assert.Equal(t, "000001", cursor(t, owner))
	publish(t, owner, run("000002", "a2"))

	_, err := old.Publish(t.Context(), run("000002", "a9"))
	require.ErrorContains(t, err, "another owner of the instance has published since")
	c.Epoch = 4
	_, err = open(t, c).Cursor(t.Context())
	require.ErrorContains(t, err, "was published in epoch 9, and this worker is in epoch 4: another worker has taken the instance over, or the bucket was restored from an older state")
	c.Log, c.Epoch = "another log", 1 // the bucket was lost, or one went back to one machine
	assert.Equal(t, "000002", cursor(t, open(t, c)))
	c.Log, c.Epoch = "", 0
	assert.Equal(t, "000002", cursor(t, open(t, c)))
}

func TestAChangeThatTheServerTakesNoMessageOfTheSizeOfIsPassedOver(t *testing.T) {
	s := natsServer(t, func(o *server.Options) { o.MaxPayload = 8 << 10 })
	p := open(t, events.Config{URL: s.ClientURL(), Instance: "acme", Kept: time.Hour})
	assert.Equal(t, events.Published{Events: 2, Refused: 1}, publish(t, p, run("000001", "a1", strings.Repeat("x", 9<<10), "a2")))
	assert.Len(t, stored(t, s), 3)
}

func TestManyEventsAreUnderWayAtOnceAndAllArrive(t *testing.T) {
	s := natsServer(t)
	p := open(t, events.Config{URL: s.ClientURL(), Instance: "acme", Kept: time.Hour})
	var keys []string
	for i := range 2000 {
		keys = append(keys, fmt.Sprint("a", i))
	}
	assert.Equal(t, events.Published{Events: 2000}, publish(t, p, run("000001", keys...)))
	all := stored(t, s)
	require.Len(t, all, 2001)
	assert.Equal(t, "s1graph.runs.acme", all[2000].Subject, "behind all that it says is there")
}

func TestTheStreamIsMadeAsItIsConfigured(t *testing.T) {
	s := natsServer(t)
	c := events.Config{URL: s.ClientURL(), Instance: "acme", Kept: time.Hour}
	config := func() jetstream.StreamConfig {
		conn, err := nats.Connect(s.ClientURL())
		require.NoError(t, err)
		defer conn.Close()
		js, err := jetstream.New(conn)
		require.NoError(t, err)
		stream, err := js.Stream(t.Context(), "s1graph-events")
		require.NoError(t, err)
		return stream.CachedInfo().Config
	}
	open(t, c)
	assert.Equal(t, time.Hour, config().MaxAge)
	assert.Equal(t, 1, config().Replicas, "there is no cluster")
	assert.Equal(t, 10*time.Minute, config().Duplicates)
	c.Kept = 48 * time.Hour
	open(t, c)
	assert.Equal(t, 48*time.Hour, config().MaxAge)
}

func TestWhatIsWrongWithNATSIsSaidWithWhatToDo(t *testing.T) {
	_, err := events.Open(t.Context(), events.Config{URL: "nats://127.0.0.1:1", Instance: "acme", Kept: time.Hour})
	require.ErrorContains(t, err, "no server of NATS can be reached")
	assert.ErrorContains(t, err, "look at events.url")

	without := natsServer(t, func(o *server.Options) { o.JetStream = false })
	_, err = events.Open(t.Context(), events.Config{URL: without.ClientURL(), Instance: "acme", Kept: time.Hour})
	assert.ErrorContains(t, err, "has no JetStream")

	taken := natsServer(t)
	conn, err := nats.Connect(taken.ClientURL())
	require.NoError(t, err)
	defer conn.Close()
	js, err := jetstream.New(conn)
	require.NoError(t, err)
	_, err = js.CreateStream(t.Context(), jetstream.StreamConfig{Name: "s1graph-events", Subjects: []string{"orders.>"}})
	require.NoError(t, err)
	_, err = events.Open(t.Context(), events.Config{URL: taken.ClientURL(), Instance: "acme", Kept: time.Hour})
	assert.ErrorContains(t, err, "is not s1graph's: its subjects are orders.>")
}

func TestAServerThatGoesAwayInTheMiddleIsAnErrorAndTheCursorStays(t *testing.T) {
	dir := t.TempDir()
	first := natsServer(t, func(o *server.Options) { o.StoreDir = dir })
	c := events.Config{URL: first.ClientURL(), Instance: "acme", Kept: time.Hour}
	p := open(t, c)
	publish(t, p, run("000001", "a1"))
	broken := run("000002", "a2", "a3")
	changes := broken.Changes
	broken.Changes = func(yield func(line, error) bool) {
		for c, err := range changes {
			first.Shutdown()
			if !yield(c, err) {
				return
			}
		}
	}
	_, err := p.Publish(t.Context(), broken)
	require.Error(t, err)
	second := natsServer(t, func(o *server.Options) { o.StoreDir = dir })
	c.URL = second.ClientURL()
	next := open(t, c)
	assert.Equal(t, "000001", cursor(t, next))
	publish(t, next, run("000002", "a2", "a3"))
	assert.Equal(t, 3, count(subjects(stored(t, second)), "s1graph.events.acme.sentinelone_agent.created"))
}

// What of permissions is missing NATS tells the connection, and never whoever waits for an answer.
func TestAServerThatAnswersNothingIsAnErrorThoughTheRunHasHoursLeft(t *testing.T) {
	s := natsServer(t, func(o *server.Options) {
		may := &server.SubjectPermission{Allow: []string{"s1graph.>", "$JS.API.>"}}
		o.Users = []*server.User{{Username: "u", Password: "p", Permissions: &server.Permissions{Publish: may, Subscribe: may}}}
	})
	ctx, end := context.WithTimeout(t.Context(), 6*time.Hour)
	defer end()
	_, err := events.Open(ctx, events.Config{URL: strings.Replace(s.ClientURL(), "://", "://u:p@", 1), Instance: "acme", Kept: time.Hour, Within: 100 * time.Millisecond})
	require.ErrorContains(t, err, "the stream s1graph-events: the server of NATS did not answer within 100ms: let its user publish and subscribe to s1graph.>, $JS.API.> and _INBOX.>")
}

package fleet_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"s1graph/fleet"
	"s1graph/fleet/fleettest"
)

// The servers answer for a moment as if a bucket that one makes were not there for the others.
func TestMembersThatAllJoinANewClusterAtOnceAllGetIn(t *testing.T) {
	t.Parallel()
	all := fleettest.Nodes(t, 3, func(o *server.Options) { o.Cluster.NoAdvertise = true })
	var joining sync.WaitGroup
	for i := range 9 {
		joining.Go(func() {
			f, err := fleet.Join(t.Context(), fleet.Config{URL: all[i%3].ClientURL(), Worker: fmt.Sprint("w", i), TTL: patience})
			if assert.NoError(t, err) {
				f.Close()
			}
		})
	}
	joining.Wait()
}

// One of them makes the buckets anew, and the others find that they are there.
func TestAllMembersHearOfEachOtherAfterNATSHasLostWhatItHeld(t *testing.T) {
	t.Parallel()
	first := fleettest.Nodes(t, 1)[0]
	way := lineTo(t, first)
	a, b, c := join(t, fleet.Config{URL: way.URL(), Worker: "a", TTL: ttl}), join(t, fleet.Config{URL: way.URL(), Worker: "b", TTL: ttl}), join(t, fleet.Config{URL: way.URL(), Worker: "c", TTL: ttl})
	members(t, a, "a", "b", "c")
	workers := bucketOf(t, first.ClientURL(), "s1graph-workers")
	for range 500 { // as of days: what comes next of the new bucket has a lower number
		_, err := workers.Put(t.Context(), "x", nil)
		require.NoError(t, err)
	}
	fleettest.Stop(first)
	again := fleettest.Nodes(t, 1)[0]
	way.Mend(again)
	join(t, fleet.Config{URL: again.ClientURL(), Worker: "d", TTL: ttl})
	for _, f := range []*fleet.Fleet{a, b, c} {
		require.Eventually(t, func() bool {
			_, _, living, _ := f.Counts()
			return living == 4
		}, patience, 10*time.Millisecond)
	}
}

// What is sent to it seems to be under way, for minutes, unless somebody asks whether it is there.
func TestANodeOfNATSThatIsGoneWithoutAWordEndsNoClaim(t *testing.T) {
	t.Parallel()
	way := lineTo(t, fleettest.Nodes(t, 1, func(o *server.Options) { o.Cluster.NoAdvertise = true })[0])
	var log lines
	f, err := fleet.Join(t.Context(), fleet.Config{URL: way.URL(), Worker: "a", TTL: steady, Logger: log.logger()})
	require.NoError(t, err)
	t.Cleanup(f.Close)
	asked := make(chan string, 1)
	f.OnRunNow(func(instance string) { asked <- instance })
	c := hold(t, f, "acme", "x")
	way.Mute()
	onlooker := join(t, fleet.Config{URL: way.URL()})
	require.Eventually(t, func() bool {
		to, err := onlooker.RunNow(t.Context(), "acme")
		return err == nil && to == "a" || c.Err() != nil
	}, patience, 100*time.Millisecond)
	require.NoError(t, context.Cause(c), "it was renewed by another connection before its time was over")
	assert.Contains(t, log.text(), "connected to NATS again")
}

// Any node answers what is read, and one that was cut off knows nothing of what came meanwhile.
func TestANodeThatTellsOfOlderThingsEndsNoClaim(t *testing.T) {
	t.Parallel()
	s := fleettest.Nodes(t, 1)[0]
	at := s.ClientURL()
	var log lines
	f, err := fleet.Join(t.Context(), fleet.Config{URL: at, Worker: "a", TTL: steady, Logger: log.logger()})
	require.NoError(t, err)
	t.Cleanup(f.Close)
	c := hold(t, f, "acme", "x")
	claims := bucketOf(t, at, "s1graph-claims")
	is, err := claims.Get(t.Context(), "acme")
	require.NoError(t, err)
	renewed, err := claims.Put(t.Context(), "acme", is.Value()) // as where the answer to a renewal was lost
	require.NoError(t, err)

	behind, err := nats.Connect(at)
	require.NoError(t, err)
	t.Cleanup(behind.Close)
	asked := make(chan struct{}, 10)
	_, err = behind.Subscribe("behind", func(m *nats.Msg) {
		older := nats.NewMsg(m.Reply)
		older.Header.Set("Nats-Stream", "KV_s1graph-claims")
		older.Header.Set("Nats-Subject", "$KV.s1graph-claims.acme")
		older.Header.Set("Nats-Sequence", "1")
		older.Header.Set("Nats-Time-Stamp", time.Now().Add(-time.Minute).UTC().Format(time.RFC3339Nano))
		older.Data = []byte(`{"worker":"b","process":"of whom a took it over"}`)
		if assert.NoError(t, m.RespondMsg(older)) {
			asked <- struct{}{}
		}
	})
	require.NoError(t, err)
	require.NoError(t, behind.Flush())
	const reads = "$JS.API.DIRECT.GET.KV_s1graph-claims.$KV.s1graph-claims.acme"
	require.NoError(t, s.GlobalAccount().AddMapping(reads, "behind"))
	select {
	case <-asked:
	case <-c.Done():
	}
	s.GlobalAccount().RemoveMapping(reads)
	require.Eventually(t, func() bool {
		e, err := claims.Get(t.Context(), "acme")
		return err == nil && e.Revision() > renewed || c.Err() != nil
	}, patience, 10*time.Millisecond)
	assert.NoError(t, context.Cause(c))
	assert.NotContains(t, log.text(), "clock differs")
}

// bucketOf is a bucket as NATS has it.
func bucketOf(t *testing.T, at, name string) jetstream.KeyValue {
	t.Helper()
	conn, err := nats.Connect(at)
	require.NoError(t, err)
	t.Cleanup(conn.Close)
	js, err := jetstream.New(conn, jetstream.WithDefaultTimeout(patience))
	require.NoError(t, err)
	kv, err := js.KeyValue(t.Context(), name)
	require.NoError(t, err)
	return kv
}

// Claims live on in the new bucket, so that nobody else gets what one works for, and what nobody has can be claimed.
func TestABucketThatNATSLosesUnderLivingMembersIsMadeAnewAndClaimsGoOn(t *testing.T) {
	t.Parallel()
	for _, lost := range []string{"s1graph-claims", "s1graph-workers", "s1graph-status"} {
		t.Run(lost, func(t *testing.T) {
			t.Parallel()
			at := fleettest.Nodes(t, 1)[0].ClientURL()
			var log lines
			a := join(t, fleet.Config{URL: at, Worker: "a", TTL: steady, Logger: log.logger()})
			c := hold(t, a, "acme", "x")
			b := join(t, fleet.Config{URL: at, Worker: "b", TTL: steady}) // to whom it belongs from now on
			members(t, a, "a", "b")
			members(t, b, "a", "b")
			before := bucketOf(t, at, "s1graph-claims")
			taken := make(chan *fleet.Claim, 1)
			ctx, end := context.WithCancel(t.Context())
			ended := make(chan struct{})
			go func() {
				defer close(ended)
				if other, err := b.Hold(ctx, "acme", "x"); err == nil {
					taken <- other
					other.Release()
				}
			}()
			defer func() { end(); <-ended }()
			remove(t, at, lost)
			require.Eventually(t, func() bool {
				return strings.Contains(log.text(), "NATS has lost buckets of the fleet") && strings.Contains(log.text(), lost)
			}, patience, time.Millisecond)
			is := func(f *fleet.Fleet) bool {
				_, instances, err := f.Status(t.Context())
				return err == nil && instances["acme"].Owner == "a"
			}
			require.Eventually(t, func() bool { return is(a) && is(b) || c.Err() != nil }, patience, 10*time.Millisecond)
			require.NoError(t, context.Cause(c), log.text())
			renewedFor(t, before, 5, taken, "both have it") // for longer than the old claim would have lasted
			require.NoError(t, context.Cause(c))
			hold(t, a, "globex", "y")
			c.Release()
			select {
			case <-taken:
			case <-time.After(patience):
				t.Fatal("b hears of the claims no more")
			}
		})
	}
}

func TestAMemberThatWasStoppedWhileAnotherTookItsNameEnds(t *testing.T) {
	t.Parallel()
	node := fleettest.Nodes(t, 1)
	way := lineTo(t, node[0])
	var log lines
	first := join(t, fleet.Config{URL: way.URL(), Worker: "a", TTL: ttl, Logger: log.logger()})
	way.Cut() // as SIGSTOP does
	second := join(t, fleet.Config{URL: fleettest.URLs(node), Worker: "a", TTL: ttl})
	require.NoError(t, first.Err())
	read := unread(t, node[0], "$JS.API.DIRECT.GET.KV_s1graph-workers.$KV.s1graph-workers.a")
	way.Mend(node...)
	<-read // it has found that it is not the last who wrote, and does not get to know who was
	<-first.Ended()
	_, err := first.Hold(t.Context(), "acme", "x")
	require.ErrorContains(t, err, "another worker is called a by now, which started at "+time.Now().UTC().Format("2006-"))
	assert.Equal(t, err, first.Err())
	assert.NotContains(t, log.text(), "wrong last sequence")
	assert.NotContains(t, log.text(), "watched anew")
	hold(t, second, "acme", "x")
	assert.NoError(t, second.Err())
}

// Members wait for two TTLs before they take what they heard of last, since the mark of its end may have been missed.
func TestAnInstanceWhoseOwnerDiedAsNATSLostTheClaimsCountsAsUnclaimedBeforeItIsTaken(t *testing.T) {
	t.Parallel()
	node := fleettest.Nodes(t, 1)[0]
	way := lineTo(t, node)
	c := join(t, fleet.Config{URL: node.ClientURL(), Worker: "c", TTL: ttl}) // who is the one to tell, of these two
	a := join(t, fleet.Config{URL: way.URL(), Worker: "a", TTL: ttl})
	members(t, a, "a", "c")
	hold(t, a, "acme", "x")
	unclaimed := func() int {
		n, isOne := c.Unclaimed([]string{"acme"})
		require.True(t, isOne)
		return n
	}
	require.Eventually(t, func() bool { return unclaimed() == 0 }, patience, time.Millisecond)
	way.Cut()
	remove(t, node.ClientURL(), "s1graph-claims")
	workers := bucketOf(t, node.ClientURL(), "s1graph-workers")
	watch, err := workers.Watch(t.Context(), "c", jetstream.UpdatesOnly()) // which comes three times in a TTL
	require.NoError(t, err)
	got := make(chan *fleet.Claim, 1)
	go func() { got <- hold(t, c, "acme", "x") }()
	for beats := 0; ; {
		select {
		case <-watch.Updates():
			if unclaimed() == 1 {
				beats++
			}
			continue
		case <-got:
		}
		require.NoError(t, watch.Stop())
		assert.Greater(t, beats, 1, "while it was unclaimed")
		return
	}
}

// remove removes a bucket from NATS.
func remove(t *testing.T, at, bucket string) {
	t.Helper()
	conn, err := nats.Connect(at)
	require.NoError(t, err)
	defer conn.Close()
	js, err := jetstream.New(conn, jetstream.WithDefaultTimeout(patience))
	require.NoError(t, err)
	require.NoError(t, js.DeleteKeyValue(t.Context(), bucket))
}

func TestWhoLooksOnMakesAndChangesNothing(t *testing.T) {
	t.Parallel()
	at := fleettest.Nodes(t, 1)[0].ClientURL()
	onlooker := join(t, fleet.Config{URL: at})
	assert.True(t, onlooker.IsNew())
	workers, instances, err := onlooker.Status(t.Context())
	require.NoError(t, err)
	assert.Empty(t, workers)
	assert.Empty(t, instances)
	_, err = onlooker.RunNow(t.Context(), "acme")
	require.ErrorContains(t, err, "no worker has the instance acme now")
	assert.Equal(t, 1, onlooker.Nodes())
	assert.Equal(t, steady, onlooker.Lasts())
	assert.Empty(t, buckets(t, at))
	join(t, fleet.Config{URL: at, Worker: "a"})
	assert.Len(t, buckets(t, at), 3)
	assert.False(t, join(t, fleet.Config{URL: at}).IsNew())
}

// buckets are the names of those that NATS has.
func buckets(t *testing.T, at string) (names []string) {
	t.Helper()
	conn, err := nats.Connect(at)
	require.NoError(t, err)
	defer conn.Close()
	js, err := jetstream.New(conn, jetstream.WithDefaultTimeout(patience))
	require.NoError(t, err)
	for name := range js.KeyValueStoreNames(t.Context()).Name() {
		names = append(names, name)
	}
	return names
}

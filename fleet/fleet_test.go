package fleet_test

import (
	"context"
	"flag"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"s1graph/fleet"
	"s1graph/fleet/fleettest"
	"s1graph/gotest"
)

func TestMain(m *testing.M) {
	_ = flag.Set("test.parallel", "6") // unless the command line says otherwise: they wait more than they compute
	gotest.VerifyTestMain(m)
}

func TestInstancesAreDividedAmongTheMembersByHowTheirTokensAreGiven(t *testing.T) {
	t.Parallel()
	at := fleettest.URLs(fleettest.Nodes(t, 3))
	a, b := join(t, fleet.Config{URL: at, Worker: "a"}), join(t, fleet.Config{URL: at, Worker: "b"})
	for _, f := range []*fleet.Fleet{a, b} {
		members(t, f, "a", "b")
	}
	var mu sync.Mutex
	owners := map[string][]string{} // by token
	var holding sync.WaitGroup
	defer holding.Wait()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	for i := range 12 {
		how := fmt.Sprint("token", i/2) // two instances have one
		got := make(chan string, 2)
		for worker, f := range map[string]*fleet.Fleet{"a": a, "b": b} {
			holding.Go(func() {
				c, err := f.Hold(ctx, fmt.Sprint("tenant.", i), how)
				if err != nil {
					assert.ErrorIs(t, err, context.Canceled)
					return
				}
				got <- worker
				<-c.Done()
				c.Release()
			})
		}
		mu.Lock()
		owners[how] = append(owners[how], <-got)
		mu.Unlock()
	}
	counts := map[string]int{}
	for how, of := range owners {
		require.Len(t, of, 2)
		assert.Equal(t, of[0], of[1], "the two instances of %s have one owner", how)
		counts[of[0]]++
	}
	assert.Len(t, counts, 2, "%v", counts)

	workers, instances, err := a.Status(t.Context())
	require.NoError(t, err)
	assert.Len(t, workers, 2)
	assert.Len(t, instances, 12)
	assert.Equal(t, owners["token0"][0], instances["tenant.0"].Owner)
}

func TestADeadMembersInstancesAreTakenOverWithinATTLAndASecond(t *testing.T) {
	t.Parallel()
	all := fleettest.Nodes(t, 3, func(o *server.Options) { o.Cluster.NoAdvertise = true })
	way := lineTo(t, all[0])
	dead := join(t, fleet.Config{URL: way.URL(), Worker: "a", TTL: ttl})
	c := hold(t, dead, "acme", "x")
	heir := join(t, fleet.Config{URL: fleettest.URLs(all), Worker: "b", TTL: ttl})
	beats := beatsFrom(t, fleettest.URLs(all))
	way.Cut()
	taken := hold(t, heir, "acme", "x")
	assert.LessOrEqual(t, beats(), 3*3, "which the heir writes in three TTLs")
	<-c.Done()
	require.ErrorIs(t, context.Cause(c), fleet.ErrLost)
	assert.NoError(t, taken.Err())
}

func TestAnEndedMemberHandsOverAtOnceAndWhatItDoesInBetweenIsItsOwn(t *testing.T) {
	t.Parallel()
	at := fleettest.URLs(fleettest.Nodes(t, 1))
	a := join(t, fleet.Config{URL: at, Worker: "a", TTL: ttl})
	ctx, end := context.WithCancelCause(t.Context())
	c, err := a.Hold(ctx, "acme", "x")
	require.NoError(t, err)
	b := join(t, fleet.Config{URL: at, Worker: "b", TTL: ttl})
	got := make(chan *fleet.Claim, 1)
	go func() { got <- hold(t, b, "acme", "x") }()
	claims := bucketOf(t, at, "s1graph-claims")
	end(errStop)
	<-c.Done()
	require.ErrorIs(t, context.Cause(c), errStop)
	renewedFor(t, claims, 6, got, "it is given back when the last record is written, and not before")
	beats := beatsFrom(t, at)
	c.Release()
	c.Release()
	a.Close() // it would be preferred perhaps
	taken := <-got
	assert.LessOrEqual(t, beats(), 3+2, "which two members write before a TTL has passed")
	assert.NoError(t, taken.Err())
}

func TestABetterOwnerThatJoinsIsYieldedTo(t *testing.T) {
	t.Parallel()
	at := fleettest.URLs(fleettest.Nodes(t, 1))
	a := join(t, fleet.Config{URL: at, Worker: "a"})
	var claims []*fleet.Claim
	for i := range 16 {
		claims = append(claims, hold(t, a, fmt.Sprint("tenant", i), fmt.Sprint(i)))
	}
	b := join(t, fleet.Config{URL: at, Worker: "b"})
	members(t, a, "a", "b")
	yielded := map[int]bool{}
	require.Eventually(t, func() bool {
		for i, c := range claims {
			select {
			case <-c.Yield:
				yielded[i] = true
			default:
			}
		}
		return len(yielded) > 2
	}, patience, time.Millisecond)
	for i := range yielded {
		assert.NoError(t, claims[i].Err(), "what is under way is ended first")
		claims[i].Release()
		hold(t, b, fmt.Sprint("tenant", i), fmt.Sprint(i))
	}
	assert.Less(t, len(yielded), 14)
}

func TestAnInstanceThatItsOwnerDoesNotHaveIsTakenByAnother(t *testing.T) {
	t.Parallel()
	at := fleettest.URLs(fleettest.Nodes(t, 1))
	a, b := join(t, fleet.Config{URL: at, Worker: "a", TTL: ttl}), join(t, fleet.Config{URL: at, Worker: "b", TTL: ttl})
	members(t, a, "a", "b")
	members(t, b, "a", "b")
	var holding sync.WaitGroup
	for i := range 4 { // some of which belong to b, whose file lacks them
		holding.Go(func() {
			c := hold(t, a, fmt.Sprint("tenant", i), fmt.Sprint(i))
			beats := beatsFrom(t, at)
			for beats() < 2 { // each of which makes a look again to whom it belongs
				select {
				case <-c.Yield:
					t.Error("b was there before, and did not want it")
					return
				case <-time.After(20 * time.Millisecond):
				}
			}
		})
	}
	holding.Wait()
}

func TestWhatAMemberBringsBelongsToItUntilAllCanFindIt(t *testing.T) {
	t.Parallel()
	at := fleettest.URLs(fleettest.Nodes(t, 1))
	var names []string
	for i := range 16 {
		names = append(names, fmt.Sprint("tenant", i))
	}
	a, b := join(t, fleet.Config{URL: at, Worker: "a"}), join(t, fleet.Config{URL: at, Worker: "b", Brings: names})
	members(t, a, "a", "b")
	members(t, b, "a", "b")
	taken := make(chan string, 2*len(names))
	var holding sync.WaitGroup
	defer holding.Wait()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var claims []*fleet.Claim
	for _, name := range names {
		holding.Go(func() {
			if c, err := a.Hold(ctx, name, name); err == nil {
				taken <- name
				<-ctx.Done()
				c.Release()
			}
		})
		claims = append(claims, hold(t, b, name, name)) // or a has it, and this waits in vain
	}
	assert.Empty(t, taken)
	for _, name := range names {
		b.Brought(name)
	}
	assert.Eventually(t, func() bool {
		for _, c := range claims {
			select {
			case <-c.Yield:
				c.Release()
			default:
			}
		}
		return len(taken) > 2
	}, patience, time.Millisecond)
	assert.Less(t, len(taken), 14)
}

func TestAMachineThatSleptHasLostItsClaims(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var slept time.Duration
	wall := func() time.Time {
		mu.Lock()
		defer mu.Unlock()
		return time.Now().Round(0).Add(slept)
	}
	var log lines
	f := join(t, fleet.Config{URL: fleettest.URLs(fleettest.Nodes(t, 1)), Worker: "a", TTL: ttl, Wall: wall, Logger: log.logger()})
	c := hold(t, f, "acme", "x")
	mu.Lock()
	slept = time.Minute
	mu.Unlock()
	<-c.Done()
	require.ErrorIs(t, context.Cause(c), fleet.ErrLost)
	assert.ErrorContains(t, context.Cause(c), "this machine slept for 1m0s")
	c.Release()
	_, lost, _, _ := f.Counts()
	assert.EqualValues(t, 1, lost)
	assert.Eventually(t, func() bool {
		mu.Lock()
		slept += time.Minute // once more, for it may have been about to wait
		mu.Unlock()
		return strings.Contains(log.text(), "this worker was paused, or its machine slept: what it had is another's by now, and what was under way is not committed")
	}, patience, time.Millisecond)
}

func TestWithoutNATSAClaimEndsBeforeAnotherCanHaveItAndComesBackWithIt(t *testing.T) {
	t.Parallel()
	first := fleettest.Nodes(t, 1)[0]
	way := lineTo(t, first)
	f := join(t, fleet.Config{URL: way.URL(), Worker: "a", TTL: ttl})
	c := hold(t, f, "acme", "x")
	fleettest.Stop(first)
	began := time.Now()
	<-c.Done()
	assert.ErrorIs(t, context.Cause(c), fleet.ErrLost)
	assert.Less(t, time.Since(began), ttl+time.Second)
	c.Release()
	require.Eventually(t, func() bool {
		_, _, living, _ := f.Counts()
		return !f.Joined() && living == 0
	}, patience, time.Millisecond, "it knows that nobody hears of it")

	way.Mend(fleettest.Nodes(t, 1)...) // it has lost all that it held
	again := hold(t, f, "acme", "x")
	assert.NoError(t, again.Err())
	assert.Eventually(t, f.Joined, patience, time.Millisecond)
}

func TestOneMemberOfAllTellsHowManyInstancesNobodyHas(t *testing.T) {
	t.Parallel()
	at := fleettest.URLs(fleettest.Nodes(t, 1))
	a, b := join(t, fleet.Config{URL: at, Worker: "a"}), join(t, fleet.Config{URL: at, Worker: "b"})
	members(t, a, "a", "b")
	members(t, b, "a", "b")
	c := hold(t, a, "acme.net", "y") // which belongs to it
	told := func() (told []int) {
		for _, f := range []*fleet.Fleet{a, b} {
			if n, isOne := f.Unclaimed([]string{"acme.net", "globex"}); isOne {
				told = append(told, n)
			}
		}
		return told
	}
	assert.Eventually(t, func() bool { return assert.ObjectsAreEqual([]int{1}, told()) }, patience, time.Millisecond)
	c.Release()
	assert.Eventually(t, func() bool { return assert.ObjectsAreEqual([]int{2}, told()) }, patience, time.Millisecond)
}

func TestOneNodeOfThreeThatIsLostIsNotSeen(t *testing.T) {
	t.Parallel()
	all := fleettest.Nodes(t, 3)
	f := join(t, fleet.Config{URL: fleettest.URLs(all), Worker: "a", TTL: steady})
	c := hold(t, f, "acme", "x")
	for _, s := range all {
		if !s.JetStreamIsLeader() {
			fleettest.Stop(s)
			break
		}
	}
	select {
	case <-c.Done():
		t.Fatal(context.Cause(c))
	case <-time.After(5 * time.Second): // it is renewed every 3.75
	}
	assert.NoError(t, c.Err())
}

func TestTwoWorkersOfOneNameAreRefusedWhileTheFirstLives(t *testing.T) {
	t.Parallel()
	node := fleettest.Nodes(t, 1)
	at, way := fleettest.URLs(node), lineTo(t, node[0])
	join(t, fleet.Config{URL: way.URL(), Worker: "a", TTL: ttl})
	_, err := fleet.Join(t.Context(), fleet.Config{URL: at, Worker: "a", TTL: ttl})
	require.ErrorContains(t, err, "a worker a lives already: give each worker a name of its own by --worker")
	way.Cut()
	join(t, fleet.Config{URL: at, Worker: "a", TTL: ttl}) // as after a kill
}

func TestANATSThatAnswersLateKeepsNoWorkerOut(t *testing.T) {
	t.Parallel()
	s := fleettest.Nodes(t, 1)[0]
	join(t, fleet.Config{URL: s.ClientURL(), Worker: "a", TTL: ttl}) // which makes the buckets
	unread(t, s, "$KV.s1graph-workers.b")
	join(t, fleet.Config{URL: s.ClientURL(), Worker: "b", TTL: ttl})
}

func TestWhatIsWrongWithNATSIsSaidWithWhatToDo(t *testing.T) {
	t.Parallel()
	_, err := fleet.Join(t.Context(), fleet.Config{URL: "nats://127.0.0.1:1", Worker: "a", TTL: ttl})
	require.ErrorContains(t, err, "no server of NATS can be reached")
	without := fleettest.Nodes(t, 1, func(o *server.Options) { o.JetStream = false })
	_, err = fleet.Join(t.Context(), fleet.Config{URL: fleettest.URLs(without), Worker: "a", TTL: ttl})
	require.ErrorContains(t, err, "NATS has no JetStream")

	var log lines
	at := fleettest.URLs(fleettest.Nodes(t, 1))
	join(t, fleet.Config{URL: at, Worker: "a", Rules: "1", Logger: log.logger()})
	assert.Contains(t, log.text(), "NATS keeps claims on a single node, and the whole fleet stands still while it is away")
	_, err = fleet.Join(t.Context(), fleet.Config{URL: at, Worker: "b", TTL: 2 * ttl})
	require.ErrorContains(t, err, "give all workers the same --claim")
	join(t, fleet.Config{URL: at, Worker: "b", Rules: "2"})
	assert.Eventually(t, func() bool {
		return strings.Contains(log.text(), `msg="another worker has other rules of alerts: give all workers one configuration" other=b`)
	}, patience, time.Millisecond)
}

func TestAClockThatIsWrongIsSeen(t *testing.T) {
	t.Parallel()
	var log lines
	f := join(t, fleet.Config{URL: fleettest.URLs(fleettest.Nodes(t, 1)), Worker: "a", Logger: log.logger(), Wall: func() time.Time { return time.Now().Round(0).Add(-time.Hour) }})
	assert.Eventually(t, func() bool {
		_, _, _, skew := f.Counts()
		return skew < -59*time.Minute
	}, patience, time.Millisecond)
	assert.Contains(t, log.text(), "clock differs from that of NATS")
}

func TestARunIsAskedForOfWhoeverHasTheInstance(t *testing.T) {
	t.Parallel()
	at := fleettest.URLs(fleettest.Nodes(t, 1))
	a := join(t, fleet.Config{URL: at, Worker: "a"})
	asked := make(chan string, 1)
	a.OnRunNow(func(instance string) { asked <- instance })
	onlooker := join(t, fleet.Config{URL: at})
	_, err := onlooker.RunNow(t.Context(), "acme.net")
	require.ErrorContains(t, err, "no worker has the instance acme.net now")
	c := hold(t, a, "acme.net", "x")
	a.Report(t.Context(), "acme.net", []byte(`{"ready":true}`))
	worker, err := onlooker.RunNow(t.Context(), "acme.net")
	require.NoError(t, err)
	assert.Equal(t, "a", worker)
	assert.Equal(t, "acme.net", <-asked)

	_, instances, err := onlooker.Status(t.Context())
	require.NoError(t, err)
	assert.Equal(t, "a", instances["acme.net"].Owner)
	assert.JSONEq(t, `{"ready":true}`, string(instances["acme.net"].Status))
	assert.WithinDuration(t, time.Now(), instances["acme.net"].HeardAt, time.Minute)
	c.Release()
	_, instances, err = onlooker.Status(t.Context())
	require.NoError(t, err)
	assert.Empty(t, instances["acme.net"].Owner)
	assert.NotEmpty(t, instances["acme.net"].Status, "what was reported stays")
}

func TestWhoeverElseWritesTheClaimEndsIt(t *testing.T) {
	t.Parallel()
	at := fleettest.URLs(fleettest.Nodes(t, 1))
	f := join(t, fleet.Config{URL: at, Worker: "a", TTL: ttl})
	c := hold(t, f, "acme", "x")
	_, err := bucketOf(t, at, "s1graph-claims").Put(t.Context(), "acme", []byte(`{"worker":"a","process":"another of the same name"}`))
	require.NoError(t, err)
	<-c.Done()
	require.ErrorIs(t, context.Cause(c), fleet.ErrLost)
	assert.ErrorContains(t, context.Cause(c), "another worker has it")
}

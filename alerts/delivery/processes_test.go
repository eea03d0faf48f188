package delivery_test

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"s1graph/alerts/delivery"
	"s1graph/alerts/outbox"
	"s1graph/config"
)

func TestWhatIsQueuedByAnotherProcessIsFoundWithoutBeingWoken(t *testing.T) {
	r := newReceiver(t)
	arrived := make(chan struct{}, 1)
	r.answers(func(http.ResponseWriter, *http.Request) { arrived <- struct{}{} })
	looks := make(chan time.Duration)
	box := outbox.At(t.TempDir() + "/alerts.db")
	deliverer, err := delivery.New(delivery.Config{
		Outbox:       box,
		Destinations: []config.Destination{hook("hook", r.URL)},
		Wait: func(ctx context.Context, d time.Duration) error {
			select {
			case looks <- d:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		},
	})
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- deliverer.Run(ctx) }()
	assert.Equal(t, 30*time.Second, <-looks)
	require.NoError(t, outbox.At(box.Path()).Update(t.Context(), func(tx *outbox.Tx) error {
		return tx.Enqueue(message("hook", "a1"))
	}))
	for found := false; !found; {
		select {
		case <-looks:
		case <-arrived:
			found = true
		}
	}
	cancel()
	require.NoError(t, <-ended)
}

func TestASendUnderWayMayFinishWhenTheServiceEnds(t *testing.T) {
	r := newReceiver(t)
	begun, let := make(chan struct{}), make(chan struct{})
	r.answers(func(http.ResponseWriter, *http.Request) { close(begun); <-let })
	d := newDesk(t, hook("hook", r.URL))
	d.queue("hook", "a1", "b1")
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- d.deliverer.Run(ctx) }()
	<-begun
	cancel()
	close(let)
	require.NoError(t, <-ended)
	assert.Equal(t, []string{"a1"}, r.ids())
	require.Len(t, d.queued(), 1)
	assert.Equal(t, "b1", d.queued()[0].ID)
	assert.Zero(t, d.queued()[0].Attempts)
}

func TestTwoProcessesDoNotSendTwice(t *testing.T) {
	r := newReceiver(t)
	begun, let := make(chan struct{}, 10), make(chan struct{})
	r.answers(func(http.ResponseWriter, *http.Request) { begun <- struct{}{}; <-let })
	first := newDesk(t, hook("hook", r.URL))
	second := newDeskAt(t, first.box.Path(), time.Minute, hook("hook", r.URL))
	first.queue("hook", "a1", "b1")
	stop := run(t, first)
	<-begun
	assert.Equal(t, 2, second.drain(), "the first delivers")
	close(let)
	<-begun
	stop()
	assert.Equal(t, []string{"a1", "b1"}, r.ids())
	second.queue("hook", "c1")
	assert.Zero(t, second.drain(), "the first has stopped")
	assert.Equal(t, []string{"a1", "b1", "c1"}, r.ids())
}

func TestADelivererWaitsForItsTurn(t *testing.T) {
	r := newReceiver(t)
	d := newDesk(t, hook("hook", r.URL))
	release, err := outbox.At(d.box.Path()).TakeDelivery()
	require.NoError(t, err)
	d.queue("hook", "a1")
	run(t, d)()
	require.NoError(t, release())
	assert.Empty(t, r.ids())
	assert.Len(t, d.queued(), 1)
}

// The process is killed when the alert has arrived, and before it could be noted.
func TestKilledBetweenSendingAndNotingAnAlertIsRepeatedWithItsID(t *testing.T) {
	r := newReceiver(t)
	d := newDesk(t, hook("hook", r.URL))
	d.queue("hook", "a1", "a2")
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), "DELIVER_FROM="+d.box.Path(), "DELIVER_TO="+r.URL)
	arrived, killed := make(chan struct{}), make(chan struct{})
	r.answers(func(http.ResponseWriter, *http.Request) {
		close(arrived)
		<-killed // nobody is there any more to hear the answer
	})
	require.NoError(t, child.Start())
	<-arrived
	require.NoError(t, child.Process.Kill())
	require.Error(t, child.Wait())
	close(killed)
	r.answers(nil)
	assert.Zero(t, d.drain())
	assert.Equal(t, []string{"a1", "a1", "a2"}, r.ids())
}

func deliverUntilKilled() {
	deliverer, err := delivery.New(delivery.Config{
		Outbox:       outbox.At(os.Getenv("DELIVER_FROM")),
		Destinations: []config.Destination{hook("hook", os.Getenv("DELIVER_TO"))},
	})
	if err == nil {
		err = deliverer.Run(context.Background())
	}
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

func TestAlertsForADestinationThatIsGoneAreLeftAndToldOf(t *testing.T) {
	r := newReceiver(t)
	d := newDesk(t, hook("hook", r.URL))
	d.queue("old", "a1", "b1")
	d.queue("hook", "a1")
	assert.Equal(t, 2, d.drain())
	run(t, d)()
	assert.Contains(t, d.logged(), "destination=old alerts=2")
}

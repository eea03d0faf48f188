package outbox_test

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"s1graph/alerts/outbox"
)

func TestTransactionsOfManyAreServedInTurn(t *testing.T) {
	path := newBox(t).Path()
	var all sync.WaitGroup
	for writer := range 4 {
		box := outbox.At(path) // as processes do, each has its own
		all.Go(func() {
			for n := range 5 {
				assert.NoError(t, box.Update(context.Background(), func(tx *outbox.Tx) error {
					return tx.Enqueue(message("soc", fmt.Sprint(writer, "/", n), "a"))
				}))
			}
		})
	}
	all.Wait()
	view(t, outbox.At(path), func(tx *outbox.Tx) { assert.Len(t, ids(tx.Queued("")), 20) })
}

func TestWhoWaitsForTheFileStopsWithItsContext(t *testing.T) {
	box := newBox(t)
	update(t, box, func(*outbox.Tx) {
		for _, other := range []*outbox.Outbox{box, outbox.At(box.Path())} {
			ctx, cancel := context.WithCancelCause(t.Context())
			cancel(nil)
			err := other.View(ctx, func(*outbox.Tx) error { t.Error("read"); return nil })
			require.ErrorIs(t, err, context.Canceled)
			assert.ErrorContains(t, err, box.Path())
		}
	})
}

func TestOneAtATimeDelivers(t *testing.T) {
	box := newBox(t)
	release, err := box.TakeDelivery()
	require.NoError(t, err)
	require.NotNil(t, release)

	second, err := outbox.At(box.Path()).TakeDelivery()
	require.NoError(t, err)
	assert.Nil(t, second)

	require.NoError(t, release())
	second, err = outbox.At(box.Path()).TakeDelivery()
	require.NoError(t, err)
	require.NotNil(t, second)
	require.NoError(t, second())
}

package pause_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"s1graph/pause"
)

func TestAPauseLastsAsLongAsItWasAskedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		assert.NoError(t, pause.For(t.Context(), time.Hour))
		assert.Equal(t, time.Hour, time.Since(began))
	})
}

func TestAPauseEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		assert.ErrorIs(t, pause.For(ctx, time.Hour), context.DeadlineExceeded)
		assert.Equal(t, time.Minute, time.Since(began))
		cancel()
		assert.Error(t, pause.Until(ctx, make(chan time.Time)))
	})
}

func TestAPauseEndsWhenAClockSaysSo(t *testing.T) {
	clock := make(chan time.Time, 1)
	clock <- time.Time{}
	assert.NoError(t, pause.Until(t.Context(), clock))
}

func Example() {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	fmt.Println(pause.For(ctx, time.Hour))
	// Output: context canceled
}

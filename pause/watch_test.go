package pause_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"s1graph/pause"
)

func TestWhoWatchesIsToldWhenAWaitBeginsAndWhenItIsOver(t *testing.T) {
	var told []string
	ctx := pause.WithWatcher(t.Context(), func(w pause.Wait) (over func()) {
		told = append(told, "began: "+w.What)
		return func() { told = append(told, "over: "+w.What) }
	})
	inner, cancel := context.WithCancel(ctx)
	defer cancel()
	over := pause.Tell(inner, pause.Wait{What: "lunch", Lasts: time.Hour})
	pause.Tell(ctx, pause.Wait{What: "tea"})()
	over()
	assert.Equal(t, []string{"began: lunch", "began: tea", "over: tea", "over: lunch"}, told)
}

func TestWithoutAWatcherAWaitIsToldToNobody(t *testing.T) {
	assert.NotPanics(t, pause.Tell(t.Context(), pause.Wait{What: "lunch"}))
}

func ExampleTell() {
	ctx := pause.WithWatcher(context.Background(), func(w pause.Wait) (over func()) {
		fmt.Printf("%s in %s: %s\n", w.What, w.Lasts, w.Why)
		return func() { fmt.Println("over") }
	})
	defer pause.Tell(ctx, pause.Wait{What: "retrying /agents (try 2 of 6)", Lasts: 4 * time.Second, Why: "connection refused"})()
	// Output:
	// retrying /agents (try 2 of 6) in 4s: connection refused
	// over
}

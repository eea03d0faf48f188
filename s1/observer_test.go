package s1_test

import (
	"io"
	"net/http"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"s1graph/s1"
)

func TestAnObserverIsToldOfEachRequestWithItsStatusAndWithoutIDs(t *testing.T) {
	var answers sync.Map
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		switch _, asked := answers.LoadOrStore(r.URL.Path, true); {
		case !asked:
			refuse(w, http.StatusBadGateway, 5020010, "Bad gateway")
		case r.URL.Query().Get("cursor") == "":
			io.WriteString(w, answer(2, "next", "1"))
		default:
			io.WriteString(w, answer(2, "", "2"))
		}
	})
	client, _ := connect(t, server.URL, nil)
	var mu sync.Mutex
	var got, outer []s1.Attempt
	into := func(list *[]s1.Attempt) func(s1.Attempt) {
		return func(a s1.Attempt) {
			mu.Lock()
			defer mu.Unlock()
			*list = append(*list, a)
		}
	}
	ctx := s1.WithObserver(s1.WithObserver(t.Context(), into(&outer)), into(&got))
	for _, err := range client.Raw(ctx, "/threats/1234567890/notes", nil) {
		require.NoError(t, err)
	}
	assert.Equal(t, []s1.Attempt{
		{Path: "/threats/{id}/notes", Status: 502},
		{Path: "/threats/{id}/notes", Status: 200, Retry: true, Before: 502},
		{Path: "/threats/{id}/notes", Status: 200},
	}, got)
	assert.Equal(t, got, outer, "who observed already goes on")
}

// exploding is a transport with a fault of the worst kind.
type exploding struct{}

func (exploding) RoundTrip(*http.Request) (*http.Response, error) { panic("a fault in the transport") }

func TestAPanicWhileAListIsFetchedCanBeRecoveredByWhoReadsTheList(t *testing.T) {
	client, _ := connect(t, "https://example.sentinelone.net", func(cfg *s1.Config) { cfg.Transport = exploding{} })
	assert.Panics(t, func() { _, _ = ids(t.Context(), client, nil) })
}

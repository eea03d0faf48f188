package soak_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"

	"github.com/go-json-experiment/json"

	"s1graph/config"
)

// message is what a webhook is told.
type message struct {
	ID    string `json:"id"`
	Event string `json:"event"`
	Rule  string `json:"rule"`
	Key   string `json:"key"`
	Part  int    `json:"part"` // from 1 on; 0 where it is whole
}

// mood is how a receiver receives.
type mood int

const (
	taking   mood = iota
	failing       // 503
	busy          // 429, and asks for a pause
	refusing      // 410: what is told now is not to be told again
	cutting       // it takes what comes, and the connection breaks before it says so
)

// receiver is the other side of a webhook, and counts.
type receiver struct {
	url string

	mu       sync.Mutex
	mood     mood
	requests int
	messages []message // that it took, in their order
}

func newReceiver(t *testing.T) *receiver {
	t.Helper()
	r := &receiver{}
	server := httptest.NewUnstartedServer(r)
	server.Config.SetKeepAlivesEnabled(false) // no time passes in the bubble while a connection is open
	server.Start()
	t.Cleanup(server.Close)
	r.url = server.URL
	return r
}

func (r *receiver) destination() config.Destination {
	return config.Destination{Name: "hook", URL: config.NewSecret(r.url), Format: "json", Secret: config.NewSecret("shared")}
}

func (r *receiver) feel(m mood) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.mood = m
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	body, err := io.ReadAll(request.Body)
	if err != nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.requests++
	switch r.mood {
	case failing:
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	case busy:
		w.Header().Set("Retry-After", "1800")
		w.WriteHeader(http.StatusTooManyRequests)
		return
	case refusing:
		w.WriteHeader(http.StatusGone)
		return
	}
	var m message
	if json.Unmarshal(body, &m) != nil || m.ID == "" {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	r.messages = append(r.messages, m)
	if r.mood == cutting {
		panic(http.ErrAbortHandler)
	}
	w.WriteHeader(http.StatusNoContent)
}

func (r *receiver) all() []message {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.messages)
}

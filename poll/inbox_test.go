package poll_test

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

// event is what a webhook is told.
type event struct {
	ID    string `json:"id"`
	Event string `json:"event"`
	Rule  string `json:"rule"`
}

// mood is how an inbox receives.
type mood int

const (
	taking mood = iota
	failing503
	hanging // until the mood changes; then the connection breaks
)

// inbox is a webhook's other side, over a real socket.
type inbox struct {
	url string

	mu      sync.Mutex
	mood    mood
	changed chan struct{} // closed when the mood changes
	events  []event
}

func newInbox(t *testing.T) *inbox {
	t.Helper()
	b := &inbox{changed: make(chan struct{})}
	server := httptest.NewUnstartedServer(b)
	server.Config.SetKeepAlivesEnabled(false) // a bubble's time does not pass while a connection is open
	server.Start()
	t.Cleanup(func() {
		b.feel(taking)
		server.Close()
	})
	b.url = server.URL
	return b
}

func (b *inbox) destination() config.Destination {
	return config.Destination{Name: "hook", URL: config.NewSecret(b.url), Format: "json", Secret: config.NewSecret("shared")}
}

// feel changes the mood.
func (b *inbox) feel(m mood) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.mood = m
	close(b.changed)
	b.changed = make(chan struct{})
}

func (b *inbox) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the sender was killed
	}
	b.mu.Lock()
	mood, changed := b.mood, b.changed
	b.mu.Unlock()
	switch mood {
	case failing503:
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	case hanging:
		<-changed
		panic(http.ErrAbortHandler)
	}
	var e event
	if json.Unmarshal(body, &e) != nil || e.ID == "" {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	b.mu.Lock()
	b.events = append(b.events, e)
	b.mu.Unlock()
	w.WriteHeader(http.StatusNoContent)
}

// all is what came, in its order.
func (b *inbox) all() []event {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.events)
}

// since counts what came after the first n, by rule.
func (b *inbox) since(n int) map[string]int {
	counts := map[string]int{}
	for _, e := range b.all()[n:] {
		counts[e.Rule]++
	}
	return counts
}

// repeated are the IDs that came more than once.
func (b *inbox) repeated() []string {
	var ids, again []string
	for _, e := range b.all() {
		if slices.Contains(ids, e.ID) {
			again = append(again, e.ID)
		}
		ids = append(ids, e.ID)
	}
	return again
}

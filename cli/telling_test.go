package cli_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"s1graph/s1/s1test"
)

// hook is a webhook that somebody runs, and what came to it.
type hook struct {
	*httptest.Server
	mu     sync.Mutex
	status int // that it answers with
	titles []string
}

func newHook(t *testing.T) *hook {
	h := &hook{status: http.StatusOK}
	h.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.mu.Lock()
		defer h.mu.Unlock()
		var event struct{ Title string }
		body, _ := io.ReadAll(r.Body)
		assert.NoError(t, json.Unmarshal(body, &event))
		if h.status == http.StatusOK {
			h.titles = append(h.titles, event.Title)
		}
		w.WriteHeader(h.status)
	}))
	t.Cleanup(h.Close)
	return h
}

func (h *hook) answer(status int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.status = status
}

func (h *hook) came() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.titles
}

func TestARunByHandTellsOfWhatItFoundToo(t *testing.T) {
	server, with := console(t, s1test.Tenant{Seed: 3, Agents: 60, Groups: 4, Sites: 2, Changes: 2})
	h := newHook(t)
	require.NoError(t, os.WriteFile("s1graph.yaml", []byte(`
alerts:
  destinations:
    hook: {url: "`+h.URL+`/secret-path", format: json}
  rules:
    - name: new agent
      when: change.op == "created" && change.type == "sentinelone_agent"
      title: "new: {{.After.displayName}}"
`), 0o600))
	require.Zero(t, with.s1graph(t, "run").code)
	assert.Empty(t, h.came(), "nobody is told of a first run")

	server.SetDay(1)
	require.Zero(t, with.s1graph(t, "run").code)
	planned := len(server.Plan(1).Of(s1test.AgentNew))
	assert.Len(t, h.came(), planned)

	server.SetDay(3)
	h.answer(http.StatusServiceUnavailable)
	got := with.s1graph(t, "run")
	assert.Zero(t, got.code, "the graph is complete all the same: %s%s", got.stdout, got.stderr)
	assert.Contains(t, got.stdout, "alerts could not be delivered yet")
	assert.NotContains(t, got.stdout+got.stderr, "secret-path")
	assert.Len(t, h.came(), planned)
}

package s1_test

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"s1graph/s1"
)

// recorder keeps what it is told.
type recorder struct {
	mu   sync.Mutex
	told []string
}

func (r *recorder) Record(a s1.Answer) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	rows := fmt.Sprintf("%T", a.Rows)
	switch page := a.Rows.(type) {
	case []s1.Agent:
		rows = fmt.Sprint(len(page), " agents")
	case []s1.User:
		rows = "user " + page[0].ID
	}
	line := fmt.Sprintf("%s?%s page %d: %s of %d", a.Path, a.Filters.Encode(), a.Page, rows, a.Total)
	if a.CountOnly {
		line += ", counted"
	}
	if a.Err != nil {
		line += ", " + a.Err.Error()
	}
	r.told = append(r.told, line)
	return nil
}

func TestARecorderIsToldAllThatTheClientLearns(t *testing.T) {
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		switch query := r.URL.Query(); {
		case strings.HasSuffix(r.URL.Path, "/user"):
			io.WriteString(w, `{"data":{"id":"u"}}`)
		case strings.HasSuffix(r.URL.Path, "/threats"):
			refuse(w, 403, 4030010, "Insufficient permissions")
		case query.Get("countOnly") == "true":
			io.WriteString(w, `{"data":[],"pagination":{"totalItems":3}}`)
		case query.Get("cursor") == "":
			io.WriteString(w, answer(3, "b", "1", "2"))
		default:
			io.WriteString(w, answer(3, "", "3"))
		}
	})
	var recorder recorder
	client, _ := connect(t, server.URL, func(cfg *s1.Config) { cfg.Recorder = &recorder })
	filters := url.Values{"siteIds": {"7"}, "limit": {"2"}}

	_, err := client.User(t.Context())
	require.NoError(t, err)
	_, err = s1.Count(t.Context(), client, s1.Agents, filters)
	require.NoError(t, err)
	_, err = ids(t.Context(), client, filters)
	require.NoError(t, err)
	for _, err := range s1.Pages(t.Context(), client, s1.Threats, nil) {
		require.Error(t, err)
	}
	assert.Equal(t, url.Values{"siteIds": {"7"}, "limit": {"2"}}, filters, "the caller's filters stay as they are")

	assert.Equal(t, []string{
		"/user? page 0: user u of 1",
		"/agents?siteIds=7 page 0: <nil> of 3, counted",
		"/agents?siteIds=7 page 0: 2 agents of 3",
		"/agents?siteIds=7 page 1: 1 agents of 3",
		"/threats? page 0: <nil> of 0, sentinelone api 403 on /threats: Insufficient permissions",
	}, recorder.told)
}

type brokenRecorder struct{}

func (brokenRecorder) Record(s1.Answer) error { return io.ErrShortWrite }

func TestARecorderThatFailsEndsTheList(t *testing.T) {
	consoleURL, _ := threePages(t)
	client, _ := connect(t, consoleURL, func(cfg *s1.Config) { cfg.Recorder = brokenRecorder{} })
	got, err := ids(t.Context(), client, nil)
	require.ErrorIs(t, err, io.ErrShortWrite)
	assert.Empty(t, got)
}

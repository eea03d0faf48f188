package s1_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/stretchr/testify/require"

	"s1graph/gotest"
	"s1graph/s1"
)

func TestMain(m *testing.M) { gotest.VerifyTestMain(m) }

const secret = "eyJ-the-api-token"

// clock stands in for time: sleeping moves it, and is noted.
type clock struct {
	mu    sync.Mutex
	now   time.Time
	waits []time.Duration
}

func newClock() *clock { return &clock{now: time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)} }

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) Sleep(ctx context.Context, d time.Duration) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
	c.waits = append(c.waits, d)
	return ctx.Err()
}

func (c *clock) Waits() []time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.waits)
}

func (c *clock) Total() time.Duration {
	var total time.Duration
	for _, d := range c.Waits() {
		total += d
	}
	return total
}

// serve starts a console that answers with handler.
func serve(t testing.TB, handler http.HandlerFunc) *httptest.Server {
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return server
}

// connect makes a client of the console at the given URL, which waits for nothing but what the console
// makes it wait for. change may alter its Config.
func connect(t testing.TB, consoleURL string, change func(*s1.Config)) (*s1.Client, *clock) {
	c := newClock()
	cfg := s1.Config{
		URL: consoleURL, Token: s1.StaticToken(secret), Sleep: c.Sleep, Now: c.Now,
		RateLimits: map[string]float64{"/agents": 0},
	}
	if change != nil {
		change(&cfg)
	}
	client, err := s1.New(cfg)
	require.NoError(t, err)
	t.Cleanup(client.Close)
	return client, c
}

// ids reads a whole list of agents and returns their ids.
func ids(ctx context.Context, client *s1.Client, filters url.Values) ([]string, error) {
	var ids []string
	for agent, err := range s1.List(ctx, client, s1.Agents, filters) {
		if err != nil {
			return ids, err
		}
		ids = append(ids, agent.ID)
	}
	return ids, nil
}

// answer is the body of a page of agents with the given ids. cursor "" means null.
func answer(total int, cursor string, ids ...string) string {
	rows := make([]string, len(ids))
	for i, id := range ids {
		rows[i] = fmt.Sprintf(`{"id":%q}`, id)
	}
	next := "null"
	if cursor != "" {
		next = fmt.Sprintf("%q", cursor)
	}
	return fmt.Sprintf(`{"data":[%s],"pagination":{"nextCursor":%s,"totalItems":%d}}`, strings.Join(rows, ","), next, total)
}

// refuse answers as the console does when it has an error.
func refuse(w http.ResponseWriter, status int, code int64, title string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	quoted, err := json.Marshal(title)
	if err != nil {
		panic(err)
	}
	fmt.Fprintf(w, `{"errors":[{"code":%d,"detail":null,"title":%s}]}`, code, quoted)
}

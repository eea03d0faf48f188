package events_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"s1graph/events"
)

// receiver is an https address that keeps what is posted to it.
type receiver struct {
	*httptest.Server
	got    []*http.Request
	bodies []string
	answer func(w http.ResponseWriter, n int) // to the nth; nil: 200 and nothing
}

func newReceiver(t *testing.T) *receiver {
	r := &receiver{}
	r.Server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		body, err := io.ReadAll(request.Body)
		assert.NoError(t, err)
		r.got, r.bodies = append(r.got, request), append(r.bodies, string(body))
		if r.answer != nil {
			r.answer(w, len(r.got))
		}
	}))
	t.Cleanup(r.Close)
	return r
}

// memory is a Cursor.
type memory struct{ run string }

func (m *memory) Get(context.Context) (string, error) { return m.run, nil }

func (m *memory) Set(_ context.Context, run string) error {
	m.run = run
	return nil
}

func (r *receiver) config(form string) (events.Config, *memory) {
	is := &memory{}
	return events.Config{URL: r.URL + "/services?x=hunter2", Form: form, Instance: "acme", Cursor: is, Transport: r.Client().Transport,
		Sleep: func(ctx context.Context, _ time.Duration) error { return ctx.Err() }}, is
}

func TestEventsArePostedInBatchesOfCloudEvents(t *testing.T) {
	r := newReceiver(t)
	c, is := r.config("")
	c.CredentialsFile = filepath.Join(t.TempDir(), "authorization")
	require.NoError(t, os.WriteFile(c.CredentialsFile, []byte("Bearer hunter2\n"), 0o600))
	var keys []string
	for i := range 1200 {
		keys = append(keys, fmt.Sprint("a", i))
	}
	assert.Equal(t, events.Published{Events: 1200}, publish(t, open(t, c), run("000001", keys...)))
	assert.Equal(t, "000001", is.run)

	var ids []string
	for i, body := range r.bodies {
		assert.Equal(t, "application/cloudevents-batch+json; charset=UTF-8", r.got[i].Header.Get("Content-Type"))
		assert.Equal(t, "Bearer hunter2", r.got[i].Header.Get("Authorization"))
		var batch []map[string]any
		require.NoError(t, json.Unmarshal([]byte(body), &batch))
		assert.LessOrEqual(t, len(batch), 500)
		for _, e := range batch {
			assert.Equal(t, "1.0", e["specversion"])
			ids = append(ids, e["id"].(string))
		}
	}
	require.Len(t, ids, 1201)
	assert.Len(t, r.bodies, 3)
	assert.Equal(t, "000001-a0", ids[0])
	assert.Equal(t, "run-acme-000001", ids[1200])
}

func TestABatchIsNoLargerThanAMegabyteUnlessItsOnlyEventIs(t *testing.T) {
	r := newReceiver(t)
	c, _ := r.config("")
	large := strings.Repeat("x", 300<<10) // which stands in its event three times
	publish(t, open(t, c), run("000001", "a"+large, "b"+large, "c"))
	require.Len(t, r.bodies, 3)
	assert.Less(t, len(r.bodies[2]), 1000)
}

func TestSplunkGetsObjectsWithTheFieldsOfItsCollector(t *testing.T) {
	r := newReceiver(t)
	c, _ := r.config(events.Splunk)
	publish(t, open(t, c), run("000001", "a1", "a2"))
	require.Len(t, r.bodies, 1)
	decoder, all := json.NewDecoder(strings.NewReader(r.bodies[0])), []map[string]any{}
	for decoder.More() {
		var one map[string]any
		require.NoError(t, decoder.Decode(&one))
		all = append(all, one)
	}
	require.Len(t, all, 3)
	assert.Equal(t, float64(time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC).Unix()), all[0]["time"])
	assert.Equal(t, "acme", all[0]["host"])
	assert.Equal(t, "s1graph", all[0]["source"])
	assert.Equal(t, "s1graph", all[0]["sourcetype"])
	assert.Equal(t, "000001-a1", all[0]["event"].(map[string]any)["id"])
}

func TestElasticsearchGetsTheLinesOfItsBulkAPI(t *testing.T) {
	r := newReceiver(t)
	c, is := r.config(events.Elasticsearch)
	r.answer = func(w http.ResponseWriter, _ int) {
		fmt.Fprint(w, `{"took":3,"errors":true,"items":[{"create":{"_id":"1","status":201}},{"create":{"_id":"2","status":409,"error":{"type":"version_conflict_engine_exception"}}},{"create":{"status":400,"error":{"type":"document_parsing_exception"}}},{"create":{"status":201}}]}`)
	}
	assert.Equal(t, events.Published{Events: 2, Refused: 1}, publish(t, open(t, c), run("000001", "a1", "a2", "a3")), "one is there already, and one does not fit the index")
	assert.Equal(t, "000001", is.run)
	assert.Equal(t, "application/x-ndjson", r.got[0].Header.Get("Content-Type"))
	lines := strings.Split(r.bodies[0], "\n")
	require.Len(t, lines, 9)
	assert.JSONEq(t, `{"create":{"_id":"000001-a1"}}`, lines[0])
	var document map[string]any
	require.NoError(t, json.Unmarshal([]byte(lines[1]), &document))
	assert.Equal(t, "2026-11-29T12:00:00Z", document["@timestamp"])
	assert.Equal(t, "s1graph.sentinelone_agent.created", document["type"])
	assert.Empty(t, lines[8])

	r.answer = func(w http.ResponseWriter, _ int) {
		fmt.Fprint(w, `{"errors":true,"items":[{"create":{"status":201}},{"create":{"status":400,"error":{}}}]}`)
	}
	assert.Equal(t, events.Published{Events: 1, NoEnd: true}, publish(t, open(t, c), run("000001", "a1")), "all changes were taken")

	for answer, want := range map[string]string{
		`{"errors":true,"items":[{"create":{"status":201}},{"create":{"status":429,"error":{"type":"es_rejected_execution_exception"}}}]}`: "429 es_rejected_execution_exception",
		"<html>": "let it end with /_bulk",
		`{}`:     "answers for 0 of 2 events",
		`{"errors":false,"items":[{"create":{"status":201}}]}`:                                                "answers for 1 of 2 events",
		`{"errors":false,"items":[{"create":{"status":201}},{}]}`:                                             "was not taken by Elasticsearch",
		`{"errors":true,"items":[{"create":{"status":400,"error":{}}},{"create":{"status":400,"error":{}}}]}`: "took no event of the run",
	} {
		r.answer = func(w http.ResponseWriter, _ int) { fmt.Fprint(w, answer) }
		_, err := open(t, c).Publish(t.Context(), run("000002", "a1"))
		assert.ErrorContains(t, err, want)
		assert.Equal(t, "000001", is.run)
	}
}

func TestAnAddressThatHangsIsAskedOnceWhereSomebodyWaits(t *testing.T) {
	asked := 0
	for within := 100 * time.Millisecond; asked == 0; within *= 2 { // until it has the time to be asked
		r := newReceiver(t)
		c, is := r.config("")
		c.Within = within
		hangs := make(chan struct{})
		r.answer = func(http.ResponseWriter, int) { <-hangs }
		once := run("000001", "a1")
		once.Once = true
		_, err := open(t, c).Publish(t.Context(), once)
		require.ErrorContains(t, err, "the address of events.url does not answer")
		close(hangs)
		r.Server.Close() // which waits for what it answers
		assert.Empty(t, is.run)
		asked = len(r.got)
	}
	assert.Equal(t, 1, asked)
}

func TestWhatMayPassIsTriedAgainAndTheRestSaysWhatToDo(t *testing.T) {
	for name, test := range map[string]struct {
		status, requests int
		says             string
	}{
		"busy":                {429, 3, "answers 429"},
		"broken":              {503, 3, "answers 503"},
		"refused":             {401, 1, "events.credentialsFile"},
		"of no use":           {404, 1, "events.form"},
		"led to another host": {302, 1, "answers 302"},
	} {
		t.Run(name, func(t *testing.T) {
			r := newReceiver(t)
			c, is := r.config("")
			r.answer = func(w http.ResponseWriter, _ int) {
				w.Header().Set("Location", r.URL+"/elsewhere")
				w.WriteHeader(test.status)
			}
			_, err := open(t, c).Publish(t.Context(), run("000001", "a1"))
			require.ErrorContains(t, err, test.says)
			assert.NotContains(t, err.Error(), "hunter2")
			assert.Len(t, r.got, test.requests)
			assert.Empty(t, is.run)
		})
	}
	r := newReceiver(t)
	c, is := r.config("")
	r.answer = func(w http.ResponseWriter, n int) {
		if n == 1 {
			w.WriteHeader(502)
		}
	}
	publish(t, open(t, c), run("000001", "a1"))
	assert.Len(t, r.bodies, 2)
	assert.Equal(t, r.bodies[0], r.bodies[1])
	assert.Equal(t, "000001", is.run)

	r.Close()
	_, err := open(t, c).Publish(t.Context(), run("000002", "a1"))
	require.ErrorContains(t, err, "does not answer")
	assert.NotContains(t, err.Error(), "hunter2")
	assert.NotContains(t, err.Error(), "services")
}

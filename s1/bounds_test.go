package s1_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/iotest"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"s1graph/s1"
	"s1graph/s1/s1test"
)

// inSockets is more than what a server can send on the loopback before anybody reads it.
const inSockets = 24 << 20

// hostile is a console whose answers all have an effect.
func hostile(t testing.TB, effect s1test.Effect) (consoleURL string, console *s1test.Server) {
	console = s1test.New(s1test.Tenant{Agents: 1})
	console.Break(s1test.Fault{Effect: effect})
	return serve(t, console.ServeHTTP).URL, console
}

// patiently lets a page take its time on a machine that has none.
func patiently(cfg *s1.Config) { cfg.PageDeadline = 10 * time.Minute }

// allocated is how many bytes were allocated while f ran.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

const whatToDo = ", which no console sends: look at the address and at what stands before the console, such as a proxy, " +
	"and ask SentinelOne's support if it is the console itself"

// floods are answers without an end: how they begin, how they go on, what is said of them, and how much of them is to be
// read at most.
var floods = map[string]struct {
	start, more, says string
	most              int64
}{
	"a text":                         {`{"data":[{"id":"1","computerName":"`, "WIN-7", "a text of more than 1 MiB", 1 << 20},
	"a text full of quotes":          {`{"data":[{"id":"1","computerName":"`, `\"\\`, "a text of more than 1 MiB", 1 << 20},
	"a name":                         {`{"data":[{"`, "name", "a text of more than 1 MiB", 1 << 20},
	"a number":                       {`{"data":[{"id":`, "1234", "a text of more than 1 MiB", 1 << 20},
	"rows":                           {`{"data":[`, `{"id":"1"},`, "more than 2000 rows", 1 << 20},
	"rows of much text":              {`{"data":[`, `{"id":"1","computerName":"` + strings.Repeat("x", 100<<10) + `"},`, "more than 64 MiB", 64 << 20},
	"a row of many interfaces":       {`{"data":[{"id":"1","networkInterfaces":[`, `{},`, "more than 1000000 values", 8 << 20},
	"a row of many groups":           {`{"data":[{"id":"1","activeDirectory":{"computerMemberOf":[`, `"",`, "more than 1000000 values", 8 << 20},
	"lists in lists":                 {`{"data":`, `[`, "more than 100 deep", 1 << 20},
	"objects in objects":             {`{"data":[`, `{"a":`, "more than 100 deep", 1 << 20},
	"members":                        {`{`, `"a":1,`, "more than 1000000 values", 8 << 20},
	"errors":                         {`{"data":[],"errors":[`, `{},`, "more than 1000000 values", 8 << 20},
	"blanks":                         {"", "    \n", "more than 64 MiB", 64 << 20},
	"a name for the next page":       {`{"data":[],"pagination":{"nextCursor":"`, "Y3Vyc29y", "a text of more than 1 MiB", 1 << 20},
	"something before the data":      {`{"meta":{"a":[`, `"b",`, "more than 1000000 values", 8 << 20},
	"a row of a type that is no row": {`{"data":"`, "agents", "a text of more than 1 MiB", 1 << 20},
}

func TestAnAnswerWithoutEndIsReadUpToABoundAndNoFurther(t *testing.T) {
	for name, flood := range floods {
		forms := map[string]func(int, string, string, *atomic.Int64) s1test.Effect{"plain": s1test.Flood}
		if name == "a text" || name == "rows of much text" {
			forms["in gzip"] = s1test.GzipFlood
		}
		for form, effect := range forms {
			t.Run(name+" "+form, func(t *testing.T) {
				var sent atomic.Int64
				consoleURL, console := hostile(t, effect(200, flood.start, flood.more, &sent))
				client, clock := connect(t, consoleURL, patiently)

				var err error
				taken := allocated(func() { _, err = ids(t.Context(), client, url.Values{"query": {"private"}}) })

				require.ErrorIs(t, err, s1.ErrBeyondBound)
				assert.Regexp(t, "^sentinelone api 200 on /agents: page 1: the answer has .*"+flood.says, err.Error())
				assert.Contains(t, err.Error(), whatToDo)
				assert.NotContains(t, err.Error(), "private")
				assert.Equal(t, map[string]int{"/agents": 1}, console.Requests(), "it is not asked for again")
				assert.Empty(t, clock.Waits())
				// With what the server allocates, which is in the same process.
				assert.Less(t, taken, uint64(600<<20), "bytes allocated")
				if form == "plain" {
					assert.LessOrEqual(t, sent.Load(), flood.most+inSockets)
				}
			})
		}
	}
}

func TestWhateverIsAskedIsReadUpToABound(t *testing.T) {
	for name, ask := range map[string]func(*testing.T, *s1.Client) error{
		"/user": func(t *testing.T, c *s1.Client) error {
			_, err := c.User(t.Context())
			return err
		},
		"/agents": func(t *testing.T, c *s1.Client) error {
			_, err := s1.Count(t.Context(), c, s1.Agents, nil)
			return err
		},
		"/threats": func(t *testing.T, c *s1.Client) error {
			_, err := c.RawCount(t.Context(), "threats", nil)
			return err
		},
		"/system/info": func(t *testing.T, c *s1.Client) error {
			for _, err := range c.Raw(t.Context(), "system/info", nil) {
				return err
			}
			return nil
		},
		"/sites": func(t *testing.T, c *s1.Client) error {
			for _, err := range s1.Pages(t.Context(), c, s1.Sites, nil) {
				return err
			}
			return nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			for _, flood := range []struct {
				start, more string
				most        int64
			}{
				{`{"data":"`, "endless", 1 << 20},
				{`{"pagination":{"totalItems":3},"data":{"name":"`, "endless", 1 << 20},
				{`{"data":[{"id":"`, "endless", 1 << 20},
				{`{"data":[{"id":"1"},`, `{"a":["b","c"]},`, 8 << 20},
				{`{"data":{"id":"1",`, `"a":["b","c"],`, 8 << 20},
			} {
				var sent atomic.Int64
				consoleURL, console := hostile(t, s1test.Flood(200, flood.start, flood.more, &sent))
				client, clock := connect(t, consoleURL, patiently)
				err := ask(t, client)
				require.ErrorIs(t, err, s1.ErrBeyondBound)
				assert.Contains(t, err.Error(), "sentinelone api 200 on "+name+": ")
				assert.Equal(t, 1, console.Requests()[name])
				assert.Empty(t, clock.Waits())
				assert.LessOrEqual(t, sent.Load(), flood.most+inSockets)
			}
		})
	}
}

func TestErrorsAndWebPagesWithoutEndAreReadUpToABound(t *testing.T) {
	for name, test := range map[string]struct {
		status            int
		start, more, says string
	}{
		"a text of an error":  {403, `{"errors":[{"title":"`, "no", "sentinelone api 403 on /agents: Forbidden"},
		"a list of errors":    {400, `{"errors":[`, "{},", "sentinelone api 400 on /agents: Bad Request"},
		"deep errors":         {500, `{"errors":`, "[", "sentinelone api 500 on /agents: Internal Server Error (6 tries)"},
		"a web page":          {404, "<!DOCTYPE html>", "<p>", "sentinelone api 404 on /agents: an HTML page came where JSON should be: the URL is probably wrong, or a proxy answered"},
		"a web page with 200": {200, "<!DOCTYPE html>", "<p>", "sentinelone api 200 on /agents: an HTML page came where JSON should be: the URL is probably wrong, or a proxy answered"},
		"nothing with 502":    {502, "", " ", "sentinelone api 502 on /agents: Bad Gateway (6 tries)"},
	} {
		t.Run(name, func(t *testing.T) {
			for _, effect := range []func(int, string, string, *atomic.Int64) s1test.Effect{s1test.Flood, s1test.GzipFlood} {
				consoleURL, console := hostile(t, effect(test.status, test.start, test.more, nil))
				client, _ := connect(t, consoleURL, patiently)
				var err error
				taken := allocated(func() { _, err = ids(t.Context(), client, nil) })
				require.EqualError(t, err, test.says)
				assert.Less(t, taken, uint64(100<<20), "bytes allocated by %d requests", console.Requests()["/agents"])
			}
		})
	}
}

func TestLongHeadersAreReadUpToABound(t *testing.T) {
	consoleURL, console := hostile(t, s1test.LongHeader(1<<20))
	client, clock := connect(t, consoleURL, patiently)
	_, err := ids(t.Context(), client, nil)
	require.ErrorIs(t, err, s1.ErrBeyondBound)
	assert.EqualError(t, err, "sentinelone api 200 on /agents: page 1: the headers of the answer have more than 256 KiB"+whatToDo)
	assert.Equal(t, 1, console.Requests()["/agents"])
	assert.Empty(t, clock.Waits())

	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		for i := range 100 {
			w.Header().Set(fmt.Sprint("X-Long-", i), strings.Repeat("a", 10<<10))
		}
		io.WriteString(w, answer(1, "", "1"))
	}))
	server.EnableHTTP2 = true
	server.StartTLS()
	t.Cleanup(server.Close)
	transport, err := s1.NewTransport("", certificateFile(t, server))
	require.NoError(t, err)
	client, _ = connect(t, server.URL, func(cfg *s1.Config) { cfg.Transport = transport })
	_, err = ids(t.Context(), client, nil)
	require.ErrorContains(t, err, "PROTOCOL_ERROR", "HTTP/2 has no error of its own for headers that are too long")
}

// nested is JSON of lists in one another.
func nested(depth int) string { return strings.Repeat("[", depth) + strings.Repeat("]", depth) }

func TestWhatKeepsToTheBoundsIsReadWhole(t *testing.T) {
	for name, test := range map[string]struct {
		json   string
		beyond bool
	}{
		"the longest text":                  {`{"a":"` + strings.Repeat("x", 1<<20) + `","b":"y"}`, false},
		"a longer text":                     {`{"a":"` + strings.Repeat("x", 1<<20+1) + `","b":"y"}`, true},
		"many long texts":                   {`["` + strings.Repeat(strings.Repeat("x", 1<<19)+`","`, 100) + `"]`, false},
		"quotes in a text":                  {`["\"","\\","\\\"",":[{,"]` + strings.Repeat(" ", 100), false},
		"brackets in a text":                {`{"a":"` + strings.Repeat(`[{`, 1000) + `\\"}`, false},
		"brackets behind a quote in a text": {`{"a":"\"` + strings.Repeat(`[{`, 1000) + `"}`, false},
		"brackets behind a text":            {`["\\",` + nested(100) + `]`, true},
		"the deepest":                       {nested(100), false},
		"deeper":                            {nested(101), true},
		"the most values":                   {`[` + strings.Repeat("1,", 999_999) + `1]`, false},
		"more values":                       {`[` + strings.Repeat("1,", 1_000_000) + `1]`, true},
		"the longest":                       {`[` + strings.Repeat(" ", 64<<20-2) + `]`, false},
		"longer":                            {`[` + strings.Repeat(" ", 64<<20-1) + `]`, true},
	} {
		t.Run(name, func(t *testing.T) {
			require.True(t, jsontext.Value(test.json).IsValid())
			readers := map[string]io.Reader{"in large pieces": iotest.DataErrReader(strings.NewReader(test.json))}
			if len(test.json) < 4<<20 {
				readers["byte by byte"] = iotest.OneByteReader(strings.NewReader(test.json))
				readers["in halves"] = iotest.HalfReader(strings.NewReader(test.json))
			}
			for way, r := range readers {
				n, err := io.Copy(io.Discard, s1.Bounded(r))
				if test.beyond {
					require.ErrorIs(t, err, s1.ErrBeyondBound, way)
					continue
				}
				require.NoError(t, err, way)
				assert.EqualValues(t, len(test.json), n, way)
			}
		})
	}
}

func TestAfterABoundNothingMoreIsRead(t *testing.T) {
	r := s1.Bounded(strings.NewReader(nested(101)))
	for range 3 {
		n, err := r.Read(make([]byte, 1000))
		assert.Zero(t, n)
		require.ErrorIs(t, err, s1.ErrBeyondBound)
	}
}

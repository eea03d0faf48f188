package s1_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"s1graph/s1"
)

// failing serves a page of one agent, but answers the first requests with fault.
func failing(t testing.TB, times int, fault http.HandlerFunc) (server *httptest.Server, requests *atomic.Int64) {
	requests = new(atomic.Int64)
	return serve(t, func(w http.ResponseWriter, r *http.Request) {
		if requests.Add(1) <= int64(times) {
			fault(w, r)
			return
		}
		io.WriteString(w, answer(2, "", "1", "2"))
	}), requests
}

// cut sends bytes as they are and cuts the connection.
func cut(bytes string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			panic(err)
		}
		io.WriteString(conn, bytes)
		conn.Close()
	}
}

func TestWhatBreaksOnceIsAskedForAgain(t *testing.T) {
	for name, fault := range map[string]http.HandlerFunc{
		"500": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) },
		"502 with an HTML page": func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(502)
			io.WriteString(w, "<html>Bad Gateway</html>")
		},
		"429 without Retry-After":                       func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(429) },
		"a connection cut before the headers":           cut(""),
		"a connection cut in the middle of the headers": cut("HTTP/1.1 200 OK\r\nContent-Le"),
		"a connection cut after the headers":            cut("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n"),
		"a page cut off":                                cut("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n" + `{"data":[{"id":"1"},{"id":"torn`),
		"a page cut off in the middle of a row list":    cut("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n" + `{"data":[{"id":"torn"}`),
		"a page that ends early as if it were whole":    func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, `{"data":[{"id":"torn"}],`) },
		"an empty body":                                 func(http.ResponseWriter, *http.Request) {},
		"a page that turns into something else": func(w http.ResponseWriter, _ *http.Request) {
			io.WriteString(w, `{"data":[{"id":"torn"},upstream error`)
		},
	} {
		t.Run(name, func(t *testing.T) {
			server, requests := failing(t, 1, fault)
			client, clock := connect(t, server.URL, nil)

			got, err := ids(t.Context(), client, nil)

			require.NoError(t, err)
			assert.Equal(t, []string{"1", "2"}, got, "without the rows of the torn page")
			assert.EqualValues(t, 2, requests.Load())
			require.NotEmpty(t, clock.Waits())
			assert.Less(t, clock.Total(), 5*time.Second)
		})
	}
}

func TestAServerThatStopsSendingRunsIntoThePageDeadline(t *testing.T) {
	server, requests := failing(t, 1, func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, `{"data":[{"id":"torn"},`)
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	})
	client, _ := connect(t, server.URL, func(cfg *s1.Config) { cfg.PageDeadline = 300 * time.Millisecond })
	got, err := ids(t.Context(), client, nil)
	require.NoError(t, err)
	assert.Equal(t, []string{"1", "2"}, got)
	assert.GreaterOrEqual(t, requests.Load(), int64(2))
}

func TestAServerThatNeverAnswersIsGivenUp(t *testing.T) {
	server, _ := failing(t, 99, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	client, _ := connect(t, server.URL, func(cfg *s1.Config) { cfg.PageDeadline = 20 * time.Millisecond })
	var requests atomic.Int64
	_, err := ids(s1.WithObserver(t.Context(), func(s1.Attempt) { requests.Add(1) }), client, nil)
	require.EqualError(t, err, "sentinelone api on /agents: no whole answer within 20ms (6 tries)")
	assert.EqualValues(t, 6, requests.Load())
}

func Test500ForEverIsGivenUpAfterSixTries(t *testing.T) {
	server, requests := failing(t, 99, func(w http.ResponseWriter, _ *http.Request) { refuse(w, 500, 5000010, "Server error") })
	client, clock := connect(t, server.URL, nil)
	_, err := ids(t.Context(), client, nil)
	require.EqualError(t, err, "sentinelone api 500 on /agents: Server error (6 tries)")
	assert.EqualValues(t, 6, requests.Load())
	assert.Greater(t, clock.Total(), 15*time.Second, "long enough for a console to recover")
	assert.Less(t, clock.Total(), 50*time.Second)
}

func TestAConnectionThatIsRefusedIsGivenUpAfterSixTries(t *testing.T) {
	client, clock := connect(t, "http://127.0.0.1:1", nil)
	_, err := ids(t.Context(), client, url.Values{"query": {"private"}})
	require.ErrorContains(t, err, "sentinelone api on /agents: 127.0.0.1:1 refuses connections")
	assert.NotContains(t, err.Error(), "private")
	assert.NotEmpty(t, clock.Waits())
}

func TestAnAnswerThatIsFinalIsNotAskedForAgain(t *testing.T) {
	tests := map[string]struct {
		fault http.HandlerFunc
		want  string
	}{
		"400": {
			func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(400)
				io.WriteString(w, `{"errors":[{"code":4000040,"detail":"siteIds: Invalid value.","title":"Validation Error"}]}`)
			},
			"sentinelone api 400 on /agents: siteIds: Invalid value.",
		},
		"403": {
			func(w http.ResponseWriter, _ *http.Request) { refuse(w, 403, 4030010, "Insufficient permissions") },
			"sentinelone api 403 on /agents: Insufficient permissions",
		},
		"404": {
			func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(404) },
			"sentinelone api 404 on /agents: Not Found",
		},
		"404 with an HTML page": {
			func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(404)
				io.WriteString(w, "\n <!DOCTYPE html><html>")
			},
			"sentinelone api 404 on /agents: an HTML page came where JSON should be: the URL is probably wrong, or a proxy answered",
		},
		"200 with an HTML page": {
			func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "\n <!DOCTYPE html><html>login") },
			"sentinelone api 200 on /agents: an HTML page came where JSON should be: the URL is probably wrong, or a proxy answered",
		},
		"200 with errors": {
			func(w http.ResponseWriter, _ *http.Request) {
				io.WriteString(w, `{"data":{},"errors":[{"code":5000020,"title":"Query failed"}]}`)
			},
			"sentinelone api 200 on /agents: Query failed",
		},
		"200 with no data": {
			func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, `{"message":"hello"}`) },
			"sentinelone api 200 on /agents: the answer has no data",
		},
		"200 with a list for an answer": {
			func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, `[{"id":"1"}]`) },
			"sentinelone api 200 on /agents: the answer has something else where an object should be",
		},
		"200 with an object for a list": {
			func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, `{"data":{"agents":[]},"errors":[]}`) },
			"sentinelone api 200 on /agents: the answer has something else where a list should be",
		},
		"204": {
			func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(204) },
			"sentinelone api 204 on /agents: No Content",
		},
		"an error that is written for a terminal": {
			func(w http.ResponseWriter, _ *http.Request) {
				refuse(w, 403, 1, "no\x1b[31m\nway"+strings.Repeat("!", 1000))
			},
			"sentinelone api 403 on /agents: no[31m way" + strings.Repeat("!", 490) + "…",
		},
		"an error that repeats the token": {
			func(w http.ResponseWriter, r *http.Request) {
				refuse(w, 403, 1, "who is "+r.Header.Get("Authorization"))
			},
			"sentinelone api 403 on /agents: who is ApiToken ***",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			server, requests := failing(t, 1, test.fault)
			client, clock := connect(t, server.URL, nil)
			_, err := ids(t.Context(), client, url.Values{"query": {"private"}})
			require.EqualError(t, err, test.want)
			assert.EqualValues(t, 1, requests.Load())
			assert.Empty(t, clock.Waits())
		})
	}
}

func TestErrorsSayWhatTheyAre(t *testing.T) {
	for status, is := range map[int]func(error) bool{401: s1.IsUnauthorized, 403: s1.IsRefused, 404: s1.IsNotFound} {
		server := serve(t, func(w http.ResponseWriter, _ *http.Request) { refuse(w, status, int64(status)*10000+10, "No") })
		client, _ := connect(t, server.URL, nil)
		_, err := s1.Count(t.Context(), client, s1.Accounts, nil)
		assert.True(t, is(fmt.Errorf("accounts: %w", err)), status)
		assert.False(t, is(errors.New("something else")))
		var apiError *s1.Error
		require.ErrorAs(t, err, &apiError)
		assert.Equal(t, int64(status)*10000+10, apiError.Code)
		assert.Equal(t, "/accounts", apiError.Path)
	}
}

// tokens serves agents to who has the given token.
func tokens(t testing.TB, valid string) (server *httptest.Server, requests *atomic.Int64) {
	requests = new(atomic.Int64)
	return serve(t, func(w http.ResponseWriter, r *http.Request) {
		requests.Add(1)
		if r.Header.Get("Authorization") != "ApiToken "+valid {
			refuse(w, 401, 4010010, "Authentication Failed")
			return
		}
		io.WriteString(w, answer(1, "", "1"))
	}), requests
}

func TestATokenFileThatWasRenewedIsReadAgain(t *testing.T) {
	file := filepath.Join(t.TempDir(), "token")
	require.NoError(t, os.WriteFile(file, []byte("old\n"), 0o600))
	server, requests := tokens(t, "new")
	source := s1.FileToken(file)
	client, clock := connect(t, server.URL, func(cfg *s1.Config) { cfg.Token = source })
	_, err := source.Token(t.Context(), "") // read before it is renewed
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(file, []byte(" new \n"), 0o600))

	got, err := ids(t.Context(), client, nil)

	require.NoError(t, err)
	assert.Equal(t, []string{"1"}, got)
	assert.EqualValues(t, 2, requests.Load())
	assert.Empty(t, clock.Waits())
}

func TestATokenThatStaysRefusedIsAClearEnd(t *testing.T) {
	const want = "sentinelone api 401 on /agents: Authentication Failed; look whether the token is whole"
	file := filepath.Join(t.TempDir(), "token")
	server, requests := tokens(t, "another")
	for name, test := range map[string]struct {
		renewed  string
		requests int64
	}{
		"the file has the same token":     {"old", 1},
		"the file has another bad token ": {"older", 2},
	} {
		t.Run(name, func(t *testing.T) {
			requests.Store(0)
			require.NoError(t, os.WriteFile(file, []byte("old"), 0o600))
			source := s1.FileToken(file)
			client, _ := connect(t, server.URL, func(cfg *s1.Config) { cfg.Token = source })
			_, err := source.Token(t.Context(), "")
			require.NoError(t, err)
			require.NoError(t, os.WriteFile(file, []byte(test.renewed), 0o600))

			_, err = ids(t.Context(), client, nil)

			require.ErrorContains(t, err, want)
			assert.True(t, s1.IsUnauthorized(err))
			assert.Equal(t, test.requests, requests.Load())
		})
	}
	t.Run("a token that never changes", func(t *testing.T) {
		client, _ := connect(t, server.URL, nil)
		_, err := ids(t.Context(), client, nil)
		require.ErrorContains(t, err, want)
	})
	t.Run("the file is gone", func(t *testing.T) {
		source := s1.FileToken(file)
		_, err := source.Token(t.Context(), "")
		require.NoError(t, err)
		require.NoError(t, os.Remove(file))
		client, _ := connect(t, server.URL, func(cfg *s1.Config) { cfg.Token = source })
		_, err = ids(t.Context(), client, nil)
		require.ErrorIs(t, err, os.ErrNotExist)
		require.ErrorContains(t, err, file)
	})
}

func TestARedirectNeverTakesTheTokenElsewhere(t *testing.T) {
	var other atomic.Int64
	elsewhere := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		other.Add(1)
		io.WriteString(w, answer(1, "", "evil"))
	})
	server, requests := failing(t, 99, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, elsewhere.URL+"/web/api/v2.1/agents", http.StatusTemporaryRedirect)
	})
	client, _ := connect(t, server.URL, nil)

	_, err := ids(t.Context(), client, nil)

	require.ErrorContains(t, err, "sentinelone api 307 on /agents: the console redirects to "+elsewhere.URL+", where the token must not go")
	assert.Zero(t, other.Load(), "the other host was not asked at all")
	assert.EqualValues(t, 1, requests.Load())
}

func TestARedirectOnTheSameHostIsFollowed(t *testing.T) {
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/web/api/v2.1/agents" {
			http.Redirect(w, r, "/moved", http.StatusFound)
			return
		}
		assert.Equal(t, "ApiToken "+secret, r.Header.Get("Authorization"))
		io.WriteString(w, answer(1, "", "1"))
	})
	client, _ := connect(t, server.URL, nil)
	got, err := ids(t.Context(), client, nil)
	require.NoError(t, err)
	assert.Equal(t, []string{"1"}, got)
}

func TestARedirectInACircleIsAnError(t *testing.T) {
	server, _ := failing(t, 99, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, r.URL.Path, http.StatusFound) })
	client, _ := connect(t, server.URL, nil)
	_, err := ids(t.Context(), client, nil)
	require.EqualError(t, err, "sentinelone api 302 on /agents: the console redirects in a circle")
}

func TestACertificateThatIsNotTrustedIsToldApart(t *testing.T) {
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, answer(1, "", "1")) }))
	server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	server.StartTLS()
	t.Cleanup(server.Close)

	client, clock := connect(t, server.URL, nil)
	_, err := ids(t.Context(), client, nil)
	require.ErrorContains(t, err, "sentinelone api on /agents: the console's certificate is not trusted (is a CA file needed?)")
	assert.Empty(t, clock.Waits())

	transport, err := s1.NewTransport("", certificateFile(t, server))
	require.NoError(t, err)
	client, _ = connect(t, server.URL, func(cfg *s1.Config) { cfg.Transport = transport })
	got, err := ids(t.Context(), client, nil)
	require.NoError(t, err)
	assert.Equal(t, []string{"1"}, got)
}

func TestWhatIsAskedAgainIsLoggedWithoutSecrets(t *testing.T) {
	server, _ := failing(t, 1, func(w http.ResponseWriter, r *http.Request) {
		refuse(w, 500, 1, "broke at "+r.Header.Get("Authorization"))
	})
	var log bytes.Buffer
	client, _ := connect(t, server.URL, func(cfg *s1.Config) { cfg.Logger = slog.New(slog.NewTextHandler(&log, nil)) })
	_, err := ids(t.Context(), client, url.Values{"query": {"private"}})
	require.NoError(t, err)
	assert.Contains(t, log.String(), "retrying")
	assert.Contains(t, log.String(), "path=/agents status=500")
	assert.NotContains(t, log.String(), secret)
	assert.NotContains(t, log.String(), "private")
}

func TestEachRequestIsLoggedAtDebugWithoutItsQuery(t *testing.T) {
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Query().Has("countOnly"):
			io.WriteString(w, answer(2, ""))
		case r.URL.Query().Get("cursor") == "":
			io.WriteString(w, answer(2, "private-cursor", "1"))
		default:
			io.WriteString(w, answer(2, "", "2"))
		}
	})
	failed := false
	var log bytes.Buffer
	client, _ := connect(t, server.URL, func(cfg *s1.Config) {
		cfg.Logger = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
		cfg.Transport = sending(func(r *http.Request) (*http.Response, error) {
			cfg.Sleep(r.Context(), 120*time.Millisecond) // moves the clock
			if r.URL.Query().Has("cursor") && !failed {
				failed = true
				return nil, io.ErrUnexpectedEOF
			}
			return http.DefaultTransport.RoundTrip(r)
		})
	})
	filters := url.Values{"query": {"private"}}
	_, err := s1.Count(t.Context(), client, s1.Agents, filters)
	require.NoError(t, err)
	_, err = ids(t.Context(), client, filters)
	require.NoError(t, err)

	var lines []string
	for line := range strings.Lines(log.String()) {
		if _, line, debug := strings.Cut(line, "level=DEBUG "); debug {
			lines = append(lines, strings.TrimSpace(line))
		}
	}
	assert.Equal(t, []string{
		"msg=request method=GET path=/agents status=200 duration=120ms try=1",
		"msg=request method=GET path=/agents page=1 status=200 duration=120ms try=1",
		"msg=request method=GET path=/agents page=2 status=0 duration=120ms try=1",
		"msg=request method=GET path=/agents page=2 status=200 duration=120ms try=2",
	}, lines)
	assert.NotContains(t, log.String(), secret)
	assert.NotContains(t, log.String(), "private")
}

// sending carries requests as a function does.
type sending func(*http.Request) (*http.Response, error)

func (f sending) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// finalTransport ends every request for good.
type finalTransport struct{}

func (finalTransport) RoundTrip(*http.Request) (*http.Response, error) {
	return nil, &s1.Error{Status: 500, Detail: "as recorded"}
}

func TestATransportMayEndARequestForGood(t *testing.T) {
	client, clock := connect(t, "https://acme.sentinelone.example", func(cfg *s1.Config) { cfg.Transport = finalTransport{} })
	_, err := ids(t.Context(), client, nil)
	require.EqualError(t, err, "sentinelone api 500 on /agents: as recorded")
	assert.Empty(t, clock.Waits())
}

package s1_test

import (
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"s1graph/s1"
)

func TestNormalizeURLTakesWhatPeopleType(t *testing.T) {
	for raw, want := range map[string]string{
		"acme.sentinelone.net":                       "https://acme.sentinelone.net",
		"https://acme.sentinelone.net":               "https://acme.sentinelone.net",
		" https://acme.sentinelone.net/\n":           "https://acme.sentinelone.net",
		"HTTPS://Acme.SentinelOne.net//":             "https://acme.sentinelone.net",
		"acme.sentinelone.net/web/api":               "https://acme.sentinelone.net",
		"acme.sentinelone.net/web/api/v2.1":          "https://acme.sentinelone.net",
		"https://acme.sentinelone.net/web/api/v2.1/": "https://acme.sentinelone.net",
		"https://acme.sentinelone.net:443":           "https://acme.sentinelone.net",
		"acme.sentinelone.net:8443":                  "https://acme.sentinelone.net:8443",
		"localhost:8080":                             "https://localhost:8080",
		"http://localhost:8080":                      "http://localhost:8080",
		"http://127.0.0.1:80":                        "http://127.0.0.1",
		"http://[::1]:8080/web/api/v2.1":             "http://[::1]:8080",
		"https://10.0.0.1":                           "https://10.0.0.1",
		"https://on_prem.example":                    "https://on_prem.example",
	} {
		got, err := s1.NormalizeURL(raw)
		if assert.NoError(t, err, raw) {
			assert.Equal(t, want, got, raw)
		}
	}
}

func TestNormalizeURLRefusesTheRestAndDoesNotRepeatIt(t *testing.T) {
	for raw, want := range map[string]string{
		"":                                      "must be the console's address",
		"  ":                                    "must be the console's address",
		"https://":                              "has no host name",
		"https://user:hunter2@acme.example":     "must not hold a user name or a password",
		"user:hunter2@acme.example":             "must not hold a user name or a password",
		"http://acme.sentinelone.net":           "must begin with https://",
		"http://127.0.0.1.evil.example":         "must begin with https://",
		"ftp://acme.example":                    "has the scheme ftp, which does not lead to a console",
		"https://acme.example?token=hunter2":    "what follows ? or # does not belong to it",
		"https://acme.example/#hunter2":         "what follows ? or # does not belong to it",
		"https://acme.example/dashboard":        "another path does not belong to it",
		"https://acme.example/web/api/../x":     "another path does not belong to it",
		"https://acme.example:0":                "must have a port from 1 to 65535",
		"https://acme.example:99999":            "must have a port from 1 to 65535",
		"https://acme.example:":                 "lacks the port after the colon",
		"https://acme example":                  "is not an address",
		"https://ac\x00me.example":              "is not an address",
		"https://-.example":                     "has no host name, or one with other characters",
		"https://münchen.example":               "has no host name, or one with other characters",
		"https://[fe80::1%25eth0]":              "has no host name, or one with other characters",
		"https://acme.example:hunter2":          "is not an address",
		"https://acme.example/web/api/v2.1/%2e": "another path does not belong to it",
	} {
		got, err := s1.NormalizeURL(raw)
		if assert.ErrorContains(t, err, want, "%q became %q", raw, got) {
			assert.NotContains(t, err.Error(), "hunter2")
		}
	}
}

func FuzzNormalizeURL(f *testing.F) {
	for _, seed := range []string{"acme.sentinelone.net", "https://u:p@h/", "http://[::1]:80/web/api/v2.1/", "https://h:443?#", "h:1", "://", "https:///x"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		normal, err := s1.NormalizeURL(raw)
		if err != nil {
			return
		}
		again, err := s1.NormalizeURL(normal)
		require.NoError(t, err)
		require.Equal(t, normal, again)
		require.NotContains(t, normal, "@")
		_, err = s1.New(s1.Config{URL: raw, Token: s1.StaticToken("t")})
		require.NoError(t, err)
	})
}

func TestNewTellsAllThatIsWrongAtOnce(t *testing.T) {
	_, err := s1.New(s1.Config{URL: "http://acme.example", APIVersion: "2/../1"})
	require.ErrorContains(t, err, "must begin with https://")
	require.ErrorContains(t, err, "API version")
	require.ErrorContains(t, err, "an API token is needed")
}

func TestHostIsThatOfTheConsole(t *testing.T) {
	client, err := s1.New(s1.Config{URL: "Acme.sentinelone.net:8443/web/api", Token: s1.StaticToken("t")})
	require.NoError(t, err)
	assert.Equal(t, "acme.sentinelone.net:8443", client.Host())
}

func TestATokenFileIsTrimmed(t *testing.T) {
	file := filepath.Join(t.TempDir(), "token")
	require.NoError(t, os.WriteFile(file, []byte("\n  abc.def-_=\r\n\n"), 0o600))
	token, err := s1.FileToken(file).Token(t.Context(), "")
	require.NoError(t, err)
	assert.Equal(t, "abc.def-_=", token)
}

func TestABadTokenIsToldWithoutShowingIt(t *testing.T) {
	for _, content := range []string{"", " \n", "hunter2 hunter2", "hunter2\nhunter2", "hunter2\x00", "\xff\xfehunter2", "hünter2"} {
		file := filepath.Join(t.TempDir(), "token")
		require.NoError(t, os.WriteFile(file, []byte(content), 0o600))
		_, err := s1.FileToken(file).Token(t.Context(), "")
		require.ErrorContains(t, err, file)
		assert.NotContains(t, err.Error(), "nter2")
		_, err = s1.StaticToken(content).Token(t.Context(), "")
		require.ErrorContains(t, err, "the API token")
		assert.NotContains(t, err.Error(), "nter2")
	}
}

func TestATokenFileServesManyAtOnce(t *testing.T) {
	file := filepath.Join(t.TempDir(), "token")
	require.NoError(t, os.WriteFile(file, []byte("new"), 0o600))
	source := s1.FileToken(file)
	var requests sync.WaitGroup
	for range 50 {
		requests.Go(func() {
			token, err := source.Token(t.Context(), "old")
			assert.NoError(t, err)
			assert.Equal(t, "new", token)
		})
	}
	requests.Wait()
}

// certificateFile writes the certificate of a TLS server to a file.
func certificateFile(t testing.TB, server *httptest.Server) string {
	file := filepath.Join(t.TempDir(), "ca.pem")
	block := &pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}
	require.NoError(t, os.WriteFile(file, pem.EncodeToMemory(block), 0o600))
	return file
}

func TestNewTransportTellsAllThatIsWrongAtOnce(t *testing.T) {
	empty := filepath.Join(t.TempDir(), "ca.pem")
	require.NoError(t, os.WriteFile(empty, []byte("no certificate"), 0o600))

	_, err := s1.NewTransport("user:hunter2@proxy:x", empty)
	require.ErrorContains(t, err, "proxy: must be an address such as http://proxy.example:3128")
	require.ErrorContains(t, err, "CA file "+empty+": holds no PEM certificate")
	assert.NotContains(t, err.Error(), "hunter2")

	_, err = s1.NewTransport("", filepath.Join(t.TempDir(), "none.pem"))
	require.ErrorIs(t, err, os.ErrNotExist)
}

func TestNoProxySeesTheTokenOfAConsoleThatIsReachedOverHTTP(t *testing.T) {
	proxy := serve(t, func(w http.ResponseWriter, r *http.Request) {
		assert.Empty(t, r.Header.Get("Authorization"))
		assert.Fail(t, "the proxy was asked for "+r.RequestURI)
	})
	t.Setenv("HTTP_PROXY", proxy.URL)
	console := serve(t, func(w http.ResponseWriter, r *http.Request) {
		assert.NotEmpty(t, r.Header.Get("Authorization"))
		_, _ = w.Write([]byte(`{"data":[],"pagination":{"totalItems":0}}`))
	})
	for _, through := range []string{proxy.URL, strings.Replace(proxy.URL, "http://", "http://user:hunter2@", 1), strings.Replace(proxy.URL, "http://", "socks5://", 1), ""} {
		transport, err := s1.NewTransport(through, "")
		require.NoError(t, err)
		client, _ := connect(t, console.URL, func(cfg *s1.Config) { cfg.Transport = transport })
		_, err = ids(t.Context(), client, nil)
		require.NoError(t, err)
	}
}

func TestRequestsGoThroughTheProxy(t *testing.T) {
	proxy := serve(t, func(w http.ResponseWriter, r *http.Request) {
		assert.Equal(t, http.MethodConnect, r.Method)
		assert.Equal(t, "acme.sentinelone.example:443", r.Host)
		w.WriteHeader(http.StatusForbidden)
	})
	transport, err := s1.NewTransport(strings.Replace(proxy.URL, "http://", "http://user:hunter2@", 1), "")
	require.NoError(t, err)
	client, _ := connect(t, "acme.sentinelone.example", func(cfg *s1.Config) { cfg.Transport = transport })
	_, err = ids(t.Context(), client, nil)
	require.ErrorContains(t, err, "sentinelone api on /agents: the connection broke: Forbidden")
	assert.NotContains(t, err.Error(), "hunter2")
}

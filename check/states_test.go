package check_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"s1graph/check"
	"s1graph/s1/s1test"
)

// state is one that check can meet, and what it must say of it: the subjects that are faults and warnings and no
// others, what the first of them says, and what nothing says.
type state struct {
	cause    func(t *testing.T, s *s1test.Server, o *check.Options)
	faults   []string
	warnings []string
	says     string
	never    []string
}

func all(e s1test.Effect) func(*testing.T, *s1test.Server, *check.Options) { return at("", e) }

func at(path string, e s1test.Effect) func(*testing.T, *s1test.Server, *check.Options) {
	return func(_ *testing.T, s *s1test.Server, _ *check.Options) { s.Break(s1test.Fault{Path: path, Effect: e}) }
}

// but breaks everything that is asked with a token, and not one path.
func but(path string, e s1test.Effect) func(*testing.T, *s1test.Server, *check.Options) {
	return func(_ *testing.T, s *s1test.Server, _ *check.Options) {
		s.Break(s1test.Fault{Effect: e, Match: func(r *http.Request) bool { return !strings.HasSuffix(r.URL.Path, path) }})
	}
}

// page is a web page of what stands before a console.
func page(status int) s1test.Effect { return s1test.Blocked(status, "<html><h1>Sorry</h1></html>") }

// text is an answer in JSON that is not the API's.
func text(status int, body string) s1test.Effect { return s1test.StatusWith(status, nil, body) }

func token(token s1test.Token) func(*testing.T, *s1test.Server, *check.Options) {
	return func(_ *testing.T, s *s1test.Server, _ *check.Options) {
		token.Value = s1test.DefaultToken
		s.Accept(token)
	}
}

func ofSite(t *testing.T, s *s1test.Server, o *check.Options) {
	token(s1test.Token{Scope: s1test.ScopeSite, IDs: []string{s.SiteID(0)}})(t, s, o)
}

func setting(set func(s *s1test.Server, o *check.Options)) func(*testing.T, *s1test.Server, *check.Options) {
	return func(_ *testing.T, s *s1test.Server, o *check.Options) { set(s, o) }
}

// carrier breaks what carries the requests.
type carrier func(*http.Request) (*http.Response, error)

func (c carrier) RoundTrip(r *http.Request) (*http.Response, error) { return c(r) }

var (
	support = "SentinelOne's support"
	skip    = "--skip"
	widen   = "widen"
	role    = "the role Viewer"
	revoke  = "which revokes"
	version = "API version"
)

var states = map[string]state{
	"a proxy answers 200 in HTML": {cause: all(s1test.HTML()), faults: []string{"API"}, says: "a web page", never: []string{skip, support, role, revoke, widen, version}},
	"a proxy answers 403 in HTML": {cause: all(page(403)), faults: []string{"API"}, says: "a proxy, a firewall or a CDN", never: []string{skip, support, role, revoke, version}},
	"a proxy answers 404 in HTML": {cause: all(page(404)), faults: []string{"API"}, says: "a web page", never: []string{skip, support, role, revoke}},
	"a proxy answers 502 in HTML": {cause: all(page(502)), faults: []string{"API"}, says: "502", never: []string{skip, role, revoke, version}},
	"a login page answers 401":    {cause: all(page(401)), faults: []string{"API"}, says: "a login of its own", never: []string{skip, support, role, revoke}},
	"a proxy wants a login":       {cause: all(page(407)), faults: []string{"API"}, says: "407", never: []string{skip, support, role, revoke}},
	"404 everywhere":              {cause: all(s1test.Status(404)), faults: []string{"API"}, says: "--api-version", never: []string{skip, support, role, revoke}},
	"404 everywhere but the status": {cause: but("/system/status", s1test.Status(404)), faults: []string{"API"},
		says: "/system/status alone", never: []string{skip, support, role, revoke}},
	"HTML everywhere but the status": {cause: but("/system/status", s1test.HTML()), faults: []string{"API"}, says: "a web page", never: []string{skip, support, role, revoke}},
	"JSON that is no console's, 200": {cause: all(text(200, `{"status":"up"}`)), faults: []string{"API"}, says: "no SentinelOne console", never: []string{skip, support, role, revoke}},
	"a list that is no console's":    {cause: all(text(200, `[1,2]`)), faults: []string{"API"}, says: "no SentinelOne console", never: []string{skip, support, role, revoke}},
	"JSON that is no console's, 404": {cause: all(text(404, `{"detail":"Not Found"}`)), faults: []string{"API"}, says: "no SentinelOne console", never: []string{skip, support, role, revoke}},
	"JSON that is no console's, 401": {cause: all(text(401, `{"message":"Unauthorized"}`)), faults: []string{"API"}, says: "a login of its own", never: []string{skip, support, role, revoke}},
	"JSON that is no console's, 403": {cause: all(text(403, `{"message":"Forbidden"}`)), faults: []string{"API"}, says: "a proxy, a firewall or a CDN", never: []string{skip, support, role, revoke}},
	"no JSON":                        {cause: all(text(200, `OK`)), faults: []string{"API"}, says: "no SentinelOne console", never: []string{skip, support, role, revoke}},
	"all is redirected elsewhere": {cause: all(s1test.RedirectTo("https://login.example")), faults: []string{"API"},
		says: "https://login.example", never: []string{skip, support, role, revoke}},
	"503 everywhere":           {cause: all(s1test.Status(503)), faults: []string{"API"}, says: "503", never: []string{skip, role, revoke, version}},
	"429 for ever":             {cause: all(s1test.TooManyRequests("")), faults: []string{"rate limits"}, says: "who else uses the token", never: []string{skip, support, role, revoke}},
	"429 for ever with a wait": {cause: all(s1test.TooManyRequests("120")), faults: []string{"rate limits"}, says: "2m0s", never: []string{skip, support, role, revoke}},
	"all is cut off":           {cause: but("/system/status", s1test.CutInBody()), faults: []string{"API"}, says: "cut off", never: []string{skip, role, revoke, version}},
	"no answer in time": {cause: func(t *testing.T, s *s1test.Server, o *check.Options) {
		o.Config.PageDeadline = 250 * time.Millisecond
		but("/system/status", s1test.Stall())(t, s, o)
	}, faults: []string{"API"}, says: "no whole answer within 250ms", never: []string{skip, role, revoke, version}},

	"401 everywhere": {cause: setting(func(s *s1test.Server, _ *check.Options) { s.Accept(s1test.Token{Value: "another"}) }), faults: []string{"token"},
		says: "whether it has expired", never: []string{skip, support, role, widen}},
	"401 for /user alone": {cause: at("/user", s1test.Status(401)), faults: []string{"token"}, says: "/user", never: []string{skip, revoke}},
	"401 for one list": {cause: at("/threats", s1test.Status(401)), faults: []string{"list /threats"},
		says: "took the token elsewhere", never: []string{support, revoke}},
	"401 for all lists": {cause: but("/user", s1test.Status(401)), faults: []string{"token"}, says: "whether it has expired", never: []string{skip, support}},
	"403 everywhere":    {cause: but("/system/status", s1test.Status(403)), faults: []string{"role"}, says: role, never: []string{skip, support, revoke, "accepted"}},
	"403 for all lists": {cause: but("/user", s1test.Status(403)), faults: []string{"role"}, says: role, never: []string{skip, support, revoke}},
	"404 for all lists": {cause: but("/user", s1test.Status(404)), faults: []string{"API"}, says: "--api-version", never: []string{skip, support, revoke}},
	"503 for all lists": {cause: but("/user", s1test.Status(503)), faults: []string{"API"}, says: "503", never: []string{skip, revoke}},
	"403 for one list":  {cause: at("/threats", s1test.Status(403)), faults: []string{"list /threats"}, says: "--skip threats", never: []string{support}},
	"404 for one list":  {cause: at("/threats", s1test.Status(404)), faults: []string{"list /threats"}, says: "--skip threats", never: []string{support, version, role}},
	"400 for one list":  {cause: at("/threats", s1test.Status(400)), faults: []string{"list /threats"}, says: "400", never: []string{role, version}},
	"429 for one list":  {cause: at("/threats", s1test.TooManyRequests("")), faults: []string{"rate limits"}, says: "who else uses the token", never: []string{skip, support}},
	"500 for one list":  {cause: at("/threats", s1test.Status(500)), faults: []string{"list /threats"}, says: support, never: []string{skip, role}},
	"HTML for one list": {cause: at("/threats", page(403)), faults: []string{"list /threats"}, says: "a CDN, a proxy or a firewall", never: []string{skip, role, support}},
	"403 for /user":     {cause: at("/user", s1test.Status(403)), warnings: []string{"scope"}, never: []string{skip, support, revoke, "not accepted"}},
	"404 for /user":     {cause: at("/user", s1test.Status(404)), warnings: []string{"scope"}, never: []string{skip, support, revoke, "not accepted"}},
	"500 for /user":     {cause: at("/user", s1test.Status(500)), faults: []string{"token"}, says: "500", never: []string{skip, revoke, "not accepted"}},
	"HTML for /user":    {cause: at("/user", s1test.HTML()), faults: []string{"token"}, says: "/user", never: []string{skip, revoke, "not accepted"}},
	"nothing in /user":  {cause: at("/user", text(200, `{"data":{}}`)), warnings: []string{"scope"}, never: []string{skip, support, revoke}},
	"403 for a site token's lists": {cause: func(t *testing.T, s *s1test.Server, o *check.Options) {
		ofSite(t, s, o)
		but("/user", s1test.Status(403))(t, s, o)
	}, faults: []string{"role"}, says: role, never: []string{skip, support}},
	"a token of a site": {cause: ofSite},

	"a role that may do more":     {cause: token(s1test.Token{Role: "Admin"}), warnings: []string{"role"}, says: "Admin"},
	"a token that ends soon":      {cause: token(s1test.Token{ExpiresAt: time.Now().Add(12*24*time.Hour + time.Hour)}), warnings: []string{"token expiry"}, says: "in 12 days"},
	"a token that ends today":     {cause: token(s1test.Token{ExpiresAt: time.Now().Add(5*time.Hour + 30*time.Minute)}), warnings: []string{"token expiry"}, says: "in 5 hours"},
	"a token that ended":          {cause: token(s1test.Token{ExpiresAt: time.Now().Add(-40*24*time.Hour - time.Hour)}), warnings: []string{"token expiry"}, says: "40 days ago", never: []string{" -"}},
	"a token without a known end": {cause: at("/user", text(200, `{"data":{"fullName":"s1graph","scope":"tenant","lowestRole":"Viewer","apiToken":{"expiresAt":"next spring"}}}`))},
	"a token whose end is the zero of a clock": {cause: at("/user", text(200,
		`{"data":{"fullName":"s1graph","scope":"tenant","lowestRole":"Viewer","apiToken":{"expiresAt":"1970-01-01T00:00:00Z"}}}`))},
	"a clock that is wrong": {cause: setting(func(_ *s1test.Server, o *check.Options) {
		o.Clock = func() time.Time { return time.Now().Add(7 * time.Minute) }
	}), warnings: []string{"clock"}, says: "7m"},
	"a clock that is a year ahead": {cause: setting(func(_ *s1test.Server, o *check.Options) {
		o.Clock = func() time.Time { return time.Now().AddDate(1, 0, 0) }
	}), warnings: []string{"clock"}, says: "set the clock", never: []string{"regenerate"}},

	"a site that is not there": {cause: setting(func(_ *s1test.Server, o *check.Options) { o.Config.Sites = []string{"999"} }),
		faults: []string{"configured sites"}, says: "no such site: 999", never: []string{widen, support, skip}},
	"one site of two that is not there": {cause: setting(func(s *s1test.Server, o *check.Options) { o.Config.Sites = []string{s.SiteID(0), "999"} }),
		faults: []string{"configured sites"}, says: "no such site: 999", never: []string{widen, support, skip}},
	"sites that are there": {cause: setting(func(s *s1test.Server, o *check.Options) { o.Config.Sites = []string{s.SiteID(0), s.SiteID(1)} })},
	"an account that is not there": {cause: setting(func(_ *s1test.Server, o *check.Options) { o.Config.Accounts = []string{"999"} }),
		faults: []string{"configured accounts"}, says: "no such account: 999", never: []string{widen, support, skip}},
	"a group that is not there": {cause: setting(func(_ *s1test.Server, o *check.Options) { o.Config.Groups = []string{"999"} }),
		faults: []string{"configured groups"}, says: "no such group: 999", never: []string{widen, support, skip}},
	"a site of another account": {cause: setting(func(s *s1test.Server, o *check.Options) {
		o.Config.Accounts, o.Config.Sites = []string{s.AccountID(0)}, []string{s.SiteID(1)}
	}), faults: []string{"configured sites"}, says: "in none of the configured accounts", never: []string{widen, support, skip}},
	"a site that the token does not see": {cause: func(t *testing.T, s *s1test.Server, o *check.Options) {
		ofSite(t, s, o)
		o.Config.Sites = []string{s.SiteID(1)}
	}, faults: []string{"configured sites"}, says: "the token sees", never: []string{support, skip}},
	"a site of an account that the token does not see": {cause: func(t *testing.T, s *s1test.Server, o *check.Options) {
		token(s1test.Token{Scope: s1test.ScopeAccount, IDs: []string{s.AccountID(0)}})(t, s, o)
		o.Config.Sites = []string{s.SiteID(1)}
	}, faults: []string{"configured sites"}, says: "the token sees no site", never: []string{support, skip}},
	"a site that the console refuses to tell of": {cause: func(t *testing.T, s *s1test.Server, o *check.Options) {
		o.Config.Sites = []string{"999"}
		s.Break(s1test.Fault{Effect: s1test.Status(400), Match: func(r *http.Request) bool { return r.URL.Query().Get("siteIds") != "" }})
	}, faults: []string{"configured sites"}, says: "no such site: 999", never: []string{widen, support, skip}},
	"an account that the console refuses to tell of": {cause: func(_ *testing.T, s *s1test.Server, o *check.Options) {
		o.Config.Accounts = []string{"999"}
		s.Break(s1test.Fault{Effect: s1test.Refused(""), Match: func(r *http.Request) bool {
			return !strings.HasSuffix(r.URL.Path, "/user") && strings.Contains(r.URL.RawQuery, "999")
		}})
	}, faults: []string{"configured accounts"}, says: "no such account: 999", never: []string{widen, support, skip, role}},
	"400 for all lists": {cause: but("/user", s1test.Status(400)), faults: []string{"lists"}, says: "report", never: []string{skip, role}},
	"a group that narrows to nothing": {cause: func(t *testing.T, s *s1test.Server, o *check.Options) {
		o.Config.Groups = []string{s.GroupID(0)}
		at("/agents", s1test.EmptyList())(t, s, o)
	}, warnings: []string{"list /agents"}, says: "the configuration", never: []string{widen}},

	"nothing at all": {cause: func(t *testing.T, s *s1test.Server, o *check.Options) {
		for _, path := range []string{"/accounts", "/sites", "/groups", "/agents", "/threats", "/installed-applications", "/application-management/inventory", "/application-management/risks"} {
			at(path, s1test.EmptyList())(t, s, o)
		}
	}, warnings: []string{"scope"}, says: "sees nothing"},
	"no agents": {cause: at("/agents", s1test.EmptyList()), warnings: []string{"list /agents"}, says: "no agent has reported yet"},
	"applications in neither place": {cause: func(t *testing.T, s *s1test.Server, o *check.Options) {
		at("/installed-applications", s1test.Status(404))(t, s, o)
		at("/application-management/inventory", s1test.Status(404))(t, s, o)
	}, warnings: []string{"list /application-management/inventory"}, says: "which is not a fault", never: []string{support, version}},
	"vulnerabilities refused": {cause: at("/application-management/risks", s1test.Status(403)), warnings: []string{"list /application-management/risks"},
		says: "View Risks (Applications page)", never: []string{support, widen}},
	"vulnerabilities without the license": {cause: at("/application-management/risks", text(400, `{"errors":[{"code":4000010,"detail":"Not included in this license","title":"Bad Request"}]}`)),
		warnings: []string{"list /application-management/risks"}, says: "View Risks (Applications page)", never: []string{support, widen}},
	"no vulnerabilities at all": {cause: at("/application-management/risks", s1test.EmptyList()), warnings: []string{"list /application-management/risks"},
		says: "which is not a fault", never: []string{support, widen}},
	"applications refused in the first place": {cause: at("/installed-applications", s1test.Status(403))},
	"no count":                  {cause: all(s1test.NoTotal())},
	"a count of none, and rows": {cause: all(s1test.ZeroTotal())},
	"no count, and no rows":     {cause: but("/user", text(200, `{"data":null}`)), warnings: []string{"scope"}, says: "sees nothing"},
	"null for all":              {cause: all(text(200, `{"data":null}`)), warnings: []string{"scope"}, says: "sees nothing"},
	"no count, and no list":     {cause: at("/agents", text(200, `{"data":{}}`)), faults: []string{"list /agents"}, says: "something else where a list should be", never: []string{widen}},
	"no count, and no agents":   {cause: at("/agents", text(200, `{"data":[]}`)), warnings: []string{"list /agents"}, says: "no agent has reported yet"},

	"a warning of the configuration": {cause: setting(func(_ *s1test.Server, o *check.Options) {
		o.Config.Warnings = []string{"token can be read by others: chmod 600 token"}
	}), warnings: []string{"configuration"}, says: "chmod 600 token"},
	"two warnings of the configuration": {cause: setting(func(_ *s1test.Server, o *check.Options) {
		o.Config.Warnings = []string{"one", "two"}
	}), warnings: []string{"configuration", "configuration 2"}, says: "one"},

	"refused": {cause: setting(func(_ *s1test.Server, o *check.Options) { o.Config.URL, o.Transport = "https://127.0.0.1:1", nil }),
		faults: []string{"connection"}, says: "nothing listens on 127.0.0.1:1", never: []string{"connect:", support}},
	"a name that nobody knows": {cause: setting(func(_ *s1test.Server, o *check.Options) { o.Config.URL, o.Transport = "https://console.invalid", nil }),
		faults: []string{"connection"}, says: "resolve console.invalid"},
	"a proxy that is not there": {cause: setting(func(_ *s1test.Server, o *check.Options) {
		o.Config.URL, o.Config.Proxy, o.Transport = "https://console.invalid", secret("http://user:geheim@127.0.0.1:1"), nil
	}), faults: []string{"connection"}, says: "the proxy cannot be reached", never: []string{"geheim", "resolve console.invalid", "--ca-file"}},
	"a proxy whose name nobody knows": {cause: setting(func(_ *s1test.Server, o *check.Options) {
		o.Config.URL, o.Config.Proxy, o.Transport = "https://127.0.0.1:1", secret("http://proxy.invalid:3128"), nil
	}), faults: []string{"connection"}, says: "the proxy's name", never: []string{"the console's address in your browser"}},
	"a proxy that refuses": {cause: func(t *testing.T, _ *s1test.Server, o *check.Options) {
		proxy := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) { rw.WriteHeader(http.StatusProxyAuthRequired) }))
		t.Cleanup(proxy.Close)
		o.Config.URL, o.Config.Proxy, o.Transport = "https://console.invalid", secret(proxy.URL), nil
	}, faults: []string{"connection"}, says: "the proxy refuses", never: []string{"resolve console.invalid", "--ca-file"}},
	"no TLS on the port": {cause: func(t *testing.T, s *s1test.Server, o *check.Options) {
		plain := httptest.NewServer(s)
		t.Cleanup(plain.Close)
		o.Config.URL = strings.Replace(plain.URL, "http", "https", 1)
	}, faults: []string{"connection"}, says: "does not speak TLS", never: []string{"--ca-file", "certificate"}},
	"a certificate that nobody vouches for": {cause: setting(func(_ *s1test.Server, o *check.Options) { o.Transport = nil }),
		faults: []string{"connection"}, says: "--ca-file"},
	"a certificate for another name": {cause: func(_ *testing.T, _ *s1test.Server, o *check.Options) {
		o.Config.URL = strings.Replace(o.Config.URL, "127.0.0.1", "localhost", 1)
	}, faults: []string{"connection"}, says: "for another name", never: []string{"--ca-file"}},
	"no answer to the first question": {cause: func(_ *testing.T, _ *s1test.Server, o *check.Options) {
		o.Transport = carrier(func(*http.Request) (*http.Response, error) { return nil, context.DeadlineExceeded })
	}, faults: []string{"connection"}, says: "no answer within", never: []string{"--ca-file"}},
	"the connection is reset": {cause: func(t *testing.T, _ *s1test.Server, o *check.Options) {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		assert.NoError(t, err)
		go func() {
			for {
				c, err := listener.Accept()
				if err != nil {
					return
				}
				_, _ = io.CopyN(io.Discard, c, 1)
				_ = c.Close()
			}
		}()
		t.Cleanup(func() { _ = listener.Close() })
		o.Config.URL, o.Transport = "https://"+listener.Addr().String(), nil
	}, faults: []string{"connection"}, says: "firewall"},
	"a file of authorities that is not there": {cause: setting(func(_ *s1test.Server, o *check.Options) { o.Config.CAFile, o.Transport = "/no/such/file", nil }),
		faults: []string{"connection"}, says: "--ca-file", never: []string{"fix the setting"}},
	"a token file that is not there": {cause: setting(func(_ *s1test.Server, o *check.Options) { o.Config.TokenFile = "/no/such/file" }),
		faults: []string{"token"}, says: "/no/such/file", never: []string{revoke, "the lines above"}},
	"a token file with two tokens": {cause: func(t *testing.T, _ *s1test.Server, o *check.Options) {
		o.Config.TokenFile = filepath.Join(t.TempDir(), "token")
		assert.NoError(t, os.WriteFile(o.Config.TokenFile, []byte("eins zwei"), 0o600))
	}, faults: []string{"token"}, says: "token file", never: []string{revoke, "the lines above"}},
	"a command that prints no token": {cause: setting(func(_ *s1test.Server, o *check.Options) { o.Config.TokenCommand = []string{"echo", "eins", "zwei"} }),
		faults: []string{"token"}, says: "tokenCommand", never: []string{revoke, "the lines above", "eins"}},
	"a command that fails": {cause: setting(func(_ *s1test.Server, o *check.Options) { o.Config.TokenCommand = []string{"false"} }),
		faults: []string{"token"}, says: "exit status 1: run it by hand", never: []string{revoke, "the lines above"}},
	"a folder in a file": {cause: func(_ *testing.T, _ *s1test.Server, o *check.Options) {
		file := filepath.Dir(o.Config.Dir) + "/file"
		_ = os.WriteFile(file, nil, 0o600)
		o.Config.Dir = file + "/below"
	}, faults: []string{"directory"}, says: "file is not a folder"},
	"a folder of somebody else": {cause: func(t *testing.T, _ *s1test.Server, o *check.Options) {
		assert.NoError(t, os.MkdirAll(o.Config.Dir, 0o700))
		assert.NoError(t, os.WriteFile(filepath.Join(o.Config.Dir, "thesis.tex"), nil, 0o600))
	}, faults: []string{"directory"}, says: "thesis.tex"},
	"an address of the database that is none": {cause: setting(func(_ *s1test.Server, o *check.Options) {
		o.Config.Store, o.Config.Neo4j.URI = "neo4j", "http://127.0.0.1:7474"
	}), faults: []string{"Neo4j"}, says: "bolt"},
	"a database that is not there": {cause: setting(func(_ *s1test.Server, o *check.Options) {
		o.Config.Store, o.Config.Neo4j.URI = "neo4j", "bolt://127.0.0.1:1"
	}), faults: []string{"Neo4j"}, says: "look whether it runs"},
}

func TestConsoleCheckNamesTheOneCauseOfEachState(t *testing.T) {
	t.Parallel()
	for name, want := range states {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server, o := encrypted(t)
			if want.cause != nil {
				want.cause(t, server, &o)
			}
			var faults, warnings []string
			var first, everything strings.Builder
			for _, f := range inOrder(t, o) {
				line := f.Subject + ": " + f.Detail + "; " + f.Advice + "\n"
				switch f.State {
				case check.Fault:
					faults = append(faults, f.Subject)
				case check.Warning:
					warnings = append(warnings, f.Subject)
				}
				if slices.Contains(want.faults, f.Subject) || slices.Contains(want.warnings, f.Subject) {
					first.WriteString(line)
				}
				if f.State == check.Fault || f.State == check.Warning {
					everything.WriteString(line)
				}
			}
			if os.Getenv("SHOW") != "" {
				t.Log(everything.String())
			}
			assert.Equal(t, want.faults, faults, everything.String())
			assert.Equal(t, want.warnings, warnings, everything.String())
			assert.Contains(t, first.String(), want.says)
			for _, never := range want.never {
				assert.NotContains(t, everything.String(), never)
			}
		})
	}
}

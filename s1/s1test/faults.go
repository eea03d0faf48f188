package s1test

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
)

// Fault says which requests go wrong and how. The zero value of each condition is all requests.
type Fault struct {
	Path  string                   // as "/agents"
	Query url.Values               // parameters that the request has, each with the first of these values
	Match func(*http.Request) bool // must not call the Server
	After int                      // so many requests that it means pass unharmed before the first one goes wrong
	Times int                      // so many go wrong before all is well again; 0: until it is mended

	Effect Effect
}

// Rows matches the requests of lists that ask for rows and not only for their count.
func Rows(r *http.Request) bool { return r.URL.Query().Get("countOnly") != "true" }

// PagesOver matches requests for more than so many rows in one page.
func PagesOver(rows int) func(*http.Request) bool {
	return func(r *http.Request) bool {
		limit, err := strconv.Atoi(r.URL.Query().Get("limit"))
		return err == nil && limit > rows && Rows(r)
	}
}

// fault is a Fault and the requests that it means and that it hit so far.
type fault struct {
	Fault
	met, hit int
}

// hits tells whether a request goes wrong, and counts it. The server's lock is held.
func (f *fault) hits(path string, r *http.Request) bool {
	if f.Path != "" && f.Path != path || f.Match != nil && !f.Match(r) {
		return false
	}
	values := r.URL.Query()
	for name, want := range f.Query {
		if len(want) > 0 && values.Get(name) != want[0] {
			return false
		}
	}
	f.met++
	if f.met <= f.After || f.Times > 0 && f.hit >= f.Times {
		return false
	}
	f.hit++
	return true
}

// Break makes requests go wrong from now on. The function it returns mends that. Where several
// faults hit one request, what they do to its page adds up, and the first of them that replaces or
// cuts the answer decides.
func (s *Server) Break(f Fault) (mend func()) {
	broken := &fault{Fault: f}
	s.mu.Lock()
	s.faults = append(s.faults, broken)
	s.mu.Unlock()
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.faults = slices.DeleteFunc(slices.Clone(s.faults), func(f *fault) bool { return f == broken })
	}
}

// Effect is what a fault does to a request.
type Effect struct {
	first   func(*Server)                                                          // before the request is looked at
	instead func(http.ResponseWriter, *http.Request)                               // in place of an answer
	hide    []string                                                               // IDs of rows that are kept out of the list
	change  func(*pageOfRows)                                                      // before the page is written
	send    func(rw http.ResponseWriter, r *http.Request, status int, body []byte) // in place of sending all of it
}

// Status answers with an error of the vendor's shape.
func Status(status int) Effect {
	title := map[int]string{
		http.StatusUnauthorized: "Authentication Failed", http.StatusForbidden: "Insufficient permissions",
	}[status]
	if title == "" {
		title = http.StatusText(status)
	}
	return StatusWith(status, nil, `{"errors":[{"code":`+strconv.Itoa(status)+`0010,"detail":null,"title":"`+title+`"}]}`)
}

// StatusWith answers with a status, headers and a body.
func StatusWith(status int, header http.Header, body string) Effect {
	return Effect{instead: func(rw http.ResponseWriter, _ *http.Request) {
		rw.Header().Set("Content-Type", "application/json")
		for name, values := range header {
			rw.Header()[http.CanonicalHeaderKey(name)] = values
		}
		rw.WriteHeader(status)
		_, _ = rw.Write([]byte(body))
	}}
}

// Revoke has the console take the given tokens alone from this request on, which it refuses already if it
// has another one. Before that meanwhile is called, which may put a new token where the client looks for it.
func Revoke(meanwhile func(), tokens ...Token) Effect {
	return Effect{first: func(s *Server) {
		meanwhile()
		s.Accept(tokens...)
	}}
}

// TooManyRequests answers 429, with a Retry-After header unless it is "".
func TooManyRequests(retryAfter string) Effect {
	header := http.Header{}
	if retryAfter != "" {
		header.Set("Retry-After", retryAfter)
	}
	return StatusWith(http.StatusTooManyRequests, header, `{"errors":[{"code":4290010,"detail":null,"title":"Too many requests"}]}`)
}

// HTML answers 200 with a web page, as a console does under a wrong path and a proxy at any time.
func HTML() Effect {
	return StatusWith(http.StatusOK, http.Header{"Content-Type": {"text/html; charset=utf-8"}},
		"<!DOCTYPE html><html><head><title>SentinelOne - Management Console</title></head><body><div id=\"app\"></div></body></html>")
}

// Blocked answers as what stands before a console, such as a CDN or a firewall: with a status and a web page, or with a
// text of its own.
func Blocked(status int, page string) Effect {
	return StatusWith(status, http.Header{"Content-Type": {"text/html"}}, page)
}

// GatewayTimeout answers as a gateway to which the console took too long: with 504 and a web page.
func GatewayTimeout() Effect {
	return Blocked(http.StatusGatewayTimeout, "<html><head><title>504 Gateway Time-out</title></head><body><center><h1>504 Gateway Time-out</h1></center></body></html>")
}

// NeverAnswers keeps the request waiting until it is cancelled.
func NeverAnswers() Effect {
	return Effect{instead: func(_ http.ResponseWriter, r *http.Request) {
		<-r.Context().Done()
		panic(http.ErrAbortHandler)
	}}
}

// RedirectTo sends the client to another URL, with the request's own path and parameters.
func RedirectTo(base string) Effect {
	return Effect{instead: func(rw http.ResponseWriter, r *http.Request) {
		http.Redirect(rw, r, base+r.URL.RequestURI(), http.StatusFound)
	}}
}

// CutBeforeHeaders closes the connection in place of an answer.
func CutBeforeHeaders() Effect {
	return Effect{instead: func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }}
}

// CutInHeaders closes the connection in the middle of the headers. It needs HTTP/1.
func CutInHeaders() Effect {
	return Effect{instead: func(rw http.ResponseWriter, _ *http.Request) {
		conn, _, err := http.NewResponseController(rw).Hijack()
		if err != nil {
			panic(http.ErrAbortHandler)
		}
		_, _ = conn.Write([]byte("HTTP/1.1 200 OK\r\nContent-Type: applic"))
		_ = conn.Close()
	}}
}

// CutAfterHeaders closes the connection after the headers and before the body.
func CutAfterHeaders() Effect { return cutAt(0) }

// CutInBody closes the connection after half the body.
func CutInBody() Effect { return cutAt(2) }

// cutAt closes the connection after one part of so many of the body; 0: after none of it.
func cutAt(parts int) Effect {
	return Effect{send: func(rw http.ResponseWriter, _ *http.Request, status int, body []byte) {
		sendPart(rw, status, body, parts)
		panic(http.ErrAbortHandler)
	}}
}

// Stall sends half the body and then nothing, until the request is cancelled.
func Stall() Effect {
	return Effect{send: func(rw http.ResponseWriter, r *http.Request, status int, body []byte) {
		sendPart(rw, status, body, 2)
		<-r.Context().Done()
		panic(http.ErrAbortHandler)
	}}
}

func sendPart(rw http.ResponseWriter, status int, body []byte, parts int) {
	rw.WriteHeader(status)
	if parts > 0 {
		_, _ = rw.Write(body[:len(body)/parts])
	}
	_ = http.NewResponseController(rw).Flush()
}

// RepeatCursor has a page name its own cursor as the next one.
func RepeatCursor() Effect {
	return Effect{change: func(p *pageOfRows) {
		if p.query.cursor != "" {
			p.cursor = p.query.cursor
		}
	}}
}

// EmptyList answers with no rows, no cursor and a total of 0.
func EmptyList() Effect {
	return Effect{change: func(p *pageOfRows) { p.rows, p.cursor, p.total = nil, "", 0 }}
}

// EmptyPage answers with no rows and no cursor, and the right total.
func EmptyPage() Effect {
	return Effect{change: func(p *pageOfRows) { p.rows, p.cursor = nil, "" }}
}

// EndEarly leaves out a page's cursor: the list ends there, though the total says more.
func EndEarly() Effect {
	return Effect{change: func(p *pageOfRows) { p.cursor = "" }}
}

// RowsLost leaves out the last n rows of a page, though its total counts them.
func RowsLost(n int) Effect {
	return Effect{change: func(p *pageOfRows) { p.rows = p.rows[:max(0, len(p.rows)-n)] }}
}

// TotalOff adds n to the total of a page or of a count.
func TotalOff(n int) Effect {
	return Effect{change: func(p *pageOfRows) { p.total += n }}
}

// EmptyLastPage gives the last page that has rows a cursor. An empty page follows.
func EmptyLastPage() Effect {
	return Effect{change: func(p *pageOfRows) {
		if p.cursor == "" && len(p.rows) > 0 {
			p.cursor = makeCursor(theEnd, p.query.filters)
		}
	}}
}

// MissingRows keeps rows out of lists and totals, though they answer when asked for by ID.
func MissingRows(ids ...string) Effect { return Effect{hide: ids} }

// RepeatedRows puts the first n rows of the list in front of each page after the first, as they
// look a day later: with a newer updatedAt and, if they are agents, in another group. So do rows
// that move while the list is read.
func RepeatedRows(n int) Effect {
	return Effect{change: func(p *pageOfRows) {
		if p.query.cursor == "" || p.query.countOnly {
			return
		}
		var again []rowRef
		for ref := range p.list.shown(p.world, p.query, rowRef{}) {
			if len(again) == n {
				break
			}
			ref.moved = true
			again = append(again, ref)
		}
		p.rows = append(again, p.rows...)
	}}
}

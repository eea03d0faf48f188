// Package s1 reads the SentinelOne Management API v2.1: a client that pages through lists as fast as
// the console allows and asks again where something broke, and the rows of the lists as Go types.
// It sends GET requests and nothing else. What the rows mean, and what to do about a list that could
// not be read, is the business of steps.
//
// Endpoints, limits and shapes are those of the vendor's API description of April 2024.
package s1

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync/atomic"
	"time"

	"s1graph/pause"
)

// Config says which console a Client reads, and how. URL and Token are required.
type Config struct {
	URL        string      // in any form that NormalizeURL takes
	APIVersion string      // v2.1 where empty
	Token      TokenSource // of a service user with the role Viewer

	// Transport carries the requests; nil: that of NewTransport without a proxy or CA file of its own.
	// A transport may end a request for good by returning an *Error.
	Transport http.RoundTripper

	// PageDeadline is how long one page may take, from the request to the last byte. A page that takes
	// longer is asked for again. There is no deadline for a whole list. 0: one minute.
	PageDeadline time.Duration

	// PageSize is how many rows are asked for in one page at most, where the list allows as many. 0: 1000, the most
	// that any list gives. A page that keeps failing is asked for with half as many rows, down to 50.
	PageSize int

	// Limiter holds back the requests of all clients that use one token; nil: one of this client's own,
	// made of RateLimits (see NewLimiter).
	Limiter    *Limiter
	RateLimits map[string]float64

	// Concurrency is how many requests are under way at once; 0: 12. The API description names no
	// bound. Twelve hide the latency of a list that is read in many chains, and leave the console to
	// its other users.
	Concurrency int

	Logger   *slog.Logger // nil: nothing is logged; debug tells of each request
	Recorder Recorder     // nil: nothing is recorded

	// Sleep waits for d or until ctx ends, whose error it returns then; nil: it really waits. Now is the
	// clock that rate limits and Retry-After go by; nil: time.Now.
	Sleep func(ctx context.Context, d time.Duration) error
	Now   func() time.Time
}

// Client reads one console with one token. It is safe for concurrent use. Who makes one with New
// closes it with Close.
type Client struct {
	base     url.URL // scheme, host and the path of the API, without a slash at its end
	token    TokenSource
	tokens   tokens // that were used
	http     http.Client
	deadline time.Duration
	pageSize int
	sizes    pageSizes // that are smaller, since larger pages failed
	limiter  *Limiter
	isJSON   atomic.Bool   // the console has answered, in JSON
	slots    chan struct{} // holds one value for each request under way
	logger   *slog.Logger
	recorder Recorder
	sleep    func(context.Context, time.Duration) error
	now      func() time.Time
}

var apiVersion = regexp.MustCompile(`^v[0-9]+(\.[0-9]+)*$`)

// New makes a Client. It sends nothing, and tells all that is wrong with cfg at once.
func New(cfg Config) (*Client, error) {
	var faults []error
	address, err := NormalizeURL(cfg.URL)
	if err != nil {
		faults = append(faults, fmt.Errorf("URL: %w", err))
	}
	cfg.APIVersion = cmp.Or(cfg.APIVersion, "v2.1")
	if !apiVersion.MatchString(cfg.APIVersion) {
		faults = append(faults, fmt.Errorf("API version %q: must read like v2.1", cfg.APIVersion))
	}
	if cfg.Token == nil {
		faults = append(faults, errors.New("an API token is needed"))
	}
	if cfg.Transport == nil {
		cfg.Transport, err = NewTransport("", "")
		faults = append(faults, err)
	}
	if err := errors.Join(faults...); err != nil {
		return nil, err
	}
	base, err := url.Parse(address)
	if err != nil {
		return nil, err
	}
	base.Path = "/web/api/" + cfg.APIVersion
	c := &Client{
		base:     *base,
		token:    cfg.Token,
		tokens:   tokens{asking: make(chan struct{}, 1)},
		deadline: orDefault(cfg.PageDeadline, time.Minute),
		pageSize: orDefault(cfg.PageSize, maxPageSize),
		limiter:  cfg.Limiter,
		slots:    make(chan struct{}, orDefault(cfg.Concurrency, 12)),
		logger:   cfg.Logger,
		recorder: cfg.Recorder,
		sleep:    cfg.Sleep,
		now:      cfg.Now,
	}
	if c.limiter == nil {
		c.limiter = NewLimiter(cfg.RateLimits)
	}
	c.logger = cmp.Or(c.logger, slog.New(slog.DiscardHandler))
	if c.sleep == nil {
		c.sleep = pause.For
	}
	if c.now == nil {
		c.now = time.Now
	}
	c.http = http.Client{Transport: cfg.Transport, CheckRedirect: c.checkRedirect}
	return c, nil
}

// orDefault is v, or d where v is not positive.
func orDefault[T int | time.Duration](v, d T) T {
	if v > 0 {
		return v
	}
	return d
}

// Host is the console's host name, with its port where that is not the usual one.
func (c *Client) Host() string { return c.base.Host }

// Close closes the connections that are kept for the next request.
func (c *Client) Close() { c.http.CloseIdleConnections() }

const userPath = "/user"

// User reads /user: who the token belongs to and what it may see. A token that takes this one's place later is
// told by TokenChanges.
func (c *Client) User(ctx context.Context) (User, error) {
	var user User
	token, err := c.ask(ctx, c.token, request{path: userPath}, readUser(&user))
	c.tokens.begin(token, told{user, err})
	if err := c.record(Answer{Path: userPath, Rows: []User{user}, Total: 1}, err); err != nil {
		return User{}, err
	}
	return user, nil
}

// readUser reads the body of an answer of /user.
func readUser(user *User) func(io.Reader) error {
	return func(body io.Reader) error {
		*user = User{}
		_, err := readEnvelope(body, func(d *decoder) error {
			row, err := d.ReadValue()
			if err != nil {
				return err
			}
			return decodeRow(row, user)
		})
		return err
	}
}

// ErrNoTotal is the Cause of an *Error that says that a console does not tell how many rows a list has.
var ErrNoTotal = errors.New("no totalItems")

// Count asks how many rows the list has under the given filters, without reading them.
func Count[T any](ctx context.Context, c *Client, e Endpoint[T], filters url.Values) (int, error) {
	query := cloneQuery(filters)
	query.Set("countOnly", "true")
	var total int
	err := c.get(ctx, request{path: e.Path, query: query}, func(body io.Reader) error {
		envelope, err := readEnvelope(body, nil)
		total = envelope.total
		if err == nil && total < 0 {
			err = &Error{Status: http.StatusOK, Detail: "the answer to countOnly has no totalItems", Cause: ErrNoTotal}
		}
		return err
	})
	answer := Answer{Path: e.Path, Filters: filters, Total: total, CountOnly: true}
	if errors.Is(err, ErrNoTotal) { // which is an answer: a recording of it says no more either
		return 0, cmp.Or(c.record(answer, nil), err)
	}
	if err := c.record(answer, err); err != nil {
		return 0, err
	}
	return total, nil
}

// checkRedirect lets no request leave the console: the token must not go to another host, nor over a
// connection that is not encrypted.
func (c *Client) checkRedirect(req *http.Request, via []*http.Request) error {
	status := req.Response.StatusCode
	to, err := NormalizeURL(req.URL.Scheme + "://" + req.URL.Host)
	switch {
	case err != nil || to != c.base.Scheme+"://"+c.base.Host:
		if c.isJSON.Load() {
			return &Error{Foreign: redirect, Detail: fmt.Sprintf("a redirect to %s://%s came with status %d%s", req.URL.Scheme, req.URL.Host, status, inItsPlace)}
		}
		return &Error{Status: status, Detail: fmt.Sprintf(
			"the console redirects to %s://%s, where the token must not go; if that is the console's real address, set the URL to it",
			req.URL.Scheme, req.URL.Host)}
	case len(via) >= 5:
		return &Error{Status: status, Detail: "the console redirects in a circle"}
	}
	return nil
}

// cloneQuery copies a query; nil becomes an empty one. Values that the API document calls lists are
// one comma-joined value, so several values of one name are joined.
func cloneQuery(q url.Values) url.Values {
	clone := make(url.Values, len(q)+3)
	for name, values := range q {
		clone.Set(name, strings.Join(values, ","))
	}
	return clone
}

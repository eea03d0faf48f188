package s1

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/go-json-experiment/json/jsontext"

	"s1graph/pause"
)

const (
	// maxTries is how often a request is sent that ends with 5xx, a broken connection or a page that
	// was cut off; with the waits between them it fails after half a minute or so.
	maxTries = 6

	// maxWait is how long 429 may hold back one request in all.
	maxWait = 10 * time.Minute

	// maxRetryAfter is how long a console may make a request wait before it is sent again. Who asks for more is
	// not waited for: the next run asks anew.
	maxRetryAfter = 5 * time.Minute
)

// request is what is asked for.
type request struct {
	path  string
	query url.Values
	page  int // of a list, from 1; 0 where there are no pages
	limit int // rows of the page; 0 where the console decides it
}

// get asks for r as ask does, and finds out what the token may see where that took another one's place.
func (c *Client) get(ctx context.Context, r request, read func(io.Reader) error) error {
	token, err := c.ask(ctx, c.token, r, read)
	if token == "" || IsUnauthorized(err) {
		return err
	}
	if failed := c.note(ctx, token); err == nil {
		err = failed
	}
	return err
}

// ask sends GET requests until one is answered with 200 and read has read its body, or until trying
// again is of no use. read is called once for each such answer; it starts afresh each time. It says with which token
// the last request was sent, "" where none was.
func (c *Client) ask(ctx context.Context, source TokenSource, r request, read func(io.Reader) error) (token string, err error) {
	if token, err = source.Token(ctx, ""); err != nil {
		return "", err
	}
	renewed := false
	left := newPatience()
	var before *fault // of the last try
	failed := 0       // rows of the page that was asked for before this smaller one
	for try := 1; ; try++ {
		c.sizes.fit(&r)
		if err := c.admit(ctx, r.path); err != nil {
			return token, err
		}
		sent := c.now()
		over := pause.Tell(ctx, pause.Wait{What: fmt.Sprintf("no answer from %s to %s (try %d of %d, up to %s each)", c.Host(), r.path, left.tries+1, maxTries, c.deadline)})
		f, took := c.attempt(ctx, c.newRequest(r, token), read)
		over()
		c.logAttempt(ctx, r, try, f, took)
		observeAttempt(ctx, r, f, before)
		before = f
		// Some lists have a lower maximum than the API document says.
		if smaller := halved(r.limit); f != nil && f.err.Status == http.StatusBadRequest && aboutLimit.MatchString(f.err.Detail) && smaller < r.limit {
			failed, r.limit = r.limit, smaller
			continue
		}
		// A console that does not take a cursor with another limit than it was made with has answered too: the list begins
		// again, with the smaller pages.
		if failed > 0 && (f == nil || f.err.Status == http.StatusBadRequest) {
			c.notePageSize(ctx, SmallerPages{Path: r.path, Failed: failed, Rows: r.limit})
		}
		if f == nil {
			c.limiter.answered(r.path, c.now())
			return token, nil
		}
		if err := ctx.Err(); err != nil {
			return token, err
		}
		f.err.Path = r.path
		if r.page > 0 && errors.Is(f.err, ErrBeyondBound) {
			f.err.Detail = fmt.Sprintf("page %d: %s", r.page, f.err.Detail)
		}
		f.err.Detail = withoutToken(f.err.Detail, token)
		if f.err.Status == http.StatusUnauthorized && !renewed {
			renewed = true
			newer, err := source.Token(ctx, token)
			if err != nil {
				return token, err
			}
			if newer != token {
				token = newer
				continue
			}
		}
		wait, more := left.next(f)
		if !more {
			return token, f.err
		}
		if smaller := halved(r.limit); left.tooBig(f) && smaller < r.limit {
			failed, r.limit = r.limit, smaller
		}
		if f.err.Status == http.StatusTooManyRequests { // which is about the token; all else is about this request
			c.limiter.holdBack(r.path, sent, c.now(), wait)
		}
		c.logger.WarnContext(ctx, "retrying", slog.String("path", r.path), slog.Int("status", f.err.Status),
			slog.String("reason", f.err.Detail), slog.Duration("wait", wait.Round(time.Millisecond)))
		if err := c.wait(ctx, pause.Wait{What: "retrying " + r.path + left.ofTries(), Lasts: wait, Why: f.reason()}); err != nil {
			if ctx.Err() == nil { // whoever waits here has no more patience
				f.err.Detail += ": " + err.Error()
				err = f.err
			}
			return token, err
		}
	}
}

// logAttempt tells of one request, without its query, which may hold what is nobody's business.
func (c *Client) logAttempt(ctx context.Context, r request, try int, f *fault, took time.Duration) {
	attributes := []slog.Attr{slog.String("method", http.MethodGet), slog.String("path", r.path)}
	if r.page > 0 {
		attributes = append(attributes, slog.Int("page", r.page))
	}
	attributes = append(attributes, slog.Int("status", statusOf(f)), slog.Duration("duration", took.Round(time.Millisecond)), slog.Int("try", try))
	c.logger.LogAttrs(ctx, slog.LevelDebug, "request", attributes...)
}

// statusOf is how an attempt was answered; 0 where no whole answer came.
func statusOf(f *fault) int {
	if f == nil {
		return http.StatusOK
	}
	return f.err.Status
}

// patience is what is left of the readiness to send one request again.
type patience struct {
	pause  backoff.ExponentialBackOff
	tries  int           // that ended otherwise than with 429
	waited time.Duration // because of 429
	large  int           // tries that failed as a page does that is too big
}

func newPatience() *patience {
	return &patience{pause: backoff.ExponentialBackOff{
		InitialInterval:     time.Second,
		RandomizationFactor: 0.5,
		Multiplier:          2,
		MaxInterval:         time.Minute,
	}}
}

// ofTries says which try is the next, of how many; nothing where it is the first.
func (p *patience) ofTries() string {
	if p.tries == 0 {
		return ""
	}
	return fmt.Sprintf(" (try %d of %d)", p.tries+1, maxTries)
}

// next says how long to wait before the request is sent again, or that it is not, and then adds to the
// error why.
func (p *patience) next(f *fault) (wait time.Duration, more bool) {
	wait = p.pause.NextBackOff()
	if f.retryAfter > 0 {
		wait = f.retryAfter
	}
	switch {
	case !f.again:
		return 0, false
	case f.retryAfter > maxRetryAfter:
		f.err.Detail += fmt.Sprintf(" (the console asks to wait %s before the next request, and s1graph waits %s at most: run again later, and ask SentinelOne's support if it stays)",
			inWords(f.retryAfter), maxRetryAfter)
		return 0, false
	case f.err.Status == http.StatusTooManyRequests:
		if p.waited+wait > maxWait {
			f.err.Detail += fmt.Sprintf(" (failed after a wait of %s, as the next one would take %s)",
				p.waited.Round(time.Second), wait.Round(time.Second))
			return 0, false
		}
		p.waited += wait
	default:
		if p.tries++; p.tries == maxTries {
			f.err.Detail += fmt.Sprintf(" (%d tries)", p.tries)
			return 0, false
		}
	}
	return wait, true
}

// tooBig says whether the page that was asked for seems to be too big. One that broke may come the next time; one that
// took too long is not waited for twice.
func (p *patience) tooBig(f *fault) bool {
	if !f.big {
		return false
	}
	p.large++
	return f.slow || p.large > 1
}

// admit waits until the limits of path allow a request to be sent.
func (c *Client) admit(ctx context.Context, path string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	wait, giveBack := c.limiter.reserve(path, c.now())
	if wait > 0 {
		if err := c.wait(ctx, pause.Wait{What: "next request for " + path + ", within its rate limit,", Lasts: wait}); err != nil {
			giveBack(c.now())
			return err
		}
	}
	// While this request waits, another one may be told to wait longer.
	for held, before := c.limiter.heldUntil(path), c.now(); held.After(before); held, before = c.limiter.heldUntil(path), held {
		if err := c.wait(ctx, pause.Wait{What: "next request for " + path, Lasts: held.Sub(before), Why: "the console takes no more for now"}); err != nil {
			return err
		}
	}
	return nil
}

// wait waits as long as w lasts.
func (c *Client) wait(ctx context.Context, w pause.Wait) error {
	defer pause.Tell(ctx, w)()
	return c.sleep(ctx, w.Lasts)
}

func (c *Client) newRequest(r request, token string) *http.Request {
	u := c.base
	u.Path += r.path
	u.RawQuery = r.query.Encode()
	return &http.Request{
		Method: http.MethodGet,
		URL:    &u,
		Host:   u.Host,
		Header: http.Header{
			"Accept":        {"application/json"},
			"Authorization": {"ApiToken " + token},
			"User-Agent":    {"s1graph"},
		},
	}
}

// fault is why one attempt came to nothing.
type fault struct {
	err        *Error
	again      bool          // it may go well the next time
	retryAfter time.Duration // how long the console asked to wait; 0 where it did not
	big        bool          // a smaller page may go well
	slow       bool          // it took too long
}

// reason is why the request is sent again, in few words.
func (f *fault) reason() string {
	if number, ok := errors.AsType[syscall.Errno](f.err.Cause); ok {
		return number.Error()
	}
	return f.err.Detail
}

// attempt sends one request and reads its answer, as soon as fewer than Concurrency are under way. It
// says how long that took, from when it was sent.
func (c *Client) attempt(ctx context.Context, req *http.Request, read func(io.Reader) error) (*fault, time.Duration) {
	select {
	case c.slots <- struct{}{}:
		defer func() { <-c.slots }()
	case <-ctx.Done():
		return &fault{err: &Error{Cause: ctx.Err()}}, 0
	}
	sent := c.now()
	f := c.exchange(ctx, req, read)
	return f, c.now().Sub(sent)
}

// exchange sends one request and reads its answer, within the page's deadline.
func (c *Client) exchange(ctx context.Context, req *http.Request, read func(io.Reader) error) *fault {
	ctx, cancel := context.WithTimeout(ctx, c.deadline)
	defer cancel()
	resp, err := c.http.Do(req.WithContext(ctx))
	if err != nil {
		return c.broken(ctx, err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		status := resp.StatusCode
		answer, isConsoles := errorOf(status, resp.Body)
		if isConsoles {
			c.isJSON.Store(true)
		} else if f := c.notConsole(status, answer); f != nil {
			return f
		}
		f := &fault{
			err:        answer,
			again:      status >= 500 && status != http.StatusNotImplemented || slices.Contains([]int{http.StatusTooManyRequests, http.StatusRequestTimeout, http.StatusRequestEntityTooLarge}, status),
			retryAfter: c.retryAfter(resp.Header.Get("Retry-After")),
			slow:       status == http.StatusGatewayTimeout || status == http.StatusRequestEntityTooLarge,
		}
		isPages := status >= 500 || status == http.StatusRequestEntityTooLarge
		f.big = isPages && f.again && f.retryAfter == 0 // who asks to wait says that the page is not the reason
		return f
	}
	if err := read(resp.Body); err != nil {
		if answer, ok := errors.AsType[*Error](err); ok && answer.Foreign == webPage {
			if f := c.notConsole(resp.StatusCode, answer); f != nil {
				return f
			}
		}
		return c.broken(ctx, err)
	}
	c.isJSON.Store(true)
	// A body that is read to its end lets the connection serve the next request. What follows the
	// JSON is of no interest, be it broken or not.
	_, _ = io.CopyN(io.Discard, resp.Body, 4<<10)
	return nil
}

// notConsole is the fault of an answer in HTML, or a 403 without what the API puts around its errors, where the console
// has answered in JSON before: what stands before it, such as a CDN, a proxy or a firewall, answers in its place for a
// while, and says nothing about the URL or the token. It is nil of other answers, and of a 5xx or 413, whose status says enough.
func (c *Client) notConsole(status int, answer *Error) *fault {
	isHTML := answer.Foreign == webPage
	saysEnough := status >= http.StatusInternalServerError || status == http.StatusRequestEntityTooLarge
	if !c.isJSON.Load() || saysEnough || !isHTML && status != http.StatusForbidden {
		return nil
	}
	what := fmt.Sprintf("a %d that is not the console's", status)
	if isHTML {
		what = fmt.Sprintf("an HTML page came with status %d", status)
	}
	return &fault{again: true, err: &Error{Foreign: answer.Foreign, Detail: what + inItsPlace}}
}

const inItsPlace = ", though the console has answered before: a CDN, a proxy or a firewall answers in its place; run again; if it persists, ask whoever runs that"

// broken makes a fault of what went wrong before an answer was there and read.
func (c *Client) broken(ctx context.Context, err error) *fault {
	if final, ok := errors.AsType[*Error](err); ok {
		e := *final
		return &fault{err: &e, again: e.Foreign == redirect}
	}
	if wrapped, ok := errors.AsType[*url.Error](err); ok { // whose text has the query
		err = wrapped.Err
	}
	e := &Error{Cause: err, Detail: "the connection broke: " + clean(err.Error())}
	notJSON, isNotJSON := errors.AsType[*jsontext.SyntacticError](err)
	unknownHost, isUnknownHost := errors.AsType[*net.DNSError](err)
	certificate, isCertificate := errors.AsType[*tls.CertificateVerificationError](err)
	operation, isOperation := errors.AsType[*net.OpError](err)
	isUnreachable := isOperation && operation.Op == "dial"
	switch {
	case isHeaderTooLong(err):
		return &fault{err: beyondBound("", "the headers of the answer have more than %d KiB", maxHeaderBytes>>10)}
	case ctx.Err() != nil:
		e.Cause = nil // it is not the caller's context that ended
		e.Detail = fmt.Sprintf("no whole answer within %s", c.deadline)
		return &fault{err: e, again: true, big: !isUnreachable, slow: true}
	case isUnknownHost && unknownHost.IsNotFound:
		e.Detail = "there is no host " + clean(unknownHost.Name) + "; is the URL right?"
		return &fault{err: e}
	case isCertificate:
		e.Detail = "the console's certificate is not trusted (is a CA file needed?): " + clean(certificate.Err.Error())
		return &fault{err: e}
	case errors.Is(err, http.ErrSchemeMismatch):
		e.Detail = "the console does not speak https on this port; is the URL right?"
		return &fault{err: e}
	case isUnreachable && errors.Is(err, syscall.ECONNREFUSED) && operation.Addr != nil:
		e.Detail = operation.Addr.String() + " refuses connections"
	case isUnreachable:
		e.Detail = "no connection: " + clean(err.Error())
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		e.Detail = "the answer was cut off"
	case isNotJSON:
		e.Detail = fmt.Sprintf("the answer is not JSON, from byte %d on", notJSON.ByteOffset)
		if notJSON.ByteOffset == 0 {
			e.Foreign = noJSON
		}
	}
	return &fault{err: e, again: true, big: !isUnreachable}
}

// isHeaderTooLong says whether headers went beyond Transport.MaxResponseHeaderBytes. net/http has no type for that.
func isHeaderTooLong(err error) bool {
	return strings.Contains(err.Error(), "server response headers exceeded")
}

// retryAfter reads the header of that name: seconds, or a date. 0: there is none, or it says nothing, or it lies in
// the past.
func (c *Client) retryAfter(header string) time.Duration {
	header = strings.TrimSpace(header)
	seconds, err := strconv.ParseUint(header, 10, 64)
	switch {
	case err == nil && seconds < uint64(math.MaxInt64/time.Second):
		return time.Duration(seconds) * time.Second
	case err == nil, errors.Is(err, strconv.ErrRange):
		return math.MaxInt64
	}
	if at, err := http.ParseTime(header); err == nil {
		return max(0, at.Sub(c.now()))
	}
	return 0
}

// inWords is a time that somebody else thought of, and that may be the longest there is.
func inWords(d time.Duration) string {
	if d == math.MaxInt64 {
		return "more than 290 years"
	}
	return d.Round(time.Second).String()
}

package check

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/go-json-experiment/json"

	"s1graph/pause"
	"s1graph/s1"
)

// Where a service user is made and changed in SentinelOne's console.
const serviceUsers = "in the console, Settings > Users > Service Users"

// console checks the way to the console, the token, and the lists.
func (c *checker) console(ctx context.Context) {
	c.address()
	if !c.connection(ctx) {
		c.skipRest("the console cannot be reached")
		return
	}
	client, err := c.client()
	if err != nil {
		c.fault("token", err.Error(), "fix the setting that it names")
		c.skipRest("there is no client")
		return
	}
	defer client.Close()
	ctx = s1.WithObserver(ctx, func(a s1.Attempt) {
		if a.Status == http.StatusTooManyRequests {
			c.tooMany.Add(1)
		}
	})
	c.tell(ctx, client, c.ask(ctx, client))
}

// skipRest skips what was not told of the console yet.
func (c *checker) skipRest(why string) {
	subjects := []string{"API", "token", "role", "scope", "token expiry"}
	for _, l := range lists() {
		subjects = append(subjects, l.subject())
	}
	for _, subject := range append(subjects, "rate limits") {
		if !c.told[subject] {
			c.skip(why, subject)
		}
	}
}

// address says how the URL was understood.
func (c *checker) address() {
	u, err := url.Parse(c.Config.URL)
	if err != nil { // config has checked it
		c.fault("URL", err.Error(), "set it to the console's address, such as https://example.sentinelone.net")
		return
	}
	c.ok("URL", fmt.Sprintf("%s, API %s", u, c.Config.APIVersion))
}

// most is how long the first connection may take.
const most = 20 * time.Second

// mostSkew is how far the clocks may be apart: expiry dates, and how long things are silent, are told by them.
const mostSkew = time.Minute

// connection asks the console once without a token, which it answers with 401, and says how that went.
func (c *checker) connection(ctx context.Context) bool {
	transport := c.Transport
	if transport == nil {
		made, err := s1.NewTransport(c.Config.Proxy.Reveal(), c.Config.CAFile)
		if err != nil {
			c.fault("connection", err.Error(), "look at the settings --ca-file and --proxy")
			return false
		}
		transport = made
	}
	ctx, cancel := context.WithTimeout(ctx, most)
	defer cancel()
	var addresses []string
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{DNSDone: func(i httptrace.DNSDoneInfo) {
		for _, a := range i.Addrs {
			addresses = append(addresses, a.String())
		}
	}})
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, c.Config.URL+"/web/api/"+c.Config.APIVersion+"/system/status", nil)
	if err != nil {
		c.fault("connection", err.Error(), "set url to the console's address, such as https://example.sentinelone.net")
		return false
	}
	asked := c.Clock()
	over := pause.Tell(ctx, pause.Wait{What: "no answer from " + request.URL.Host})
	response, err := transport.RoundTrip(request) // which follows no redirect
	over()
	if err != nil {
		c.fault("connection", reason(err), advice(err, request.URL))
		return false
	}
	defer response.Body.Close()
	start, _ := io.ReadAll(io.LimitReader(response.Body, 64<<10)) // more of it does not matter
	var status struct {
		Data struct {
			Health string `json:"health"`
		} `json:"data"`
	}
	c.statusAnswers = response.StatusCode == http.StatusOK && json.Unmarshal(start, &status) == nil && status.Data.Health != ""
	detail := "reached"
	if len(addresses) > 0 {
		slices.Sort(addresses)
		detail += " at " + strings.Join(addresses, ", ")
	}
	c.ok("connection", detail)
	c.certificate(response.TLS)
	c.clock(asked, response.Header.Get("Date"))
	return true
}

// certificate says until when the console's certificate holds.
func (c *checker) certificate(state *tls.ConnectionState) {
	if state == nil {
		c.warn("TLS", "the connection is not encrypted, which is acceptable only on this machine", "use the console's https address")
		return
	}
	detail := tls.VersionName(state.Version)
	if len(state.PeerCertificates) > 0 {
		detail += ", certificate until " + state.PeerCertificates[0].NotAfter.UTC().Format(time.DateOnly)
	}
	c.ok("TLS", detail)
}

// clock compares this machine's clock with the console's.
func (c *checker) clock(asked time.Time, date string) {
	there, err := http.ParseTime(date)
	if err != nil {
		c.ok("clock", "the console does not say what time it is")
		return
	}
	skew := asked.Sub(there).Round(time.Second)
	if skew.Abs() > mostSkew {
		c.skew = skew
		c.warn("clock", fmt.Sprintf("this machine's clock is %s off the console's", skew), "set the clock, best with NTP: expiry and silence are told by it")
		return
	}
	c.ok("clock", fmt.Sprintf("within %s of the console's", mostSkew))
}

// reason is what broke, without the address, which stands in the table already.
func reason(err error) string {
	var dial *net.OpError
	switch {
	case isOfProxy(err) && isType[*net.DNSError](err):
		return "the proxy's name cannot be resolved"
	case isOfProxy(err):
		return "the proxy cannot be reached: " + cause(err)
	case isRefusalOfProxy(err):
		return "the proxy refuses to connect: " + err.Error()
	case isType[*net.DNSError](err):
		dns, _ := errors.AsType[*net.DNSError](err)
		return "the name cannot be resolved: " + dns.Err
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Sprintf("no answer within %s", most)
	case isPlain(err):
		return "what listens there does not speak TLS"
	case errors.Is(err, syscall.ECONNREFUSED) && errors.As(err, &dial) && dial.Addr != nil:
		return "nothing listens on " + dial.Addr.String()
	}
	return err.Error()
}

// cause is the innermost error: it has no address.
func cause(err error) string {
	for inner := errors.Unwrap(err); inner != nil; inner = errors.Unwrap(err) {
		err = inner
	}
	return err.Error()
}

// isOfProxy says whether a proxy was not reached, rather than the console.
func isOfProxy(err error) bool {
	op, ok := errors.AsType[*net.OpError](err)
	return ok && (op.Op == "proxyconnect" || op.Op == "socks connect")
}

// isRefusalOfProxy says whether a proxy answered CONNECT with a status of its own; net/http gives only the text of that.
func isRefusalOfProxy(err error) bool {
	return err.Error() == http.StatusText(http.StatusProxyAuthRequired) || err.Error() == http.StatusText(http.StatusForbidden) ||
		err.Error() == http.StatusText(http.StatusBadGateway) || err.Error() == http.StatusText(http.StatusServiceUnavailable)
}

func isPlain(err error) bool {
	return errors.Is(err, http.ErrSchemeMismatch) || isType[tls.RecordHeaderError](err)
}

func advice(err error, u *url.URL) string {
	var authority x509.UnknownAuthorityError
	var name x509.HostnameError
	var invalid x509.CertificateInvalidError
	switch {
	case isOfProxy(err):
		return "look at --proxy and HTTPS_PROXY, and whether the proxy runs"
	case isRefusalOfProxy(err):
		return "ask who runs the proxy to let this machine connect to " + u.Host + "; a name and a password for it stand in its address"
	case isType[*net.DNSError](err):
		return "look at the console's address in your browser, and whether this machine can resolve " + u.Hostname()
	case errors.As(err, &authority):
		return "a proxy that opens TLS stands in between, or the certificate is one's own: give its authority with --ca-file"
	case errors.As(err, &name):
		return "the certificate is for another name: look at the console's address in your browser"
	case errors.As(err, &invalid):
		return "the certificate is not valid now: look at this machine's clock, then ask who runs the console"
	case isPlain(err):
		return "look at the console's address in your browser: its port and its scheme"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "look at the console's address in your browser, and whether a firewall or proxy stands in between: HTTPS_PROXY or --proxy"
	case errors.Is(err, context.DeadlineExceeded):
		return "look whether a firewall drops what this machine sends, or a proxy must be used: HTTPS_PROXY or --proxy"
	}
	return "look whether a firewall or proxy stands in between: HTTPS_PROXY or --proxy, and --ca-file for one that opens TLS"
}

func isType[E error](err error) bool {
	_, ok := errors.AsType[E](err)
	return ok
}

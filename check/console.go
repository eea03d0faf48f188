package check

import (
	"cmp"
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
	"sync/atomic"
	"time"

	"s1graph/config"
	"s1graph/connector"
	"s1graph/pause"
	"s1graph/s1"
)

// Where a service user is made and changed in SentinelOne's console.
const serviceUsers = "in the console, Settings > Users > Service Users"

// console checks the way to the console, the token, and the lists.
func (c *checker) console(ctx context.Context) {
	c.address()
	subjects := []string{"token", "role", "scope", "token expiry"}
	for _, l := range lists() {
		subjects = append(subjects, l.subject())
	}
	subjects = append(subjects, "rate limits")
	if !c.connection(ctx) {
		c.skip("the console is not reached", subjects...)
		return
	}
	var limited atomic.Int64
	ctx = s1.WithObserver(ctx, func(a s1.Attempt) {
		if a.Status == http.StatusTooManyRequests {
			limited.Add(1)
		}
	})
	client, err := c.client()
	if err != nil {
		c.fault("token", err.Error(), "")
		c.skip("there is no client", subjects[1:]...)
		return
	}
	defer client.Close()
	if !c.token(ctx, client) {
		c.skip("the token is not accepted", subjects[1:]...)
		return
	}
	c.lists(ctx, client)
	if n := limited.Load(); n > 0 {
		c.warn("rate limits", fmt.Sprintf("the console refused %d requests as too many", n),
			"look who else uses the token, and give s1graph a service user of its own; or set lower rateLimits")
		return
	}
	c.ok("rate limits", "none met")
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
			c.fault("connection", err.Error(), "mend the setting")
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
	response, err := transport.RoundTrip(request) // which follows no redirect
	if err != nil {
		c.fault("connection", reason(err), advice(err, request.URL.Hostname()))
		return false
	}
	defer response.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(response.Body, 64<<10)) // what stands in it does not matter
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
		c.warn("TLS", "the connection is not encrypted, which is for this machine alone", "use the console's https address")
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
		c.warn("clock", fmt.Sprintf("this machine's clock is %s off the console's", skew), "set the clock, best with NTP: expiry and silence are told by it")
		return
	}
	c.ok("clock", fmt.Sprintf("within %s of the console's", mostSkew))
}

// reason is what broke, without the address, which stands in the table already.
func reason(err error) string {
	if dns, ok := errors.AsType[*net.DNSError](err); ok {
		return "the name cannot be resolved: " + dns.Err
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return fmt.Sprintf("no answer within %s", most)
	}
	return err.Error()
}

func advice(err error, host string) string {
	var authority x509.UnknownAuthorityError
	var name x509.HostnameError
	var invalid x509.CertificateInvalidError
	switch {
	case isType[*net.DNSError](err):
		return "look at the console's address in your browser, and whether this machine can resolve " + host
	case errors.As(err, &authority):
		return "a proxy that opens TLS stands in between, or the certificate is one's own: give its authority with --ca-file"
	case errors.As(err, &name):
		return "the certificate is for another name: look at the console's address in your browser"
	case errors.As(err, &invalid):
		return "the certificate is not valid now: look at this machine's clock, then ask who runs the console"
	}
	return "look whether a firewall or proxy stands in between: HTTPS_PROXY or --proxy, and --ca-file for one that opens TLS"
}

func isType[E error](err error) bool {
	_, ok := errors.AsType[E](err)
	return ok
}

func (c *checker) client() (*s1.Client, error) {
	return connector.NewClient(c.Config, func(s *s1.Config) {
		s.Transport, s.Logger = c.Transport, c.Logger
		s.Sleep = c.shortly
	})
}

// shortly waits as the client asks for, but not for long: somebody sits before the screen.
func (c *checker) shortly(ctx context.Context, d time.Duration) error {
	const patience = 5 * time.Second
	if d > patience {
		return fmt.Errorf("the console asks for a pause of %s", d.Round(time.Second))
	}
	return pause.For(ctx, d)
}

// token asks who the token is. It says false where no list can be asked for.
func (c *checker) token(ctx context.Context, client *s1.Client) bool {
	user, err := client.User(ctx)
	c.user = user
	switch {
	case s1.IsUnauthorized(err):
		c.fault("token", "not accepted: "+err.Error(), "see that the token file or "+config.TokenVariable+" holds the whole token of this console, and whether it has expired, "+serviceUsers+"; only then regenerate it there, which revokes the old one")
		return false
	case s1.IsRefused(err), s1.IsNotFound(err):
		c.warn("token", "accepted, but the console does not say whose it is: "+err.Error(),
			"nothing will count as gone, as it cannot be told what the token sees; use a service user's token")
		c.skip("the console does not say", "role", "scope", "token expiry")
		return true
	case err != nil:
		c.fault("token", err.Error(), "look at the lines above, then try again")
		return false
	}
	who := user.FullName
	if user.Email != "" && user.Email != who {
		who = strings.TrimSpace(who + " <" + user.Email + ">")
	}
	c.ok("token", "accepted, of "+who)
	c.role(user)
	c.scope(user)
	c.expiry(user)
	return true
}

// viewer is the role that suffices.
const viewer = "Viewer"

// role warns of a token that may do more than it needs to.
func (c *checker) role(user s1.User) {
	roles := user.RoleNames()
	more := slices.DeleteFunc(slices.Clone(roles), func(role string) bool { return strings.EqualFold(role, viewer) })
	switch {
	case len(roles) == 0:
		c.ok("role", "the console does not say; "+viewer+" suffices")
	case len(more) > 0:
		c.warn("role", strings.Join(roles, ", "), "s1graph only reads, and who gets hold of the token could do more: give the service user the role "+viewer+", "+serviceUsers)
	default:
		c.ok("role", viewer)
	}
}

func (c *checker) scope(user s1.User) {
	const few = 3
	var names []string
	for _, role := range user.ScopeRoles {
		name := cmp.Or(role.Name, role.ID)
		names = append(names, name)
	}
	slices.Sort(names)
	detail := user.Scope
	if len(names) > few {
		detail += fmt.Sprintf(": %s and %d more", strings.Join(names[:few], ", "), len(names)-few)
	} else if len(names) > 0 {
		detail += ": " + strings.Join(names, ", ")
	}
	if len(c.Config.Accounts)+len(c.Config.Sites)+len(c.Config.Groups) > 0 {
		detail += ", narrowed by the configuration"
	}
	c.ok("scope", detail)
}

// soon is when one should look after a token.
const soon = 30 * 24 * time.Hour

func (c *checker) expiry(user s1.User) {
	if user.APIToken == nil || user.APIToken.ExpiresAt <= 0 {
		c.ok("token expiry", "the console does not say")
		return
	}
	at := time.UnixMilli(int64(user.APIToken.ExpiresAt)).UTC()
	left := at.Sub(c.Clock())
	detail := fmt.Sprintf("%s, in %d days", at.Format(time.DateOnly), int(left.Hours()/24))
	if left < soon {
		c.warn("token expiry", detail, "regenerate it "+serviceUsers+", before it ends; a token file is read again by itself")
		return
	}
	c.ok("token expiry", detail)
}

package delivery

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/go-json-experiment/json"

	"s1graph/alerts/outbox"
	"s1graph/config"
)

// mostAnswer is how much of an answer is read, mostly to no purpose but that the connection can be used again.
const mostAnswer = 64 << 10

// webhook is what a destination of format json is of.
var webhook = Service{
	Name: "webhook",
	raw:  true,
	open: func(s *Service, to config.Destination, c Config) (sender, error) {
		if _, err := webhookURL(to); err != nil {
			return nil, err
		}
		return &poster{
			Service: s,
			client: &http.Client{
				Transport:     c.Transport,
				CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
			},
			url: to.URL, secret: to.Secret, clock: c.Clock,
		}, nil
	},
}

// poster posts a message's JSON document. Its headers let a receiver tell a repetition, and that it is from
// us and of now:
//
//	X-S1graph-Id: the alert's ID
//	X-S1graph-Timestamp: seconds since 1970
//	X-S1graph-Signature: sha256=HEX, the HMAC under the destination's secret of the timestamp, a dot and the body
type poster struct {
	*Service
	client *http.Client
	url    config.Secret
	secret config.Secret
	clock  func() time.Time
}

// webhookURL is the URL of a webhook, if it may be one.
func webhookURL(to config.Destination) (*url.URL, error) {
	u, err := url.Parse(to.URL.Reveal())
	switch {
	case err != nil || u.Hostname() == "":
		return nil, errors.New("a destination of format json needs an address like https://host/path")
	case u.Scheme == "https", u.Scheme == "http" && config.IsLoopback(u.Hostname()):
		return u, nil
	case u.Scheme == "http":
		return nil, errors.New("alerts are posted through https only, but to this machine itself")
	}
	return nil, errors.New("a destination of format json needs an address that begins with https://")
}

func (p *poster) send(ctx context.Context, m outbox.Message) *fault {
	body := m.Payload
	if len(body) == 0 {
		encoded, err := json.Marshal(m)
		if err != nil {
			return &fault{reason: "the alert cannot be written as JSON", permanent: true}
		}
		body = encoded
	}
	timestamp := strconv.FormatInt(p.clock().Unix(), 10)
	headers := http.Header{}
	headers.Set("User-Agent", "s1graph")
	headers.Set("X-S1graph-Id", m.ID)
	headers.Set("X-S1graph-Timestamp", timestamp)
	if p.secret.IsSet() {
		mac := hmac.New(sha256.New, []byte(p.secret.Reveal()))
		mac.Write([]byte(timestamp + "."))
		mac.Write(body)
		headers.Set("X-S1graph-Signature", "sha256="+hex.EncodeToString(mac.Sum(nil)))
	}
	return p.post(ctx, p.client, p.url.Reveal(), headers, body, func(answered http.Header, _ []byte) time.Duration {
		return retryAfter(answered, p.clock())
	})
}

// outsideClient is for the services whose host is known. It follows no redirects.
func outsideClient() *http.Client {
	return &http.Client{CheckRedirect: http.DefaultClient.CheckRedirect}
}

// post posts a JSON document. after is what an answer that is no success says of when to come again; nil: what its header
// says.
func (s *Service) post(ctx context.Context, client *http.Client, address string, headers http.Header, body []byte,
	after func(headers http.Header, answer []byte) time.Duration) *fault {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, address, bytes.NewReader(body))
	if err != nil {
		return &fault{reason: "its address cannot be used", permanent: true}
	}
	r.Header = headers
	r.Header.Set("Content-Type", "application/json")
	res, err := client.Do(r)
	if err != nil {
		return s.faultOf(err)
	}
	defer func() { _ = res.Body.Close() }()
	answer, _ := io.ReadAll(io.LimitReader(res.Body, mostAnswer))
	if res.StatusCode >= 200 && res.StatusCode < 300 {
		return nil
	}
	if after == nil {
		return statusFault(res.StatusCode, retryAfter(res.Header, time.Now()))
	}
	return statusFault(res.StatusCode, after(res.Header, answer))
}

// retryAfter is what an answer says of when to come again; 0 where it says nothing.
func retryAfter(h http.Header, now time.Time) time.Duration {
	value := h.Get("Retry-After")
	if seconds, err := strconv.ParseFloat(value, 64); err == nil && seconds > 0 {
		return time.Duration(min(seconds, mostAfter.Seconds()) * float64(time.Second))
	}
	if at, err := http.ParseTime(value); err == nil {
		return max(0, at.Sub(now))
	}
	return 0
}

package delivery

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"s1graph/alerts/outbox"
	"s1graph/config"
)

var alertmanager = Service{
	Name:      "alertmanager",
	URL:       "alertmanager://HOST:9093, or alertmanager+https://USER:PASSWORD@HOST/PREFIX",
	incidents: true,
	lasting:   true,
	host: func(u *url.URL) string {
		return net.JoinHostPort(u.Hostname(), cmp.Or(u.Port(), map[bool]string{true: "443"}[isHTTPS(u)], "9093"))
	},
	open: func(s *Service, to config.Destination, c Config) (sender, error) {
		u, err := url.Parse(to.URL.Reveal())
		if err != nil || u.Hostname() == "" || u.RawQuery != "" || u.Fragment != "" {
			return nil, s.misunderstood()
		}
		if u.User != nil && !isHTTPS(u) && !config.IsLoopback(u.Hostname()) {
			return nil, errors.New("a password goes through https only, but to this machine itself: alertmanager+https://")
		}
		u.Host, u.Scheme = s.host(u), map[bool]string{true: "https", false: "http"}[isHTTPS(u)]
		client := &http.Client{Transport: c.Transport, CheckRedirect: http.DefaultClient.CheckRedirect}
		return &manager{Service: s, url: config.NewSecret(u.JoinPath("api", "v2", "alerts").String()), client: client, clock: c.Clock, lasts: refreshed}, nil
	},
}

func isHTTPS(u *url.URL) bool { return strings.HasSuffix(u.Scheme, "+https") }

// manager sends alerts to Prometheus' Alertmanager. What lasts is sent again and again, each time with an end that lies
// ahead: an Alertmanager that hears nothing more takes it for resolved then.
type manager struct {
	*Service
	url    config.Secret
	client *http.Client
	clock  func() time.Time
	lasts  time.Duration // from when it is sent until it counts as resolved
}

// managed is an alert of POST /api/v2/alerts. Its labels are what it is known by.
type managed struct {
	Labels       map[string]string `json:"labels"`
	Annotations  map[string]string `json:"annotations"`
	StartsAt     time.Time         `json:"startsAt"`
	EndsAt       time.Time         `json:"endsAt,omitzero"` // zero: after the resolve_timeout
	GeneratorURL string            `json:"generatorURL,omitempty"`
}

func (a *manager) send(ctx context.Context, m outbox.Message) *fault {
	return a.refresh(ctx, []outbox.Message{m})
}

// lastFor says how long what lasts is to be taken for lasting when nothing more is heard.
func (a *manager) lastFor(d time.Duration) { a.lasts = d }

// refresh calls POST /api/v2/alerts, see https://github.com/prometheus/alertmanager/blob/main/api/v2/openapi.yaml.
func (a *manager) refresh(ctx context.Context, messages []outbox.Message) *fault {
	var alerts []managed
	for _, m := range messages {
		one := managed{
			Labels:       map[string]string{"alertname": m.Rule, "instance": m.Instance, "severity": m.Severity},
			Annotations:  map[string]string{"summary": m.Title, "description": m.Text, "run": m.Run},
			StartsAt:     m.At.UTC(),
			GeneratorURL: m.Link,
		}
		if m.Key != "" { // of one thing
			maps.Copy(one.Labels, map[string]string{"type": m.Type, "key": m.Key})
		}
		switch m.Op {
		case "began":
			one.EndsAt = a.clock().UTC().Add(a.lasts)
		case "ended":
			one.EndsAt = one.StartsAt
		}
		for _, words := range []map[string]string{one.Labels, one.Annotations} {
			maps.DeleteFunc(words, func(_, value string) bool { return value == "" })
		}
		alerts = append(alerts, one)
	}
	body, err := json.Marshal(alerts, json.Deterministic(true))
	if err != nil {
		return &fault{reason: "the alert cannot be written as JSON", permanent: true}
	}
	return a.post(ctx, a.client, a.url.Reveal(), http.Header{}, body, nil)
}

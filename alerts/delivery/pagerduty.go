package delivery

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/go-json-experiment/json"
	shoutrrrpagerduty "github.com/nicholas-fedor/shoutrrr/pkg/services/incident/pagerduty"

	"s1graph/alerts/outbox"
	"s1graph/config"
	"s1graph/harmless"
)

const pagerdutyHost = "events.pagerduty.com"

var pagerduty = Service{
	Name:      "pagerduty",
	URL:       "pagerduty:///INTEGRATIONKEY",
	host:      func(u *url.URL) string { return cmp.Or(u.Host, pagerdutyHost) },
	incidents: true,
	open: func(s *Service, to config.Destination, _ Config) (sender, error) {
		ready, err := s.locate(to)
		if err != nil {
			return nil, err
		}
		given, _ := url.Parse(to.URL.Reveal()) // which locate has done before
		return &pager{s, ready.(*shoutrrrpagerduty.Service).Config, given.Query(), outsideClient()}, nil
	},
}

// pager sends events to the service of shoutrrr's URL for PagerDuty, whose settings replace what follows from the
// alert. The sending itself is our own: shoutrrr puts all that is said into the title, and takes a refusal for a failure.
type pager struct {
	*Service
	*shoutrrrpagerduty.Config
	given  url.Values
	client *http.Client
}

// send calls POST /v2/enqueue, see https://developer.pagerduty.com/docs/events-api-v2-overview.
func (p *pager) send(ctx context.Context, m outbox.Message) *fault {
	setting := func(name, otherwise string) string { return cmp.Or(p.given.Get(name), otherwise) }
	severities := map[string]string{"info": "info", "low": "info", "medium": "warning", "high": "error", "critical": "critical"}
	action := "trigger"
	if m.Op == "ended" {
		action = "resolve"
	}
	event := map[string]any{
		"routing_key": p.IntegrationKey, "event_action": setting("action", action), "dedup_key": setting("dedup_key", incidentOf(m)),
		"client": setting("client", "s1graph"),
		"payload": map[string]any{
			"summary": harmless.Cut(oneLine(m.Title), mostTitle), "severity": setting("severity", severities[m.Severity]),
			"source": setting("source", m.Instance), "timestamp": m.At.UTC().Format(time.RFC3339), "class": m.Rule,
			"custom_details": map[string]string{"text": clipBytes(m.Text, mostText)},
		},
	}
	if m.Link != "" {
		event["links"] = []map[string]string{{"href": m.Link, "text": "In the console"}}
	}
	body, err := json.Marshal(event, json.Deterministic(true))
	if err != nil {
		return &fault{reason: "the alert cannot be written as JSON", permanent: true}
	}
	host := pagerdutyHost // which shoutrrr forgets where the URL names none
	if p.Host != "" {
		host = net.JoinHostPort(p.Host, strconv.Itoa(int(p.Port)))
	}
	address := "https://" + host + "/v2/enqueue"
	return p.post(ctx, p.client, address, http.Header{}, body, nil)
}

// incidentOf is what all alerts have in common that one incident is kept of. An earlier version queued alerts without it.
func incidentOf(m outbox.Message) string {
	if m.Incident == "" && (m.Op == "began" || m.Op == "ended") {
		state := sha256.Sum256([]byte(m.Instance + "\x00" + m.Rule + "\x00" + m.Key))
		return hex.EncodeToString(state[:])
	}
	return cmp.Or(m.Incident, m.ID)
}

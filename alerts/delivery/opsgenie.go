package delivery

import (
	"cmp"
	"context"
	"net/http"
	"net/url"
	"strconv"

	"github.com/go-json-experiment/json"
	shoutrrropsgenie "github.com/nicholas-fedor/shoutrrr/pkg/services/incident/opsgenie"

	"s1graph/alerts/outbox"
	"s1graph/config"
	"s1graph/harmless"
)

var opsgenie = Service{
	Name:      "opsgenie",
	URL:       "opsgenie://HOST/APIKEY",
	escape:    lookalikes, // descriptions are HTML, a few tags of it
	titled:    true,
	incidents: true,
	open: func(s *Service, to config.Destination, _ Config) (sender, error) {
		ready, err := s.locate(to)
		if err != nil {
			return nil, err
		}
		return &genie{s, ready.(*shoutrrropsgenie.Service).Config, outsideClient()}, nil
	},
}

// genie keeps alerts where shoutrrr's URL for Opsgenie says, whose settings replace what follows from the alert. The
// sending itself is our own: shoutrrr closes nothing.
type genie struct {
	*Service
	*shoutrrropsgenie.Config
	client *http.Client
}

// mostMessage is how many characters Opsgenie takes of a message, which others call a title.
const mostMessage = 130

// send calls POST /v2/alerts, or for an end POST /v2/alerts/{alias}/close, see https://docs.opsgenie.com/docs/alert-api.
func (g *genie) send(ctx context.Context, m outbox.Message) *fault {
	priorities := map[string]string{"info": "P5", "low": "P4", "medium": "P3", "high": "P2", "critical": "P1"}
	title, text := oneLine(m.Title), clipBytes(m.Text, mostText)
	alias := cmp.Or(g.Alias, incidentOf(m))
	address := "https://" + g.Host + ":" + strconv.Itoa(int(g.Port)) + "/v2/alerts"
	var payload any = shoutrrropsgenie.AlertPayload{
		Message: harmless.Cut(title, mostMessage), Alias: alias, Description: text + g.Description, Responders: g.Responders, VisibleTo: g.VisibleTo,
		Actions: g.Actions, Tags: g.Tags, Details: g.Details, Entity: g.Entity, Source: cmp.Or(g.Source, m.Instance),
		Priority: cmp.Or(g.Priority, priorities[m.Severity]), User: g.User, Note: g.Note,
	}
	if m.Op == "ended" {
		address += "/" + url.PathEscape(alias) + "/close?identifierType=alias"
		payload = map[string]string{"source": cmp.Or(g.Source, m.Instance), "user": g.User, "note": title}
	}
	body, err := json.Marshal(payload, json.Deterministic(true))
	if err != nil {
		return &fault{reason: "the alert cannot be written as JSON", permanent: true}
	}
	return g.post(ctx, g.client, address, http.Header{"Authorization": {"GenieKey " + g.APIKey}}, body, nil)
}

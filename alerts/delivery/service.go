package delivery

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/nicholas-fedor/shoutrrr/pkg/router"
	"github.com/nicholas-fedor/shoutrrr/pkg/services/chat/discord"
	"github.com/nicholas-fedor/shoutrrr/pkg/services/chat/matrix"
	shoutrrrtelegram "github.com/nicholas-fedor/shoutrrr/pkg/services/chat/telegram"
	shoutrrrsmtp "github.com/nicholas-fedor/shoutrrr/pkg/services/email/smtp"
	"github.com/nicholas-fedor/shoutrrr/pkg/services/specialized/generic"
	"github.com/nicholas-fedor/shoutrrr/pkg/types"

	"s1graph/alerts/outbox"
	"s1graph/config"
)

// serviceTimeout bounds a request of those of shoutrrr's services that have no client, and no timeout, of
// their own.
const serviceTimeout = 30 * time.Second

// Half of shoutrrr's services use http.DefaultClient, which waits for ever and takes what it is sent to
// elsewhere. There is no other way to give them one: nothing else of s1graph uses it.
func init() {
	http.DefaultClient.Timeout = serviceTimeout
	http.DefaultClient.CheckRedirect = func(*http.Request, []*http.Request) error { return errRedirected }
}

// sender sends to one destination, one message at a time. It returns when ctx ends, if not before.
type sender interface {
	send(ctx context.Context, m outbox.Message) *fault
}

func (d *Deliverer) sender(to config.Destination) (sender, error) {
	if to.Format == "json" {
		return newWebhook(to, d.Transport, d.Clock)
	}
	if err := understood(to); err != nil {
		return nil, err
	}
	s := &service{to: to, scheme: schemeOf(to)}
	if s.scheme == "matrix" {
		return s, nil
	}
	ready, err := locate(to)
	if err != nil {
		return nil, err
	}
	s.ready = ready
	switch ready := ready.(type) {
	case *shoutrrrsmtp.Service:
		ready.Config.FixEmailTags()
		return &mail{ready.Config, d.Clock}, nil
	case *shoutrrrtelegram.Service:
		return newTelegram(ready.Config), nil
	case *generic.Service:
		s.titled = ready.Config.Template != ""
	default:
		s.titled = slices.Contains(titled, s.scheme)
	}
	return s, nil
}

// Check says whether a destination's URL is understood. Nothing is sent, and the error has nothing of the
// URL in it.
func Check(to config.Destination) error {
	if to.Format == "json" {
		_, err := webhookURL(to)
		return err
	}
	return understood(to)
}

// service sends through one of shoutrrr's services. These know no context: a send that does not end in its
// time is left alone, and ends by its own timeout.
type service struct {
	to      config.Destination
	scheme  string
	titled  bool          // a title is shown apart from the text
	ready   types.Service // nil: one has to be made, which for Matrix means to log in
	running atomic.Int32
}

// mostRunning is how many sends of one destination may be left alone at once.
const mostRunning = 4

func (s *service) send(ctx context.Context, m outbox.Message) *fault {
	if s.running.Load() >= mostRunning {
		return &fault{reason: "earlier alerts still wait for its answer"}
	}
	text, params := s.params(m)
	ready := s.ready
	s.ready = nil // what may still be sending is not used again
	answer := make(chan error, 1)
	s.running.Add(1)
	go func() {
		defer s.running.Add(-1)
		defer func() {
			if recover() != nil { // some of them panic where there is no answer
				answer <- errors.New("panic")
			}
		}()
		if ready == nil {
			var err error
			if ready, err = locate(s.to); err != nil {
				answer <- err
				return
			}
		}
		answer <- ready.Send(text, &params)
	}()
	select {
	case err := <-answer:
		s.ready = ready
		return faultOf(s.scheme, err)
	case <-ctx.Done():
		return timedOut()
	}
}

// How long a message may be: the least that the services take, which count in many ways.
const (
	mostTitle = 250  // characters
	mostText  = 3500 // bytes
)

// params makes of a message what shoutrrr takes: text, and by name what else the service knows.
func (s *service) params(m outbox.Message) (string, types.Params) {
	title, text := clipRunes(oneLine(m.Title), mostTitle), clipBytes(m.Text, mostText)
	params := types.Params{}
	switch {
	case s.titled:
		params.SetTitle(title)
		if text == "" {
			params.SetTitle("") // the services say what stands in the text, or nothing
			text = title
		}
	case text == "":
		text = title
	default:
		text = title + "\n" + text
	}
	u, err := url.Parse(s.to.URL.Reveal())
	if err != nil {
		return text, params
	}
	for name, value := range s.incident(m) {
		if !u.Query().Has(name) {
			params[name] = value
		}
	}
	return text, params
}

// titled are the services that show a title apart from the text. Not matrix and mattermost, which take one and
// do nothing with it, nor ntfy, whose service gives every message the first one's.
var titled = []string{
	"bark", "discord", "gotify", "join", "lark", "opsgenie", "pushbullet", "pushover", "slack", "teams",
}

// incident is what services that keep incidents are told beside the text, so that a repetition is one
// incident, and the end of a state closes what its beginning has opened.
func (s *service) incident(m outbox.Message) map[string]string {
	switch s.scheme {
	case "pagerduty":
		severities := map[string]string{"info": "info", "low": "info", "medium": "warning", "high": "error", "critical": "critical"}
		params := map[string]string{"dedup_key": m.ID, "source": m.Instance, "severity": severities[m.Severity]}
		if m.Instance == "" {
			delete(params, "source")
		}
		if params["severity"] == "" {
			delete(params, "severity")
		}
		if m.Op == "began" || m.Op == "ended" {
			state := sha256.Sum256([]byte(m.Instance + "\x00" + m.Rule + "\x00" + m.Key))
			params["dedup_key"] = hex.EncodeToString(state[:])
		}
		if m.Op == "ended" {
			params["action"] = "resolve"
		}
		return params
	case "opsgenie":
		priorities := map[string]string{"info": "P5", "low": "P4", "medium": "P3", "high": "P2", "critical": "P1"}
		params := map[string]string{"alias": m.ID}
		if p := priorities[m.Severity]; p != "" {
			params["priority"] = p
		}
		return params
	}
	return nil
}

// understood says whether a destination's URL is one of a service. It connects to nothing.
func understood(to config.Destination) error {
	if schemeOf(to) != "matrix" {
		_, err := locate(to)
		return err
	}
	u, err := url.Parse(to.URL.Reveal())
	if err == nil {
		err = new(matrix.Config).SetURL(u)
	}
	if err != nil || u.Host == "" {
		return misunderstood("matrix")
	}
	return nil
}

func misunderstood(scheme string) error {
	form := forms[scheme]
	if form == "" {
		form = "what https://shoutrrr.nickfedor.com says of it"
	}
	return fmt.Errorf("the URL is not understood: for %s it is %s", scheme, form)
}

// locate makes a destination's service of shoutrrr; that of Matrix logs in there. The error has nothing of the URL in it: that of shoutrrr
// may have all.
func locate(to config.Destination) (s types.Service, err error) {
	scheme := schemeOf(to)
	defer func() {
		if recover() != nil { // as the one of Teams does where the URL after teams+ is another's
			s, err = nil, misunderstood(scheme)
		}
	}()
	if scheme == "" {
		return nil, errors.New("the URL is of no service that is known; those are: " + strings.Join(services(), ", ") +
			"; a webhook (https://…) needs format: json")
	}
	r, err := router.New(log.New(io.Discard, "", 0))
	if err != nil {
		return nil, errors.New("shoutrrr does not start")
	}
	s, err = r.Locate(to.URL.Reveal())
	if err != nil {
		return nil, misunderstood(scheme)
	}
	switch s := s.(type) {
	case *discord.Service:
		if s.Config.JSON {
			return nil, errors.New("discord with json=yes, or /raw, cannot be used: alerts are text")
		}
		s.HTTPClient, s.Sleeper = discordClient{s.HTTPClient}, noSleep{}
	case *shoutrrrtelegram.Service:
		if m := s.Config.ParseMode; m != shoutrrrtelegram.ParseModes.None && m != shoutrrrtelegram.ParseModes.HTML {
			return nil, errors.New("telegram with a parsemode other than None and HTML cannot be used: it refuses what is not marked up to its taste")
		}
	case *generic.Service:
		if t := s.Config.Template; t != "" && !strings.EqualFold(t, generic.JSONTemplate) {
			return nil, errors.New("generic with a template other than json cannot be used: there are none")
		}
	}
	return s, nil
}

// forms are the URLs of the services that are used most.
var forms = map[string]string{
	"discord":    "discord://TOKEN@WEBHOOKID",
	"generic":    "generic://HOST/PATH",
	"googlechat": "googlechat://chat.googleapis.com/v1/spaces/ID/messages?key=KEY&token=TOKEN",
	"gotify":     "gotify://HOST/TOKEN",
	"matrix":     "matrix://USER:PASSWORD@HOST/?rooms=ROOM",
	"mattermost": "mattermost://HOST/TOKEN",
	"ntfy":       "ntfy://HOST/TOPIC",
	"opsgenie":   "opsgenie://HOST/APIKEY",
	"pagerduty":  "pagerduty:///INTEGRATIONKEY",
	"rocketchat": "rocketchat://HOST/TOKENA/TOKENB",
	"slack":      "slack://hook:A-B-C@webhook, or slack://xoxb:A-B-C@CHANNEL",
	"smtp":       "smtp://USER:PASSWORD@HOST:PORT/?from=ADDRESS&to=ADDRESS",
	"teams":      "teams+https://ORGANISATION.webhook.office.com/webhookb2/…",
	"telegram":   "telegram://TOKEN@telegram?chats=ID",
	"zulip":      "zulip://MAIL:KEY@HOST/?stream=NAME&topic=NAME",
}

// services are the names of shoutrrr's services. logger is left out: it delivers to nobody.
func services() []string {
	all := (&router.ServiceRouter{}).ListServices()
	slices.Sort(all)
	return slices.DeleteFunc(all, func(s string) bool { return s == "logger" })
}

// schemeOf is the service that a URL is of, or "". It is never what merely stands in a service's place: that
// may be a token.
func schemeOf(to config.Destination) string {
	scheme, _, _ := strings.Cut(to.URL.Reveal(), ":")
	scheme, _, _ = strings.Cut(strings.ToLower(scheme), "+")
	if !slices.Contains(services(), scheme) {
		return ""
	}
	return scheme
}

// discordClient lets Discord's service hand on what went wrong, in place of trying again for five minutes.
type discordClient struct{ discord.HTTPClient }

func (c discordClient) Do(r *http.Request) (*http.Response, error) {
	res, err := c.HTTPClient.Do(r)
	switch {
	case err != nil:
		return nil, faultOf("discord", err)
	case res.StatusCode < 300:
		return res, nil
	}
	_ = res.Body.Close()
	return nil, statusFault(res.StatusCode, retryAfter(res.Header, time.Now()))
}

type noSleep struct{}

func (noSleep) Sleep(time.Duration) {}

func clipRunes(s string, most int) string {
	if runes := []rune(s); len(runes) > most {
		return string(runes[:most-1]) + "…"
	}
	return s
}

func clipBytes(s string, most int) string {
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most-len("…")], "") + "…"
}

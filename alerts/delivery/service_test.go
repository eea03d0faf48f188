package delivery_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/nicholas-fedor/shoutrrr/pkg/router"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"s1graph/alerts/delivery"
	"s1graph/alerts/outbox"
	"s1graph/config"
)

// Secrets of the shape that each service wants. None of them may be seen anywhere but at the service.
const (
	slackA, slackB, slackC = "T0S3CRETAA", "B0S3CRETBB", "s3cretS3CRETs3cretS3CRET"
	hex32                  = "5ec7e75ec7e75ec7e75ec7e75ec7e75e"
	uuid1, uuid2, uuid3    = "5ec7e701-aaaa-4aaa-8aaa-aaaaaaaaaaaa", "5ec7e702-bbbb-4bbb-8bbb-bbbbbbbbbbbb", "5ec7e703-cccc-4ccc-8ccc-cccccccccccc"
	word                   = "s3cretw0rd"
)

var planted = []string{slackA, slackB, slackC, hex32, uuid1, uuid2, uuid3, word, "AAAs3cretAAAAAA"}

// everyService is a URL of each service that can be spoken to here, with its secrets.
var everyService = map[string]string{
	"alertmanager": "alertmanager+https://user:" + word + "@alertmanager.example/",
	"bark":         "bark://:" + word + "@bark.example/",
	"discord":      "discord://" + word + "@123456789",
	"generic":      "generic://generic.example/" + word + "?@Authorization=" + word,
	"googlechat":   "googlechat://chat.googleapis.com/v1/spaces/x/messages?key=" + word + "&token=" + slackC,
	"gotify":       "gotify://LOOPBACK/AAAs3cretAAAAAA?disabletls=yes",
	"hangouts":     "hangouts://chat.googleapis.com/v1/spaces/x/messages?key=" + word + "&token=" + slackC,
	"ifttt":        "ifttt://" + word + "/?events=e",
	"join":         "join://shoutrrr:" + word + "@join/?devices=d",
	"lark":         "lark://open.larksuite.com/" + uuid1 + "?secret=" + word,
	"matrix":       "matrix://user:" + word + "@matrix.example/?rooms=room",
	"mattermost":   "mattermost://LOOPBACK/" + word + "?disabletls=yes",
	"notifiarr":    "notifiarr://" + word + "?channel=1",
	"ntfy":         "ntfy://user:" + word + "@LOOPBACK/topic?disabletls=yes",
	"opsgenie":     "opsgenie://api.opsgenie.com/" + uuid1,
	"pagerduty":    "pagerduty:///" + hex32,
	"pushbullet":   "pushbullet://o.s3cretw0rds3cretw0rds3cretw0rd12/device",
	"pushover":     "pushover://shoutrrr:" + word + "@user/",
	"rocketchat":   "rocketchat://rocketchat.example/" + word + "/" + slackC,
	"signal":       "signal://user:" + word + "@signal.example/+14155550100/+14155550101",
	"slack":        "slack://hook:" + slackA + "-" + slackB + "-" + slackC + "@webhook",
	"slack api":    "slack://xoxb:123456789012-1234567890123-" + slackC + "@C001CHANNEL",
	"teams":        "teams://" + uuid1 + "@" + uuid2 + "/" + hex32 + "/" + uuid3 + "/" + word + "?host=acme.webhook.office.com",
	"telegram":     "telegram://110201543:" + "AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw" + "@telegram?chats=1",
	"wecom":        "wecom://" + uuid1,
	"zulip":        "zulip://bot%40zulip.example:" + word + "@acme.zulipchat.com/?stream=s&topic=t",
	"smtp":         "smtp://user:" + word + "@127.0.0.1:1/?from=a@example.com&to=b@example.com&auth=plain",
	"webhook":      "https://user:" + word + "@hook.example/" + slackC + "?key=" + uuid1,
}

func TestEveryServiceOfShoutrrrIsKnownButTheOneThatDeliversToNobody(t *testing.T) {
	var names []string
	for _, s := range delivery.Services() {
		names = append(names, s.Name)
	}
	assert.IsIncreasing(t, names)
	for _, name := range names {
		assert.Contains(t, everyService, name, "everyService has a URL of each service, which is held to keeping its secrets")
	}
	names = slices.DeleteFunc(names, func(name string) bool { return name == "alertmanager" }) // which shoutrrr does not know
	for _, name := range (&router.ServiceRouter{}).ListServices() {
		assert.Equal(t, name != "logger", slices.Contains(names, name), name)
	}
}

func everyDestination() []config.Destination {
	var all []config.Destination
	for name := range everyService {
		to := through(name, addressOf(name))
		if name == "webhook" {
			to.Format, to.Secret = "json", config.NewSecret(word)
		}
		all = append(all, to)
	}
	return all
}

func addressOf(service string) string {
	return strings.ReplaceAll(everyService[service], "LOOPBACK", loopback)
}

func TestSecretsOfDestinationsAreSeenNowhere(t *testing.T) {
	secrets := append([]string{"AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw", "o.s3cretw0rds3cretw0rd"}, planted...)
	for _, s := range planted {
		secrets = append(secrets, url.QueryEscape(s), strings.ToLower(s))
	}
	// A service that says back all that it was told.
	echo := func(code int) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			w.WriteHeader(code)
			fmt.Fprintf(w, `{"ok":false,"error":%q,"message":%q,"errors":[%q]}`, r.URL.String(), fmt.Sprint(r.Header), body)
		}
	}
	let := make(chan struct{})
	letGo := sync.OnceFunc(func() { close(let) })
	defer letGo()
	answers := map[string]http.Handler{
		"bad request": echo(400), "forbidden": echo(403), "not found": echo(404), "too many": echo(429), "server error": echo(500),
		"ok, and then rubbish": echo(200), "redirect": http.RedirectHandler("https://elsewhere.example/"+word, http.StatusFound),
		"hangs":          http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-let }),
		"nobody answers": nil,
	}
	for name, answer := range answers {
		t.Run(name, func(t *testing.T) {
			if answer != nil {
				onTheInternet(t, answer)
			} else {
				offTheInternet(t)
			}
			t.Cleanup(func() {
				if name == "hangs" { // before the server is closed, which waits for it
					letGo()
				}
			})
			desk := newDesk
			if name == "hangs" {
				desk = newHastyDesk
			}
			d := desk(t, everyDestination()...)
			for service := range everyService {
				d.queue(service, "a1")
			}
			_, err := d.deliverer.Drain(t.Context())
			require.NoError(t, err)
			seen := d.logged() + strings.Join(d.observed, "\n")
			left := append(d.queued(), d.dead()...)
			if name != "ok, and then rubbish" {
				assert.Len(t, left, len(everyService), "nothing has arrived")
			}
			for _, e := range left {
				seen += fmt.Sprintf("%s: %s\n", e.Destination, e.LastError)
				assert.NotEmpty(t, e.LastError, e.Destination)
			}
			for _, to := range everyDestination() {
				if err := delivery.Check(to); assert.NoError(t, err, to.Name) && name == "nobody answers" {
					m := message(to.Name, "a2")
					if err := d.deliverer.Send(t.Context(), m); assert.Error(t, err, to.Name) {
						seen += err.Error()
					}
				}
			}
			onDisk, err := os.ReadFile(d.box.Path())
			require.NoError(t, err)
			seen += string(onDisk)
			for _, secret := range secrets {
				assert.NotContains(t, seen, secret)
			}
			if t.Failed() {
				t.Log(seen)
			}
		})
	}
}

func TestWhatIsWrongWithAURLIsToldWithoutTheURL(t *testing.T) {
	for _, u := range []string{
		word, word + "://x", "slack://" + word, "https://hooks.slack.com/services/" + word, "slack://hook:" + word + "@webhook",
		"discord://" + word, "discord://" + word + "@1/raw", "discord://" + word + "@1?json=yes", "telegram://" + word + "@telegram?chats=1",
		"telegram://110201543:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw@telegram?chats=1&parsemode=markdownv2",
		"teams://" + word, "teams+https://acme.webhook.office.com/" + word, "smtp://user:" + word + "@h/", "smtp://user:" + word + "@h/?port=" + word,
		"generic://h/?template=" + word, "alertmanager://user:" + word + "@alertmanager.example:9093", "alertmanager://h?x=" + word, "alertmanager:///" + word,
		"pagerduty:///" + word, "logger://" + word,
		"slack://hook:" + word + "\x7f@x", "http://[" + word, "matrix://user:" + word + "@/", "pushover://" + word, "opsgenie://" + word, "",
	} {
		err := delivery.Check(through("soc", u))
		if assert.Error(t, err, u) {
			assert.NotContains(t, err.Error(), word)
			assert.NotContains(t, err.Error(), "AAHdq")
		}
	}
	err := delivery.Check(through("soc", "https://example.com/x"))
	require.ErrorContains(t, err, "format: json")
	err = delivery.Check(through("soc", "slack://nothing"))
	require.ErrorContains(t, err, "slack://hook:A-B-C@webhook")
}

// sentTo delivers one message through a service and returns what the service got. The answer is 200 with body.
func sentTo(t *testing.T, service, body string, m outbox.Message) request {
	t.Helper()
	r := &receiver{}
	r.answers(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, body) })
	onTheInternet(t, r)
	d := newDesk(t, through("soc", addressOf(service)))
	m.Destination = "soc"
	require.NoError(t, d.box.Update(t.Context(), func(tx *outbox.Tx) error { return tx.Enqueue(m) }))
	assert.Zero(t, d.drain())
	assert.Empty(t, d.dead())
	require.Len(t, r.requests(), 1)
	return r.requests()[0]
}

func TestServicesGetTitleAndText(t *testing.T) {
	for name, want := range map[string]string{
		"discord":    `{"embeds":[{"title":"DC01 is gone","description":"It was last seen\nyesterday.","color":5298687}]}`,
		"googlechat": `{"text":"DC01 is gone\nIt was last seen\nyesterday."}`,
		"mattermost": `{"text":"DC01 is gone\nIt was last seen\nyesterday."}`,
		"slack":      `{"text":"DC01 is gone","attachments":[{"text":"It was last seen"},{"text":"yesterday."}]}`,
		"slack api":  `{"text":"DC01 is gone","channel":"C001CHANNEL","attachments":[{"text":"It was last seen"},{"text":"yesterday."}]}`,
		"teams": `{"@type":"MessageCard","@context":"http://schema.org/extensions","markdown":true,"title":"DC01 is gone",
			"sections":[{"text":"It was last seen"},{"text":"yesterday."}],"summary":"DC01 is gone"}`,
		"telegram": `{"text":"<b>DC01 is gone</b>\nIt was last seen\nyesterday.","chat_id":"1","parse_mode":"HTML",
			"disable_web_page_preview":false,"disable_notification":false}`,
		"pagerduty": `{"payload":{"summary":"DC01 is gone","severity":"error","source":"acme","timestamp":"2026-03-14T12:00:00Z","class":"agent gone",
			"custom_details":{"text":"It was last seen\nyesterday."}},
			"routing_key":"` + hex32 + `","event_action":"trigger","dedup_key":"a1","client":"s1graph"}`,
		"opsgenie": `{"message":"DC01 is gone","alias":"a1","description":"It was last seen\nyesterday.","source":"acme","priority":"P2"}`,
		"wecom":    `{"msgtype":"text","text":{"content":"DC01 is gone\nIt was last seen\nyesterday."}}`,
	} {
		t.Run(name, func(t *testing.T) {
			body := map[string]string{"slack": "ok", "slack api": `{"ok":true}`, "telegram": `{"ok":true}`, "wecom": `{"errcode":0}`}[name]
			assert.JSONEq(t, want, sentTo(t, name, body, message("", "a1")).Body)
		})
	}
	t.Run("ntfy", func(t *testing.T) {
		assert.Equal(t, "DC01 is gone\nIt was last seen\nyesterday.", sentTo(t, "ntfy", "{}", message("", "a1")).Body)
	})
}

func TestWithoutATextTheTitleIsTheText(t *testing.T) {
	for name, want := range map[string]string{
		"discord": `{"content":"DC01 is gone"}`,
		"slack":   `{"text":"","attachments":[{"text":"DC01 is gone"}]}`,
		"telegram": `{"text":"<b>DC01 is gone</b>","chat_id":"1","parse_mode":"HTML",
			"disable_web_page_preview":false,"disable_notification":false}`,
	} {
		t.Run(name, func(t *testing.T) {
			m := message("", "a1")
			m.Text = ""
			body := map[string]string{"slack": "ok", "telegram": `{"ok":true}`}[name]
			assert.JSONEq(t, want, sentTo(t, name, body, m).Body)
		})
	}
}

func TestEachAlertHasItsOwnTitle(t *testing.T) {
	for name := range everyService {
		if name == "smtp" || name == "webhook" {
			continue
		}
		t.Run(name, func(t *testing.T) {
			r := &receiver{}
			r.answers(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "{}") })
			onTheInternet(t, r)
			d := newDesk(t, through("soc", addressOf(name)))
			for _, id := range []string{"a1", "b1"} {
				m := message("soc", id)
				m.Title, m.Text = "title of "+id, "text of "+id
				_ = d.deliverer.Send(t.Context(), m) // some want another answer than {}
				require.NoError(t, d.box.Update(t.Context(), func(tx *outbox.Tx) error { return tx.Enqueue(m) }))
			}
			d.drain()
			said := map[string]int{}
			for _, req := range r.requests() {
				all := fmt.Sprint(req.Header, req.Query, req.Body)
				plain, _ := url.QueryUnescape(req.Body)
				all += plain
				for _, id := range []string{"a1", "b1"} {
					if strings.Contains(all, "text of "+id) {
						said[id]++
						other := map[string]string{"a1": "b1", "b1": "a1"}[id]
						assert.NotContains(t, all, "title of "+other)
					}
				}
			}
			if name != "matrix" { // it wants to log in first
				assert.Positive(t, said["a1"])
				assert.Positive(t, said["b1"])
			}
		})
	}
}

func TestTheEndOfAStateClosesTheIncidentThatItsBeginningOpened(t *testing.T) {
	message := func(id, op, incident string) outbox.Message {
		m := message("", id)
		m.Op, m.Incident = op, incident
		return m
	}
	t.Run("pagerduty", func(t *testing.T) {
		event := func(m outbox.Message) (action, key string) {
			var e struct {
				Action string `json:"event_action"`
				Key    string `json:"dedup_key"`
			}
			require.NoError(t, json.Unmarshal([]byte(sentTo(t, "pagerduty", "{}", m).Body), &e))
			return e.Action, e.Key
		}
		for _, incident := range []string{"", "5ec7"} { // an earlier version queued alerts without
			action, opened := event(message("a1", "began", incident))
			assert.Equal(t, "trigger", action)
			action, closed := event(message("a2", "ended", incident))
			assert.Equal(t, "resolve", action)
			assert.Equal(t, opened, closed)
			_, other := event(message("b1", "began", incident+"7"))
			assert.NotEqual(t, opened, other, "it is of another device")
		}
	})
	t.Run("opsgenie", func(t *testing.T) {
		opened := sentTo(t, "opsgenie", "{}", message("a1", "began", "5ec7"))
		assert.Equal(t, "/v2/alerts", opened.Path)
		assert.Contains(t, opened.Body, `"alias":"5ec7"`)
		closed := sentTo(t, "opsgenie", "{}", message("a2", "ended", "5ec7"))
		assert.Equal(t, "/v2/alerts/5ec7/close", closed.Path)
		assert.Equal(t, "alias", closed.Query.Get("identifierType"))
		assert.Equal(t, "GenieKey "+uuid1, closed.Header.Get("Authorization"))
	})
}

func TestSeverityIsThePriorityWhereThereIsOne(t *testing.T) {
	for service, want := range map[string]map[string]string{
		"pagerduty": {"info": `"severity":"info"`, "medium": `"severity":"warning"`, "high": `"severity":"error"`, "critical": `"severity":"critical"`},
		"opsgenie":  {"info": `"priority":"P5"`, "medium": `"priority":"P3"`, "high": `"priority":"P2"`, "critical": `"priority":"P1"`},
		"gotify":    {"info": `"priority": 1,`, "medium": `"priority": 5,`, "high": `"priority": 7,`, "critical": `"priority": 10,`},
		"pushover":  {"info": "priority=-2", "medium": "priority=0", "high": "priority=1", "critical": "priority=1"},
		"ntfy":      {"info": "Priority:[Min]", "medium": "Priority:[Default]", "high": "Priority:[High]", "critical": "Priority:[Max]"},
	} {
		t.Run(service, func(t *testing.T) {
			r := &receiver{}
			r.answers(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, `{"status":1}`) })
			onTheInternet(t, r)
			d := newDesk(t, through("soc", addressOf(service)))
			severities := []string{"info", "medium", "high", "critical"}
			require.NoError(t, d.box.Update(t.Context(), func(tx *outbox.Tx) error {
				for i, severity := range severities {
					m := message("soc", fmt.Sprint("a", i))
					m.Severity = severity
					require.NoError(t, tx.Enqueue(m))
				}
				return nil
			}))
			d.drain()
			require.Len(t, r.requests(), len(severities))
			for i, req := range r.requests() {
				assert.Contains(t, fmt.Sprint(req.Header, req.Body), want[severities[i]])
			}
		})
	}
	t.Run("but not where the URL sets one", func(t *testing.T) {
		r := &receiver{}
		onTheInternet(t, r)
		d := newDesk(t, through("soc", addressOf("opsgenie")+"?priority=P4"))
		d.queue("soc", "a1")
		d.drain()
		assert.Contains(t, r.requests()[0].Body, `"priority":"P4"`)
	})
}

func TestWhatAServiceRefusesIsADeadLetterAndWhatMayPassIsNot(t *testing.T) {
	answers := func(code int, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(code)
			_, _ = io.WriteString(w, body)
		}
	}
	for _, c := range []struct {
		service string
		answer  http.HandlerFunc
		dead    bool
		reason  string
	}{
		{"slack", answers(404, "no_service"), true, "Slack says no_service"},
		{"slack", answers(429, "rate_limited"), false, "Slack says rate_limited"},
		{"slack", answers(503, ""), false, "HTTP 503 Service Unavailable"},
		{"slack api", answers(200, `{"ok":false,"error":"invalid_auth"}`), true, "Slack says invalid_auth"},
		{"slack api", answers(200, `{"ok":false,"error":"s3cretw0rd"}`), false, "the service slack did not take it"},
		{"discord", answers(404, "{}"), true, "HTTP 404 Not Found"},
		{"discord", answers(429, "{}"), false, "HTTP 429 Too Many Requests"},
		{"discord", answers(500, "{}"), false, "HTTP 500 Internal Server Error"},
		{"generic", answers(410, ""), true, "HTTP 410 Gone"},
		{"generic", answers(502, ""), false, "HTTP 502 Bad Gateway"},
		{"generic", http.RedirectHandler("https://elsewhere.example/", http.StatusFound).ServeHTTP, false, "it redirects, and s1graph follows no redirects"},
		{"googlechat", answers(403, "{}"), true, "HTTP 403 Forbidden"},
		{"opsgenie", answers(422, "{}"), true, "HTTP 422 Unprocessable Entity"},
		{"mattermost", answers(401, "{}"), true, "HTTP 401 Unauthorized"},
		{"teams", answers(400, ""), true, "HTTP 400 Bad Request"},
		{"teams", answers(429, ""), false, "HTTP 429 Too Many Requests"},
		{"telegram", answers(500, "{}"), false, "HTTP 500 Internal Server Error"},
		{"telegram", answers(403, `{"ok":false,"error_code":403,"description":"s3cretw0rd"}`), true, "HTTP 403 Forbidden"},
		{"rocketchat", answers(404, "{}"), true, "HTTP 404 Not Found"},
	} {
		t.Run(c.service+" "+c.reason, func(t *testing.T) {
			onTheInternet(t, c.answer)
			d := newDesk(t, through("soc", addressOf(c.service)))
			d.queue("soc", "a1")
			d.drain()
			entries := append(d.queued(), d.dead()...)
			require.Len(t, entries, 1)
			assert.Equal(t, c.reason, entries[0].LastError)
			assert.Equal(t, c.dead, !entries[0].DeadSince.IsZero())
		})
	}
}

// What was taken must not be sent again for a day because its answer is not JSON.
func TestAnAnswerThatCannotBeReadIsNoFailure(t *testing.T) {
	sentTo(t, "ntfy", "<html>", message("", "a1"))
}

func TestAServiceThatPanicsIsAFailureLikeAnother(t *testing.T) {
	offTheInternet(t) // where zulip's looks into an answer that there is not
	d := newDesk(t, through("soc", everyService["zulip"]))
	d.queue("soc", "a1")
	assert.Equal(t, 1, d.drain())
}

package alerts_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"s1graph/alerts/delivery"
	"s1graph/alerts/outbox"
	"s1graph/config"
	"s1graph/entities"
	"s1graph/graph"
	"s1graph/relationships"
)

var update = flag.Bool("update", false, "write testdata/arrives anew")

const (
	hex32 = "5ec7e75ec7e75ec7e75ec7e75ec7e75e"
	uuid  = "5ec7e701-aaaa-4aaa-8aaa-aaaaaaaaaaaa"
)

// everywhere is a destination of each service; PLAIN is a server that speaks no TLS.
var everywhere = map[string]string{
	"alertmanager": "alertmanager://alertmanager.example:9093",
	"bark":         "bark://:key@bark.example/",
	"discord":      "discord://token@123456789",
	"generic":      "generic://generic.example/?template=json",
	"googlechat":   "googlechat://chat.googleapis.com/v1/spaces/x/messages?key=key&token=token",
	"gotify":       "gotify://PLAIN/AAAAAAAAAAAAAAA?disabletls=yes",
	"ifttt":        "ifttt://key/?events=e",
	"join":         "join://shoutrrr:key@join/?devices=d",
	"lark":         "lark://open.larksuite.com/" + uuid,
	"matrix":       "matrix://user:password@matrix.example/?rooms=!room:matrix.example",
	"mattermost":   "mattermost://PLAIN/token?disabletls=yes",
	"notifiarr":    "notifiarr://key?channel=1",
	"ntfy":         "ntfy://PLAIN/topic?disabletls=yes",
	"opsgenie":     "opsgenie://api.opsgenie.com/" + uuid,
	"pagerduty":    "pagerduty:///" + hex32,
	"pushbullet":   "pushbullet://o.s3cretw0rds3cretw0rds3cretw0rd12/device",
	"pushover":     "pushover://shoutrrr:key@user/",
	"rocketchat":   "rocketchat://rocketchat.example/token/token",
	"signal":       "signal://user:password@signal.example/+14155550100/+14155550101",
	"slack":        "slack://hook:T0AAAAAAA-B0BBBBBBB-cccccccccccccccccccccccc@webhook",
	"smtp":         "smtp://SMTP/?from=s1graph@acme.example&to=soc@acme.example",
	"teams":        "teams://" + uuid + "@" + uuid + "/" + hex32 + "/" + uuid + "/x?host=acme.webhook.office.com",
	"telegram":     "telegram://110201543:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw@telegram?chats=1",
	"webhook":      "https://hook.example/in",
	"wecom":        "wecom://" + uuid,
	"zulip":        "zulip://bot%40zulip.example:key@acme.zulipchat.com/?stream=s&topic=t",
}

func edge(t *graph.Type, from, to string) graph.Record {
	return graph.Record{Type: t, Key: from + "|" + strings.ToLower(t.Class) + "|" + to, From: from, To: to}
}

// infection is the messages of a device that is infected, for all destinations.
func infection(t *testing.T, to []config.Destination) []outbox.Message {
	w := newWorld(t, config.Rule{Use: "device infected"})
	w.config.Destinations = to
	place := properties{"accountId": "1", "siteId": "2", "groupId": "3"}
	of := func(p properties) properties {
		for name, value := range place {
			p[name] = value
		}
		return p
	}
	named := func(r graph.Record, name string) graph.Record {
		r.Set("displayName", graph.String(name))
		return r
	}
	w.put(
		named(entity(entities.Account.GraphType(), "1", nil), "Acme Corporation"), named(entity(entities.Site.GraphType(), "2", properties{"accountId": "1"}), "Austin Office"),
		named(entity(entities.Group.GraphType(), "3", properties{"siteId": "2"}), "Default Group"), named(device("serial", nil), "ACME-WS-0073"),
		named(entity(entities.User.GraphType(), "carla", nil), "Carla Brandt"), named(agent("1001", of(properties{"infected": false})), "ACME-WS-0073"),
		edge(relationships.AgentProtectsDevice.GraphType(), "sentinelone_agent:1001", "sentinelone_device:serial"),
		edge(relationships.UserOwnsDevice.GraphType(), "sentinelone_user:carla", "sentinelone_device:serial"),
	)
	w.apply()
	w.put(
		named(agent("1001", of(properties{"infected": true, "activeThreats": 1})), "ACME-WS-0073"),
		named(entity(threatType(), "9001", of(properties{
			"agentId": "1001", "open": true, "mitigationStatus": "not_mitigated", "classification": "Ransomware", "filePath": `C:\Users\carla_b\*invoice*.exe`,
			"sha1": "da39a3ee5e6b4b0d3255bfef95601890afd80709", "webLink": "https://acme.sentinelone.net/incidents/threats/9001/overview",
		})), "invoice.exe"),
		named(entity(threatType(), "9002", of(properties{"agentId": "1001", "open": false})), "resolved.exe"),
		edge(relationships.AgentHasThreat.GraphType(), "sentinelone_agent:1001", "sentinelone_threat:9001"),
		edge(relationships.AgentHasThreat.GraphType(), "sentinelone_agent:1001", "sentinelone_threat:9002"),
	)
	engine := w.engine()
	engine.Instance, engine.Console = "acme", "https://acme.sentinelone.net"
	_, err := engine.Apply(t.Context(), w.run())
	require.NoError(t, err)
	var all []outbox.Message
	require.NoError(t, w.outbox.View(t.Context(), func(tx *outbox.Tx) error {
		entries, err := tx.Queued("")
		for _, e := range entries {
			all = append(all, e.Message)
		}
		return err
	}))
	return all
}

// Each destination gets what somebody needs to know to do something. testdata/arrives has it as it arrives; look at it
// when it changes: go test ./alerts -run Arrives -update
func TestAnAlertArrivesAtEachDestinationAsPeopleWouldReadIt(t *testing.T) {
	var got []string
	answer := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got = append(got, shownRequest(r, body))
		said := `{"ok":true,"status":1,"access_token":"x","errcode":0,"flows":[{"type":"m.login.password"}],"room_id":"!room:matrix.example"}`
		if r.Host == "hooks.slack.com" {
			said = "ok"
		}
		_, _ = io.WriteString(w, said)
	})
	safe, plain := httptest.NewTLSServer(answer), httptest.NewServer(answer)
	mail, mails := mailbox(t)
	transport := http.DefaultTransport.(*http.Transport)
	before := transport.Clone()
	transport.TLSClientConfig, transport.Proxy = &tls.Config{InsecureSkipVerify: true}, nil
	transport.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		switch {
		case strings.HasSuffix(address, ":9093"):
			address = plain.Listener.Addr().String()
		case !strings.HasPrefix(address, "127."):
			address = safe.Listener.Addr().String()
		}
		return (&net.Dialer{}).DialContext(ctx, network, address)
	}
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		transport.TLSClientConfig, transport.Proxy, transport.DialContext = before.TLSClientConfig, before.Proxy, before.DialContext
		safe.Close()
		plain.Close()
	})
	var to []config.Destination
	for name, address := range everywhere {
		address = strings.NewReplacer("PLAIN", plain.Listener.Addr().String(), "SMTP", mail).Replace(address)
		d := config.Destination{Name: name, URL: config.NewSecret(address)}
		if name == "webhook" {
			d.Format = "json"
		}
		to = append(to, d)
	}
	for _, s := range delivery.Services() {
		assert.Contains(t, append(slices.Collect(mapKeys(everywhere)), "hangouts"), s.Name, "everywhere is to have a destination of each service: then go test ./alerts -run Arrives -update")
	}
	deliverer, err := delivery.New(delivery.Config{Outbox: outbox.At(filepath.Join(t.TempDir(), "x")), Destinations: to, Clock: func() time.Time { return at(1) }})
	require.NoError(t, err)
	messages := infection(t, to)
	require.Len(t, messages, len(everywhere))
	for _, m := range messages {
		got = nil
		_ = deliverer.Send(t.Context(), m) // some want another answer
		if m.Destination == "smtp" {
			got = []string{<-mails}
		}
		arrived := strings.ReplaceAll(strings.Join(got, "\n"), plain.Listener.Addr().String(), "PLAIN")
		path := filepath.Join("testdata", "arrives", m.Destination+".txt")
		if *update {
			require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
			require.NoError(t, os.WriteFile(path, []byte(arrived), 0o644))
		}
		want, err := os.ReadFile(path)
		require.NoError(t, err)
		assert.Equal(t, string(want), arrived, m.Destination)
		said := unquoted(arrived)
		for _, fact := range []string{
			"high", "acme", "Acme Corporation", "ACME-WS-0073 is infected", "2026-11-20", "Carla Brandt", "Austin Office", "Default Group", "invoice.exe", "Ransomware",
			"da39a3ee5e6b4b0d3255bfef95601890afd80709", "https://acme.sentinelone.net/incidents/threats/9001/overview", "s1graph query infected-devices --instance acme",
		} {
			assert.Contains(t, said, fact, m.Destination)
		}
		assert.NotContains(t, said, "resolved.exe", m.Destination)
	}
}

func mapKeys(m map[string]string) func(func(string) bool) {
	return func(yield func(string) bool) {
		for key := range m {
			if !yield(key) {
				return
			}
		}
	}
}

// unquoted is what arrived without what its encoding adds.
func unquoted(s string) string {
	return strings.NewReplacer(`\\-`, "-", `\-`, "-", `\\.`, ".", `\\_`, "_", `\_`, "_", "=\n", "", "\u200b", "").Replace(s)
}

var changing = regexp.MustCompile(`"timestamp": "\d{10}"`)

// shownRequest is a request as somebody can read it: forms and JSON are unfolded.
func shownRequest(r *http.Request, body []byte) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s%s\n", r.Method, r.Host, r.URL.Path)
	for _, header := range []string{"Priority", "Title", "X-S1graph-Id"} {
		if value := r.Header.Get(header); value != "" {
			fmt.Fprintf(&b, "%s: %s\n", header, value)
		}
	}
	values := r.URL.Query()
	var document any
	switch {
	case json.Unmarshal(body, &document) == nil:
		out, _ := json.MarshalIndent(document, "", "  ")
		body = []byte(strings.NewReplacer(`\u003c`, "<", `\u003e`, ">", `\u0026`, "&").Replace(string(out)))
	case strings.Contains(r.Header.Get("Content-Type"), "form"):
		values, _ = url.ParseQuery(string(body))
		body = nil
	}
	for _, name := range slices.Sorted(func(yield func(string) bool) {
		for name := range values {
			if !yield(name) {
				return
			}
		}
	}) {
		fmt.Fprintf(&b, "%s = %s\n", name, values.Get(name))
	}
	b.Write(body)
	return changing.ReplaceAllString(strings.TrimSpace(b.String())+"\n", "…")
}

// mailbox takes mail, and gives what was written after DATA.
func mailbox(t *testing.T) (address string, mails <-chan string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = listener.Close() })
	taken := make(chan string, 1)
	go func() {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		lines := bufio.NewScanner(conn)
		fmt.Fprint(conn, "220 mail\r\n")
		for lines.Scan() {
			if lines.Text() != "DATA" {
				fmt.Fprint(conn, "250 ok\r\n")
				continue
			}
			fmt.Fprint(conn, "354 go on\r\n")
			var mail strings.Builder
			for lines.Scan() && lines.Text() != "." {
				mail.WriteString(lines.Text() + "\n")
			}
			taken <- mail.String()
			fmt.Fprint(conn, "250 ok\r\n")
		}
	}()
	return listener.Addr().String(), taken
}

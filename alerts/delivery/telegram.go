package delivery

import (
	"bytes"
	"context"
	"html"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	shoutrrrtelegram "github.com/nicholas-fedor/shoutrrr/pkg/services/chat/telegram"

	"s1graph/alerts/outbox"
)

// telegram sends to the chats of shoutrrr's URL for Telegram, with its settings. The sending itself is our own:
// shoutrrr's takes it for a success when nobody answers.
type telegram struct {
	*shoutrrrtelegram.Config
	client *http.Client
}

func newTelegram(settings *shoutrrrtelegram.Config) *telegram {
	return &telegram{settings, &http.Client{CheckRedirect: http.DefaultClient.CheckRedirect}}
}

func (t *telegram) send(ctx context.Context, m outbox.Message) *fault {
	title, text := clipRunes(oneLine(m.Title), mostTitle), clipBytes(m.Text, mostText)
	if t.ParseMode == shoutrrrtelegram.ParseModes.None {
		title, text = html.EscapeString(title), html.EscapeString(text)
	}
	if text != "" {
		text = "\n" + text
	}
	text = "<b>" + title + "</b>" + text
	for _, chat := range t.Chats {
		if f := t.sendTo(ctx, chat, text); f != nil {
			return f
		}
	}
	return nil
}

// sendTo calls POST /sendMessage, see https://core.telegram.org/bots/api#sendmessage.
func (t *telegram) sendTo(ctx context.Context, chat, text string) *fault {
	id, topic, _ := strings.Cut(chat, ":")
	payload := map[string]any{
		"chat_id": id, "text": text, "parse_mode": "HTML",
		"disable_web_page_preview": !t.Preview, "disable_notification": !t.Notification,
	}
	if topic, err := strconv.Atoi(topic); err == nil {
		payload["message_thread_id"] = topic
	}
	body, err := json.Marshal(payload)
	if err != nil {
		return &fault{reason: "the alert cannot be written as JSON", permanent: true}
	}
	address := "https://api.telegram.org/bot" + url.PathEscape(t.Token) + "/sendMessage"
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, address, bytes.NewReader(body))
	if err != nil {
		return &fault{reason: "its address cannot be used", permanent: true}
	}
	r.Header.Set("Content-Type", "application/json")
	res, err := t.client.Do(r)
	if err != nil {
		return faultOf("telegram", err)
	}
	defer func() { _ = res.Body.Close() }()
	answer, _ := io.ReadAll(io.LimitReader(res.Body, mostAnswer))
	if res.StatusCode >= 200 && res.StatusCode < 300 {
		return nil
	}
	var said struct {
		Parameters struct {
			RetryAfter int `json:"retry_after"` // seconds
		} `json:"parameters"`
	}
	_ = json.Unmarshal(answer, &said)
	return statusFault(res.StatusCode, time.Duration(said.Parameters.RetryAfter)*time.Second)
}

package delivery

import (
	"context"
	"errors"
	"html"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	shoutrrrtelegram "github.com/nicholas-fedor/shoutrrr/pkg/services/chat/telegram"
	"github.com/nicholas-fedor/shoutrrr/pkg/types"

	"s1graph/alerts/outbox"
	"s1graph/config"
	"s1graph/harmless"
)

var telegram = Service{
	Name:   "telegram",
	URL:    "telegram://TOKEN@telegram?chats=ID",
	host:   at("api.telegram.org:443"),
	escape: withoutMentions,
	isHTML: func(ready types.Service) bool {
		return ready.(*shoutrrrtelegram.Service).Config.ParseMode == shoutrrrtelegram.ParseModes.HTML
	},
	adapt: func(ready types.Service) error {
		m := ready.(*shoutrrrtelegram.Service).Config.ParseMode
		if m != shoutrrrtelegram.ParseModes.None && m != shoutrrrtelegram.ParseModes.HTML {
			return errors.New("telegram with a parsemode other than None and HTML cannot be used: Telegram refuses text that it cannot parse")
		}
		return nil
	},
	open: func(s *Service, to config.Destination, _ Config) (sender, error) {
		ready, err := s.locate(to)
		if err != nil {
			return nil, err
		}
		return &telegramBot{s, ready.(*shoutrrrtelegram.Service).Config, outsideClient()}, nil
	},
}

// telegramBot sends to the chats of shoutrrr's URL for Telegram, with its settings. The sending itself is our
// own: when nobody answers, shoutrrr takes that for a success.
type telegramBot struct {
	*Service
	*shoutrrrtelegram.Config
	client *http.Client
}

func (t *telegramBot) send(ctx context.Context, m outbox.Message) *fault {
	title, text := harmless.Cut(oneLine(m.Title), mostTitle), clipBytes(m.Text, mostText)
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
func (t *telegramBot) sendTo(ctx context.Context, chat, text string) *fault {
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
	return t.post(ctx, t.client, address, http.Header{}, body, func(_ http.Header, answer []byte) time.Duration {
		var said struct {
			Parameters struct {
				RetryAfter int `json:"retry_after"` // seconds
			} `json:"parameters"`
		}
		_ = json.Unmarshal(answer, &said)
		return time.Duration(said.Parameters.RetryAfter) * time.Second
	})
}

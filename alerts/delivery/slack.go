package delivery

import (
	"strings"
	"time"
)

var slack = Service{
	Name:   "slack",
	URL:    "slack://hook:A-B-C@webhook, or slack://xoxb:A-B-C@CHANNEL",
	host:   at("slack.com:443"),
	escape: mrkdwn,
	titled: true,
	fault: func(err error) (*fault, bool) {
		f := slackFault(err.Error())
		return f, f != nil
	},
}

// mrkdwn decodes three entities, and has no way to escape its formatting.
func mrkdwn(s string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(formatting(s))
}

// slackWords are what Slack says for a reason, in place of a status; false: it may pass.
// See https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks and chat.postMessage.
var slackWords = []struct {
	word      string
	permanent bool
}{
	{"account_inactive", true}, {"action_prohibited", true}, {"channel_is_archived", true},
	{"channel_not_found", true}, {"invalid_auth", true}, {"invalid_blocks", true},
	{"invalid_payload", true}, {"invalid_token", true}, {"is_archived", true}, {"missing_scope", true},
	{"msg_too_long", true}, {"no_active_hooks", true}, {"no_service_id", true}, {"no_service", true},
	{"no_team", true}, {"no_text", true}, {"not_authed", true}, {"not_in_channel", true},
	{"posting_to_general_channel_denied", true}, {"team_disabled", true}, {"team_not_found", true},
	{"token_expired", true}, {"token_revoked", true}, {"user_not_found", true},
	{"rate_limited", false}, {"ratelimited", false}, {"rollup_error", false}, {"internal_error", false},
	{"service_unavailable", false},
}

func slackFault(text string) *fault {
	for _, w := range slackWords {
		if !strings.HasSuffix(text, ": "+w.word) {
			continue
		}
		f := &fault{reason: "Slack says " + w.word, permanent: w.permanent}
		if strings.HasPrefix(w.word, "rate") {
			f.after = 30 * time.Second
		}
		return f
	}
	return nil
}

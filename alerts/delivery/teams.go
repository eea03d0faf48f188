package delivery

import (
	"cmp"
	"net/url"
	"strings"
)

var teams = Service{
	Name:   "teams",
	URL:    "teams+https://ORGANISATION.webhook.office.com/webhookb2/…",
	host:   func(u *url.URL) string { return cmp.Or(u.Query().Get("host"), u.Host) },
	escape: htmlInMarkdown,
	titled: true,
}

// htmlInMarkdown is for Teams, which reads HTML inside Markdown.
func htmlInMarkdown(s string) string {
	return strings.NewReplacer("&", "&amp;", `\<`, "&lt;", `\>`, "&gt;").Replace(markdown(s))
}

package delivery_test

import (
	"html"
	"regexp"
	"strings"
	"testing"
	"unicode"

	"github.com/stretchr/testify/assert"

	"s1graph/alerts/delivery"
	"s1graph/s1/s1test"
)

// markups are a destination of each markup: what of its text it acts on, and what people then see of it.
var markups = map[string]struct {
	url  string
	live *regexp.Regexp      // what must not be left
	seen func(string) string // what is shown
}{
	"slack":           {everyService["slack"], regexp.MustCompile("[<>*`~]|&(?:[^algm]|$)|(?:^|\\W)_\\w|\\w://"), html.UnescapeString},
	"discord":         {everyService["discord"], unescaped("*_`~|<>[]", `@(everyone|here)|(^|[^\pL\pN])@\w|\w://`), withoutBackslashes},
	"mattermost":      {everyService["mattermost"], unescaped("*_`~|<>[]", `@(all|channel|here)|(^|[^\pL\pN])@\w|\w://`), withoutBackslashes},
	"teams":           {everyService["teams"], unescaped("*_`~|[]", `[<>]|&(?:[^algm]|$)|\w://`), func(s string) string { return html.UnescapeString(withoutBackslashes(s)) }},
	"googlechat":      {everyService["googlechat"], regexp.MustCompile("[<>*`~]|(?:^|\\W)_\\w|\\w://"), nil},
	"rocketchat":      {everyService["rocketchat"], regexp.MustCompile("[<>*`~]|(?:^|\\W)_\\w|@(all|here)|\\]\\(|\\w://"), nil},
	"zulip":           {everyService["zulip"], regexp.MustCompile("[<>*`~]|@\\*\\*|\\]\\(|\\w://"), nil},
	"telegram":        {everyService["telegram"], regexp.MustCompile(`(^|[^\pL\pN])@\w|\w://`), nil}, // it is sent as HTML, and escaped there
	"telegram, HTML":  {everyService["telegram"] + "&parsemode=HTML", regexp.MustCompile(`[<>"']|(^|[^\pL\pN])@\w|\w://`), html.UnescapeString},
	"mail":            {everyService["smtp"], regexp.MustCompile(`\w://`), nil},
	"mail, HTML":      {everyService["smtp"] + "&usehtml=yes", regexp.MustCompile(`[<>"']|\w://`), html.UnescapeString},
	"pagerduty":       {everyService["pagerduty"], regexp.MustCompile(`\w://`), nil},
	"a service of no": {"generic://h/", regexp.MustCompile(`\w://`), nil},
}

// unescaped finds what of chars stands without a backslash before it, or more.
func unescaped(chars, more string) *regexp.Regexp {
	return regexp.MustCompile(`(?:^|[^\\])(?:\\\\)*[` + regexp.QuoteMeta(chars) + `]|` + more)
}

var escapes = regexp.MustCompile(`\\([^\pL\pN\s])`)

func withoutBackslashes(s string) string { return escapes.ReplaceAllString(s, "$1") }

var hostile = append([]string{
	"<!channel>", "<!everyone>", "<@U012AB3CD>", "<#C012AB3CD>", "@everyone", "@here now", "x@everyone", "<@123456789012345678>", "<@&1>",
	"@@everyone", "@**all**", "<users/all>", "https://evil.example/x", "[a](https://evil.example)", "**b** __u__ ~~s~~ `c` ||d||", "# heading",
	"- item", "1. item", "> quote", "<b>b</b>", "<img src=x onerror=alert(1)>", "&lt;b&gt;", `<a href="https://evil.example">a</a>`, "\\*b\\*", "\\", "_",
	"www.evil.example", "_WWW.evil.example", "(www.www.evil.example)", "www。evil.example", "mailto:x@evil.example", "xMailto:x@evil.example?body=//evil.example",
	"//evil.example/x", "///evil.example", "xmpp:x@evil.example", "tel:+4912345", "_sms:110", "javascript:alert(1)", "magnet:?xt=urn:x", "skype:echo?call",
	"a\nb", "\r\nBcc: x@evil.example", "\u202egnp.exe", "\u2028", "\xff\xfe", "@admin", "(@admin)", "tg://resolve?domain=x", "*", "a*b*c", "_a_",
}, s1test.HostileNames...)

// linked is what services and mail programs make a link of, whatever their markup is.
var linked = regexp.MustCompile(`(?i)//|www[.。．｡]|mailto:|xmpp:|(?:^|[^\pL\pN])(?:tel|sms|sips?|callto|skype|magnet|news|javascript):`)

// defused is what its slashes become; with backslashes where brackets are markup.
var defused = regexp.MustCompile(`\\?\[:?//\\?\]`)

func TestNoNameIsAMentionALinkOrMarkup(t *testing.T) {
	for _, s := range hostile {
		assertDefused(t, s)
	}
}

func assertDefused(t *testing.T, s string) {
	t.Helper()
	for name, m := range markups {
		got := delivery.Escape(through("soc", m.url))(s)
		assert.NotRegexp(t, m.live, got, "%s: %q", name, s)
		assert.NotRegexp(t, linked, defused.ReplaceAllString(got, ""), "%s: %q", name, s)
		for _, r := range got {
			assert.True(t, unicode.IsPrint(r) || strings.ContainsRune("\u200b\u200c\u200d", r), "%s: %q has %U", name, s, r)
		}
		assert.LessOrEqual(t, len([]rune(got)), 6*256+256, name)
		assert.Equal(t, got == "", s == "", name)
	}
}

func FuzzEscape(f *testing.F) {
	for _, s := range hostile {
		f.Add(s)
	}
	f.Fuzz(assertDefused)
}

func TestALegibleNameStaysAsItIs(t *testing.T) {
	for name, m := range markups {
		escape := delivery.Escape(through("soc", m.url))
		for _, s := range []string{
			"DESKTOP-1234", "srv_db_01", "Müller's MacBook Pro", "web01.corp.example", "ACME\\jdoe", "alice@corp.example", "AT&T", "財務部 1号",
			"حاسوب-المحاسبة", "מחשב-הנהלה", "💻🔥-лаптоп", "می\u200cخواهم", "10.0.0.1", "C:\\Windows\\System32\\cmd.exe /c dir", "a (b) {c} #1 +2 = 3", "awwww", "hotel: 3", "mail to: x", "www",
		} {
			got := escape(s)
			if m.seen != nil {
				got = m.seen(got)
			}
			assert.Equal(t, s, got, name)
		}
	}
}

func TestWhatCannotBeSeenIsShownAsItsCode(t *testing.T) {
	escape := delivery.Escape(through("soc", "generic://h/"))
	for s, want := range map[string]string{
		"a\nb\t\r": `a\nb\t\r`, "\x1b[31mred": `\x1b[31mred`, "invoice\u202efdp.exe": `invoice\u202efdp.exe`, "\xff": `\xff`, "": "",
		strings.Repeat("x", 300): strings.Repeat("x", 255) + "…", "https://evil.example": "https[://]evil.example", "see www.evil.example": "see www[.]evil.example",
		"mailto:x@evil.example": "mailto[:]x@evil.example", "//evil.example": "[//]evil.example",
	} {
		assert.Equal(t, want, escape(s))
	}
}

func TestWhoReadsJSONGetsTheNameItself(t *testing.T) {
	escape := delivery.Escape(hook("hook", "https://example.com"))
	assert.Equal(t, "<!channel> <https://evil.example|click>", escape("<!channel> <https://evil.example|click>"))
	assert.Equal(t, `a\nb`, escape("a\nb"))
}

package delivery

import (
	"html"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	shoutrrrtelegram "github.com/nicholas-fedor/shoutrrr/pkg/services/chat/telegram"
	shoutrrrsmtp "github.com/nicholas-fedor/shoutrrr/pkg/services/email/smtp"

	"s1graph/config"
)

// mostValue is how long one value may be, in characters; longer ones are cut.
const mostValue = 256

// Escape makes of a value, such as a computer's name, what a destination shows as that text and nothing
// else: no mention, no link, no formatting, no line of its own. A computer may be named <!channel>. Control
// characters, line breaks and marks that turn the direction of writing are shown as their codes. It is for
// the values that a message is made of, not for the message.
func Escape(to config.Destination) func(string) string {
	if to.Format == "json" {
		return shown // who reads JSON gets the name itself
	}
	markup, isHTML := dialects[schemeOf(to)], writesHTML(to)
	return func(s string) string {
		s = withoutLinks(clipRunes(shown(s), mostValue))
		if markup != nil {
			s = markup(s)
		}
		if isHTML {
			s = html.EscapeString(s)
		}
		return s
	}
}

// dialects are the markups of services that have one; the others show text as it is.
var dialects = map[string]func(string) string{
	"discord":    markdown,
	"googlechat": lookalikes,
	"hangouts":   lookalikes,
	"ifttt":      lookalikes,
	"lark":       lookalikes,
	"matrix":     withoutMentions,
	"mattermost": markdown,
	"notifiarr":  markdown,
	"opsgenie":   lookalikes, // descriptions are HTML, a few tags of it
	"rocketchat": lookalikes,
	"signal":     lookalikes,
	"slack":      slack,
	"teams":      teams,
	"telegram":   withoutMentions,
	"wecom":      lookalikes,
	"zulip":      lookalikes,
}

// writesHTML tells whether a destination's text is HTML: what its URL asks for, and not a service's own
// default.
func writesHTML(to config.Destination) bool {
	switch schemeOf(to) {
	case "telegram", "smtp":
	default:
		return false
	}
	s, err := locate(to)
	if err != nil {
		return false
	}
	switch s := s.(type) {
	case *shoutrrrtelegram.Service:
		return s.Config.ParseMode == shoutrrrtelegram.ParseModes.HTML
	case *shoutrrrsmtp.Service:
		return s.Config.UseHTML
	}
	return false
}

// shown writes what cannot be seen, or does something when it is, as its code.
func shown(s string) string {
	const nonJoiner, joiner = '\u200c', '\u200d' // of scripts of India and Persia, and of emoji
	var b strings.Builder
	for i, r := range s {
		switch {
		case r == utf8.RuneError && !strings.HasPrefix(s[i:], "\uFFFD"):
			b.WriteString(`\x` + strconv.FormatUint(uint64(s[i]), 16))
		case !unicode.IsPrint(r) && r != nonJoiner && r != joiner:
			quoted := strconv.QuoteRuneToASCII(r)
			b.WriteString(quoted[1 : len(quoted)-1])
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// unseen keeps apart what a service would take for a mention together, and has no width.
const unseen = "\u200b"

var links = strings.NewReplacer("://", "[://]")

// withoutLinks keeps an address from becoming a link, in the way in which those who write of malware do: most
// services, and mail programs, make one of everything that looks like it.
func withoutLinks(s string) string { return links.Replace(s) }

// groups are the mentions of many that services know. They count even behind a letter.
var groups = []string{"everyone", "here", "all", "channel", "room", "team"}

// withoutMentions leaves mail addresses as they are.
func withoutMentions(s string) string {
	var b strings.Builder
	before := ' '
	for i, r := range s {
		b.WriteRune(r)
		if r == '@' {
			after := strings.ToLower(s[i+1:])
			isGroup := slices.ContainsFunc(groups, func(g string) bool { return strings.HasPrefix(after, g) })
			if isGroup || !unicode.IsLetter(before) && !unicode.IsDigit(before) {
				b.WriteString(unseen)
			}
		}
		before = r
	}
	return b.String()
}

var (
	punctuation = strings.NewReplacer(
		`\`, `\\`, "`", "\\`", "*", `\*`, "_", `\_`, "[", `\[`, "]", `\]`, "<", `\<`, ">", `\>`, "|", `\|`, "~", `\~`)
	// At the beginning of a line these make headings and lists.
	leading = regexp.MustCompile(`^(\s*\d*)([-#+=.)])`)
)

// markdown is for services that show what stands behind a backslash as it is.
func markdown(s string) string {
	return leading.ReplaceAllString(punctuation.Replace(withoutMentions(s)), `$1\$2`)
}

// teams reads HTML inside Markdown.
func teams(s string) string {
	return entities.Replace(markdown(s))
}

var entities = strings.NewReplacer("&", "&amp;", `\<`, "&lt;", `\>`, "&gt;")

// slack decodes three entities, and has no way to escape its formatting.
func slack(s string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(formatting(s))
}

// lookalikes is for services that have markup and no way to escape it.
func lookalikes(s string) string {
	return strings.NewReplacer("<", "‹", ">", "›", "](", "] (").Replace(formatting(withoutMentions(s)))
}

var (
	strokes = strings.NewReplacer("*", "∗", "`", "ˋ", "~", "∼")
	// Underscores inside a word, as names have them, format nothing.
	outerUnderscores = regexp.MustCompile(`(^|[^\pL\pN_])_+|_+($|[^\pL\pN_])`)
)

// formatting replaces the characters that make text bold and the like by others that look the same.
func formatting(s string) string {
	s = strokes.Replace(s)
	return outerUnderscores.ReplaceAllStringFunc(s, func(found string) string {
		return strings.ReplaceAll(found, "_", "＿")
	})
}

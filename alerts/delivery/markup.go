package delivery

import (
	"html"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"s1graph/config"
	"s1graph/harmless"
)

// mostValue is how long one value may be, in characters; longer ones are cut.
const mostValue = 256

// Escape makes of a value, such as a computer's name, what a destination shows as that text and nothing
// else: no mention, no link, no formatting, no line of its own. A computer may be named <!channel>. Control
// characters, line breaks and marks that turn the direction of writing are shown as their codes. It is for
// the values that a message is made of, not for the message.
func Escape(to config.Destination) func(string) string {
	service, err := serviceOf(to)
	if err != nil {
		service = &Service{} // nothing will be sent to it
	}
	if service.raw {
		return harmless.Text
	}
	isHTML := service.writesHTML(to)
	return func(s string) string {
		s = withoutLinks(harmless.Cut(harmless.Text(s), mostValue))
		if service.escape != nil {
			s = service.escape(s)
		}
		if isHTML {
			s = html.EscapeString(s)
		}
		return s
	}
}

// writesHTML tells whether a destination's text is HTML: what its URL asks for, and not a service's own
// default.
func (s *Service) writesHTML(to config.Destination) bool {
	if s.isHTML == nil {
		return false
	}
	ready, err := s.locate(to)
	return err == nil && s.isHTML(ready)
}

// unseen keeps apart what a service would take for a mention together, and has no width.
const unseen = "\u200b"

// links finds what most services, and mail programs, make a link of. The dot behind www may be one of East Asia.
var links = regexp.MustCompile(`(?i)(:?//|(?:mailto|xmpp|(?:\b|_)(?:tel|sms|sips?|callto|skype|magnet|news|javascript)):|www[.。．｡])`)

// withoutLinks keeps an address from becoming a link, in the way in which those who write of malware do: hxxp[://], www[.].
func withoutLinks(s string) string {
	return links.ReplaceAllStringFunc(s, func(found string) string {
		at := strings.IndexAny(found, ":/.。．｡")
		return found[:at] + "[" + found[at:] + "]"
	})
}

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

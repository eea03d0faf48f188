// Package token knows what an API token looks like, and what people put around it. What a token may see is the
// console's to say, and none of this package's business.
package token

import (
	"errors"
	"regexp"
	"strings"
)

// Check returns the token that a file or a variable holds, without blanks and line ends around it. What cannot be a token
// alone is refused, before anything is sent: the console would answer 401, as if the token were no longer good. The
// error is a sentence without its subject, says what to do, and never repeats what was given.
func Check(content string) (string, error) {
	token := strings.TrimSpace(content)
	switch {
	case IsUTF16(content):
		return "", errors.New("must hold the API token in plain letters, and is in UTF-16, as Notepad (Unicode) and PowerShell (>) write it: save it as UTF-8 or ASCII; the token itself is still good")
	case strings.HasPrefix(token, BOM):
		return "", errors.New("must hold the API token alone, and begins with a byte order mark: save it as UTF-8 without BOM; the token itself is still good")
	case token == "":
		return "", errors.New("must hold the API token, and is empty")
	}
	for _, s := range surroundings {
		if s.pattern.MatchString(token) {
			return "", errors.New("must hold the API token alone, and " + s.fault + "; the token itself is still good")
		}
	}
	if !alone.MatchString(token) {
		return "", errors.New("must hold the API token alone: one line, without spaces, of letters, digits and . _ - + / ~ =")
	}
	return token, nil
}

// BOM is the byte order mark that some editors put before UTF-8.
const BOM = "\ufeff"

// IsUTF16 says whether a text is in UTF-16, which has a mark at its beginning or a zero beside each letter.
func IsUTF16(content string) bool {
	return strings.HasPrefix(content, "\xff\xfe") || strings.HasPrefix(content, "\xfe\xff") ||
		len(content) > 1 && (content[0] == 0 || content[1] == 0)
}

// alone is what a bearer token may consist of (RFC 6750). SentinelOne's are JSON web tokens, or 80 letters and digits.
var alone = regexp.MustCompile(`^[A-Za-z0-9._~+/-]+=*$`)

// surroundings are what people leave around a token that they copy, in the order in which they are looked for.
var surroundings = []struct {
	pattern *regexp.Regexp
	fault   string
}{
	{regexp.MustCompile(`^[\[{]`), "is a JSON document: put there what its member for the token holds, without the quotation marks"},
	{regexp.MustCompile(`(?s)^-----BEGIN`), "holds a key or a certificate: name the file with the token"},
	{regexp.MustCompile(`^(?i:https?)://`), "holds an address: name the file with the token"},
	{regexp.MustCompile("^[\"'`\u201c\u201d\u201e\u2018\u2019\u00ab]|[\"'`\u201c\u201d\u2018\u2019\u00bb]$"), "has a quotation mark at its beginning or end: remove the quotation marks"},
	{regexp.MustCompile(`^(?i:authorization\s*[:=]\s*)?(?i:apitoken|bearer|token)[\s:]+[^\s=]`), "has the word ApiToken, Bearer or Token before it: remove the word, which s1graph sends by itself"},
	{regexp.MustCompile(`^(?i:authorization)\s*:`), "has the name of a header before it: remove the name"},
	{regexp.MustCompile(`^(?:(?:export|set)\s+|\$(?:Env:|env:)?)?[A-Za-z_][A-Za-z0-9_.-]*\s*=\s*[^=\s]`), "has NAME= before it: remove the name and the sign"},
	{regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_-]*\s*:\s*\S+$`), "has NAME: before it: remove the name and the colon"},
	{regexp.MustCompile(`^\$\{?[A-Za-z_]|^%[A-Za-z_]+%$|^<[^>]*>$`), "has in its place what was to be replaced by it: put the token there"},
}

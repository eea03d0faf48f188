package cli

import (
	"bytes"
	"errors"
	"io"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// hidden is printed in the place of a secret.
const hidden = "***"

// secretName finds in the name of a field that it holds what lets somebody in. Behind the word may stand what form the secret
// has, and nothing else: apiTokenExpiresAt is none. A key is one only with a word before it, as in licenseKey.
var secretName = regexp.MustCompile(`(?:(?:token|pass ?phrase|pass ?word|passwd|pass ?code|secret|credential)s?|[a-z0-9] keys?|(?:api|licen[cs]e|private|access)keys?)(?: (?:value|hash|text|string|data|plain|raw|encoded|encrypted|base64|pem|[0-9]+)s?)*$`)

// openKeys end the names of keys that are no secrets: those of the registry, of tags, of what changed.
var openKeys = []string{"public key", "registry key", "previous key", "current key", "application key", "info key", "primary key", "group key", "tag key"}

// secretText finds secrets under other names: a JWT and a registration token, which both begin with an object of JSON in
// base64, and a private key.
var secretText = regexp.MustCompile(`\beyJ[A-Za-z0-9+/_=.-]{17,}|-----BEGIN [A-Z ]*PRIVATE KEY-----(?:[^-]|-[^-])*(?:-----END [A-Z ]*PRIVATE KEY-----)?`)

var (
	beginOfWord = regexp.MustCompile(`([a-z])([A-Z])|([A-Z])([A-Z][a-z])|([A-Za-z])([0-9])`)
	notInWords  = regexp.MustCompile(`[^a-z0-9]+`)
)

// isSecret says whether a field of this name holds a secret, whatever its case and what stands between its words.
func isSecret(name string) bool {
	words := beginOfWord.ReplaceAllString(name, "$1$3$5 $2$4$6")
	words = strings.TrimSpace(notInWords.ReplaceAllString(strings.ToLower(words), " "))
	singular := strings.TrimSuffix(words, "s")
	return secretName.MatchString(words) && !slices.ContainsFunc(openKeys, func(key string) bool { return strings.HasSuffix(singular, key) })
}

// hideSecrets puts *** in the place of secrets, wherever they are in a row of an endpoint and whatever they are, and the row
// on one line. Booleans and null stay, as they tell none.
func hideSecrets(endpoint string, row jsontext.Value) (jsontext.Value, error) {
	lenient := []jsontext.Options{jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true)}
	var shown bytes.Buffer
	d := jsontext.NewDecoder(bytes.NewReader(row), lenient...)
	e := jsontext.NewEncoder(&shown, append(lenient, jsontext.Multiline(false))...)
	hide := d.PeekKind() == '"' && isSecret(path.Base(endpoint)) // of the value that is next
	for {
		kind := d.PeekKind()
		if hide && strings.ContainsRune(`"0{[`, rune(kind)) {
			if err := errors.Join(d.SkipValue(), e.WriteToken(jsontext.String(hidden))); err != nil {
				return nil, err
			}
			hide = false
			continue
		}
		token, err := d.ReadToken()
		if errors.Is(err, io.EOF) {
			return bytes.TrimSpace(shown.Bytes()), nil
		}
		if err != nil {
			return nil, err
		}
		within, length := d.StackIndex(d.StackDepth())
		hide = kind == '"' && within == '{' && length%2 == 1 && isSecret(token.String())
		if kind == '"' {
			if text := token.String(); secretText.MatchString(text) {
				token = jsontext.String(secretText.ReplaceAllString(text, hidden))
			}
		}
		if err := e.WriteToken(token); err != nil {
			return nil, err
		}
	}
}

package token_test

import (
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"s1graph/token"
)

// The forms of SentinelOne's tokens.
var (
	webToken = "eyJhbGciOiJFUzI1NiJ9." + strings.Repeat("Ab3_", 40) + "." + strings.Repeat("-x9", 20)
	oldToken = strings.Repeat("aB3d", 20)
)

func TestATokenIsTakenWithTheBlanksAroundItRemoved(t *testing.T) {
	for _, want := range []string{webToken, oldToken, "SECRET-token-of-a-service-user", "abc=="} {
		for _, content := range []string{want, want + "\n", "\r\n" + want + "\r\n", "\t " + want + " "} {
			got, err := token.Check(content)
			require.NoError(t, err)
			assert.Equal(t, want, got)
		}
	}
}

func TestWhatStandsAroundATokenIsRefusedWithWhatToDo(t *testing.T) {
	for _, secret := range []string{webToken, oldToken} {
		for content, want := range map[string]string{
			"\ufeff" + secret:                                 "begins with a byte order mark: save it as UTF-8 without BOM",
			inUTF16(secret, true, true):                       "is in UTF-16, as Notepad (Unicode) and PowerShell (>) write it: save it as UTF-8 or ASCII",
			inUTF16(secret, false, true):                      "is in UTF-16",
			inUTF16(secret, true, false):                      "is in UTF-16",
			inUTF16(secret, false, false):                     "is in UTF-16",
			`"` + secret + `"`:                                "remove the quotation marks",
			"'" + secret + "'\n":                              "remove the quotation marks",
			"“" + secret + "”":                                "remove the quotation marks",
			`"` + secret:                                      "remove the quotation marks",
			"ApiToken " + secret:                              "remove the word, which s1graph sends by itself",
			"apitoken\t" + secret:                             "remove the word",
			"Bearer " + secret:                                "remove the word",
			"Token " + secret:                                 "remove the word",
			"Authorization: ApiToken " + secret:               "remove the word",
			"Authorization: " + secret:                        "remove the name",
			"SENTINELONE_TOKEN=" + secret:                     "has NAME= before it: remove the name and the sign",
			"export SENTINELONE_TOKEN=" + secret:              "has NAME= before it",
			`SENTINELONE_TOKEN="` + secret + `"`:              "remove the quotation marks",
			"token = " + secret:                               "has NAME= before it",
			"$env:SENTINELONE_TOKEN = " + secret:              "has NAME= before it",
			"api-token: " + secret:                            "has NAME: before it",
			`{"token":"` + secret + `"}`:                      "is a JSON document",
			"{\n  \"data\": {\"token\": \"" + secret + "\"}}": "is a JSON document",
			`["` + secret + `"]`:                              "is a JSON document",
			"https://acme.sentinelone.net/?token=" + secret:   "holds an address",
			"-----BEGIN PRIVATE KEY-----\n" + secret:          "holds a key or a certificate",
			"${SENTINELONE_TOKEN}":                            "what was to be replaced by it",
			"<API token>":                                     "what was to be replaced by it",
			secret + "\n" + secret:                            "one line, without spaces",
			secret + " # of the service user":                 "one line, without spaces",
			secret + "ü":                                      "one line, without spaces",
			"":                                                "is empty",
			" \r\n":                                           "is empty",
		} {
			_, err := token.Check(content)
			if !assert.Error(t, err, "%q", content) {
				continue
			}
			assert.Contains(t, err.Error(), want, "%q", content)
			assert.NotContains(t, err.Error(), secret)
			assert.NotContains(t, err.Error(), "new one", "which would revoke the good one")
		}
	}
}

// inUTF16 writes a text in UTF-16, the low byte first or last, with or without a mark.
func inUTF16(text string, lowFirst, mark bool) string {
	units := utf16.Encode([]rune(text))
	if mark {
		units = append([]uint16{0xfeff}, units...)
	}
	var b []byte
	for _, u := range units {
		if lowFirst {
			b = append(b, byte(u), byte(u>>8))
		} else {
			b = append(b, byte(u>>8), byte(u))
		}
	}
	return string(b)
}

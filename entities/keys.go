package entities

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"strings"

	"golang.org/x/text/unicode/norm"
)

// IDKey is the key of an entity that the vendor's id tells from others of its type. It keeps the id readable: ids are numbers
// of up to 19 digits. An id that could not stand in a key is hashed.
func IDKey(typeName, id string) string {
	if len(id) <= 64 && !strings.ContainsFunc(id, unfitForKey) {
		return typeName + ":" + id
	}
	return hashKey(typeName, id)
}

// unfitForKey holds for all but printable ASCII, and for the bar that joins the keys of a
// relationship's ends.
func unfitForKey(r rune) bool { return r <= ' ' || r > '~' || r == '|' }

// hashKey makes a key of parts that may be of any length and script. Each is put into Unicode's
// composed form and preceded by its length, so that no two lists of parts run together.
func hashKey(typeName string, parts ...string) string {
	var space [512]byte
	b := space[:0]
	for _, part := range parts {
		part = norm.NFC.String(part)
		b = binary.AppendUvarint(b, uint64(len(part)))
		b = append(b, part...)
	}
	sum := sha256.Sum256(b)
	b = append(space[:0], typeName...)
	b = append(b, ':')
	b = hex.AppendEncode(b, sum[:hashBytes])
	return string(b)
}

const hashBytes = 16

// unescaped is a name without the escapes for HTML that some consoles leave in it. It is done once: what is escaped twice was
// typed so. Other entities of HTML are left alone, which nothing that escapes makes.
func unescaped(name string) string {
	if !strings.Contains(name, "&") {
		return name
	}
	return htmlEscapes.Replace(name)
}

var htmlEscapes = strings.NewReplacer(
	"&amp;", "&", "&lt;", "<", "&gt;", ">",
	"&quot;", `"`, "&#34;", `"`, "&#x22;", `"`,
	"&apos;", "'", "&#39;", "'", "&#039;", "'", "&#x27;", "'",
	"&#x2F;", "/", "&#47;", "/",
)

// fold makes names alike that differ in case, in surrounding space or in their Unicode form. Letters
// are taken apart from their marks first: the lower case of a dotted capital I depends on its form.
func fold(s string) string {
	return strings.ToLower(norm.NFD.String(strings.TrimSpace(s)))
}

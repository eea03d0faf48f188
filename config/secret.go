package config

import (
	"fmt"
	"io"
	"log/slog"
)

// hidden is what is seen of a secret.
const hidden = "***"

// Secret is a text that must not be seen: it prints as *** through every verb of fmt, in slog, JSON
// and YAML. The zero Secret is not set. The text stands behind a pointer, so that even a printer that
// goes past these methods, as fmt does in the unexported fields of others, has only an address to
// show.
type Secret struct{ text *string }

// NewSecret hides text; the empty text gives a Secret that is not set.
func NewSecret(text string) Secret {
	if text == "" {
		return Secret{}
	}
	return Secret{&text}
}

// Reveal is the text, or "" where s is not set. Call it where the text is sent, and nowhere else.
func (s Secret) Reveal() string {
	if s.text == nil {
		return ""
	}
	return *s.text
}

// IsSet says whether there is a text.
func (s Secret) IsSet() bool { return s.text != nil }

// String is *** or, where s is not set, "".
func (s Secret) String() string {
	if s.text == nil {
		return ""
	}
	return hidden
}

// Format prints s for every verb and flag alike.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, s.String()) }

// LogValue is what slog writes.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// MarshalText is what encoders of JSON, XML and the like write.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// MarshalYAML is what encoders of YAML write.
func (s Secret) MarshalYAML() (any, error) { return s.String(), nil }

var (
	_ fmt.Formatter  = Secret{}
	_ fmt.Stringer   = Secret{}
	_ slog.LogValuer = Secret{}
)

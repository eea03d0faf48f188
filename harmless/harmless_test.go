package harmless_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"

	"s1graph/harmless"
)

func TestWhatIsNotPrintableIsShownAsItsCode(t *testing.T) {
	for text, want := range map[string]string{
		"":                   "",
		"Müller-PC 日本 🦊":     "Müller-PC 日本 🦊",
		"\x1b[2Jgone":        `\x1b[2Jgone`,
		"two\nlines\r\t":     `two\nlines\r\t`,
		"evil\u202etxt.exe":  `evil\u202etxt.exe`,
		"no width\u200b":     `no width\u200b`,
		"\u0915\u094d\u200d": "\u0915\u094d\u200d", // a joiner, without which it is another letter
		"\xff\xfe":           `\xff\xfe`,
		"\ufffd":             `\ufffd`,
	} {
		assert.Equal(t, want, harmless.Text(text))
	}
}

func TestATextIsCutByItsCharacters(t *testing.T) {
	assert.Equal(t, "日本語", harmless.Cut("日本語", 3))
	assert.Equal(t, "日…", harmless.Cut("日本語", 2))
}

func ExampleText() {
	fmt.Println(harmless.Text("PC-1\x1b[8m\nis infected"))
	// Output:
	// PC-1\x1b[8m\nis infected
}

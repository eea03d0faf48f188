package visualize_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"s1graph/visualize"
)

var tag = regexp.MustCompile(`<[A-Za-z/!?]`)

// FuzzPage writes names into the page: it has the markup that it has without them.
func FuzzPage(f *testing.F) {
	for _, name := range []string{"acme", "", `</script><script>alert(1)</script>`, "<!--<script>", "{{script}}{{about}}", "\u2028</SCRIPT >", "\xff</script", "]]>"} {
		f.Add(name)
	}
	page := func(t *testing.T, name string) string {
		agent := entity("sentinelone_agent", "HostAgent", "1", name, record{"osName": name, "tag." + name: name})
		content, _ := write(t, visualize.Instance{Graph: folder(t, []record{agent}, nil), Name: name})
		return content
	}
	f.Fuzz(func(t *testing.T, name string) {
		name = strings.ToValidUTF8(name, "?") // JSON has no other
		assert.Equal(t, tag.FindAllString(page(t, "x"), -1), tag.FindAllString(page(t, name), -1))
	})
}

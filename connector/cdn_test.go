package connector_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"s1graph/s1/s1test"
)

// What stands before a console answers in its place for a while: that is neither a refusal nor a wrong URL.
func TestConsoleBehindACDNIsAskedAgain(t *testing.T) {
	t.Parallel()
	const page = "<html><head><title>Attention Required! | Cloudflare</title></head></html>"
	for name, effect := range map[string]s1test.Effect{
		"HTML with 200":      s1test.HTML(),
		"HTML with 403":      s1test.Blocked(403, page),
		"HTML with 404":      s1test.Blocked(404, page),
		"HTML with 401":      s1test.Blocked(401, page),
		"403 and a text":     s1test.Blocked(403, "error code: 1020"),
		"403 and nothing":    s1test.Blocked(403, ""),
		"403 and other JSON": s1test.Blocked(403, `{"message":"Forbidden"}`),
		"a redirect":         s1test.RedirectTo("https://login.example"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newConsole(t, small())
			right := c.clean()
			c.Break(s1test.Fault{Path: "/threats", Effect: effect, Times: 3})
			c.mustSync()
			assertSame(t, right, c.graph())

			c.Break(s1test.Fault{Path: "/threats", Effect: effect})
			result := c.mustSyncInPart()
			step := result.step("threats")
			assert.Equal(t, "failed", step.State)
			assert.Contains(t, step.Error, "a CDN, a proxy or a firewall answers in its place")
			assert.NotContains(t, step.Error, "URL")
			assert.NotContains(t, step.Error, "token")
			assert.Empty(t, lacking(right, c.graph()))
		})
	}
}

// A console's own refusal is still one.
func TestConsoleThatRefusesAListIsNotTakenForACDN(t *testing.T) {
	t.Parallel()
	c := newConsole(t, small())
	c.Break(s1test.Fault{Path: "/threats", Effect: s1test.Status(403)})
	result := c.sync()
	assert.Equal(t, "refused", result.step("threats").State)
	assert.EqualValues(t, 1, c.Requests()["/threats"])
}

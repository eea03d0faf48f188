package alerts_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"s1graph/alerts"
	"s1graph/config"
)

func TestATemplateThatTakesTooLongIsAFaultBeforeItIsUsed(t *testing.T) {
	for _, text := range []string{
		`{{range 1000000000}}{{end}}`,
		`{{range 100000}}{{range 100000}}{{with $.Name}}{{.}}{{end}}{{end}}{{end}}`,
		`{{define "a"}}{{template "a" .}}{{end}}{{template "a" .}}`,
		`{{define "a"}}{{range 1000}}{{template "a" .}}{{end}}{{end}}{{template "a" .}}`,
		`{{$x := "x"}}{{range 60}}{{$x = printf "%s%s" $x $x}}{{end}}{{range 1000}}{{$x = print $x $x}}{{end}}`,
		`{{printf "%1000000d" 1}}`, `{{printf "%*d" 900000 1}}`, `{{printf "%.1000000f" 1.0}}`,
		`{{range 2000}}{{$x := printf "%s %s" (print "abcdefghijklmnopqrstuvwxyz" "abcdefghijklmnopqrstuvwxyz") "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz"}}{{$y := html $x | js | urlquery | println}}{{end}}`,
	} {
		faults := alerts.Check(oneRule(config.Rule{Use: "agent gone", Text: text}))
		require.Len(t, faults, 1, text)
		assert.Contains(t, faults[0].Detail, "must be shorter", text)
	}
}

func TestWhatATemplateSaysIsBounded(t *testing.T) {
	w := newWorld(t, config.Rule{
		Name: "infected", When: `entity.type == "sentinelone_agent" && entity.infected == true`,
		Title: `{{range 4000}}{{$.Name}}{{end}}`, Text: `{{range 4000}}` + strings.Repeat("x", 100) + `{{end}}`,
	}, config.Rule{
		Name: "format", When: `entity.type == "sentinelone_agent" && entity.infected == true`,
		Title: `{{.Name}}`, Text: `{{printf .Entity.uuid .Entity.uuid}}`,
	})
	w.put(agent("1001", healthy))
	w.apply()
	w.put(agent("1001", properties{"infected": true, "uuid": strings.Repeat("%999999d", 1000)}))
	raised := w.apply()
	require.Len(t, raised, 2)
	assert.True(t, strings.HasPrefix(raised[0].Title, "10011001"), raised[0].Title)
	assert.Equal(t, 300, utf8.RuneCountInString(raised[0].Title))
	assert.Equal(t, strings.Repeat("x", 3999)+"…", raised[0].Text)
	assert.Equal(t, "1001", raised[1].Title)
	assert.Empty(t, raised[1].Text, "a name that is used as a format costs nothing")
}

func TestTemplatesFormatAsTheyDid(t *testing.T) {
	w := newWorld(t, config.Rule{
		Name: "infected", When: `entity.type == "sentinelone_agent" && entity.infected == true`,
		Title: `{{printf "%-6s|%5.1f|%q" .Name 1.25 .Name}} {{len .Entity.uuid}} {{print 1 2}}`,
		Text:  `{{range $i, $x := .Entity}}{{if eq $i "uuid"}}{{html $x}} {{js $x}} {{urlquery $x}}{{end}}{{end}}{{define "a"}}!{{end}}{{template "a"}}{{range 3}}{{.}}{{end}}`,
	})
	w.put(agent("1001", healthy))
	w.apply()
	w.put(agent("1001", properties{"infected": true, "uuid": "<a b>"}))
	raised := w.apply()
	require.Len(t, raised, 1)
	assert.Equal(t, `1001 | 1.2|"1001" 5 1 2`, raised[0].Title)
	assert.Equal(t, `&lt;a b&gt; \u003Ca b\u003E %3Ca+b%3E!012`, raised[0].Text)
}

package cli_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"s1graph/config"
	"s1graph/gotest"
)

func manualPage(t *testing.T) string {
	t.Helper()
	got := s1graph(t, "man")
	require.Zero(t, got.code)
	assert.True(t, isPlain(got.stdout))
	return got.stdout
}

// inManual is a text as the page has it.
func inManual(text string) string { return strings.ReplaceAll(text, "-", `\-`) }

func TestTheManualPageHasEveryCommandAndFlag(t *testing.T) {
	page := manualPage(t)
	assert.True(t, strings.HasPrefix(page, `.TH "S1GRAPH" "1" "" "s1graph v1.2.3"`))
	for _, command := range everyCommand(t) {
		_, section, found := strings.Cut(page, "\n.SS \"s1graph "+inManual(strings.Join(command, " "))+` [flags]`)
		require.True(t, found, command)
		section, _, _ = strings.Cut(section, "\n.S")
		for _, flag := range flagsOf(t, command) {
			if flag != "--help" {
				assert.Contains(t, section, inManual(flag), "%v", command)
			}
		}
	}
	for _, s := range config.Settings() {
		assert.True(t, strings.Contains(page, `[$`+s.Variable()+`]`), s.Variable())
		assert.Regexp(t, `(?m)^\\fB`+regexp.QuoteMeta(inManual("--"+s.FlagName()))+`[ \\]`, page)
	}
}

func TestTheManualPageHasNoFault(t *testing.T) {
	mandoc := gotest.Program(t, "mandoc", "mandoc")
	file := filepath.Join(t.TempDir(), "s1graph.1")
	require.NoError(t, os.WriteFile(file, []byte(manualPage(t)), 0o600))
	out, _ := exec.CommandContext(t.Context(), mandoc, "-T", "lint", "-W", "warning", file).CombinedOutput()
	for line := range strings.Lines(string(out)) {
		assert.Contains(t, line, "missing date", "it is the same whenever it is made")
	}

	out, err := exec.CommandContext(t.Context(), mandoc, "-T", "ascii", file).Output()
	require.NoError(t, err)
	assert.Contains(t, string(out), "s1graph alerts test \"agent gone\" --send\n", "what is to be typed is there as it is")
}

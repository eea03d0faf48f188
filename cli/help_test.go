package cli_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestHelpIsAsWideAsTheTerminalAndBreaksBetweenWords(t *testing.T) {
	commands := [][]string{{"--help"}, {"alerts", "--help"}}
	for _, name := range []string{"run", "poll", "query", "overview", "check", "init", "visualize", "changes", "posture", "wipe", "diff"} {
		commands = append(commands, []string{name, "--help"})
	}
	for _, command := range commands {
		piped := s1graph(t, command...).stdout
		for _, width := range []int{80, 100} {
			shown := invocation{width: width}.s1graph(t, command...).stdout
			assert.Equal(t, strings.Fields(piped), strings.Fields(shown), "%q at %d has the same words", command, width)
			for line := range strings.Lines(shown) {
				isExample := strings.HasPrefix(line, "       s1graph ") || strings.HasPrefix(line, "       pass ")
				if len(strings.Fields(line)) > 2 && !isExample {
					assert.LessOrEqual(t, len(strings.TrimSuffix(line, "\n")), width, "%q at %d: %s", command, width, line)
				}
			}
		}
	}
}

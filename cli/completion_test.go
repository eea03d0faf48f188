package cli_test

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/creack/pty"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"s1graph/gotest"
	"s1graph/queries"
)

// completionOf is a shell, and a file with the script for it.
func completionOf(t *testing.T, name string) (shell, script string) {
	t.Helper()
	shell = gotest.Program(t, name, name)
	got := s1graph(t, "completion", name)
	require.Zero(t, got.code, got.stderr)
	script = filepath.Join(t.TempDir(), "s1graph."+name)
	require.NoError(t, os.WriteFile(script, []byte(got.stdout), 0o600))
	return shell, script
}

// offers asks a shell, without a program of that name, what it offers for the last of the words.
type offers func(words ...string) []string

func bashOffers(t *testing.T) offers {
	shell, script := completionOf(t, "bash")
	return func(words ...string) []string {
		const ask = `source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _s1graph; printf '%s\n' "${COMPREPLY[@]}"`
		command := exec.CommandContext(t.Context(), shell, append([]string{"--norc", "-c", ask, "bash", script}, words...)...)
		command.Env = []string{"PATH=/nowhere"}
		out, err := command.CombinedOutput()
		require.NoError(t, err, string(out))
		return strings.Fields(string(out))
	}
}

func fishOffers(t *testing.T) offers {
	shell, script := completionOf(t, "fish")
	home := t.TempDir()
	return func(words ...string) []string {
		command := exec.CommandContext(t.Context(), shell, "--no-config", "-c", `source $argv[1]; complete -C "$argv[2]"`, script, strings.Join(words, " "))
		command.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + home, "TERM=dumb"}
		command.Dir = home
		var stderr bytes.Buffer
		command.Stderr = &stderr
		out, err := command.Output()
		require.NoError(t, err)
		require.Empty(t, stderr.String())
		var names []string
		for line := range strings.Lines(string(out)) {
			name, _, _ := strings.Cut(strings.TrimSpace(line), "\t")
			names = append(names, name)
		}
		return names
	}
}

// flagsOf are the flags of a command that its help names.
func flagsOf(t *testing.T, command []string) []string {
	t.Helper()
	var flags []string
	_, options, _ := strings.Cut(s1graph(t, append(command, "--help")...).stdout, "\nOPTIONS:\n")
	for _, match := range regexp.MustCompile(`(?m)^   (--[a-z0-9-]+)`).FindAllStringSubmatch(options, -1) {
		flags = append(flags, match[1])
	}
	require.NotEmpty(t, flags)
	if !slices.Contains(flags, "--help") { // which it leaves out of a list in groups
		flags = append(flags, "--help")
	}
	return flags
}

func TestShellsOfferEveryCommandAndFlag(t *testing.T) {
	for name, shell := range map[string]func(*testing.T) offers{"bash": bashOffers, "fish": fishOffers} {
		t.Run(name, func(t *testing.T) {
			offers := shell(t)
			top := []string{"help"}
			below := map[string][]string{}
			for _, command := range everyCommand(t) {
				if len(command) == 1 {
					top = append(top, command[0])
				} else {
					below[command[0]] = append(below[command[0]], command[1])
				}
				words := slices.Concat([]string{"s1graph"}, command, []string{"--"})
				assert.ElementsMatch(t, flagsOf(t, command), offers(words...), words)
			}
			assert.ElementsMatch(t, top, offers("s1graph", ""))
			assert.ElementsMatch(t, top, offers("s1graph", "help", ""))
			assert.ElementsMatch(t, []string{"--help", "--version"}, offers("s1graph", "--"))
			for parent, subs := range below {
				assert.ElementsMatch(t, subs, offers("s1graph", parent, ""))
			}
			var questions []string
			for _, q := range queries.All() {
				questions = append(questions, q.Name)
			}
			assert.ElementsMatch(t, questions, offers("s1graph", "query", ""))
			assert.Equal(t, []string{"zsh"}, offers("s1graph", "completion", "z"))
			assert.Empty(t, offers("s1graph", "nonsense", "--"))
		})
	}
}

func TestShellsLeaveFilesToThemselves(t *testing.T) {
	t.Run("bash", func(t *testing.T) {
		offers := bashOffers(t)
		for _, words := range [][]string{
			{"s1graph", "diff", "mon"},
			{"s1graph", "run", "--config", ""},
			{"s1graph", "run", "--config", "=", "s1"},
			{"s1graph", "run", "--config", "="},
		} {
			assert.Empty(t, offers(words...), "nothing, at which bash offers files: %v", words)
		}
		assert.Contains(t, offers("s1graph", "run", "--dry-run", "--verif"), "--verify", "a flag without a value")
	})
	t.Run("fish", func(t *testing.T) {
		offers := fishOffers(t)
		assert.Contains(t, offers("s1graph", "diff", "/et"), "/etc/")
		assert.Contains(t, offers("s1graph", "run", "--config", "/et"), "/etc/")
		assert.NotContains(t, offers("s1graph", "/et"), "/etc/")
	})
}

// TestZshCompletesWhatIsTyped types at a real terminal: what zsh completes can be seen nowhere else.
func TestZshCompletesWhatIsTyped(t *testing.T) {
	shell, script := completionOf(t, "zsh")
	folder := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(folder, "monday"), 0o700))
	command := exec.CommandContext(t.Context(), shell, "-f", "-i")
	command.Dir = folder
	command.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + folder, "TERM=xterm", "LC_ALL=C.UTF-8"}
	terminal, err := pty.StartWithSize(command, &pty.Winsize{Rows: 50, Cols: 200})
	require.NoError(t, err)
	t.Cleanup(func() {
		terminal.Close()
		_ = command.Wait() // it ends as its terminal does
	})
	screen := bufio.NewReader(terminal)
	until := func(pattern string) string {
		t.Helper()
		wanted := regexp.MustCompile(pattern)
		for {
			line, err := screen.ReadString('\n')
			if match := wanted.FindStringSubmatch(line); match != nil {
				return match[1]
			}
			require.NoError(t, err, "waiting for %s", pattern)
		}
	}
	// What is typed is shown too, and must not look like what is waited for.
	fmt.Fprintf(terminal, "autoload -U compinit && compinit -D -u; source %s; s1graph() { print -r -- \"g\"\"ot<$*>\" }; print rea''dy\n", script)
	until(`^(ready)`)
	for _, test := range []struct{ typed, want string }{
		{"accept-d\t", "accept-deletions"},
		{"alerts re\t", "alerts retry"},
		{"alerts list --de\t", "alerts list --dead"},
		{"query silent\t", "query silent-agents"},
		{"run --dr\t --allow\t", "run --dry-run --allow-mass-delete"},
		{"run --config=mon\t", "run --config=monday"},
		{"diff mon\t mon\t", "diff monday monday"},
		{"help vis\t", "help visualize"},
		{"completion ba\t", "completion bash"},
	} {
		fmt.Fprintf(terminal, "s1graph %s\n", test.typed)
		assert.Equal(t, test.want, strings.TrimSpace(until(`got<(.*)>`)), test.typed)
	}
}

func TestThereIsNoCompletionForOtherShells(t *testing.T) {
	assert.Equal(t, outcome{2, "", "s1graph: there is no completion for \"bsh\"; did you mean bash? there is one for bash, fish, zsh\n"}, s1graph(t, "completion", "bsh"))
	assert.Equal(t, outcome{2, "", "s1graph: completion takes a shell, which is bash, fish, zsh, such as: s1graph completion bash\n"}, s1graph(t, "completion"))
}

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
	"s1graph/steps"
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

// withInstances makes a working directory in which there are instances, and names that would do harm.
func withInstances(t *testing.T) (names []string) {
	t.Helper()
	t.Chdir(t.TempDir())
	for _, folder := range []string{"acme", "$(touch harm)", "`touch harm`", ";touch harm"} {
		require.NoError(t, os.MkdirAll(filepath.Join(".s1graph", folder), 0o700))
	}
	require.NoError(t, os.WriteFile("s1graph.yaml", []byte("instances:\n  - instance: globex\n    dir: x\n  - {instance: \"init.ech\", url: y}\n#  - instance: never\n  - instance: $(touch harm)"), 0o600))
	t.Cleanup(func() { assert.NoFileExists(t, "harm") })
	return []string{"acme", "globex", "init.ech"}
}

func TestShellsOfferWhatFlagsTake(t *testing.T) {
	var types []string
	for _, g := range steps.GraphTypes() {
		types = append(types, strings.TrimPrefix(g.Name, "sentinelone_"))
	}
	for name, shell := range map[string]func(*testing.T) offers{"bash": bashOffers, "fish": fishOffers} {
		t.Run(name, func(t *testing.T) {
			instances := withInstances(t)
			offers := shell(t)
			for line, want := range map[string][]string{
				"run --store":            {"json", "neo4j"},
				"run --applications":     {"auto", "installed", "inventory", "off"},
				"run --only":             stepIDs(),
				"poll --skip":            stepIDs(),
				"poll --log-level":       {"debug", "info", "warn", "error"},
				"changes --op":           {"created", "updated", "deleted", "renamed"},
				"changes --type":         types,
				"changes --type agent":   {"agent"},
				"alerts list --instance": instances,
				"query --scope":          append([]string{"all"}, instances...),
			} {
				words := append([]string{"s1graph"}, strings.Fields(line)...)
				if flag := words[len(words)-1]; strings.HasPrefix(flag, "--") {
					words = append(words, "")
				}
				got := slices.DeleteFunc(offers(words...), func(word string) bool { return strings.Contains(word, "touch") }) // fish quotes it
				if line == "changes --type agent" {
					assert.Subset(t, got, want, line)
					continue
				}
				assert.ElementsMatch(t, want, got, line)
			}
			if name == "bash" { // which makes three words of it
				assert.Equal(t, []string{"neo4j"}, offers("s1graph", "run", "--store", "=", "n"))
				assert.Equal(t, []string{"json", "neo4j"}, offers("s1graph", "run", "--store", "="))
			} else {
				assert.Equal(t, []string{"--store=neo4j"}, offers("s1graph", "run", "--store=n"))
			}
		})
	}
}

// There is no PowerShell in Debian to ask.
func TestTheScriptForPowerShellHasEveryCommandFlagAndValue(t *testing.T) {
	got := s1graph(t, "completion", "powershell")
	require.Zero(t, got.code)
	assert.Equal(t, strings.Count(got.stdout, "{"), strings.Count(got.stdout, "}"))
	for line := range strings.Lines(got.stdout) {
		if code, _, _ := strings.Cut(line, " # "); !strings.HasPrefix(line, "#") && !strings.Contains(code, `"`) {
			assert.Zero(t, strings.Count(code, "'")%2, line)
		}
	}
	assert.NotContains(t, strings.ReplaceAll(got.stdout, "…", ""), "\u2019", "which PowerShell takes for a quotation mark")
	for _, command := range everyCommand(t) {
		_, own, found := strings.Cut(got.stdout, "        '"+strings.Join(command, " ")+"' = @{\n")
		require.True(t, found, command)
		own, _, _ = strings.Cut(own, "\n        }\n")
		for _, flag := range flagsOf(t, command) {
			assert.Contains(t, own, " '"+flag+"' = '", "%v", command)
		}
	}
	_, values, _ := strings.Cut(got.stdout, "$values = @{\n")
	values, _, _ = strings.Cut(values, "\n    }\n")
	assert.Contains(t, values, "'--store' = @{ words = @('json', 'neo4j'); instances = $false }\n")
	assert.Contains(t, values, "'--instance' = @{ words = @(); instances = $true }\n")
	assert.Contains(t, values, "'--scope' = @{ words = @('all'); instances = $true }\n")
}

// TestZshCompletesWhatIsTyped types at a real terminal: what zsh completes can be seen nowhere else.
func TestZshCompletesWhatIsTyped(t *testing.T) {
	shell, script := completionOf(t, "zsh")
	withInstances(t)
	folder, err := os.Getwd()
	require.NoError(t, err)
	require.NoError(t, os.Mkdir("monday", 0o700))
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
		{"alerts list --fa\t", "alerts list --failed"},
		{"query silent\t", "query silent-agents"},
		{"run --dr\t --allow\t", "run --dry-run --allow-mass-delete"},
		{"run --config=mon\t", "run --config=monday"},
		{"run --store=n\t", "run --store=neo4j"},
		{"changes --type ag\t", "changes --type agent"},
		{"run --only th\t", "run --only threats"},
		{"posture --instance glo\t", "posture --instance globex"},
		{"query --scope ac\t", "query --scope acme"},
		{"query --scope al\t", "query --scope all"},
		{"diff mon\t mon\t", "diff monday monday"},
		{"help vis\t", "help visualize"},
		{"completion ba\t", "completion bash"},
	} {
		fmt.Fprintf(terminal, "s1graph %s\n", test.typed)
		assert.Equal(t, test.want, strings.TrimSpace(until(`got<(.*)>`)), test.typed)
	}
}

func TestThereIsNoCompletionForOtherShells(t *testing.T) {
	assert.Equal(t, outcome{2, "", "s1graph: there is no completion for \"bsh\"; did you mean bash? there is one for bash, fish, powershell, zsh\n"}, s1graph(t, "completion", "bsh"))
	assert.Equal(t, outcome{2, "", "s1graph: completion takes a shell, which is bash, fish, powershell, zsh, such as: s1graph completion bash\n"}, s1graph(t, "completion"))
}

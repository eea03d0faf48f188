package cli_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"s1graph/cli"
	"s1graph/config"
	"s1graph/gotest"
	"s1graph/graph/neo4jstore/neo4jtest"
	"s1graph/s1/s1test"
	"s1graph/steps"
)

func TestMain(m *testing.M) { gotest.VerifyTestMain(neo4jtest.Main{M: m}) }

// invocation is a command line as a test wants it. Its working directory is the test's.
type invocation struct {
	environment []string
	width       int // of the terminal that stdout and stderr are; 0: none
	stdout      io.Writer
	stderr      io.Writer
	stdin       string
	open        func(path string) error
	ctx         context.Context  // nil: the test's
	ticks       <-chan time.Time // nil: none comes
	hangups     func() (<-chan os.Signal, func())
	widths      func(io.Writer) int // of what is told apart by more than width; nil: width says it
}

type outcome struct {
	code           int
	stdout, stderr string
}

func (i invocation) s1graph(t *testing.T, args ...string) outcome {
	t.Helper()
	var stdout, stderr bytes.Buffer
	p := cli.Process{
		Args:        append([]string{"s1graph"}, args...),
		Environment: i.environment,
		Stdin:       strings.NewReader(i.stdin),
		Stdout:      &stdout,
		Stderr:      &stderr,
		Version:     "v1.2.3",
		Ticks:       i.ticks,
		Open:        i.open,
		Hangups:     i.hangups,
		Width:       func(io.Writer) int { return i.width },
	}
	if i.ticks == nil {
		p.Ticks = make(chan time.Time)
	}
	if i.widths != nil {
		p.Width = i.widths
	}
	if i.stdout != nil {
		p.Stdout = i.stdout
	}
	if i.stderr != nil {
		p.Stderr = i.stderr
	}
	ctx := i.ctx
	if ctx == nil {
		ctx = t.Context()
	}
	code := cli.Run(ctx, p)
	return outcome{code, stdout.String(), stderr.String()}
}

func s1graph(t *testing.T, args ...string) outcome { return invocation{}.s1graph(t, args...) }

// console serves a tenant, and returns the environment that leads to it.
func console(t *testing.T, tenant s1test.Tenant) (*s1test.Server, invocation) {
	t.Helper()
	server := s1test.New(tenant)
	listener := httptest.NewServer(server)
	t.Cleanup(func() {
		listener.Close()
		http.DefaultClient.CloseIdleConnections()
	})
	t.Chdir(t.TempDir())
	return server, invocation{environment: []string{"SENTINELONE_URL=" + listener.URL, "SENTINELONE_TOKEN=" + s1test.DefaultToken, "S1GRAPH_INSTANCE=test"}}
}

// isPlain says whether a text has nothing that a terminal would act on.
func isPlain(text string) bool {
	return !regexp.MustCompile(`[\x00-\x08\x0b-\x1f\x7f-\x{9f}\x{200e}\x{200f}\x{202a}-\x{202e}\x{2066}-\x{2069}]`).MatchString(text)
}

func TestWithoutArgumentsItShowsTheFirstCommandToTry(t *testing.T) {
	got := s1graph(t)
	assert.Zero(t, got.code)
	assert.Contains(t, got.stdout, "s1graph run --replay testdata/recordings/acme\n")
	assert.Less(t, strings.Count(got.stdout, "\n"), 45, "it is short: a line a command, and little besides")
	assert.Empty(t, got.stderr)
}

// everyCommand finds the commands, and those below them, by asking for help; help is none of them.
func everyCommand(t *testing.T) [][]string {
	t.Helper()
	var all [][]string
	listed := regexp.MustCompile(`(?m)^   ([a-z-]+)(?:, [a-z]+)?  `)
	below := func(parent ...string) (names []string) {
		got := s1graph(t, append(parent, "--help")...)
		require.Zero(t, got.code)
		_, list, _ := strings.Cut(got.stdout, "\nCOMMANDS:\n")
		list, _, _ = strings.Cut(list, "\n\n")
		for _, match := range listed.FindAllStringSubmatch(list, -1) {
			if match[1] != "help" {
				names = append(names, match[1])
			}
		}
		return names
	}
	for _, name := range below() {
		all = append(all, []string{name})
		for _, sub := range below(name) {
			all = append(all, []string{name, sub})
		}
	}
	require.Subset(t, all, [][]string{{"run"}, {"wipe"}, {"alerts"}, {"alerts", "test"}})
	return all
}

func TestEachCommandHelpsWithAnExample(t *testing.T) {
	for _, command := range everyCommand(t) {
		got := s1graph(t, append(command, "--help")...)
		assert.Zero(t, got.code)
		assert.Contains(t, got.stdout, "Example", command)
		assert.Regexp(t, `(?m)^ {4,}(eval "\$\()?s1graph `+strings.Join(command, " ")+`\b`, got.stdout)
	}
	run := s1graph(t, "run", "--help").stdout
	assert.Equal(t, run, s1graph(t, "help", "run").stdout)
	for _, setting := range config.Settings() {
		if setting.Group == config.Polling || setting.Group == config.Serving {
			continue // of the service alone
		}
		assert.Contains(t, run, "--"+setting.FlagName()+" ")
		assert.Contains(t, run, "[$"+setting.Variable()+"]")
	}
	for _, flag := range []string{"--token-file", "--deletion-guard-percent", "[$SENTINELONE_TOKEN_FILE]", "[$S1GRAPH_CA_FILE]"} {
		assert.Contains(t, run, flag)
	}
}

func TestHelpSaysWhatAFlagTakesAndWhatItIsWithoutOne(t *testing.T) {
	for _, command := range everyCommand(t) {
		assert.NotRegexp(t, `(?m)^   --\S+ value`, s1graph(t, append(command, "--help")...).stdout, "FILE, URL, DURATION… in place of value")
	}
	help := s1graph(t, "poll", "--help").stdout
	for _, line := range []string{
		`--url URL +address of the console: a URL such as`, `--token-file FILE +FILE that holds the API token`,
		`--page-deadline DURATION .*\(default: 60s\)`, `--changes-kept DURATION .*\(default: 30d\)`, `--store STORE .*\(default: json\)`,
		`--interval INTERVAL .*\(default: DISABLED\)`, `--listen ADDRESS .*\(default: 127\.0\.0\.1:8338\)`, `--log-level LEVEL +least LEVEL`, `--log-format FORMAT .*\(default: text\)`,
	} {
		assert.Regexp(t, `(?m)^   `+line, help)
	}
}

func TestTheVersionSaysCommitAndGoToo(t *testing.T) {
	got := s1graph(t, "--version")
	assert.Zero(t, got.code)
	assert.Regexp(t, `^s1graph version v1\.2\.3 \(commit .+, go1\.\d+.*\)\n$`, got.stdout)
}

// stepIDs are the IDs of all steps.
func stepIDs() (ids []string) {
	for _, step := range steps.All() {
		ids = append(ids, step.ID)
	}
	return ids
}

func TestWrongUsageEndsWithWhatToDo(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, test := range []struct {
		args []string
		want string
	}{
		{[]string{"rnu"}, `s1graph: there is no command "rnu"; did you mean run? s1graph --help lists them`},
		{[]string{"help", "rnu"}, `s1graph: there is no command "rnu"; did you mean run? s1graph --help lists them`},
		{[]string{"alerts", "lst"}, `s1graph: there is no command alerts "lst"; did you mean list? s1graph alerts --help lists them`},
		{[]string{"--sites"}, `s1graph: there is no flag --sites; s1graph --help lists them`},
		{[]string{"run", "--sits", "1"}, `s1graph: there is no flag --sits; did you mean --sites? s1graph run --help lists them`},
		{[]string{"run", "--json=perhaps"}, `s1graph: --json cannot be "perhaps"; s1graph run --help shows how it is used`},
		{[]string{"run", "--dir"}, `s1graph: --dir needs a value; s1graph run --help shows how it is used`},
		{[]string{"run", "acme"}, `s1graph: run takes no argument such as "acme"; s1graph run --help lists its flags`},
		{[]string{"run", "--only", "agnets"}, `s1graph: --only: there is no step "agnets"; did you mean agents? the steps are ` + strings.Join(stepIDs(), ", ")},
		{[]string{"run", "--only", "agents", "--skip", "threats"}, `s1graph: --only and --skip contradict each other: give one of them`},
		{[]string{"diff", "a"}, `s1graph: diff takes two graph folders, such as: s1graph diff A B`},
		{[]string{"diff", "a", "b"}, `s1graph: a: there is no such folder; give the folder of a graph, such as .s1graph/INSTANCE or a copy of its graph folder`},
		{[]string{"api"}, `s1graph: api takes one path, such as: s1graph api agents`},
		{[]string{"api", "agents", "--query", "isActive"}, `s1graph: --query must be NAME=VALUE, such as isActive=true`},
		{[]string{"api", "agents", "--limit", "-1"}, `s1graph: --limit must be 0 or greater`},
	} {
		t.Run(strings.Join(test.args, " "), func(t *testing.T) {
			got := s1graph(t, test.args...)
			assert.Equal(t, outcome{2, "", test.want + "\n"}, got)
		})
	}
}

func TestFaultsOfTheConfigurationAreALineEachAndNothingIsContacted(t *testing.T) {
	server, with := console(t, s1test.Tenant{})
	require.NoError(t, os.WriteFile("s1graph.yaml", []byte("sits: [1]\npageDeadline: 60\n"), 0o600))
	with.environment = append(with.environment, "S1GRAPH_LOG_LEVEL=loud")
	for _, command := range [][]string{{"run", "--applications", "some"}, {"api", "agents"}} {
		got := with.s1graph(t, command...)
		assert.Equal(t, 2, got.code)
		assert.Empty(t, got.stdout)
		assert.Contains(t, got.stderr, "s1graph: s1graph.yaml:1:1: \"sits\": there is no such setting; did you mean sites?\n"+
			"s1graph: s1graph.yaml:2:15: pageDeadline: must be a duration with its unit, such as 60s, 5m or 30d\n"+
			"s1graph: S1GRAPH_LOG_LEVEL: must be debug, info, warn or error, not \"loud\"\n")
		assert.Equal(t, command[0] == "run", strings.Contains(got.stderr, "s1graph: --applications: must be auto, installed, inventory or off, not \"some\"\n"))
	}
	assert.Empty(t, server.Requests())
	assert.NoDirExists(t, ".s1graph")
}

func TestAClosedPipeIsTheEndAndNoFault(t *testing.T) {
	_, with := console(t, s1test.Tenant{Agents: 30})
	with.stdout = closedPipe{}
	assert.Equal(t, outcome{}, with.s1graph(t, "api", "agents"))
	assert.Equal(t, outcome{}, with.s1graph(t, "run", "--log-level", "error"))
	assert.Equal(t, outcome{}, with.s1graph(t, "document", "--output", "-"))
}

func TestAClosedPipeTakesNoExitCodeAway(t *testing.T) {
	server, with := console(t, small)
	require.Zero(t, with.s1graph(t, "run").code)
	require.NoError(t, os.CopyFS("before", os.DirFS(".s1graph/test/current/graph")))
	server.SetDay(1)
	server.Break(s1test.Fault{Path: "/threats", Effect: s1test.Status(http.StatusForbidden)})
	with.stdout = closedPipe{}
	for _, args := range [][]string{{"run", "--log-level", "error"}, {"run", "--log-level", "error", "--json"}} {
		assert.Equal(t, outcome{code: 3}, with.s1graph(t, args...))
	}
	assert.Equal(t, outcome{code: 1}, with.s1graph(t, "diff", "before", ".s1graph/test"))
	server.Accept(s1test.Token{Value: "another"})
	got := with.s1graph(t, "run", "--log-level", "error")
	assert.Equal(t, 1, got.code)
	assert.Contains(t, got.stderr, "s1graph: sentinelone api 401 on /user: ")
}

func TestAResultThatCannotBeWrittenIsAFault(t *testing.T) {
	_, with := console(t, s1test.Tenant{Agents: 30})
	with.stdout = fullDisk{}
	got := with.s1graph(t, "api", "agents")
	assert.Equal(t, 1, got.code)
	assert.Contains(t, got.stderr, "no space left on device; free some space there")

	got = with.s1graph(t, "run", "--json", "--log-level", "error")
	assert.Equal(t, 3, got.code)
	assert.Regexp(t, `^s1graph: run 000001-\S+ was committed, but the result could not be written: no space left on device; read it in \.s1graph/test/summary\.json\n$`, got.stderr)
}

type closedPipe struct{}

func (closedPipe) Write([]byte) (int, error) { return 0, fmt.Errorf("write |1: %w", syscall.EPIPE) }

type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, syscall.ENOSPC }

func graphFiles(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	root, err := filepath.EvalSymlinks(filepath.Join(dir, "graph"))
	require.NoError(t, err)
	require.NoError(t, filepath.WalkDir(root, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		content, err := os.ReadFile(path)
		files[strings.TrimPrefix(path, root)] = linkedHost.ReplaceAllString(string(content), `"webLink":"https://HOST/`)
		return err
	}))
	require.NotEmpty(t, files)
	return files
}

// linkedHost is the console's host in links to it: a recording replays under a host of its own.
var linkedHost = regexp.MustCompile(`"webLink":"https://[^/]+/`)

func Example() {
	code := cli.Run(context.Background(), cli.Process{
		Args:   []string{"s1graph", "diff", "only-one"},
		Stdout: os.Stdout,
		Stderr: os.Stdout,
	})
	fmt.Println("exit code", code)
	// Output:
	// s1graph: diff takes two graph folders, such as: s1graph diff A B
	// exit code 2
}

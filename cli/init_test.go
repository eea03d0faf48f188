package cli_test

import (
	"bytes"
	"context"
	"io"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/creack/pty"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"s1graph/cli"
	"s1graph/graph/neo4jstore/neo4jtest"
	"s1graph/s1/s1test"
)

// person sits at a real terminal, in a folder of its own.
type person struct {
	t        *testing.T
	keyboard *os.File // and what the screen shows
	tty      *os.File // the program's side of it
	seen     []byte
	at       int      // after what was waited for in it
	ended    chan int // the exit code
}

// types starts a command at a terminal.
func types(ctx context.Context, t *testing.T, environment []string, args ...string) *person {
	t.Helper()
	keyboard, tty, err := pty.Open()
	require.NoError(t, err)
	require.NoError(t, pty.Setsize(tty, &pty.Winsize{Rows: 40, Cols: 100}))
	p := &person{t: t, keyboard: keyboard, tty: tty, ended: make(chan int, 1)}
	var closed sync.Once
	shut := func() { closed.Do(func() { keyboard.Close(); tty.Close() }) }
	t.Cleanup(shut)
	go func() {
		p.ended <- cli.Run(ctx, cli.Process{Args: append([]string{"s1graph"}, args...), Environment: append(environment, "TERM=xterm"), Stdin: tty, Stdout: tty, Stderr: tty})
	}()
	return p
}

// until reads what the screen shows until it shows a text, after those that were waited for before.
func (p *person) until(text string) {
	p.t.Helper()
	for buffer := make([]byte, 4096); ; {
		if at := bytes.Index(p.seen[p.at:], []byte(text)); at >= 0 {
			p.at += at + len(text)
			return
		}
		n, err := p.keyboard.Read(buffer)
		p.seen = append(p.seen, buffer[:n]...)
		require.NoError(p.t, err, "waiting for %q: %s", text, p.seen)
	}
}

func (p *person) answers(question, answer string) {
	p.t.Helper()
	p.until(question)
	_, err := io.WriteString(p.keyboard, answer)
	require.NoError(p.t, err)
}

// code is the exit code, with the last words on the screen.
func (p *person) code(lastWords string) int {
	p.t.Helper()
	p.until(lastWords)
	return <-p.ended
}

// echoes says whether the terminal shows what is typed, as it did before the program ran.
func (p *person) echoes() {
	p.t.Helper()
	_, err := io.WriteString(p.keyboard, "still here\n")
	require.NoError(p.t, err)
	p.until("still here")
}

// served is a console behind a socket, in a new working directory.
func served(t *testing.T) (*s1test.Server, string) {
	t.Helper()
	server := s1test.New(s1test.Tenant{Agents: 20, Threats: 2})
	web := httptest.NewServer(server)
	t.Cleanup(web.Close)
	t.Chdir(t.TempDir())
	return server, web.URL
}

func contentOf(t *testing.T, path string) string {
	t.Helper()
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	info, err := os.Stat(path)
	require.NoError(t, err)
	assert.Equal(t, os.FileMode(0o600), info.Mode(), path)
	return string(content)
}

// withFlags are all answers for a store of json.
func withFlags(url string, more ...string) []string {
	return append([]string{"init", "--url", url, "--token-file", "-", "--store", "json", "--interval", "15m"}, more...)
}

func TestInitAsksChecksAndWritesWhatTheOtherCommandsRead(t *testing.T) {
	_, url := served(t)
	p := types(t.Context(), t, nil, "init")
	p.answers("Address of the console", "me:hunter2@example.net\r")
	p.answers("must have no user name or password in it", url+"/\r")
	p.answers("API token", "ApiToken "+s1test.DefaultToken+"\r")
	p.answers("has the word ApiToken", s1test.DefaultToken+"\r")
	p.until("accepted, of ")
	p.answers("[json]", "\r")
	p.answers("[30m]", "30\r")
	p.answers("must be", "20m\r")
	assert.Zero(t, p.code("s1graph poll"))
	p.echoes()
	assert.NotContains(t, string(p.seen), s1test.DefaultToken)

	assert.Equal(t, s1test.DefaultToken+"\n", contentOf(t, "sentinelone.token"))
	settings := contentOf(t, "s1graph.yaml")
	assert.NotContains(t, settings, s1test.DefaultToken)
	_, written, _ := strings.Cut(settings, "\n")
	assert.Equal(t, "url: "+url+"\ntokenFile: sentinelone.token\nstore: json\ninterval: 20m\n", written)

	assert.Zero(t, s1graph(t, "check").code)
	assert.Zero(t, s1graph(t, "run").code)
	assert.DirExists(t, ".s1graph/127.0.0.1/graph/agents")
	ctx, cancel := context.WithCancel(t.Context())
	polled := invocation{ctx: ctx, stderr: lineReader(func(line string) {
		if strings.Contains(line, "run ended") {
			cancel()
		}
	})}.s1graph(t, "poll", "--listen", "off")
	assert.Zero(t, polled.code)
}

// lineReader is told each piece that is written.
type lineReader func(string)

func (f lineReader) Write(b []byte) (int, error) {
	f(string(b))
	return len(b), nil
}

func TestInitLetsOneAnswerAgainOrGoOnWhereTheConsoleIsNotReached(t *testing.T) {
	_, url := served(t)
	p := types(t.Context(), t, nil, "init", "--store", "json", "--interval", "disabled")
	p.answers("Address of the console", "http://127.0.0.1:1\r")
	p.answers("API token", s1test.DefaultToken+"\r")
	p.until("nothing listens on 127.0.0.1:1")
	p.answers("Go on all the same?", "\r")
	p.answers("[http://127.0.0.1:1]", url+"\r")
	p.answers("Enter keeps it", "wrong"+s1test.DefaultToken+"\r")
	p.until("not accepted")
	p.until("type the whole")
	p.answers("Go on all the same?", "n\r")
	p.answers("Address of the console", "\r")
	p.answers("API token", "another\r")
	p.answers("Go on all the same?", "y\r")
	assert.Zero(t, p.code("s1graph run"))
	assert.Equal(t, "another\n", contentOf(t, "sentinelone.token"))
	assert.Contains(t, contentOf(t, "s1graph.yaml"), "url: "+url+"\n")
}

func TestInitLeavesNothingBehindWhereItIsInterrupted(t *testing.T) {
	_, url := served(t)
	for name, interrupt := range map[string]func(*person, context.CancelFunc){
		"Ctrl-C": func(p *person, _ context.CancelFunc) { p.answers("API token", "half\x03") },
		"Ctrl-D": func(p *person, _ context.CancelFunc) { p.answers("API token", "\x04") },
		"SIGTERM": func(p *person, cancel context.CancelFunc) {
			p.until("API token")
			cancel()
		},
		"Ctrl-C after the token": func(p *person, _ context.CancelFunc) {
			p.answers("API token", s1test.DefaultToken+"\r")
			p.answers("[json]", "\x03")
		},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			p := types(ctx, t, nil, "init", "--url", url)
			interrupt(p, cancel)
			assert.Equal(t, 1, p.code("s1graph: interrupted: nothing was written; run it again"))
			p.echoes()
			files, err := os.ReadDir(".")
			require.NoError(t, err)
			assert.Empty(t, files)
			assert.NotContains(t, string(p.seen), "half")
		})
	}
}

func TestInitTakesEachAnswerFromFlagsWhereThereIsNoTerminal(t *testing.T) {
	_, url := served(t)
	require.NoError(t, os.Mkdir("etc", 0o700))
	got := invocation{stdin: s1test.DefaultToken + "\n"}.s1graph(t, withFlags(url, "--config", "etc/prod.yaml", "--instance", "acme", "--interval", "@hourly")...)
	require.Zero(t, got.code, got.stderr)
	assert.Contains(t, got.stdout, "accepted, of ")
	assert.Contains(t, got.stdout, "    s1graph check --config etc/prod.yaml\n    s1graph run --config etc/prod.yaml\n    s1graph poll --config etc/prod.yaml\n")
	assert.NotContains(t, got.stdout+got.stderr, s1test.DefaultToken)
	assert.Equal(t, s1test.DefaultToken+"\n", contentOf(t, "etc/sentinelone.token"))
	_, written, _ := strings.Cut(contentOf(t, "etc/prod.yaml"), "\n")
	assert.Equal(t, "url: "+url+"\ntokenFile: sentinelone.token\ninstance: acme\nstore: json\ninterval: \"@hourly\"\n", written)
	assert.Zero(t, s1graph(t, "check", "--config", "etc/prod.yaml").code)

	// A file that has the token already is named as it is, and left alone.
	require.NoError(t, os.Rename("etc/sentinelone.token", "token"))
	got = s1graph(t, "init", "--config", "etc/other.yaml", "--url", url, "--token-file", "token", "--store", "json", "--interval", "1d")
	require.Zero(t, got.code, got.stderr)
	assert.Contains(t, contentOf(t, "etc/other.yaml"), "tokenFile: ../token\n")
	assert.NoFileExists(t, "etc/sentinelone.token")

	// Variables count as flags do.
	got = invocation{environment: []string{"SENTINELONE_URL=" + url, "SENTINELONE_TOKEN=" + s1test.DefaultToken, "S1GRAPH_STORE=json", "S1GRAPH_INTERVAL=1h"}}.s1graph(t, "init")
	require.Zero(t, got.code, got.stderr)
	assert.Equal(t, s1test.DefaultToken+"\n", contentOf(t, "sentinelone.token"))
}

func TestInitNamesTheFlagOfEachAnswerThatIsMissing(t *testing.T) {
	t.Chdir(t.TempDir())
	const missing = "must be given, as there is no terminal to ask on"
	for args, flags := range map[string][]string{
		"init":               {"url", "token-file", "store", "interval"},
		"init --store neo4j": {"url", "token-file", "neo4j-uri", "neo4j-username", "neo4j-password-file", "interval"},
		"init --store json --interval 1h --url x.example": {"token-file"},
	} {
		want := ""
		for _, flag := range flags {
			want += "s1graph: --" + flag + ": " + missing + "\n"
		}
		assert.Equal(t, outcome{2, "", want}, s1graph(t, strings.Fields(args)...), args)
	}
	got := s1graph(t, "init", "--store", "csv", "--interval", "30", "--url", "https://u:hunter2@x.example", "--token-file", "nowhere")
	assert.Equal(t, 2, got.code)
	for _, fault := range []string{
		`--store: must be json or neo4j, not "csv"`, "--interval: must be ", "--url: must have no user name or password in it",
		"--token-file: must be a file with the API token: nowhere does not exist",
	} {
		assert.Contains(t, got.stderr, "s1graph: "+fault)
	}
	got = s1graph(t, "init", "--store", "neo4j", "--token-file", "-", "--neo4j-password-file", "-")
	assert.Equal(t, outcome{2, "", "s1graph: --token-file and --neo4j-password-file cannot both be read from stdin: name a file for one of them\n"}, got)
	files, err := os.ReadDir(".")
	require.NoError(t, err)
	assert.Empty(t, files)
}

func TestInitReplacesNoFileWithoutBeingToldTo(t *testing.T) {
	server, url := served(t)
	piped := invocation{stdin: s1test.DefaultToken}
	for _, name := range []string{"s1graph.yaml", "sentinelone.token"} {
		require.NoError(t, os.WriteFile(name, []byte("mine: ["), 0o600))
		got := piped.s1graph(t, withFlags(url)...)
		assert.Equal(t, 2, got.code)
		assert.Contains(t, got.stderr, "s1graph: "+name+" is there already: name another file with --")
		assert.Contains(t, got.stderr, ", or replace it with --force\n")
		assert.Equal(t, "mine: [", contentOf(t, name))
		require.NoError(t, os.Remove(name))
	}
	assert.Empty(t, server.Requests(), "before anything is asked")

	require.NoError(t, os.WriteFile("s1graph.yaml", []byte("mine: ["), 0o600))
	got := piped.s1graph(t, withFlags(url, "--force")...)
	assert.Zero(t, got.code, got.stderr)
	assert.Zero(t, s1graph(t, "check").code)
}

func TestInitWithoutATerminalWritesNothingThatDoesNotWork(t *testing.T) {
	_, url := served(t)
	refused := invocation{stdin: "wrong"}
	got := refused.s1graph(t, withFlags(url)...)
	assert.Equal(t, 1, got.code)
	assert.Contains(t, got.stdout, "not accepted")
	assert.Contains(t, got.stderr, "s1graph: nothing was written: mend that, or write it all the same with --yes\n")
	assert.NoFileExists(t, "s1graph.yaml")
	assert.NoFileExists(t, "sentinelone.token")

	assert.Zero(t, refused.s1graph(t, withFlags(url, "--yes")...).code)
	assert.FileExists(t, "s1graph.yaml")
}

func TestInitAsksForTheDatabase(t *testing.T) {
	server := neo4jtest.Shared(t)
	_, url := served(t)
	p := types(t.Context(), t, []string{"NEO4J_INSECURE=true"}, "init", "--url", url, "--interval", "1h")
	p.answers("API token", s1test.DefaultToken+"\r")
	p.answers("[json]", "neo4j\r")
	p.answers("[neo4j://127.0.0.1:7687]", "http://127.0.0.1\r")
	p.answers("must be a bolt or neo4j address", server.URI+"\r")
	p.answers("[neo4j]", server.Username+"\r")
	p.answers("Password of that user", "wrong\r")
	p.until("type user")
	p.answers("Go on all the same?", "n\r")
	p.answers("["+server.URI+"]", "\r")
	p.answers("["+server.Username+"]", "\r")
	p.answers("Password of that user", server.Password+"\r")
	assert.Zero(t, p.code("s1graph poll"))
	assert.NotContains(t, string(p.seen), server.Password)
	assert.Equal(t, server.Password+"\n", contentOf(t, "neo4j.password"))
	assert.Contains(t, contentOf(t, "s1graph.yaml"), "store: neo4j\nneo4j:\n  uri: "+server.URI+"\n  username: "+server.Username+"\n  passwordFile: neo4j.password\n")
	got := invocation{environment: []string{"NEO4J_INSECURE=true"}}.s1graph(t, "check")
	assert.Zero(t, got.code, got.stdout)
}

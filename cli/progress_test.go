package cli_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"s1graph/s1/s1test"
)

// watched is a command under way, on screens that are looked at meanwhile.
type watched struct {
	t              *testing.T
	stdout, stderr lines
	ticks          chan time.Time
	began, now     time.Time
	ended          chan outcome
	cancel         func()
}

// watch starts a command.
func (i invocation) watch(t *testing.T, args ...string) *watched {
	quiet := func(string) bool { return false }
	w := &watched{t: t, ticks: make(chan time.Time), began: time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC), ended: make(chan outcome, 1)}
	w.stdout.until, w.stderr.until, w.now = quiet, quiet, w.began
	i.ctx, w.cancel = context.WithCancel(t.Context())
	i.ticks, i.stdout, i.stderr = w.ticks, &w.stdout, &w.stderr
	if widths := i.widths; widths != nil {
		i.widths = func(to io.Writer) int {
			if to == &w.stdout {
				return widths(nil)
			}
			return 0
		}
	}
	go func() { w.ended <- i.s1graph(t, args...) }()
	t.Cleanup(func() { w.end() })
	return w
}

// end waits until the command has ended.
func (w *watched) end() {
	w.cancel()
	w.ended <- <-w.ended
}

// after is what has come to stderr when so much time has passed since the beginning, and what is seen of it on a terminal.
func (w *watched) after(d time.Duration) (all, seen string) {
	w.now = w.began.Add(d)
	for range 2 { // which is taken when the first has done what it does
		w.ticks <- w.now
	}
	all = w.stderr.String()
	return all, all[strings.LastIndexAny(all, "\r\n")+1:]
}

// stalled is a console that answers the first request for a path when it is told to.
func stalled(t *testing.T, tenant s1test.Tenant, path string) (with invocation, came <-chan struct{}, answer func()) {
	server, with := console(t, tenant)
	comes, goOn := make(chan struct{}), make(chan struct{})
	var once sync.Once
	server.OnRequest(func(r *http.Request) {
		if r.URL.Path == s1test.Base+path {
			once.Do(func() {
				close(comes)
				<-goOn
			})
		}
	})
	answer = sync.OnceFunc(func() { close(goOn) })
	t.Cleanup(answer)
	return with, comes, answer
}

func TestAConsoleThatDoesNotAnswerIsToldOfWithinTwoSeconds(t *testing.T) {
	for _, command := range []string{"run", "run --all", "api", "poll"} {
		with, came, answer := stalled(t, small, "/user")
		args := map[string][]string{"run --all": {"run", "--all"}, "api": {"api", "user"}, "poll": {"poll", "--interval", "30m", "--listen", "off", "--log-level", "error"}}[command]
		if args == nil {
			args = []string{command}
		}
		whose := map[string]string{"run --all": "test: ", "poll": "test: "}[command] // there may be several
		with.width, with.environment = 100, append(with.environment, "NO_COLOR=1")
		w := with.watch(t, args...)
		<-came
		_, seen := w.after(0)
		assert.Empty(t, seen)
		_, seen = w.after(1900 * time.Millisecond)
		assert.Empty(t, seen, "not everything that takes a moment is told")
		_, seen = w.after(2 * time.Second)
		assert.Regexp(t, `^\x1b\[K`+whose+`no answer from 127\.0\.0\.1:\d+ to /user \(try 1 of 6, up to 1m0s each\) for 2s$`, seen)
		_, seen = w.after(70 * time.Second)
		assert.Contains(t, seen, " for 1m10s")
		answer()
		if command == "poll" {
			w.end()
		}
		got := <-w.ended
		w.ended <- got
		assert.Zero(t, got.code)
		assert.True(t, strings.HasSuffix(w.stderr.String(), "\r\x1b[K"), "nothing stays of it: %q", w.stderr.String())
	}
}

func TestARetryIsToldOfWithItsNumberItsReasonAndHowLongItIsWaitedFor(t *testing.T) {
	server, with := console(t, small)
	comes := make(chan struct{})
	server.Break(s1test.Fault{Path: "/user", Effect: s1test.Unavailable("240")})
	server.OnRequest(func(*http.Request) { close(comes) })
	with.width = 60
	with.environment = append(with.environment, "NO_COLOR=1")
	w := with.watch(t, "run")
	<-comes
	seen := ""
	for !strings.Contains(seen, "retrying") { // the answer is on its way
		_, seen = w.after(0)
	}
	assert.Regexp(t, `^\x1b\[Kretrying /user \(try 2 of 6\) in 4m0s: .*`, seen)
	assert.LessOrEqual(t, widest(seen), 59)
	_, seen = w.after(95 * time.Second)
	assert.Regexp(t, `^\x1b\[Kretrying /user \(try 2 of 6\) in 2m25s: `, seen)
	w.end()
	assert.Equal(t, 1, (<-w.ended).code)
	w.ended <- outcome{}
}

func TestHowFarAListIsReadIsToldWithAnEstimateOfWhatIsLeft(t *testing.T) {
	server, with := console(t, s1test.Tenant{Agents: 1500, Groups: 2})
	goOn, comes := make(chan struct{}), make(chan struct{})
	t.Cleanup(func() { close(goOn) })
	var once sync.Once
	server.OnRequest(func(r *http.Request) {
		if r.URL.Path == s1test.Base+"/agents" && r.URL.Query().Get("cursor") != "" {
			once.Do(func() { close(comes) })
			<-goOn
		}
	})
	with.width = 120
	with.environment = append(with.environment, "NO_COLOR=1")
	w := with.watch(t, "run", "--only", "agents")
	<-comes
	seen := ""
	for !strings.HasSuffix(seen, "agents 1000 of 1500") { // the first page is on its way
		_, seen = w.after(0)
	}
	_, seen = w.after(10 * time.Second)
	assert.Regexp(t, `^\x1b\[Kno answer from \S+ to /agents .* for 10s; agents 1000 of 1500, about 5s left$`, seen)
}

func TestWithoutATerminalThereIsALineWhenNothingMovesForLong(t *testing.T) {
	with, came, answer := stalled(t, small, "/user")
	w := with.watch(t, "run")
	<-came
	w.after(0)
	all, _ := w.after(29 * time.Second)
	assert.Empty(t, all)
	all, _ = w.after(30 * time.Second)
	assert.Regexp(t, `^s1graph: no answer from \S+ to /user \(try 1 of 6, up to 1m0s each\) for 30s\n$`, all)
	again, _ := w.after(89 * time.Second)
	assert.Equal(t, all, again)
	again, _ = w.after(90 * time.Second)
	assert.Equal(t, 2, strings.Count(again, "\n"))
	assert.True(t, isPlain(again))
	answer()
	assert.Zero(t, (<-w.ended).code)
	w.ended <- outcome{}

	with, came, _ = stalled(t, small, "/user")
	w = with.watch(t, "run", "--log-level", "info")
	<-came
	w.after(0)
	all, _ = w.after(time.Hour)
	assert.Empty(t, all, "the log says what there is to say")
}

func TestATerminalThatCannotRedrawGetsLines(t *testing.T) {
	with, came, _ := stalled(t, small, "/user")
	with.width = 80
	with.environment = append(with.environment, "TERM=dumb")
	w := with.watch(t, "run")
	<-came
	w.after(0)
	all, _ := w.after(3 * time.Second)
	assert.Regexp(t, `^s1graph: no answer from \S+ to /user .* for 3s\n$`, all)
	assert.True(t, isPlain(all))
}

func TestWhereOnlyStdoutIsATerminalItIsToldThere(t *testing.T) {
	with, came, answer := stalled(t, small, "/user")
	with.widths = func(io.Writer) int { return 80 }
	w := with.watch(t, "run")
	<-came
	w.after(0)
	all, _ := w.after(3 * time.Second)
	assert.Empty(t, all)
	assert.Contains(t, w.stdout.String(), "\r\x1b[K")
	answer()
	assert.Zero(t, (<-w.ended).code)
	w.ended <- outcome{}
	_, screen, _ := strings.Cut(w.stdout.String(), "for 3s")
	assert.Regexp(t, regexp.MustCompile(`^(\x1b\[0m)?\r\x1b\[K`), screen, "it is gone before the result is printed")
	require.Contains(t, screen, "The graph is in")
}

func TestCheckTellsOfWhatItWaitsFor(t *testing.T) {
	with, came, answer := stalled(t, small, "/system/status")
	with.width, with.environment = 100, append(with.environment, "NO_COLOR=1")
	w := with.watch(t, "check")
	<-came
	w.after(0)
	_, seen := w.after(3 * time.Second)
	assert.Regexp(t, `^\x1b\[Kno answer from 127\.0\.0\.1:\d+ for 3s$`, seen)
	answer()
	got := <-w.ended
	w.ended <- got
	assert.Zero(t, got.code)
	assert.Contains(t, w.stdout.String(), "It works, with 1 warning.")
}

func TestADatabaseThatDoesNotAnswerIsToldOf(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	came, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for first := true; ; first = false {
			connection, err := listener.Accept()
			if err != nil {
				return
			}
			defer connection.Close()
			if first {
				close(came)
			}
		}
	}()
	t.Cleanup(func() { <-done })
	t.Cleanup(func() { listener.Close() })
	with := invocation{width: 100, environment: []string{"NO_COLOR=1", "NEO4J_URI=bolt://" + listener.Addr().String(), "NEO4J_PASSWORD=hunter2"}}
	w := with.watch(t, "query", "--cypher", "RETURN 1")
	<-came
	w.after(0)
	_, seen := w.after(3 * time.Second)
	assert.Equal(t, "\x1b[Kconnecting to Neo4j at bolt://"+listener.Addr().String()+" for 3s", seen)
}

func TestAPollOnATerminalSaysWhenTheNextRunIs(t *testing.T) {
	_, with := console(t, small)
	with.width, with.environment = 100, append(with.environment, "NO_COLOR=1")
	w := with.watch(t, "poll", "--interval", "30m", "--listen", "off")
	seen := ""
	for !strings.HasPrefix(seen, "\x1b[Knext run") { // the first is under way
		_, seen = w.after(0)
	}
	assert.Regexp(t, `^\x1b\[Knext run of test in (29|30|31)m\d+s$`, seen)
}

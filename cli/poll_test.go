package cli_test

import (
	"bytes"
	"context"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"s1graph/s1/s1test"
)

func TestPollRefusesToRunWhereItIsDisabledAndSaysHowToRunByHand(t *testing.T) {
	server, with := console(t, small)
	got := with.s1graph(t, "poll", "--interval", "DISABLED")
	assert.Equal(t, 2, got.code)
	assert.Equal(t, "s1graph: the interval is DISABLED, so nothing is polled: set one, such as --interval 30m, or run it by hand with s1graph run\n", got.stderr)
	assert.Empty(t, got.stdout)
	assert.Empty(t, server.Requests())
}

func TestPollTellsOfAnAddressThatIsTakenBeforeAnythingIsPolled(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer taken.Close()
	server, with := console(t, small)
	got := with.s1graph(t, "poll", "--interval", "30m", "--listen", taken.Addr().String())
	assert.Equal(t, 1, got.code)
	assert.Regexp(t, `(?m)^s1graph: poll: s1graph cannot listen on \S+ \(bind: address already in use\), so nothing was polled: give another address with --listen`, got.stderr)
	assert.Empty(t, server.Requests())
}

// lines is what was logged so far; it does something once when enough was.
type lines struct {
	mu    sync.Mutex
	all   bytes.Buffer
	until func(all string) bool
	then  func()
}

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all.Write(b)
	if l.until(l.all.String()) {
		l.then()
	}
	return len(b), nil
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.all.String()
}

func TestPollSyncsAllInstancesOfAFileUntilItIsToldToEnd(t *testing.T) {
	server, with := console(t, small)
	with.environment = append(with.environment[:2:2], "S1GRAPH_LOG_FORMAT=json") // without the name of an instance
	require.NoError(t, os.WriteFile("s1graph.yaml", []byte(`
interval: 30m
listen: off
instances:
  - instance: acme
  - instance: globex
    skip: [threats]
`), 0o600))
	ctx, end := context.WithCancel(t.Context())
	defer end()
	log := &lines{until: func(all string) bool { return strings.Count(all, `"msg":"run ended"`) == 2 }, then: end}
	with.ctx, with.stderr = ctx, log
	got := with.s1graph(t, "poll")
	assert.Zero(t, got.code, log)
	for _, name := range []string{"acme", "globex"} {
		assert.FileExists(t, ".s1graph/"+name+"/current/run.json")
		assert.Regexp(t, `"msg":"run ended","instance":"`+name+`","status":"complete"`, log.String())
		assert.Regexp(t, `"msg":"step ended","instance":"`+name+`","step":"agents"`, log.String())
	}
	assert.NotContains(t, log.String(), s1test.DefaultToken)
	assert.NotEmpty(t, server.Requests())
}

func TestWithheldDeletionsPassOnceTheyAreAccepted(t *testing.T) {
	server, with := console(t, small)
	require.Zero(t, with.s1graph(t, "run").code)
	nothing := with.s1graph(t, "accept-deletions")
	assert.Zero(t, nothing.code, nothing.stderr)
	assert.Regexp(t, `^Nothing is withheld by the deletion guard in run 000001-\S+\.\n$`, nothing.stdout)

	mend := server.Break(s1test.Fault{Path: "/threats", Effect: s1test.EmptyList()})
	partial := with.s1graph(t, "run")
	require.Equal(t, 3, partial.code, partial.stderr)
	assert.Contains(t, partial.stdout, "Withheld: 12 deletions of threat")
	away := invocation{environment: []string{"S1GRAPH_INSTANCE=test"}} // neither the console nor the token is needed
	unasked := away.s1graph(t, "accept-deletions")
	assert.Equal(t, 2, unasked.code)
	assert.Contains(t, unasked.stderr, "say --yes")
	assert.Regexp(t, `^Withheld by the deletion guard in run 000002-\S+:\n`, unasked.stdout)
	assert.Regexp(t, `(?m)^threat +12 +\S.*, .*…$`, unasked.stdout)

	away.width = 80
	away.environment = append(away.environment, "NO_COLOR=1")
	away.stdin = "no\n"
	refused := away.s1graph(t, "accept-deletions")
	assert.Equal(t, 2, refused.code)
	assert.Contains(t, refused.stderr, "nothing was accepted")
	assert.Equal(t, 3, with.s1graph(t, "run").code)

	away.stdin = "yes\n"
	accepted := away.s1graph(t, "accept-deletions")
	assert.Zero(t, accepted.code, accepted.stderr)
	assert.Contains(t, accepted.stdout, "Accepted for test. The next run that reads these lists whole deletes what is\nstill missing of these 12, and what was derived from that alone.")
	t.Log(accepted.stdout)
	for line := range strings.Lines(accepted.stdout) {
		assert.LessOrEqual(t, utf8.RuneCountInString(strings.TrimSuffix(line, "\n")), 80, line)
	}

	mend()
	mend = server.Break(s1test.Fault{Path: "/threats", Effect: s1test.Status(403)})
	waiting := with.s1graph(t, "run")
	assert.Equal(t, 3, waiting.code)
	assert.Contains(t, waiting.stdout, "! Waiting for a run that reads all of their list: 12 accepted deletions of sentinelone_threat.")
	assert.Regexp(t, `^Accepted before, and waiting for a run that reads these lists whole:\nTYPE +NUMBER +NAMES\nthreat +12 [^\n]*\n\nNothing is withheld`, with.s1graph(t, "accept-deletions").stdout)
	mend()
	server.Break(s1test.Fault{Path: "/threats", Effect: s1test.EmptyList()})
	assert.Zero(t, with.s1graph(t, "run").code)
	assert.Regexp(t, `^Nothing is withheld`, away.s1graph(t, "accept-deletions").stdout)
}

func TestWhatLiesOutOfScopeIsAcceptedByAFlagOfItsOwn(t *testing.T) {
	server, with := console(t, small)
	require.Zero(t, with.s1graph(t, "run").code)
	narrowed := []string{"run", "--sites", server.SiteID(0)}
	require.Equal(t, 3, with.s1graph(t, narrowed...).code)
	plain := with.s1graph(t, "accept-deletions", "--yes")
	assert.Zero(t, plain.code, plain.stderr)
	assert.Regexp(t, `^Nothing is withheld by the deletion guard in run 000002-\S+\.\nOut of scope are \d+ more, which this leaves alone: see --out-of-scope\.\n$`, plain.stdout)

	unasked := with.s1graph(t, "accept-deletions", "--out-of-scope")
	assert.Equal(t, 2, unasked.code)
	assert.Regexp(t, `^Out of scope in run 000002-\S+, and kept:\n`, unasked.stdout)
	t.Log(unasked.stdout)
	assert.Regexp(t, `(?m)^site +2 +\S`, unasked.stdout)
	assert.Zero(t, with.s1graph(t, narrowed...).code)
	before := summaryOf(t, with.s1graph(t, append(narrowed, "--json")...))
	assert.EqualValues(t, 3, before.Entities["sentinelone_site"])

	assert.Zero(t, with.s1graph(t, "accept-deletions", "--out-of-scope", "--yes").code)
	after := summaryOf(t, with.s1graph(t, append(narrowed, "--json")...))
	assert.EqualValues(t, 1, after.Entities["sentinelone_site"])
	assert.Empty(t, after.KeptOutOfScope)
}

func TestWhatAnEarlierVersionWithheldIsNotListedAndSaidSo(t *testing.T) {
	server, with := console(t, small)
	require.Zero(t, with.s1graph(t, "run").code)
	server.Break(s1test.Fault{Path: "/threats", Effect: s1test.EmptyList()})
	require.Equal(t, 3, with.s1graph(t, "run").code)
	manifest := ".s1graph/test/current/run.json"
	content, err := os.ReadFile(manifest)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(manifest, bytes.ReplaceAll(content, []byte("withheld.jsonl"), []byte("other.jsonl")), 0o600))
	got := with.s1graph(t, "accept-deletions", "--yes")
	assert.Equal(t, 2, got.code)
	assert.Regexp(t, `^s1graph: an earlier version of s1graph wrote the last run, 000002-\S+, and did not list what it withheld: run s1graph run, then this command again\n$`, got.stderr)
}

func TestAcceptDeletionsKnowsWhereThereIsNoRun(t *testing.T) {
	t.Chdir(t.TempDir())
	got := s1graph(t, "accept-deletions", "--instance", "acme")
	assert.Equal(t, 2, got.code)
	assert.Contains(t, got.stderr, "there is no run in .s1graph/acme yet")
}

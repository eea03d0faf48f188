package cli_test

import (
	"flag"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"

	"github.com/jedib0t/go-pretty/v6/text"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"s1graph/s1/s1test"
)

var update = flag.Bool("update", false, "write what the commands print to testdata/screens")

// changing is what is different each time: ports, IDs of runs, and times.
var changing = []struct {
	what *regexp.Regexp
	as   string
}{
	{regexp.MustCompile(`127\.0\.0\.1:\d{5}`), "127.0.0.1:12345"},
	{regexp.MustCompile(`(\d{6})-\d{8}T\d{6}Z-[0-9a-f]{4}`), "$1-20261129T120000Z-cafe"},
	{regexp.MustCompile(`20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ`), "2026-11-29T12:00:00Z"},
	{regexp.MustCompile(`20\d\d-\d\d-\d\d `), "2026-11-29 "},
	{regexp.MustCompile(`│ +\d+\.\d │`), "│     0.0 │"},
}

// tokenEnds is a cell that says when the token does, which is narrower than others of its column.
var tokenEnds = regexp.MustCompile(`20\d\d-\d\d-\d\d, in \d+ days +`)

// looksAs holds what a command prints to a file; -update writes the file, and whoever does so looks at it.
func looksAs(t *testing.T, name string, width int, got outcome) {
	t.Helper()
	screen := tokenEnds.ReplaceAllStringFunc(got.stdout+got.stderr, func(cell string) string {
		return text.Pad("2027-11-20, in 355 days", len(cell), ' ')
	})
	for _, c := range changing {
		screen = c.what.ReplaceAllString(screen, c.as)
	}
	assert.LessOrEqual(t, widest(screen), width, screen)
	file := filepath.Join(screens, name+"-"+strconv.Itoa(width)+".txt")
	if *update {
		require.NoError(t, os.MkdirAll(screens, 0o755))
		require.NoError(t, os.WriteFile(file, []byte(screen), 0o644))
	}
	want, err := os.ReadFile(file)
	require.NoError(t, err, "run go test ./cli -run Screens -update")
	assert.Equal(t, string(want), screen, "%s: run go test ./cli -run Screens -update if it is meant so, and look at the file", file)
}

// screens is where the files are, whatever the working directory.
var screens = func() string {
	path, err := filepath.Abs("testdata/screens")
	if err != nil {
		panic(err)
	}
	return path
}()

func TestTheScreensOfARecordedCompanyAreThoseThatWereLookedAt(t *testing.T) {
	acme := recordingOfAcme(t)
	for _, width := range []int{80, 200} {
		t.Chdir(t.TempDir())
		require.NoError(t, os.WriteFile("s1graph.yaml", []byte("posture:\n  - {infected: false, encryptedApplications: true}\n"), 0o600))
		on := invocation{width: width, environment: []string{"NO_COLOR=1"}}
		for _, screen := range []struct {
			name string
			args []string
		}{
			{"run-first", []string{"run", "--replay", acme}},
			{"run-dry", []string{"run", "--replay", acme + "-next-day", "--instance", "acme", "--dry-run"}},
			{"run-next-day", []string{"run", "--replay", acme + "-next-day", "--instance", "acme"}},
			{"run-unchanged", []string{"run", "--replay", acme + "-next-day", "--instance", "acme"}},
			{"overview", []string{"overview", "--instance", "acme"}},
			{"posture", []string{"posture", "--instance", "acme"}},
			{"changes", []string{"changes", "--instance", "acme", "--op", "created,updated,renamed", "--type", "device,threat,site"}},
			{"alerts-test", []string{"alerts", "test", "device infected", "--instance", "acme"}},
			{"query-list", []string{"query"}},
		} {
			looksAs(t, screen.name, width, on.s1graph(t, screen.args...))
		}
	}
}

func TestTheScreensOfAConsoleWithFaultsAreThoseThatWereLookedAt(t *testing.T) {
	for _, width := range []int{80, 200} {
		server, with := console(t, small)
		with.width, with.environment = width, append(with.environment, "NO_COLOR=1")
		require.Zero(t, with.s1graph(t, "run").code)
		server.Break(s1test.Fault{Path: "/threats", Effect: s1test.Status(http.StatusForbidden)})
		looksAs(t, "run-partial", width, with.s1graph(t, "run"))
		looksAs(t, "check", width, with.s1graph(t, "check"))
		server.Accept(s1test.Token{Value: "another"})
		looksAs(t, "run-failed", width, with.s1graph(t, "run"))
	}
}

func TestTheScreensOfAlertsAreThoseThatWereLookedAt(t *testing.T) {
	queueOfLongTexts(t)
	for _, width := range []int{80, 200} {
		on := invocation{width: width, environment: []string{"NO_COLOR=1"}}
		looksAs(t, "alerts-list", width, on.s1graph(t, "alerts", "list", "--instance", "test"))
	}
}

func TestTheScreensOfAQueryAreThoseThatWereLookedAt(t *testing.T) {
	on, _ := inNeo4j(t)
	on.environment = append(on.environment, "NO_COLOR=1")
	const some = `UNWIND range(1, 3) AS n RETURN 'ACME-LT-00' + n AS device, 'Yuki Haddad' AS owner, 'Tokyo Sales Office' AS site, n * 1000 AS rows,
'sentinelone_agent:110001700000146620' + n AS key, 'The agent was not heard of for thirty days, and nobody knows where it is' AS why`
	const many = `RETURN 'ACME-LT-0030' AS device, 'Yuki Haddad' AS owner, 'Tokyo Sales Office' AS site, 4 AS threats, true AS infected, 'disconnected' AS network,
'23.4.6.347' AS version, 'windows' AS os, 'Laptops' AS grp, 'sentinelone_agent:1100017000003141870' AS key, '2026-11-29T08:00:00Z' AS seen`
	for _, width := range []int{80, 200} {
		on.width = width
		looksAs(t, "query-long", width, on.s1graph(t, "query", "--cypher", some))
		looksAs(t, "query-wide", width, on.s1graph(t, "query", "--cypher", many))
	}
}

package cli_test

import (
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"s1graph/connector"
	"s1graph/s1/s1test"
	"s1graph/steps"
)

// small is a tenant that is read in no time and yet has some of everything.
var small = s1test.Tenant{Accounts: 2, Sites: 3, Groups: 5, Agents: 60, Threats: 12, ApplicationsPerAgent: 3}

func summaryOf(t *testing.T, o outcome) connector.Summary {
	t.Helper()
	var s connector.Summary
	decoder := json.NewDecoder(strings.NewReader(o.stdout))
	decoder.DisallowUnknownFields()
	require.NoError(t, decoder.Decode(&s), o.stdout+o.stderr)
	assert.False(t, decoder.More(), "one JSON document and nothing else: %s", o.stdout)
	return s
}

func TestTheFirstRunShowsWhatThereIsAndTheSecondThatNothingChanged(t *testing.T) {
	_, with := console(t, small)
	first := with.s1graph(t, "run")
	require.Zero(t, first.code, first.stdout+first.stderr)
	for _, want := range []string{
		`(?m)^TYPE +CREATED$`,
		`(?m)^account +2$`,
		`This is the first graph of test: the next run is compared with it\.`,
		`The graph is in \.s1graph/test/graph\.`,
	} {
		assert.Regexp(t, want, first.stdout)
	}
	assert.True(t, isPlain(first.stdout+first.stderr))
	assert.NotContains(t, first.stdout, "STATE", "nothing was slow or wrong")
	assert.NotContains(t, first.stdout, "sentinelone_", "not every created thing is listed, and types have short names")
	assert.Empty(t, first.stderr, "nobody asked for a log")

	before := graphFiles(t, ".s1graph/test")
	second := with.s1graph(t, "run")
	require.Zero(t, second.code, second.stderr)
	assert.Contains(t, second.stdout, "Nothing changed.\n")
	assert.NotContains(t, second.stdout, "first graph")
	assert.Equal(t, before, graphFiles(t, ".s1graph/test"))
}

func TestOnlyTheFirstGraphIsCalledSo(t *testing.T) {
	_, with := console(t, small)
	dry := with.s1graph(t, "run", "--dry-run").stdout
	assert.Regexp(t, `(?m)^account +2$`, dry)
	assert.NotContains(t, dry, "first graph", "nothing was written")

	require.Contains(t, with.s1graph(t, "run", "--only", "accounts").stdout, "This is the first graph of test")
	second := with.s1graph(t, "run")
	require.Zero(t, second.code, second.stderr)
	assert.NotContains(t, second.stdout, "first graph", "though all that there is was created and is a baseline")
	assert.Regexp(t, `(?m)^TYPE +CREATED +BASELINE$`, second.stdout)
	assert.Regexp(t, `(?m)^Baseline: changes of .*site.* are written and not reported`, second.stdout)
}

func TestALostLinkIsToldAndMakesNoChanges(t *testing.T) {
	server, with := console(t, small)
	require.Zero(t, with.s1graph(t, "run").code)
	require.NoError(t, os.Remove(".s1graph/test/current"))
	server.SetDay(1)
	got := with.s1graph(t, "run")
	require.Zero(t, got.code, got.stdout+got.stderr)
	assert.Regexp(t, `(?m)^! There is no link \S+/\.s1graph/test/current to the last run: the newest run that can be read, 000001-\S+, counts as the last one\.$`, got.stdout)
	assert.NotRegexp(t, `(?m)^  [-+~] `, got.stdout)
	assert.Contains(t, with.s1graph(t, "run").stdout, "Nothing changed.\n")
}

func TestWhatIsInTheWayOfTheLinksIsToldBeforeAnythingIsRead(t *testing.T) {
	server, with := console(t, small)
	require.Zero(t, with.s1graph(t, "run").code)
	read := server.Requests()
	for _, link := range []string{".s1graph/test/graph", ".s1graph/test/current"} {
		require.NoError(t, os.Remove(link))
		require.NoError(t, os.Mkdir(link, 0o700))
	}
	got := with.s1graph(t, "run")
	assert.Equal(t, 1, got.code)
	assert.Regexp(t, `^s1graph: \S+/current, \S+/graph: a link belongs there, and something else is there; move that away and run it again: the runs themselves are kept in the folder runs\n$`, got.stderr)
	assert.Equal(t, read, server.Requests())
}

func TestAnInterruptedRunAfterAnotherSaysThatTheLastGraphStands(t *testing.T) {
	server, with := console(t, small)
	require.Zero(t, with.s1graph(t, "run").code)
	ctx, cancel := context.WithCancel(t.Context())
	with.ctx = ctx
	server.OnRequest(func(*http.Request) { cancel() })
	got := with.s1graph(t, "run", "--log-level", "error")
	assert.Equal(t, 1, got.code)
	assert.Equal(t, "s1graph: interrupted: nothing was committed, and the last graph stands; run it again\n", got.stderr)
}

func TestAnInterruptedRunSaysTheSameInJSONAndOnStderr(t *testing.T) {
	for _, command := range [][]string{{"run", "--json"}, {"run"}, {"api", "agents"}} {
		server, with := console(t, small)
		ctx, cancel := context.WithCancel(t.Context())
		with.ctx = ctx
		server.OnRequest(func(r *http.Request) {
			if r.URL.Path == s1test.Base+"/agents" {
				cancel()
			}
		})
		got := with.s1graph(t, append(command, "--log-level", "error")...)
		assert.Equal(t, 1, got.code)
		switch {
		case command[0] == "api":
			assert.Equal(t, "s1graph: interrupted; run it again\n", got.stderr)
		case len(command) == 2:
			s := summaryOf(t, got)
			assert.Equal(t, connector.Failed, s.Status)
			assert.Contains(t, got.stderr, "s1graph: "+s.Error+"; ")
			fallthrough
		default:
			assert.Equal(t, "s1graph: interrupted: nothing was committed; run it again\n", got.stderr)
		}
	}
}

func TestARunLogsALineForEachStepAndSecretsNowhere(t *testing.T) {
	_, with := console(t, small)
	for format, line := range map[string]string{"text": `(?m)^time=\S+ level=INFO msg="step ended" step=%s state=ok `, "json": `(?m)^\{"time":"[^"]+","level":"INFO","msg":"step ended","step":"%s","state":"ok",`} {
		got := with.s1graph(t, "run", "--log-format", format, "--log-level", "debug")
		require.Zero(t, got.code, got.stderr)
		for _, step := range []string{"accounts", "sites", "groups", "agents", "threats", "applications"} {
			assert.Len(t, regexp.MustCompile(strings.ReplaceAll(line, "%s", step)).FindAllString(got.stderr, -1), 1, "%s %s", step, got.stderr)
		}
		assert.Regexp(t, `path"?[=:]"?/agents"?[ ,]"?page"?[=:]1[ ,]"?status"?[=:]200`, got.stderr)
		assert.NotContains(t, got.stdout+got.stderr, s1test.DefaultToken)
	}
	quiet := with.s1graph(t, "run", "--log-level", "error")
	assert.Empty(t, quiet.stderr)
}

func TestJSONIsTheSummaryAndNothingElse(t *testing.T) {
	server, with := console(t, small)
	s := summaryOf(t, with.s1graph(t, "run", "--json"))
	assert.Equal(t, "test", s.Instance)
	assert.Equal(t, connector.Complete, s.Status)
	assert.NotEmpty(t, s.Run)
	assert.Len(t, s.Steps, len(stepIDs()))
	assert.Equal(t, int64(server.Totals().Sites), s.Entities["sentinelone_site"])
	n := s.Changes["sentinelone_site"]
	assert.Equal(t, n.Created, n.Baseline)

	dry := summaryOf(t, with.s1graph(t, "run", "--json", "--dry-run"))
	assert.Empty(t, dry.Run)

	server.Accept(s1test.Token{Value: "another"})
	refused := with.s1graph(t, "run", "--json")
	assert.Equal(t, 1, refused.code)
	failed := summaryOf(t, refused)
	assert.Equal(t, connector.Failed, failed.Status)
	assert.Contains(t, failed.Error, "401")
	assert.Regexp(t, `(?m)^s1graph: .*401.*look whether the token is whole.*$`, refused.stderr)
}

func TestATokenThatIsRefusedInTheMiddleIsToldOnceAndNoStepIsToBeRunAgain(t *testing.T) {
	server, with := console(t, small)
	server.Break(s1test.Fault{Path: "/sites", Effect: s1test.Status(http.StatusUnauthorized)})
	got := with.s1graph(t, "run")
	assert.Equal(t, 1, got.code)
	assert.NotContains(t, got.stdout+got.stderr, "context canceled")
	assert.NotContains(t, got.stdout+got.stderr, "run again")
	assert.Contains(t, got.stdout, "! groups not read: the token was refused.\n")
	assert.Equal(t, 1, strings.Count(got.stdout+got.stderr, "look whether the token is whole"), got.stdout+got.stderr)
}

func TestARunOfASiteThatIsNotThereSaysSoFirstAndThatItReadNothing(t *testing.T) {
	_, with := console(t, small)
	require.Zero(t, with.s1graph(t, "run").code)
	got := with.s1graph(t, "run", "--sites", "5")
	assert.Equal(t, 3, got.code)
	assert.Contains(t, got.stdout, "Nothing changed in what was read.\n\nWith what is kept of earlier runs:\nagents ")
	first, _, _ := strings.Cut(got.stdout[strings.Index(got.stdout, "\n! ")+1:], "\n")
	assert.Equal(t, "! Runs are limited to sites that are not there, or that the token does not see: 5. Correct sites in the configuration file, or --sites.", first)
	assert.NotContains(t, got.stdout, "un again")
}

func TestWhatTheGuardWithholdsIsNotToBeRunAgain(t *testing.T) {
	server, with := console(t, s1test.Tenant{Seed: 1, Agents: 60})
	require.Zero(t, with.s1graph(t, "run").code)
	server.Break(s1test.Fault{Path: "/agents", Effect: s1test.EmptyList()})
	got := with.s1graph(t, "run")
	assert.Equal(t, 3, got.code)
	assert.Contains(t, got.stdout, "With what is kept of earlier runs:\n")
	assert.Contains(t, got.stdout, "accept-deletions")
	assert.NotContains(t, got.stdout, "un again")
}

func TestAPartialRunExitsWith3AndSaysWhatToDo(t *testing.T) {
	server, with := console(t, small)
	require.Zero(t, with.s1graph(t, "run").code)
	mend := server.Break(s1test.Fault{Path: "/threats", Effect: s1test.Status(http.StatusForbidden)})
	got := with.s1graph(t, "run")
	assert.Equal(t, 3, got.code)
	assert.Regexp(t, `(?m)^threats +refused `, got.stdout)
	assert.Regexp(t, `(?m)^! threats refused: sentinelone api 403 on /threats: .*give the service user the role Viewer over the whole scope, or leave the step out with --skip threats\.$`, got.stdout)
	assert.Regexp(t, `(?m)^! Incomplete: agent_has_threat, threat\.`, got.stdout)
	assert.Contains(t, got.stdout, "and partial:")
	mend()
	assert.Zero(t, with.s1graph(t, "run").code)
}

func TestAListThatIsNotWholeIsToldWithWhatToDo(t *testing.T) {
	server, with := console(t, small)
	require.Zero(t, with.s1graph(t, "run").code)
	server.Break(s1test.Fault{Path: "/threats", Match: s1test.Rows, Effect: s1test.EmptyPage()})
	got := with.s1graph(t, "run")
	assert.Equal(t, 3, got.code)
	assert.Regexp(t, `(?m)^! threats failed: /threats returned \d+ of \d+ rows; nothing was deleted; run again\.$`, got.stdout)
}

func TestWithheldDeletionsAreTold(t *testing.T) {
	server, with := console(t, small)
	require.Zero(t, with.s1graph(t, "run").code)
	server.Break(s1test.Fault{Path: "/threats", Effect: s1test.EmptyList()}) // the count, the list and questions by ID
	got := with.s1graph(t, "run")
	assert.Equal(t, 3, got.code)
	assert.Regexp(t, `(?m)^! Withheld: \d+ deletions of threat, more than the deletion guard lets pass\. .* --allow-mass-delete, or .* s1graph accept-deletions\.$`, got.stdout)
	assert.NotRegexp(t, `(?m)^  - `, got.stdout)

	allowed := with.s1graph(t, "run", "--allow-mass-delete")
	assert.Zero(t, allowed.code)
	assert.Regexp(t, `(?m)^threat +\d\d$`, allowed.stdout)
}

func TestSkippedStepsAreNoFault(t *testing.T) {
	_, with := console(t, small)
	for _, args := range [][]string{{"--skip", "applications", "--skip", "threats"}, {"--skip", "applications,threats"}, {"--only", "accounts,sites", "--only", "groups", "--only", "agents"}} {
		s := summaryOf(t, with.s1graph(t, append([]string{"run", "--json"}, args...)...))
		assert.Equal(t, connector.Complete, s.Status)
		states := map[string]string{}
		for _, step := range s.Steps {
			states[step.ID] = step.State
		}
		want := map[string]string{}
		for _, id := range stepIDs() {
			want[id] = "skipped"
			if skipped := id == "threats" || id == "applications"; args[0] == "--skip" && !skipped {
				want[id] = "ok"
			}
		}
		if args[0] == "--only" {
			maps.Copy(want, map[string]string{"accounts": "ok", "sites": "ok", "groups": "ok", "agents": "ok"})
		}
		assert.Equal(t, want, states)
	}
}

func TestAnotherConsoleBehindTheSameDirectoryIsWrongUsage(t *testing.T) {
	_, with := console(t, small)
	require.Zero(t, with.s1graph(t, "run").code)
	dir, err := filepath.Abs(".s1graph/test")
	require.NoError(t, err)
	tenant := small
	tenant.Seed = 99
	_, other := console(t, tenant)
	got := other.s1graph(t, "run", "--dir", dir)
	assert.Equal(t, 2, got.code)
	assert.Regexp(t, `^s1graph: .* holds the graph of the console 127\.0\.0\.1:\d+, and this run would read the console 127\.0\.0\.1:\d+: give another --instance or --dir\n$`, got.stderr)
}

func TestARecordingReplaysToTheSameGraph(t *testing.T) {
	_, with := console(t, small)
	got := with.s1graph(t, "run", "--record", "recordings/small")
	require.Zero(t, got.code, got.stderr)
	recorded := graphFiles(t, ".s1graph/test")

	replayed := s1graph(t, "run", "--replay", "recordings/small", "--instance", "again")
	require.Zero(t, replayed.code, replayed.stderr)
	assert.Equal(t, recorded, graphFiles(t, ".s1graph/again"))

	named := s1graph(t, "run", "--replay", "recordings/small", "--dir", "elsewhere", "--json")
	require.Zero(t, named.code, named.stderr)
	assert.Equal(t, "test", summaryOf(t, named).Instance, "as when it was recorded")

	mixed := s1graph(t, "run", "--replay", "recordings/small", "--log-level", "error")
	assert.Equal(t, 2, mixed.code)
	assert.Regexp(t, `^s1graph: \.s1graph/test holds the graph of the console 127\.0\.0\.1:\d+, and this run would replay a recording of test\.sentinelone\.example: give another --instance or --dir\n$`, mixed.stderr)

	missing := s1graph(t, "run", "--replay", "recordings/none")
	assert.Equal(t, 2, missing.code)
	assert.Regexp(t, `^s1graph: --replay: .*; give the folder of a recording, such as testdata/recordings/acme\n$`, missing.stderr)
}

func TestOnATerminalThereAreBorders(t *testing.T) {
	_, with := console(t, small)
	with.width = 100
	got := with.s1graph(t, "run")
	require.Zero(t, got.code)
	assert.Contains(t, got.stdout, "╭")
	assert.NotContains(t, got.stderr, "agents", "nothing stays of what was told while it ran")
	with.environment = append(with.environment, "NO_COLOR=1")
	got = with.s1graph(t, "run")
	assert.True(t, isPlain(got.stdout))
}

func TestNeitherHostileNamesNorSecretsOfATenantAreSeen(t *testing.T) {
	server, with := console(t, s1test.Hostile())
	require.NoError(t, os.Mkdir("empty", 0o700))
	for _, width := range []int{0, 120} {
		with.width = width
		with.environment = append(with.environment, "NO_COLOR=1", "S1GRAPH_DIR=graph-"+strconv.Itoa(width))
		server.SetDay(0)
		first := with.s1graph(t, "run", "--log-level", "debug")
		require.Zero(t, first.code, first.stderr)
		server.SetDay(1)
		second := with.s1graph(t, "run", "--log-level", "debug")
		require.Zero(t, second.code, second.stderr)
		all := with.s1graph(t, "diff", "empty", "graph-"+strconv.Itoa(width))
		require.Equal(t, 1, all.code)

		out := first.stdout + second.stdout + all.stdout
		assert.True(t, isPlain(out), "%q", out)
		if width == 0 {
			assert.True(t, isPlain(first.stderr+second.stderr), "%q", first.stderr)
		}
		assert.NotContains(t, out+first.stderr+second.stderr+all.stderr, s1test.SecretPrefix)
	}
}

func TestTheHostileRecordingIsReplayedAndNoneOfItsNamesReachesTheTerminalAsItIs(t *testing.T) {
	recording, err := filepath.Abs("../testdata/recordings/hostile")
	require.NoError(t, err)
	t.Chdir(t.TempDir())
	require.NoError(t, os.Mkdir("empty", 0o700))
	first := s1graph(t, "run", "--replay", recording, "--log-level", "debug")
	require.Zero(t, first.code, first.stderr)
	all := s1graph(t, "diff", "empty", ".s1graph/hostile")
	require.Equal(t, 1, all.code)
	assert.Contains(t, all.stdout, "<script>alert(1)</script>")
	assert.True(t, isPlain(first.stdout+first.stderr+all.stdout), "%q", all.stdout)
}

func TestADirectoryThatCannotBeMadeIsAFailure(t *testing.T) {
	_, with := console(t, small)
	require.NoError(t, os.WriteFile("file", nil, 0o600))
	got := with.s1graph(t, "run", "--dir", "file/graph")
	assert.Equal(t, 1, got.code)
	assert.Regexp(t, `^s1graph: .*file: not a directory; give another --dir\n$`, got.stderr)
}

func TestARunGoesOnWithoutADatabaseThatCannotBeReachedAndSaysWhatToDo(t *testing.T) {
	server, with := console(t, small)
	with.environment = append(with.environment, "S1GRAPH_STORE=neo4j", "NEO4J_URI=bolt://127.0.0.1:1", "NEO4J_PASSWORD=hunter2")
	got := with.s1graph(t, "run", "--log-level", "error")
	assert.Equal(t, 3, got.code)
	assert.Empty(t, got.stderr)
	assert.Regexp(t, `(?m)^! Neo4j is behind, and the next run brings it up to date: neo4j at bolt://127\.0\.0\.1:1: the server cannot be reached: look whether it runs, .*connection refused\.$`, got.stdout)
	assert.NotEmpty(t, server.Requests())
}

func TestWarningsOfTheConfigurationAreTold(t *testing.T) {
	_, with := console(t, small)
	require.NoError(t, os.WriteFile("s1graph.yaml", []byte("posture: [{is_active: true}]"), 0o600))
	got := with.s1graph(t, "run", "--only", "accounts")
	assert.Contains(t, got.stderr, "s1graph: warning: s1graph.yaml:1:12: posture[0].is_active: write isActive: the old spelling is read for now\n")
}

func TestARunOfWhatIsDueSaysWhereNothingIs(t *testing.T) {
	_, with := console(t, small)
	require.Zero(t, with.s1graph(t, "run").code)
	var every []string
	for _, step := range steps.All() {
		every = append(every, step.ID+"=1h")
	}
	with.environment = append(with.environment, "S1GRAPH_EVERY="+strings.Join(every, ","))
	got := with.s1graph(t, "run", "--due")
	assert.Zero(t, got.code, got.stderr)
	assert.Equal(t, "No step is due: nothing was read, and the last graph stands.\n", got.stdout)
}

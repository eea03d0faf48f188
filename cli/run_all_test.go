package cli_test

import (
	"context"
	"fmt"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"s1graph/connector"
	"s1graph/s1/s1test"
)

// provider serves two tenants, and writes a configuration file with these instances of them into the working directory:
// acme of the first, initech of the second, and globex, whose token the first refuses.
func provider(t *testing.T, names ...string) (acme, initech *s1test.Server) {
	t.Helper()
	t.Chdir(t.TempDir())
	serve := func(seed uint64) (*s1test.Server, string) {
		tenant := small
		tenant.Seed = seed
		server := s1test.New(tenant)
		listener := httptest.NewServer(server)
		t.Cleanup(listener.Close)
		return server, listener.URL
	}
	acme, first := serve(1)
	initech, second := serve(2)
	require.NoError(t, os.WriteFile("good", []byte(s1test.DefaultToken), 0o600))
	require.NoError(t, os.WriteFile("wrong", []byte(strings.Repeat("w", 80)), 0o600))
	configure(t, map[string]string{
		"acme":    fmt.Sprintf("{instance: acme, url: %q, tokenFile: good}", first),
		"globex":  fmt.Sprintf("{instance: globex, url: %q, tokenFile: wrong}", first),
		"initech": fmt.Sprintf("{instance: initech, url: %q, tokenFile: good}", second),
	}, names...)
	return acme, initech
}

func configure(t *testing.T, entries map[string]string, names ...string) {
	t.Helper()
	file := "instances:\n"
	for _, name := range names {
		file += "  - " + entries[name] + "\n"
	}
	require.NoError(t, os.WriteFile("s1graph.yaml", []byte(file), 0o600))
}

func TestRunAllRunsEachTenantAndEndsAsTheWorst(t *testing.T) {
	_, initech := provider(t, "acme", "globex", "initech")
	mend := initech.Break(s1test.Fault{Path: "/threats", Effect: s1test.Status(403)})
	got := s1graph(t, "run", "--all")
	assert.Equal(t, 1, got.code, "one failed")
	assert.Regexp(t, `(?m)^INSTANCE +STATUS +SECONDS +CHANGES +AGENTS +INFECTED +THREATS\nacme +complete +\S+ +first graph +\d+ +\d+ +\d+\nglobex +failed +\S+ +unknown +unknown +unknown\ninitech +partial +\S+ +first graph +\d+ +\d+ +unknown$`, got.stdout)
	assert.Regexp(t, `(?m)^! initech: threats refused: `, got.stdout)
	assert.NotRegexp(t, `(?m)^! acme`, got.stdout)
	assert.Regexp(t, `(?m)^s1graph: globex: .*token`, got.stderr)
	assert.NotContains(t, got.stdout+got.stderr, strings.Repeat("w", 80))
	assert.FileExists(t, ".s1graph/acme/summary.json")
	assert.FileExists(t, ".s1graph/initech/summary.json")

	mend()
	again := s1graph(t, "run", "--all", "--json", "--skip", "applications")
	assert.Equal(t, 1, again.code)
	var statuses []string
	for line := range strings.Lines(again.stdout) {
		var of connector.Summary
		require.NoError(t, json.Unmarshal([]byte(line), &of))
		statuses = append(statuses, of.Instance+" "+string(of.Status))
		assert.Equal(t, of.Instance == "globex", of.Error != "", line)
	}
	assert.Equal(t, []string{"acme complete", "globex failed", "initech complete"}, statuses)
}

func TestTheExitCodeOfAllIsThatOfThePartialOneWhereNoneFailed(t *testing.T) {
	acme, initech := provider(t, "acme", "initech")
	require.Zero(t, s1graph(t, "run", "--all").code)
	acme.SetDay(1)
	initech.Break(s1test.Fault{Path: "/threats", Effect: s1test.EmptyList()})
	got := s1graph(t, "run", "--all")
	assert.Equal(t, 3, got.code, got.stderr)
	assert.Regexp(t, `(?m)^acme +complete +\S+ .*~\d+`, got.stdout)
	assert.Regexp(t, `(?m)^initech +partial +\S+ +none `, got.stdout)
	assert.Regexp(t, `(?m)^! initech: Withheld: .* run --instance initech with --allow-mass-delete, .* s1graph accept-deletions --instance initech\.$`, got.stdout)
	assert.Contains(t, got.stdout, "\nChanges: + created, ~ updated, - deleted, > renamed.\n")
	dry := s1graph(t, "run", "--all", "--dry-run")
	assert.Equal(t, 3, dry.code)
	runs := s1graph(t, "changes", "--all", "--json")
	assert.Contains(t, runs.stdout, `{"instance":"initech","runs":0,`, "a dry run leaves nothing")
}

func TestAFolderThatIsRefusedIsWorseThanAPartialRunAndBetterThanAFailedOne(t *testing.T) {
	_, initech := provider(t, "acme", "initech")
	initech.Break(s1test.Fault{Path: "/threats", Effect: s1test.Status(403)})
	require.NoError(t, os.MkdirAll(".s1graph/acme/photos", 0o700))
	got := s1graph(t, "run", "--all")
	assert.Equal(t, 2, got.code, "the folder of acme is somebody else's")
	assert.Regexp(t, `(?m)^acme +failed`, got.stdout)
	assert.Regexp(t, `(?m)^initech +partial`, got.stdout)
}

func TestAFaultInTheSettingsOfOneIsNamedAndNothingIsRun(t *testing.T) {
	acme, _ := provider(t, "acme", "globex")
	require.NoError(t, os.Remove("wrong"))
	for _, command := range []string{"run", "check"} {
		got := s1graph(t, command, "--all")
		assert.Equal(t, outcome{2, "", "s1graph: s1graph.yaml:3:83: instances[1].tokenFile: must be a file with the API token: wrong does not exist\n"}, withoutColumn(got))
	}
	assert.Empty(t, acme.Requests())
}

// withoutColumn has a column in place of the one that depends on the port of a server.
func withoutColumn(o outcome) outcome {
	before, after, _ := strings.Cut(o.stderr, "s1graph.yaml:3:")
	_, after, _ = strings.Cut(after, ":")
	o.stderr = before + "s1graph.yaml:3:83:" + after
	return o
}

func TestAllSaysWhatItCannotBeGivenWith(t *testing.T) {
	provider(t, "acme", "initech")
	for _, test := range []struct{ flags, want string }{
		{"--instance acme", "--all and --instance contradict each other: give one of them"},
		{"--replay x", "--replay works for one instance only, not with --all"},
		{"--record x", "--record works for one instance only, not with --all"},
		{"--allow-mass-delete", "--allow-mass-delete works for one instance only, not with --all"},
		{"--url https://x.example", "--url: must not be given with several instances: put it into s1graph.yaml, or choose one by --instance"},
	} {
		got := s1graph(t, append([]string{"run", "--all"}, strings.Fields(test.flags)...)...)
		assert.Equal(t, outcome{2, "", "s1graph: " + test.want + "\n"}, got)
	}
	for _, command := range []string{"run", "check", "changes", "posture"} {
		got := s1graph(t, command)
		assert.Equal(t, outcome{2, "", "s1graph: --instance: must be given: s1graph.yaml has the instances acme, initech; --all means all of them\n"}, got, command)
	}
}

func TestAllThatIsInterruptedSaysOfWhomItIsNotDone(t *testing.T) {
	acme, _ := provider(t, "acme", "initech")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, command := range []string{"run", "check", "overview", "changes", "posture"} {
		got := invocation{ctx: ctx}.s1graph(t, command, "--all")
		assert.Equal(t, 1, got.code, command)
		assert.Equal(t, "s1graph: acme: interrupted; run it again\ns1graph: initech: interrupted; run it again\n", got.stderr, command)
		assert.NotRegexp(t, `ok|complete`, got.stdout)
	}
	assert.Empty(t, acme.Requests())
}

func TestCheckAllHasARowForEachTenantAndSaysWhatToDo(t *testing.T) {
	provider(t, "acme", "globex")
	got := s1graph(t, "check", "--all")
	assert.Equal(t, 1, got.code)
	assert.Regexp(t, `^INSTANCE +STATE +FAULTS +WARNINGS\nacme +\S+ +0 +\d+\nglobex +fault +[1-9]\d* +\d+\n`, got.stdout)
	assert.Regexp(t, `(?m)^! globex: token: .*401.*; `, got.stdout, "what was found, and what to do")
	assert.Empty(t, got.stderr)
	lines := strings.Split(s1graph(t, "check", "--all", "--json").stdout, "\n")
	require.Len(t, lines, 3)
	for i, name := range []string{"acme", "globex"} {
		var of struct {
			Instance string `json:"instance"`
			Findings []any  `json:"findings"`
		}
		require.NoError(t, json.Unmarshal([]byte(lines[i]), &of))
		assert.Equal(t, name, of.Instance)
		assert.NotEmpty(t, of.Findings)
	}
}

func TestTheScreensOfSeveralTenantsAreThoseThatWereLookedAt(t *testing.T) {
	for _, width := range []int{80, 200} {
		acme, initech := provider(t, "acme", "globex", "initech")
		file, err := os.ReadFile("s1graph.yaml")
		require.NoError(t, err)
		require.NoError(t, os.WriteFile("s1graph.yaml", append(file, "posture: [{infected: false, firewallEnabled: true}]\n"...), 0o600))
		initech.Break(s1test.Fault{Path: "/threats", Effect: s1test.Status(403)})
		on := invocation{width: width, environment: []string{"NO_COLOR=1"}}
		looksAs(t, "run-all-first", width, on.s1graph(t, "run", "--all"))
		acme.SetDay(1)
		for _, command := range []string{"run", "check", "overview", "posture", "changes"} {
			looksAs(t, command+"-all", width, on.s1graph(t, command, "--all"))
		}
	}
}

package cli_test

import (
	"encoding/csv"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"s1graph/overview"
)

// replayed runs the recording of a day and of the next one into a folder, with which the answer's commands are asked.
func replayed(t *testing.T, acme string, width int) (next outcome, dir string) {
	t.Helper()
	dir = t.TempDir()
	for _, recording := range []string{acme, acme + "-next-day"} {
		next = invocation{width: width}.s1graph(t, "run", "--replay", recording, "--dir", dir)
		require.Zero(t, next.code, next.stderr)
	}
	return next, dir
}

func TestARunEndsWithHowTheFleetIsAndWhatIsOtherwise(t *testing.T) {
	for _, width := range []int{80, 200} {
		next, _ := replayed(t, recordingOfAcme(t), width)
		plain := strings.NewReplacer("\x1b[1m", "", "\x1b[0m", "").Replace(next.stdout)
		_, after, found := strings.Cut(plain, "\nagents           147 (+2): 4 infected (+1), 3 isolated (+1), ")
		require.True(t, found, plain)
		lines := strings.Split("agents"+after[:strings.Index(after, "\n\n")], "\n")
		assert.LessOrEqual(t, len(lines), 10)
		for _, line := range lines {
			assert.LessOrEqual(t, utf8.RuneCountInString(line), width, line)
		}
		assert.Contains(t, plain, "\nlicenses         157 used (+7), 225 bought (+10)\n")
		assert.NotContains(t, plain, "0 disabled", "what is none and was none is left out")
	}
}

func TestTheOverviewOfOneInstanceHasAllFiguresAndOfSeveralARowEach(t *testing.T) {
	_, dir := replayed(t, recordingOfAcme(t), 0)
	one := s1graph(t, "overview", "--dir", dir)
	require.Zero(t, one.code, one.stderr)
	assert.Regexp(t, `(?m)^OF +FIGURE +NUMBER +CHANGE$`, one.stdout)
	assert.Regexp(t, `\nAs of 20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ\.\n$`, one.stdout)
	assert.Regexp(t, `(?m)^agents +infected +4 +\+1$`, one.stdout)
	assert.Regexp(t, `(?m)^agents +disabled +0$`, one.stdout)
	assert.NotContains(t, one.stdout, "compliant", "nothing is demanded of devices")
	assert.Regexp(t, `(?m)^SITE +LICENSES USED +OF$`, one.stdout)
	assert.Regexp(t, `(?m)^Remote Staff +9 +15$`, one.stdout)

	_, other := replayed(t, recordingOfAcme(t), 0)
	t.Chdir(t.TempDir())
	require.NoError(t, os.WriteFile("s1graph.yaml", []byte("instances:\n  - {instance: north, url: https://n.example.net, dir: "+strconv.Quote(dir)+"}\n  - {instance: south, url: https://s.example.net, dir: "+strconv.Quote(dir)+"}\n"), 0o600))
	several := s1graph(t, "overview")
	require.Equal(t, 2, several.code, "two instances in one folder are a fault of the configuration")
	require.NoError(t, os.WriteFile("s1graph.yaml", []byte("instances:\n  - {instance: north, url: https://n.example.net, dir: "+strconv.Quote(dir)+"}\n  - {instance: south, url: https://s.example.net, dir: "+strconv.Quote(other)+"}\n"), 0o600))
	several = invocation{width: 80, environment: []string{"NO_COLOR=1"}}.s1graph(t, "overview")
	require.Zero(t, several.code, several.stderr)
	for line := range strings.SplitSeq(several.stdout, "\n") {
		assert.LessOrEqual(t, utf8.RuneCountInString(line), 80, line)
	}
	assert.Regexp(t, `north .*147 \(\+2\).* 4 \(\+1\).* 5 .* 5 .* 10 .* 3 \(\+1\)`, several.stdout)
	assert.Contains(t, several.stdout, "south")
}

// instances writes a configuration file with instances of these names into the working directory, each with these settings.
func instances(t *testing.T, settings string, names ...string) {
	t.Helper()
	file := "instances:\n"
	for _, name := range names {
		file += fmt.Sprintf("  - {instance: %s, url: https://%s.example.net, %s}\n", name, name, settings)
	}
	require.NoError(t, os.WriteFile("s1graph.yaml", []byte(file), 0o600))
}

func TestTheOverviewOfAllInstancesHasARowForOneThatHasNoRunAndEndsAsThatOneWould(t *testing.T) {
	acme := recordingOfAcme(t)
	t.Chdir(t.TempDir())
	instances(t, "tokenFile: none", "north", "south")
	require.Zero(t, s1graph(t, "run", "--replay", acme, "--instance", "south").code)
	got := invocation{environment: []string{"S1GRAPH_INSTANCE=south"}}.s1graph(t, "overview", "--all")
	assert.Equal(t, 2, got.code)
	assert.Equal(t, "s1graph: north: .s1graph/north: there is no run yet; run s1graph run first, or give another --instance or --dir\n", got.stderr)
	assert.Regexp(t, `(?m)^north +unknown +unknown `, got.stdout)
	assert.Regexp(t, `(?m)^south +145 +3 `, got.stdout)

	csv := s1graph(t, "overview", "--all", "--csv")
	assert.Regexp(t, `(?m)^north,,,,`, csv.stdout)
	lines := strings.Split(s1graph(t, "overview", "--all", "--json").stdout, "\n")
	names := regexp.MustCompile(`"\w+":\d`).FindAllString(regexp.MustCompile(`"figures":\{[^}]*`).FindString(lines[1]), -1)
	for i, name := range names {
		names[i], _, _ = strings.Cut(name[1:], `"`)
	}
	assert.Greater(t, len(names), 10)
	assert.True(t, slices.IsSorted(names), names)
	require.Len(t, lines, 3)
	var north, south struct{ Instance, Error, Run string }
	require.NoError(t, json.Unmarshal([]byte(lines[0]), &north, json.MatchCaseInsensitiveNames(true)))
	require.NoError(t, json.Unmarshal([]byte(lines[1]), &south, json.MatchCaseInsensitiveNames(true)))
	assert.Equal(t, "north", north.Instance)
	assert.Contains(t, north.Error, "there is no run yet")
	assert.Equal(t, "south", south.Instance)
	assert.NotEmpty(t, south.Run)
	assert.Empty(t, south.Error)
}

func TestAllIsTheOneTenantOfAFileWithoutInstancesAndContradictsAnInstance(t *testing.T) {
	_, dir := replayed(t, recordingOfAcme(t), 0)
	t.Chdir(t.TempDir())
	one := s1graph(t, "overview", "--all", "--dir", dir)
	require.Zero(t, one.code, one.stderr)
	assert.Regexp(t, `(?m)^acme +147 \(\+2\) +4 \(\+1\) `, one.stdout)
	both := s1graph(t, "overview", "--all", "--instance", "acme")
	assert.Equal(t, outcome{2, "", "s1graph: --all and --instance contradict each other: give one of them\n"}, both)
}

func TestTheOverviewForPrograms(t *testing.T) {
	_, dir := replayed(t, recordingOfAcme(t), 0)
	var of struct {
		Instance, Run   string
		Figures, Change map[string]int64
		Licenses        []overview.SiteLicenses
	}
	require.NoError(t, json.Unmarshal([]byte(s1graph(t, "overview", "--dir", dir, "--json").stdout), &of, json.MatchCaseInsensitiveNames(true)))
	assert.Equal(t, "acme", of.Instance)
	assert.Equal(t, [2]int64{4, 1}, [2]int64{of.Figures["agentsInfected"], of.Change["agentsInfected"]})
	assert.Len(t, of.Licenses, 7)

	rows, err := csv.NewReader(strings.NewReader(s1graph(t, "overview", "--dir", dir, "--csv").stdout)).ReadAll()
	require.NoError(t, err)
	require.Len(t, rows, 2)
	for i, name := range rows[0] {
		if n, isKnown := of.Figures[name]; isKnown {
			assert.Equal(t, strconv.FormatInt(n, 10), rows[1][i], name)
		}
	}
	assert.Equal(t, []string{"acme", of.Run}, rows[1][:2])
	assert.Equal(t, []string{"devicesEvaluated", "devicesCompliant"}, rows[0][len(rows[0])-2:])
	assert.Equal(t, []string{"", ""}, rows[1][len(rows[1])-2:], "what is not known is not 0")
}

func TestTheOverviewOfNoRunSaysWhatToDo(t *testing.T) {
	got := s1graph(t, "overview", "--dir", t.TempDir())
	assert.Equal(t, 2, got.code)
	assert.Contains(t, got.stderr, "there is no run yet; run s1graph run first")
	both := s1graph(t, "overview", "--json", "--csv")
	assert.Equal(t, 2, both.code)
	assert.Contains(t, both.stderr, "--json and --csv exclude each other")
}

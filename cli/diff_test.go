package cli_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"s1graph/s1/s1test"
)

// folder writes a graph folder with the given records.
func folder(t *testing.T, name string, entities, relationships []map[string]any) {
	t.Helper()
	for kind, records := range map[string][]map[string]any{"entities": entities, "relationships": relationships} {
		if records == nil {
			continue
		}
		dir := filepath.Join(name, "agents", kind)
		require.NoError(t, os.MkdirAll(dir, 0o700))
		content, err := json.Marshal(map[string]any{kind: records})
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(dir, "some-0000.json"), content, 0o600))
	}
}

func agent(id, name string, more ...any) map[string]any {
	record := map[string]any{
		"_key": "sentinelone_agent:" + id, "_type": "sentinelone_agent", "_class": []string{"HostAgent"},
		"displayName": name, "name": name,
	}
	for i := 0; i < len(more); i += 2 {
		record[more[i].(string)] = more[i+1]
	}
	return record
}

func groupHasAgent(group, agent string) map[string]any {
	from, to := "sentinelone_group:"+group, "sentinelone_agent:"+agent
	return map[string]any{
		"_key": from + "|has|" + to, "_type": "sentinelone_group_has_agent", "_class": "HAS",
		"_fromEntityKey": from, "_toEntityKey": to, "displayName": "HAS",
	}
}

func twoDays(t *testing.T) {
	t.Chdir(t.TempDir())
	folder(t, "monday", []map[string]any{
		agent("1", "STAYS"),
		agent("2", "UPGRADED", "agentVersion", "24.1", "isInfected", false, "registeredAt", 1763800000000, "lastActiveDate", 1763800000000),
		agent("3", "GONE"),
		agent("4", "SEEN", "lastActiveDate", 1763800000000),
	}, []map[string]any{groupHasAgent("7", "2")})
	folder(t, "tuesday", []map[string]any{
		agent("4", "SEEN", "lastActiveDate", 1763886400000),
		agent("2", "UPGRADED", "agentVersion", "24.2", "isInfected", true, "registeredAt", 1763886400000, "lastActiveDate", 1763886400000, "serialNumber", " "),
		agent("1", "STAYS"),
		agent("5", "NEW"),
	}, []map[string]any{groupHasAgent("8", "2")})
}

func TestDiffListsWhatChangedWithBeforeAndAfter(t *testing.T) {
	twoDays(t)
	got := s1graph(t, "diff", "monday", "tuesday")
	assert.Equal(t, outcome{1, `agent
  ~ UPGRADED  sentinelone_agent:2
      agentVersion: 24.1 -> 24.2
      isInfected: false -> true
      registeredAt: 2025-11-22T08:26:40Z -> 2025-11-23T08:26:40Z
      serialNumber: (none) -> " "
  - GONE  sentinelone_agent:3
  + NEW  sentinelone_agent:5

group_has_agent
  - sentinelone_group:7 HAS UPGRADED
  + sentinelone_group:8 HAS UPGRADED

TYPE             CREATED  UPDATED  DELETED
agent                  1        1        1
group_has_agent        1        0        1
Only volatile properties, such as last seen, changed in 1 record.
`, ""}, got)
}

func TestDiffAsJSONIsALineForEachChangeAndEachTouch(t *testing.T) {
	twoDays(t)
	got := s1graph(t, "diff", "monday", "tuesday", "--json")
	assert.Equal(t, 1, got.code)
	assert.Empty(t, got.stderr)
	var ops []string
	for line := range strings.Lines(got.stdout) {
		var change struct {
			Op, Key       string
			Before, After map[string]any
		}
		require.NoError(t, json.Unmarshal([]byte(line), &change))
		ops = append(ops, change.Op+" "+change.Key)
		if change.Op == "updated" {
			assert.Equal(t, "24.1", change.Before["agentVersion"])
			assert.Equal(t, "24.2", change.After["agentVersion"])
			assert.NotContains(t, change.After, "name", "only what changed")
		}
	}
	assert.Equal(t, []string{
		"updated sentinelone_agent:2", "deleted sentinelone_agent:3", "touched sentinelone_agent:4", "created sentinelone_agent:5",
		"deleted sentinelone_group:7|has|sentinelone_agent:2", "created sentinelone_group:8|has|sentinelone_agent:2",
	}, ops)
}

func TestAPlaceIsCalledByItsNameWhereTheGraphKnowsIt(t *testing.T) {
	t.Chdir(t.TempDir())
	place := func(kind, id, name string) map[string]any {
		return map[string]any{"_key": "sentinelone_" + kind + ":" + id, "_type": "sentinelone_" + kind, "_class": []string{"Group"}, "displayName": name, "name": name}
	}
	places := []map[string]any{
		place("account", "1", "Acme"), place("site", "20", "HQ"), place("site", "21", "Tokyo"),
		place("group", "30", "Default Group"), place("group", "31", "Default Group"), place("group", "32", "Laptops"),
	}
	folder(t, "monday", append(places, agent("1", "A", "siteId", "20", "groupId", "30"), agent("2", "B", "accountId", "9", "groupId", "30")), nil)
	folder(t, "tuesday", append(places, agent("1", "A", "siteId", "21", "groupId", "31"), agent("2", "B", "accountId", "1", "groupId", "32")), nil)
	got := s1graph(t, "diff", "monday", "tuesday")
	assert.Equal(t, `agent
  ~ A  sentinelone_agent:1
      site: HQ -> Tokyo
      group: HQ / Default Group -> Tokyo / Default Group
  ~ B  sentinelone_agent:2
      account: 9 -> Acme
      group: Default Group -> Laptops

TYPE   UPDATED
agent        2
`, got.stdout, "two groups of one name are told apart by their sites")
	assert.Contains(t, s1graph(t, "diff", "monday", "tuesday", "--json").stdout, `"siteId":"21"`)
}

func TestDiffOfEqualFoldersSaysSo(t *testing.T) {
	twoDays(t)
	assert.Equal(t, outcome{0, "The graphs are equal.\n", ""}, s1graph(t, "diff", "monday", "monday"))
	assert.Equal(t, outcome{}, s1graph(t, "diff", "--json", "monday", "monday"))
}

func TestATouchAloneIsToldAndIsNoDifference(t *testing.T) {
	t.Chdir(t.TempDir())
	folder(t, "a", []map[string]any{agent("4", "SEEN", "lastActiveDate", 1)}, nil)
	folder(t, "b", []map[string]any{agent("4", "SEEN", "lastActiveDate", 2)}, nil)
	assert.Equal(t, outcome{0, "Nothing changed. Only volatile properties, such as last seen, changed in 1 record.\n", ""}, s1graph(t, "diff", "a", "b"))
	got := s1graph(t, "diff", "--json", "a", "b")
	assert.Zero(t, got.code)
	assert.Contains(t, got.stdout, `"op":"touched"`)
}

func TestAFolderThatIsNoGraphIsAFault(t *testing.T) {
	twoDays(t)
	require.NoError(t, os.WriteFile("monday/agents/entities/more.json", []byte("{"), 0o600))
	got := s1graph(t, "diff", "monday", "tuesday")
	assert.Equal(t, 2, got.code)
	assert.Empty(t, got.stdout)
	assert.Regexp(t, `^s1graph: monday: .*more\.json.*\n$`, got.stderr)
}

func TestHostileNamesReachNoTerminal(t *testing.T) {
	t.Chdir(t.TempDir())
	var before, after []map[string]any
	hostile := append([]string{"\u202egnp.exe", "a\u2066b\u2069c", "x\u009b31mred", "tab\tline\nreturn\r", "\x00\x7f", "soft\u00adhyphen", "tag\U000e0041"}, s1test.HostileNames...)
	for i, name := range hostile {
		id := string(rune('a'+i%26)) + strings.Repeat("x", i)
		before = append(before, agent(id, name, "agentVersion", "1", "osName", name))
		after = append(after, agent(id, name, "agentVersion", name, "osName", "none", "tag."+"Name", name))
	}
	folder(t, "a", before, nil)
	folder(t, "b", append(after, agent("new", "\x1b]0;owned\x07")), nil)
	for _, width := range []int{0, 120} {
		with := invocation{width: width, environment: []string{"NO_COLOR=1"}}
		got := with.s1graph(t, "diff", "a", "b")
		assert.Equal(t, 1, got.code, got.stderr)
		assert.True(t, isPlain(got.stdout), "%q", got.stdout)
		assert.Contains(t, got.stdout, `\u202egnp.exe`)
		assert.Contains(t, got.stdout, `\x1b]0;owned\a`)
		assert.Contains(t, got.stdout, "财务部-电脑-07", "other scripts are readable")
	}

	// A terminal gets JSON without anything to act on, which means the same as what a pipe gets.
	terminal := invocation{width: 120}.s1graph(t, "diff", "--json", "a", "b").stdout
	assert.True(t, isPlain(terminal), "%q", terminal)
	for line := range strings.Lines(terminal) {
		assert.True(t, json.Valid([]byte(line)), line)
	}
	pipe := s1graph(t, "diff", "--json", "a", "b").stdout
	assert.Equal(t, decoded(t, pipe), decoded(t, terminal))
}

func decoded(t *testing.T, lines string) (all []any) {
	t.Helper()
	for line := range strings.Lines(lines) {
		var value any
		require.NoError(t, json.Unmarshal([]byte(line), &value))
		all = append(all, value)
	}
	return all
}

func TestColoursAreForTerminalsThatWantThem(t *testing.T) {
	twoDays(t)
	assert.Contains(t, invocation{width: 100}.s1graph(t, "diff", "monday", "tuesday").stdout, "\x1b[32m+ NEW")
	for _, variable := range []string{"NO_COLOR=1", "TERM=dumb"} {
		got := invocation{width: 100, environment: []string{variable}}.s1graph(t, "diff", "monday", "tuesday")
		assert.True(t, isPlain(got.stdout))
		assert.Contains(t, got.stdout, "╭", "borders are for terminals")
	}
	assert.NotContains(t, s1graph(t, "diff", "monday", "tuesday").stdout, "│")
}

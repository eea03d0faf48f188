package alerts_test

import (
	"cmp"
	"maps"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"s1graph/alerts"
	"s1graph/config"
	"s1graph/graph"
	"s1graph/queries"
	"s1graph/s1/s1test"
)

// subjects names what alerts are about: agents and threats by their IDs, applications by name.
func subjects(documents []document) []string {
	names := []string{}
	for _, d := range documents {
		switch d.Type {
		case "sentinelone_agent", "sentinelone_threat":
			names = append(names, id(d.Key))
		case "sentinelone_application":
			names = append(names, d.DisplayName)
		default: // devices and who owns them are told with their agents
			names = append(names, id(d.Related["agent"].Key))
		}
	}
	return sorted(names)
}

var ranks = []string{"none", "low", "medium", "high", "critical"}

// expected is, by rule, what is to be told of a day.
func expected(t *testing.T, plan s1test.Plan, before, after alerts.Run) map[string][]string {
	ids := func(events ...s1test.Event) []string {
		var all []string
		for _, e := range events {
			all = append(all, plan.IDs(e)...)
		}
		return all
	}
	want := map[string][]string{
		"new device":                           ids(s1test.AgentNew),
		"agent gone":                           ids(s1test.AgentGone),
		"device infected":                      ids(s1test.AgentInfected),
		"protection to detect mode":            ids(s1test.AgentDetecting),
		"firewall or encryption switched off":  ids(s1test.AgentFirewallOff),
		"device isolated":                      ids(s1test.AgentIsolated),
		"isolation lifted":                     ids(s1test.AgentReconnected),
		"agent moved to another group or site": ids(s1test.AgentMovedGroup, s1test.AgentMovedSite),
		"agent decommissioned or uninstalled":  ids(s1test.AgentDecommissioned, s1test.AgentUninstalled),
		"new unmitigated threat":               ids(s1test.ThreatOpened),
		"threat reopened":                      ids(s1test.ThreatReopened),
		"device owner changes":                 ids(s1test.AgentOwnerChanged),
		"application first seen":               newApplications(t, before, after),
	}
	for _, agent := range plan.IDs(s1test.AgentNew) {
		if of(t, after, "sentinelone_agent", "sentinelone_agent:"+agent).Get("isUpToDate").Any() == false {
			want["agent out of date"] = append(want["agent out of date"], agent)
		}
	}
	for _, c := range plan.Of(s1test.RiskChanged) {
		if slices.Index(ranks, c.After) > slices.Index(ranks, c.Before) {
			want["application risk rises"] = append(want["application risk rises"], c.Application)
		}
	}
	return want
}

// exposedStates is, by rule, which states of vulnerabilities and of devices that have some began and ended: operations and keys.
func exposedStates(t *testing.T, before, after alerts.Run) map[string][]string {
	now := map[string]string{} // keys of devices, by those before
	for change, err := range after.Changes(t.Context()) {
		require.NoError(t, err)
		if change.Op == graph.Rekeyed {
			now[change.PreviousKey] = change.Key
		}
	}
	was, is := inStates(t, before), inStates(t, after)
	all := map[string][]string{}
	for _, rule := range []string{"critical vulnerability", "exploitable vulnerability", "vulnerable device with a threat"} {
		all[rule] = nil
		for key := range was[rule] {
			if key = cmp.Or(now[key], key); !is[rule][key] {
				all[rule] = append(all[rule], "ended "+key)
			}
			delete(is[rule], key)
		}
		for key := range is[rule] {
			all[rule] = append(all[rule], "began "+key)
		}
	}
	return all
}

// inStates is, by rule, what is in a state: keys.
func inStates(t *testing.T, run alerts.Run) map[string]map[string]bool {
	all := func(typeName string) (records []graph.Record) {
		for e, err := range graph.All(t.Context(), run.Graph, typeName) {
			require.NoError(t, err)
			r, err := graph.Decode(e.JSON, run.Types)
			require.NoError(t, err)
			records = append(records, r)
		}
		return records
	}
	isOpen := func(r *graph.Record) bool { return r.Get("open").Any() == true }
	critical, exploitable, both := map[string]bool{}, map[string]bool{}, map[string]bool{}
	for _, v := range all("sentinelone_vulnerability") {
		if isOpen(&v) {
			critical[v.Key] = v.Get("severity").Text() == "critical"
			exploitable[v.Key] = v.Get("exploitCodeMaturity").Text() == "Functional" || v.Get("exploitCodeMaturity").Text() == "High"
		}
	}
	open, threatened := map[string]bool{}, map[string]bool{} // threats and agents
	for _, threat := range all("sentinelone_threat") {
		open[threat.Key] = isOpen(&threat)
	}
	for _, edge := range all("sentinelone_agent_has_threat") {
		threatened[edge.From] = threatened[edge.From] || open[edge.To]
	}
	vulnerable := map[string]bool{}
	for _, edge := range all("sentinelone_device_has_vulnerability") {
		vulnerable[edge.From] = vulnerable[edge.From] || isOpen(&edge)
	}
	for _, edge := range all("sentinelone_agent_protects_device") {
		both[edge.To] = both[edge.To] || threatened[edge.From] && vulnerable[edge.To]
	}
	states := map[string]map[string]bool{"critical vulnerability": critical, "exploitable vulnerability": exploitable, "vulnerable device with a threat": both}
	for _, keys := range states {
		maps.DeleteFunc(keys, func(_ string, is bool) bool { return !is })
	}
	return states
}

// statesTold are the operations and keys of what is told of, each of those that are told together too.
func statesTold(documents []document) []string {
	all := []string{}
	for _, d := range documents {
		if d.Key != "" {
			all = append(all, d.Op+" "+d.Key)
		}
		all = append(all, statesTold(d.Events)...)
	}
	return sorted(all)
}

// newApplications are the names of those that no device had.
func newApplications(t *testing.T, before, after alerts.Run) []string {
	keys := func(run alerts.Run) []string {
		var all []string
		for key, err := range graph.Keys(t.Context(), run.Graph, "sentinelone_application") {
			require.NoError(t, err)
			all = append(all, key)
		}
		return all
	}
	known := keys(before)
	fresh := slices.DeleteFunc(keys(after), func(key string) bool { return slices.Contains(known, key) })
	var names []string
	for _, key := range fresh {
		names = append(names, of(t, after, "sentinelone_application", key).Get("displayName").Text())
	}
	return names
}

// of is a record of a run.
func of(t *testing.T, run alerts.Run, typeName, key string) *graph.Record {
	t.Helper()
	for e, err := range run.Graph.Fetch(t.Context(), typeName, []string{key}) {
		require.NoError(t, err)
		r, err := graph.Decode(e.JSON, run.Types)
		require.NoError(t, err)
		return &r
	}
	require.Fail(t, "there is no record", key)
	return nil
}

func TestEachPlannedEventIsToldOnceAndNothingElseIs(t *testing.T) {
	s := newService(t, s1test.Hostile(), allReady()...)
	before := s.sync(0)
	assert.Empty(t, s.apply(before), "the first run is a baseline")
	seen := map[string]bool{}
	told := map[string]int{}
	for day := 1; day <= 7; day++ {
		run := s.sync(day)
		documents := s.apply(run)
		want := expected(t, s.Plan(day), before, run)
		states := exposedStates(t, before, run)
		for _, r := range alerts.Ready() {
			told[r.Name] += len(by(r.Name, documents))
			if want, found := states[r.Name]; found {
				assert.Equal(t, sorted(want), statesTold(by(r.Name, documents)), "%s on day %d", r.Name, day)
				continue
			}
			assert.Equal(t, sorted(want[r.Name]), subjects(by(r.Name, documents)), "%s on day %d", r.Name, day)
		}
		for _, d := range documents {
			assert.False(t, seen[d.ID], "the ID of %s is new", d.Title)
			seen[d.ID] = true
			assert.NotContains(t, d.Title+d.Text, "<no value>")
		}
		before = run
	}
	rules := slices.Collect(maps.Keys(expected(t, nil, before, before)))
	for _, rule := range append(rules, "vulnerable device with a threat") {
		assert.NotZero(t, told[rule], "%s was tried", rule)
	}
}

func TestAThreatIsToldWithItsOwnSeverity(t *testing.T) {
	s := newService(t, s1test.Hostile(), config.Rule{Use: "new unmitigated threat"})
	s.apply(s.sync(0))
	run := s.sync(1)
	documents := s.apply(run)
	require.NotEmpty(t, documents)
	for _, d := range documents {
		assert.Equal(t, of(t, run, d.Type, d.Key).Get("severity").Text(), d.Severity)
	}
}

func TestAQuietWeekRaisesNothing(t *testing.T) {
	tenant := s1test.Hostile()
	tenant.Quiet = true
	s := newService(t, tenant, allReady()...)
	for day := range 8 {
		assert.Empty(t, s.apply(s.sync(day)), "day %d", day)
	}
}

func TestAnIsolationIsToldOnceAndSoIsItsEndWhateverItGoesThrough(t *testing.T) {
	w := newWorld(t, config.Rule{Use: "device isolated"}, config.Rule{Use: "isolation lifted"})
	is := func(status string) properties { return properties{"networkStatus": status} }
	w.put(agent("1001", is("connected")), agent("1002", is("disconnected")))
	assert.Empty(t, w.apply(), "a baseline")
	for _, step := range []struct {
		status string
		want   []string
	}{
		{"disconnecting", []string{"1001 is being cut off from the network"}},
		{"disconnected", nil},
		{"connecting", nil},
		{"disconnected", nil},
		{"connecting", nil},
		{"connected", []string{"1001 is no longer cut off from the network"}},
		{"disconnected", []string{"1001 was cut off from the network"}},
		{"connected", []string{"1001 is no longer cut off from the network"}},
	} {
		w.put(agent("1001", is(step.status)))
		assert.Equal(t, step.want, titles(w.apply()), step.status)
	}
	w.put(agent("1003", is("disconnected")), agent("1004", is("connected")))
	assert.Equal(t, []string{"1003 was cut off from the network"}, titles(w.apply()), "one that is new and cut off")
}

func TestTheQuestionThatAReadyMadeRuleNamesIsInTheLibrary(t *testing.T) {
	var known []string
	for _, q := range queries.All() {
		known = append(known, q.Name)
	}
	for _, name := range []string{"open-threats", "risky-applications", "recent-changes"} {
		assert.Contains(t, known, name, "what rules of one's own name")
	}
	for _, r := range alerts.Ready() {
		if r.Query != "" {
			assert.Contains(t, known, r.Query, r.Name)
		}
	}
}

package connector_test

import (
	"encoding/json"
	"html"
	"maps"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"s1graph/connector"
	"s1graph/graph"
	"s1graph/plural"
	"s1graph/s1/s1test"
)

const risks = "/application-management/risks"

var vulnerable = []string{"sentinelone_vulnerability", "sentinelone_device_has_vulnerability", "sentinelone_application_has_vulnerability"}

// severities are those of which a run reads vulnerabilities; none: all.
func severities(words ...string) func(*connector.Options) {
	if len(words) == 0 {
		words = []string{"all"}
	}
	return func(o *connector.Options) { o.Config.Vulnerabilities = words }
}

// rows are all rows of a list, as the console gives them.
func (c *console) rows(path string) (all []map[string]any) {
	c.t.Helper()
	for cursor := ""; ; {
		r, err := http.NewRequestWithContext(c.t.Context(), http.MethodGet, c.url+s1test.Base+path+"?limit=1000&cursor="+cursor, nil)
		require.NoError(c.t, err)
		r.Header.Set("Authorization", "ApiToken "+s1test.DefaultToken)
		answer, err := http.DefaultClient.Do(r)
		require.NoError(c.t, err)
		var page struct {
			Data       []map[string]any
			Pagination struct{ NextCursor string }
		}
		require.NoError(c.t, json.NewDecoder(answer.Body).Decode(&page))
		require.NoError(c.t, answer.Body.Close())
		all = append(all, page.Data...)
		if cursor = page.Pagination.NextCursor; cursor == "" {
			return all
		}
	}
}

func text(row map[string]any, name string) string { s, _ := row[name].(string); return s }

func vulnerableTypes(graph map[string]string) map[string]string {
	some := make(map[string]string)
	for _, name := range vulnerable {
		for key, line := range only(graph, name) {
			some[key] = line
		}
	}
	return some
}

func TestVulnerabilitiesAreWhatTheRowsSay(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		tenant s1test.Tenant
		words  []string // all of them where none
	}{
		"critical and high ones":      {s1test.Tenant{Seed: 9, Accounts: 2, Sites: 4, Groups: 8, Agents: 120, ApplicationsPerAgent: 8, Catalog: 60, Vulnerabilities: 5}, []string{"critical", "high"}},
		"names and rows of all kinds": {s1test.Hostile(), nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			newConsole(t, test.tenant).vulnerabilitiesAreWhatTheRowsSay(t, test.words)
		})
	}
}

func (c *console) vulnerabilitiesAreWhatTheRowsSay(t *testing.T, words []string) {
	c.mustSync(severities(words...))
	got := c.graph()

	devices, applications := map[string]string{}, map[string]string{}
	for key := range only(got, "sentinelone_agent_protects_device") {
		agent, device, _ := ends(key, "sentinelone_agent")
		devices[strings.TrimPrefix(agent, "sentinelone_agent:")] = device
	}
	for key, a := range of(t, got, "sentinelone_application") {
		name := strings.Join([]string{text(a, "osType"), text(a, "name"), text(a, "publisher"), text(a, "version")}, "|")
		if other := applications[name]; other == "" || key < other { // they differ in their type, of which the rows say nothing
			applications[name] = key
		}
	}
	type edge struct {
		open         bool
		detected     time.Time
		applications []string
	}
	edges, related, open, folded := map[string]edge{}, map[string]bool{}, map[string]bool{}, 0
	for _, row := range c.rows(risks) {
		device := devices[text(row, "endpointId")]
		if device == "" || len(words) > 0 && !slices.Contains(words, strings.ToLower(text(row, "severity"))) {
			continue
		}
		key := "sentinelone_vulnerability:" + text(row, "cveId")
		e, found := edges[device+"|has|"+key]
		if found {
			folded++
		}
		if date := text(row, "detectionDate"); date != "" {
			detected, err := time.Parse(time.RFC3339, date)
			require.NoError(t, err)
			if e.detected.IsZero() || detected.Before(e.detected) {
				e.detected = detected
			}
		}
		e.open = e.open || text(row, "markType") == ""
		open[key] = open[key] || e.open
		if name := strings.TrimSpace(html.UnescapeString(text(row, "applicationName")) + " " + text(row, "applicationVersion")); name != "" {
			e.applications = append(e.applications, name)
		}
		edges[device+"|has|"+key] = e
		application := applications[strings.Join([]string{text(row, "osType"), html.UnescapeString(text(row, "applicationName")), html.UnescapeString(text(row, "applicationVendor")), text(row, "applicationVersion")}, "|")]
		if application == "" { // it is the device's alone
			require.Empty(t, words, "%v", row)
			continue
		}
		related[application+"|has|"+key] = true
	}
	require.NotEmpty(t, edges)
	require.Positive(t, folded, "some devices have a vulnerability by two applications")
	assert.ElementsMatch(t, slices.Sorted(maps.Keys(related)), ofType(got, "sentinelone_application_has_vulnerability"))
	assert.ElementsMatch(t, slices.Sorted(maps.Keys(open)), ofType(got, "sentinelone_vulnerability"))
	assert.Contains(t, open, firstWith(open, false), "all devices that have it are marked for one of them at least")
	for key, v := range of(t, got, "sentinelone_vulnerability") {
		assert.Equal(t, open[key], v["open"], key)
	}
	records := of(t, got, "sentinelone_device_has_vulnerability")
	assert.ElementsMatch(t, slices.Sorted(maps.Keys(edges)), slices.Sorted(maps.Keys(records)))
	for key, e := range edges {
		slices.Sort(e.applications)
		var names []string
		list, _ := records[key]["applications"].([]any)
		for _, name := range list {
			names = append(names, name.(string))
		}
		assert.Equal(t, slices.Compact(e.applications), names, key)
		assert.Equal(t, e.open, records[key]["open"], key)
		if e.detected.IsZero() {
			assert.NotContains(t, records[key], "detectedAt")
		} else {
			assert.InDelta(t, e.detected.UnixMilli(), records[key]["detectedAt"], 0, key)
		}
	}
}

func firstWith(m map[string]bool, value bool) string {
	for _, key := range slices.Sorted(maps.Keys(m)) {
		if m[key] == value {
			return key
		}
	}
	return slices.Sorted(maps.Keys(m))[0]
}

func TestVulnerabilitiesAreTheSameHoweverTheirRowsAreDivided(t *testing.T) {
	t.Parallel()
	c := newConsole(t, small())
	want := c.clean(severities())
	require.NotEmpty(t, vulnerableTypes(want))
	for name, adjust := range map[string]func(*connector.Options){
		"small pages": func(o *connector.Options) { o.Config.PageSize = 7 },
		"by site": func(o *connector.Options) {
			o.Config.Sites = []string{c.SiteID(0), c.SiteID(1), c.SiteID(2)}
		},
	} {
		assert.Equal(t, vulnerableTypes(want), vulnerableTypes(c.clean(severities(), adjust)), name)
	}
	c.Break(s1test.Fault{Path: risks, Effect: s1test.RepeatedRows(10)})
	assert.Equal(t, vulnerableTypes(want), vulnerableTypes(c.clean(severities())), "rows that come twice")
}

func TestRowsOfVulnerabilitiesWithoutAnIDCountLikeOthers(t *testing.T) {
	t.Parallel()
	c := newConsole(t, small())
	want := c.clean(severities())
	c.Break(s1test.Fault{Path: risks, Effect: s1test.Rewrite(func(row map[string]any) {
		if id := text(row, "id"); id[len(id)-1]%3 == 0 {
			delete(row, "id")
		}
	})})
	assert.Equal(t, vulnerableTypes(want), vulnerableTypes(c.clean(severities())))
	c.Break(s1test.Fault{Path: risks, Effect: s1test.RowsLost(1)})
	c.mustSyncInPart(severities())
}

func TestRowsThatNameNoVulnerabilityAreCounted(t *testing.T) {
	t.Parallel()
	c := newConsole(t, small())
	all := c.rows(risks)
	cve := text(all[0], "cveId")
	lost := 0
	for _, row := range all {
		if text(row, "cveId") == cve {
			lost++
		}
	}
	want := c.clean(severities())
	require.Contains(t, want, "sentinelone_vulnerability:"+cve)
	c.Break(s1test.Fault{Path: risks, Effect: s1test.Rewrite(func(row map[string]any) {
		if text(row, "cveId") == cve {
			id := text(row, "id")
			row["cveId"] = []any{"", nil, " "}[id[len(id)-1]%3]
		}
	})})
	c.pageSize = 7
	s := c.mustSync(severities())
	assert.NotContains(t, c.graph(), "sentinelone_vulnerability:"+cve)
	assert.Contains(t, s.Notices, "Vulnerabilities: "+plural.Of(lost, "row")+" without a CVE left out.")
}

func TestVulnerabilitiesThatTheConsoleDoesNotGiveAreSaidOnceAndNoFault(t *testing.T) {
	t.Parallel()
	for name, effects := range map[string]map[string]s1test.Effect{
		"403": {risks: s1test.Refused("")},
		"404": {risks: s1test.Status(404)},
		"400 for the license": {risks: s1test.StatusWith(400, nil,
			`{"errors":[{"code":4000010,"detail":"Vulnerability Management is not enabled for this license","title":"Bad Request"}]}`)},
		"an empty list": {risks: s1test.EmptyList(), risks + "/applications": s1test.EmptyList()},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newConsole(t, small())
			var mend []func()
			lose := func() {
				for path, effect := range effects {
					mend = append(mend, c.Break(s1test.Fault{Path: path, Effect: effect}))
				}
			}
			lose()
			first := c.mustSync(severities())
			assert.Contains(t, strings.Join(first.Notices, "\n"), "View Risks (Applications page)")
			assert.Empty(t, vulnerableTypes(c.graph()))
			assert.Empty(t, c.mustSync(severities()).Notices, "it is said once")
			for _, f := range mend {
				f()
			}
			assert.Empty(t, c.mustSync(severities()).changes, "what comes first is a baseline")
			full := vulnerableTypes(c.graph())
			require.NotEmpty(t, full)
			lose()
			again := c.mustSync(severities())
			assert.Contains(t, strings.Join(again.Notices, "\n"), "is kept as it was")
			assert.Empty(t, again.changes)
			assert.Equal(t, full, vulnerableTypes(c.graph()))
		})
	}
}

func TestAnEmptyListOfVulnerabilitiesIsNoLicenceWhereApplicationsHaveSome(t *testing.T) {
	t.Parallel()
	c := newConsole(t, small())
	c.mustSync(severities())
	full := vulnerableTypes(c.graph())
	c.Break(s1test.Fault{Path: risks, Effect: s1test.EmptyList()})
	c.mustSyncInPart(severities())
	assert.Equal(t, full, vulnerableTypes(c.graph()), "the guard withholds it, as of any list that is empty at once")
}

func TestAFaultInTheListOfVulnerabilitiesNeitherDeletesNorTakesAway(t *testing.T) {
	t.Parallel()
	c := newConsole(t, small())
	c.pageSize = 20
	c.mustSync(severities())
	full := vulnerableTypes(c.graph())
	for name, fault := range map[string]s1test.Fault{
		"500 after some pages": {Path: risks, Effect: s1test.Status(500), After: 2},
		"a list that ends":     {Path: risks, Effect: s1test.EndEarly()},
	} {
		mend := c.Break(fault)
		assert.Empty(t, c.mustSyncInPart(severities()).changes, name)
		assert.Equal(t, full, vulnerableTypes(c.graph()), name)
		mend()
	}
}

func TestAnotherSetOfSeveritiesIsABaselineAndKeepsWhatIsNoLongerAskedFor(t *testing.T) {
	t.Parallel()
	c := newConsole(t, small())
	c.mustSync(severities())
	all := vulnerableTypes(c.graph())

	narrower := c.mustSync(severities("critical", "high"))
	assert.Empty(t, narrower.changes)
	assert.Contains(t, strings.Join(narrower.Notices, "\n"), "is a baseline")
	assert.Equal(t, all, vulnerableTypes(c.graph()))
	assert.Positive(t, narrower.KeptOutOfScope["sentinelone_vulnerability"])
	assert.Contains(t, narrower.KeptOutOfScopeSince, "sentinelone_vulnerability", "it is dated")
	assert.Empty(t, c.mustSync(severities("critical", "high")).changes)
	assert.Equal(t, all, vulnerableTypes(c.graph()))

	c.acceptOutOfScope()
	c.mustSync(severities("critical", "high"))
	assert.Equal(t, vulnerableTypes(c.clean(severities("critical", "high"))), vulnerableTypes(c.graph()))

	wider := c.mustSync(severities())
	assert.Empty(t, wider.changes)
	assert.Equal(t, all, vulnerableTypes(c.graph()))
}

// The rows of a vulnerability may differ in their severity from device to device.
func TestARelationshipWhoseRowsAreNoLongerAskedForStaysWithItsVulnerability(t *testing.T) {
	t.Parallel()
	c := newConsole(t, s1test.Tenant{Seed: 9, Sites: 3, Groups: 6, Agents: 60, ApplicationsPerAgent: 8, Catalog: 60, Vulnerabilities: 5})
	endpoints := map[string]map[string]bool{} // by CVE, and whether it is a high one there
	var lost []string                         // rows
	for _, row := range c.rows(risks) {
		cve, endpoint := text(row, "cveId"), text(row, "endpointId")
		if endpoints[cve] == nil {
			endpoints[cve] = map[string]bool{}
		}
		if _, seen := endpoints[cve][endpoint]; !seen {
			endpoints[cve][endpoint] = len(endpoints[cve])%2 == 1
		}
		if endpoints[cve][endpoint] {
			lost = append(lost, text(row, "id"))
		}
	}
	c.Break(s1test.Fault{Path: risks, Effect: s1test.Rewrite(func(row map[string]any) {
		if row["severity"] == "CRITICAL" && endpoints[text(row, "cveId")][text(row, "endpointId")] {
			row["severity"] = "HIGH"
		}
	})})
	// The console filters as it did before the rows were changed.
	asked := func(r request) bool { return r.URL.Query().Get("severities") == "CRITICAL" }
	c.mustSync(severities("critical", "high"))
	before := vulnerableTypes(c.graph())
	high := 0
	worst := of(t, c.graph(), "sentinelone_vulnerability")
	for _, name := range vulnerable[1:] {
		for key, e := range of(t, c.graph(), name) {
			_, vulnerability, _ := graph.RelationshipEnds(key)
			if e["severity"] == "high" && worst[vulnerability]["severity"] == "critical" {
				high++
			}
		}
	}
	require.Positive(t, high)
	c.Break(s1test.Fault{Path: risks, Effect: s1test.MissingRows(lost...), Match: asked})
	for range 3 {
		assert.Empty(t, c.mustSync(severities("critical")).changes)
		assert.Equal(t, before, vulnerableTypes(c.graph()))
	}
	assert.Empty(t, c.mustSync(severities("critical", "high")).changes)
	assert.Equal(t, before, vulnerableTypes(c.graph()))
}

func TestVulnerabilitiesGoWithTheirApplicationsAndDevices(t *testing.T) {
	t.Parallel()
	c := newConsole(t, s1test.Tenant{Seed: 1, Sites: 3, Groups: 6, Agents: 200, ApplicationsPerAgent: 3})
	c.mustSync(severities())
	c.SetDay(1)
	result := c.mustSync(severities())
	assert.Equal(t, c.clean(severities()), c.graph())
	gone := map[string]bool{}
	for _, change := range result.changes {
		gone[string(change.Op)+" "+change.Type.Name] = true
	}
	assert.True(t, gone["deleted sentinelone_device_has_vulnerability"], gone)
}

func TestVulnerabilitiesAreReadWithoutTheirApplications(t *testing.T) {
	t.Parallel()
	c := newConsole(t, small())
	without := func(o *connector.Options) { o.Config.Applications = "off" }
	c.mustSync(severities(), without)
	g := c.graph()
	assert.NotEmpty(t, ofType(g, "sentinelone_device_has_vulnerability"))
	assert.Empty(t, ofType(g, "sentinelone_application_has_vulnerability"))
	c.SetDay(1)
	changed := map[string]bool{}
	for _, change := range c.mustSync(severities(), without).changes {
		changed[change.Type.Name] = true
	}
	assert.True(t, changed["sentinelone_device_has_vulnerability"], "differences are changes: %v", changed)
}

// withoutCVEs gives a few vulnerabilities IDs that are of no catalog of CVEs.
func (c *console) withoutCVEs() {
	c.Break(s1test.Fault{Path: risks, Effect: s1test.Rewrite(func(row map[string]any) {
		if id := text(row, "cveId"); strings.HasSuffix(id, "4") || strings.HasSuffix(id, "7") {
			row["cveId"] = "SNYK-" + id[len("CVE-"):]
		}
	})})
}

// Neo4j cannot hold null, which the graph has for the CVE of such a vulnerability.
func TestVulnerabilitiesWithoutACVEAreNoDifferenceInNeo4j(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	c := newConsole(t, little())
	c.withoutCVEs()
	c.mustSync(severities(), d.write)
	before := c.graph()
	strange := 0
	for key, v := range of(t, before, "sentinelone_vulnerability") {
		if cve, isThere := v["cveId"]; strings.Contains(key, "SNYK") {
			strange++
			assert.True(t, isThere && cve == nil, "%s: %v", key, cve)
			assert.NotContains(t, v, "webLink")
		}
	}
	require.Positive(t, strange)
	d.assertHolds(t, c.dir)
	assert.Zero(t, c.mustSync(severities(), d.write).Stores[0].Rows, "unchanged")
	assert.Zero(t, c.mustSync(severities(), d.write, func(o *connector.Options) { o.Verify = true }).Stores[0].Rows, "verified")

	require.NoError(t, os.RemoveAll(c.dir))
	adopted := c.mustSync(severities("off"), d.write)
	assert.Contains(t, strings.Join(adopted.Notices, "\n"), "it was read back as the last graph")
	assert.NotContains(t, strings.Join(adopted.Notices, "\n"), "somebody edited")
	assertSame(t, vulnerableTypes(before), vulnerableTypes(c.graph()))
	assert.Zero(t, c.mustSync(severities(), d.write).Stores[0].Rows)
	assertSame(t, before, c.graph())
}

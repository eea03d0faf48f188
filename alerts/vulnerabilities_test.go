package alerts_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"s1graph/alerts/delivery"
	"s1graph/alerts/outbox"
	"s1graph/config"
	"s1graph/connector"
	"s1graph/entities"
	"s1graph/graph"
	"s1graph/graph/jsonstore"
	"s1graph/relationships"
	"s1graph/s1/s1test"
)

var aboutVulnerabilities = []config.Rule{{Use: "critical vulnerability"}, {Use: "exploitable vulnerability"}, {Use: "vulnerable device with a threat"}}

// receiver is a webhook, and what arrived at it.
type receiver struct {
	*httptest.Server
	got []document
}

func newReceiver(t *testing.T) *receiver {
	r := &receiver{}
	r.Server = httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, request *http.Request) {
		var d document
		assert.NoError(t, json.NewDecoder(request.Body).Decode(&d))
		r.got = append(r.got, d)
	}))
	t.Cleanup(r.Close)
	return r
}

// deliver reads the tenant on a day, and gives what arrives at the webhook, by rule.
func (s *service) deliver(hook *receiver, day int) map[string][]document {
	s.t.Helper()
	s.config.Destinations = []config.Destination{{Name: "hook", URL: config.NewSecret(hook.URL), Format: "json"}}
	s.sync(day)
	run, err := jsonstore.OpenLast(s.dir)
	require.NoError(s.t, err)
	of, err := connector.RunForAlerts(run, nil)
	require.NoError(s.t, err)
	engine := s.engine()
	_, err = engine.Apply(s.t.Context(), of)
	require.NoError(s.t, err)
	deliverer, err := engine.Deliverer(delivery.Config{})
	require.NoError(s.t, err)
	hook.got = nil
	left, err := deliverer.Drain(s.t.Context())
	require.NoError(s.t, err)
	require.Zero(s.t, left)
	by := map[string][]document{}
	for _, d := range hook.got {
		by[d.Rule] = append(by[d.Rule], d)
	}
	return by
}

func vulnerableTenant() s1test.Tenant {
	return s1test.Tenant{Seed: 9, Sites: 2, Groups: 4, Agents: 60, Threats: 60, ApplicationsPerAgent: 20, Catalog: 100, Vulnerabilities: 6, Quiet: true}
}

// marked makes the console say of all vulnerabilities that they are false positives.
func marked() s1test.Fault {
	return s1test.Fault{Path: "/application-management/risks", Effect: s1test.Rewrite(func(row map[string]any) { row["markType"] = "False positive" })}
}

func TestAScanThatOpensManyVulnerabilitiesIsOneAlertOfEachRuleAndSoIsWhatClosesThem(t *testing.T) {
	s, hook := newService(t, vulnerableTenant(), aboutVulnerabilities...), newReceiver(t)
	mend := s.Break(marked())
	assert.Empty(t, s.deliver(hook, 0), "the first run is a baseline")
	mend()
	opened := s.deliver(hook, 1)
	states := inStates(t, s.last())
	for _, use := range aboutVulnerabilities {
		require.Greater(t, len(states[use.Use]), 10, "%s: there are many", use.Use)
		require.Len(t, opened[use.Use], 1, use.Use)
		d := opened[use.Use][0]
		assert.Equal(t, []any{len(states[use.Use]), "began"}, []any{d.Count, d.Op}, use.Use)
		assert.Len(t, d.Events, d.Count, "a webhook is told of each")
		assert.Equal(t, "critical", d.Severity, "the worst of them")
	}
	for _, e := range opened["vulnerable device with a threat"][0].Events {
		assert.Positive(t, e.After["openVulnerabilities"], e.DisplayName)
		assert.Positive(t, e.After["openThreats"], e.DisplayName)
	}
	assert.Empty(t, s.deliver(hook, 2), "nothing more happens")
	s.Break(marked())
	closed := s.deliver(hook, 3)
	for _, use := range aboutVulnerabilities {
		require.Len(t, closed[use.Use], 1, use.Use)
		assert.Equal(t, []any{len(states[use.Use]), "ended"}, []any{closed[use.Use][0].Count, closed[use.Use][0].Op}, use.Use)
	}
}

// An update that closes more than a fifth of all is no fault.
func TestAnUpdateThatClosesManyVulnerabilitiesIsToldAsOne(t *testing.T) {
	s, hook := newService(t, vulnerableTenant(), aboutVulnerabilities[0]), newReceiver(t)
	rows := map[string][]string{} // by CVE
	mend := s.Break(s1test.Fault{Path: "/application-management/risks", Effect: s1test.Rewrite(func(row map[string]any) {
		rows[row["cveId"].(string)] = append(rows[row["cveId"].(string)], row["id"].(string))
	})})
	s.deliver(hook, 0)
	mend()
	var closed int
	var gone []string
	all := 0
	for e, err := range graph.All(t.Context(), s.last().Graph, "sentinelone_vulnerability") {
		require.NoError(t, err)
		v, err := graph.Decode(e.JSON, s.last().Types)
		require.NoError(t, err)
		all++
		if v.Get("severity").Text() == "critical" && v.Get("open").Equal(graph.Bool(true)) {
			gone = append(gone, rows[v.Get("cveId").Text()]...)
			closed++
		}
	}
	require.Greater(t, 100*closed/all, 20)
	require.Greater(t, closed, 10)
	s.Break(s1test.Fault{Path: "/application-management/risks", Effect: s1test.MissingRows(gone...)})
	told := s.deliver(hook, 0)["critical vulnerability"]
	require.Len(t, told, 1)
	assert.Equal(t, []any{"ended", closed}, []any{told[0].Op, told[0].Count})
}

func TestWhatIsABaselineOfVulnerabilitiesRaisesNothing(t *testing.T) {
	s, hook := newService(t, vulnerableTenant(), aboutVulnerabilities...), newReceiver(t)
	for day, severities := range [][]string{{"off"}, {"high"}, {"critical", "high"}, {"all"}, {"critical"}, {"off"}, {"critical", "high"}} {
		s.vulnerabilities = severities
		assert.Empty(t, s.deliver(hook, day), "%d: %v are read", day, severities)
	}
	mend := s.Break(s1test.Fault{Path: "/application-management/risks", Effect: s1test.Refused("")})
	assert.Empty(t, s.deliver(hook, 7), "unavailable")
	mend()
	assert.Empty(t, s.deliver(hook, 8))
}

func vulnerability(id string, p properties) graph.Record {
	return entity(entities.Vulnerability.GraphType(), id, p)
}

// has says that devices have a vulnerability.
func has(cve string, open bool, devices ...string) (edges []graph.Record) {
	for _, d := range devices {
		e := edge(relationships.DeviceHasVulnerability.GraphType(), "sentinelone_device:"+d, "sentinelone_vulnerability:"+cve)
		e.Set("open", graph.Bool(open))
		edges = append(edges, e)
	}
	return edges
}

func TestACriticalVulnerabilityIsToldWithTheDevicesThatHaveIt(t *testing.T) {
	w := newWorld(t, config.Rule{Use: "critical vulnerability"})
	for i := range 8 {
		w.put(device(fmt.Sprintf("PC-%d", i), nil))
	}
	w.put(vulnerability("CVE-2026-1000", properties{"open": true, "severity": "high"}))
	assert.Empty(t, w.apply(), "a baseline")
	w.put(vulnerability("CVE-2026-2000", properties{"open": true, "severity": "critical", "exploitCodeMaturity": "Functional", "webLink": "https://nvd.nist.gov/vuln/detail/CVE-2026-2000"}),
		vulnerability("CVE-2026-3000", properties{"open": false, "severity": "critical"}))
	w.put(has("CVE-2026-2000", true, "PC-0", "PC-1", "PC-2", "PC-3", "PC-4", "PC-5", "PC-6")...)
	w.put(has("CVE-2026-2000", false, "PC-7")...)
	w.put(has("CVE-2026-1000", true, "PC-7")...)
	raised := w.apply()
	assert.Equal(t, []string{"New critical vulnerability: CVE-2026-2000"}, titles(raised), "one that is open nowhere is none")
	assert.Equal(t, 7, raised[0].DeviceCount, "one that counts as a false positive is left out")
	var names []string
	for _, d := range raised[0].Devices {
		names = append(names, d.DisplayName)
	}
	assert.Equal(t, []string{"PC-0", "PC-1", "PC-2", "PC-3", "PC-4"}, names)
	assert.Equal(t, "Score: unknown. Exploit code: Functional. Remedy: unknown.", raised[0].Text)

	w.put(vulnerability("CVE-2026-1000", properties{"open": true, "severity": "critical"}))
	assert.Equal(t, []string{"New critical vulnerability: CVE-2026-1000"}, titles(w.apply()), "one that became critical")
	delete(w.records, "sentinelone_vulnerability:CVE-2026-2000")
	assert.Equal(t, []string{"CVE-2026-2000 is no longer listed for any device"}, titles(w.apply()))
}

func TestTheEndOfAnAlertOfAVulnerabilitySaysWhatIsTrueAndIsAsSevereAsItsBeginning(t *testing.T) {
	const id = "CVE-2026-2000"
	worst := properties{"open": true, "severity": "critical", "exploitCodeMaturity": "High"}
	for name, test := range map[string]struct {
		now         properties // nil: it is gone
		critical    string     // titles; "": it lasts
		exploitable string
		text        string
	}{
		"its severity falls": {
			properties{"open": true, "severity": "high", "exploitCodeMaturity": "High"},
			id + " is no longer critical, but high", "", "",
		},
		"its severity is not known any more": {
			properties{"open": true, "exploitCodeMaturity": "High"},
			id + " is no longer critical, but of unknown severity", "", "",
		},
		"its exploit code counts as less": {
			properties{"open": true, "severity": "critical", "exploitCodeMaturity": "Unproven"},
			"", "The exploit code for " + id + " no longer counts as working", "",
		},
		"it is marked as a false positive": {
			properties{"open": false, "severity": "critical", "exploitCodeMaturity": "High"},
			id + " is marked as a false positive or removed on all devices", id + " is marked as a false positive or removed on all devices", "",
		},
		"it is not on the list": {
			nil, id + " is no longer listed for any device", id + " is no longer listed for any device",
			"Either no device has it any more, or its severity is none of those that are read.",
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, aboutVulnerabilities[:2]...)
			w.put(device("PC", nil))
			w.apply()
			w.put(vulnerability(id, worst))
			w.put(has(id, true, "PC")...)
			require.Len(t, w.apply(), 2)
			if test.now == nil {
				clear(w.records)
				w.put(device("PC", nil))
			} else {
				w.put(vulnerability(id, test.now))
			}
			got := map[string]string{}
			for _, d := range w.apply() {
				got[d.Rule] = d.Title
				assert.Equal(t, []string{"ended", "critical", test.text}, []string{d.Op, d.Severity, d.Text}, d.Rule)
			}
			want := map[string]string{"critical vulnerability": test.critical, "exploitable vulnerability": test.exploitable}
			maps.DeleteFunc(want, func(_, title string) bool { return title == "" })
			assert.Equal(t, want, got)
		})
	}
}

func TestTheEndOfManyAlertsOfVulnerabilitiesIsAsSevereAsTheWorstOfThem(t *testing.T) {
	w := newWorld(t, aboutVulnerabilities[1])
	w.put(device("PC", nil))
	w.apply()
	for i := range 20 {
		severity := "low"
		if i == 7 {
			severity = "high"
		}
		w.put(vulnerability(fmt.Sprintf("CVE-2026-%d", 1000+i), properties{"open": true, "severity": severity, "exploitCodeMaturity": "High"}))
	}
	w.apply()
	clear(w.records)
	w.put(device("PC", nil))
	ended := w.apply()
	require.Len(t, ended, 1)
	assert.Equal(t, []any{"ended", 20, "high"}, []any{ended[0].Op, ended[0].Count, ended[0].Severity})
}

func TestPeopleAreToldWhereAVulnerabilityIsAndWhereItIsDescribed(t *testing.T) {
	w := newWorld(t, config.Rule{Use: "exploitable vulnerability"})
	w.config.Destinations = []config.Destination{{Name: "hook", URL: config.NewSecret("generic://generic.example/?template=json")}}
	for i := range 7 {
		w.put(device(fmt.Sprintf("PC-%d", i), nil))
	}
	w.apply()
	w.put(vulnerability("CVE-2026-2000", properties{"open": true, "severity": "high", "exploitCodeMaturity": "High", "remediationLevel": "Official Fix", "webLink": "https://nvd.nist.gov/vuln/detail/CVE-2026-2000"}))
	w.put(has("CVE-2026-2000", true, "PC-0", "PC-1", "PC-2", "PC-3", "PC-4", "PC-5", "PC-6")...)
	_, err := w.engine().Apply(t.Context(), w.run())
	require.NoError(t, err)
	require.NoError(t, w.outbox.View(t.Context(), func(tx *outbox.Tx) error {
		told, err := tx.Queued("hook")
		require.Len(t, told, 1)
		assert.Equal(t, "There is exploit code for CVE-2026-2000", told[0].Title)
		assert.Equal(t, `Score: unknown. Exploit code: High. Remedy: Official Fix.
Severity: high
Tenant: test
When: 2026-11-20 07:00 UTC
Devices: PC-0, PC-1, PC-2, PC-3, PC-4 and 2 more
NVD: https://nvd.nist.gov/vuln/detail/CVE-2026-2000
More: s1graph query open-vulnerabilities --instance test`, told[0].Text)
		return err
	}))
}

func TestADeviceWithAThreatIsToldOnceHoweverManyVulnerabilitiesItHas(t *testing.T) {
	w := newWorld(t, config.Rule{Use: "vulnerable device with a threat"})
	w.put(device("PC-1", nil), agent("1001", nil), device("PC-2", nil),
		edge(relationships.AgentProtectsDevice.GraphType(), "sentinelone_agent:1001", "sentinelone_device:PC-1"))
	for i := range 142 {
		id := fmt.Sprintf("CVE-2026-%d", 1000+i)
		w.put(vulnerability(id, properties{"open": true, "severity": "high"}))
		w.put(has(id, true, "PC-1", "PC-2")...)
	}
	assert.Empty(t, w.apply(), "a baseline")
	threat := func(open bool) {
		w.put(entity(threatType(), "9001", properties{"agentId": "1001", "open": open}), edge(relationships.AgentHasThreat.GraphType(), "sentinelone_agent:1001", "sentinelone_threat:9001"))
	}
	threat(false)
	assert.Empty(t, w.apply(), "one that is resolved is none")
	threat(true)
	raised := w.apply()
	assert.Equal(t, []string{"PC-1 has an open threat and open vulnerabilities"}, titles(raised))
	assert.Equal(t, "Open threats: 1. Open vulnerabilities: 142, the worst high.", raised[0].Text)
	assert.Equal(t, "high", raised[0].Severity)
	w.put(vulnerability("CVE-2026-9999", properties{"open": true, "severity": "critical"}))
	w.put(has("CVE-2026-9999", true, "PC-1")...)
	assert.Empty(t, w.apply(), "one more is no other state")
	for i := range 142 {
		delete(w.records, has(fmt.Sprintf("CVE-2026-%d", 1000+i), true, "PC-1")[0].Key)
	}
	assert.Empty(t, w.apply(), "one is left")
	w.put(has("CVE-2026-9999", false, "PC-1")...)
	assert.Equal(t, []string{"PC-1 no longer has both an open threat and a vulnerability that is listed as open"}, titles(w.apply()), "a false positive is none")
}

func TestARuleOfOnesOwnCanLookAtTheVulnerabilityOfADevice(t *testing.T) {
	w := newWorld(t, config.Rule{
		Name: "own", When: `change.type == "sentinelone_device_has_vulnerability" && change.op == "created" && change.vulnerability.severity == "critical"`,
		Title: "{{.Vulnerability.displayName}} on {{.Device.displayName}}",
	})
	w.put(device("PC-1", nil))
	w.apply()
	w.put(vulnerability("CVE-2026-1000", properties{"open": true, "severity": "critical"}), vulnerability("CVE-2026-2000", properties{"open": true, "severity": "high"}))
	w.put(append(has("CVE-2026-1000", true, "PC-1"), has("CVE-2026-2000", true, "PC-1")...)...)
	assert.Equal(t, []string{"CVE-2026-1000 on PC-1"}, titles(w.apply()))
}

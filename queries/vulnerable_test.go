package queries_test

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"s1graph/graph"
)

func init() { maps.Copy(answers, answersOnVulnerabilities) }

var answersOnVulnerabilities = map[string][]answer{
	"open-vulnerabilities": {
		{rows: openVulnerabilities([]string{"critical"}, "", "", "", "")},
		{map[string]string{"severities": "critical,high,low"}, openVulnerabilities([]string{"critical", "high", "low"}, "", "", "", "")},
		{map[string]string{"severities": "critical,high,low", "vulnerability": "cve-2026-1002"}, openVulnerabilities([]string{"critical", "high", "low"}, "CVE-2026-1002", "", "", "")},
		{map[string]string{"device": "made-1401"}, openVulnerabilities([]string{"critical"}, "", "MADE-1401", "", "")},
		{map[string]string{"owner": "eve@made.example"}, openVulnerabilities([]string{"critical"}, "", "", "Eve", "")},
		{map[string]string{"site": "MADE"}, openVulnerabilities([]string{"critical"}, "", "", "", "Made")},
		{map[string]string{"site": "none"}, openVulnerabilities([]string{"critical"}, "", "", "", "none")},
	},
	"exposed-applications": {{rows: exposedApplications("critical", "high")}, {map[string]string{"severities": "low"}, exposedApplications("low")}},
	"exposed-owners":       {{rows: exposedOwners("critical", "high")}, {map[string]string{"severities": "critical,low"}, exposedOwners("critical", "low")}},
	"threatened-devices": {
		{rows: threatenedDevices("critical")}, {map[string]string{"severities": "critical,high"}, threatenedDevices("critical", "high")},
	},
	"new-vulnerabilities": {
		{rows: newVulnerabilities(7, "critical", "high")},
		{map[string]string{"since": "400d", "severities": "critical,high,low"}, newVulnerabilities(400, "critical", "high", "low")},
	},
}

// weakness is a vulnerability on a device.
type weakness struct {
	vulnerability, device *entity
	edge                  *graph.Record
}

func (f weakness) isOpen() bool { return f.edge.Get("open").Equal(graph.Bool(true)) }

// foundIn are the vulnerabilities of some severities that are open on a device, with those devices.
func foundIn(g *known, severities []string) (all []weakness) {
	for _, v := range g.all("vulnerability") {
		for _, d := range v.in["sentinelone_device_has_vulnerability"] {
			if f := (weakness{v, d, d.edges[v]}); f.isOpen() && slices.Contains(severities, v.text("severity")) {
				all = append(all, f)
			}
		}
	}
	return all
}

func sitesOf(devices ...*entity) []any {
	var sites []*entity
	for _, d := range devices {
		for _, a := range d.in["sentinelone_agent_protects_device"] {
			if site, _ := placeOf(a); site != nil {
				sites = append(sites, site)
			}
		}
	}
	return names(sites, "name")
}

func peopleOf(devices ...*entity) (people []*entity) {
	for _, d := range devices {
		people = append(people, d.in["sentinelone_user_owns_device"]...)
	}
	return people
}

// scoreOf is what a vulnerability is sorted by: one without a score comes last.
func scoreOf(v *entity) float64 {
	if score, isKnown := v.any("score").(float64); isKnown {
		return score
	}
	return -1
}

func some(values []any) []any { return values[:min(10, len(values))] }

func openVulnerabilities(severities []string, vulnerability, device, owner, site string) func([]*known) []row {
	return func(graphs []*known) (rows []row) {
		for _, g := range graphs {
			for _, f := range foundIn(g, severities) {
				isOthers := owner != "" && !slices.Contains(owners(f.device), any(owner)) || site != "" && !slices.Contains(sitesOf(f.device), any(site))
				if vulnerability != "" && f.vulnerability.text("name") != vulnerability || device != "" && f.device.text("name") != device || isOthers {
					continue
				}
				v := f.vulnerability
				rows = append(rows, row{
					[]any{v.any("name"), v.any("severity"), v.any("score"), v.any("exploitCodeMaturity"), f.device.any("name"), owners(f.device), sitesOf(f.device),
						(&entity{Record: *f.edge}).any("applications"), at(f.edge.Get("detectedAt").Int64()), f.edge.Get("mitigationStatus").Any(), g.scope},
					[]any{desc{scoreOf(v)}, v.any("name"), f.device.any("name"), f.device.Key, g.scope},
				})
			}
		}
		return rows
	}
}

func exposedApplications(severities ...string) func([]*known) []row {
	type product struct{ name, publisher any }
	return func(graphs []*known) (rows []row) {
		for _, g := range graphs {
			versions := map[product][]*entity{} // that have such a vulnerability
			of := map[*entity]map[product]bool{}
			for _, p := range g.all("application") {
				for _, v := range p.out["sentinelone_application_has_vulnerability"] {
					if !v.is("open") || !slices.Contains(severities, v.text("severity")) {
						continue
					}
					which := product{p.any("name"), p.any("publisher")}
					if of[v] == nil {
						of[v] = map[product]bool{}
					}
					versions[which], of[v][which] = append(versions[which], p), true
				}
			}
			type exposed struct {
				critical, vulnerabilities, devices map[*entity]bool
				found, closes                      int64
			}
			all := map[product]*exposed{}
			for _, f := range foundIn(g, severities) {
				for which := range of[f.vulnerability] {
					titles := names(versions[which], "displayName")
					by, others := 0, 0
					for _, title := range f.edge.Get("applications").List() {
						if slices.Contains(titles, any(title)) {
							by++
						} else {
							others++
						}
					}
					if by == 0 {
						continue
					}
					if all[which] == nil {
						all[which] = &exposed{map[*entity]bool{}, map[*entity]bool{}, map[*entity]bool{}, 0, 0}
					}
					x := all[which]
					x.vulnerabilities[f.vulnerability], x.devices[f.device] = true, true
					if f.vulnerability.text("severity") == "critical" {
						x.critical[f.vulnerability] = true
					}
					x.found++
					if others == 0 && !slices.Contains([]string{"Unavailable", "Workaround", "Temporary Fix"}, f.vulnerability.text("remediationLevel")) {
						x.closes++
					}
				}
			}
			for which, x := range all {
				rows = append(rows, row{
					[]any{which.name, which.publisher, some(names(versions[which], "version")), int64(len(x.critical)), int64(len(x.vulnerabilities)), int64(len(x.devices)), x.found, x.closes, g.scope},
					[]any{desc{x.closes}, desc{x.found}, which.name, which.publisher, g.scope},
				})
			}
		}
		return rows
	}
}

func exposedOwners(severities ...string) func([]*known) []row {
	return func(graphs []*known) (rows []row) {
		for _, g := range graphs {
			of := map[*entity][]weakness{}
			for _, f := range foundIn(g, severities) {
				people := peopleOf(f.device)
				if len(people) == 0 {
					people = []*entity{nil}
				}
				for _, u := range people {
					of[u] = append(of[u], f)
				}
			}
			for u, all := range of {
				critical, vulnerabilities, devices := map[*entity]bool{}, map[*entity]bool{}, map[*entity]bool{}
				var score any
				for _, f := range all {
					vulnerabilities[f.vulnerability], devices[f.device] = true, true
					if f.vulnerability.text("severity") == "critical" {
						critical[f.vulnerability] = true
					}
					if s := scoreOf(f.vulnerability); s >= 0 && (score == nil || s > score.(float64)) {
						score = s
					}
				}
				owned := slices.Collect(maps.Keys(devices))
				var key any
				if u != nil {
					key = u.Key
				}
				rows = append(rows, row{
					[]any{u.any("name"), u.any("email"), int64(len(critical)), int64(len(vulnerabilities)), score, int64(len(owned)), some(names(owned, "name")), sitesOf(owned...), g.scope},
					[]any{desc{int64(len(critical))}, desc{int64(len(vulnerabilities))}, desc{int64(len(owned))}, u.any("name"), key, g.scope},
				})
			}
		}
		return rows
	}
}

func threatenedDevices(severities ...string) func([]*known) []row {
	return func(graphs []*known) (rows []row) {
		for _, g := range graphs {
			of := map[*entity][]*entity{}
			for _, f := range foundIn(g, severities) {
				of[f.device] = append(of[f.device], f.vulnerability)
			}
			for d, vulnerabilities := range of {
				var threats []*entity
				for _, a := range d.in["sentinelone_agent_protects_device"] {
					threats = append(threats, slices.DeleteFunc(slices.Clone(a.out["sentinelone_agent_has_threat"]), func(t *entity) bool { return !t.is("open") })...)
				}
				if len(threats) == 0 {
					continue
				}
				threats = worstFirst(threats)
				slices.SortFunc(vulnerabilities, func(a, b *entity) int {
					return cmp.Or(cmp.Compare(scoreOf(b), scoreOf(a)), strings.Compare(a.text("name"), b.text("name")))
				})
				rows = append(rows, row{
					[]any{d.any("name"), d.any("osName"), owners(d), sitesOf(d), threats[0].any("severity"), each(threats, "name"), int64(len(vulnerabilities)),
						some(each(vulnerabilities, "name")), vulnerabilities[0].any("score"), at(d.int("lastSeenOn")), g.scope},
					[]any{desc{severityOf(threats[0])}, desc{int64(len(vulnerabilities))}, d.any("name"), d.Key, g.scope},
				})
			}
		}
		return rows
	}
}

func newVulnerabilities(days int64, severities ...string) func([]*known) []row {
	return func(graphs []*known) (rows []row) {
		for _, g := range graphs {
			for _, v := range g.all("vulnerability") {
				if !v.is("open") || !slices.Contains(severities, v.text("severity")) {
					continue
				}
				first := int64(0)
				var devices []*entity
				for _, d := range v.in["sentinelone_device_has_vulnerability"] {
					f := weakness{v, d, d.edges[v]}
					if at := f.edge.Get("detectedAt").Int64(); at > 0 && (first == 0 || at < first) {
						first = at
					}
					if f.isOpen() {
						devices = append(devices, d)
					}
				}
				if first < today.UnixMilli()-days*day {
					continue
				}
				rows = append(rows, row{
					[]any{at(first), v.any("name"), v.any("severity"), v.any("score"), v.any("exploitCodeMaturity"), at(v.int("publishedOn")), int64(len(devices)),
						some(names(devices, "name")), some(names(peopleOf(devices...), "name")), sitesOf(devices...), g.scope},
					[]any{int64(slices.Index([]string{"critical", "high", "medium", "low"}, v.text("severity"))), desc{scoreOf(v)}, desc{first}, v.any("name"), g.scope},
				})
			}
		}
		return rows
	}
}

// makeVulnerabilities makes one of each kind: open, open on one of its devices alone, open nowhere, without a score, by two applications,
// of which an upgrade closes the one that is not on the other's device, and one that nothing is known against.
func (h *handmade) makeVulnerabilities(group string) {
	old, _ := h.machine("1401", group, nil)
	other, threatened := h.machine("1402", group, nil)
	lonely := h.entity("device", "lonely", properties{"name": "MADE-LONELY", "lastSeenOn": 0})
	eve := h.user("eve", "Eve", "eve@made.example")
	h.relationship("user_owns_device", eve, old, nil)
	h.relationship("user_owns_device", eve, other, nil)
	for i, severity := range []string{"low", "critical"} {
		id := fmt.Sprint(5101 + i)
		threat := h.entity("threat", id, properties{"id": id, "name": "made-" + id + ".exe", "severity": severity, "numericSeverity": 1 + 9*i, "mitigationStatus": "mitigated", "open": true})
		h.relationship("agent_has_threat", threatened, threat, nil)
	}
	var applications []string
	for _, version := range []string{"1.0", "2.0"} {
		applications = append(applications, h.entity("application", "gadget-"+version, properties{"name": "Made Gadget", "displayName": "Made Gadget " + version, "publisher": "Made & Sons", "version": version}))
	}
	applications = append(applications, h.entity("application", "library", properties{"name": "Made Library", "displayName": "Made Library", "publisher": "Made & Sons"}))
	const gadget, newer, library = 0, 1, 2
	for i, v := range []struct {
		severity, remedy string
		score            float64
		found            int64 // days ago
		open             bool
		by               map[string][]int // device, applications
		marked           string           // device on which it is a false positive
	}{
		{"critical", "Official Fix", 9.8, 1, true, map[string][]int{old: {gadget}, other: {gadget, newer}}, ""},
		{"critical", "Workaround", 9.1, 7, true, map[string][]int{old: {newer}}, ""},
		{"high", "", 0, 8, true, map[string][]int{old: {gadget, library}, other: {library}}, ""},
		{"critical", "Official Fix", 9.8, 2, true, map[string][]int{old: {library}, other: {library}}, old},
		{"critical", "Official Fix", 10, 3, false, map[string][]int{other: {gadget}}, other},
		{"low", "Unavailable", 2, 400, true, map[string][]int{lonely: {gadget}, other: {newer}}, ""},
		{"high", "Official Fix", 7.5, 0, true, map[string][]int{lonely: {library}}, ""},
	} {
		name := fmt.Sprintf("CVE-2026-%d", 1000+i)
		p := properties{"name": name, "severity": v.severity, "open": v.open, "publishedOn": today.UnixMilli() - 500*day}
		if v.remedy != "" {
			p["remediationLevel"], p["exploitCodeMaturity"] = v.remedy, "Functional"
		}
		if v.score > 0 {
			p["score"] = v.score
		}
		vulnerability := h.entity("vulnerability", name, p)
		related := map[int]bool{}
		for _, device := range slices.Sorted(maps.Keys(v.by)) {
			var titles []string
			for _, of := range v.by[device] {
				titles = append(titles, []string{"Made Gadget 1.0", "Made Gadget 2.0", "Made Library"}[of])
				if !related[of] {
					h.relationship("application_has_vulnerability", applications[of], vulnerability, nil)
				}
				related[of] = true
			}
			h.relationship("device_has_vulnerability", device, vulnerability, properties{
				"open": device != v.marked, "detectedAt": today.UnixMilli() - v.found*day, "applications": titles, "mitigationStatus": "Not mitigated",
			})
		}
	}
}

package queries_test

import (
	"cmp"
	"slices"
	"strings"
)

func openThreats(graphs []*known) (rows []row) {
	type kind struct {
		scope, severity string
		site            any
	}
	threats := map[kind][]*entity{}
	for _, g := range graphs {
		for _, threat := range g.all("threat") {
			if !threat.is("open") {
				continue
			}
			k := kind{g.scope, threat.text("severity"), threat.any("siteName")}
			if a := first(threat.in["sentinelone_agent_has_threat"]); a != nil {
				if site, _ := placeOf(a); site != nil {
					k.site = site.any("name")
				}
			}
			threats[k] = append(threats[k], threat)
		}
	}
	for k, list := range threats {
		notMitigated, agents := int64(0), map[*entity]bool{}
		var ages []int64
		for _, threat := range list {
			if !isMitigated(threat) {
				notMitigated++
			}
			if a := first(threat.in["sentinelone_agent_has_threat"]); a != nil {
				agents[a] = true
			}
			if found := foundAt(threat); found > 0 {
				ages = append(ages, (today.UnixMilli()-found)/day)
			}
		}
		var median, oldest any
		if slices.Sort(ages); len(ages) > 0 {
			median, oldest = ages[(len(ages)-1)/2], ages[len(ages)-1]
		}
		rows = append(rows, row{
			[]any{k.site, k.severity, int64(len(list)), notMitigated, int64(len(agents)), median, oldest, k.scope},
			[]any{k.site, int64(slices.Index([]string{"critical", "high", "medium", "low"}, k.severity)), k.scope},
		})
	}
	return rows
}

func unmitigatedThreats(graphs []*known) (rows []row) {
	for _, a := range inService(graphs) {
		if !a.is("isActive") {
			continue
		}
		for _, threat := range a.out["sentinelone_agent_has_threat"] {
			if isMitigated(threat) {
				continue
			}
			var days, found any
			if ms := foundAt(threat); ms > 0 {
				days, found = (today.UnixMilli()-ms)/day, ms
			}
			site, _ := a.place()
			rows = append(rows, row{
				[]any{threat.any("severity"), threat.any("name"), threat.any("classification"), a.device.any("name"), owners(a.device), site.any("name"), threat.any("incidentStatus"), days, threat.any("filePath"), threat.any("id"), a.scope},
				[]any{desc{threat.int("numericSeverity")}, found, threat.Key, a.scope},
			})
		}
	}
	return rows
}

func installations(name, below string) func([]*known) []row {
	return func(graphs []*known) (rows []row) {
		for _, g := range graphs {
			for _, p := range g.all("application") {
				version := p.text("version")
				isBelow := len(numbersOf(version)) > 0 && compareVersions(version, below) < 0
				if !strings.Contains(strings.ToLower(p.text("name")), name) || below != "" && !isBelow {
					continue
				}
				for _, d := range p.in["sentinelone_device_has_application"] {
					rows = append(rows, row{
						[]any{p.any("name"), p.any("version"), p.any("publisher"), p.any("riskLevel"), d.any("name"), d.any("osName"), owners(d), at(d.edges[p].Get("installedAt").Int64()), at(d.int("lastSeenOn")), g.scope},
						[]any{p.any("name"), versionOrder{p.any("version")}, p.any("version"), d.any("name"), d.Key, p.Key, g.scope},
					})
				}
			}
		}
		return rows
	}
}

func rareApplications(most int) func([]*known) []row {
	type product struct {
		scope                 string
		name, publisher, kind any
	}
	return func(graphs []*known) (rows []row) {
		versions, devices := map[product][]*entity{}, map[product][]*entity{}
		for _, g := range graphs {
			for _, p := range g.all("application") {
				which := product{g.scope, p.any("name"), p.any("publisher"), p.any("type")}
				if on := p.in["sentinelone_device_has_application"]; len(on) > 0 {
					versions[which] = append(versions[which], p)
					devices[which] = append(devices[which], on...)
				}
			}
		}
		for which, on := range devices {
			slices.SortFunc(on, func(a, b *entity) int { return cmp.Compare(a.Key, b.Key) })
			on = slices.Compact(on)
			if len(on) > most {
				continue
			}
			var people []*entity
			for _, d := range on {
				people = append(people, d.in["sentinelone_user_owns_device"]...)
			}
			// Lists are in the order of the rows that they were gathered from: by version first.
			ordered := slices.SortedStableFunc(slices.Values(versions[which]), func(a, b *entity) int { return compare(a.any("version"), b.any("version")) })
			rows = append(rows, row{
				[]any{which.name, which.publisher, which.kind, anyOrder(distinct(ordered, "riskLevel")), distinct(ordered, "version"), int64(len(on)), anyOrder(names(on, "name")), anyOrder(names(people, "name")), which.scope},
				[]any{int64(len(on)), which.name, which.publisher, which.kind, which.scope},
			})
		}
		return rows
	}
}

func riskyApplications(levels ...string) func([]*known) []row {
	return func(graphs []*known) (rows []row) {
		for _, g := range graphs {
			devices, applications := map[*entity]map[*entity]bool{}, map[*entity]map[*entity]bool{} // by owner
			for _, p := range g.all("application") {
				if !slices.Contains(levels, p.text("riskLevel")) {
					continue
				}
				for _, d := range p.in["sentinelone_device_has_application"] {
					people := d.in["sentinelone_user_owns_device"]
					if len(people) == 0 {
						people = []*entity{nil}
					}
					for _, u := range people {
						if devices[u] == nil {
							devices[u], applications[u] = map[*entity]bool{}, map[*entity]bool{}
						}
						devices[u][d], applications[u][p] = true, true
					}
				}
			}
			for u := range devices {
				var risky []*entity
				for p := range applications[u] {
					risky = append(risky, p)
				}
				some := names(risky, "displayName")
				var key any
				if u != nil {
					key = u.Key
				}
				rows = append(rows, row{
					[]any{u.any("name"), u.any("email"), int64(len(devices[u])), int64(len(risky)), some[:min(10, len(some))], g.scope},
					[]any{desc{int64(len(risky))}, desc{int64(len(devices[u]))}, u.any("name"), key, g.scope},
				})
			}
		}
		return rows
	}
}

func sameFile(id string) func([]*known) []row {
	return func(graphs []*known) (rows []row) {
		sha1s, sha256s := map[string]bool{}, map[string]bool{}
		for _, g := range graphs {
			if one := g.entities["sentinelone_threat:"+id]; one != nil {
				sha1s[one.text("sha1")], sha256s[one.text("sha256")] = true, true
			}
		}
		for _, g := range graphs {
			for _, threat := range g.all("threat") {
				sha1, sha256 := threat.text("sha1"), threat.text("sha256")
				if threat.text("id") != id && (sha1 == "" || !sha1s[sha1]) && (sha256 == "" || !sha256s[sha256]) {
					continue
				}
				a := first(threat.in["sentinelone_agent_has_threat"])
				var d *entity
				device := threat.any("agentComputerName")
				if a != nil {
					device = a.any("name")
					if d = first(a.out["sentinelone_agent_protects_device"]); d != nil {
						device = d.any("name")
					}
				}
				rows = append(rows, row{
					[]any{at(threat.int("identifiedAt")), threat.any("name"), threat.any("id"), threat.any("severity"), threat.any("mitigationStatus"), device, owners(d), a.any("isActive"), threat.any("filePath"), g.scope},
					[]any{at(threat.int("identifiedAt")), threat.any("id"), g.scope},
				})
			}
		}
		return rows
	}
}

func isMitigated(threat *entity) bool {
	status := threat.text("mitigationStatus")
	return status == "mitigated" || status == "marked_as_benign"
}

func foundAt(threat *entity) int64 {
	return cmp.Or(threat.int("identifiedAt"), threat.int("createdAt"))
}

func severityOf(threat *entity) int64 {
	if threat == nil {
		return 0
	}
	return threat.int("numericSeverity")
}

func worstFirst(threats []*entity) []*entity {
	return slices.SortedFunc(slices.Values(threats), func(a, b *entity) int {
		return cmp.Or(cmp.Compare(b.int("numericSeverity"), a.int("numericSeverity")), cmp.Compare(a.text("name"), b.text("name")))
	})
}

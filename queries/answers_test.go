package queries_test

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"math/big"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"s1graph/graph"
	"s1graph/graph/neo4jstore/neo4jtest"
	"s1graph/queries"
	"s1graph/s1/s1test"
)

func TestMain(m *testing.M) { os.Exit(neo4jtest.Main{M: m}.Run()) }

// answer is how the rows of a question are worked out without Neo4j.
type answer struct {
	given map[string]string // parameters that it is asked with, in turn with others of the same question
	rows  func(graphs []*known) []row
}

// row is a row as it should be, and what it is sorted by.
type row struct {
	values []any
	order  []any
}

// desc is something that is sorted by from the greatest to the least: what is absent comes first then.
type desc struct{ value any }

// at is a moment in milliseconds, absent where it is 0.
func at(milliseconds int64) any {
	if milliseconds == 0 {
		return nil
	}
	return time.UnixMilli(milliseconds).UTC()
}

// answers has, by question, one answer or several with other parameters.
var answers = map[string][]answer{
	"unprotected-devices": {{rows: unprotectedDevices}},
	"silent-agents": {
		{map[string]string{"days": "30"}, silentAgents(30)},
		{map[string]string{"days": "2"}, silentAgents(2)},
	},
	"outdated-agents":           {{rows: outdatedAgents}},
	"infected-devices":          {{rows: infectedDevices}},
	"owners-of-several-devices": {{rows: ownersOf(2)}, {map[string]string{"least": "3"}, ownersOf(3)}},
	"user-exposure": {
		{map[string]string{"user": "JANE.doe@made.example"}, userExposure("jane")},
		{map[string]string{"user": "Jane Doe"}, userExposure("jane")},
		{map[string]string{"user": "sentinelone_user:john"}, userExposure("john")},
		{map[string]string{"user": "nobody"}, userExposure("nobody")},
	},
	"open-threats":                {{rows: openThreats}},
	"unmitigated-threats":         {{rows: unmitigatedThreats}},
	"encryption-or-firewall-off":  {{rows: unsafeDevices("")}, {map[string]string{"machineType": "laptop"}, unsafeDevices("laptop")}},
	"noncompliant-devices":        {{rows: noncompliantDevices("")}, {map[string]string{"reason": "FIREWALLenabled"}, noncompliantDevices("firewallEnabled")}},
	"detect-mode-agents":          {{rows: detectModeAgents}},
	"isolated-devices":            {{rows: isolatedDevices}},
	"devices-with-several-agents": {{rows: severalAgents}},
	"devices-with-application": {
		{map[string]string{"name": "made widget"}, installations("made widget", "")},
		{map[string]string{"name": "wIdGeT", "below": "1.2"}, installations("widget", "1.2")},
		{map[string]string{"name": "widget", "below": "10.0.0"}, installations("widget", "10.0.0")},
		{map[string]string{"name": "chrome", "below": "129.1"}, installations("chrome", "129.1")},
	},
	"rare-applications":      {{rows: rareApplications(3)}, {map[string]string{"most": "1"}, rareApplications(1)}},
	"risky-applications":     {{rows: riskyApplications("critical", "high")}, {map[string]string{"levels": "low"}, riskyApplications("low")}},
	"empty-sites-and-groups": {{rows: emptyPlaces}},
	"license-use":            {{rows: licenseUse}},
	"returned-devices":       {{rows: returnedDevices}},
	"same-file-elsewhere": {
		{map[string]string{"threat": "5001"}, sameFile("5001")},
		{map[string]string{"threat": "5002"}, sameFile("5002")},
		{map[string]string{"threat": "5004"}, sameFile("5004")},
		{map[string]string{"threat": "none"}, sameFile("none")},
	},
}

func unprotectedDevices(graphs []*known) (rows []row) {
	for _, g := range graphs {
		for _, d := range g.all("device") {
			if len(d.in["sentinelone_agent_protects_device"]) > 0 {
				continue
			}
			because := map[string]bool{}
			threats := 0
			for _, id := range d.Get("formerAgentIds").List() {
				former := g.entities["sentinelone_agent:"+id]
				switch {
				case former == nil:
					continue
				case former.is("isUninstalled"):
					because["uninstalled"] = true
				case former.is("isDecommissioned"):
					because["decommissioned"] = true
				}
				for _, threat := range former.out["sentinelone_agent_has_threat"] {
					if !isMitigated(threat) {
						threats++
					}
				}
			}
			rows = append(rows, row{
				[]any{d.any("name"), d.any("osName"), owners(d), at(d.int("lastSeenOn")), set(because), int64(threats), g.scope},
				[]any{desc{d.int("lastSeenOn")}, d.Key, g.scope},
			})
		}
	}
	return rows
}

func silentAgents(days int64) func([]*known) []row {
	return func(graphs []*known) (rows []row) {
		for _, a := range inService(graphs) {
			silence := today.UnixMilli() - a.int("lastSeenOn")
			if a.int("lastSeenOn") == 0 || silence < days*day {
				continue
			}
			site, group := a.place()
			rows = append(rows, row{
				[]any{a.any("name"), a.any("osName"), site.any("name"), group.any("name"), owners(a.device), at(a.int("lastSeenOn")), silence / day, a.scope},
				[]any{a.int("lastSeenOn"), a.Key, a.scope},
			})
		}
		return rows
	}
}

func outdatedAgents(graphs []*known) (rows []row) {
	type version struct{ scope, os, version string }
	agents, online, sites := map[version]int64{}, map[version]int64{}, map[version][]*entity{}
	for _, a := range inService(graphs) {
		if v := a.any("isUpToDate"); v == nil || v == true {
			continue
		}
		v := version{a.scope, a.text("osType"), a.text("agentVersion")}
		agents[v]++
		if a.is("isActive") {
			online[v]++
		}
		if site, _ := a.place(); site != nil {
			sites[v] = append(sites[v], site)
		}
	}
	for v, n := range agents {
		rows = append(rows, row{
			[]any{v.os, v.version, n, online[v], names(sites[v], "name"), v.scope},
			[]any{desc{n}, v.os, v.version, v.scope},
		})
	}
	return rows
}

func infectedDevices(graphs []*known) (rows []row) {
	for _, a := range inService(graphs) {
		if !a.is("infected") {
			continue
		}
		threats := slices.DeleteFunc(worstFirst(a.out["sentinelone_agent_has_threat"]), isMitigated)
		var mails []string
		for _, u := range a.device.in["sentinelone_user_owns_device"] {
			mails = append(mails, u.Get("email").List()...)
		}
		slices.Sort(mails)
		site, _ := a.place()
		rows = append(rows, row{
			[]any{a.device.any("name"), a.device.any("osName"), owners(a.device), list(mails...), site.any("name"), first(threats).any("severity"), each(threats, "name"), a.any("isActive"), a.scope},
			[]any{desc{severityOf(first(threats))}, a.device.any("name"), a.device.Key, a.Key, a.scope},
		})
	}
	return rows
}

func ownersOf(least int) func([]*known) []row {
	return func(graphs []*known) (rows []row) {
		for _, g := range graphs {
			for _, u := range g.all("user") {
				devices := slices.SortedFunc(slices.Values(u.out["sentinelone_user_owns_device"]), func(a, b *entity) int {
					return cmp.Or(cmp.Compare(b.int("lastSeenOn"), a.int("lastSeenOn")), cmp.Compare(a.text("name"), b.text("name")))
				})
				if len(devices) < least {
					continue
				}
				unprotected, oldest := int64(0), int64(math.MaxInt64)
				for _, d := range devices {
					oldest = min(oldest, d.int("lastSeenOn"))
					if len(d.in["sentinelone_agent_protects_device"]) == 0 {
						unprotected++
					}
				}
				rows = append(rows, row{
					[]any{u.any("name"), u.any("email"), int64(len(devices)), each(devices, "name"), unprotected, at(oldest), g.scope},
					[]any{desc{int64(len(devices))}, u.any("name"), u.Key, g.scope},
				})
			}
		}
		return rows
	}
}

func userExposure(id string) func([]*known) []row {
	return func(graphs []*known) (rows []row) {
		for _, g := range graphs {
			u := g.entities["sentinelone_user:"+id]
			if u == nil {
				continue
			}
			for _, d := range u.out["sentinelone_user_owns_device"] {
				var threats []*entity
				for _, a := range d.in["sentinelone_agent_protects_device"] {
					for _, threat := range a.out["sentinelone_agent_has_threat"] {
						if threat.is("open") {
							threats = append(threats, threat)
						}
					}
				}
				threats = worstFirst(threats)
				risky := int64(0)
				for _, p := range d.out["sentinelone_device_has_application"] {
					if level := p.text("riskLevel"); level == "high" || level == "critical" {
						risky++
					}
				}
				rows = append(rows, row{
					[]any{u.any("name"), d.any("name"), d.any("osName"), at(d.int("lastSeenOn")), len(d.in["sentinelone_agent_protects_device"]) > 0, d.any("encrypted"), first(threats).any("severity"), each(threats, "name"), risky, g.scope},
					[]any{desc{severityOf(first(threats))}, d.any("name"), d.Key, u.Key, g.scope},
				})
			}
		}
		return rows
	}
}

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

func noncompliantDevices(reason string) func([]*known) []row {
	return func(graphs []*known) (rows []row) {
		for _, g := range graphs {
			for _, d := range g.all("device") {
				reasons, evaluated := d.evaluated()
				if !evaluated || len(reasons) == 0 || !strings.Contains(strings.Join(reasons, "\n"), reason) {
					continue
				}
				var sites []*entity
				for _, a := range d.in["sentinelone_agent_protects_device"] {
					if site, _ := placeOf(a); site != nil {
						sites = append(sites, site)
					}
				}
				rows = append(rows, row{
					[]any{d.any("name"), list(reasons...), d.any("osName"), owners(d), names(sites, "name"), at(d.int("lastSeenOn")), g.scope},
					[]any{desc{int64(len(reasons))}, d.any("name"), d.Key, g.scope},
				})
			}
		}
		return rows
	}
}

func unsafeDevices(machineType string) func([]*known) []row {
	return func(graphs []*known) (rows []row) {
		for _, g := range graphs {
			for _, d := range g.all("device") {
				off := d.any("encrypted") == false || d.any("firewallEnabled") == false
				if !off || len(d.in["sentinelone_agent_protects_device"]) == 0 || machineType != "" && d.text("machineType") != machineType {
					continue
				}
				rows = append(rows, row{
					[]any{d.any("name"), d.any("machineType"), d.any("osName"), d.any("encrypted"), d.any("firewallEnabled"), owners(d), at(d.int("lastSeenOn")), g.scope},
					[]any{d.any("firewallEnabled"), d.any("encrypted"), d.any("name"), d.Key, g.scope},
				})
			}
		}
		return rows
	}
}

func detectModeAgents(graphs []*known) (rows []row) {
	for _, a := range inService(graphs) {
		if a.text("mitigationMode") != "detect" {
			continue
		}
		site, group := a.place()
		rows = append(rows, row{
			[]any{site.any("name"), group.any("name"), a.any("name"), a.any("machineType"), owners(a.device), a.any("detectionState"), a.any("activeThreats"), at(a.int("lastSeenOn")), a.scope},
			[]any{site.any("name"), group.any("name"), a.any("name"), a.Key, a.scope},
		})
	}
	return rows
}

func isolatedDevices(graphs []*known) (rows []row) {
	for _, a := range inService(graphs) {
		if !slices.Contains([]string{"disconnected", "disconnecting", "connecting"}, a.text("networkStatus")) {
			continue
		}
		site, group := a.place()
		rows = append(rows, row{
			[]any{a.device.any("name"), a.any("networkStatus"), site.any("name"), group.any("name"), owners(a.device), a.any("infected"), at(a.int("lastSeenOn")), a.scope},
			[]any{a.device.any("name"), a.Key, a.scope},
		})
	}
	return rows
}

func severalAgents(graphs []*known) (rows []row) {
	for _, g := range graphs {
		for _, d := range g.all("device") {
			agents := slices.SortedFunc(slices.Values(d.in["sentinelone_agent_protects_device"]), func(a, b *entity) int {
				return cmp.Or(cmp.Compare(b.int("lastSeenOn"), a.int("lastSeenOn")), cmp.Compare(a.Key, b.Key))
			})
			if len(agents) < 2 {
				continue
			}
			var seen []any
			for _, a := range agents {
				seen = append(seen, at(a.int("lastSeenOn")))
			}
			rows = append(rows, row{
				[]any{d.any("name"), d.any("serial"), int64(len(agents)), each(agents, "id"), each(agents, "agentVersion"), seen, g.scope},
				[]any{desc{int64(len(agents))}, d.any("name"), d.Key, g.scope},
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

func emptyPlaces(graphs []*known) (rows []row) {
	for _, g := range graphs {
		for _, kind := range []string{"site", "group"} {
			for _, place := range g.all(kind) {
				agents := slices.Clone(place.out["sentinelone_group_has_agent"])
				for _, group := range place.out["sentinelone_site_has_group"] {
					agents = append(agents, group.out["sentinelone_group_has_agent"]...)
				}
				if slices.ContainsFunc(agents, func(a *entity) bool { return len(a.out["sentinelone_agent_protects_device"]) > 0 }) {
					continue
				}
				site := first(place.in["sentinelone_site_has_group"])
				account := first(slices.Concat(place.in["sentinelone_account_has_site"], place.in["sentinelone_account_has_group"]))
				rows = append(rows, row{
					[]any{kind, place.any("name"), site.any("name"), account.any("name"), place.any("isDefault"), int64(len(agents)), at(place.int("createdAt")), g.scope},
					[]any{desc{kind}, account.any("name"), site.any("name"), place.any("name"), place.Key, g.scope},
				})
			}
		}
	}
	return rows
}

func licenseUse(graphs []*known) (rows []row) {
	for _, g := range graphs {
		for _, s := range g.all("site") {
			var total, percent, expires any
			if !s.is("unlimitedLicenses") {
				total = s.any("totalLicenses")
			}
			order := -1.0
			if n := s.int("totalLicenses"); total != nil && n > 0 {
				order = math.Round(1000*float64(s.int("activeLicenses"))/float64(n)) / 10
				percent = order
			}
			if !s.is("unlimitedExpiration") {
				expires = at(s.int("expiration"))
			}
			agents := int64(0)
			for _, group := range s.out["sentinelone_site_has_group"] {
				for _, a := range group.out["sentinelone_group_has_agent"] {
					agents += int64(len(a.out["sentinelone_agent_protects_device"]))
				}
			}
			account := first(s.in["sentinelone_account_has_site"])
			rows = append(rows, row{
				[]any{account.any("name"), s.any("name"), s.any("licenseBundles"), total, s.any("activeLicenses"), percent, agents, expires, s.any("state"), g.scope},
				[]any{desc{order}, account.any("name"), s.any("name"), s.Key, g.scope},
			})
		}
	}
	return rows
}

func returnedDevices(graphs []*known) (rows []row) {
	for _, g := range graphs {
		for _, d := range g.all("device") {
			for _, a := range d.in["sentinelone_agent_protects_device"] {
				for _, id := range d.Get("formerAgentIds").List() {
					former := g.entities["sentinelone_agent:"+id]
					if former == nil || !former.is("isDecommissioned") || former.int("lastSeenOn") >= a.int("lastSeenOn") {
						continue
					}
					rows = append(rows, row{
						[]any{d.any("name"), owners(d), id, at(former.int("lastSeenOn")), a.any("id"), at(a.int("registeredAt")), at(a.int("lastSeenOn")), g.scope},
						[]any{desc{a.int("registeredAt")}, d.any("name"), a.Key, former.Key, g.scope},
					})
				}
			}
		}
	}
	return rows
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

// serving is an agent in service, with the device that it protects.
type serving struct {
	*entity
	device *entity
	scope  string
}

func inService(graphs []*known) (agents []serving) {
	for _, g := range graphs {
		for _, a := range g.all("agent") {
			if device := first(a.out["sentinelone_agent_protects_device"]); device != nil {
				agents = append(agents, serving{a, device, g.scope})
			}
		}
	}
	return agents
}

func (a serving) place() (site, group *entity) { return placeOf(a.entity) }

// placeOf is where an agent is. The group is given only where its site is known, as the questions have it.
func placeOf(agent *entity) (site, group *entity) {
	if group = first(agent.in["sentinelone_group_has_agent"]); group == nil {
		return nil, nil
	}
	if site = first(group.in["sentinelone_site_has_group"]); site == nil {
		return nil, nil
	}
	return site, group
}

func owners(device *entity) []any {
	if device == nil {
		return list()
	}
	var texts []string
	for _, u := range device.in["sentinelone_user_owns_device"] {
		texts = append(texts, u.text("name"))
	}
	slices.Sort(texts)
	return list(texts...)
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

// each is a property of each entity, in their order.
func each(entities []*entity, property string) []any {
	values := make([]any, len(entities))
	for i, e := range entities {
		values[i] = e.any(property)
	}
	return values
}

// distinct is what each gives, without repetition and without what is absent.
func distinct(entities []*entity, property string) []any {
	values := []any{}
	for _, e := range entities {
		if v := e.any(property); v != nil && !slices.Contains(values, v) {
			values = append(values, v)
		}
	}
	return values
}

func set(words map[string]bool) unordered {
	values := []any{}
	for word := range words {
		values = append(values, word)
	}
	return anyOrder(values)
}

// unordered is a list whose order does not matter.
type unordered []any

func anyOrder(values []any) unordered { return values }

// versionOrder is a version among others.
type versionOrder struct{ version any }

var digits = regexp.MustCompile(`[0-9]+`)

func numbersOf(version string) []string { return digits.FindAllString(version, -1) }

// compareVersions compares the numbers in two versions, of which the shorter goes on with zeros.
func compareVersions(a, b string) int {
	left, right := numbersOf(a), numbersOf(b)
	for i := range max(len(left), len(right)) {
		x, y := new(big.Int), new(big.Int)
		if i < len(left) {
			x.SetString(left[i], 10)
		}
		if i < len(right) {
			y.SetString(right[i], 10)
		}
		if c := x.Cmp(y); c != 0 {
			return c
		}
	}
	return 0
}

// compare puts values into Cypher's order: what is absent comes last.
func compare(a, b any) int {
	if d, ok := a.(desc); ok {
		return -compare(d.value, b.(desc).value)
	}
	if v, ok := a.(versionOrder); ok {
		x, y := fmt.Sprint(v.version), fmt.Sprint(b.(versionOrder).version)
		return compareVersions(x, y)
	}
	switch {
	case a == nil && b == nil:
		return 0
	case a == nil:
		return 1
	case b == nil:
		return -1
	}
	switch x := a.(type) {
	case int64:
		return cmp.Compare(x, b.(int64))
	case float64:
		return cmp.Compare(x, b.(float64))
	case string:
		return cmp.Compare(x, b.(string))
	case bool:
		return cmp.Compare(fmt.Sprint(x), fmt.Sprint(b))
	case time.Time:
		return x.Compare(b.(time.Time))
	}
	panic(fmt.Sprintf("%T has no order", a))
}

// gathered is what a statement gave.
type gathered struct {
	columns []string
	rows    [][]any
}

func (g *gathered) Columns(names []string) error { g.columns = names; return nil }
func (g *gathered) Row(values []any) error {
	g.rows = append(g.rows, plain(values).([]any))
	return nil
}

func TestTheQuestionsOnAKnownGraph(t *testing.T) {
	server := neo4jtest.Own(t, neo4jtest.Options{}) // how the planner finds nodes depends on what a database holds
	driver := server.Driver(t)
	before, after := collect(t, s1test.Hostile(), 0), collect(t, s1test.Hostile(), 1)
	graphs := load(t, server, slices.Concat(before, madeByHand()), after) // many of the same keys in two scopes
	t.Run("each gives the rows that the graph has", func(t *testing.T) { answersAreRight(t, queries.Database{Driver: driver}, graphs) })
	t.Run("each is found by labels and indexes", func(t *testing.T) { plansAreLean(t, driver, graphs) })
	t.Run("what changed lately is what the graphs differ in", func(t *testing.T) { recentChangesAreRight(t, server, before, after) })
}

func answersAreRight(t *testing.T, database queries.Database, graphs []*known) {
	for _, q := range queries.All() {
		assert.True(t, len(answers[q.Name]) > 0 || q.Name == "recent-changes", "%s: nothing says what it should give", q.Name)
		for _, a := range answers[q.Name] {
			given := slices.Sorted(maps.Values(a.given))
			t.Run(q.Name+strings.Join(given, ","), func(t *testing.T) {
				all := ask(t, database, q, a.given, nil, graphs)
				requireRows(t, a.rows(graphs), all.rows)
				one := ask(t, database, q, a.given, map[string]string{"scope": graphs[0].scope}, graphs)
				requireRows(t, a.rows(graphs[:1]), one.rows)
				first := ask(t, database, q, a.given, map[string]string{"scope": graphs[0].scope, "limit": "1"}, graphs)
				assert.Equal(t, one.rows[:min(1, len(one.rows))], first.rows)
			})
		}
	}
}

func recentChangesAreRight(t *testing.T, server *neo4jtest.Server, before, after []graph.Record) {
	scope := server.Scope(t)
	yesterday := today.AddDate(0, 0, -1)
	apply(t, server, scope, yesterday, before)
	apply(t, server, scope, today, before, after)

	changed := map[string]string{} // what, by key
	_, err := graph.Diff(t.Context(), snapshot(before), snapshot(after), graph.DiffOptions{}, func(c graph.Change) error {
		switch {
		case c.Op == graph.Created:
			changed[c.Key] = "created"
		case c.Op == graph.Updated:
			changed[c.Key] = "updated"
		}
		return nil
	})
	require.NoError(t, err)
	graphs := []*known{newKnown(scope, after)}
	rows := func(since time.Time, class string) (rows []row) {
		for _, e := range graphs[0].entities {
			when, what := today, changed[e.Key]
			if what != "" && !when.Before(since) && (class == "" || class == e.Type.Class) {
				rows = append(rows, row{
					[]any{when, what, e.Type.Class, e.any("displayName"), e.Key, scope},
					[]any{desc{when}, e.Type.Class, e.any("displayName"), e.Key},
				})
			}
		}
		return rows
	}
	database := queries.Database{Driver: server.Driver(t)}
	q, _ := queries.Find("recent-changes")
	for _, test := range []struct {
		since time.Time
		class string
	}{{today, ""}, {today, "HostAgent"}, {yesterday, "Finding"}, {yesterday, ""}, {today.Add(time.Second), ""}} {
		given := map[string]string{"since": test.since.Format(time.RFC3339)}
		if test.class != "" {
			given["class"] = test.class
		}
		got := ask(t, database, q, given, map[string]string{"scope": scope}, graphs)
		requireRows(t, rows(test.since, test.class), got.rows)
	}
	assert.Contains(t, slices.Collect(maps.Values(changed)), "updated")
}

// ask gives the rows of a question, as far as they are of the given graphs: others may use the database at the
// same time.
func ask(t *testing.T, database queries.Database, q queries.Question, given, also map[string]string, graphs []*known) *gathered {
	t.Helper()
	all := map[string]string{"limit": "1000000"}
	maps.Copy(all, given)
	maps.Copy(all, also)
	arguments, err := q.Arguments(all, today)
	require.NoError(t, err)
	got := &gathered{}
	require.NoError(t, database.Read(t.Context(), q.Cypher, arguments, got))
	var columns []string
	for _, c := range q.Columns {
		columns = append(columns, c.Name)
	}
	require.Equal(t, columns, got.columns)
	got.rows = slices.DeleteFunc(got.rows, func(values []any) bool {
		return !slices.ContainsFunc(graphs, func(k *known) bool { return k.scope == values[len(values)-1] })
	})
	return got
}

func requireRows(t *testing.T, want []row, got [][]any) {
	t.Helper()
	slices.SortStableFunc(want, func(a, b row) int {
		for i := range a.order {
			if c := compare(a.order[i], b.order[i]); c != 0 {
				return c
			}
		}
		return 0
	})
	require.Len(t, got, len(want))
	for i := range want {
		for c, value := range want[i].values {
			if u, ok := value.(unordered); ok {
				require.ElementsMatch(t, []any(u), got[i][c], "row %d of %v", i, got[i])
				continue
			}
			require.Equal(t, value, got[i][c], "row %d of %v", i, got[i])
		}
	}
}

// plain has moments in UTC, as at makes them.
func plain(value any) any {
	switch v := value.(type) {
	case time.Time:
		return v.UTC()
	case []any:
		for i, element := range v {
			v[i] = plain(element)
		}
	}
	return value
}

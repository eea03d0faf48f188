package queries_test

import (
	"cmp"
	"math"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"s1graph/graph/neo4jstore/neo4jtest"
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

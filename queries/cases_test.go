package queries_test

import (
	"fmt"

	"s1graph/graph"
)

// Moments of the hand-made cases.
const (
	hour = int64(3_600_000)
	day  = 24 * hour
)

// handmade are the cases that the tenant lacks.
type handmade struct {
	types   map[string]*graph.Type
	records []graph.Record
}

type properties map[string]any

func (h *handmade) entity(typeName, id string, p properties) string {
	r := graph.Record{Type: h.types["sentinelone_"+typeName], Key: "sentinelone_" + typeName + ":" + id}
	p.set(&r)
	if r.Get("displayName").IsAbsent() {
		r.Set("displayName", r.Get("name"))
	}
	h.records = append(h.records, r)
	return r.Key
}

func (p properties) set(r *graph.Record) {
	for name, value := range p {
		switch v := value.(type) {
		case string:
			r.Set(name, graph.String(v))
		case bool:
			r.Set(name, graph.Bool(v))
		case int:
			r.Set(name, graph.Int(int64(v)))
		case int64:
			r.Set(name, graph.Int(v))
		case float64:
			r.Set(name, graph.Float(v))
		case []string:
			r.Set(name, graph.Set(v))
		default:
			panic(fmt.Sprintf("%s: %T", name, value))
		}
	}
}

func (h *handmade) relationship(typeName, from, to string, p properties) {
	t := h.types["sentinelone_"+typeName]
	r := graph.Record{Type: t, Key: graph.RelationshipKey(from, t.Class, to), From: from, To: to}
	p.set(&r)
	h.records = append(h.records, r)
}

func (h *handmade) user(id, name string, mails ...string) string {
	return h.entity("user", id, properties{"name": name, "email": mails, "username": append([]string{id}, mails...), "shortLoginId": []string{id}, "userPrincipalName": id + "@made.example"})
}

// machine is a device with an agent in service, both of one name. What is given goes to both.
func (h *handmade) machine(id, group string, p properties) (device, agent string) {
	all := properties{"name": "MADE-" + id, "osName": "Windows 11 Pro", "osType": "windows", "lastSeenOn": today.UnixMilli(), "id": id, "encrypted": true, "firewallEnabled": true}
	for name, value := range p {
		all[name] = value
	}
	device, agent = h.entity("device", id, all), h.entity("agent", id, all)
	h.relationship("agent_protects_device", agent, device, nil)
	if group != "" {
		h.relationship("group_has_agent", group, agent, nil)
	}
	return device, agent
}

func madeByHand() []graph.Record {
	h := &handmade{types: modelTypes()}
	account := h.entity("account", "1", properties{"name": "Made & Sons"})
	site := h.entity("site", "1", properties{"name": "Made", "totalLicenses": 4, "activeLicenses": 3, "state": "active", "expiration": today.UnixMilli() + 30*day, "licenseBundles": []string{"Core"}})
	h.relationship("account_has_site", account, site, nil)
	unlimited := h.entity("site", "2", properties{"name": "Made without limit", "totalLicenses": 0, "activeLicenses": 9, "unlimitedLicenses": true, "unlimitedExpiration": true, "expiration": int64(1), "isDefault": false, "createdAt": today.UnixMilli() - 400*day})
	h.relationship("account_has_site", account, unlimited, nil)
	h.entity("site", "3", properties{"name": "Made without anything"})
	group := h.entity("group", "1", properties{"name": "Made group"})
	deserted := h.entity("group", "2", properties{"name": "Made and deserted", "isDefault": true})
	for _, g := range []string{group, deserted} {
		h.relationship("site_has_group", site, g, nil)
		h.relationship("account_has_group", account, g, nil)
	}

	h.makeOwners(group)
	h.makeStates(group, deserted)
	h.makeThreats(group)
	h.makeApplications(group)
	h.makeVulnerabilities(group)
	return h.records
}

// makeOwners makes people with several devices, with several names, and devices of several people.
func (h *handmade) makeOwners(group string) {
	jane := h.user("jane", "Jane Doe", "jane.doe@made.example", "jane@made.example")
	john := h.user("john", "john")
	h.user("nobody", "Nobody")
	for i, id := range []string{"1001", "1002", "1003"} {
		device, _ := h.machine(id, group, properties{"lastSeenOn": today.UnixMilli() - int64(i)*day})
		h.relationship("user_owns_device", jane, device, nil)
		if i == 0 {
			h.relationship("user_owns_device", john, device, nil)
		}
	}
	never := h.entity("device", "never", properties{"name": "MADE-NEVER", "lastSeenOn": 0, "formerAgentIds": []string{"404", "1101"}})
	h.relationship("user_owns_device", john, never, nil)
	h.entity("device", "bare", properties{"name": "MADE-BARE", "lastSeenOn": 0})
}

// makeStates makes agents in states that the tenant's are not in.
func (h *handmade) makeStates(group, deserted string) {
	h.machine("1104", group, properties{"lastSeenOn": today.UnixMilli() - 30*day})
	h.machine("1105", group, properties{"lastSeenOn": today.UnixMilli() - 30*day + 1})
	h.machine("1106", "", properties{"lastSeenOn": 0, "mitigationMode": "detect", "activeThreats": 2, "detectionState": "detect_only", "machineType": "laptop"})
	h.machine("1121", group, properties{"networkStatus": "disconnecting", "infected": true})
	h.machine("1122", group, properties{"networkStatus": "connecting", "lastSeenOn": 0})
	h.machine("1123", group, properties{"networkStatus": "connected"})
	h.machine("1107", group, properties{"encrypted": false, "machineType": "laptop"})
	h.machine("1108", group, properties{"encrypted": false, "firewallEnabled": false, "machineType": "server"})
	h.machine("1109", group, properties{"isUpToDate": false, "agentVersion": "1.2.3", "isActive": true})
	h.machine("1110", "", properties{"isUpToDate": false, "agentVersion": "1.2.3", "isActive": false})

	former := h.entity("agent", "1101", properties{"name": "MADE-NEVER", "id": "1101", "isDecommissioned": true, "isUninstalled": true, "lastSeenOn": 0})
	h.relationship("group_has_agent", deserted, former, nil)
	device, _ := h.machine("1111", group, properties{"formerAgentIds": []string{"1112", "1113", "1114"}, "registeredAt": today.UnixMilli() - day})
	h.entity("agent", "1112", properties{"name": "MADE-1111", "id": "1112", "isDecommissioned": true, "lastSeenOn": today.UnixMilli() - 100*day})
	h.entity("agent", "1113", properties{"name": "MADE-1111", "id": "1113", "isUninstalled": true, "lastSeenOn": today.UnixMilli() - 50*day})
	h.entity("agent", "1114", properties{"name": "MADE-1111", "id": "1114", "isDecommissioned": true, "lastSeenOn": today.UnixMilli() + day})
	twin := h.entity("agent", "1115", properties{"name": "MADE-1111", "id": "1115", "agentVersion": "2.0", "lastSeenOn": 0})
	h.relationship("agent_protects_device", twin, device, nil)
}

// makeThreats makes a machine with threats of all kinds, one of the same file on another, and one whose
// agent is not in the graph.
func (h *handmade) makeThreats(group string) {
	_, infected := h.machine("1201", group, properties{"infected": true, "isActive": true})
	_, asleep := h.machine("1202", group, properties{"infected": true, "isActive": false})
	for i, p := range []properties{
		{"agent": infected, "severity": "critical", "numericSeverity": 10, "mitigationStatus": "not_mitigated", "open": true, "identifiedAt": today.UnixMilli() - 3*day - 1, "sha1": "aa"},
		{"agent": infected, "severity": "high", "numericSeverity": 8, "mitigationStatus": "mitigated", "open": true, "identifiedAt": today.UnixMilli() - 2*day, "sha1": "bb", "sha256": "cc"},
		{"agent": infected, "severity": "low", "numericSeverity": 1, "mitigationStatus": "marked_as_benign", "open": false, "sha256": "cc"},
		{"agent": infected, "severity": "medium", "numericSeverity": 5, "open": true, "createdAt": today.UnixMilli() - 5*day},
		{"agent": asleep, "severity": "critical", "numericSeverity": 10, "mitigationStatus": "not_mitigated", "incidentStatus": "in_progress", "open": true, "identifiedAt": today.UnixMilli() - 9*day, "sha1": "aa", "sha256": "dd"},
		{"severity": "high", "numericSeverity": 7, "mitigationStatus": "not_mitigated", "open": true, "siteName": "Made elsewhere", "agentComputerName": "MADE-GONE", "sha256": "dd"},
	} {
		agent, known := p["agent"].(string)
		delete(p, "agent")
		id := fmt.Sprint(5001 + i)
		p["id"], p["name"], p["classification"], p["filePath"] = id, "made-"+id+".exe", "Malware", `C:\made\`+id
		threat := h.entity("threat", id, p)
		if known {
			h.relationship("agent_has_threat", agent, threat, nil)
		}
	}
}

// madeVersions are versions of one application, in the order in which a person would put them, equal ones
// in one text. What is in the last has no place in that order.
var madeVersions = [][]string{
	{"0.9"}, {"1.0.2k"}, {"1.2", "1.2.0", "v1.2"}, {"1.10"}, {"9.2-rc1"}, {"10"}, {"10.0.0.1"}, {"2024.01.15", "2024-1-15"}, {"99999999999999999999.1"},
	{"", "unknown"},
}

func (h *handmade) makeApplications(group string) {
	owned, _ := h.machine("1301", group, nil)
	other, _ := h.machine("1302", group, nil)
	h.relationship("user_owns_device", h.user("ada", "Ada"), owned, nil)
	for i, versions := range madeVersions {
		for _, version := range versions {
			p := properties{"name": "Made Widget", "displayName": "Made Widget " + version, "publisher": "Made & Sons", "type": "app", "riskLevel": []string{"critical", "high", "low"}[i%3]}
			if version != "" {
				p["version"] = version
			}
			application := h.entity("application", "widget-"+version, p)
			h.relationship("device_has_application", owned, application, properties{"installedAt": today.UnixMilli() - int64(i)*day})
			if version == "10" {
				h.relationship("device_has_application", other, application, nil)
			}
		}
	}
}

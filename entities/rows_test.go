package entities_test

import (
	"fmt"
	"hash/fnv"
	"reflect"
	"strings"

	"s1graph/entities"
	"s1graph/graph"
	"s1graph/model"
	"s1graph/s1"
	"s1graph/steps"
)

// populated is a row in which every field is set, to values that follow from the fields' names alone.
func populated[T any]() *T {
	row := new(T)
	populate(reflect.ValueOf(row).Elem(), reflect.TypeFor[T]().Name())
	return row
}

func populate(v reflect.Value, path string) {
	h := fnv.New32a()
	h.Write([]byte(path))
	number := int64(h.Sum32())
	switch v.Interface().(type) {
	case s1.Time:
		v.SetInt(1_700_000_000_000 + number)
		return
	case s1.Flag:
		v.SetUint(uint64(s1.True))
		return
	case s1.Int:
		v.Set(reflect.ValueOf(s1.Int{Value: number, Known: true}))
		return
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(path)
	case reflect.Struct:
		for i := range v.NumField() {
			populate(v.Field(i), path+"."+v.Type().Field(i).Name)
		}
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		populate(v.Elem(), path)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		for i := range 2 {
			populate(v.Index(i), fmt.Sprint(path, i))
		}
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		for _, key := range []string{"AWS", "Kubernetes"} {
			value := reflect.New(v.Type().Elem()).Elem()
			populate(value, path+"."+key)
			v.SetMapIndex(reflect.ValueOf(key), value)
		}
	default:
		panic("no value for " + path)
	}
}

// laptop is a usual agent: a Windows machine in a domain, and who uses it.
func laptop() *s1.Agent {
	a := populated[s1.Agent]()
	a.ID, a.UUID = "1234567890123456789", "4f2a9c9d0f1e4c2f9b0a6d5e4c3b2a10"
	a.AccountID, a.SiteID, a.GroupID = "433241117337583618", "551799238352448315", "551799242253151036"
	a.ComputerName, a.Domain = "FIN-LT-042", "corp.acme.example"
	a.SerialNumber, a.ModelName = "5CG1234XYZ", "HP - HP EliteBook 840 G8"
	a.OSType, a.OSName, a.OSRevision, a.OSArch = "windows", "Windows 11 Pro", "22631", "64 bit"
	a.MachineType = "laptop"
	a.IsDecommissioned, a.IsUninstalled, a.IsPendingUninstall, a.Infected = s1.False, s1.False, s1.False, s1.False
	a.LastLoggedInUserName, a.OSUsername = "jane", `CORP\jane`
	a.ActiveDirectory = &s1.ActiveDirectory{
		ComputerDistinguishedName: "CN=FIN-LT-042,OU=Laptops,DC=corp,DC=acme,DC=example",
		ComputerMemberOf:          []string{"CN=Laptops,DC=corp,DC=acme,DC=example"},
		LastUserDistinguishedName: `CN=Doe\, Jane,OU=Finance,DC=corp,DC=acme,DC=example`,
		LastUserMemberOf:          []string{"CN=Finance,DC=corp,DC=acme,DC=example", "CN=All,DC=corp,DC=acme,DC=example"},
		Mail:                      "Jane.Doe@acme.example",
		UserPrincipalName:         "JDoe@corp.acme.example",
	}
	a.NetworkInterfaces = []s1.NetworkInterface{{
		GatewayIP: "192.168.1.1", GatewayMACAddress: "00-11-22-33-44-55", ID: "1", Name: "Ethernet",
		Inet: []string{"192.168.1.20"}, Inet6: []string{"fe80::1%eth0", "2001:db8::7"}, Physical: "A4-BB-6D-12-34-56",
	}, {Name: "Wi-Fi", Physical: "A4:BB:6D:12:34:57"}}
	a.ExternalIP, a.LastIPToMgmt, a.GroupIP = "203.0.113.9", "192.168.1.20", "192.168.1.x"
	a.Tags = &s1.AgentTags{SentinelOne: []s1.AgentTag{{Key: "env", Value: "prod"}, {Key: "cost_centre", Value: "77"}}}
	return a
}

// hostile are names as an attacker or a careless administrator writes them.
var hostile = []string{
	"", " ", "-", "a", "\x00\x1b[2J", "<script>alert(1)</script>", "'; DROP TABLE agents;--", `=cmd|'/c calc'!A1`,
	"\xff\xfe not UTF-8", "Bürö-PC", "Bu\u0308ro\u0308-PC", "ИВАН-ПК", "経理部の端末", "ٱلْعَرَبِيَّة", "\u202egnp.exe", "🦊", "İSTANBUL",
	"web01.acme.example", "web01.acme.example.", "-lead", "trail-", "under_score", "a|b|c", "null", "N/A",
	strings.Repeat("long", 100), strings.Repeat("界", 100), "name\nwith\nlines", `back\slash`, `DOMAIN\`, "@", "$", "..", "%s%n",
}

// awkwardAgents are rows as real consoles give them, and worse.
func awkwardAgents() []*s1.Agent {
	rows := []*s1.Agent{{ID: "1"}, {ID: "2", ComputerName: "kiosk", LastLoggedInUserName: "jane"}, {ID: "3", ActiveDirectory: &s1.ActiveDirectory{}, ProxyStates: &s1.ProxyStates{},
		Tags: &s1.AgentTags{}, ContainerizedWorkloadCounts: &s1.ContainerizedWorkloadCounts{}}}
	for i, name := range hostile {
		a := laptop()
		a.ID = fmt.Sprint(1000 + i)
		a.ComputerName, a.Domain, a.ModelName, a.SerialNumber = name, name, name, name
		a.OSName, a.OSType, a.OSRevision, a.MachineType = name, name, name, name
		a.LastLoggedInUserName, a.OSUsername = name, name
		a.ActiveDirectory.UserPrincipalName, a.ActiveDirectory.Mail = name, name+"@"+name
		a.ActiveDirectory.LastUserDistinguishedName = "CN=" + name
		a.NetworkInterfaces = []s1.NetworkInterface{{Physical: name, Inet: []string{name}, Inet6: []string{name}, GatewayIP: name}}
		a.ExternalIP, a.LastIPToMgmt = name, name
		a.UserActionsNeeded = []string{name, name, ""}
		a.CloudProviders = map[string]s1.CloudProvider{name: {CloudTags: []string{name}}}
		a.Tags = &s1.AgentTags{SentinelOne: []s1.AgentTag{{Key: name, Value: name}, {Key: name, Value: "2"}, {Key: name + "_", Value: "3"}}}
		a.LastActiveDate = s1.Time(-62135596800000) // year 1, as some languages write an unset time
		rows = append(rows, a)
	}
	for _, mac := range []string{"00:00:00:00:00:00", "ff:ff:ff:ff:ff:ff", "A4BB6D123456", "a4bb.6d12.3456", "a4:bb:6d:12:34:5",
		"a4:bb:6d:12:34:56:78", "a4:bb:6d:12:34:56:78:90", "g4:bb:6d:12:34:56", "::::::"} {
		rows = append(rows, &s1.Agent{ID: "3", NetworkInterfaces: []s1.NetworkInterface{{Physical: mac}, {Physical: mac}}})
	}
	for _, ip := range []string{"::", "0.0.0.0", "127.0.0.1", "::1", "224.0.0.1", "ff02::1", "255.255.255.255", "10.1.2.3/24",
		"::ffff:10.1.2.3", "fe80::1%en0", "2001:DB8::1", "300.1.2.3", "1.2.3", "100.64.1.1", "fd00::1", "8.8.8.8"} {
		rows = append(rows, &s1.Agent{ID: "4", ExternalIP: ip, LastIPToMgmt: ip,
			NetworkInterfaces: []s1.NetworkInterface{{Inet: []string{ip, ip}, Inet6: []string{ip}}}})
	}
	return rows
}

func awkwardThreats() []*s1.Threat {
	rows := []*s1.Threat{{ID: "1"}, {ID: "2", ThreatInfo: &s1.ThreatInfo{}, AgentDetectionInfo: &s1.ThreatDetection{},
		AgentRealtimeInfo: &s1.ThreatAgent{}, ContainerInfo: &s1.ContainerInfo{}, KubernetesInfo: &s1.KubernetesInfo{},
		Indicators: []s1.Indicator{{}, {Tactics: []s1.Tactic{{}}}}, MitigationStatus: []s1.MitigationAction{{}}}}
	for i, name := range hostile {
		t := populated[s1.Threat]()
		t.ID = fmt.Sprint(1000 + i)
		t.ThreatInfo.ThreatName, t.ThreatInfo.Classification, t.ThreatInfo.IncidentStatus = name, name, name
		t.ThreatInfo.FilePath = s1.Text(name)
		t.ThreatInfo.Engines = s1.Texts{name, ""}
		t.AgentRealtimeInfo.AgentComputerName = name
		t.Indicators = []s1.Indicator{{Category: name, Description: name, Tactics: []s1.Tactic{{Name: name, Techniques: []s1.Technique{{Name: name, Link: name}}}}}}
		rows = append(rows, t)
	}
	return rows
}

func awkwardInstallations() []*entities.Installation {
	rows := []*entities.Installation{{}}
	for _, name := range hostile {
		rows = append(rows,
			&entities.Installation{Name: name, Publisher: name, Version: name, Type: name, OSType: name, RiskLevel: name, CPE: name},
			&entities.Installation{Version: name})
	}
	return rows
}

// fixedRecords are the records of populated, empty and awkward rows, by type.
func fixedRecords() map[string][]graph.Record {
	records := map[string][]graph.Record{}
	add := func(r graph.Record) { records[r.Type.Name] = append(records[r.Type.Name], r) }

	accounts := []*s1.Account{populated[s1.Account](), {ID: "1"}}
	sites := []*s1.Site{populated[s1.Site](), {ID: "1"}}
	groups := []*s1.Group{populated[s1.Group](), {ID: "1"}}
	for _, name := range hostile {
		accounts = append(accounts, &s1.Account{ID: "2", Name: name, State: name, Licenses: &s1.Licenses{Modules: []s1.LicenseModule{{Name: name}}}})
		sites = append(sites, &s1.Site{ID: "2", Name: name, State: name, Description: name})
		groups = append(groups, &s1.Group{ID: "2", Name: name, Description: name})
	}
	for _, row := range accounts {
		add(entities.Account.Entity(row))
	}
	for _, row := range sites {
		add(entities.Site.Entity(row))
	}
	for _, row := range groups {
		add(entities.Group.Entity(row))
	}
	for _, row := range append([]*s1.Agent{populated[s1.Agent](), laptop()}, awkwardAgents()...) {
		add(entities.Agent.EntityOn("console.example", row))
		add(entities.Device.Entity(row))
		if entities.UserKey(row) != "" {
			add(entities.User.Entity(row))
		}
	}
	for _, row := range append([]*s1.Threat{populated[s1.Threat]()}, awkwardThreats()...) {
		add(entities.Threat.EntityOn("console.example", row))
	}
	for _, row := range append([]*entities.Installation{populated[entities.Installation]()}, awkwardInstallations()...) {
		add(entities.Application.Entity(row))
	}
	for i, name := range append([]string{"cve-2024-12345", "CVE-2024-1"}, hostile...) {
		row := populated[s1.Risk]()
		row.CVEID, row.Severity, row.NVDBaseScore, row.RiskScore = name, name, name, name
		if i == 0 {
			row.Severity, row.NVDBaseScore, row.RiskScore = "HIGH", "7.50", "6.8"
		}
		add(entities.Vulnerability.Entity(row))
	}
	for _, d := range steps.Entities() {
		if len(records[d.Name]) == 0 {
			records[d.Name] = triedRecords(d)
		}
	}
	return records
}

// triedRecords are records of populated, empty and awkward rows of a type of which no rows are written by hand.
func triedRecords(d *model.Description) []graph.Record {
	of := func(fill func(row reflect.Value)) graph.Record {
		return d.Make("", "", func(row any) { fill(reflect.ValueOf(row).Elem()) })
	}
	withID := func(row reflect.Value, id string) {
		if field := row.FieldByName("ID"); field.IsValid() {
			field.SetString(id)
		}
	}
	records := []graph.Record{
		of(func(row reflect.Value) { populate(row, row.Type().Name()) }),
		of(func(row reflect.Value) { withID(row, "1") }),
	}
	for _, name := range hostile {
		records = append(records, of(func(row reflect.Value) {
			populate(row, row.Type().Name())
			for i := range row.NumField() {
				if field := row.Field(i); field.Kind() == reflect.String {
					field.SetString(name)
				}
			}
			withID(row, "2")
		}))
	}
	return records
}

package entities_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"s1graph/entities"
	"s1graph/graph"
	"s1graph/s1"
)

// device is what becomes of laptop() after change.
func device(change func(*s1.Agent)) graph.Record {
	a := laptop()
	change(a)
	return entities.Device.Entity(a)
}

func TestHostNamesAreMadeToFit(t *testing.T) {
	for name, fitted := range map[string]string{
		"FIN-LT-042":              "FIN-LT-042",
		"under_score":             "under-score",
		"web01.acme.example":      "web01-acme-example",
		"-lead-and-trail-":        "lead-and-trail",
		"Jane's MacBook Pro":      "Jane-s-MacBook-Pro",
		"Büro-PC":                 "B-ro-PC",
		strings.Repeat("a", 70):   strings.Repeat("a", 63),
		strings.Repeat("ab-", 30): strings.TrimRight(strings.Repeat("ab-", 21), "-"),
	} {
		r := device(func(a *s1.Agent) { a.ComputerName = name })
		assert.Equal(t, fitted, r.Get("hostname").Text())
		assert.Equal(t, name, r.Get("computerName").Text(), "the name is kept as it is")
		assert.Equal(t, name, r.Get("name").Text())
	}
}

func TestAHostNameWithoutLettersIsMadeOfTheKey(t *testing.T) {
	for _, name := range []string{"", "-", "a", "経理部", "🦊", "_x_"} {
		r := device(func(a *s1.Agent) { a.ComputerName = name })
		hash := strings.TrimPrefix(r.Key, "sentinelone_device:")
		assert.Equal(t, "device-"+hash[:8], r.Get("hostname").Text(), name)
	}
}

func TestOnlyAFullDomainNameIsAnFQDN(t *testing.T) {
	for _, c := range []struct {
		name, domain string
		fqdn         []string
	}{
		{"WEB01", "acme.example", []string{"web01.acme.example"}},
		{"web01.acme.example", "", []string{"web01.acme.example"}},
		{"web01.acme.example.", "other.example", []string{"web01.acme.example"}},
		{"WEB01", "ACME", []string{}},
		{"WEB01", "WORKGROUP", []string{}},
		{"WEB01", "", []string{}},
		{"", "acme.example", []string{}},
		{"web_01", "acme.example", []string{}},
		{"web01", "acme.example1", []string{}},
		{"10.0.0.1", "acme.example", []string{}},
		{"経理部", "acme.example", []string{}},
	} {
		r := device(func(a *s1.Agent) { a.ComputerName, a.Domain = c.name, c.domain })
		assert.Equal(t, c.fqdn, r.Get("fqdn").List(), "%s in %s", c.name, c.domain)
	}
}

func TestMACAddressesAreOneWriting(t *testing.T) {
	r := device(func(a *s1.Agent) {
		a.NetworkInterfaces = []s1.NetworkInterface{
			{Physical: "A4-BB-6D-12-34-56"}, {Physical: "a4:bb:6d:12:34:56"}, {Physical: "A4BB.6D12.3457"}, {Physical: "a4bb6d123458"},
			{Physical: "00:00:00:00:00:00"}, {Physical: "FF-FF-FF-FF-FF-FF"}, {Physical: "none"}, {},
			{Physical: "00:11:22:33:44:55", GatewayMACAddress: "00-11-22-33-44-55"},
			{Physical: "a4:bb:6d:12:34:5"}, {Physical: "a4:bb:6d:12:34:56:78:90"},
		}
	})
	assert.Equal(t, []string{"00:11:22:33:44:55", "a4:bb:6d:12:34:56", "a4:bb:6d:12:34:57", "a4:bb:6d:12:34:58"}, r.Get("macAddresses").List())
}

func TestAddressesAreSortedByWhatTheyAre(t *testing.T) {
	r := device(func(a *s1.Agent) {
		a.NetworkInterfaces = []s1.NetworkInterface{
			{Inet: []string{"192.168.1.20", "10.0.0.1/8", "172.31.0.1", "172.32.0.1", "100.64.0.1", "169.254.7.7", "127.0.0.1", "0.0.0.0"}},
			{Inet: []string{"192.168.1.20", "224.0.0.251", "255.255.255.255", "300.1.1.1", "", "web01"}},
			{Inet6: []string{"fe80::1%en0", "FD00::1", "2001:DB8::7", "::1", "::", "ff02::1", "::ffff:8.8.4.4"}},
		}
		a.LastIPToMgmt, a.ExternalIP = "10.9.9.9", "203.0.113.9"
	})
	assert.Equal(t, []string{"10.0.0.1", "10.9.9.9", "100.64.0.1", "169.254.7.7", "172.31.0.1", "172.32.0.1", "192.168.1.20", "8.8.4.4"},
		r.Get("ipv4Addresses").List())
	assert.Equal(t, []string{"2001:db8::7", "fd00::1", "fe80::1"}, r.Get("ipv6Addresses").List())
	assert.Equal(t, []string{"10.0.0.1", "10.9.9.9", "100.64.0.1", "169.254.7.7", "172.31.0.1", "192.168.1.20", "fd00::1", "fe80::1"},
		r.Get("privateIpAddresses").List())
	assert.Equal(t, []string{"172.32.0.1", "2001:db8::7", "203.0.113.9", "8.8.4.4"}, r.Get("publicIpAddresses").List())
}

func TestAPrivateExternalAddressIsNoPublicOne(t *testing.T) {
	r := device(func(a *s1.Agent) { a.NetworkInterfaces, a.ExternalIP = nil, "10.0.0.1" })
	assert.Empty(t, r.Get("publicIpAddresses").List())
}

func TestMakeAndModelAreToldApartWhereTheyCanBe(t *testing.T) {
	for name, want := range map[string][2]string{
		"HP - HP EliteBook 840 G8":     {"HP", "HP EliteBook 840 G8"},
		"VMware, Inc. - VMware7,1":     {"VMware, Inc.", "VMware7,1"},
		"Dell Inc. - Precision - 5560": {"Dell Inc.", "Precision - 5560"},
		"MacBookPro18,3":               {"", "MacBookPro18,3"},
		"":                             {"", ""},
		"To Be Filled By O.E.M. - To Be Filled By O.E.M.": {"", ""},
		"System manufacturer - System Product Name":       {"", ""},
		"ASUS - System Product Name":                      {"ASUS", ""},
	} {
		r := device(func(a *s1.Agent) { a.ModelName = name })
		assert.Equal(t, want, [2]string{r.Get("make").Text(), r.Get("model").Text()}, name)
	}
}

func TestOperatingSystemsAndCategoriesAreJupiterOnesWords(t *testing.T) {
	for osType, want := range map[string]string{
		"windows": "windows", "windows_legacy": "windows", "macos": "darwin", "linux": "linux", "": "other", "beos": "other",
	} {
		r := device(func(a *s1.Agent) { a.OSType = osType })
		assert.Equal(t, want, r.Get("osType").Text(), osType)
	}
	for machineType, want := range map[string]string{
		"desktop": "endpoint", "laptop": "endpoint", "server": "server", "kubernetes node": "server", "storage": "other",
		"": "", "unknown": "", "toaster": "other",
	} {
		r := device(func(a *s1.Agent) { a.MachineType = machineType })
		assert.Equal(t, want, r.Get("category").Text(), machineType)
	}
}

func TestLastSeenFallsBackToWhatIsKnown(t *testing.T) {
	for _, c := range []struct{ active, registered, created, want s1.Time }{
		{3, 2, 1, 3}, {0, 2, 1, 2}, {0, 0, 1, 1}, {0, 0, 0, 0}, {-62135596800000, 2, 1, 2},
	} {
		a := &s1.Agent{ID: "1", LastActiveDate: c.active, RegisteredAt: c.registered, CreatedAt: c.created}
		agent, dev := entities.Agent.Entity(a), entities.Device.Entity(a)
		assert.Equal(t, graph.Int(int64(c.want)), agent.Get("lastSeenOn"))
		assert.Equal(t, graph.Int(int64(c.want)), dev.Get("lastSeenOn"))
	}
}

func TestAnAgentThatIsOutOfServiceIsAFormerOne(t *testing.T) {
	in, out, gone := laptop(), laptop(), laptop()
	out.IsDecommissioned, gone.IsUninstalled = s1.True, s1.True
	assert.True(t, entities.IsProtecting(in))
	assert.True(t, entities.IsProtecting(&s1.Agent{}), "what is unknown is not against it")
	assert.False(t, entities.IsProtecting(out))
	assert.False(t, entities.IsProtecting(gone))

	r := entities.Device.Entity(in)
	assert.True(t, r.Get("formerAgentIds").IsAbsent())
	assert.Equal(t, graph.Bool(true), r.Get("malwareProtected"))
	r = entities.Device.Entity(out)
	assert.Equal(t, []string{out.ID}, r.Get("formerAgentIds").List())
	assert.Equal(t, graph.Bool(false), r.Get("malwareProtected"))
}

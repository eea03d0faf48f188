package s1test

import (
	"fmt"
	"strconv"
	"strings"
)

type osKind int

const (
	windows osKind = iota
	macos
	linux
	legacy
)

func (k osKind) String() string {
	return [...]string{"windows", "macos", "linux", "windows_legacy"}[k]
}

// machine is what an agent runs on. It never changes.
type machine struct {
	os    osKind
	kind  string // machineType
	model int    // in models[os] or serverModels
}

func (t *Tenant) machine(n int) machine {
	d := t.dice(aboutMachine, n, 0)
	if t.isAwkward(n) {
		switch n {
		case RootAgent, AWSAgent:
			return machine{os: linux, kind: "server"}
		case PodAgent:
			return machine{os: linux, kind: "kubernetes pod"}
		case MbsetupAgent:
			return machine{os: macos, kind: "laptop"}
		case LegacyAgent:
			return machine{os: legacy, kind: "desktop"}
		case SystemAgent, LocalServiceAgent, AzureAgent:
			return machine{os: windows, kind: "server"}
		default:
			return machine{os: windows, kind: "laptop", model: n % 3}
		}
	}
	m := machine{model: int(d >> 32 % 4)}
	share := d % 100
	if t.Story && n >= t.Agents {
		share %= 55 // laptops
	}
	switch {
	case share < 38:
		m.os, m.kind = windows, "laptop"
	case share < 55:
		m.os, m.kind = macos, "laptop"
	case share < 72:
		m.os, m.kind = windows, "desktop"
	case share < 84:
		m.os, m.kind = windows, "server"
	default:
		m.os, m.kind = linux, "server"
	}
	return m
}

var (
	clientModels = [2][4]string{
		windows: {"Dell Inc. - Latitude 7440", "LENOVO - 21HDCTO1WW", "HP - HP EliteBook 840 14 inch G10", "Microsoft Corporation - Surface Laptop 6"},
		macos:   {"Apple Inc. - Mac15,6", "Apple Inc. - MacBookPro18,3", "Apple Inc. - Mac14,2", "Apple Inc. - MacBookAir10,1"},
	}
	serverModels = [4]string{"VMware, Inc. - VMware7,1", "Dell Inc. - PowerEdge R660", "Microsoft Corporation - Virtual Machine", "HPE - ProLiant DL360 Gen11"}
	serialStarts = [4]string{"5CG", "PF", "8H", "MXL"}
	processors   = [4]string{"Intel(R) Core(TM) Ultra 7 165U", "Apple M3 Pro", "Intel(R) Xeon(R) Gold 6430", "Intel(R) Pentium(R) 4 CPU 3.00GHz"}
	operating    = [4]struct{ names, revisions [2]string }{
		windows: {[2]string{"Windows 11 Enterprise", "Windows 10 Pro"}, [2]string{"22631", "19045"}},
		macos:   {[2]string{"macOS", "macOS"}, [2]string{"Sequoia 15.1.1 (24B91)", "Sonoma 14.7.1 (23H222)"}},
		linux:   {[2]string{"Linux", "Linux"}, [2]string{"Ubuntu 24.04.1 LTS 6.8.0-48-generic", "Ubuntu 22.04.5 LTS 5.15.0-125-generic"}},
		legacy:  {[2]string{"Windows XP", "Windows XP"}, [2]string{"2600", "2600"}},
	}
	agentVersions = [4][3]string{
		windows: {"23.4.6.347", "24.1.4.257", "24.1.5.277"},
		macos:   {"23.4.2.7124", "24.2.2.7632", "24.3.1.7788"},
		linux:   {"23.4.2.14", "24.2.1.8", "24.3.1.11"},
		legacy:  {"4.0.3.118", "4.0.3.118", "4.0.4.81"},
	}
	installerTypes = [4]string{".msi", ".pkg", ".deb", ".exe"}
)

func (w *world) model(m machine) string {
	if m.kind != "laptop" && m.kind != "desktop" {
		return serverModels[m.model]
	}
	return clientModels[min(m.os, macos)%2][m.model]
}

func (w *world) osName(n int, m machine) (name, revision string) {
	if m.os == windows && m.kind == "server" {
		return "Windows Server 2022 Standard", "20348"
	}
	version := w.dice(aboutMachine, n, 1) % 2
	return operating[m.os].names[version], operating[m.os].revisions[version]
}

// agentVersion grows with each upgrade.
func (w *world) agentVersion(a *agent) string {
	versions := &agentVersions[w.machine(a.n).os]
	at := int(w.dice(aboutMachine, a.n, 2)%3+1) / 2
	if a.upgrades == 0 {
		return versions[at]
	}
	if at += a.upgrades; at < len(versions) {
		return versions[at]
	}
	return "25." + strconv.Itoa(at) + ".1.12"
}

func (w *world) domain() string { return strings.ToUpper(w.Name) }

func (w *world) dnsDomain() string { return strings.ToLower(w.Name) + ".example" }

// computerName is the host name that the agent reports.
func (w *world) computerName(a *agent) string {
	n := a.n
	if w.Story && a.renamed > 0 {
		return strings.ToUpper(w.Name) + "-WS-RECEPTION"
	}
	if w.isAwkward(n) {
		switch n {
		case ComposedAgent:
			return "Z\u00fcrich-Caf\u00e9-01"
		case DecomposedAgent:
			return "Zu\u0308rich-Cafe\u0301-01"
		case ReinstalledAgent, ReinstallAgent:
			return strings.ToUpper(w.Name) + "-LT-REINSTALLED"
		}
		if name := w.hostile(n); name != "" {
			return name
		}
	}
	m := w.machine(n)
	b := make([]byte, 0, 40)
	b = append(b, strings.ToUpper(w.Name)...)
	switch {
	case w.Story && m.kind == "server" && m.os == windows:
		b = append(b, "-"+serverRoles[0][n%len(serverRoles[0])]+"-"...)
	case w.Story && m.os == linux:
		b = append(b[:0], strings.ToLower(w.Name)+"-"+serverRoles[1][n%len(serverRoles[1])]+"-"...)
	case m.os == linux:
		b = append(b[:0], strings.ToLower(w.Name)...)
		b = append(b, "-lnx-"...)
	case m.os == macos:
		b = append(b, "-MBP-"...)
	case m.kind == "server":
		b = append(b, "-SRV-"...)
	case m.kind == "desktop":
		b = append(b, "-WS-"...)
	default:
		b = append(b, "-LT-"...)
	}
	for limit := 1000; limit > n && limit > 1; limit /= 10 {
		b = append(b, '0')
	}
	b = strconv.AppendInt(b, int64(n), 10)
	if a.renamed > 0 {
		b = append(b, "-R"...)
		b = strconv.AppendInt(b, int64(a.renamed), 10)
	}
	return string(b)
}

// serialNumber is "" where the agent reports none.
func (w *world) serialNumber(a *agent) string {
	n := a.n
	if w.isAwkward(n) {
		switch {
		case n == DecomposedAgent:
			return w.ownSerial(ComposedAgent)
		case n == ReinstallAgent:
			return w.ownSerial(ReinstalledAgent)
		case n == ClonedAgent:
			return w.ownSerial(CloneAgent)
		case n == LateSerialAgent && a.touched == 0:
			return ""
		case n >= FillerAgent && n < FillerAgent+len(FillerSerials):
			return FillerSerials[n-FillerAgent]
		}
	}
	return w.ownSerial(n)
}

// ownSerial is a serial number that no other machine has.
func (w *world) ownSerial(n int) string {
	d := w.dice(aboutSerial, n, 0)
	b := append(make([]byte, 0, 16), serialStarts[w.machine(n).model]...)
	const digits = "0123456789ABCDEFGHJKLMNPQRSTUVWXYZ"
	for v, i := uint64(n), 0; i < 5; i++ {
		b = append(b, digits[v%34])
		v /= 34
	}
	return string(append(b, digits[d%34], digits[d>>8%34]))
}

// person is a user of a machine.
type person struct{ first, last, login, mail string }

// hasOwner tells whether somebody in the directory uses the machine.
func (w *world) hasOwner(n int) bool {
	m := w.machine(n)
	return m.kind == "laptop" && m.os == windows || m.kind == "desktop" && m.os == windows ||
		m.os == macos && w.dice(aboutMachine, n, 3)%2 == 0
}

// owner is who uses a machine. One in eleven has two machines.
func (w *world) owner(a *agent) person {
	n := a.n
	if n%11 == 10 {
		n -= w.Sites
	}
	n = max(n, 0) + 37*a.owners
	p := person{first: firstNames[n%len(firstNames)], last: lastNames[n/len(firstNames)%len(lastNames)]}
	if w.Story {
		p.last = lastNames[n%len(lastNames)] // not one family
	}
	p.login = strings.ToLower(p.first[:1] + p.last)
	local := strings.ToLower(p.first + "." + p.last)
	if again := n / len(firstNames) / len(lastNames); again > 0 {
		p.login += strconv.Itoa(again)
		local += strconv.Itoa(again)
	}
	p.mail = local + "@" + w.dnsDomain()
	return p
}

var firstNames = []string{
	"Mara", "Tomas", "Ines", "Jonas", "Leila", "Piotr", "Greta", "Samir", "Noor", "Emil", "Yuki", "Carla", "Anton", "Freya", "Omar",
	"Helga", "Luca", "Priya", "Sven", "Talia", "Viktor", "Wanda", "Xenia", "Bruno", "Dana", "Esra", "Felix", "Gita", "Hugo", "Irma", "Kofi",
}

var lastNames = []string{
	"Lindqvist", "Okonkwo", "Brandt", "Moreau", "Haddad", "Kowalska", "Sato", "Ferreira", "Novak", "Iversen", "Bianchi", "Castellan",
	"Dragomir", "Eklund", "Farouk", "Grunwald", "Hoxha", "Ilves", "Jansson", "Kaplan", "Lombardi", "Mertens", "Nakata", "Oduya", "Petrov",
	"Quist", "Rahimi", "Schuster", "Tamm", "Urbanek", "Vesely", "Wexler", "Yilmaz", "Zeman", "Aldana", "Boyko", "Cern",
}

// isActive moves every day.
func (w *world) isActive(a *agent) bool {
	if !a.isThere() || a.silent > 0 {
		return false
	}
	if w.Story && (a.infected || a.isolated || w.machine(a.n).kind == "server") {
		return true
	}
	return w.dice(aboutDay, a.n, w.day)%100 < 88
}

// networkStatus says whether the console has cut the machine off from its network, and nothing of whether the machine is
// online: that is isActive.
func networkStatus(a *agent) string {
	if a.isolated {
		return "disconnected"
	}
	return "connected"
}

// isAway tells whether a laptop is out of the office on this day.
func (w *world) isAway(n int, m machine) bool {
	return m.kind == "laptop" && !w.isAwkward(n) && w.dice(aboutRoaming, n, w.day)%100 < 35
}

func (w *world) addresses(a *agent, m machine) (inside, outside string) {
	if w.isAway(a.n, m) {
		d := w.dice(aboutNetwork, a.n, w.day+1)
		return dotted(192, 168, d%4, 2+d>>8%250), dotted(203, 0, 113, 1+d>>16%254)
	}
	return w.officeAddresses(a)
}

// officeAddresses are those that an agent has while it is where it belongs, which is where threats find it.
func (w *world) officeAddresses(a *agent) (inside, outside string) {
	d, site := w.dice(aboutNetwork, a.n, 0), uint64(max(a.site, 0))
	return dotted(10, site%250, d%250, 2+d>>8%250), dotted(198, 51, 100, 1+site%254)
}

func dotted(a, b, c, d uint64) string {
	s := make([]byte, 0, 16)
	for i, v := range [4]uint64{a, b, c, d} {
		if i > 0 {
			s = append(s, '.')
		}
		s = strconv.AppendUint(s, v, 10)
	}
	return string(s)
}

// mac is the address of an agent's i-th interface.
func mac(n, i int) string {
	b := []byte("02:00:00:00:00:00")
	const hex = "0123456789abcdef"
	v := uint64(n)<<4 | uint64(i)
	for at := 16; at > 3; at-- {
		if b[at] != ':' {
			b[at] = hex[v&15]
			v >>= 4
		}
	}
	return string(b)
}

func gatewayMAC(site int) string { return fmt.Sprintf("00:1a:1e:00:%02x:01", max(site, 0)%256) }

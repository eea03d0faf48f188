package s1test

import (
	"hash/fnv"
	"strconv"
	"strings"
)

// maxCVEs is how many CVEs one application can have.
const maxCVEs = 16

// cveSeverities are what most CVEs of a hundred are: half of them are high or critical.
var cveSeverities = []string{"LOW", "MEDIUM", "HIGH", "CRITICAL"}

// cve is a vulnerability of the applications of one name.
type cve struct {
	number   uint64 // dice
	severity int
	marked   bool // a false positive on each third agent
}

// cve is the ith of a product: products of one name share theirs, whatever the OS.
func (w *world) cve(product, i int) cve {
	h := fnv.New64a()
	h.Write([]byte(w.catalog.products[product].name))
	d := w.dice(aboutCVE, int(h.Sum64()>>1), i)
	c := cve{number: d, severity: 1, marked: d>>40%20 == 0}
	switch of := d % 100; {
	case of < 5:
		c.severity = 0
	case of >= 90:
		c.severity = 3
	case of >= 50:
		c.severity = 2
	}
	return c
}

func (c cve) year() int { return 2019 + int(c.number>>8%7) }

func (c cve) id() string {
	return "CVE-" + strconv.Itoa(c.year()) + "-" + strconv.Itoa(1000+int(c.number>>16%59000))
}

// score fits the severity, which CVSS gives by ranges of it.
func (c cve) score() string {
	from, tenths := [4]uint64{10, 40, 70, 90}[c.severity], [4]uint64{30, 30, 20, 10}[c.severity]
	n := from + c.number>>32%tenths
	return strconv.FormatUint(n/10, 10) + "." + strconv.FormatUint(n%10, 10) + "0"
}

func (c cve) maturity() string {
	return []string{"Not Defined", "Unproven", "Unproven", "Proof of Concept", "Proof of Concept", "Functional", "High", "Unproven"}[c.number>>48%8]
}

// cvesOfApplication is how many CVEs an application has: none where it is at no risk. The lower variant has the first of
// those that the higher has.
func (w *world) cvesOfApplication(a application) int {
	if p := &w.catalog.products[a.product]; p.nothing || w.riskOf(a) == 0 {
		return 0
	}
	return 1 + int(w.dice(aboutCVE, a.product, a.variant)%uint64(w.Vulnerabilities))
}

func (w *world) cvesOf(a *agent, slot int) int {
	if !a.installed(slot) {
		return 0
	}
	return w.cvesOfApplication(w.installation(a, slot).application)
}

// writeRisk writes a row of /application-management/risks.
func (w *world) writeRisk(o *object, ref rowRef) {
	a, m := w.agent(ref.n), w.machine(ref.n)
	slot, i := ref.slot/maxCVEs, ref.slot%maxCVEs
	in := w.installation(&a, slot)
	p, c := &w.catalog.products[in.product], w.cve(in.product, i)
	d := w.dice(aboutInstallation, ref.n, slot)
	version := ""
	if !p.versionless {
		version = in.version()
	}
	detected := w.installedAt(&in, d) + day
	o.nulls, o.novel = w.odd(a.n, NullAgent), w.odd(a.n, NovelAgent)
	defer o.plain()
	o.begin()
	o.text("application", p.name+" "+version)
	o.text("applicationName", p.name)
	o.text("applicationVendor", escaped(p.publisher))
	o.text("applicationVersion", version)
	o.null("baseScore")
	o.key("cveId")
	o.value(c.id())
	o.text("cvssVersion", "3.1")
	o.number("daysDetected", int64((w.now-detected)/day))
	o.time("detectionDate", detected)
	o.id("endpointId", w.id(agentIDs, a.n))
	o.text("endpointName", w.computerName(&a))
	o.enum("endpointType", m.kind)
	o.enum("exploitCodeMaturity", c.maturity())
	o.id("id", w.id(riskIDs, ref.n*maxSlots*maxCVEs+ref.slot))
	o.time("lastScanDate", w.now-moment(d>>20%uint64(10*hour)))
	o.text("lastScanResult", "Succeeded")
	if c.marked && a.n%3 == 0 {
		o.text("markType", "False positive")
	} else {
		o.text("markType", "")
	}
	o.enum("mitigationStatus", []string{"Not mitigated", "Not mitigated", "To be patched", "On hold"}[c.number>>52%4])
	o.text("nvdBaseScore", c.score())
	o.text("nvdCvssVersion", "3.1")
	o.enum("osType", m.os.String())
	o.time("publishedDate", dayZero-moment(2026-c.year())*365*day-moment(c.number>>20%300)*day)
	o.enum("remediationLevel", []string{"Official Fix", "Official Fix", "Official Fix", "Workaround", "Unavailable"}[c.number>>56%5])
	o.text("riskScore", c.score())
	o.enum("severity", cveSeverities[c.severity])
	o.text("status", "Detected")
	o.end()
}

var htmlEscapes = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")

// escaped is a name as this list alone writes it, with the escapes of HTML.
func escaped(name string) string { return htmlEscapes.Replace(name) }

// writeRiskyApplication writes a row of /application-management/risks/applications.
func (w *world) writeRiskyApplication(o *object, ref rowRef) {
	a := w.agent(ref.n)
	in := w.installation(&a, ref.slot)
	p := &w.catalog.products[in.product]
	o.begin()
	o.id("applicationId", w.id(riskIDs, in.product))
	o.number("cveCount", int64(w.cvesOf(&a, ref.slot)))
	o.text("name", p.name)
	o.text("vendor", p.publisher)
	o.end()
}

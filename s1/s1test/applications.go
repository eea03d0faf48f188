package s1test

import (
	"strconv"
)

// application is one program in one version for one OS: a node of the graph.
type application struct{ product, variant int }

// extra is an installation that an agent has besides those which follow from its number.
type extra struct {
	product, variant int
	risk             int // a level that differs from the application's, or byCatalog
	day              int // since when
}

const (
	byCatalog   = -1
	newVariants = 50 // from here on variants are none of the catalog's
)

var (
	riskLevels   = []string{"none", "low", "medium", "high", "critical"}
	riskOutOfTen = [10]int{0, 0, 0, 0, 1, 1, 2, 2, 3, 4}
)

// installation is a row of /installed-applications.
type installation struct {
	application
	agent, slot int
	risk        int
	since       int // the day of the last thing that happened to it
	major       int
}

// slots is how many slots of installations an agent has. Some may be empty: see installed.
func (w *world) slots(a *agent) int {
	if a.gone {
		return 0
	}
	return w.ApplicationsPerAgent + len(a.extra)
}

func (a *agent) installed(slot int) bool {
	for _, s := range a.removed {
		if s == slot {
			return false
		}
	}
	return true
}

// installation is what an agent has in a slot. A third of the slots hold what every machine of
// that OS has; the others a window into the rest of the catalog, which begins where the dice say.
func (w *world) installation(a *agent, slot int) installation {
	in := installation{agent: a.n, slot: slot, since: a.born}
	risk := byCatalog
	if slot >= w.ApplicationsPerAgent {
		e := a.extra[slot-w.ApplicationsPerAgent]
		in.application, risk, in.since = application{e.product, e.variant}, e.risk, e.day
	} else {
		os := w.machine(a.n).os
		in.application = w.catalog.entry(os, w.entryInSlot(a.n, os, slot))
	}
	for _, s := range a.upgraded {
		if s == slot {
			in.variant += newVariants
			in.since = a.touched
		}
	}
	in.major = w.catalog.products[in.product].major + in.variant%newVariants
	in.risk = risk
	if risk == byCatalog {
		in.risk = w.riskOf(in.application)
	}
	return in
}

func (w *world) riskOf(a application) int {
	if len(w.risks) > 0 {
		if level, ok := w.risks[a]; ok {
			return level
		}
	}
	return riskOutOfTen[w.dice(aboutRisk, a.product, a.variant)%10]
}

func (w *world) common() int { return w.ApplicationsPerAgent / 3 }

func (w *world) entryInSlot(agent int, os osKind, slot int) int {
	common := w.common()
	if slot < common {
		return slot
	}
	rest := w.catalog.sizes[os] - common
	start := int(w.dice(aboutWindow, agent, 0) % uint64(rest))
	return common + (start+slot-common)%rest
}

// slotOfEntry is the inverse of entryInSlot.
func (w *world) slotOfEntry(agent int, os osKind, entry int) (int, bool) {
	common := w.common()
	if entry < common {
		return entry, true
	}
	rest := w.catalog.sizes[os] - common
	start := int(w.dice(aboutWindow, agent, 0) % uint64(rest))
	slot := common + (entry-common-start+rest)%rest
	return slot, slot < w.ApplicationsPerAgent
}

func (in *installation) version() string { return string(in.appendVersion(nil)) }

func (in *installation) appendVersion(b []byte) []byte {
	b = strconv.AppendInt(b, int64(in.major), 10)
	b = append(b, '.')
	b = strconv.AppendInt(b, int64(in.product%10+in.variant/newVariants), 10)
	b = append(b, '.')
	return strconv.AppendInt(b, int64(1000+in.product*37%9000), 10)
}

// applicationWriter writes rows of /installed-applications. What a row says of its agent is the
// same in all rows of that agent and most of the row, so it is kept from one row to the next.
type applicationWriter struct {
	*world
	agent  agent
	about  object
	osType string
}

func (w *applicationWriter) write(o *object, ref rowRef) {
	if w.about.b == nil || w.agent.n != ref.n {
		w.turnTo(ref.n)
	}
	in := w.installation(&w.agent, ref.slot)
	p := &w.catalog.products[in.product]
	if p.nothing {
		o.begin()
		o.id("agentId", w.id(agentIDs, ref.n))
		o.nulls = true
		for _, name := range applicationFields {
			o.null(name)
		}
		o.nulls = false
		o.id("id", w.id(installationIDs, ref.n*maxSlots+ref.slot))
		o.end()
		return
	}

	d := w.dice(aboutInstallation, ref.n, ref.slot)
	if ref.slot >= w.ApplicationsPerAgent && w.odd(ref.n, TwiceInstalledAgent) {
		d = w.dice(aboutInstallation, ref.n, w.ApplicationsPerAgent)
	}
	installed := w.installedAt(&in, d)
	o.b = append(o.b, w.about.b...)
	o.time("createdAt", installed+moment(d%uint64(hour))+1)
	o.id("id", w.id(installationIDs, ref.n*maxSlots+ref.slot))
	o.time("installedAt", installed)
	o.b = append(o.b, p.nameField...)
	o.b = append(o.b, w.osType...)
	o.b = append(o.b, p.publisherField...)
	o.key("riskLevel")
	o.b = append(o.b, '"')
	if p.novel {
		o.b = append(o.b, "novel_riskLevel"...)
	} else {
		o.b = append(o.b, riskLevels[in.risk]...)
	}
	o.b = append(o.b, '"', ',')
	o.flag("signed", in.product%7 != 0)
	o.number("size", w.sizeOf(&in, d, ref.moved))
	o.b = append(o.b, p.typeField...)
	updated := w.now - moment(d>>20%uint64(10*hour))
	if ref.moved {
		updated += day
	}
	o.time("updatedAt", updated)
	if p.versionless {
		o.null("version")
	} else {
		o.b = append(o.b, `"version":"`...)
		o.b = in.appendVersion(o.b)
		o.b = append(o.b, '"', ',')
	}
	o.end()
}

var applicationFields = []string{
	"agentComputerName", "agentDomain", "agentInfected", "agentIsActive", "agentIsDecommissioned",
	"agentMachineType", "agentNetworkStatus", "agentOperationalState", "agentOsType", "agentUuid",
	"agentVersion", "createdAt", "installedAt", "name", "osType", "publisher", "riskLevel", "signed",
	"size", "type", "updatedAt", "version",
}

func (w *world) sizeOf(in *installation, d uint64, moved bool) int64 {
	size := int64(1+in.product%900)*1_048_576/8 + int64(d>>8%4096)
	if moved {
		size += 4096
	}
	return size
}

// installedAt is some day of the years before, or the day on which it was installed or upgraded.
func (w *world) installedAt(in *installation, d uint64) moment {
	if in.since > 0 {
		return dayZero + moment(in.since)*day - moment(d>>12%uint64(5*hour)).whole()
	}
	return (dayZero - day - moment(d>>12%uint64(700*day))).whole()
}

// turnTo makes ready what the rows say of an agent.
func (w *applicationWriter) turnTo(n int) {
	w.agent = w.world.agent(n)
	a, m := &w.agent, w.machine(n)
	w.osType = `"osType":"` + m.os.String() + `",`

	o := &w.about
	o.b = o.b[:0]
	o.nulls, o.novel = w.odd(n, NullAgent), w.odd(n, NovelAgent)
	active := w.isActive(a)
	o.begin()
	o.text("agentComputerName", w.computerName(a))
	o.text("agentDomain", w.domain())
	o.id("agentId", w.id(agentIDs, n))
	o.flag("agentInfected", a.infected)
	o.flag("agentIsActive", active)
	o.flag("agentIsDecommissioned", a.decommissioned)
	o.enum("agentMachineType", m.kind)
	o.enum("agentNetworkStatus", networkStatus(a))
	o.text("agentOperationalState", "na")
	o.enum("agentOsType", m.os.String())
	o.key("agentUuid")
	o.b = append(o.b, '"')
	o.b = w.appendUUID(o.b, n)
	o.b = append(o.b, '"', ',')
	o.text("agentVersion", w.agentVersion(a))
}

package s1test

import (
	"cmp"
	"slices"
	"strconv"
)

// An Event is a kind of thing that happens on a busy day.
type Event string

// The events of a busy day.
const (
	AgentNew            Event = "agent new"
	AgentGone           Event = "agent gone"
	AgentDecommissioned Event = "agent decommissioned"
	AgentUninstalled    Event = "agent uninstalled"
	AgentMovedGroup     Event = "agent moved to another group of its site"
	AgentMovedSite      Event = "agent moved to another site of its account"
	AgentUpgraded       Event = "agent upgraded"
	AgentInfected       Event = "agent infected"
	AgentDetecting      Event = "agent set to detect"
	AgentFirewallOff    Event = "agent's firewall off"
	AgentIsolated       Event = "agent cut off from the network"
	AgentReconnected    Event = "agent let into the network again"
	AgentRenamed        Event = "computer renamed"
	AgentSerialFilled   Event = "serial number filled in"
	AgentOwnerChanged   Event = "owner changed"
	ThreatOpened        Event = "threat opened"
	ThreatResolved      Event = "threat resolved"
	ThreatReopened      Event = "threat reopened"
	SiteRenamed         Event = "site renamed"
	SiteNew             Event = "site new"
	ApplicationAdded    Event = "application installed"
	ApplicationRemoved  Event = "application removed"
	ApplicationUpgraded Event = "application upgraded"
	RiskChanged         Event = "application's risk level changed"
)

// A Change is one thing that happened on a day.
type Change struct {
	Event         Event
	ID            string // of the agent, threat, site or installation row; "" for RiskChanged
	Number        int    // of the agent, threat or site; an installation's agent; -1 for RiskChanged
	Application   string // name and version before, where the event is about an application
	Before, After string // what changed, as a row tells it: IDs for moves, names, versions, levels; "" where nothing says it
}

// A Plan is all that happened on a day, in the order of events and numbers. Things that a person
// would not want to hear of (addresses, scans, counts) are not in it.
type Plan []Change

// Of is what happened of one kind.
func (p Plan) Of(e Event) Plan {
	var some Plan
	for _, c := range p {
		if c.Event == e {
			some = append(some, c)
		}
	}
	return some
}

// IDs are the IDs of what happened of one kind.
func (p Plan) IDs(e Event) []string {
	var ids []string
	for _, c := range p.Of(e) {
		ids = append(ids, c.ID)
	}
	return ids
}

// isBusy tells whether things happen on a day.
func (t *Tenant) isBusy(day int) bool { return !t.Quiet && day%2 == 1 && (!t.Story || day == 1) }

// tomorrow is the next day's world with all that happens on it.
func (w *world) tomorrow() *world {
	next := w.next()
	if w.isBusy(next.day) {
		p := planner{world: next, before: w, taken: map[int]bool{}}
		if p.Story {
			p.storyHappens()
		} else {
			p.agentsChange()
			p.threatsChange()
			p.applicationsChange()
			p.siteIsRenamed()
			p.agentsAreIsolated()
		}
		slices.SortStableFunc(next.plan, func(a, b Change) int {
			return cmp.Or(cmp.Compare(a.Event, b.Event), cmp.Compare(a.Number, b.Number))
		})
	}
	next.settle()
	return next
}

// planner makes the changes of one day. No agent and no threat has two of them.
type planner struct {
	*world
	before *world
	taken  map[int]bool // agents
	tried  int
}

func (p *planner) note(c Change) { p.plan = append(p.plan, c) }

// pick is an agent that nothing has happened to on this day and that fits; false if there is none.
func (p *planner) pick(fits func(*agent) bool) (agent, bool) {
	if p.before.agents == 0 {
		return agent{}, false
	}
	start := int(p.dice(aboutPlan, 0, p.day) % uint64(p.before.agents))
	stride := strideIn(p.before.agents)
	for range p.before.agents {
		n := (start + p.tried*stride) % p.before.agents
		p.tried++
		a := p.agent(n)
		if !p.taken[n] && !p.isAwkward(n) && a.isThere() && fits(&a) {
			p.taken[n] = true
			return a, true
		}
	}
	return agent{}, false
}

// strideIn is a step that comes by every number below n.
func strideIn(n int) int {
	for _, stride := range []int{7919, 104729, 1299709} {
		if n%stride != 0 {
			return stride
		}
	}
	return 1
}

// each makes one kind of change to as many agents as a busy day has of each kind.
func (p *planner) each(e Event, fits func(*agent) bool, change func(*agent) (before, after string)) {
	for range p.Changes {
		a, ok := p.pick(fits)
		if !ok {
			return
		}
		p.change(e, a, change)
	}
}

func (p *planner) change(e Event, a agent, change func(*agent) (before, after string)) {
	before, after := change(&a)
	a.touched = p.day
	p.changed[a.n] = a
	p.note(Change{Event: e, ID: p.idString(agentIDs, a.n), Number: a.n, Before: before, After: after})
}

func anyAgent(*agent) bool { return true }

func (p *planner) agentsChange() {
	for range p.Changes {
		a := p.home(p.world.agents)
		p.world.agents++
		a.born = p.day
		p.taken[a.n] = true
		p.change(AgentNew, a, func(*agent) (string, string) { return "", "" })
	}
	p.each(AgentGone, anyAgent, func(a *agent) (string, string) { a.gone = true; return "", "" })
	p.each(AgentDecommissioned, anyAgent, func(a *agent) (string, string) { a.decommissioned = true; return "false", "true" })
	p.each(AgentUninstalled, anyAgent, func(a *agent) (string, string) { a.uninstalled = true; return "false", "true" })
	p.each(AgentMovedGroup, func(a *agent) bool { return a.site != nowhere && p.groupsOf(a.site) > 1 }, func(a *agent) (string, string) {
		from := a.group
		a.group, a.regrouped = p.anotherGroup(a), p.day
		return p.idString(groupIDs, from), p.idString(groupIDs, a.group)
	})
	p.each(AgentMovedSite, func(a *agent) bool { return a.site != nowhere && p.Sites > p.Accounts+a.site%p.Accounts }, func(a *agent) (string, string) {
		from := a.site
		a.site += p.Accounts
		if a.site >= p.Sites {
			a.site %= p.Accounts
		}
		a.group, a.regrouped = a.site, p.day
		return p.idString(siteIDs, from), p.idString(siteIDs, a.site)
	})
	p.each(AgentUpgraded, anyAgent, func(a *agent) (string, string) {
		from := p.agentVersion(a)
		a.upgrades++
		return from, p.agentVersion(a)
	})
	p.each(AgentInfected, func(a *agent) bool { return !a.infected }, func(a *agent) (string, string) { a.infected = true; return "false", "true" })
	p.each(AgentDetecting, func(a *agent) bool { return !a.detecting }, func(a *agent) (string, string) { a.detecting = true; return "protect", "detect" })
	p.each(AgentFirewallOff, func(a *agent) bool { return !a.exposed }, func(a *agent) (string, string) { a.exposed = true; return "true", "false" })
	p.each(AgentRenamed, anyAgent, p.rename)
	p.each(AgentOwnerChanged, func(a *agent) bool { return p.hasOwner(a.n) }, func(a *agent) (string, string) {
		from := p.owner(a)
		a.owners++
		to := p.owner(a)
		return from.mail, to.mail
	})
	if p.Awkward && p.day == 1 {
		p.change(AgentRenamed, p.agent(RenamedAgent), p.rename)
		p.change(AgentSerialFilled, p.agent(LateSerialAgent), func(a *agent) (string, string) { return "", p.ownSerial(a.n) })
	}
}

// agentsAreIsolated comes last, so that whom all else happens to does not depend on it.
func (p *planner) agentsAreIsolated() {
	p.each(AgentIsolated, func(a *agent) bool { return !a.isolated }, func(a *agent) (string, string) {
		a.isolated = true
		return "connected", "disconnected"
	})
	p.each(AgentReconnected, func(a *agent) bool { return a.isolated }, func(a *agent) (string, string) {
		a.isolated = false
		return "disconnected", "connected"
	})
}

func (p *planner) rename(a *agent) (before, after string) {
	before = p.computerName(a)
	a.renamed++
	return before, p.computerName(a)
}

// anotherGroup is the group after an agent's among those of its site.
func (w *world) anotherGroup(a *agent) int {
	next := a.group + w.Sites
	if next >= w.Groups {
		return a.site
	}
	return next
}

func (p *planner) threatsChange() {
	infected := p.plan.Of(AgentInfected)
	for _, c := range infected {
		t := threat{n: p.world.threats, agent: c.Number, born: p.day, touched: p.day, status: unresolved}
		p.world.threats++
		p.changedThreats[t.n] = t
		p.note(Change{Event: ThreatOpened, ID: p.idString(threatIDs, t.n), Number: t.n})
	}
	p.eachThreat(ThreatResolved, func(t *threat) bool { return t.status != resolved }, resolved)
	p.eachThreat(ThreatReopened, func(t *threat) bool { return t.status == resolved }, unresolved)
}

func (p *planner) eachThreat(e Event, fits func(*threat) bool, status int) {
	start := int(p.dice(aboutPlan, 1, p.day) % uint64(max(p.before.threats, 1)))
	found := 0
	for i := 0; i < p.before.threats && found < p.Changes; i++ {
		n := (start + i) % p.before.threats
		t := p.threat(n)
		if t.touched == p.day || p.Awkward && n < AwkwardThreats || !fits(&t) {
			continue
		}
		found++
		p.changeThreat(e, t, status)
	}
}

func (p *planner) changeThreat(e Event, t threat, status int) {
	before := incidentStatuses[t.status]
	t.status, t.touched = status, p.day
	p.changedThreats[t.n] = t
	p.note(Change{Event: e, ID: p.idString(threatIDs, t.n), Number: t.n, Before: before, After: incidentStatuses[status]})
}

func (p *planner) applicationsChange() {
	if p.ApplicationsPerAgent == 0 {
		return
	}
	p.eachInstallation(ApplicationAdded, func(a *agent) int {
		os := p.machine(a.n).os
		e := p.catalog.entry(os, int(p.dice(aboutPlan, a.n, p.day)%uint64(p.catalog.sizes[os])))
		a.extra = append(a.extra, extra{product: e.product, variant: e.variant + newVariants, risk: byCatalog, day: p.day})
		return p.ApplicationsPerAgent + len(a.extra) - 1
	})
	p.eachInstallation(ApplicationRemoved, func(a *agent) int {
		slot := int(p.dice(aboutPlan, a.n, p.day) % uint64(p.ApplicationsPerAgent))
		a.removed = append(slices.Clip(a.removed), slot)
		return slot
	})
	p.eachInstallation(ApplicationUpgraded, func(a *agent) int {
		slot := int(p.dice(aboutPlan, a.n, p.day) % uint64(p.ApplicationsPerAgent))
		a.upgraded = append(slices.Clip(a.upgraded), slot)
		return slot
	})
	for i := range p.Changes {
		a, ok := p.pick(func(a *agent) bool { return a.touched != p.day && len(a.removed) == 0 })
		if !ok {
			return
		}
		in := p.installation(&a, i%p.ApplicationsPerAgent)
		if _, twice := p.risks[in.application]; twice {
			continue
		}
		level := (in.risk + 2) % len(riskLevels)
		p.risks[in.application] = level
		p.note(Change{
			Event: RiskChanged, Number: -1, Application: p.catalog.products[in.product].name + " " + in.version(),
			Before: riskLevels[in.risk], After: riskLevels[level],
		})
	}
}

// eachInstallation changes an installation on each of some agents; change tells its slot.
func (p *planner) eachInstallation(e Event, change func(*agent) int) {
	for range p.Changes {
		a, ok := p.pick(func(a *agent) bool { return len(a.removed) == 0 && len(a.extra) == 0 && len(a.upgraded) == 0 })
		if !ok {
			return
		}
		p.changeInstallation(e, a, change)
	}
}

func (p *planner) changeInstallation(e Event, a agent, change func(*agent) (slot int)) {
	old := a
	slot := change(&a)
	a.touched = p.day
	p.changed[a.n] = a

	c := Change{Event: e, ID: p.idString(installationIDs, a.n*maxSlots+slot), Number: a.n}
	in := p.installation(&a, slot)
	c.Application = p.catalog.products[in.product].name + " " + in.version()
	if e == ApplicationUpgraded {
		c.After = in.version()
		in = p.installation(&old, slot)
		c.Before = in.version()
		c.Application = p.catalog.products[in.product].name + " " + in.version()
	}
	p.note(c)
}

func (p *planner) siteIsRenamed() {
	site := int(p.dice(aboutPlan, 2, p.day) % uint64(p.Sites))
	if p.isNullSite(site) {
		site--
	}
	before := p.siteName(site)
	after := before + " (since day " + strconv.Itoa(p.day) + ")"
	p.siteNames[site] = after
	p.note(Change{Event: SiteRenamed, ID: p.idString(siteIDs, site), Number: site, Before: before, After: after})
}

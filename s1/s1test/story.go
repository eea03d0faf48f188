package s1test

// The company of testdata/recordings is what a newcomer sees first: names, machines and states as they may be, and nothing
// odd. On day 1 this befalls it, and on no other day anything:
//
//   - ransomware is found on StoryInfected, the console cuts the machine off from its network, and somebody looks into it;
//   - the owner of StoryLeft leaves the company, and the laptop goes too;
//   - the Windows agents of two sites that are behind are upgraded;
//   - StoryDetecting is switched to detect;
//   - a site opens, with three laptops.
//
// A desktop is renamed, a laptop is put into another group, an incident is closed, and some laptops get a new browser, as on
// any day.

// The numbers of the agents and of the threat of a Story tenant that something is done to on day 1.
const (
	StoryInfected  = 30 // a Windows laptop whose agent is behind
	StoryLeft      = 41 // a Windows laptop, its owner's only machine
	StoryDetecting = 14 // a Windows server
	StoryRenamed   = 16 // a Windows desktop
	StoryRegrouped = 57 // a Windows laptop in a default group
	StoryClosed    = 53 // a threat
)

// What an agent of a Story tenant is on day 0. The others are well.
var (
	storyInfected       = []int{54, 60, 75} // each with one of the last threats: activeThreats says 1 of these numbers
	storyIsolated       = []int{60, 91}
	storyDetecting      = []int{36, 93, 117}
	storyExposed        = []int{38, 55, 106, 136}
	storyDecommissioned = []int{25, 70, 99, 140}
	storyUninstalled    = []int{111}
	storySilent         = map[int]int{42: 18, 49: 23, 83: 35, 105: 52, 137: 75} // for how many days
)

// storySites are the sites with how many of a hundred machines they have. The last one opens on day 1.
var storySites = []struct {
	name            string
	share, licenses int
}{
	{"Berlin Headquarters", 34, 70}, {"Austin Office", 24, 50}, {"Lyon Plant", 16, 35}, {"Haifa Research", 10, 25},
	{"Zürich Office", 8, 20}, {"Remote Staff", 8, 15}, {"Tokyo Sales Office", 0, 10},
}

const (
	remoteStaff    = 5
	newSite        = 6
	newSitesAgents = 3
)

// sitesOpen is how many of the sites there are on this day.
func (w *world) sitesOpen() int {
	if w.Story && w.day == 0 {
		return newSite
	}
	return w.Sites
}

// storyHome is where agent n is: servers, laptops and workstations are in the groups of these names, and some are in none.
func (t *Tenant) storyHome(n int) agent {
	m, site := t.machine(n), newSite
	if n < t.Agents {
		d := int(t.dice(aboutPlan, n, 0) % 100)
		for site = 0; d >= storySites[site].share; site++ {
			d -= storySites[site].share
		}
		if site == remoteStaff && m.kind != "laptop" {
			site = 0 // nobody has a server at home
		}
	}
	group := map[string]int{"server": 1, "laptop": 2, "desktop": 3}[m.kind]
	if m.kind != "server" && t.dice(aboutPlan, n, 1)%9 == 0 {
		group = 0 // the default one
	}
	return agent{n: n, site: site, group: site + t.Sites*group}
}

// serverRoles are in the names of servers, of Windows and of Linux.
var serverRoles = [2][]string{{"DC", "FS", "SQL", "APP", "PRINT", "BACKUP"}, {"web", "db", "ci", "app", "log", "queue"}}

// beginStory puts the states of agents and threats into day 0.
func (w *world) beginStory() {
	change := func(agents []int, what func(*agent)) {
		for _, n := range agents {
			a := w.agent(n)
			what(&a)
			w.changed[n] = a
		}
	}
	change(storyInfected, func(a *agent) { a.infected = true })
	change(storyIsolated, func(a *agent) { a.isolated = true })
	change(storyDetecting, func(a *agent) { a.detecting = true })
	change(storyExposed, func(a *agent) { a.exposed = true })
	change(storyDecommissioned, func(a *agent) { a.decommissioned = true })
	change(storyUninstalled, func(a *agent) { a.uninstalled = true })
	for n, days := range storySilent {
		change([]int{n}, func(a *agent) { a.silent = days })
	}
	for i, n := range storyInfected {
		t := threat{n: w.threats - len(storyInfected) + i, agent: n, status: unresolved, active: true}
		if n == storyIsolated[0] {
			t.status = inProgress
		}
		w.changedThreats[t.n] = t
	}
}

// storyThreat is threat n of day 0, where it is of none of the infected machines: it was stopped, and somebody has closed
// the incident or is about to.
func (w *world) storyThreat(n int) threat {
	t := threat{n: n, status: resolved}
	for at := 0; ; at++ {
		t.agent = int(w.dice(aboutThreatAgent, n, at) % uint64(w.Agents))
		if t.agent != StoryLeft && (w.machine(t.agent).kind != "server" || at > 1) {
			break
		}
	}
	switch open := n - (w.Threats - len(storyInfected) - 6); {
	case n == 21 || open >= 3:
		t.status = unresolved
	case open >= 0:
		t.status = inProgress
	}
	return t
}

func (w *world) storyMalwareOf(t *threat) malwareKind {
	kinds := storyMalware[w.machine(t.agent).os]
	switch {
	case t.born > 0:
		return kinds[0]
	case len(kinds) > 4:
		kinds = kinds[1:]
	}
	return kinds[w.dice(aboutThreat, t.n, 1)%uint64(len(kinds))]
}

// storyHappens is day 1.
func (p *planner) storyHappens() {
	p.note(Change{Event: SiteNew, ID: p.idString(siteIDs, newSite), Number: newSite, After: p.siteName(newSite)})
	for range newSitesAgents {
		a := p.home(p.world.agents)
		p.world.agents++
		a.born = p.day
		p.change(AgentNew, a, func(*agent) (string, string) { return "", "" })
	}
	p.change(AgentInfected, p.agent(StoryInfected), func(a *agent) (string, string) { a.infected = true; return "false", "true" })
	p.change(AgentIsolated, p.agent(StoryInfected), func(a *agent) (string, string) { a.isolated = true; return "connected", "disconnected" })
	p.change(AgentGone, p.agent(StoryLeft), func(a *agent) (string, string) { a.gone = true; return "", "" })
	p.change(AgentDetecting, p.agent(StoryDetecting), func(a *agent) (string, string) { a.detecting = true; return "protect", "detect" })
	p.change(AgentRenamed, p.agent(StoryRenamed), p.rename)
	p.change(AgentMovedGroup, p.agent(StoryRegrouped), func(a *agent) (string, string) {
		from := a.group
		a.group, a.regrouped = from+2*p.Sites, p.day // the laptops of the site
		return p.idString(groupIDs, from), p.idString(groupIDs, a.group)
	})
	for n := range p.before.agents {
		a := p.agent(n)
		if p.machine(n).os != windows || !a.isThere() || a.silent > 0 || a.touched == p.day || a.site > 1 {
			continue
		}
		if p.agentVersion(&a) == agentVersions[windows][0] {
			p.change(AgentUpgraded, a, func(a *agent) (string, string) {
				a.upgrades++
				return agentVersions[windows][0], p.agentVersion(a)
			})
		} else if p.machine(n).kind == "laptop" && n%6 == 0 {
			p.changeInstallation(ApplicationUpgraded, a, func(a *agent) int { a.upgraded = []int{0}; return 0 })
		}
	}
	t := threat{n: p.world.threats, agent: StoryInfected, born: p.day, touched: p.day, status: inProgress, active: true}
	p.world.threats++
	p.changedThreats[t.n] = t
	p.note(Change{Event: ThreatOpened, ID: p.idString(threatIDs, t.n), Number: t.n})
	p.changeThreat(ThreatResolved, p.threat(StoryClosed), resolved)
}

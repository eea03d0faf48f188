package s1test

import (
	"maps"
	"slices"
	"sync"
)

// world is the tenant on one day: the numbers, and the few things that are not as their number says, because something happened
// to them. It does not change once it is made, apart from caches, and is safe for concurrent use.
type world struct {
	*Tenant
	catalog *catalog
	day     int
	now     moment
	plan    Plan // what happened since the day before

	agents, threats int // numbers given so far

	changed        map[int]agent
	misplaced      []int // agents in changed that are not in the site and group of their number, ascending
	changedThreats map[int]threat
	siteNames      map[int]string
	risks          map[application]int

	mu          sync.Mutex
	counts      map[string]int
	inventories map[string][]inventoryItem

	census func() census
}

// nowhere is the site or group of an agent whose site or group is in no list.
const nowhere = -1

// agent is what is true of an agent on a day and does not follow from its number.
type agent struct {
	n           int
	site, group int
	born        int // the day on which it appeared
	touched     int // the day on which something last happened to it
	regrouped   int // the day on which it came into its group
	silent      int // for how many days before day 0 the console has not heard of it

	gone     bool // deleted: in no list
	unlisted bool // in no list, but what belongs to it is

	decommissioned, uninstalled  bool
	infected, detecting, exposed bool // exposed: its firewall is off
	isolated                     bool // the console has cut the machine off from its network
	renamed, owners, upgrades    int  // how many times

	extra             []extra // installations after those of the catalog
	removed, upgraded []int   // slots of installations
}

// isThere tells whether the console still protects the machine with it.
func (a *agent) isThere() bool {
	return !a.gone && !a.unlisted && !a.decommissioned && !a.uninstalled
}

func firstDay(t *Tenant, c *catalog) *world {
	w := &world{
		Tenant: t, catalog: c, now: dayZero,
		agents: t.Agents, threats: t.Threats,
		changed: map[int]agent{}, changedThreats: map[int]threat{},
		siteNames: map[int]string{}, risks: map[application]int{},
	}
	if t.Awkward {
		w.makeAwkward()
	}
	if t.Story {
		w.beginStory()
	}
	w.settle()
	return w
}

// next is the world a day later, before anything happened.
func (w *world) next() *world {
	return &world{
		Tenant: w.Tenant, catalog: w.catalog, day: w.day + 1, now: w.now + day,
		agents: w.agents, threats: w.threats,
		changed: maps.Clone(w.changed), changedThreats: maps.Clone(w.changedThreats),
		siteNames: maps.Clone(w.siteNames), risks: maps.Clone(w.risks),
	}
}

// settle makes what follows from the changes. Afterwards the world stays as it is.
func (w *world) settle() {
	for n, a := range w.changed {
		if home := w.home(n); a.site != home.site || a.group != home.group {
			w.misplaced = append(w.misplaced, n)
		}
	}
	slices.Sort(w.misplaced)
	w.counts = map[string]int{}
	w.inventories = map[string][]inventoryItem{}
	w.census = sync.OnceValue(w.takeCensus)
}

// agent is what is true of agent n.
func (w *world) agent(n int) agent {
	if a, ok := w.changed[n]; ok {
		return a
	}
	a := w.home(n)
	if !w.isAwkward(n) && !w.Story {
		switch d := w.dice(aboutState, n, 0) % 1000; {
		case d < 20:
			a.decommissioned = true
		case d < 30:
			a.uninstalled = true
		case d < 45:
			a.infected = true
		case d < 75:
			a.detecting = true
		case d < 105:
			a.exposed = true
		case d < 150:
			a.isolated = true
		}
	}
	return a
}

// home is agent n in the site and group of its number: the sites take turns, and so do the groups
// of a site.
func (t *Tenant) home(n int) agent {
	if t.Story {
		return t.storyHome(n)
	}
	site := n % t.Sites
	return agent{n: n, site: site, group: site + t.Sites*(n/t.Sites%t.groupsOf(site))}
}

// groupsOf is how many groups a site has: the groups are dealt out to the sites in turn, so that
// group g is the (g / Sites)th of site g % Sites.
func (t *Tenant) groupsOf(site int) int { return (t.Groups - site + t.Sites - 1) / t.Sites }

func (t *Tenant) siteOf(group int) int   { return group % t.Sites }
func (t *Tenant) accountOf(site int) int { return site % t.Accounts }

// account is an agent's account, which it has even where its site is nowhere.
func (w *world) account(a *agent) int {
	if a.site == nowhere {
		return w.accountOf(a.n % w.Sites)
	}
	return w.accountOf(a.site)
}

// census counts the agents that stand in the lists, by where they are.
type census struct {
	all                     int
	accounts, sites, groups []int // without decommissioned and uninstalled ones
}

func (w *world) takeCensus() census {
	c := census{accounts: make([]int, w.Accounts), sites: make([]int, w.Sites), groups: make([]int, w.Groups)}
	for n := range w.agents {
		a := w.agent(n)
		if a.gone || a.unlisted {
			continue
		}
		c.all++
		if !a.isThere() {
			continue
		}
		c.accounts[w.account(&a)]++
		if a.site != nowhere {
			c.sites[a.site]++
		}
		if a.group != nowhere {
			c.groups[a.group]++
		}
	}
	return c
}

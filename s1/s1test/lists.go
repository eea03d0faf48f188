package s1test

import (
	"iter"
	"math"
	"slices"
	"sort"
	"strings"
)

// rowRef is a row of a list, or the place in the list where it stands.
type rowRef struct {
	n, slot int
	moved   bool // written as it looks a moment later, after something happened to it
}

// theEnd is after every row.
var theEnd = rowRef{n: math.MaxInt32}

// list is an endpoint that answers with pages of rows.
type list struct {
	path       string
	limit      int    // most rows a page may have
	ids        idKind // of its rows
	byID       string // the parameter that asks for rows by ID
	parameters []string
	required   []string
	hiding     []string // boolean filters that are false if not given

	rows  func(*world, *query, rowRef) iter.Seq[rowRef] // those that a query means, from a place on
	count func(*world, *query) int                      // nil: rows are counted
	write func(*world) func(*object, rowRef)
}

var lists = []*list{
	{
		path: "/accounts", limit: 1000, ids: accountIDs, byID: "ids",
		parameters: []string{"ids", "accountIds", "states", "name", "isDefault"},
		rows:       accountRows,
		write:      func(w *world) func(*object, rowRef) { return w.writeAccount },
	},
	{
		path: "/sites", limit: 1000, ids: siteIDs, byID: "siteIds",
		parameters: []string{"siteIds", "accountIds", "accountId", "states", "state", "name", "isDefault"},
		rows:       siteRows,
		write:      func(w *world) func(*object, rowRef) { return w.writeSite },
	},
	{
		path: "/groups", limit: 300, ids: groupIDs, byID: "groupIds",
		parameters: []string{"groupIds", "id", "accountIds", "siteIds", "name", "isDefault"},
		rows:       groupRows,
		write:      func(w *world) func(*object, rowRef) { return w.writeGroup },
	},
	{
		path: "/agents", limit: 1000, ids: agentIDs, byID: "ids",
		parameters: agentParameters, hiding: []string{"isDecommissioned", "isUninstalled"},
		rows:  agentRows,
		write: func(w *world) func(*object, rowRef) { return w.writeAgent },
	},
	{
		path: "/threats", limit: 1000, ids: threatIDs, byID: "ids",
		parameters: []string{"ids", "accountIds", "siteIds", "groupIds", "agentIds", "resolved", "incidentStatuses"},
		rows:       threatRows,
		write:      func(w *world) func(*object, rowRef) { return w.writeThreat },
	},
	{
		path: "/installed-applications", limit: 1000, ids: installationIDs, byID: "ids",
		parameters: []string{"ids", "accountIds", "siteIds", "groupIds", "agentIsDecommissioned", "osTypes", "riskLevels", "types"},
		hiding:     []string{"agentIsDecommissioned"},
		rows:       installationRows, count: countInstallations,
		write: func(w *world) func(*object, rowRef) { return (&applicationWriter{world: w}).write },
	},
	{
		path: "/application-management/inventory", limit: 1000,
		parameters: []string{"accountIds", "siteIds", "groupIds", "osTypes"},
		rows:       inventoryRows,
	},
	{
		path: "/application-management/inventory/endpoints", limit: 1000, ids: installationIDs,
		parameters: []string{"applicationName", "applicationVendor", "accountIds", "siteIds", "groupIds", "osTypes", "versions"},
		required:   []string{"applicationName", "applicationVendor"},
		rows:       endpointRows,
		write:      func(w *world) func(*object, rowRef) { return w.writeEndpoint },
	},
}

var agentParameters = []string{
	"ids", "uuids", "uuid", "accountIds", "siteIds", "groupIds", "isDecommissioned", "isUninstalled", "isActive",
	"isPendingUninstall", "infected", "computerName", "osTypes", "machineTypes", "networkStatuses",
}

// total is how many rows a query means.
func (l *list) total(w *world, q *query) int {
	if len(q.hidden) == 0 {
		w.mu.Lock()
		n, ok := w.counts[q.filters]
		w.mu.Unlock()
		if ok {
			return n
		}
	}
	n := 0
	if l.count != nil && len(q.hidden) == 0 {
		n = l.count(w, q)
	} else {
		for range l.shown(w, q, rowRef{}) {
			n++
		}
	}
	if len(q.hidden) == 0 {
		w.mu.Lock()
		w.counts[q.filters] = n
		w.mu.Unlock()
	}
	return n
}

// shown yields the rows that a query means, without those that a fault keeps out of the list.
func (l *list) shown(w *world, q *query, from rowRef) iter.Seq[rowRef] {
	rows := l.rows(w, q, from)
	if len(q.hidden) == 0 || q.asked {
		return rows
	}
	return func(yield func(rowRef) bool) {
		for ref := range rows {
			if !q.hidden[l.number(ref)] && !yield(ref) {
				return
			}
		}
	}
}

// number is what a row's ID is made of.
func (l *list) number(ref rowRef) int {
	if l.ids == installationIDs {
		return ref.n*maxSlots + ref.slot
	}
	return ref.n
}

// numbered yields the numbers from a place on that a query means and fits says yes to.
func numbered(q *query, from, end int, fits func(int) bool) iter.Seq[rowRef] {
	return func(yield func(rowRef) bool) {
		if q.asked {
			for _, n := range q.ids {
				if n >= from && n < end && fits(n) && !yield(rowRef{n: n}) {
					return
				}
			}
			return
		}
		for n := from; n < end; n++ {
			if fits(n) && !yield(rowRef{n: n}) {
				return
			}
		}
	}
}

func accountRows(w *world, q *query, from rowRef) iter.Seq[rowRef] {
	return numbered(q, from.n, w.Accounts, func(n int) bool {
		return has(q.accounts, n) && q.word("states", "active") && q.word("name", w.accountName(n)) && q.flag("isDefault", n == 0)
	})
}

func siteRows(w *world, q *query, from rowRef) iter.Seq[rowRef] {
	return numbered(q, from.n, w.Sites, func(n int) bool {
		return has(q.accounts, w.accountOf(n)) && has(q.sites, n) &&
			q.word("states", "active") && q.word("state", "active") && q.word("name", w.siteName(n)) && q.flag("isDefault", n < w.Accounts)
	})
}

func groupRows(w *world, q *query, from rowRef) iter.Seq[rowRef] {
	return numbered(q, from.n, w.Groups, func(n int) bool {
		site := w.siteOf(n)
		return q.isIn(w.accountOf(site), site, n) && q.word("name", w.groupName(n)) && q.flag("isDefault", n < w.Sites)
	})
}

func agentRows(w *world, q *query, from rowRef) iter.Seq[rowRef] {
	return func(yield func(rowRef) bool) {
		for a := range w.agentsOf(q, from.n) {
			if !a.unlisted && w.isMeant(q, &a) && !yield(rowRef{n: a.n}) {
				return
			}
		}
	}
}

// isMeant tells whether an agent passes the filters that /agents alone has.
func (w *world) isMeant(q *query, a *agent) bool {
	if !q.flag("isDecommissioned", a.decommissioned) || !q.flag("isUninstalled", a.uninstalled) {
		return false
	}
	if len(q.flags) == 2 && len(q.words) == 0 {
		return true
	}
	active, m := w.isActive(a), w.machine(a.n)
	return q.flag("isActive", active) && q.flag("infected", a.infected) &&
		q.flag("isPendingUninstall", w.isPendingUninstall(a.n)) &&
		q.word("computerName", w.computerName(a)) && q.word("osTypes", m.os.String()) &&
		q.word("machineTypes", m.kind) && q.word("networkStatuses", networkStatus(a))
}

// agentsOf yields the agents of the sites and groups that a query means, from a number on,
// ascending. It goes from one agent of a site or group to the next in one step.
func (w *world) agentsOf(q *query, from int) iter.Seq[agent] {
	return func(yield func(agent) bool) {
		visit := func(n int) bool {
			a := w.agent(n)
			if a.gone || !q.isIn(w.account(&a), a.site, a.group) {
				return true
			}
			return yield(a)
		}
		if q.asked {
			for _, n := range q.ids {
				if n >= from && n < w.agents && !visit(n) {
					return
				}
			}
			return
		}
		first, step := w.progression(q)
		next := first
		if from > first {
			next = first + (from-first+step-1)/step*step
		}
		i := sort.SearchInts(w.misplaced, from)
		for {
			odd := i < len(w.misplaced) && w.misplaced[i] <= next
			n := next
			if odd {
				n = w.misplaced[i]
				i++
			}
			if !odd || n == next {
				next += step
			}
			if n >= w.agents || !visit(n) {
				return
			}
		}
	}
}

// progression is where the agents of a query's site or group begin and how far apart they are, by
// their numbers.
func (w *world) progression(q *query) (first, step int) {
	if g := q.group; g != nowhere {
		site := w.siteOf(g)
		return site + w.Sites*(g/w.Sites), w.Sites * w.groupsOf(site)
	}
	if q.site != nowhere {
		return q.site, w.Sites
	}
	return 0, 1
}

func threatRows(w *world, q *query, from rowRef) iter.Seq[rowRef] {
	return numbered(q, from.n, w.threats, func(n int) bool {
		t := w.threat(n)
		if q.agents != nil && !q.agents[t.agent] ||
			!q.flag("resolved", t.status == resolved) || !q.word("incidentStatuses", incidentStatuses[t.status]) {
			return false
		}
		a := w.agent(t.agent)
		return q.isIn(w.account(&a), a.site, a.group)
	})
}

func installationRows(w *world, q *query, from rowRef) iter.Seq[rowRef] {
	return func(yield func(rowRef) bool) {
		if q.asked {
			for _, id := range q.ids {
				ref := rowRef{n: id / maxSlots, slot: id % maxSlots}
				a := w.agent(ref.n)
				if ref.n < w.agents && !before(ref, from) && ref.slot < w.slots(&a) && w.isInstalled(q, &a, ref.slot) &&
					q.isIn(w.account(&a), a.site, a.group) && q.flag("agentIsDecommissioned", a.decommissioned) && !yield(ref) {
					return
				}
			}
			return
		}
		for a := range w.agentsOf(q, from.n) {
			if !q.flag("agentIsDecommissioned", a.decommissioned) {
				continue
			}
			slot := 0
			if a.n == from.n {
				slot = from.slot
			}
			for slots := w.slots(&a); slot < slots; slot++ {
				if w.isInstalled(q, &a, slot) && !yield(rowRef{n: a.n, slot: slot}) {
					return
				}
			}
		}
	}
}

func before(a, b rowRef) bool { return a.n < b.n || a.n == b.n && a.slot < b.slot }

func (w *world) isInstalled(q *query, a *agent, slot int) bool {
	if !a.installed(slot) {
		return false
	}
	if len(q.words) == 0 {
		return true
	}
	in := w.installation(a, slot)
	p := &w.catalog.products[in.product]
	return !p.nothing && q.word("osTypes", w.machine(a.n).os.String()) && q.word("riskLevels", riskLevels[in.risk]) && q.word("types", p.kind)
}

// countInstallations adds up what the agents have, without looking at it.
func countInstallations(w *world, q *query) int {
	n := 0
	if q.asked || len(q.words) > 0 {
		for range installationRows(w, q, rowRef{}) {
			n++
		}
		return n
	}
	for a := range w.agentsOf(q, 0) {
		if q.flag("agentIsDecommissioned", a.decommissioned) {
			n += w.slots(&a) - len(a.removed)
		}
	}
	return n
}

func inventoryRows(w *world, q *query, from rowRef) iter.Seq[rowRef] {
	return numbered(q, from.n, len(w.inventory(q)), func(int) bool { return true })
}

func endpointRows(w *world, q *query, from rowRef) iter.Seq[rowRef] {
	name, vendor := q.words["applicationName"][0], q.words["applicationVendor"][0]
	var products []int
	for i := range w.catalog.products {
		if p := &w.catalog.products[i]; p.name == name && p.publisher == vendor && !p.nothing {
			products = append(products, i)
		}
	}
	return func(yield func(rowRef) bool) {
		if len(products) == 0 {
			return
		}
		for a := range w.agentsOf(q, from.n) {
			os := w.machine(a.n).os
			if !a.isThere() || !q.word("osTypes", os.String()) {
				continue
			}
			for _, slot := range w.slotsWith(&a, os, products) {
				ref := rowRef{n: a.n, slot: slot}
				if before(ref, from) {
					continue
				}
				in := w.installation(&a, slot)
				if q.word("versions", in.version()) && !yield(ref) {
					return
				}
			}
		}
	}
}

// slotsWith are the slots of an agent in which one of some products is, ascending.
func (w *world) slotsWith(a *agent, os osKind, products []int) []int {
	var slots []int
	for _, p := range products {
		if of, ok := w.catalog.osOf(p); ok && of == os && w.ApplicationsPerAgent > 0 {
			for e := p - w.catalog.first[os]; e < w.catalog.sizes[os]; e += w.catalog.names[os] {
				if slot, ok := w.slotOfEntry(a.n, os, e); ok && a.installed(slot) {
					slots = append(slots, slot)
				}
			}
		}
		for i, e := range a.extra {
			if e.product == p {
				slots = append(slots, w.ApplicationsPerAgent+i)
			}
		}
	}
	slices.Sort(slots)
	return slots
}

// listAt is the list of a path under /web/api/v2.1; nil if there is none.
func (t *Tenant) listAt(path string) *list {
	if t.NoInstalled && path == "/installed-applications" || t.NoInventory && strings.HasPrefix(path, "/application-management/") {
		return nil
	}
	for _, l := range lists {
		if l.path == path {
			return l
		}
	}
	return nil
}

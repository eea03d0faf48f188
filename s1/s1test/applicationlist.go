package s1test

import "iter"

const installationIDs idKind = 1800

var _ = declare(list{
	path: "/installed-applications", limit: 1000, ids: installationIDs, byID: "ids",
	parameters: []string{"ids", "accountIds", "siteIds", "groupIds", "osTypes", "riskLevels", "types", "agentUuid__contains"},
	flags:      []string{"agentIsDecommissioned"},
	hiding:     []string{"agentIsDecommissioned"},
	rows:       installationRows, count: countInstallations,
	write: func(w *world) func(*object, rowRef) { return (&applicationWriter{world: w}).write },
})

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
			if !q.flag("agentIsDecommissioned", a.decommissioned) || q.agents != nil && !q.agents[a.n] {
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
	if q.asked || q.agents != nil || len(q.words) > 0 {
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

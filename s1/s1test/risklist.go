package s1test

import "iter"

const riskIDs idKind = 2200

var _ = declare(list{
	path: "/application-management/risks", limit: 1000, ids: riskIDs,
	parameters: []string{"accountIds", "siteIds", "groupIds", "severities", "osTypes", "exploitCodeMaturity"},
	one:        []string{"accountIds", "siteIds", "groupIds"},
	rows:       riskRows, count: countRisks,
	write: func(w *world) func(*object, rowRef) { return w.writeRisk },
})

var _ = declare(list{
	path: "/application-management/risks/applications", limit: 1000,
	parameters: []string{"accountIds", "siteIds", "groupIds"},
	one:        []string{"accountIds", "siteIds", "groupIds"},
	rows:       riskyApplicationRows,
	write:      func(w *world) func(*object, rowRef) { return w.writeRiskyApplication },
})

func riskRows(w *world, q *query, from rowRef) iter.Seq[rowRef] {
	return func(yield func(rowRef) bool) {
		for a := range w.agentsOf(q, from.n) {
			if !q.word("osTypes", w.machine(a.n).os.String()) {
				continue
			}
			slot, first := 0, 0
			if a.n == from.n {
				slot, first = from.slot/maxCVEs, from.slot%maxCVEs
			}
			for slots := w.slots(&a); slot < slots; slot++ {
				for i := range w.cvesOf(&a, slot) {
					if i >= first && w.isRisk(q, &a, slot, i) && !yield(rowRef{n: a.n, slot: slot*maxCVEs + i}) {
						return
					}
				}
				first = 0
			}
		}
	}
}

func (w *world) isRisk(q *query, a *agent, slot, i int) bool {
	if len(q.words) == 0 {
		return true
	}
	c := w.cve(w.installation(a, slot).product, i)
	return q.word("severities", cveSeverities[c.severity]) && q.word("exploitCodeMaturity", c.maturity())
}

// countRisks adds up what the agents have, by application.
func countRisks(w *world, q *query) int {
	n := 0
	counted := map[application]int{}
	for a := range w.agentsOf(q, 0) {
		if !q.word("osTypes", w.machine(a.n).os.String()) {
			continue
		}
		for slot := range w.slots(&a) {
			if !a.installed(slot) {
				continue
			}
			in := w.installation(&a, slot)
			known, found := counted[in.application]
			if !found {
				for i := range w.cvesOfApplication(in.application) {
					if w.isRisk(q, &a, slot, i) {
						known++
					}
				}
				counted[in.application] = known
			}
			n += known
		}
	}
	return n
}

// riskyApplicationRows has an agent and a slot for each product with a vulnerability.
func riskyApplicationRows(w *world, q *query, from rowRef) iter.Seq[rowRef] {
	return func(yield func(rowRef) bool) {
		seen := map[int]bool{}
		for a := range w.agentsOf(q, 0) {
			for slot := range w.slots(&a) {
				if w.cvesOf(&a, slot) == 0 {
					continue
				}
				ref, product := rowRef{n: a.n, slot: slot}, w.installation(&a, slot).product
				if seen[product] {
					continue
				}
				seen[product] = true
				if !before(ref, from) && !yield(ref) {
					return
				}
			}
		}
	}
}

package s1test

import "iter"

const threatIDs idKind = 1500

var _ = declare(list{
	path: "/threats", limit: 1000, ids: threatIDs, byID: "ids",
	parameters: []string{"ids", "accountIds", "siteIds", "groupIds", "agentIds", "incidentStatuses"},
	flags:      []string{"resolved"},
	rows:       threatRows,
	write:      func(w *world) func(*object, rowRef) { return w.writeThreat },
})

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

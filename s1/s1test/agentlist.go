package s1test

import (
	"iter"
	"sort"
)

const agentIDs idKind = 1100

var _ = declare(list{
	path: "/agents", limit: 1000, ids: agentIDs, byID: "ids",
	parameters: agentParameters, flags: agentFlags, hiding: []string{"isDecommissioned", "isUninstalled"},
	rows:  agentRows,
	write: func(w *world) func(*object, rowRef) { return w.writeAgent },
})

var agentParameters = []string{
	"ids", "uuids", "uuid", "accountIds", "siteIds", "groupIds", "computerName", "osTypes", "machineTypes", "networkStatuses",
}

var agentFlags = []string{"isDecommissioned", "isUninstalled", "isActive", "isPendingUninstall", "infected"}

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
	if w.Story {
		return 0, 1
	}
	if g := q.group; g != nowhere {
		site := w.siteOf(g)
		return site + w.Sites*(g/w.Sites), w.Sites * w.groupsOf(site)
	}
	if q.site != nowhere {
		return q.site, w.Sites
	}
	return 0, 1
}

package s1test

import (
	"iter"
	"slices"
)

var _ = declare(list{
	path: "/application-management/inventory", limit: 1000,
	parameters: []string{"accountIds", "siteIds", "groupIds", "osTypes"},
	rows:       inventoryRows,
})

var _ = declare(list{
	path: "/application-management/inventory/endpoints", limit: 1000, ids: installationIDs,
	parameters: []string{"applicationName", "applicationVendor", "accountIds", "siteIds", "groupIds", "osTypes", "versions"},
	required:   []string{"applicationName", "applicationVendor"},
	rows:       endpointRows,
	write:      func(w *world) func(*object, rowRef) { return w.writeEndpoint },
})

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

package s1test

import (
	"iter"
	"math"
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
	limit      int      // most rows a page may have
	ids        idKind   // of its rows
	byID       string   // the parameter that asks for rows by ID
	parameters []string // filters, as the API description names them; pagingParameters aside
	flags      []string // further filters, which are booleans
	hiding     []string // those of flags that are false if not given
	required   []string
	one        []string // those of parameters that take one value

	rows  func(*world, *query, rowRef) iter.Seq[rowRef] // those that a query means, from a place on
	count func(*world, *query) int                      // nil: rows are counted
	write func(*world) func(*object, rowRef)
}

// lists are all that were declared.
var lists []*list

// declare makes a list one of the console's. It is called in the file that makes the list's rows; no other file names
// the list.
func declare(l list) *list {
	lists = append(lists, &l)
	return &l
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
	if len(q.hidden) == 0 || q.asked || q.agents != nil {
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
	switch l.ids {
	case installationIDs:
		return ref.n*maxSlots + ref.slot
	case riskIDs:
		return ref.n*maxSlots*maxCVEs + ref.slot
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

func before(a, b rowRef) bool { return a.n < b.n || a.n == b.n && a.slot < b.slot }

// listAt is the list of a path under /web/api/v2.1; nil if there is none.
func (t *Tenant) listAt(path string) *list {
	if t.NoInstalled && path == "/installed-applications" || t.NoInventory && strings.HasPrefix(path, "/application-management/inventory") {
		return nil
	}
	for _, l := range lists {
		if l.path == path {
			return l
		}
	}
	return nil
}

package replay

import (
	"maps"
	"net/url"
	"slices"

	"s1graph/s1"
)

// scope is where in the tenant a row belongs; what is not known is "".
type scope struct{ account, site, group string }

// scopeFilters are the filters that narrow a list to a part of the tenant.
var scopeFilters = []string{"accountIds", "siteIds", "groupIds"}

// part is what the scope filter of that name looks at.
func (s scope) part(filter string) string {
	switch filter {
	case "accountIds":
		return s.account
	case "siteIds":
		return s.site
	}
	return s.group
}

// selection is what filters choose of the rows of a path.
type selection struct {
	path   string
	scope  map[string][]string // by scope filter: its ids
	ids    [][]string          // of the filters that ask for rows by their own ids
	others string              // the filters that name no ids, such as isDecommissioned; encoded
}

func selectionOf(path string, filters url.Values) selection {
	s := selection{path: path, scope: map[string][]string{}}
	others := maps.Clone(filters)
	for _, name := range scopeFilters {
		if filters.Has(name) {
			s.scope[name] = idsOf(filters.Get(name))
			others.Del(name)
		}
	}
	for _, name := range lists[path].ids {
		if filters.Has(name) {
			s.ids = append(s.ids, idsOf(filters.Get(name)))
			others.Del(name)
		}
	}
	s.others = others.Encode()
	return s
}

// byIDs says whether rows are asked for by their own ids.
func (s selection) byIDs() bool { return len(s.ids) > 0 }

// accepts says whether a row is among the selected. A row that comes from a list of a part of the
// tenant belongs to that part, whatever it says itself.
func (s selection) accepts(row *row) bool {
	for _, ids := range s.ids {
		if !slices.Contains(ids, row.id) {
			return false
		}
	}
	if s.path == s1.Inventory.Path {
		// An application is of no place; where no agent of the place has it, its list of endpoints is
		// empty.
		return true
	}
	for name, ids := range s.scope {
		from := row.in.selection.scope[name]
		if !slices.Contains(ids, row.scope.part(name)) && (from == nil || !isSubset(from, ids)) {
			return false
		}
	}
	return true
}

// includes says whether the scope has all of the cell in it.
func (s selection) includes(cell scope) bool {
	for name, ids := range s.scope {
		if !slices.Contains(ids, cell.part(name)) {
			return false
		}
	}
	return true
}

// isCovered says whether all rows of s are among those of the given selections.
func (s selection) isCovered(by []selection, cells map[scope]bool) bool {
	if slices.ContainsFunc(by, func(b selection) bool { return len(b.scope) == 0 }) {
		return true
	}
	known := map[string]bool{}
	for cell := range cells {
		known[cell.account], known[cell.site], known[cell.group] = true, true, true
		if s.includes(cell) && !slices.ContainsFunc(by, func(b selection) bool { return b.includes(cell) }) {
			return false
		}
	}
	for _, ids := range s.scope {
		if slices.ContainsFunc(ids, func(id string) bool { return !known[id] }) {
			return false
		}
	}
	return len(cells) > 0
}

func isSubset(of, set []string) bool {
	return !slices.ContainsFunc(of, func(id string) bool { return !slices.Contains(set, id) })
}

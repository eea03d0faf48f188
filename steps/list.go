package steps

import (
	"maps"
	"net/url"
	"slices"
	"strings"
)

// List is a list of the Management API as a step reads it, declared in the file of the step. All of it is from the API
// document.
type List struct {
	Path string // below the API's own, such as /agents

	// Filters are on the state of things: without them the list leaves some out. They are repeated in questions by ID.
	Filters url.Values

	// Scope has the list's parameters for a part of the tenant.
	Scope ScopeParameters

	// OfOne says that a question takes one account, site or group.
	OfOne bool

	// Ask is the parameter by which it is asked for things by their IDs; "" where it is not asked.
	Ask string

	// NeverEmpty says that every tenant has a row of it.
	NeverEmpty bool

	// Optional says that consoles of some versions and licenses lack the list.
	Optional bool

	// Permission names what the role needs for a list of a module that is licensed by itself; "" where it is of none. Consoles
	// that lack the module refuse the list with 403, whatever the role may do.
	Permission string

	// Right is the permission that the console demands for it, as its roles name it; "" where no other list has the same.
	Right string

	// StandsIn is what is read where the console lacks the list, or refuses it; nil where nothing is.
	StandsIn *List
}

// ScopeParameters are the filters of a list on the scope; "" where it has none of a kind.
type ScopeParameters struct {
	Account, Site, Group string
}

// Query returns the filters on the scope for IDs of accounts, sites and groups, where an empty list means all. What the list
// has no parameter for is left out.
func (p ScopeParameters) Query(accounts, sites, groups []string) url.Values {
	q := url.Values{}
	for _, f := range []struct {
		parameter string
		ids       []string
	}{{p.Account, accounts}, {p.Site, sites}, {p.Group, groups}} {
		if f.parameter != "" && len(f.ids) > 0 {
			q.Set(f.parameter, strings.Join(f.ids, ","))
		}
	}
	return q
}

// QueriesOfOne are the filters of Query as questions for one account, site and group each.
func (p ScopeParameters) QueriesOfOne(accounts, sites, groups []string) []url.Values {
	queries := []url.Values{{}}
	all := p.Query(accounts, sites, groups)
	for _, parameter := range slices.Sorted(maps.Keys(all)) {
		var finer []url.Values
		for _, query := range queries {
			for id := range strings.SplitSeq(all.Get(parameter), ",") {
				finer = append(finer, withFilters(query, url.Values{parameter: {id}}))
			}
		}
		queries = finer
	}
	return queries
}

var (
	byAccount = ScopeParameters{Account: "accountIds"}
	bySite    = ScopeParameters{Account: "accountIds", Site: "siteIds"}
	byGroup   = ScopeParameters{Account: "accountIds", Site: "siteIds", Group: "groupIds"}
)

// both are the two values of a filter without which a list leaves things out.
const both = "true,false"

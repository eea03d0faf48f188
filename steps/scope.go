package steps

import (
	"cmp"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"s1graph/entities"
	"s1graph/graph"
	"s1graph/s1"
)

// Scope is the part of a tenant that a run can see: IDs of accounts, sites and groups, where an empty
// list means all. A row is inside where each list that is not empty has the row's ID.
type Scope struct {
	Accounts []string `json:"accounts,omitempty"`
	Sites    []string `json:"sites,omitempty"`
	Groups   []string `json:"groups,omitempty"`

	// Unknown says that the console did not tell what the token may see.
	Unknown bool `json:"unknown,omitempty"`

	// filters are what the configuration asks for; the rest of a scope is the token's, which the
	// console applies by itself.
	filters *Scope
}

// NewScope is what a token's user may see, narrowed to what the configuration asks for. Where nothing is
// in both, the error says so.
func NewScope(user s1.User, filters Scope) (Scope, error) {
	scope := Scope{Accounts: filters.Accounts, Sites: filters.Sites, Groups: filters.Groups, filters: &filters}
	var roles []string
	for _, role := range user.ScopeRoles {
		if role.ID != "" {
			roles = append(roles, role.ID)
		}
	}
	var err error
	switch {
	case user.Scope == "tenant":
	case user.Scope == "account" && len(roles) > 0:
		scope.Accounts, err = intersect("accounts", scope.Accounts, roles)
	case user.Scope == "site" && len(roles) > 0:
		scope.Sites, err = intersect("sites", scope.Sites, roles)
	default:
		scope.Unknown = true
	}
	for _, ids := range []*[]string{&scope.Accounts, &scope.Sites, &scope.Groups} {
		*ids = graph.Set(*ids).List()
	}
	return scope, err
}

// intersect joins what is configured, where an empty list is all, with what the token may see.
func intersect(what string, configured, roles []string) ([]string, error) {
	if len(configured) == 0 {
		return roles, nil
	}
	both := slices.DeleteFunc(slices.Clone(configured), func(id string) bool { return !slices.Contains(roles, id) })
	if len(both) == 0 {
		return nil, fmt.Errorf("%s: the token sees %s alone, and the configuration asks for %s: name some that the token sees, or none",
			what, strings.Join(roles, ", "), strings.Join(configured, ", "))
	}
	return both, nil
}

// Covers says whether all that is inside other is inside s too, as far as the IDs tell; account returns
// the ID of a site's account. An unknown scope is taken to be no smaller and no larger.
func (s Scope) Covers(other Scope, account func(siteID string) string) bool {
	if s.Unknown || other.Unknown {
		return true
	}
	accounts := other.Accounts
	if len(accounts) == 0 {
		for _, site := range other.Sites {
			accounts = append(accounts, account(site))
		}
	}
	return isSubset(accounts, s.Accounts) && isSubset(other.Sites, s.Sites) && isSubset(other.Groups, s.Groups)
}

// isSubset compares lists of which an empty one is all.
func isSubset(part, whole []string) bool {
	if len(whole) == 0 {
		return true
	}
	return len(part) > 0 && !slices.ContainsFunc(part, func(id string) bool { return !slices.Contains(whole, id) })
}

// IsAll says whether nothing is outside.
func (s Scope) IsAll() bool { return len(s.Accounts)+len(s.Sites)+len(s.Groups) == 0 }

// scopeParameters are an endpoint's filters on the scope; empty where it has none of a kind.
type scopeParameters struct {
	account, site, group string
}

// From the API document.
var (
	accountScope = scopeParameters{account: "accountIds"}
	siteScope    = scopeParameters{account: "accountIds", site: "siteIds"}
	groupScope   = scopeParameters{account: "accountIds", site: "siteIds", group: "groupIds"}
)

// query returns the filters that the configuration asks for.
func (s Scope) query(p scopeParameters) url.Values {
	q := url.Values{}
	if s.filters == nil {
		return q
	}
	for _, f := range []struct {
		parameter string
		ids       []string
	}{{p.account, s.filters.Accounts}, {p.site, s.filters.Sites}, {p.group, s.filters.Groups}} {
		if f.parameter != "" && len(f.ids) > 0 {
			q.Set(f.parameter, strings.Join(f.ids, ","))
		}
	}
	return q
}

// SeesAll says whether nothing of the tenant is outside what this run can see.
func (in *Input) SeesAll() bool { return in.Scope.IsAll() && !in.AccountsOfSites }

// Outside says whether a record of the last graph lies outside this run's scope, so that nothing that
// this run reads says anything about it. It answers for accounts, sites, groups, agents and threats; the
// other types do not say where they belong.
func (in *Input) Outside(r *graph.Record) bool {
	id := idOf(r.Key)
	account, site, group := r.Get("accountId").Text(), r.Get("siteId").Text(), r.Get("groupId").Text()
	switch r.Type.Name {
	case entities.Account.GraphType().Name:
		return in.AccountsOfSites || in.Scope.outside(accountScope, place{account: id})
	case entities.Site.GraphType().Name:
		return in.Scope.outside(siteScope, place{account: account, site: id})
	case entities.Group.GraphType().Name:
		return in.Scope.outside(groupScope, place{account: cmp.Or(in.tables.account(site), in.AccountBefore(site)), site: site, group: id})
	case entities.Agent.GraphType().Name, entities.Threat.GraphType().Name:
		return in.Scope.outside(groupScope, place{account: account, site: site, group: group})
	}
	return false
}

// place are the IDs that say where a thing belongs; what does not apply or is not known is empty.
type place struct{ account, site, group string }

// outside judges a thing of a list with these parameters. A thing that does not say where it belongs is
// outside: it cannot be judged.
func (s Scope) outside(p scopeParameters, at place) bool {
	outside := func(parameter string, ids []string, id string) bool {
		return parameter != "" && len(ids) > 0 && !slices.Contains(ids, id)
	}
	return outside(p.account, s.Accounts, at.account) || outside(p.site, s.Sites, at.site) || outside(p.group, s.Groups, at.group)
}

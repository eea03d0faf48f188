package steps

import (
	"cmp"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"s1graph/entities"
	"s1graph/graph"
	"s1graph/model"
	"s1graph/s1"
)

// Scope is the part of a tenant that a run can see: IDs of accounts, sites and groups, where an empty
// list means all. A row is inside where each list that is not empty has the row's ID.
type Scope struct {
	Accounts []string `json:"accounts,omitempty"`
	Sites    []string `json:"sites,omitempty"`
	Groups   []string `json:"groups,omitempty"`

	// Unknown says that nobody knows what the run saw of the tenant, so that nothing counts as gone.
	Unknown bool `json:"unknown,omitempty"`

	// Fingerprint is set where /user did not tell what the token may see. The scope is then what /accounts, /sites and
	// /groups list (listed.go), and the fingerprint stands for who asked: see s1.Client.Fingerprint.
	Fingerprint string `json:"fingerprint,omitempty"`

	ofGroups bool // the token sees groups alone

	// filters are what the configuration asks for; the rest of a scope is the token's, which the
	// console applies by itself.
	filters *Scope
}

// NewScope is what a token's user may see, narrowed to what the configuration asks for. Where /user does not tell it is
// Unknown. Where nothing is in both, the error says so.
func NewScope(user s1.User, filters Scope) (Scope, error) {
	scope := Scope{Accounts: filters.Accounts, Sites: filters.Sites, Groups: filters.Groups, filters: &filters}
	var err error
	switch roles := user.ScopeIDs(); {
	case !user.TellsScope():
		scope.Unknown = true
	case user.Level() == s1.LevelAccount:
		scope.Accounts, err = intersect("accounts", scope.Accounts, roles)
	case user.Level() == s1.LevelSite:
		scope.Sites, err = intersect("sites", scope.Sites, roles)
	case user.Level() == s1.LevelGroup:
		scope.ofGroups = true
		scope.Groups, err = intersect("groups", scope.Groups, roles)
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

// isSubset compares lists where an empty one means all.
func isSubset(part, whole []string) bool {
	if len(whole) == 0 {
		return true
	}
	return len(part) > 0 && !slices.ContainsFunc(part, func(id string) bool { return !slices.Contains(whole, id) })
}

// SeesTheSame says whether two scopes have the same IDs, whoever asks.
func (s Scope) SeesTheSame(other Scope) bool {
	return slices.Equal(s.Accounts, other.Accounts) && slices.Equal(s.Sites, other.Sites) && slices.Equal(s.Groups, other.Groups) && s.Unknown == other.Unknown
}

// IsAll says whether nothing is out of scope.
func (s Scope) IsAll() bool { return len(s.Accounts)+len(s.Sites)+len(s.Groups) == 0 }

// query returns the filters that the configuration asks for.
func (s Scope) query(p ScopeParameters) url.Values {
	if s.filters == nil {
		return url.Values{}
	}
	return p.Query(s.filters.Accounts, s.filters.Sites, s.filters.Groups)
}

// queriesOfOne are the filters that the configuration asks for, as questions for one account, site and group each.
func (s Scope) queriesOfOne(p ScopeParameters) []url.Values {
	if s.filters == nil {
		return []url.Values{{}}
	}
	return p.QueriesOfOne(s.filters.Accounts, s.filters.Sites, s.filters.Groups)
}

// SeesAll says whether nothing of the tenant is out of this run's scope.
func (in *Input) SeesAll() bool {
	return in.Scope.IsAll() && !in.AccountsOfSites && in.listed.left == 0
}

// OutOfScope says whether a record of the last graph is out of this run's scope, so that nothing that this run reads
// says anything about it. Where its type does not say where it stands it is false.
func (in *Input) OutOfScope(r *graph.Record) bool {
	d := in.model[r.Type.Name]
	if d == nil || d.Place.IsZero() {
		return false
	}
	if d.Type == entities.Account.GraphType() && in.AccountsOfSites {
		return true
	}
	at := func(property string) string {
		if property == model.Own {
			return idOf(r.Key)
		}
		return r.Get(property).Text()
	}
	if in.hasLeft(d, at) {
		return true
	}
	s := in.Scope
	if s.ofGroups && d.Place.Group == "" || len(s.Sites) > 0 && d.Place.Site == "" && d.Place.Account != model.Own {
		return true // it stands above the part that is read, and nobody says whether that shows it
	}
	site := at(d.Place.Site)
	account := at(d.Place.Account)
	if d.Place.Account == "" {
		account = cmp.Or(in.lookups.account(site), in.AccountBefore(site))
	}
	return lacks(s.Accounts, account) || d.Place.Site != "" && lacks(s.Sites, site) || d.Place.Group != "" && lacks(s.Groups, at(d.Place.Group))
}

// NotAsked gives, for a type, what says of a record of the last graph that the configuration no longer asks for it, so that no
// row tells of it; nil where the configuration asks for all.
func (in *Input) NotAsked(typeName string) func(*graph.Record) bool {
	for _, step := range All() {
		if step.NotAsked != nil && slices.Contains(step.Types, in.model[typeName]) {
			return step.NotAsked(in)
		}
	}
	return nil
}

// lacks says whether an ID is not in a list, where an empty list means all. An ID that is unknown is not in it: nothing can be
// said of it.
func lacks(ids []string, id string) bool { return len(ids) > 0 && !slices.Contains(ids, id) }

package s1

import (
	"slices"
	"strings"
)

// User is the answer of /user: who the token belongs to and what it may see.
type User struct {
	APIToken   *APIToken   `json:"apiToken,omitzero"`
	Email      string      `json:"email,omitzero"`
	FullName   string      `json:"fullName,omitzero"`
	ID         string      `json:"id,omitzero"`
	Scope      string      `json:"scope,omitzero"` // as the console writes it; see Level
	ScopeRoles []ScopeRole `json:"scopeRoles,omitzero"`
	SiteRoles  []ScopeRole `json:"siteRoles,omitempty"` // deprecated, and all that some consoles have
	LowestRole string      `json:"lowestRole,omitzero"` // deprecated, and the only name of a tenant user's role
}

// RoleNames are the names of the roles that the user has, sorted; none where the console tells their IDs alone.
func (u *User) RoleNames() []string {
	var names []string
	for _, role := range u.ScopeRoles {
		if role.RoleName != "" {
			names = append(names, role.RoleName)
		}
	}
	if len(names) == 0 && u.LowestRole != "" {
		names = append(names, u.LowestRole)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// The levels of a user's scope.
const (
	LevelTenant  = "tenant"
	LevelAccount = "account"
	LevelSite    = "site"
	LevelGroup   = "group"
)

// ScopeMixed is the Scope that a recording has of a user whose scope changed while it was made: nobody can say why the lists in
// it lack something.
const ScopeMixed = "mixed"

// Level is the kind of the things that ScopeIDs names; "" where /user does not tell. Consoles write it in any case, and global
// for the tenant.
func (u *User) Level() string {
	level := strings.ToLower(strings.TrimSpace(u.Scope))
	switch {
	case level == "global":
		return LevelTenant
	case slices.Contains([]string{LevelTenant, LevelAccount, LevelSite, LevelGroup}, level):
		return level
	case level == "" && len(idsOf(u.SiteRoles)) > 0:
		return LevelSite
	}
	return ""
}

// ScopeIDs are the IDs of the accounts, sites or groups that the user may see, sorted.
func (u *User) ScopeIDs() []string {
	ids := idsOf(u.ScopeRoles)
	if len(ids) == 0 && u.Level() == LevelSite {
		ids = idsOf(u.SiteRoles)
	}
	return ids
}

func idsOf(roles []ScopeRole) (ids []string) {
	for _, role := range roles {
		if role.ID != "" {
			ids = append(ids, role.ID)
		}
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

// TellsScope says whether /user told what the token may see: the whole tenant, or accounts, sites or groups by their IDs.
func (u *User) TellsScope() bool {
	return u.Level() == LevelTenant || u.Level() != "" && len(u.ScopeIDs()) > 0
}

// IsOfSites says whether /user told that the token sees sites or groups alone: those may not read /accounts.
func (u *User) IsOfSites() bool { return u.Level() == LevelSite || u.Level() == LevelGroup }

// seesSameAs says whether both may see the same part of the tenant, as far as /user tells it of both.
func (u *User) seesSameAs(other *User) bool {
	return u.TellsScope() && u.Level() == other.Level() && slices.Equal(u.ScopeIDs(), other.ScopeIDs())
}

// APIToken says how long the token lives, and never what it is.
type APIToken struct {
	CreatedAt Time `json:"createdAt,omitzero"`
	ExpiresAt Time `json:"expiresAt,omitzero"`
}

// ScopeRole is an account, a site or a group (as User.Level says) that the token may see.
type ScopeRole struct {
	AccountName string `json:"accountName,omitzero"`
	ID          string `json:"id,omitzero"`
	Name        string `json:"name,omitzero"`
	RoleID      string `json:"roleId,omitzero"`
	RoleName    string `json:"roleName,omitzero"` // deprecated
}

package s1

import "slices"

// User is the answer of /user: who the token belongs to and what it may see.
type User struct {
	APIToken   *APIToken   `json:"apiToken,omitzero"`
	Email      string      `json:"email,omitzero"`
	FullName   string      `json:"fullName,omitzero"`
	ID         string      `json:"id,omitzero"`
	Scope      string      `json:"scope,omitzero"` // tenant, account or site
	ScopeRoles []ScopeRole `json:"scopeRoles,omitzero"`
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

// seesSameAs says whether both may see the same accounts and sites, as far as /user tells it of both.
func (u *User) seesSameAs(other *User) bool {
	return u.Scope != "" && u.Scope == other.Scope && slices.Equal(u.scopeIDs(), other.scopeIDs())
}

// scopeIDs are the IDs of the accounts or sites that the user may see, sorted.
func (u *User) scopeIDs() []string {
	var ids []string
	for _, role := range u.ScopeRoles {
		ids = append(ids, role.ID)
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

// APIToken says how long the token lives, and never what it is.
type APIToken struct {
	CreatedAt Time `json:"createdAt,omitzero"`
	ExpiresAt Time `json:"expiresAt,omitzero"`
}

// ScopeRole is an account or a site (as User.Scope says) that the token may see.
type ScopeRole struct {
	AccountName string `json:"accountName,omitzero"`
	ID          string `json:"id,omitzero"`
	Name        string `json:"name,omitzero"`
	RoleID      string `json:"roleId,omitzero"`
	RoleName    string `json:"roleName,omitzero"` // deprecated
}

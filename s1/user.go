package s1

// User is the answer of /user: who the token belongs to and what it may see.
type User struct {
	APIToken   *APIToken   `json:"apiToken,omitzero"`
	Email      string      `json:"email,omitzero"`
	FullName   string      `json:"fullName,omitzero"`
	ID         string      `json:"id,omitzero"`
	Scope      string      `json:"scope,omitzero"` // tenant, account or site
	ScopeRoles []ScopeRole `json:"scopeRoles,omitzero"`
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
}

package s1

// Groups is the list of groups.
var Groups = Endpoint[Group]{Path: "/groups", MaxLimit: 300}

// Group is a row of /groups, without its registrationToken.
type Group struct {
	CreatedAt   Time   `json:"createdAt,omitzero"`
	Creator     string `json:"creator,omitzero"`
	CreatorID   string `json:"creatorId,omitzero"`
	Description string `json:"description,omitzero"`
	FilterID    string `json:"filterId,omitzero"`
	FilterName  string `json:"filterName,omitzero"`
	ID          string `json:"id,omitzero"`
	Inherits    Flag   `json:"inherits,omitzero"`
	IsDefault   Flag   `json:"isDefault,omitzero"`
	Name        string `json:"name,omitzero"`
	Rank        Int    `json:"rank,omitzero"`
	SiteID      string `json:"siteId,omitzero"`
	TotalAgents Int    `json:"totalAgents,omitzero"`
	Type        string `json:"type,omitzero"`
	UpdatedAt   Time   `json:"updatedAt,omitzero"`
}

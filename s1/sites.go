package s1

// Sites is the list of sites.
var Sites = Endpoint[Site]{Path: "/sites", MaxLimit: 1000, List: "sites"}

// Site is a row of /sites, without its registrationToken.
type Site struct {
	AccountID           string    `json:"accountId,omitzero"`
	AccountName         string    `json:"accountName,omitzero"`
	ActiveLicenses      Int       `json:"activeLicenses,omitzero"`
	CreatedAt           Time      `json:"createdAt,omitzero"`
	Creator             string    `json:"creator,omitzero"`
	CreatorID           string    `json:"creatorId,omitzero"`
	Description         string    `json:"description,omitzero"`
	Expiration          Time      `json:"expiration,omitzero"`
	ExternalID          string    `json:"externalId,omitzero"`
	ID                  string    `json:"id,omitzero"`
	IsDefault           Flag      `json:"isDefault,omitzero"`
	Licenses            *Licenses `json:"licenses,omitzero"`
	Name                string    `json:"name,omitzero"`
	SiteType            string    `json:"siteType,omitzero"`
	State               string    `json:"state,omitzero"`
	TotalLicenses       Int       `json:"totalLicenses,omitzero"`
	UnlimitedExpiration Flag      `json:"unlimitedExpiration,omitzero"`
	UnlimitedLicenses   Flag      `json:"unlimitedLicenses,omitzero"`
	UpdatedAt           Time      `json:"updatedAt,omitzero"`
	UsageType           string    `json:"usageType,omitzero"`
}

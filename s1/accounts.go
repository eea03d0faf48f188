package s1

// Accounts is the list of accounts.
var Accounts = Endpoint[Account]{Path: "/accounts", MaxLimit: 1000}

// Account is a row of /accounts.
type Account struct {
	AccountType         string    `json:"accountType,omitzero"`
	ActiveAgents        Int       `json:"activeAgents,omitzero"`
	BillingMode         string    `json:"billingMode,omitzero"`
	CreatedAt           Time      `json:"createdAt,omitzero"`
	Creator             string    `json:"creator,omitzero"`
	CreatorID           string    `json:"creatorId,omitzero"`
	Expiration          Time      `json:"expiration,omitzero"`
	ExternalID          string    `json:"externalId,omitzero"`
	ID                  string    `json:"id,omitzero"`
	IsDefault           Flag      `json:"isDefault,omitzero"`
	Licenses            *Licenses `json:"licenses,omitzero"`
	Name                string    `json:"name,omitzero"`
	NumberOfSites       Int       `json:"numberOfSites,omitzero"`
	SalesforceID        string    `json:"salesforceId,omitzero"`
	State               string    `json:"state,omitzero"`
	TotalLicenses       Int       `json:"totalLicenses,omitzero"`
	UnlimitedExpiration Flag      `json:"unlimitedExpiration,omitzero"`
	UpdatedAt           Time      `json:"updatedAt,omitzero"`
	UsageType           string    `json:"usageType,omitzero"`
}

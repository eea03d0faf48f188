package entities

import (
	"cmp"

	"s1graph/model"
	"s1graph/s1"
)

// Account is what a customer has at SentinelOne; its sites stand below it.
var Account = model.Entity[s1.Account]{
	Type:     accountType,
	Class:    "Account",
	Step:     "accounts",
	Source:   "/accounts",
	Doc:      "An account of the tenant. A site-scoped token may not read accounts: they are then made of what /sites says of them.",
	KeyDoc:   "the account's id",
	Revision: 2,
	Place:    model.Place{Account: model.Own},
	Card:     []string{"accountType", "state"},
	Key:      func(a *s1.Account) string { return AccountKey(a.ID) },
	Properties: []model.Property[s1.Account]{
		model.Text("id", "The account's id.", func(a *s1.Account) string { return a.ID }),
		model.Text("name", "Name of the account, else its id.",
			func(a *s1.Account) string { return cmp.Or(unescaped(a.Name), a.ID) }).Required(),
		model.Text("displayName", "As name.",
			func(a *s1.Account) string { return cmp.Or(unescaped(a.Name), a.ID) }).Required(),
		model.Text("vendor", "Always SentinelOne.",
			func(*s1.Account) string { return "SentinelOne" }).Required(),
		model.Text("accountType", "Trial or paid.", func(a *s1.Account) string { return a.AccountType }),
		model.Text("usageType", "customer or mssp (a provider who serves others).",
			func(a *s1.Account) string { return a.UsageType }),
		model.Text("billingMode", "subscription or consumption.",
			func(a *s1.Account) string { return a.BillingMode }),
		model.Text("state", "active, expired or deleted.", func(a *s1.Account) string { return a.State }),
		model.Flag("active", "Whether state is active.",
			func(a *s1.Account) s1.Flag { return activeState(a.State) }),
		model.Flag("isDefault", "Whether this is the tenant's default account.",
			func(a *s1.Account) s1.Flag { return a.IsDefault }),
		model.Text("externalId", "Identifier that the customer gave the account.",
			func(a *s1.Account) string { return a.ExternalID }),
		model.Text("salesforceId", "The vendor's customer number.",
			func(a *s1.Account) string { return a.SalesforceID }),
		model.Text("creator", "Who created the account.", func(a *s1.Account) string { return a.Creator }),
		model.Text("creatorId", "Id of the console user who created the account.",
			func(a *s1.Account) string { return a.CreatorID }),
		model.Moment("createdAt", "When the account was created.",
			func(a *s1.Account) s1.Time { return a.CreatedAt }),
		model.Moment("updatedAt", "When the console last wrote to the account.",
			func(a *s1.Account) s1.Time { return a.UpdatedAt }).Volatile(bookkeeping),
		model.Moment("expiration", "When the account expires.",
			func(a *s1.Account) s1.Time { return a.Expiration }),
		model.Flag("unlimitedExpiration", "Whether the account never expires.",
			func(a *s1.Account) s1.Flag { return a.UnlimitedExpiration }),
		model.Whole("totalLicenses", "Number of licences bought.",
			func(a *s1.Account) s1.Int { return limited(a.TotalLicenses) }),
		model.Flag("unlimitedLicenses", "Whether the account may use any number of licences.", func(a *s1.Account) s1.Flag {
			if !a.TotalLicenses.Known {
				return s1.Unknown
			}
			return s1.FlagOf(isUnlimited(a.TotalLicenses))
		}),
		model.Set("licenseBundles", "Names of the licensed bundles.",
			func(a *s1.Account) []string { return licenseBundles(a.Licenses) }),
		model.Set("licenseModules", "Names of the licensed add-on modules.",
			func(a *s1.Account) []string { return licenseModules(a.Licenses) }),
		model.Set("licenseSurfaces", "What each bundle covers, as `bundle/surface: count`.",
			func(a *s1.Account) []string { return licenseSurfaces(a.Licenses) }).Volatile(countOfChildren),
		model.Whole("activeAgents", "Number of agents in use.",
			func(a *s1.Account) s1.Int { return a.ActiveAgents }).Volatile(countOfChildren),
		model.Whole("numberOfSites", "Number of sites.",
			func(a *s1.Account) s1.Int { return a.NumberOfSites }).Volatile(countOfChildren),
	},
}.Define()

const accountType = "sentinelone_account"

// AccountKey is the key of the account with the given id.
func AccountKey(id string) string { return idKey(accountType, id) }

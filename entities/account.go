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
	List:     []string{"state", "accountType", "numberOfSites", "activeAgents", "totalLicenses", "expiration"},
	Search:   []string{"externalId", "id"},
	Key:      func(a *s1.Account) string { return AccountKey(a.ID) },
	Properties: []model.Property[s1.Account]{
		accountField("id", "The account's id."),
		model.Text("name", "Name of the account, else its id.",
			func(a *s1.Account) string { return cmp.Or(unescaped(a.Name), a.ID) }).Required(),
		model.Text("displayName", "As name.",
			func(a *s1.Account) string { return cmp.Or(unescaped(a.Name), a.ID) }).Required(),
		model.Text("vendor", "Always SentinelOne.",
			func(*s1.Account) string { return "SentinelOne" }).Required(),
		accountField("accountType", "Trial or paid."),
		accountField("usageType", "customer or mssp (a provider who serves others)."),
		accountField("billingMode", "subscription or consumption."),
		accountField("state", "active, expired or deleted."),
		model.Flag("active", "Whether state is active.",
			func(a *s1.Account) s1.Flag { return activeState(a.State) }),
		accountField("isDefault", "Whether this is the tenant's default account."),
		accountField("externalId", "Identifier that the customer gave the account."),
		accountField("salesforceId", "The vendor's customer number."),
		accountField("creator", "Who created the account."),
		accountField("creatorId", "Id of the console user who created the account."),
		accountField("createdAt", "When the account was created."),
		accountField("updatedAt", "When the console last wrote to the account.").Volatile(bookkeeping),
		accountField("expiration", "When the account expires."),
		accountField("unlimitedExpiration", "Whether the account never expires."),
		model.Whole("totalLicenses", "Number of licenses bought.",
			func(a *s1.Account) s1.Int { return limited(a.TotalLicenses) }),
		model.Flag("unlimitedLicenses", "Whether the account may use any number of licenses.", func(a *s1.Account) s1.Flag {
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
		accountField("activeAgents", "Number of agents in use.").Volatile(countOfChildren),
		accountField("numberOfSites", "Number of sites.").Volatile(countOfChildren),
	},
}.Define()

var accountField = model.Field[s1.Account]

const accountType = "sentinelone_account"

// AccountKey is the key of the account with the given id.
func AccountKey(id string) string { return IDKey(accountType, id) }

package entities

import (
	"cmp"

	"s1graph/model"
	"s1graph/s1"
)

// Site is a part of an account, such as a customer, a company or a branch.
var Site = model.Entity[s1.Site]{
	Type:     siteType,
	Class:    "Site",
	Step:     "sites",
	Source:   "/sites",
	Doc:      "A site of an account. Its registration token is never read.",
	KeyDoc:   "the site's id",
	Revision: 2,
	Place:    model.Place{Account: "accountId", Site: model.Own},
	Card:     []string{"siteType", "state"},
	List:     []string{"state", "siteType", "#sentinelone_group", "#sentinelone_agent", "activeLicenses", "totalLicenses", "expiration"},
	Search:   []string{"externalId", "id"},
	Key:      func(s *s1.Site) string { return SiteKey(s.ID) },
	Properties: []model.Property[s1.Site]{
		siteField("id", "The site's id."),
		model.Text("name", "Name of the site, else its id.",
			func(s *s1.Site) string { return cmp.Or(unescaped(s.Name), s.ID) }).Required(),
		model.Text("displayName", "As name.",
			func(s *s1.Site) string { return cmp.Or(unescaped(s.Name), s.ID) }).Required(),
		model.Text("description", "What the customer wrote about the site.",
			func(s *s1.Site) string { return unescaped(s.Description) }),
		siteField("siteType", "Trial or paid."),
		siteField("usageType", "Who uses the site, as the vendor has it."),
		siteField("state", "active, expired or deleted."),
		model.Flag("active", "Whether state is active.",
			func(s *s1.Site) s1.Flag { return activeState(s.State) }),
		siteField("isDefault", "Whether this is the account's default site."),
		siteField("externalId", "Identifier that the customer gave the site."),
		siteField("accountId", "Id of the account."),
		model.Text("accountName", "Name of the account.",
			func(s *s1.Site) string { return unescaped(s.AccountName) }).Volatile(nameOfParent),
		siteField("creator", "Who created the site."),
		siteField("creatorId", "Id of the console user who created the site."),
		siteField("createdAt", "When the site was created."),
		siteField("updatedAt", "When the console last wrote to the site.").Volatile(bookkeeping),
		siteField("expiration", "When the site expires."),
		siteField("unlimitedExpiration", "Whether the site never expires."),
		model.Whole("totalLicenses", "Number of licenses that the site may use.",
			func(s *s1.Site) s1.Int { return limited(s.TotalLicenses) }),
		model.Flag("unlimitedLicenses", "Whether the site may use any number of licenses.",
			func(s *s1.Site) s1.Flag {
				if isUnlimited(s.TotalLicenses) {
					return s1.True
				}
				return s.UnlimitedLicenses
			}),
		siteField("activeLicenses", "Number of licenses in use.").Volatile(countOfChildren),
		model.Set("licenseBundles", "Names of the licensed bundles.",
			func(s *s1.Site) []string { return licenseBundles(s.Licenses) }),
		model.Set("licenseModules", "Names of the licensed add-on modules.",
			func(s *s1.Site) []string { return licenseModules(s.Licenses) }),
		model.Set("licenseSurfaces", "What each bundle covers, as `bundle/surface: count`.",
			func(s *s1.Site) []string { return licenseSurfaces(s.Licenses) }).Volatile(countOfChildren),
	},
}.Define()

var siteField = model.Field[s1.Site]

const siteType = "sentinelone_site"

// SiteKey is the key of the site with the given id.
func SiteKey(id string) string { return IDKey(siteType, id) }

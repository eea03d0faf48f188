package entities

import (
	"cmp"

	"s1graph/s1"
)

// Site is a part of an account, such as a customer, a company or a branch.
var Site = define(Kind[s1.Site]{
	Type:     siteType,
	Class:    "Site",
	Step:     "sites",
	Source:   "/sites",
	Doc:      "A site of an account. Its registration token is never read.",
	KeyDoc:   "the site's id",
	Revision: 1,
	Key:      func(s *s1.Site) string { return SiteKey(s.ID) },
	Properties: []Property[s1.Site]{
		Text("id", "The site's id.", func(s *s1.Site) string { return s.ID }),
		Text("name", "Name of the site, else its id.",
			func(s *s1.Site) string { return cmp.Or(s.Name, s.ID) }).Required(),
		Text("displayName", "As name.",
			func(s *s1.Site) string { return cmp.Or(s.Name, s.ID) }).Required(),
		Text("description", "What the customer wrote about the site.",
			func(s *s1.Site) string { return s.Description }),
		Text("siteType", "Trial or paid.", func(s *s1.Site) string { return s.SiteType }),
		Text("usageType", "Who uses the site, as the vendor has it.",
			func(s *s1.Site) string { return s.UsageType }),
		Text("state", "active, expired or deleted.", func(s *s1.Site) string { return s.State }),
		Flag("active", "Whether state is active.",
			func(s *s1.Site) s1.Flag { return activeState(s.State) }),
		Flag("healthStatus", "Whether the console finds the site in good health.",
			func(s *s1.Site) s1.Flag { return s.HealthStatus }),
		Flag("isDefault", "Whether this is the account's default site.",
			func(s *s1.Site) s1.Flag { return s.IsDefault }),
		Text("externalId", "Identifier that the customer gave the site.",
			func(s *s1.Site) string { return s.ExternalID }),
		Text("accountId", "Id of the account.", func(s *s1.Site) string { return s.AccountID }),
		Text("accountName", "Name of the account.",
			func(s *s1.Site) string { return s.AccountName }).Volatile(nameOfParent),
		Text("creator", "Who created the site.", func(s *s1.Site) string { return s.Creator }),
		Text("creatorId", "Id of the console user who created the site.",
			func(s *s1.Site) string { return s.CreatorID }),
		Moment("createdAt", "When the site was created.",
			func(s *s1.Site) s1.Time { return s.CreatedAt }),
		Moment("updatedAt", "When the console last wrote to the site.",
			func(s *s1.Site) s1.Time { return s.UpdatedAt }).Volatile(bookkeeping),
		Moment("expiration", "When the site expires.",
			func(s *s1.Site) s1.Time { return s.Expiration }),
		Flag("unlimitedExpiration", "Whether the site never expires.",
			func(s *s1.Site) s1.Flag { return s.UnlimitedExpiration }),
		Whole("totalLicenses", "Number of licences that the site may use.",
			func(s *s1.Site) s1.Int { return s.TotalLicenses }),
		Flag("unlimitedLicenses", "Whether the site may use any number of licences.",
			func(s *s1.Site) s1.Flag { return s.UnlimitedLicenses }),
		Whole("activeLicenses", "Number of licences in use.",
			func(s *s1.Site) s1.Int { return s.ActiveLicenses }).Volatile(countOfChildren),
		Set("licenseBundles", "Names of the licensed bundles.",
			func(s *s1.Site) []string { return licenseBundles(s.Licenses) }),
		Set("licenseModules", "Names of the licensed add-on modules.",
			func(s *s1.Site) []string { return licenseModules(s.Licenses) }),
		Set("licenseSurfaces", "What each bundle covers, as `bundle/surface: count`.",
			func(s *s1.Site) []string { return licenseSurfaces(s.Licenses) }).Volatile(countOfChildren),
	},
})

const siteType = "sentinelone_site"

// SiteKey is the key of the site with the given id.
func SiteKey(id string) string { return idKey(siteType, id) }

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
	Key:      func(s *s1.Site) string { return SiteKey(s.ID) },
	Properties: []model.Property[s1.Site]{
		model.Text("id", "The site's id.", func(s *s1.Site) string { return s.ID }),
		model.Text("name", "Name of the site, else its id.",
			func(s *s1.Site) string { return cmp.Or(unescaped(s.Name), s.ID) }).Required(),
		model.Text("displayName", "As name.",
			func(s *s1.Site) string { return cmp.Or(unescaped(s.Name), s.ID) }).Required(),
		model.Text("description", "What the customer wrote about the site.",
			func(s *s1.Site) string { return unescaped(s.Description) }),
		model.Text("siteType", "Trial or paid.", func(s *s1.Site) string { return s.SiteType }),
		model.Text("usageType", "Who uses the site, as the vendor has it.",
			func(s *s1.Site) string { return s.UsageType }),
		model.Text("state", "active, expired or deleted.", func(s *s1.Site) string { return s.State }),
		model.Flag("active", "Whether state is active.",
			func(s *s1.Site) s1.Flag { return activeState(s.State) }),
		model.Flag("isDefault", "Whether this is the account's default site.",
			func(s *s1.Site) s1.Flag { return s.IsDefault }),
		model.Text("externalId", "Identifier that the customer gave the site.",
			func(s *s1.Site) string { return s.ExternalID }),
		model.Text("accountId", "Id of the account.", func(s *s1.Site) string { return s.AccountID }),
		model.Text("accountName", "Name of the account.",
			func(s *s1.Site) string { return unescaped(s.AccountName) }).Volatile(nameOfParent),
		model.Text("creator", "Who created the site.", func(s *s1.Site) string { return s.Creator }),
		model.Text("creatorId", "Id of the console user who created the site.",
			func(s *s1.Site) string { return s.CreatorID }),
		model.Moment("createdAt", "When the site was created.",
			func(s *s1.Site) s1.Time { return s.CreatedAt }),
		model.Moment("updatedAt", "When the console last wrote to the site.",
			func(s *s1.Site) s1.Time { return s.UpdatedAt }).Volatile(bookkeeping),
		model.Moment("expiration", "When the site expires.",
			func(s *s1.Site) s1.Time { return s.Expiration }),
		model.Flag("unlimitedExpiration", "Whether the site never expires.",
			func(s *s1.Site) s1.Flag { return s.UnlimitedExpiration }),
		model.Whole("totalLicenses", "Number of licences that the site may use.",
			func(s *s1.Site) s1.Int { return limited(s.TotalLicenses) }),
		model.Flag("unlimitedLicenses", "Whether the site may use any number of licences.",
			func(s *s1.Site) s1.Flag {
				if isUnlimited(s.TotalLicenses) {
					return s1.True
				}
				return s.UnlimitedLicenses
			}),
		model.Whole("activeLicenses", "Number of licences in use.",
			func(s *s1.Site) s1.Int { return s.ActiveLicenses }).Volatile(countOfChildren),
		model.Set("licenseBundles", "Names of the licensed bundles.",
			func(s *s1.Site) []string { return licenseBundles(s.Licenses) }),
		model.Set("licenseModules", "Names of the licensed add-on modules.",
			func(s *s1.Site) []string { return licenseModules(s.Licenses) }),
		model.Set("licenseSurfaces", "What each bundle covers, as `bundle/surface: count`.",
			func(s *s1.Site) []string { return licenseSurfaces(s.Licenses) }).Volatile(countOfChildren),
	},
}.Define()

const siteType = "sentinelone_site"

// SiteKey is the key of the site with the given id.
func SiteKey(id string) string { return idKey(siteType, id) }

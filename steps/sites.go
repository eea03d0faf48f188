package steps

import (
	"context"
	"net/url"

	"s1graph/entities"
	"s1graph/model"
	"s1graph/relationships"
	"s1graph/s1"
)

var siteList = List{
	Path: s1.Sites.Path, Filters: url.Values{"states": {"active,expired"}}, Scope: bySite, Ask: "siteIds", NeverEmpty: true,
}

var sites = Step{
	ID:        "sites",
	Name:      "Sites",
	DependsOn: []string{"accounts"},
	Lists:     []List{siteList},
	Types:     []*model.Description{entities.Site.Description(), relationships.AccountHasSite.Description()},
	Run: func(ctx context.Context, in *Input, out *Emitter) error {
		l := *sitesList
		l.records = func(row *s1.Site, to *made) error {
			in.lookups.addSite(row)
			to.add(entities.Site.Entity(row), relationships.AccountHasSite.Between(entities.AccountKey(row.AccountID), entities.SiteKey(row.ID), row))
			return nil
		}
		l.whole = func(rows int64) { in.listed.siteRows = rows }
		err := l.collect(ctx, in, out)
		in.listed.sites = err == nil
		in.compareListed()
		return err
	},
	Seed: seedSites,
}

var sitesList = &list[s1.Site]{
	List:     siteList,
	endpoint: s1.Sites,
	entity:   entities.Site.GraphType(),
	id:       func(row *s1.Site) string { return row.ID },
	updated:  func(row *s1.Site) s1.Time { return row.UpdatedAt },
}

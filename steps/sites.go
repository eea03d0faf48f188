package steps

import (
	"context"
	"net/url"

	"s1graph/entities"
	"s1graph/graph"
	"s1graph/relationships"
	"s1graph/s1"
)

var sites = Step{
	ID:        "sites",
	Name:      "Sites",
	DependsOn: []string{"accounts"},
	Types:     []*graph.Type{entities.Site.GraphType(), relationships.AccountHasSite.GraphType()},
	Run: func(ctx context.Context, in *Input, out *Emitter) error {
		l := *siteList
		l.records = func(row *s1.Site) []graph.Record {
			in.tables.addSite(row)
			return []graph.Record{
				entities.Site.Entity(row),
				relationships.AccountHasSite.Between(entities.AccountKey(row.AccountID), entities.SiteKey(row.ID), row),
			}
		}
		return l.collect(ctx, in, out)
	},
	Seed: seedSites,
}

var siteList = &list[s1.Site]{
	endpoint: s1.Sites,
	filters:  url.Values{"states": {"active,expired"}},
	scope:    siteScope,
	entity:   entities.Site.GraphType(),
	ask:      "siteIds",
	id:       func(row *s1.Site) string { return row.ID },
	updated:  func(row *s1.Site) s1.Time { return row.UpdatedAt },
}

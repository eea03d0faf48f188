package steps

import (
	"context"

	"s1graph/entities"
	"s1graph/graph"
	"s1graph/relationships"
	"s1graph/s1"
)

var groups = Step{
	ID:        "groups",
	Name:      "Groups",
	DependsOn: []string{"sites"},
	Types: []*graph.Type{
		entities.Group.GraphType(),
		relationships.AccountHasGroup.GraphType(),
		relationships.SiteHasGroup.GraphType(),
	},
	Run: func(ctx context.Context, in *Input, out *Emitter) error {
		l := &list[s1.Group]{
			endpoint: s1.Groups,
			scope:    groupScope,
			entity:   entities.Group.GraphType(),
			ask:      "groupIds",
			id:       func(row *s1.Group) string { return row.ID },
			updated:  func(row *s1.Group) s1.Time { return row.UpdatedAt },
			records: func(row *s1.Group) []graph.Record {
				in.tables.addGroup(row)
				key := entities.GroupKey(row.ID)
				records := []graph.Record{
					entities.Group.Entity(row),
					relationships.SiteHasGroup.Between(entities.SiteKey(row.SiteID), key, row),
				}
				account := in.tables.account(row.SiteID)
				if account == "" {
					out.Dangling(relationships.AccountHasGroup.GraphType())
					return records
				}
				return append(records, relationships.AccountHasGroup.Between(entities.AccountKey(account), key, row))
			},
		}
		return l.collect(ctx, in, out)
	},
}

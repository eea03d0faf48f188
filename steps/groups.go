package steps

import (
	"context"

	"s1graph/entities"
	"s1graph/model"
	"s1graph/relationships"
	"s1graph/s1"
)

var groupList = List{Path: s1.Groups.Path, Scope: byGroup, Ask: "groupIds", NeverEmpty: true}

var groups = Step{
	ID:        "groups",
	Name:      "Groups",
	DependsOn: []string{"sites"},
	Lists:     []List{groupList},
	Types: []*model.Description{
		entities.Group.Description(),
		relationships.AccountHasGroup.Description(),
		relationships.SiteHasGroup.Description(),
	},
	Run: func(ctx context.Context, in *Input, out *Emitter) error {
		l := &list[s1.Group]{
			List:     groupList,
			endpoint: s1.Groups,
			entity:   entities.Group.GraphType(),
			whole:    func(rows int64) { in.listed.groupRows = rows },
			id:       func(row *s1.Group) string { return row.ID },
			updated:  func(row *s1.Group) s1.Time { return row.UpdatedAt },
			records: func(row *s1.Group, to *made) error {
				in.lookups.addGroup(row)
				key := entities.GroupKey(row.ID)
				to.add(entities.Group.Entity(row), relationships.SiteHasGroup.Between(entities.SiteKey(row.SiteID), key, row))
				account := in.accountOf(row.SiteID)
				if account == "" {
					out.Dangling(relationships.AccountHasGroup.GraphType())
					return nil
				}
				to.add(relationships.AccountHasGroup.Between(entities.AccountKey(account), key, row))
				return nil
			},
		}
		err := l.collect(ctx, in, out)
		in.listed.groups = err == nil
		in.compareListed()
		return err
	},
}

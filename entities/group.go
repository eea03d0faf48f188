package entities

import (
	"cmp"

	"s1graph/model"
	"s1graph/s1"
)

// Group is a part of a site whose agents share a policy.
var Group = model.Entity[s1.Group]{
	Type:     groupType,
	Class:    "Group",
	Step:     "groups",
	Source:   "/groups",
	Doc:      "A group of agents that share a policy. Its registration token is never read.",
	KeyDoc:   "the group's id",
	Revision: 2,
	Place:    model.Place{Site: "siteId", Group: model.Own},
	Card:     []string{"type"},
	Key:      func(g *s1.Group) string { return GroupKey(g.ID) },
	Properties: []model.Property[s1.Group]{
		model.Text("id", "The group's id.", func(g *s1.Group) string { return g.ID }),
		model.Text("name", "Name of the group, else its id.",
			func(g *s1.Group) string { return cmp.Or(unescaped(g.Name), g.ID) }).Required(),
		model.Text("displayName", "As name.",
			func(g *s1.Group) string { return cmp.Or(unescaped(g.Name), g.ID) }).Required(),
		model.Text("description", "What the customer wrote about the group.",
			func(g *s1.Group) string { return unescaped(g.Description) }),
		model.Text("type", "static (filled by hand), dynamic (by a filter) or pinned.",
			func(g *s1.Group) string { return g.Type }),
		model.Flag("isDefault", "Whether new agents of the site come to this group.",
			func(g *s1.Group) s1.Flag { return g.IsDefault }),
		model.Flag("inherits", "Whether the group takes its policy from the site.",
			func(g *s1.Group) s1.Flag { return g.Inherits }),
		model.Whole("rank", "Order in which dynamic groups are matched; the lowest wins.",
			func(g *s1.Group) s1.Int { return g.Rank }),
		model.Text("filterId", "Id of the filter that fills a dynamic group.",
			func(g *s1.Group) string { return g.FilterID }),
		model.Text("filterName", "Name of the filter that fills a dynamic group.",
			func(g *s1.Group) string { return unescaped(g.FilterName) }),
		model.Text("siteId", "Id of the site.", func(g *s1.Group) string { return g.SiteID }),
		model.Text("creator", "Who created the group.", func(g *s1.Group) string { return g.Creator }),
		model.Text("creatorId", "Id of the console user who created the group.",
			func(g *s1.Group) string { return g.CreatorID }),
		model.Moment("createdAt", "When the group was created.",
			func(g *s1.Group) s1.Time { return g.CreatedAt }),
		model.Moment("updatedAt", "When the console last wrote to the group.",
			func(g *s1.Group) s1.Time { return g.UpdatedAt }).Volatile(bookkeeping),
		model.Whole("totalAgents", "Number of agents.",
			func(g *s1.Group) s1.Int { return g.TotalAgents }).Volatile(countOfChildren),
	},
}.Define()

const groupType = "sentinelone_group"

// GroupKey is the key of the group with the given id.
func GroupKey(id string) string { return idKey(groupType, id) }

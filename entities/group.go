package entities

import (
	"cmp"

	"s1graph/s1"
)

// Group is a part of a site whose agents share a policy.
var Group = define(Kind[s1.Group]{
	Type:     groupType,
	Class:    "Group",
	Step:     "groups",
	Source:   "/groups",
	Doc:      "A group of agents that share a policy. Its registration token is never read.",
	KeyDoc:   "the group's id",
	Revision: 1,
	Key:      func(g *s1.Group) string { return GroupKey(g.ID) },
	Properties: []Property[s1.Group]{
		Text("id", "The group's id.", func(g *s1.Group) string { return g.ID }),
		Text("name", "Name of the group, else its id.",
			func(g *s1.Group) string { return cmp.Or(g.Name, g.ID) }).Required(),
		Text("displayName", "As name.",
			func(g *s1.Group) string { return cmp.Or(g.Name, g.ID) }).Required(),
		Text("description", "What the customer wrote about the group.",
			func(g *s1.Group) string { return g.Description }),
		Text("type", "static (filled by hand), dynamic (by a filter) or pinned.",
			func(g *s1.Group) string { return g.Type }),
		Flag("isDefault", "Whether new agents of the site come to this group.",
			func(g *s1.Group) s1.Flag { return g.IsDefault }),
		Flag("inherits", "Whether the group takes its policy from the site.",
			func(g *s1.Group) s1.Flag { return g.Inherits }),
		Whole("rank", "Order in which dynamic groups are matched; the lowest wins.",
			func(g *s1.Group) s1.Int { return g.Rank }),
		Text("filterId", "Id of the filter that fills a dynamic group.",
			func(g *s1.Group) string { return g.FilterID }),
		Text("filterName", "Name of the filter that fills a dynamic group.",
			func(g *s1.Group) string { return g.FilterName }),
		Text("siteId", "Id of the site.", func(g *s1.Group) string { return g.SiteID }),
		Text("creator", "Who created the group.", func(g *s1.Group) string { return g.Creator }),
		Text("creatorId", "Id of the console user who created the group.",
			func(g *s1.Group) string { return g.CreatorID }),
		Moment("createdAt", "When the group was created.",
			func(g *s1.Group) s1.Time { return g.CreatedAt }),
		Moment("updatedAt", "When the console last wrote to the group.",
			func(g *s1.Group) s1.Time { return g.UpdatedAt }).Volatile(bookkeeping),
		Whole("totalAgents", "Number of agents.",
			func(g *s1.Group) s1.Int { return g.TotalAgents }).Volatile(countOfChildren),
	},
})

const groupType = "sentinelone_group"

// GroupKey is the key of the group with the given id.
func GroupKey(id string) string { return idKey(groupType, id) }

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
	List:     []string{"type", "sentinelone_site", "#sentinelone_agent", "filterName"},
	Search:   []string{"id"},
	Key:      func(g *s1.Group) string { return GroupKey(g.ID) },
	Properties: []model.Property[s1.Group]{
		groupField("id", "The group's id."),
		model.Text("name", "Name of the group, else its id.",
			func(g *s1.Group) string { return cmp.Or(unescaped(g.Name), g.ID) }).Required(),
		model.Text("displayName", "As name.",
			func(g *s1.Group) string { return cmp.Or(unescaped(g.Name), g.ID) }).Required(),
		model.Text("description", "What the customer wrote about the group.",
			func(g *s1.Group) string { return unescaped(g.Description) }),
		groupField("type", "static (filled by hand), dynamic (by a filter) or pinned."),
		groupField("isDefault", "Whether new agents of the site come to this group."),
		groupField("inherits", "Whether the group takes its policy from the site."),
		groupField("rank", "Order in which dynamic groups are matched; the lowest wins."),
		groupField("filterId", "Id of the filter that fills a dynamic group."),
		model.Text("filterName", "Name of the filter that fills a dynamic group.",
			func(g *s1.Group) string { return unescaped(g.FilterName) }),
		groupField("siteId", "Id of the site."),
		groupField("creator", "Who created the group."),
		groupField("creatorId", "Id of the console user who created the group."),
		groupField("createdAt", "When the group was created."),
		groupField("updatedAt", "When the console last wrote to the group.").Volatile(bookkeeping),
		groupField("totalAgents", "Number of agents.").Volatile(countOfChildren),
	},
}.Define()

var groupField = model.Field[s1.Group]

const groupType = "sentinelone_group"

// GroupKey is the key of the group with the given id.
func GroupKey(id string) string { return IDKey(groupType, id) }

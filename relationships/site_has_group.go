package relationships

import (
	"s1graph/entities"
	"s1graph/model"
	"s1graph/s1"
)

// SiteHasGroup says which site a group belongs to.
var SiteHasGroup = model.Relationship[s1.Group]{
	Type:     "sentinelone_site_has_group",
	Class:    has,
	From:     entities.Site.GraphType(),
	To:       entities.Group.GraphType(),
	Step:     "groups",
	Doc:      "The site that the group belongs to.",
	Subject:  model.To,
	Revision: 1,
}.Define()

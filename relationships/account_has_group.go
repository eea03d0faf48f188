package relationships

import (
	"s1graph/entities"
	"s1graph/model"
	"s1graph/s1"
)

// AccountHasGroup says which account a group belongs to, past its site.
var AccountHasGroup = model.Relationship[s1.Group]{
	Type:     "sentinelone_account_has_group",
	Class:    has,
	From:     entities.Account.GraphType(),
	To:       entities.Group.GraphType(),
	Step:     "groups",
	Doc:      "The account that the group belongs to: that of its site.",
	Subject:  model.To,
	Revision: 1,
}.Define()

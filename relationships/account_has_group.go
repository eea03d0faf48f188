package relationships

import (
	"s1graph/entities"
	"s1graph/s1"
)

// AccountHasGroup says which account a group belongs to, past its site.
var AccountHasGroup = define(Kind[s1.Group]{
	Type:     "sentinelone_account_has_group",
	Class:    has,
	From:     entities.Account.GraphType(),
	To:       entities.Group.GraphType(),
	Step:     "groups",
	Doc:      "The account that the group belongs to: that of its site.",
	Subject:  To,
	Revision: 1,
})

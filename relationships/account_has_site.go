package relationships

import (
	"s1graph/entities"
	"s1graph/s1"
)

// AccountHasSite says which account a site belongs to.
var AccountHasSite = define(Kind[s1.Site]{
	Type:     "sentinelone_account_has_site",
	Class:    has,
	From:     entities.Account.GraphType(),
	To:       entities.Site.GraphType(),
	Step:     "sites",
	Doc:      "The account that the site belongs to.",
	Subject:  To,
	Revision: 1,
})

package relationships

import (
	"s1graph/entities"
	"s1graph/model"
	"s1graph/s1"
)

// AccountHasSite says which account a site belongs to.
var AccountHasSite = model.Relationship[s1.Site]{
	Type:     "sentinelone_account_has_site",
	Class:    has,
	From:     entities.Account.GraphType(),
	To:       entities.Site.GraphType(),
	Step:     "sites",
	Doc:      "The account that the site belongs to.",
	Subject:  model.To,
	Revision: 1,
}.Define()

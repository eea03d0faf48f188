package steps

import (
	"context"
	"errors"
	"net/url"

	"s1graph/entities"
	"s1graph/graph"
	"s1graph/s1"
)

var accounts = Step{
	ID:    "accounts",
	Name:  "Accounts",
	Types: []*graph.Type{entities.Account.GraphType()},
	Run: func(ctx context.Context, in *Input, out *Emitter) error {
		err := accountList.collect(ctx, in, out)
		if isSiteScoped(err) {
			in.AccountsOfSites = true
			return sitesOfAccounts.collect(ctx, in, out)
		}
		return err
	},
}

var accountList = &list[s1.Account]{
	endpoint: s1.Accounts,
	filters:  url.Values{"states": {"active,expired"}},
	scope:    accountScope,
	entity:   entities.Account.GraphType(),
	ask:      "ids",
	id:       func(row *s1.Account) string { return row.ID },
	updated:  func(row *s1.Account) s1.Time { return row.UpdatedAt },
	records: func(row *s1.Account) []graph.Record {
		return []graph.Record{entities.Account.Entity(row)}
	},
}

// sitesOfAccounts makes accounts of what /sites says of them, for tokens that may not read /accounts.
var sitesOfAccounts = &list[s1.Site]{
	endpoint: s1.Sites,
	filters:  siteList.filters,
	scope:    siteScope,
	id:       func(row *s1.Site) string { return row.ID },
	updated:  func(row *s1.Site) s1.Time { return row.UpdatedAt },
	records: func(row *s1.Site) []graph.Record {
		return []graph.Record{entities.Account.Entity(&s1.Account{ID: row.AccountID, Name: row.AccountName})}
	},
}

// isSiteScoped says whether /accounts was refused because the token belongs to a site, which is how
// SentinelOne has it and no fault.
func isSiteScoped(err error) bool {
	var apiError *s1.Error
	return errors.As(err, &apiError) && apiError.Status == 403 && apiError.Code == s1.CodeOutsideScope
}

package steps

import (
	"context"
	"net/url"

	"s1graph/entities"
	"s1graph/model"
	"s1graph/s1"
)

var accountList = List{
	Path: s1.Accounts.Path, Filters: url.Values{"states": {"active,expired"}}, Scope: byAccount, Ask: "ids", NeverEmpty: true,
	StandsIn: &siteList,
}

var accounts = Step{
	ID:    "accounts",
	Name:  "Accounts",
	Lists: []List{accountList},
	Types: []*model.Description{entities.Account.Description()},
	Run: func(ctx context.Context, in *Input, out *Emitter) error {
		l := *accountsList
		l.records = func(row *s1.Account, to *made) error {
			in.lookups.addAccount(row)
			to.add(entities.Account.Entity(row))
			return nil
		}
		err := l.collect(ctx, in, out)
		in.accountsRefused = s1.IsRefused(err)
		if AreMadeOfSites(in.User, err) {
			in.AccountsOfSites = true
			return sitesOfAccounts.collect(ctx, in, out)
		}
		in.listed.accounts = err == nil
		in.compareListed()
		return err
	},
}

var accountsList = &list[s1.Account]{
	List:     accountList,
	endpoint: s1.Accounts,
	entity:   entities.Account.GraphType(),
	id:       func(row *s1.Account) string { return row.ID },
	updated:  func(row *s1.Account) s1.Time { return row.UpdatedAt },
}

// sitesOfAccounts makes accounts of what /sites says of them, for tokens that may not read /accounts.
var sitesOfAccounts = &list[s1.Site]{
	List:     siteList,
	endpoint: s1.Sites,
	id:       func(row *s1.Site) string { return row.ID },
	updated:  func(row *s1.Site) s1.Time { return row.UpdatedAt },
	records: func(row *s1.Site, to *made) error {
		to.add(entities.Account.Entity(&s1.Account{ID: row.AccountID, Name: row.AccountName}))
		return nil
	},
}

// AreMadeOfSites says whether accounts are made of what /sites says of them, as /accounts was refused with err: the token
// is of a site, by what /user says or by what the refusal does. That is how SentinelOne has it, and no fault.
func AreMadeOfSites(user s1.User, err error) bool {
	return s1.IsRefused(err) && user.IsOfSites() || s1.IsRefusedToSiteUsers(err)
}

package check

import (
	"context"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"

	"s1graph/s1"
	"s1graph/steps"
)

// place is an account, a site or a group.
type place struct{ id, above string } // above: the account of a site, the site of a group; "" of an account

// places looks for the accounts, sites and groups that the configuration asks for.
func (c *checker) places(ctx context.Context, client *s1.Client, a answers) {
	ctx, cancel := context.WithTimeout(ctx, longest)
	defer cancel()
	if _, err := steps.NewScope(a.user, steps.Scope{Accounts: c.Config.Accounts, Sites: c.Config.Sites}); a.err == nil && err != nil {
		what, detail, _ := strings.Cut(err.Error(), ": ")
		detail, _, _ = strings.Cut(detail, ": ")
		c.fault("configured "+what, detail, "name "+what+" that the token sees, or none; or widen the service user's scope, "+serviceUsers)
		return
	}
	look(ctx, c, client, a, "account", c.Config.Accounts, "", nil, s1.Accounts, func(row *s1.Account) place { return place{row.ID, ""} })
	look(ctx, c, client, a, "site", c.Config.Sites, "account", c.Config.Accounts, s1.Sites, func(row *s1.Site) place { return place{row.ID, row.AccountID} })
	look(ctx, c, client, a, "group", c.Config.Groups, "site", c.Config.Sites, s1.Groups, func(row *s1.Group) place { return place{row.ID, row.SiteID} })
}

// look looks for the places of one kind that the configuration names, which must be in those above them that it names.
func look[T any](ctx context.Context, c *checker, client *s1.Client, a answers, what string, ids []string, above string, inside []string, e s1.Endpoint[T], of func(*T) place) {
	i := slices.IndexFunc(a.lists, func(l answer) bool { return l.Path == e.Path })
	if len(ids) == 0 || i < 0 {
		return
	}
	subject := "configured " + what + "s"
	if steps.AreMadeOfSites(c.user, a.lists[i].err) {
		c.skip("the token may not ask for "+what+"s", subject)
		return
	}
	var found []string
	for some := range slices.Chunk(ids, 100) {
		ask := func(ids []string) error {
			question := maps.Clone(a.lists[i].Filters)
			if question == nil {
				question = url.Values{}
			}
			question.Set(a.lists[i].Ask, strings.Join(ids, ","))
			for row, err := range s1.List(ctx, client, e, question) {
				if err != nil {
					return err
				}
				if p := of(&row); len(inside) == 0 || above == "" || slices.Contains(inside, p.above) {
					found = append(found, p.id)
				} else if slices.Contains(ids, p.id) {
					found = append(found, p.id)
					c.fault(subject, fmt.Sprintf("%s %s is in none of the configured %ss", what, p.id, above), "look at "+what+"s and "+above+"s in the configuration")
				}
			}
			return nil
		}
		if err := ask(some); err == nil {
			continue
		}
		for _, id := range some { // a console may refuse the whole question for one ID
			if err := ask([]string{id}); err != nil && !steps.CannotBeHad(err) {
				c.skip(err.Error(), subject)
				return
			}
		}
	}
	missing := slices.DeleteFunc(slices.Clone(ids), func(id string) bool { return slices.Contains(found, id) })
	switch {
	case c.told[subject]:
	case len(missing) == 0:
		c.ok(subject, fmt.Sprintf("%d, all there", len(ids)))
	case c.user.Level() == s1.LevelTenant:
		c.fault(subject, "no such "+what+": "+strings.Join(missing, ", "), "look at the "+what+"'s ID in the console, and at "+what+"s in the configuration")
	default:
		c.fault(subject, "the token sees no "+what+" "+strings.Join(missing, ", "),
			"look at the "+what+"'s ID in the console, at "+what+"s in the configuration, and whether the service user's scope has it, "+serviceUsers)
	}
}

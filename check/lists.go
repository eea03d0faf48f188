package check

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"s1graph/s1"
)

// list is one that a step reads.
type list struct {
	path, step string

	// The list's filters on the scope, from the API document; "" where it has none.
	account, site, group string

	filters map[string]string // those with which the step reads it, so that the counts are those of a run
	needed  bool              // an empty one looks like too narrow a scope
	instead string            // the list that is read where the console lacks this one
}

func (l list) subject() string { return "list " + l.path }

// other is the list that is read instead of this one.
func (l list) other() list {
	l.path, l.instead, l.filters = l.instead, "", nil
	return l
}

// both are the two values of a filter without which a list leaves things out.
const both = "true,false"

var lists = []list{
	{path: s1.Accounts.Path, step: "accounts", account: "accountIds", needed: true,
		filters: map[string]string{"states": "active,expired"}},
	{path: s1.Sites.Path, step: "sites", account: "accountIds", site: "siteIds", needed: true,
		filters: map[string]string{"states": "active,expired"}},
	{path: s1.Groups.Path, step: "groups", account: "accountIds", site: "siteIds", group: "groupIds", needed: true},
	{path: s1.Agents.Path, step: "agents", account: "accountIds", site: "siteIds", group: "groupIds", needed: true,
		filters: map[string]string{"isDecommissioned": both, "isUninstalled": both}},
	{path: s1.Threats.Path, step: "threats", account: "accountIds", site: "siteIds", group: "groupIds"},
	{path: s1.InstalledApplications.Path, step: "applications", account: "accountIds", site: "siteIds", group: "groupIds", instead: s1.Inventory.Path,
		filters: map[string]string{"agentIsDecommissioned": both}},
}

func (l list) query(accounts, sites, groups []string) url.Values {
	q := url.Values{}
	for name, value := range l.filters {
		q.Set(name, value)
	}
	for parameter, ids := range map[string][]string{l.account: accounts, l.site: sites, l.group: groups} {
		if parameter != "" && len(ids) > 0 {
			q.Set(parameter, strings.Join(ids, ","))
		}
	}
	return q
}

// lists asks each list that a run would read how many it has.
func (c *checker) lists(ctx context.Context, client *s1.Client) {
	for _, l := range lists {
		if slices.Contains(c.Config.Skip, l.step) || l.step == "applications" && c.Config.Applications == "off" {
			c.skip("left out by the configuration", l.subject())
			continue
		}
		if l.instead != "" && c.Config.Applications == "inventory" {
			l = l.other()
		}
		c.list(ctx, client, l)
	}
}

func (c *checker) list(ctx context.Context, client *s1.Client, l list) {
	n, err := client.RawCount(ctx, l.path, l.query(c.Config.Accounts, c.Config.Sites, c.Config.Groups))
	if s1.IsNotFound(err) && l.instead != "" && c.Config.Applications == "auto" {
		l = l.other()
		c.list(ctx, client, l)
		return
	}
	var answer *s1.Error
	switch {
	case err == nil && n == 0 && l.needed:
		c.warn(l.subject(), "200, and it is empty", "the token's scope looks too narrow: widen it "+serviceUsers+", and look at accounts, sites and groups in the configuration")
	case err == nil && n == 0 && l.instead != "" && c.Config.Applications == "auto":
		l = l.other()
		c.list(ctx, client, l)
	case err == nil:
		c.ok(l.subject(), fmt.Sprintf("200, %d", n))
	case errors.As(err, &answer) && answer.Code == s1.CodeOutsideScope && l.step == "accounts":
		c.ok(l.subject(), "403, as for every token of sites: accounts are made of what the sites say")
	case s1.IsRefused(err):
		c.fault(l.subject(), err.Error(), "give the service user the role "+viewer+" over the whole scope, "+serviceUsers+"; or leave the step out with --skip "+l.step)
	case s1.IsNotFound(err):
		c.fault(l.subject(), err.Error(), "this console has no such list: look at the API version, or leave the step out with --skip "+l.step)
	default:
		c.fault(l.subject(), err.Error(), "try again; if it stays, ask SentinelOne's support with the path and the status")
	}
}

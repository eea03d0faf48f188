package check

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"s1graph/s1"
	"s1graph/steps"
)

// list is one that a step reads.
type list struct {
	steps.List
	step string
}

func (l list) subject() string { return "list " + l.Path }

// standIn is the list that is read instead of this one.
func (l list) standIn() list { return list{*l.StandsIn, l.step} }

// lists are those that the steps read.
func lists() []list {
	var all []list
	for _, step := range steps.All() {
		for _, l := range step.Lists {
			all = append(all, list{l, step.ID})
		}
	}
	return all
}

// lists asks each list that a run would read how many it has.
func (c *checker) lists(ctx context.Context, client *s1.Client) {
	for _, l := range lists() {
		if slices.Contains(c.Config.Skip, l.step) || l.step == "applications" && c.Config.Applications == "off" {
			c.skip("left out by the configuration", l.subject())
			continue
		}
		if l.hasChoice() && c.Config.Applications == steps.InventorySource {
			l = l.standIn()
		}
		c.list(ctx, client, l)
	}
}

// hasChoice says whether the setting applications says which list is read.
func (l list) hasChoice() bool { return l.step == "applications" && l.StandsIn != nil }

func (c *checker) list(ctx context.Context, client *s1.Client, l list) {
	filters := l.Scope.Query(c.Config.Accounts, c.Config.Sites, c.Config.Groups)
	maps.Copy(filters, l.Filters)
	n, err := client.RawCount(ctx, l.Path, filters)
	mayStandIn := l.hasChoice() && c.Config.Applications == steps.AutoSource
	if s1.IsNotFound(err) && mayStandIn {
		c.list(ctx, client, l.standIn())
		return
	}
	switch {
	case err == nil && n == 0 && l.NeverEmpty:
		c.warn(l.subject(), "200, and it is empty", "the token's scope looks too narrow: widen it "+serviceUsers+", and look at accounts, sites and groups in the configuration")
	case err == nil && n == 0 && mayStandIn:
		c.list(ctx, client, l.standIn())
	case errors.Is(err, s1.ErrNoTotal):
		c.ok(l.subject(), "200; it does not say how many rows it has, so a run reads it with more care")
	case err == nil:
		c.ok(l.subject(), fmt.Sprintf("200, %d", n))
	case l.step == "accounts" && steps.AreMadeOfSites(c.user, err):
		c.ok(l.subject(), "403, as for every token of sites: accounts are made of what the sites say")
	case l.IsUnavailable(err):
		c.warn(l.subject(), err.Error(), "this console's licence or version does not have the list, which is no fault: --skip "+l.step+" leaves it out")
	case s1.IsRefused(err):
		c.fault(l.subject(), err.Error(), "give the service user the role "+viewer+" over the whole scope, "+serviceUsers+"; or leave the step out with --skip "+l.step)
	case s1.IsNotFound(err):
		c.fault(l.subject(), err.Error(), "this console has no such list: look at the API version, or leave the step out with --skip "+l.step)
	default:
		c.fault(l.subject(), err.Error(), "try again; if it stays, ask SentinelOne's support with the path and the status")
	}
}

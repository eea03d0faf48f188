package steps

import (
	"context"
	"errors"
	"net/url"

	"s1graph/entities"
	"s1graph/graph"
	"s1graph/model"
	"s1graph/s1"
)

// Where /user does not tell what the token may see, the scope is what /accounts, /sites and /groups list. Nobody can tell
// whether a site that they list no more is gone or out of sight: it stays, with what hangs on it, until somebody accepts that
// it goes. What they list that was not there before was created, as long as the same user asks with the same token.

// listed is what the three lists say of the scope. Those of its fields that are about a list are set when its step has
// ended, which is before the steps that depend on it begin.
type listed struct {
	accounts, sites, groups bool  // the list was read whole
	siteRows, groupRows     int64 // how many rows it had

	accountsBefore, groupsBefore map[string]bool // IDs in the last graph
	left                         int             // how many accounts, sites and groups of the last graph are listed no more
	isNew                        bool            // one is listed that the last graph does not have
}

// readBefore reads which accounts and groups the last graph has.
func (l *listed) readBefore(ctx context.Context, last graph.Snapshot) (err error) {
	idsOf := func(t *graph.Type) (map[string]bool, error) {
		return graph.SetOf(graph.Map(graph.Keys(ctx, last, t.Name), idOf))
	}
	if l.accountsBefore, err = idsOf(entities.Account.GraphType()); err == nil {
		l.groupsBefore, err = idsOf(entities.Group.GraphType())
	}
	return err
}

// compareListed compares what was listed so far with the last graph.
func (in *Input) compareListed() {
	if in.Scope.Fingerprint == "" {
		return
	}
	l := &in.listed
	l.left, l.isNew = 0, false
	compare := func(whole bool, before, now map[string]bool) {
		for id := range before {
			if whole && !now[id] {
				l.left++
			}
		}
		for id := range now {
			l.isNew = l.isNew || !before[id]
		}
	}
	sitesBefore := make(map[string]bool)
	for id := range in.accountsBefore {
		sitesBefore[id] = true
	}
	in.lookups.mu.RLock()
	defer in.lookups.mu.RUnlock()
	compare(l.accounts, l.accountsBefore, in.lookups.listedAccounts)
	compare(l.sites, sitesBefore, in.lookups.listedSites)
	compare(l.groups, l.groupsBefore, in.lookups.listedGroups)
}

// hasLeft says whether a record of the last graph is, or hangs on, an account, a site or a group that is listed no more.
func (in *Input) hasLeft(d *model.Description, at func(property string) string) bool {
	l := &in.listed
	if l.left == 0 {
		return false
	}
	in.lookups.mu.RLock()
	defer in.lookups.mu.RUnlock()
	if d.Place.Site == "" {
		return l.accounts && !in.lookups.listedAccounts[at(d.Place.Account)]
	}
	group := at(d.Place.Group)
	return l.sites && !in.lookups.listedSites[at(d.Place.Site)] ||
		l.groups && d.Place.Group != "" && l.groupsBefore[group] && !in.lookups.listedGroups[group]
}

// ListsScope says, when the steps have ended, whether the lists that show the scope were read whole. Left is how many
// accounts, sites and groups of the last graph they have no more, and ListsNew whether they have any that it does not.
func (in *Input) ListsScope() bool { return in.listed.sites && in.listed.groups }

// Left is explained at ListsScope.
func (in *Input) Left() int { return in.listed.left }

// ListsNew is explained at ListsScope.
func (in *Input) ListsNew() bool { return in.listed.isNew }

// BecameShorter counts the sites and groups once more, after all else: what the user may see can be changed in the console
// without an error, and the lists that were read after that then lack rows.
func (in *Input) BecameShorter(ctx context.Context) (bool, error) {
	count := func(l List) (int64, error) {
		filters := withFilters(in.Scope.query(l.Scope), l.Filters)
		n, err := s1.Count(ctx, in.Client, s1.Endpoint[url.Values]{Path: l.Path}, filters)
		return int64(n), err
	}
	sites, err := count(siteList)
	if err != nil {
		return false, ignoreNoTotal(err)
	}
	groups, err := count(groupList)
	return err == nil && (sites < in.listed.siteRows || groups < in.listed.groupRows), ignoreNoTotal(err)
}

func ignoreNoTotal(err error) error {
	if errors.Is(err, s1.ErrNoTotal) {
		return nil
	}
	return err
}

package steps

import (
	"cmp"
	"maps"
	"net/url"
	"slices"
	"strings"
)

// A long list is read in several cursor chains side by side, since what a user waits for is latency
// times pages. The rows are divided by site, and those of a site that has most of them by group. A
// chain holds several sites, so that a tenant of a thousand small sites is not asked a thousand times.

const (
	payingPages   = 4  // a list of fewer pages is read in one chain
	maxChains     = 12 // as many as the client has requests under way; more would only wait
	maxIDsInChain = 100
)

// part is a piece of a list that a filter selects.
type part struct {
	parameter, id string
	weight        int64 // a guess of its rows, relative to the other parts
}

// parts divides what a list of agents, or of things on agents, is divided by.
func (in *Input) parts() []part {
	in.lookups.mu.RLock()
	defer in.lookups.mu.RUnlock()
	weights := maps.Clone(in.lookups.sites)
	var total int64
	for id, n := range in.lookups.agentsOfSite {
		weights[id] = n
	}
	for _, n := range weights {
		total += n
	}
	var parts []part
	for site, weight := range weights {
		if site == "" {
			continue
		}
		groups := in.groupsOf(site)
		if len(groups) > 1 && (len(weights) == 1 || weight > total/2) {
			parts = append(parts, groups...)
		} else {
			parts = append(parts, part{"siteIds", site, weight})
		}
	}
	return parts
}

func (in *Input) groupsOf(site string) []part {
	var parts []part
	for id, group := range in.lookups.groups {
		if group.site == site && id != "" {
			parts = append(parts, part{"groupIds", id, max(group.agents, group.rows)})
		}
	}
	return parts
}

// split returns the filters of the chains that a list of the given number of rows is read in: one where
// more would not pay.
func (in *Input) split(filters url.Values, rows int) []url.Values {
	pages := (rows + in.Client.PageSize() - 1) / in.Client.PageSize()
	if pages < payingPages || filters.Has("groupIds") {
		return []url.Values{filters}
	}
	parts := in.parts()
	if filters.Has("siteIds") {
		wanted := strings.Split(filters.Get("siteIds"), ",")
		parts = slices.DeleteFunc(parts, func(p part) bool { return p.parameter != "siteIds" || !slices.Contains(wanted, p.id) })
	}
	if len(parts) < 2 {
		return []url.Values{filters}
	}
	return pack(parts, filters, min(maxChains, pages/2, len(parts)))
}

// pack puts the heaviest part into the lightest chain, again and again. It does not depend on the order
// of parts.
func pack(parts []part, filters url.Values, chains int) []url.Values {
	slices.SortFunc(parts, func(a, b part) int {
		return cmp.Or(cmp.Compare(b.weight, a.weight), strings.Compare(a.parameter+a.id, b.parameter+b.id))
	})
	type chain struct {
		parameter string
		ids       []string
		weight    int64
	}
	var packed []*chain
	for _, p := range parts {
		var lightest *chain
		for _, c := range packed {
			if c.parameter == p.parameter && len(c.ids) < maxIDsInChain && (lightest == nil || c.weight < lightest.weight) {
				lightest = c
			}
		}
		if lightest == nil || len(packed) < chains {
			lightest = &chain{parameter: p.parameter}
			packed = append(packed, lightest)
		}
		lightest.ids = append(lightest.ids, p.id)
		lightest.weight += p.weight
	}
	queries := make([]url.Values, 0, len(packed))
	for _, c := range packed {
		q := maps.Clone(filters)
		slices.Sort(c.ids)
		q.Set(c.parameter, strings.Join(c.ids, ","))
		queries = append(queries, q)
	}
	return queries
}

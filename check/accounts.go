package check

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"

	"s1graph/plural"
	"s1graph/s1"
)

// mostAsked is how many accounts or sites are asked one by one: somebody sits before the screen.
const mostAsked = 20

// askByAccount asks how many rows a list has that is licensed by itself, as a run does: account by account, or site by site where
// the token may not read accounts. Where some refuse it and others do not, the answer names those.
func (c *checker) askByAccount(ctx context.Context, client *s1.Client, l list) answer {
	places, bound := c.placesToAsk(ctx, client, l)
	a := answer{list: l, bound: bound}
	var refusal error
	for _, p := range places {
		maps.Copy(p.question, l.Filters)
		if severities := c.Config.Severities(); len(severities) > 0 {
			p.question.Set("severities", strings.ToUpper(strings.Join(severities, ",")))
		}
		rows, err := rowsOf(ctx, client, l, p.question)
		switch {
		case l.IsUnavailable(err):
			a.refusing, refusal = append(a.refusing, p.title+": "+said(err)), err
		case err != nil && !errors.Is(err, s1.ErrNoTotal):
			a.err = err
			return a
		case err != nil:
			a.err = err
		}
		a.rows += rows
	}
	if len(a.refusing) == len(places) {
		a.err, a.refusing = refusal, nil
	}
	return a
}

// placeToAsk is an account or a site, or what the configuration names.
type placeToAsk struct {
	title    string
	question url.Values
}

// placesToAsk are the places that a list is asked for; bound says how many others there are, "" where all are asked.
func (c *checker) placesToAsk(ctx context.Context, client *s1.Client, l list) (places []placeToAsk, bound string) {
	configured := l.Scope.QueriesOfOne(c.Config.Accounts, c.Config.Sites, c.Config.Groups)
	if len(configured[0]) == 0 {
		places, bound, err := firstPlaces(ctx, client, "account", l.Scope.Account, s1.Accounts, func(row *s1.Account) (id, name string) { return row.ID, row.Name })
		if s1.IsRefused(err) {
			places, bound, err = firstPlaces(ctx, client, "site", l.Scope.Site, s1.Sites, func(row *s1.Site) (id, name string) { return row.ID, row.Name })
		}
		if err == nil && len(places) > 0 {
			return places, bound
		}
	}
	for _, question := range configured {
		places = append(places, placeToAsk{question.Encode(), question})
	}
	return places, ""
}

// firstPlaces are the first accounts or sites that the token sees.
func firstPlaces[T any](ctx context.Context, client *s1.Client, what, parameter string, e s1.Endpoint[T], of func(*T) (id, name string)) (places []placeToAsk, bound string, err error) {
	i := slices.IndexFunc(lists(), func(l list) bool { return l.Path == e.Path })
	filters := maps.Clone(lists()[i].Filters)
	filters.Set("limit", fmt.Sprint(mostAsked))
	for page, err := range s1.Pages(ctx, client, e, filters) {
		if err != nil {
			return nil, "", err
		}
		for _, row := range page.Rows[:min(len(page.Rows), mostAsked)] {
			id, name := of(&row)
			places = append(places, placeToAsk{fmt.Sprintf("%s %s (%s)", what, name, id), url.Values{parameter: {id}}})
		}
		if page.Total > len(places) {
			bound = fmt.Sprintf("the first %d %ss of %d were asked", len(places), what, page.Total)
		}
		break
	}
	return places, bound, nil
}

// answered says how a list stands that some places refuse and others do not.
func (c *checker) answered(l answer) {
	detail := []string{"200, " + plural.Of(l.rows, "row")}
	if l.bound != "" {
		detail = append(detail, l.bound)
	}
	if len(l.refusing) == 0 {
		c.ok(l.subject(), strings.Join(detail, "; "))
		return
	}
	c.warn(l.subject(), strings.Join(append(detail, l.refusing...), "; "),
		"the license of what is named does not have the list, which is not a fault: a run keeps what is known there, and reads all others"+l.demands())
}

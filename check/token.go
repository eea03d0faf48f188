package check

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"s1graph/plural"
	"s1graph/s1"
)

// token says whose token it is, and what it may see.
func (c *checker) token(a answers) {
	switch kindOf(a.err) {
	case fine:
	case refused, notFound:
		c.ok("token", "accepted by "+a.accepted())
		c.skip("the console does not say", "role", "token expiry")
		c.untold("the console does not say what the token sees: "+a.err.Error(), a)
		return
	default:
		c.fault("token", "accepted by "+a.accepted()+", but a run must know what it sees: "+said(a.err), c.adviceOn(a.err, ""))
		c.skip("/user does not say", "role", "scope", "token expiry")
		return
	}
	user := a.user
	who := user.FullName
	if user.Email != "" && user.Email != who {
		who = strings.TrimSpace(who + " <" + user.Email + ">")
	}
	c.ok("token", "accepted, of "+cmp.Or(who, "a user whom /user does not name"))
	if k, _ := a.whole(); k != refused {
		c.role(user)
	}
	c.scope(a)
	c.expiry(user)
}

// viewer is the role that suffices.
const viewer = "Viewer"

// role warns of a token that may do more than it needs to.
func (c *checker) role(user s1.User) {
	roles := user.RoleNames()
	more := slices.DeleteFunc(slices.Clone(roles), func(role string) bool { return strings.EqualFold(role, viewer) })
	switch {
	case len(roles) == 0:
		c.ok("role", "the console does not say; "+viewer+" suffices")
	case len(more) > 0:
		c.warn("role", strings.Join(roles, ", "), "s1graph only reads, and who gets hold of the token could do more: give the service user the role "+viewer+", "+serviceUsers)
	default:
		c.ok("role", viewer)
	}
}

// byLists is how the scope is found out where /user does not tell it.
const byLists = "a run finds it out by what /accounts, /sites and /groups list; what leaves those lists is kept until s1graph accept-deletions --out-of-scope, and the first run with a new token deletes nothing"

func (c *checker) scope(a answers) {
	user := a.user
	if !user.TellsScope() {
		c.untold("/user does not say what the token sees", a)
		return
	}
	const few = 3
	var names []string
	roles := slices.Concat(user.ScopeRoles, user.SiteRoles)
	for _, id := range user.ScopeIDs() {
		role := slices.IndexFunc(roles, func(role s1.ScopeRole) bool { return role.ID == id })
		names = append(names, cmp.Or(roles[role].Name, id))
	}
	slices.Sort(names)
	detail := user.Level()
	if len(names) > few {
		detail += fmt.Sprintf(": %s and %d more", strings.Join(names[:few], ", "), len(names)-few)
	} else if len(names) > 0 {
		detail += ": " + strings.Join(names, ", ")
	}
	if c.isNarrowed() {
		detail += ", narrowed by the configuration"
	} else if a.areEmpty() {
		c.warn("scope", detail+seesNothing, widenScope)
		return
	}
	c.ok("scope", detail)
}

const (
	seesNothing = "; the token sees nothing: lists are empty in which every tenant has rows"
	widenScope  = "widen the service user's scope, " + serviceUsers
)

// untold says how a scope stands that /user does not tell.
func (c *checker) untold(detail string, a answers) {
	if !c.isNarrowed() && a.areEmpty() {
		c.warn("scope", detail+seesNothing, widenScope)
		return
	}
	c.warn("scope", detail, byLists)
}

// isNarrowed says whether the configuration asks for a part of the tenant.
func (c *checker) isNarrowed() bool {
	return len(c.Config.Accounts)+len(c.Config.Sites)+len(c.Config.Groups) > 0
}

// areEmpty says whether all the lists are empty that every tenant has rows of.
func (a *answers) areEmpty() bool {
	n := 0
	for _, l := range a.lists {
		if l.NeverEmpty {
			n++
			if kindOf(l.err) != fine || l.rows > 0 {
				return false
			}
		}
	}
	return n > 1
}

// soon is when one should look after a token.
const soon = 30 * 24 * time.Hour

// expiry says when the token ends, by the console's clock.
func (c *checker) expiry(user s1.User) {
	if user.APIToken == nil || user.APIToken.ExpiresAt <= 0 {
		c.ok("token expiry", "the console does not say")
		return
	}
	at := time.UnixMilli(int64(user.APIToken.ExpiresAt)).UTC()
	left := at.Sub(c.Clock().Add(-c.skew))
	detail := at.Format(time.DateOnly) + ", in " + inDays(left)
	const renew = "regenerate it " + serviceUsers
	switch {
	case left < 0:
		c.warn("token expiry", at.Format(time.DateOnly)+", "+inDays(-left)+" ago, though the console still takes it", renew+"; a token file is read again by itself")
	case left < soon:
		c.warn("token expiry", detail, renew+", before it ends; a token file is read again by itself")
	default:
		c.ok("token expiry", detail)
	}
}

func inDays(d time.Duration) string {
	if d < 48*time.Hour {
		return plural.Of(int(d.Hours()), "hour")
	}
	return plural.Of(int(d.Hours()/24), "day")
}

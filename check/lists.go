package check

import (
	"cmp"

	"s1graph/plural"
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

// demands says which permission a list of a module of its own needs.
func (l list) demands() string {
	if l.Permission == "" {
		return ""
	}
	return "; the token's role needs the permission " + l.Permission + " for it"
}

// hasChoice says whether the setting applications says which list is read.
func (l list) hasChoice() bool { return l.step == "applications" && l.StandsIn != nil }

// leavesOut says whether the configuration leaves the list's step out.
func (c *checker) leavesOut(l list) bool {
	return c.Config.LeavesOut(l.step)
}

// lists says how each list that a run would read stands.
func (c *checker) lists(a answers) {
	for _, l := range lists() {
		if c.leavesOut(l) {
			c.skip("left out by the configuration", l.subject())
		}
	}
	misplaced := c.misplaced()
	for _, l := range a.lists {
		switch k := kindOf(l.err); {
		case k == fine && l.err != nil && l.rows > 0:
			c.ok(l.subject(), "200; it does not say how many rows it has, so a run reads it with more care")
		case k == fine && l.OfOne && l.rows+len(l.refusing) > 0:
			c.answered(l)
		case k == fine && l.rows == 0 && l.NeverEmpty && !a.areEmpty():
			c.empty(l, misplaced)
		case k == fine && l.rows == 0 && l.Permission != "" && misplaced == "" && !a.areEmpty():
			c.warn(l.subject(), "200, and it is empty", "there is nothing to tell, or the console's license does not have it, which is not a fault"+l.demands())
		case k == fine:
			c.ok(l.subject(), "200, "+plural.Of(l.rows, "row"))
		case l.step == "accounts" && steps.AreMadeOfSites(c.user, l.err):
			c.ok(l.subject(), "403, as for every token of sites: accounts are made of what the sites say")
		case l.IsUnavailable(l.err):
			c.warn(l.subject(), l.err.Error(), "this console's license or version does not have the list, which is not a fault: --skip "+l.step+" leaves it out"+l.demands())
		case misplaced != "" && steps.CannotBeHad(l.err):
			c.skip("see "+misplaced, l.subject())
		case k == limited:
			c.skip("see rate limits", l.subject())
		default:
			c.fault(l.subject(), said(l.err), c.adviceOn(l.err, l.step))
		}
	}
}

// misplaced is the subject of places in the configuration that are not there; "" where all are.
func (c *checker) misplaced() string {
	for _, subject := range []string{"configured accounts", "configured sites", "configured groups"} {
		if c.faulty[subject] {
			return subject
		}
	}
	return ""
}

// empty tells of an empty list that every tenant has rows of.
func (c *checker) empty(l answer, misplaced string) {
	switch {
	case misplaced != "":
		c.skip("200, and empty: see "+misplaced, l.subject())
	case c.isNarrowed():
		c.warn(l.subject(), "200, and it is empty", "look at accounts, sites and groups in the configuration: nothing of it is left")
	case l.step == "agents":
		c.warn(l.subject(), "200, and it is empty", "no agent has reported yet, or the token's scope looks too narrow: "+serviceUsers)
	default:
		c.warn(l.subject(), "200, and it is empty", "the token's scope looks too narrow: widen it "+serviceUsers)
	}
}

// adviceOn says what to do about one question that went wrong where others were answered. step is that of a list, "" of
// /user.
func (c *checker) adviceOn(err error, step string) string {
	leaveOut := ""
	if step != "" {
		leaveOut = "leave the step out with --skip " + step
	}
	switch kindOf(err) {
	case unauthorized:
		return "the console took the token elsewhere: check again, and see whether somebody changes it meanwhile"
	case refused:
		return "give the service user the role " + viewer + " over the whole scope, " + serviceUsers + "; or " + leaveOut
	case notFound:
		return "this console has no such list: " + leaveOut
	case invalid:
		if c.isNarrowed() {
			return "look at accounts, sites and groups in the configuration; if they are right, " + leaveOut
		}
		return "the console does not accept the request: " + cmp.Or(leaveOut, "report it to s1graph's authors")
	case foreign, redirected:
		return "ask who runs what stands before the console, then check again"
	}
	return "check again; if it stays, ask SentinelOne's support with the path and the status"
}

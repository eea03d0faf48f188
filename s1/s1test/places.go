package s1test

import (
	"iter"
	"strconv"
)

// SecretPrefix begins every secret that the tenant plants where a console has one: registration
// tokens, licence keys, command lines. No output may contain it.
const SecretPrefix = "SECRET-"

// The secrets that stand in rows.
const (
	SecretRegistrationToken = SecretPrefix + "registration-eyJ1cmwiOiAiaHR0cHM6Ly9hY21lIn0="
	SecretLicenseKey        = SecretPrefix + "licence-key-0123456789"
	SecretArguments         = SecretPrefix + "arguments --user admin --password hunter2"
)

func (w *world) accountName(n int) string {
	if n == 0 {
		return w.Name
	}
	if n == 1 {
		return w.Name + " Subsidiaries"
	}
	return w.Name + " Customer " + strconv.Itoa(n)
}

var siteNames = []string{"Berlin Headquarters", "Austin Office", "Lyon Plant", "Haifa Research", "Zürich – 東京 🗼", "Remote Staff"}

func (w *world) siteName(n int) string {
	if name, ok := w.siteNames[n]; ok {
		return name
	}
	if w.Story {
		return storySites[n].name
	}
	if n < len(siteNames) {
		return siteNames[n]
	}
	return "Site " + strconv.Itoa(n)
}

var groupNames = []string{"Servers", "Laptops", "Workstations", "Executives", "Contractors", "Finance", "Developers", "Kiosks"}

func (w *world) groupName(n int) string {
	if n < w.Sites {
		return "Default Group"
	}
	if i := n - w.Sites; w.Awkward && i < awkwardGroups {
		return HostileNames[[awkwardGroups]int{0, 5, 8, 9, 6}[i]]
	}
	nth := n/w.Sites - 1 // of its site, after the default group
	name := groupNames[nth%len(groupNames)]
	if again := nth / len(groupNames); again > 0 {
		name += " " + strconv.Itoa(again+1)
	}
	return name
}

// isNullSite tells whether all but its ID, its name and its account's ID is null in a site's row.
func (w *world) isNullSite(n int) bool { return w.Awkward && n == w.Sites-1 }

// isNullGroup does the same for groups, where the name is null too.
func (w *world) isNullGroup(n int) bool { return w.Awkward && n == w.Sites+awkwardGroups-1 }

// drift makes counts move by a little from day to day, as they do where licences are counted once
// an hour.
func (w *world) drift(n int) int64 { return int64(w.dice(aboutCounts, n, w.day) % 3) }

const accountIDs idKind = 420

var _ = declare(list{
	path: "/accounts", limit: 1000, ids: accountIDs, byID: "ids",
	parameters: []string{"ids", "accountIds", "states", "name"},
	flags:      []string{"isDefault"},
	rows:       accountRows,
	write:      func(w *world) func(*object, rowRef) { return w.writeAccount },
})

func accountRows(w *world, q *query, from rowRef) iter.Seq[rowRef] {
	return numbered(q, from.n, w.Accounts, func(n int) bool {
		return has(q.accounts, n) && q.word("states", "active") && q.word("name", w.accountName(n)) && q.flag("isDefault", n == 0)
	})
}

func (w *world) writeAccount(o *object, ref rowRef) {
	n := ref.n
	c := w.census()
	agents := int64(c.accounts[n]) + w.drift(n)
	sites := int64((w.sitesOpen() - n + w.Accounts - 1) / w.Accounts)
	o.begin()
	o.enum("accountType", "Paid")
	o.number("activeAgents", agents)
	o.number("agentsInCompleteSku", agents)
	o.number("agentsInControlSku", 0)
	o.number("agentsInCoreSku", 0)
	o.enum("billingMode", "subscription")
	o.number("completeSites", sites)
	o.number("controlSites", 0)
	o.number("coreSites", 0)
	o.time("createdAt", dayZero-1200*day+moment(n)*hour+1)
	o.text("creator", "SentinelOne")
	o.id("creatorId", w.id(userIDs, 0))
	o.time("expiration", (dayZero + 400*day).whole())
	o.text("externalId", "CRM-"+strconv.Itoa(4000+n))
	o.id("id", w.id(accountIDs, n))
	o.flag("isDefault", n == 0)
	w.writeLicenses(o, agents)
	o.text("name", w.accountName(n))
	o.number("numberOfSites", sites)
	o.text("salesforceId", "")
	if o.openList("skus") {
		o.begin()
		o.number("agentsInSku", agents)
		o.number("totalLicenses", 1000)
		o.enum("type", "Complete")
		o.flag("unlimited", false)
		o.end()
		o.endList()
	}
	o.enum("state", "active")
	o.number("totalComplete", 1000)
	o.number("totalControl", 0)
	o.number("totalCore", 0)
	o.number("totalLicenses", int64(w.Agents+w.Agents/5))
	o.flag("unlimitedComplete", false)
	o.flag("unlimitedControl", false)
	o.flag("unlimitedCore", false)
	o.flag("unlimitedExpiration", false)
	o.time("updatedAt", w.updatedToday(n, ref))
	o.enum("usageType", "customer")
	o.end()
}

func (w *world) updatedToday(n int, ref rowRef) moment {
	at := w.now - moment(w.dice(aboutCounts, n, w.day)%uint64(hour))
	if ref.moved {
		at += day
	}
	return at
}

func (w *world) writeLicenses(o *object, agents int64) {
	if !o.open("licenses") {
		return
	}
	o.openList("bundles")
	o.begin()
	o.text("displayName", "Singularity Complete")
	o.number("majorVersion", 1)
	o.number("minorVersion", 44)
	o.text("name", "singularity_complete")
	o.openList("surfaces")
	o.begin()
	o.number("count", agents)
	o.text("name", "Total Agents")
	o.end()
	o.endList()
	o.number("totalSurfaces", agents)
	o.end()
	o.endList()
	o.openList("modules")
	o.begin()
	o.text("displayName", "Ranger")
	o.number("majorVersion", 1)
	o.text("name", "ranger")
	o.end()
	o.endList()
	o.openList("settings")
	o.begin()
	o.text("displayName", "14 days")
	o.text("groupName", "dv_retention")
	o.text("setting", "14")
	o.text("settingGroup", "dv_retention")
	o.text("settingGroupDisplayName", "Deep Visibility Data Retention")
	o.end()
	o.endList()
	o.end()
}

const siteIDs idKind = 530

var _ = declare(list{
	path: "/sites", limit: 1000, ids: siteIDs, byID: "siteIds",
	parameters: []string{"siteIds", "accountIds", "accountId", "states", "state", "name"},
	flags:      []string{"isDefault"},
	rows:       siteRows,
	write:      func(w *world) func(*object, rowRef) { return w.writeSite },
})

func siteRows(w *world, q *query, from rowRef) iter.Seq[rowRef] {
	return numbered(q, from.n, w.sitesOpen(), func(n int) bool {
		return has(q.accounts, w.accountOf(n)) && has(q.sites, n) &&
			q.word("states", "active") && q.word("state", "active") && q.word("name", w.siteName(n)) && q.flag("isDefault", n < w.Accounts)
	})
}

func (w *world) writeSite(o *object, ref rowRef) {
	n := ref.n
	account := w.accountOf(n)
	agents, licenses := int64(w.census().sites[n])+w.drift(n), int64(1000)
	if w.Story {
		licenses = int64(storySites[n].licenses)
	}
	o.nulls = w.isNullSite(n)
	defer o.plain()
	o.begin()
	o.id("accountId", w.id(accountIDs, account))
	o.text("accountName", w.accountName(account))
	o.number("activeLicenses", agents)
	o.time("createdAt", dayZero-900*day+moment(n)*hour+1)
	o.text("creator", "Mara Lindqvist")
	o.text("creatorId", w.idString(userIDs, 1))
	o.null("description")
	o.time("expiration", 0)
	o.text("externalId", "")
	o.flag("healthStatus", true)
	o.id("id", w.id(siteIDs, n))
	o.flag("isDefault", n < w.Accounts)
	w.writeLicenses(o, agents)
	o.key("name")
	o.value(w.siteName(n))
	o.text("registrationToken", SecretRegistrationToken)
	o.enum("siteType", "Paid")
	o.enum("sku", "Complete")
	o.enum("state", "active")
	o.enum("suite", "Complete")
	o.number("totalLicenses", licenses)
	o.flag("unlimitedExpiration", true)
	o.flag("unlimitedLicenses", false)
	o.time("updatedAt", w.updatedToday(n, ref))
	o.enum("usageType", "customer")
	o.end()
}

const groupIDs idKind = 640

var _ = declare(list{
	path: "/groups", limit: 300, ids: groupIDs, byID: "groupIds",
	parameters: []string{"groupIds", "id", "accountIds", "siteIds", "name"},
	flags:      []string{"isDefault"},
	rows:       groupRows,
	write:      func(w *world) func(*object, rowRef) { return w.writeGroup },
})

func groupRows(w *world, q *query, from rowRef) iter.Seq[rowRef] {
	return numbered(q, from.n, w.Groups, func(n int) bool {
		site := w.siteOf(n)
		return site < w.sitesOpen() && q.isIn(w.accountOf(site), site, n) && q.word("name", w.groupName(n)) && q.flag("isDefault", n < w.Sites)
	})
}

func (w *world) writeGroup(o *object, ref rowRef) {
	n := ref.n
	kind := "static"
	if n >= w.Sites {
		kind = []string{"static", "dynamic", "pinned"}[n%3]
	}
	o.nulls = w.isNullGroup(n)
	defer o.plain()
	o.begin()
	o.time("createdAt", dayZero-800*day+moment(n)*hour+1)
	o.text("creator", "Tomas Okonkwo")
	o.text("creatorId", w.idString(userIDs, 2))
	o.text("description", "")
	if kind == "dynamic" {
		o.text("filterId", w.idString(filterIDs, n))
		o.text("filterName", "by machine type")
	} else {
		o.null("filterId")
		o.null("filterName")
	}
	o.id("id", w.id(groupIDs, n))
	o.flag("inherits", n%4 != 3)
	o.flag("isDefault", n < w.Sites)
	o.text("name", w.groupName(n))
	if kind == "dynamic" {
		o.number("rank", int64(n))
	} else {
		o.null("rank")
	}
	o.text("registrationToken", SecretRegistrationToken)
	o.id("siteId", w.id(siteIDs, w.siteOf(n)))
	o.number("totalAgents", int64(w.census().groups[n]))
	o.enum("type", kind)
	o.time("updatedAt", w.updatedToday(n, ref))
	o.end()
}

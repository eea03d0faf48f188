package s1test

import (
	"cmp"
	"net/http"
)

// single answers the requests whose answer is no list.
func (w *world) single(path string, r *http.Request, token Token) *answer {
	user := w.idString(userIDs, 0)
	switch {
	case path == "/user":
		return found(func(o *object) { w.writeUser(o, user, token) })
	case path == "/users/"+user+"/api-token-details":
		return found(func(o *object) { w.writeTokenTimes(o, token) })
	case path == "/system/info":
		return found(func(o *object) {
			o.text("build", "S-24.3.2.8")
			o.text("latestAgentVersion", agentVersions[windows][2])
			o.text("patch", "SP2")
			o.text("release", "Z SP")
			o.text("version", "Z SP2#8")
		})
	case path == "/agents/count":
		return w.agentCount(r, token)
	}
	return refused(notFound)
}

func (w *world) agentCount(r *http.Request, token Token) *answer {
	q, no := w.parse(agentsCounted, r.URL.Query(), token)
	if no != nil {
		return refused(no)
	}
	return found(func(o *object) { o.number("total", int64(agentsCounted.total(w, q))) })
}

// agentsCounted takes the filters of /agents.
var agentsCounted = &list{
	path: "/agents/count", limit: 1000, ids: agentIDs, byID: "ids",
	parameters: agentParameters, flags: agentFlags, hiding: []string{"isDecommissioned", "isUninstalled"},
	rows: agentRows,
}

func (w *world) writeUser(o *object, id string, token Token) {
	o.flag("agreedEula", true)
	o.null("agreementUrl")
	o.flag("allowRemoteShell", false)
	o.open("apiToken")
	w.writeTokenTimes(o, token)
	o.end()
	o.flag("canGenerateApiToken", true)
	o.time("dateJoined", dayZero-300*day)
	o.number("elevatedSessionDurationMinutes", 10)
	o.text("email", "s1graph@"+w.dnsDomain())
	o.flag("emailReadOnly", true)
	o.flag("emailVerified", true)
	o.time("firstLogin", dayZero-300*day)
	o.text("fullName", "s1graph")
	o.flag("fullNameReadOnly", true)
	o.flag("groupsReadOnly", false)
	o.text("id", id)
	o.flag("isExternalLoginUser", false)
	o.flag("isSystem", false)
	o.time("lastLogin", w.now)
	o.text("lowestRole", token.role())
	o.text("primaryTwoFaMethod", "application")
	o.text("scope", token.Scope)
	o.openList("scopeRoles")
	w.writeRoles(o, token, true)
	o.endList()
	o.openList("siteRoles")
	if token.Scope == ScopeSite {
		w.writeRoles(o, token, false)
	}
	o.endList()
	o.text("source", "mgmt")
	o.openList("tenantRoles")
	if token.Scope == ScopeTenant {
		o.value(token.role())
	}
	o.endList()
	o.flag("twoFaConfigured", true)
	o.flag("twoFaEnabled", true)
	o.flag("twoFaEnabledReadOnly", false)
	o.enum("twoFaStatus", "configured")
}

func (t Token) role() string { return cmp.Or(t.Role, "Viewer") }

// writeRoles writes an entry for each account or site that a token may see.
func (w *world) writeRoles(o *object, token Token, accounts bool) {
	for _, id := range token.IDs {
		var name, account string
		if token.Scope == ScopeSite {
			if n, ok := w.number(siteIDs, id); ok && n < w.Sites {
				name, account = w.siteName(n), w.accountName(w.accountOf(n))
			}
		} else if n, ok := w.number(groupIDs, id); ok && token.Scope == ScopeGroup && n < w.Groups {
			name, account = w.groupName(n), w.accountName(w.accountOf(w.siteOf(n)))
		} else if n, ok := w.number(accountIDs, id); ok && n < w.Accounts {
			name, account = w.accountName(n), w.accountName(n)
		}
		o.begin()
		if accounts {
			o.text("accountName", account)
		}
		o.text("id", id)
		o.text("name", name)
		o.text("roleId", w.idString(filterIDs, 77))
		o.text("roleName", token.role())
		o.texts("roles", token.role())
		o.end()
	}
}

func (w *world) writeTokenTimes(o *object, token Token) {
	o.time("createdAt", (dayZero - 30*day).whole())
	o.time("expiresAt", moment(token.ExpiresAt.UnixMicro()))
}

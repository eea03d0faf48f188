package entities

import (
	"cmp"
	"strings"

	"s1graph/graph"
	"s1graph/model"
	"s1graph/s1"
)

// User is a person who owns a device. Only rows for which UserKey is not empty have one.
var User = model.Entity[s1.Agent]{
	Type:   userType,
	Class:  "User",
	Step:   "agents",
	Source: "/agents",
	Doc: "A person who was the last to log in on a device. System accounts (see the table) own nothing. Where several agents " +
		"name the same person, the row of the greatest lastActiveDate counts, among equals the one of the greatest id.",
	KeyDoc: "a hash of account id and user principal name, else of account id and mail address, else of the device's key and the " +
		"login name: a user who has no more than that is known on that device only; the case of the names does not matter",
	Revision:    2,
	Key:         UserKey,
	Rank:        rankOf,
	DerivedFrom: []*graph.Type{Agent.GraphType(), Device.GraphType()},
	Place:       model.Place{Account: "accountId"},
	Card:        []string{"email"},
	List:        []string{"email", "sentinelone_device", "sentinelone_site", "isLocal", "lastSeenOn"},
	Search:      []string{"email", "shortLoginId", "userPrincipalName", "username"},
	Properties: []model.Property[s1.Agent]{
		model.Text("name", "Common name in Active Directory, else the user principal name or mail address, else the login name.",
			userName).Required().Combined(model.Greatest),
		model.Text("displayName", "As name.", userName).Required().Combined(model.Greatest),
		model.Text("firstName", "Always empty: the console does not tell.",
			func(*s1.Agent) string { return "" }).Required(),
		model.Text("lastName", "Always empty: the console does not tell.",
			func(*s1.Agent) string { return "" }).Required(),
		model.Set("email", "Mail address, in lower case.", userMail).Required().Combined(model.Union),
		model.Set("emailDomain", "What follows the @ in email.", func(a *s1.Agent) []string {
			var domains []string
			for _, address := range userMail(a) {
				domains = append(domains, address[strings.LastIndexByte(address, '@')+1:])
			}
			return domains
		}).Combined(model.Union),
		model.Set("username", "Names that the person logs in with: user principal name, in lower case, and login name.",
			func(a *s1.Agent) []string {
				return []string{userPrincipalName(a), loginOf(a)}
			}).Required().Combined(model.Union).Volatile(loginName),
		model.Set("shortLoginId", "The same without domains, in lower case.", func(a *s1.Agent) []string {
			return []string{
				strings.ToLower(shortLogin(userPrincipalName(a))),
				strings.ToLower(shortLogin(loginOf(a))),
			}
		}).Required().Combined(model.Union).Volatile(loginName),
		model.Text("userPrincipalName", "Name in Active Directory, such as jane@acme.example, in lower case.", userPrincipalName),
		model.Text("distinguishedName", "Path in Active Directory.",
			func(a *s1.Agent) string { return userDirectory(a).LastUserDistinguishedName }).Combined(model.Greatest),
		model.Set("memberOf", "Groups in Active Directory.",
			func(a *s1.Agent) []string { return userDirectory(a).LastUserMemberOf }).Combined(model.Union),
		model.Flag("isLocal", "Whether the user is known on one device only.",
			func(a *s1.Agent) s1.Flag { return s1.FlagOf(ownerOf(a).id == "") }),
		model.Text("computerName", "Host name of that device.", func(a *s1.Agent) string {
			if ownerOf(a).id != "" {
				return ""
			}
			return a.ComputerName
		}),
		agentField("accountId", "Id of the account."),
		model.Moment("lastSeenOn", "When a device of the user was last heard of.",
			lastSeenOn).Combined(model.Latest).Volatile(heartbeat),
	},
}.Define()

const userType = "sentinelone_user"

// UserKey is the key of the person who owns the agent's device, or "" where the row names none. It is
// made of account and user principal name, else mail address, whatever their case; a user who has
// neither is known on this one device only (LocalUserKey).
func UserKey(a *s1.Agent) string {
	switch o := ownerOf(a); {
	case o.id != "":
		return hashKey(userType, a.AccountID, fold(o.id))
	case o.login != "":
		return LocalUserKey(DeviceKey(a), o.login)
	}
	return ""
}

// NamesUser are the properties of an agent's record that say whom it names.
var NamesUser = map[string]bool{
	"accountId": true, "lastLoggedInUserName": true, "osUsername": true, "userPrincipalName": true, "mail": true,
}

// UserNamedBy is the key of the user whom an agent's record names, or "" where it names none. The device is the one that
// the agent is on. Of the record NamesUser are enough.
func UserNamedBy(agent *graph.Record, deviceKey string) string {
	text := func(property string) string { return agent.Get(property).Text() }
	row := &s1.Agent{
		AccountID: text("accountId"), LastLoggedInUserName: text("lastLoggedInUserName"), OSUsername: text("osUsername"),
		ActiveDirectory: &s1.ActiveDirectory{
			UserPrincipalName: text("userPrincipalName"), Mail: text("mail"),
		},
	}
	if o := ownerOf(row); o.id == "" && o.login != "" {
		return LocalUserKey(deviceKey, o.login)
	}
	return UserKey(row)
}

// LocalUserKey is the key of the user of the given name, whatever its case, on one device.
func LocalUserKey(deviceKey, name string) string {
	return hashKey(userType, deviceKey, fold(name))
}

func userName(a *s1.Agent) string {
	o := ownerOf(a)
	return cmp.Or(commonName(userDirectory(a).LastUserDistinguishedName), strings.ToLower(o.id), shortLogin(o.login))
}

func userPrincipalName(a *s1.Agent) string {
	upn := strings.TrimSpace(userDirectory(a).UserPrincipalName)
	if isNoName(upn) {
		return ""
	}
	return strings.ToLower(upn)
}

func userMail(a *s1.Agent) []string { return mailAddresses(userDirectory(a).Mail) }

// userDirectory is what Active Directory says of the owner, if anything.
func userDirectory(a *s1.Agent) *s1.ActiveDirectory { return partOf(ownerOf(a).ad) }

// commonName is the first part of a distinguished name: Doe, Jane of CN=Doe\, Jane,OU=Staff,DC=acme.
func commonName(distinguishedName string) string {
	rest, found := strings.CutPrefix(distinguishedName, "CN=")
	if !found {
		return ""
	}
	var name strings.Builder
	for i := 0; i < len(rest) && rest[i] != ','; i++ {
		if rest[i] == '\\' && i+1 < len(rest) {
			i++
		}
		name.WriteByte(rest[i])
	}
	return name.String()
}

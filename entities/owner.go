package entities

import (
	"slices"
	"strings"

	"s1graph/s1"
)

// owner is who an agent's row says its device belongs to: the person who logged in last.
type owner struct {
	id    string // user principal name, else mail address; "" for a user known on this device only
	login string // name of a user known on this device only
	ad    *s1.ActiveDirectory
}

// ownerOf finds the owner; both names are empty where nobody is named but system accounts.
func ownerOf(a *s1.Agent) owner {
	if ad := a.ActiveDirectory; ad != nil {
		upn, mail := strings.TrimSpace(ad.UserPrincipalName), strings.TrimSpace(ad.Mail)
		switch {
		case upn != "" && !isNoName(upn):
			if !isSystemAccount(upn) {
				return owner{id: upn, ad: ad}
			}
		case mail != "" && !isNoName(mail) && !isSystemAccount(mail):
			return owner{id: mail, ad: ad}
		}
	}
	return owner{login: loginOf(a)}
}

// loginOf is the name of the person who logged in last, as the agent reports it, or "".
func loginOf(a *s1.Agent) string {
	for _, name := range []string{a.LastLoggedInUserName, a.OSUsername} {
		if name = strings.TrimSpace(name); name != "" && !isSystemAccount(name) {
			return name
		}
	}
	return ""
}

// shortLogin is a login name without its domain: jane of ACME\jane and of jane@acme.example.
func shortLogin(name string) string {
	name = name[strings.LastIndexByte(name, '\\')+1:]
	name, _, _ = strings.Cut(name, "@")
	return name
}

// systemAccounts are accounts that no person has, in the languages in which Windows names them. They
// are compared without case, and without domain.
var systemAccounts = []string{
	// Windows
	"system", "local system", "localsystem", "local service", "localservice", "network service", "networkservice",
	"administrator", "admin", "guest", "defaultaccount", "defaultuser0", "defaultuser1", "wdagutilityaccount",
	"anonymous logon", "s-1-5-18", "s-1-5-19", "s-1-5-20",
	"administrador", "administrateur", "administratör", "amministratore", "järjestelmänvalvoja", "rendszergazda",
	"администратор",
	"système", "sistema", "система", "lokaler dienst", "netzwerkdienst", "service local", "service réseau",
	"servicio local", "servicio de red", "servizio locale", "servizio di rete",
	"gast", "invité", "invitado", "ospite", "convidado",
	// macOS
	"_mbsetupuser", "loginwindow",
	// Linux and other Unix
	"root", "toor", "daemon", "bin", "sys", "sync", "nobody", "www-data", "sshd", "messagebus", "dbus", "polkitd",
	"gdm", "gdm3", "lightdm", "sddm",
}

// systemAccountPatterns are more of those, with any characters in place of the star: session accounts
// of Windows' desktop manager and font driver, machine accounts, the daemons of macOS and systemd.
var systemAccountPatterns = []string{"dwm-*", "umfd-*", "*$", "_*", "systemd-*"}

// systemDomains are the parts before the backslash that only system accounts have.
var systemDomains = []string{
	"nt authority", "nt service", "nt virtual machine", "iis apppool", "window manager", "font driver host",
	"nt-autorität", "autorite nt", "autoridad nt", "autoridade nt",
}

// noNames are what rows say in place of a name.
var noNames = []string{"n/a", "na", "none", "null", "nil", "unknown", "undefined", "(unknown)", "-", "--", "?"}

var (
	systemAccountSet = setOf(systemAccounts, fold)
	systemDomainSet  = setOf(systemDomains, fold)
	noNameSet        = setOf(noNames, fold)
)

// setOf are names in the form in which they are compared.
func setOf(names []string, form func(string) string) map[string]bool {
	set := make(map[string]bool, len(names))
	for _, name := range names {
		set[form(name)] = true
	}
	return set
}

// isNoName says whether name stands for no name.
func isNoName(name string) bool { return noNameSet[fold(name)] }

// isSystemAccount says whether name, with or without domain, owns nothing: it is a system account's or
// no name at all.
func isSystemAccount(name string) bool {
	name = fold(name)
	if i := strings.LastIndexByte(name, '\\'); i >= 0 && systemDomainSet[name[:i]] {
		return true
	}
	short := fold(shortLogin(name))
	return short == "" || noNameSet[name] || noNameSet[short] || systemAccountSet[short] ||
		slices.ContainsFunc(systemAccountPatterns, func(pattern string) bool {
			before, after, _ := strings.Cut(pattern, "*")
			return strings.HasPrefix(short, before) && strings.HasSuffix(short, after)
		})
}

// mailAddresses is the list of address if it is what the data model's "format": "email" stands for, else
// empty: names with international letters or quotes are not.
func mailAddresses(address string) []string {
	address = strings.TrimSpace(address)
	local, domain, _ := strings.Cut(address, "@")
	if len(address) > 254 || !isDNSName(domain) {
		return nil
	}
	for atom := range strings.SplitSeq(local, ".") {
		if atom == "" || strings.ContainsFunc(atom, func(r rune) bool {
			return !isASCIILetterOrDigit(r) && !strings.ContainsRune("!#$%&'*+/=?^_`{|}~-", r)
		}) {
			return nil
		}
	}
	return []string{strings.ToLower(address)}
}

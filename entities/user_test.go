package entities_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"s1graph/entities"
	"s1graph/graph"
	"s1graph/s1"
)

func TestAPersonInActiveDirectoryIsDescribedByIt(t *testing.T) {
	r := entities.User.Entity(laptop())
	assert.Equal(t, "Doe, Jane", r.Get("name").Text())
	assert.Equal(t, []string{"jane.doe@acme.example"}, r.Get("email").List())
	assert.Equal(t, []string{"acme.example"}, r.Get("emailDomain").List())
	assert.Equal(t, []string{"jane", "jdoe@corp.acme.example"}, r.Get("username").List())
	assert.Equal(t, []string{"jane", "jdoe"}, r.Get("shortLoginId").List())
	assert.Equal(t, graph.Bool(false), r.Get("isLocal"))
	assert.True(t, r.Get("computerName").IsAbsent())
}

func TestALocalUserIsDescribedByTheLoginName(t *testing.T) {
	a := laptop()
	a.ActiveDirectory, a.LastLoggedInUserName = nil, `FIN-LT-042\Jane`
	r := entities.User.Entity(a)
	assert.Equal(t, "Jane", r.Get("name").Text())
	assert.Equal(t, []string{`FIN-LT-042\Jane`}, r.Get("username").List())
	assert.Equal(t, []string{"jane"}, r.Get("shortLoginId").List())
	assert.Empty(t, r.Get("email").List())
	assert.True(t, r.Get("emailDomain").IsAbsent())
	assert.Equal(t, graph.Bool(true), r.Get("isLocal"))
	assert.Equal(t, "FIN-LT-042", r.Get("computerName").Text())
}

func TestWhatIsNoMailAddressIsNotAmongThem(t *testing.T) {
	for mail, want := range map[string][]string{
		"Jane.Doe@ACME.example":  {"jane.doe@acme.example"},
		" jane@acme.example ":    {"jane@acme.example"},
		"o'hara+x@acme.example":  {"o'hara+x@acme.example"},
		"jane":                   {},
		"jane@localhost":         {},
		"jane@acme..example":     {},
		".jane@acme.example":     {},
		"Jane <jane@acme.exam>":  {},
		"jane@bücher.example":    {},
		"\u212Aate@acme.example": {},
		"a@b.c,d@e.f":            {},
	} {
		a := laptop()
		a.ActiveDirectory.Mail = mail
		r := entities.User.Entity(a)
		assert.Equal(t, want, r.Get("email").List(), mail)
	}
}

func TestAUserWithoutACommonNameHasTheNameOfTheKey(t *testing.T) {
	a := laptop()
	for dn, want := range map[string]string{
		"":                       "jdoe@corp.acme.example",
		"OU=Staff,DC=acme":       "jdoe@corp.acme.example",
		"CN=Jane Doe":            "Jane Doe",
		`CN=Doe\, Jane,OU=Staff`: "Doe, Jane",
		`CN=odd\`:                `odd\`,
	} {
		a.ActiveDirectory.LastUserDistinguishedName = dn
		r := entities.User.Entity(a)
		assert.Equal(t, want, r.Get("name").Text(), dn)
	}
}

func TestALocalUserHasNothingOfASystemAccountsDirectoryEntry(t *testing.T) {
	a := laptop()
	a.ActiveDirectory.UserPrincipalName = "Administrator@corp.acme.example"
	r := entities.User.Entity(a)
	assert.Equal(t, "jane", r.Get("name").Text())
	for _, name := range []string{"email", "memberOf", "distinguishedName", "userPrincipalName"} {
		assert.Empty(t, r.Get(name).Any(), name)
	}
	device := entities.Device.Entity(a)
	assert.True(t, device.Get("userEmails").IsAbsent())
}

// The last graph's agents tell whom they named.
func TestAnAgentsRecordNamesTheUserThatItsRowNames(t *testing.T) {
	edits := map[string]func(a *s1.Agent){
		"a person in Active Directory":    func(*s1.Agent) {},
		"a person with a mail alone":      func(a *s1.Agent) { a.ActiveDirectory.UserPrincipalName = "" },
		"a name that is none":             func(a *s1.Agent) { a.ActiveDirectory.UserPrincipalName = "N/A" },
		"a system account":                func(a *s1.Agent) { a.ActiveDirectory.UserPrincipalName = "Administrator@acme.example" },
		"a login name":                    func(a *s1.Agent) { a.ActiveDirectory = nil },
		"a user of the operating system":  func(a *s1.Agent) { a.ActiveDirectory, a.LastLoggedInUserName, a.OSUsername = nil, "root", "jane" },
		"a login name with space around":  func(a *s1.Agent) { a.ActiveDirectory, a.LastLoggedInUserName = nil, " Jané " },
		"a name that was no UTF-8":        func(a *s1.Agent) { a.ActiveDirectory, a.LastLoggedInUserName = nil, "jan\uFFFD" },
		"nobody":                          func(a *s1.Agent) { a.ActiveDirectory, a.LastLoggedInUserName, a.OSUsername = nil, "", "" },
		"an agent of an unknown account":  func(a *s1.Agent) { a.AccountID = "" },
		"a computer without a serial":     func(a *s1.Agent) { a.ActiveDirectory, a.SerialNumber = nil, "To Be Filled By O.E.M." },
		"an agent that says nothing else": func(a *s1.Agent) { *a = s1.Agent{ID: a.ID, LastLoggedInUserName: "jane"} },
	}
	named := make(map[string]bool)
	for name, edit := range edits {
		a := laptop()
		edit(a)
		record := entities.Agent.Entity(a)
		assert.Equal(t, entities.UserKey(a), entities.UserNamedBy(&record, entities.DeviceKey(a)), name)
		picked, err := graph.Pick(graph.Encode(&record), entities.NamesUser)
		require.NoError(t, err)
		assert.Equal(t, entities.UserKey(a), entities.UserNamedBy(&picked, entities.DeviceKey(a)), name)
		named[entities.UserKey(a)] = true
	}
	assert.Contains(t, named, "", "some name nobody")
	assert.Greater(t, len(named), 6, "and the others not all the same one")
}

package entities_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"s1graph/entities"
	"s1graph/graph"
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

package steps_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"s1graph/entities"
	"s1graph/graph"
	"s1graph/graph/storetest"
	"s1graph/s1"
	"s1graph/steps"
)

// A part of the tenant that is read shows what stands in it. What stands above it, such as a thing that names its account
// and no site, may be shown or not.
func TestWhatStandsAboveThePartThatIsReadIsOutOfScope(t *testing.T) {
	site := entities.Site.Entity(&s1.Site{ID: "s1", AccountID: "a1"})
	records := map[string]graph.Record{
		"a site": site, "another site": entities.Site.Entity(&s1.Site{ID: "s2", AccountID: "a1"}),
		"an account":        entities.Account.Entity(&s1.Account{ID: "a1"}),
		"a group":           entities.Group.Entity(&s1.Group{ID: "g1", SiteID: "s1"}),
		"a thing of a site": entities.Agent.Entity(&s1.Agent{ID: "1", AccountID: "a1", SiteID: "s1", GroupID: "g1"}),
		// Of the types of today devices name an account and no site.
		"a thing of an account": entities.Device.Entity(&s1.Agent{ID: "1", AccountID: "a1"}),
	}
	role := []s1.ScopeRole{{ID: "s1"}}
	for name, test := range map[string]struct {
		user    s1.User
		filters steps.Scope
		out     []string
	}{
		"the tenant":       {s1.User{Scope: "tenant"}, steps.Scope{}, nil},
		"a token of sites": {s1.User{Scope: "site", ScopeRoles: role}, steps.Scope{}, []string{"a thing of an account", "another site"}},
		"configured sites": {s1.User{Scope: "tenant"}, steps.Scope{Sites: []string{"s1"}}, []string{"a thing of an account", "another site"}},
		"a token of groups": {
			s1.User{Scope: "group", ScopeRoles: []s1.ScopeRole{{ID: "g1"}}}, steps.Scope{}, []string{"a site", "a thing of an account", "an account", "another site"},
		},
		"configured groups": {s1.User{Scope: "tenant"}, steps.Scope{Groups: []string{"g1"}}, nil},
		"an account":        {s1.User{Scope: "account", ScopeRoles: []s1.ScopeRole{{ID: "a1"}}}, steps.Scope{}, nil},
		"another account": {
			s1.User{Scope: "account", ScopeRoles: []s1.ScopeRole{{ID: "a2"}}}, steps.Scope{},
			[]string{"a group", "a site", "a thing of a site", "a thing of an account", "an account", "another site"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			scope, err := steps.NewScope(test.user, test.filters)
			require.NoError(t, err)
			in, err := steps.NewInput(t.Context(), steps.Input{Scope: scope, Last: storetest.NewSnapshot(steps.GraphTypes(), site)})
			require.NoError(t, err)
			var out []string
			for name, record := range records {
				if in.OutOfScope(&record) {
					out = append(out, name)
				}
			}
			assert.ElementsMatch(t, test.out, out)
		})
	}
}

// What /user says is read leniently.
func TestTheScopeIsWhatUserSaysInWhateverWayItSaysIt(t *testing.T) {
	ids := []s1.ScopeRole{{ID: "2"}, {ID: "1"}, {Name: "without an ID"}}
	for name, test := range map[string]struct {
		user s1.User
		want steps.Scope
	}{
		"tenant":                  {s1.User{Scope: "Tenant"}, steps.Scope{}},
		"global":                  {s1.User{Scope: "GLOBAL"}, steps.Scope{}},
		"accounts":                {s1.User{Scope: "ACCOUNT", ScopeRoles: ids}, steps.Scope{Accounts: []string{"1", "2"}}},
		"sites":                   {s1.User{Scope: "site ", ScopeRoles: ids}, steps.Scope{Sites: []string{"1", "2"}}},
		"siteRoles":               {s1.User{Scope: "site", SiteRoles: ids}, steps.Scope{Sites: []string{"1", "2"}}},
		"siteRoles alone":         {s1.User{SiteRoles: ids}, steps.Scope{Sites: []string{"1", "2"}}},
		"groups":                  {s1.User{Scope: "group", ScopeRoles: ids}, steps.Scope{Groups: []string{"1", "2"}}},
		"nothing":                 {s1.User{}, steps.Scope{Unknown: true}},
		"another word":            {s1.User{Scope: "region", ScopeRoles: ids}, steps.Scope{Unknown: true}},
		"sites without IDs":       {s1.User{Scope: "site", ScopeRoles: ids[2:]}, steps.Scope{Unknown: true}},
		"sites of account's role": {s1.User{Scope: "account", SiteRoles: ids}, steps.Scope{Unknown: true}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := steps.NewScope(test.user, steps.Scope{})
			require.NoError(t, err)
			assert.Equal(t, [][]string{test.want.Accounts, test.want.Sites, test.want.Groups}, [][]string{got.Accounts, got.Sites, got.Groups})
			assert.Equal(t, test.want.Unknown, got.Unknown)
		})
	}
}

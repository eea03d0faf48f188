package check_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/assert"

	"s1graph/check"
	"s1graph/s1/s1test"
)

const risks = "list /application-management/risks"

// ofAccounts is a tenant of so many accounts.
func ofAccounts(t *testing.T, accounts int) (*s1test.Server, check.Options) {
	t.Helper()
	_, o := tenant(t)
	server := s1test.New(s1test.Tenant{Accounts: accounts, Sites: 2 * accounts, Groups: 2 * accounts, Agents: 20 * accounts, ApplicationsPerAgent: 2})
	web := httptest.NewServer(server)
	t.Cleanup(web.Close)
	o.Config.URL = web.URL
	return server, o
}

func refusedTo(accounts ...string) s1test.Fault {
	return s1test.Fault{Path: "/application-management/risks", Effect: s1test.Refused(""), Match: func(r *http.Request) bool {
		for _, id := range accounts {
			if r.URL.Query().Get("accountIds") == id {
				return true
			}
		}
		return false
	}}
}

func TestAnAccountThatRefusesVulnerabilitiesIsNamed(t *testing.T) {
	t.Parallel()
	server, o := ofAccounts(t, 3)
	assert.Equal(t, check.OK, findings(t, o)[risks].State)
	server.Break(refusedTo(server.AccountID(1)))
	found := findings(t, o)[risks]
	assert.Equal(t, check.Warning, found.State)
	assert.Contains(t, found.Detail, "("+server.AccountID(1)+"): sentinelone api 403")
	assert.NotContains(t, found.Detail, server.AccountID(0))
	assert.Contains(t, found.Advice, "View Risks (Applications page)")
}

func TestVulnerabilitiesAreCountedAsARunReadsThem(t *testing.T) {
	t.Parallel()
	_, o := ofAccounts(t, 2)
	some := findings(t, o)[risks].Detail
	o.Config.Vulnerabilities = []string{"all"}
	assert.NotEqual(t, some, findings(t, o)[risks].Detail, "by severity")
}

func TestOfManyAccountsTheFirstAreAskedForVulnerabilities(t *testing.T) {
	t.Parallel()
	server, o := ofAccounts(t, 25)
	server.Break(refusedTo(server.AccountID(0)))
	assert.Contains(t, findings(t, o)[risks].Detail, fmt.Sprintf("the first %d accounts of %d were asked", 20, 25))
}

func TestVulnerabilitiesAreAskedForBySiteWhereAccountsAreRefused(t *testing.T) {
	t.Parallel()
	server, o := ofAccounts(t, 2)
	server.Break(s1test.Fault{Path: "/accounts", Effect: s1test.Refused("")})
	server.Break(s1test.Fault{Path: "/application-management/risks", Effect: s1test.Refused(""), Match: func(r *http.Request) bool {
		return r.URL.Query().Get("siteIds") == server.SiteID(1)
	}})
	assert.Contains(t, findings(t, o)[risks].Detail, "("+server.SiteID(1)+")")
}

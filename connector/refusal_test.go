package connector_test

import (
	"cmp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"s1graph/config"
	"s1graph/connector"
	"s1graph/s1/s1test"
)

// Code 4030010 is every refusal's code, and tells nothing of the token.
func TestConsoleThatRefusesAccountsToATokenOfTheTenantKeepsThem(t *testing.T) {
	t.Parallel()
	for name, detail := range map[string]string{
		"no detail":  "",
		"permission": "User does not have the permission Accounts.view",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newConsole(t, small())
			c.mustSync()
			before := c.graph()
			mend := c.Break(s1test.Fault{Path: "/accounts", Effect: s1test.Refused(detail)})
			result := c.mustSyncInPart()
			assert.Equal(t, "refused", result.step("accounts").State)
			assert.Contains(t, result.IncompleteTypes, "sentinelone_account")
			assertSame(t, before, c.graph())

			c.dir += "-first"
			first := c.sync()
			require.NoError(t, first.err)
			assert.Equal(t, "refused", first.step("accounts").State)
			assert.Empty(t, ofType(c.graph(), "sentinelone_account"), "none is made of what the sites say")
			mend()
			c.mustSync()
			assertSame(t, before, c.graph())
		})
	}
}

func TestConsoleThatRefusesAccountsToATokenOfASiteHasThemMadeOfItsSites(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		detail string
		user   s1test.Effect
	}{
		"by what /user says":        {"", s1test.Effect{}},
		"by what the refusal says":  {s1test.ForSiteUsers, s1test.Status(404)},
		"in the test console's way": {"Site users can't view accounts", s1test.Status(403)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newConsole(t, busy())
			token := c.siteToken(0)
			c.Break(s1test.Fault{Path: "/accounts", Effect: s1test.Refused(test.detail)})
			c.Break(s1test.Fault{Path: "/user", Effect: test.user})
			result := c.sync(token)
			require.NoError(t, result.err)
			assert.Equal(t, "ok", result.step("accounts").State)
			assert.Len(t, ofType(c.graph(), "sentinelone_account"), 1)
		})
	}
}

// What a license or a version lacks is said once, and is no fault. What is known of it is kept, and dated.
func TestConsoleWhoseLicenseOrVersionLacksAListSaysSoOnce(t *testing.T) {
	t.Parallel()
	const inventory = "/application-management/inventory"
	for name, test := range map[string]struct {
		step         string
		faults       []s1test.Fault
		applications string // where they come from; "": what is found
	}{
		"the refusal names a license":  {"threats", []s1test.Fault{{Path: "/threats", Effect: s1test.Refused(s1test.NotLicensed)}}, ""},
		"the refusal names a feature":  {"threats", []s1test.Fault{{Path: "/threats", Effect: s1test.Refused("Vulnerability Management is not enabled")}}, ""},
		"a list that every tenant has": {"groups", []s1test.Fault{{Path: "/groups", Effect: s1test.Refused(s1test.NotLicensed)}}, ""},
		"both lists of applications": {"applications", []s1test.Fault{
			{Path: "/installed-applications", Effect: s1test.Refused(s1test.NotLicensed)}, {Path: inventory, Effect: s1test.Refused(s1test.NotLicensed)},
		}, ""},
		"another list of the same right answers": {"applications", []s1test.Fault{{Path: "/installed-applications", Effect: s1test.Refused("")}}, "installed"},
		"404":                                    {"applications", []s1test.Fault{{Path: "/installed-applications", Effect: s1test.Status(404)}, {Path: inventory, Effect: s1test.Status(404)}}, ""},
		"410":                                    {"applications", []s1test.Fault{{Path: "/installed-applications", Effect: s1test.Status(410)}, {Path: inventory, Effect: s1test.Status(404)}}, ""},
		"501":                                    {"applications", []s1test.Fault{{Path: "/installed-applications", Effect: s1test.Status(501)}, {Path: inventory, Effect: s1test.Status(501)}}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newConsole(t, small())
			at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
			clock := func(o *connector.Options) {
				o.Clock = func() time.Time { return at }
				o.Config.Applications = cmp.Or(test.applications, o.Config.Applications)
			}
			first := c.mustSync(clock)
			assert.Equal(t, at, first.step(test.step).LastReadAt)
			before := c.graph()
			var mends []func()
			for _, fault := range test.faults {
				mends = append(mends, c.Break(fault))
			}

			at = at.AddDate(0, 0, 1)
			result := c.mustSync(clock)

			step := result.step(test.step)
			assert.Equal(t, "unavailable", step.State)
			assert.NotEmpty(t, step.Error)
			assert.Equal(t, at.AddDate(0, 0, -1), step.LastReadAt, "when it was last read")
			requireNotice(t, result, test.step+": the console's license or version does not have this list (")
			assert.Contains(t, strings.Join(result.Notices, "\n"), "what was read on 2026-03-01 is kept as it was")
			assert.Empty(t, result.IncompleteTypes)
			assert.Empty(t, result.changes)
			assertSame(t, before, c.graph())

			again := c.mustSync(clock)
			assert.Empty(t, again.Notices, "it is said once")
			assert.Equal(t, "unavailable", again.step(test.step).State)
			assertSame(t, before, c.graph())

			for _, mend := range mends {
				mend()
			}
			assert.Empty(t, c.mustSync(clock).changes)
			assertSame(t, before, c.graph())
		})
	}
}

func TestConsoleWhoseLicenseLacksAListFromTheBeginningGivesTheRest(t *testing.T) {
	t.Parallel()
	c := newConsole(t, small())
	c.Break(s1test.Fault{Path: "/threats", Effect: s1test.Refused(s1test.NotLicensed)})
	first := c.mustSync()
	requireNotice(t, first, "threats: the console's license or version does not have this list (sentinelone api 403 on /threats: "+s1test.NotLicensed+"), which is not a fault: nothing is known of it.")
	assert.Empty(t, c.mustSync().Notices)
	assert.Empty(t, ofType(c.graph(), "sentinelone_threat"))
	assert.Len(t, ofType(c.graph(), "sentinelone_agent"), c.Totals().Agents)
}

// A refusal that speaks of the user is about the role, and one of both lists may be.
func TestConsoleThatRefusesAListToTheRoleIsNotCalledUnlicensed(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		step   string
		paths  []string
		detail string
	}{
		"a permission for a feature": {"threats", []string{"/threats"}, "The role has no permission for this feature"},
		"no detail":                  {"threats", []string{"/threats"}, ""},
		"both lists of one right":    {"applications", []string{"/installed-applications", "/application-management/inventory"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newConsole(t, small())
			for _, path := range test.paths {
				c.Break(s1test.Fault{Path: path, Effect: s1test.Refused(test.detail)})
			}
			result := c.mustSyncInPart()
			assert.Equal(t, "refused", result.step(test.step).State)
		})
	}
}

func TestConsoleThatLacksOneListOfApplicationsAndRefusesTheOtherIsRefused(t *testing.T) {
	t.Parallel()
	c := newConsole(t, small())
	c.Break(s1test.Fault{Path: "/installed-applications", Effect: s1test.Status(404)})
	c.Break(s1test.Fault{Path: "/application-management/inventory", Effect: s1test.Refused("")})
	assert.Equal(t, "refused", c.sync().step("applications").State)
}

// A list that every console has is not there where something is wrong.
func TestConsoleWithoutAListThatEveryConsoleHasIsAFault(t *testing.T) {
	t.Parallel()
	c := newConsole(t, small())
	c.mustSync()
	c.Break(s1test.Fault{Path: "/threats", Effect: s1test.Status(404)})
	result := c.sync()
	assert.Equal(t, connector.Partial, result.Status)
	assert.Equal(t, "failed", result.step("threats").State)
}

func TestConsoleThatHasNoneOfTheListsFailsTheRun(t *testing.T) {
	t.Parallel()
	c := newConsole(t, small())
	c.breakAll(s1test.Refused(s1test.NotLicensed))
	c.Break(s1test.Fault{Path: "/application-management/inventory", Effect: s1test.Refused(s1test.NotLicensed)})
	result := c.sync(func(o *connector.Options) { o.Config.Token = config.NewSecret(s1test.DefaultToken) })
	require.ErrorContains(t, result.err, "no step could be read")
}

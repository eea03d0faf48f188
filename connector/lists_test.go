package connector_test

import (
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"s1graph/connector"
	"s1graph/s1/s1test"
)

var applicationTypes = []string{"sentinelone_application", "sentinelone_device_has_application"}

func TestConsoleThatKeepsOneRowBackDeletesNothing(t *testing.T) {
	t.Parallel()
	for path, types := range map[string][]string{
		"/installed-applications":                     applicationTypes,
		"/application-management/inventory":           applicationTypes,
		"/application-management/inventory/endpoints": applicationTypes,
		"/sites": {"sentinelone_account_has_site", "sentinelone_site"},
	} {
		t.Run(path, func(t *testing.T) {
			t.Parallel()
			tenant := small()
			tenant.NoInstalled = strings.Contains(path, "inventory")
			c := newConsole(t, tenant)
			c.mustSync()
			before := c.graph()
			mend := c.Break(s1test.Fault{Path: path, Match: ofRows, Effect: s1test.RowsLost(1)})

			result := c.mustSyncInPart()
			assert.Subset(t, result.IncompleteTypes, types)
			assert.Empty(t, lacking(before, c.graph()))
			mend()
			c.mustSync()
			assertSame(t, before, c.graph())
		})
	}
}

func TestConsoleThatKeepsOneRowBackOnceIsReadOnceMore(t *testing.T) {
	t.Parallel()
	c := newConsole(t, small())
	c.mustSync()
	before := c.graph()
	c.Break(s1test.Fault{Path: "/installed-applications", Match: ofRows, Effect: s1test.RowsLost(1), Times: 1})
	c.mustSync()
	assertSame(t, before, c.graph())
}

func TestConsoleWhoseListShrinksWhileItIsReadIsWholeByTheCountAfter(t *testing.T) {
	t.Parallel()
	c := newConsole(t, small())
	c.mustSync()
	before, requests := c.graph(), c.Requests()["/sites"]
	c.Break(s1test.Fault{Path: "/sites", Match: ofRows, Effect: s1test.TotalOff(1), Times: 1})
	c.mustSync()
	assertSame(t, before, c.graph())
	assert.Equal(t, requests+2, c.Requests()["/sites"], "one page, and the count after it")
}

func TestConsoleWhoseListGrowsWhileItIsReadIsAskedNoMore(t *testing.T) {
	t.Parallel()
	c := newConsole(t, small())
	c.mustSync()
	before, requests := c.graph(), c.Requests()["/sites"]
	c.Break(s1test.Fault{Path: "/sites", Effect: s1test.TotalOff(-1)})
	c.mustSync()
	assertSame(t, before, c.graph())
	assert.Equal(t, requests+1, c.Requests()["/sites"], "one page")
}

// An agent that moves from a chain that was not read yet to one that was is in neither, and rows that came meanwhile may
// make up for its own in the count.
func TestConsoleWhoseAgentMovesBetweenChainsKeepsItsApplications(t *testing.T) {
	t.Parallel()
	c := newPaged(t, func(tenant *s1test.Tenant) { tenant.Agents, tenant.ApplicationsPerAgent = 40, 6 })
	c.mustSync()
	before := c.graph()
	var hidden []string
	for slot := range 6 {
		hidden = append(hidden, c.InstallationID(17, slot))
	}
	c.Break(s1test.Fault{Path: "/installed-applications", Effect: s1test.MissingRows(hidden...)})
	var asked atomic.Int64
	c.OnRequest(func(r request) {
		if r.URL.Query().Has("agentUuid__contains") {
			asked.Add(1)
		}
	})

	c.mustSync()

	assertSame(t, before, c.graph())
	assert.EqualValues(t, 1, asked.Load(), "one question, for the one agent")
}

// The inventory tells an installation's agent by its ID. Machines that are copies of one image have one UUID.
func TestConsoleWhoseAgentsShareAUUIDHasEachApplicationOnItsOwnDevice(t *testing.T) {
	t.Parallel()
	tenant := small()
	tenant.NoInstalled = true
	right := newConsole(t, tenant).clean()
	c := newConsole(t, tenant)
	for _, fault := range s1test.SharedUUID(c.AgentUUID(4), c.AgentUUID(5), c.AgentUUID(6)) {
		c.Break(fault)
	}
	c.mustSync()
	assertSame(t, only(right, "sentinelone_device_has_application"), only(c.graph(), "sentinelone_device_has_application"))
}

func TestConsoleWithoutEndpointIDsIsJoinedByTheUUIDThatOneAgentHas(t *testing.T) {
	t.Parallel()
	tenant := small()
	tenant.NoInstalled = true
	right := newConsole(t, tenant).clean()
	c := newConsole(t, tenant)
	c.Break(s1test.EndpointsWithoutAgentIDs(c.AgentUUID(4), c.AgentUUID(5)))
	c.Break(s1test.SharedUUID(c.AgentUUID(4), c.AgentUUID(5))[0])
	c.mustSync()

	got := only(c.graph(), "sentinelone_device_has_application")
	assert.Empty(t, lacking(got, right), "nothing is put onto another device")
	gone := make(map[string]bool)
	for _, key := range lacking(only(right, "sentinelone_device_has_application"), got) {
		from, _, _ := ends(key, "sentinelone_device")
		gone[from] = true
	}
	assert.Len(t, gone, 2, "the two agents whose UUID tells nothing")
}

const endpointsPath = "/application-management/inventory/endpoints"

// An application that the console does not tell about costs itself alone.
func TestConsoleWithABadApplicationGivesTheOthers(t *testing.T) {
	t.Parallel()
	for name, effect := range map[string]s1test.Effect{
		"400": s1test.Status(400), "403": s1test.Status(403), "404": s1test.Status(404), "500": s1test.Status(500), "cut": s1test.CutInBody(),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tenant := small()
			tenant.NoInstalled = true
			c := newConsole(t, tenant)
			right := c.clean()
			var bad atomic.Value // the name of the first application that is asked for
			mend := c.Break(s1test.Fault{Path: endpointsPath, Effect: effect, Match: func(r request) bool {
				name := r.URL.Query().Get("applicationName")
				bad.CompareAndSwap(nil, name)
				return bad.Load() == name
			}})

			result := c.sync()

			require.NoError(t, result.err)
			step := result.step("applications")
			assert.Equal(t, "failed", step.State)
			assert.Contains(t, step.Error, "1 application of the inventory could not be read, and the rest was: application \""+bad.Load().(string)+"\" of ")
			assert.Equal(t, applicationTypes, result.IncompleteTypes)
			for key, line := range only(right, "sentinelone_application") {
				isBad := strings.Contains(line, `"name":"`+bad.Load().(string)+`"`)
				assert.Equal(t, !isBad, c.graph()[key] != "", "of %s", line)
			}
			mend()
			c.mustSync()
			assertSame(t, right, c.graph())
		})
	}
}

func TestConsoleWithAnApplicationWithoutAVendorKeepsItAndReadsTheOthers(t *testing.T) {
	t.Parallel()
	tenant := small()
	tenant.NoInstalled = true
	c := newConsole(t, tenant)
	var name atomic.Value
	c.OnRequest(func(r request) {
		if asked := r.URL.Query().Get("applicationName"); asked != "" {
			name.Store(asked)
		}
	})
	c.mustSync()
	before := c.graph()
	bare := name.Load().(string)
	c.Break(s1test.ApplicationWithoutVendor(bare))

	result := c.sync()

	require.NoError(t, result.err)
	assert.Equal(t, applicationTypes, result.IncompleteTypes)
	assert.Contains(t, result.step("applications").Error, `application "`+bare+`" of "": `)
	assertSame(t, before, c.graph())
}

// The inventory takes one account, site or group in a question.
func TestConsoleWhoseInventoryTakesOneSiteIsAskedForOneAtATime(t *testing.T) {
	t.Parallel()
	tenant := small()
	tenant.NoInstalled = true
	c := newConsole(t, tenant)
	right := c.clean()
	c.Break(s1test.Fault{Effect: s1test.Status(400), Match: func(r request) bool {
		return strings.Contains(r.URL.Path, "/inventory") && strings.Contains(r.URL.Query().Get("siteIds"), ",")
	}})
	c.mustSync(func(o *connector.Options) { o.Config.Sites = []string{c.SiteID(0), c.SiteID(1), c.SiteID(2)} })
	assertSame(t, only(right, "sentinelone_device_has_application"), only(c.graph(), "sentinelone_device_has_application"))
}

func TestConsoleWithoutTheFirstListOfApplicationsIsAskedForTheSecond(t *testing.T) {
	t.Parallel()
	for _, status := range []int{400, 403, 404, 410, 501} {
		t.Run(http.StatusText(status), func(t *testing.T) {
			t.Parallel()
			c := newConsole(t, small())
			c.Break(s1test.Fault{Path: "/installed-applications", Effect: s1test.Status(status)})
			c.mustSync()
			assert.NotEmpty(t, ofType(c.graph(), "sentinelone_application"))
			asked := c.Requests()["/installed-applications"]
			assert.Empty(t, c.mustSync().changes)
			assert.Equal(t, asked, c.Requests()["/installed-applications"], "what was found is kept")
		})
	}
}

// A list that was had and is had no more may be so for a while. In the next run it is not, and the other source is asked,
// which says other things of the same applications.
func TestConsoleThatHasItsListOfApplicationsNoMoreIsAskedForTheOther(t *testing.T) {
	t.Parallel()
	const installed, inventory = "/installed-applications", "/application-management/inventory"
	for lost, other := range map[string]string{installed: inventory, inventory: installed} {
		t.Run(lost, func(t *testing.T) {
			t.Parallel()
			c := newConsole(t, small())
			mend := c.Break(s1test.Fault{Path: other, Effect: s1test.Status(404)})
			c.mustSync()
			before := c.graph()
			mend()
			c.Break(s1test.Fault{Path: lost, Effect: s1test.Status(404)})

			result := c.mustSync()
			assert.Equal(t, "unavailable", result.step("applications").State)
			assertSame(t, before, c.graph())

			changed := c.mustSync(func(o *connector.Options) { o.AllowMassDelete = true })
			requireNotice(t, changed, "Applications come from another list than in the last run")
			assert.Empty(t, changed.changes, "no application was installed or removed")
			clean := c.clean()
			assertSame(t, clean, c.graph())
			again := c.mustSync()
			assert.Empty(t, again.Notices)
			assert.Empty(t, again.changes)
		})
	}
}

// Whether applications are read is one thing, and where from is another.
func TestConsoleWhoseApplicationsWereLeftOutIsAskedWhereItHasThem(t *testing.T) {
	t.Parallel()
	tenant := small()
	tenant.NoInstalled = true
	c := newConsole(t, tenant)
	c.mustSync(func(o *connector.Options) { o.Config.Applications = "off" })
	c.mustSync()
	assertSame(t, c.clean(), c.graph())
	c.mustSync(func(o *connector.Options) { o.Config.Applications = "off" })
	asked := c.Requests()["/installed-applications"]
	assert.Empty(t, c.mustSync().changes)
	assert.Equal(t, asked, c.Requests()["/installed-applications"], "what was found is kept")
}

// Cursors live for a while only, and a console that forgot one answers 400.
func TestConsoleWhoseCursorExpiresIsReadFromTheBeginning(t *testing.T) {
	t.Parallel()
	c := newPaged(t)
	right := c.clean()
	expired := s1test.Fault{Path: "/agents", Match: withCursor, Times: 1}
	for _, status := range []int{400, 404, 410} {
		expired.Effect = s1test.Status(status)
		c.Break(expired)
	}
	c.mustSync()
	assertSame(t, right, c.graph())

	expired.Effect, expired.Times = s1test.Status(400), 0
	c.Break(expired)
	result := c.sync()
	require.NoError(t, result.err)
	assert.Equal(t, "failed", result.step("agents").State)
	assert.Contains(t, result.step("agents").Error, "sentinelone api 400 on /agents")
	assert.Empty(t, lacking(right, c.graph()))
}

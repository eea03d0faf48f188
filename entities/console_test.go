package entities_test

import (
	"net/url"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"s1graph/entities"
	"s1graph/graph"
	"s1graph/s1"
)

func TestConsoleThatNamesTwoPlacesOfAThreatMeansTheOneOfToday(t *testing.T) {
	then := &s1.ThreatDetection{AccountID: "1", SiteID: "2", SiteName: "old", GroupID: "3", GroupName: "old", AgentUUID: "u"}
	r := entities.Threat.Entity(&s1.Threat{ID: "1", AgentDetectionInfo: then,
		AgentRealtimeInfo: &s1.ThreatAgent{AccountID: "1", SiteID: "20", SiteName: "new", GroupID: "30", GroupName: "new"}})
	assert.Equal(t, []string{"1", "20", "new", "30", "new"}, texts(r, "accountId", "siteId", "siteName", "groupId", "groupName"))
	r = entities.Threat.Entity(&s1.Threat{ID: "1", AgentDetectionInfo: then})
	assert.Equal(t, []string{"1", "2", "old", "3", "old"}, texts(r, "accountId", "siteId", "siteName", "groupId", "groupName"))
}

func TestConsoleThatDoesNotTellHowTheAgentWasTellsHowItIs(t *testing.T) {
	now := &s1.ThreatAgent{AgentOSName: "Windows 11", AgentOSRevision: "22631", AgentDomain: "ACME", AgentVersion: "24.1", AgentMitigationMode: "detect"}
	names := []string{"agentOsName", "agentOsRevision", "agentDomain", "agentVersion", "agentMitigationMode"}
	r := entities.Threat.Entity(&s1.Threat{ID: "1", AgentDetectionInfo: &s1.ThreatDetection{AgentVersion: "23.4"}, AgentRealtimeInfo: now})
	assert.Equal(t, []string{"Windows 11", "22631", "ACME", "23.4", "detect"}, texts(r, names...))
	later := *now
	later.AgentOSName, later.AgentDomain = "Windows 12", "GLOBEX"
	after := entities.Threat.Entity(&s1.Threat{ID: "1", AgentDetectionInfo: &s1.ThreatDetection{AgentVersion: "23.4"}, AgentRealtimeInfo: &later})
	assert.Equal(t, stable(r), stable(after), "what the agent does later is no change of the threat")
}

func TestConsoleThatDoesNotTellWhenAnActionBeganTellsWhenItLastReported(t *testing.T) {
	times := func(actions ...s1.MitigationAction) [2]int64 {
		r := entities.Threat.Entity(&s1.Threat{ID: "1", MitigationStatus: actions})
		return [2]int64{r.Get("mitigationStartedAt").Int64(), r.Get("mitigationEndedAt").Int64()}
	}
	assert.Equal(t, [2]int64{5, 7}, times(s1.MitigationAction{LastUpdate: 5}, s1.MitigationAction{LastUpdate: 7, Status: "success"}))
	assert.Equal(t, [2]int64{1, 3}, times(s1.MitigationAction{MitigationStartedAt: 1, MitigationEndedAt: 3, LastUpdate: 9}))
	assert.Equal(t, [2]int64{5, 0}, times(s1.MitigationAction{LastUpdate: 5, Status: "pending"}), "it has not ended")
	assert.Equal(t, [2]int64{}, times(s1.MitigationAction{}))
}

func TestFailedAndPendingActionsAreCountedAndTheirReportsNamed(t *testing.T) {
	count := func(failed, pending int64) *s1.ActionsCounters {
		return &s1.ActionsCounters{Failed: s1.Int{Value: failed, Known: true}, PendingReboot: s1.Int{Value: pending, Known: true}}
	}
	r := entities.Threat.Entity(&s1.Threat{ID: "1", MitigationStatus: []s1.MitigationAction{
		{ActionsCounters: count(2, 0), LatestReport: "/threats/mitigation-report/2"}, {ActionsCounters: count(1, 4), LatestReport: "/threats/mitigation-report/1"}, {},
	}})
	assert.Equal(t, [2]graph.Value{graph.Int(3), graph.Int(4)}, [2]graph.Value{r.Get("mitigationFailedCount"), r.Get("mitigationPendingCount")})
	assert.Equal(t, []string{"/threats/mitigation-report/1", "/threats/mitigation-report/2"}, r.Get("latestReports").List())
	r = entities.Threat.Entity(&s1.Threat{ID: "1", MitigationStatus: []s1.MitigationAction{{}}})
	assert.True(t, r.Get("mitigationFailedCount").IsAbsent(), "what is not told is not 0")
}

func TestAThreatSaysWhichCloudItsMachineIsIn(t *testing.T) {
	r := entities.Threat.Entity(&s1.Threat{ID: "1", AgentDetectionInfo: &s1.ThreatDetection{CloudProviders: map[string]s1.CloudProvider{
		"AWS": {CloudAccount: "210987654321", CloudInstanceID: "i-0abc", CloudLocation: "eu-central-1a"},
	}}})
	assert.Equal(t, []string{"AWS"}, r.Get("cloudProviders").List())
	assert.Equal(t, []string{"210987654321", "i-0abc", "eu-central-1a"}, texts(r, "cloudAccount", "cloudInstanceId", "cloudLocation"))
}

func TestConsoleThatWritesMinusOneForAnyNumberOfLicenses(t *testing.T) {
	any, ten := s1.Int{Value: -1, Known: true}, s1.Int{Value: 10, Known: true}
	for _, c := range []struct {
		total     s1.Int
		told      s1.Flag
		want      graph.Value
		unlimited graph.Value
	}{
		{any, s1.False, graph.Value{}, graph.Bool(true)},
		{any, s1.Unknown, graph.Value{}, graph.Bool(true)},
		{ten, s1.False, graph.Int(10), graph.Bool(false)},
		{ten, s1.True, graph.Int(10), graph.Bool(true)},
		{s1.Int{}, s1.Unknown, graph.Value{}, graph.Value{}},
	} {
		site := entities.Site.Entity(&s1.Site{ID: "1", TotalLicenses: c.total, UnlimitedLicenses: c.told})
		assert.Equal(t, c.want, site.Get("totalLicenses"))
		assert.Equal(t, c.unlimited, site.Get("unlimitedLicenses"))
	}
	account := entities.Account.Entity(&s1.Account{ID: "1", TotalLicenses: any, Licenses: &s1.Licenses{Bundles: []s1.LicenseBundle{
		{DisplayName: "Complete", Surfaces: []s1.LicenseSurface{{Name: "Total Agents", Count: any}}},
		{DisplayName: "Core", Surfaces: []s1.LicenseSurface{{Name: "Total Agents", Count: ten}}},
	}}})
	assert.True(t, account.Get("totalLicenses").IsAbsent())
	assert.Equal(t, graph.Bool(true), account.Get("unlimitedLicenses"))
	assert.Equal(t, []string{"Complete/Total Agents: unlimited", "Core/Total Agents: 10"}, account.Get("licenseSurfaces").List())
}

func TestConsoleThatEscapesNamesForHTMLIsReadOnce(t *testing.T) {
	for escaped, plain := range map[string]string{
		"R&amp;D":                       "R&D",
		"&lt;b&gt; &quot;x&quot; &#39;": `<b> "x" '`,
		"O&#x27;Brien &#039;":           "O'Brien '",
		"&amp;lt;":                      "&lt;",  // not twice
		"&amp;amp;":                     "&amp;", // nor this
		"AT&T":                          "AT&T",
		"a&copy=1&reg":                  "a&copy=1&reg",
		"R&D &amp":                      "R&D &amp",
	} {
		var names []string
		for _, r := range []graph.Record{
			entities.Account.Entity(&s1.Account{ID: "1", Name: escaped}),
			entities.Site.Entity(&s1.Site{ID: "1", Name: escaped}),
			entities.Group.Entity(&s1.Group{ID: "1", Name: escaped}),
			entities.Threat.Entity(&s1.Threat{ID: "1", ThreatInfo: &s1.ThreatInfo{ThreatName: escaped}}),
		} {
			names = append(names, r.Get("name").Text())
		}
		agent := entities.Agent.Entity(&s1.Agent{ID: "1", SiteName: escaped, GroupName: escaped, Tags: &s1.AgentTags{SentinelOne: []s1.AgentTag{{Key: "k", Value: escaped}}}})
		names = append(names, texts(agent, "siteName", "groupName", "tag.k")...)
		installed := entities.FromInstalled(&s1.InstalledApplication{Name: escaped, Publisher: escaped})
		inventory := entities.FromInventory(&s1.InventoryApplication{ApplicationName: escaped, ApplicationVendor: escaped}, &s1.InventoryEndpoint{})
		names = append(names, installed.Name, installed.Publisher, inventory.Name, inventory.Publisher)
		for _, name := range names {
			assert.Equal(t, plain, name, escaped)
		}
	}
	assert.Equal(t, entities.ApplicationKey(new(entities.FromInstalled(&s1.InstalledApplication{Name: "A&amp;B"}))),
		entities.ApplicationKey(new(entities.FromInstalled(&s1.InstalledApplication{Name: "A&B"}))), "it is one application")
}

func TestATagWithoutAValueAddsNoComma(t *testing.T) {
	r := entities.Agent.Entity(&s1.Agent{ID: "1", Tags: &s1.AgentTags{SentinelOne: []s1.AgentTag{
		{Key: "env", Value: "prod"}, {Key: "env"}, {Key: "env", Value: "test"}, {Key: "bare"},
	}}})
	assert.Equal(t, []string{"prod,test", ""}, texts(r, "tag.env", "tag.bare"))
	assert.False(t, r.Get("tag.bare").IsAbsent(), "the tag is there")
}

func TestWhoAssignedATagIsTold(t *testing.T) {
	r := entities.Agent.Entity(&s1.Agent{ID: "1", Tags: &s1.AgentTags{SentinelOne: []s1.AgentTag{
		{Key: "env", Value: "prod", AssignedBy: "Mara Lindqvist", AssignedByID: "7", AssignedAt: 1767225600000},
		{Key: "a", Value: "1", AssignedByID: "7"}, {Key: "b", Value: "2", AssignedAt: 1767225600000}, {Key: "c", Value: "3"},
	}}})
	assert.Equal(t, []string{"a:1: 7", "b:2: 2026-01-01T00:00:00Z", "env:prod: Mara Lindqvist, 2026-01-01T00:00:00Z"}, r.Get("tagsAssigned").List())
}

func TestAnInterfaceKeepsItsMACWhereAGatewayHasTheSame(t *testing.T) {
	r := entities.Device.Entity(&s1.Agent{ID: "1", NetworkInterfaces: []s1.NetworkInterface{
		{Physical: "02:00:00:00:00:01", GatewayMACAddress: "02-00-00-00-00-02"}, {Physical: "02:00:00:00:00:02", GatewayMACAddress: "02:00:00:00:00:02"},
	}})
	assert.Equal(t, []string{"02:00:00:00:00:01", "02:00:00:00:00:02"}, r.Get("macAddresses").List())
}

// texts are the values of properties, in the order of the names.
func texts(r graph.Record, names ...string) []string {
	values := make([]string, len(names))
	for i, name := range names {
		values[i] = r.Get(name).Text()
	}
	return values
}

func TestAThreatLinksToItsPageInTheConsole(t *testing.T) {
	r := entities.Threat.EntityOn("acme.sentinelone.net", &s1.Threat{ID: "1234567890123456789"})
	assert.Equal(t, "https://acme.sentinelone.net/incidents/threats/1234567890123456789/overview", r.Get("webLink").Text())
	r = entities.Threat.EntityOn("acme.sentinelone.net", &s1.Threat{ID: "../x?y"})
	assert.Equal(t, "https://acme.sentinelone.net/incidents/threats/..%2Fx%3Fy/overview", r.Get("webLink").Text(), "an ID leads nowhere else")
}

// The row is of the form that s1buildpartners/sentinelone-go-sdk has.
func TestAnAgentSaysWhichMachineItIsAndWhatProtectsIt(t *testing.T) {
	r := entities.Agent.EntityOn("acme.sentinelone.net", &s1.Agent{ID: "1", ComputerName: "WS-1", MachineSID: "S-1-5-21-1-2-3", ActiveProtection: []string{"mitigation", "edr"}})
	assert.Equal(t, []string{"S-1-5-21-1-2-3"}, texts(r, "machineSid"))
	assert.Equal(t, []string{"edr", "mitigation"}, r.Get("activeProtection").List())
	assert.Equal(t, `https://acme.sentinelone.net/sentinels/devices?page=1&filter=%7B%22computerName__contains%22%3A%22%5C%22WS-1%5C%22%22%7D`,
		r.Get("webLink").Text())
	bare := entities.Agent.EntityOn("acme.sentinelone.net", &s1.Agent{ID: "1"})
	for _, name := range []string{"machineSid", "activeProtection", "webLink"} {
		assert.True(t, bare.Get(name).IsAbsent(), name)
	}
	hostile := entities.Agent.EntityOn("acme.sentinelone.net", &s1.Agent{ID: "1", ComputerName: `"}&x=1#<script> ../`})
	link, err := url.Parse(hostile.Get("webLink").Text())
	require.NoError(t, err)
	assert.Equal(t, []string{"acme.sentinelone.net", "/sentinels/devices", ""}, []string{link.Host, link.Path, link.Fragment})
	assert.Len(t, link.Query(), 2, "a name leads nowhere else")
}

// The row is of the form that rapid7/insightconnect-plugins has in the help of its plugin sentinelone.
func TestAThreatSaysInWhichTaskOfECSItWasFoundAndWhoRanItsRoot(t *testing.T) {
	r := entities.Threat.Entity(&s1.Threat{ID: "1", ThreatInfo: &s1.ThreatInfo{RootProcessUPN: "mara@acme.example"}, ECSInfo: &s1.ECSInfo{
		ClusterName: "prod", ServiceARN: "arn:s", ServiceName: "web", TaskARN: "arn:t", TaskAvailabilityZone: "eu-central-1a",
		TaskDefinitionARN: "arn:d", TaskDefinitionFamily: "web", TaskDefinitionRevision: "7", Type: "fargate", Version: "1.4.0",
	}})
	assert.Equal(t, []string{"mara@acme.example", "prod", "arn:s", "web", "arn:t", "eu-central-1a", "arn:d", "web", "7", "fargate", "1.4.0"},
		texts(r, "rootProcessUpn", "ecsCluster", "ecsServiceArn", "ecsService", "ecsTaskArn", "ecsTaskAvailabilityZone", "ecsTaskDefinitionArn",
			"ecsTaskDefinitionFamily", "ecsTaskDefinitionRevision", "ecsType", "ecsVersion"))
}

package entities_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"s1graph/entities"
	"s1graph/graph"
	"s1graph/s1"
)

// stable is what the diff looks at: equal digests raise no event.
func stable(records ...graph.Record) (digests []graph.Digest) {
	for _, r := range records {
		digests = append(digests, graph.Encode(&r).Stable)
	}
	return digests
}

func ofAgent(a *s1.Agent) []graph.Digest {
	return stable(entities.Agent.Entity(a), entities.Device.Entity(a), entities.User.Entity(a))
}

func TestAQuietDayOfAnAgentIsNoChange(t *testing.T) {
	for name, move := range map[string]func(*s1.Agent){
		"it sleeps":    func(a *s1.Agent) { a.IsActive = s1.False },
		"it reports":   func(a *s1.Agent) { a.LastActiveDate++; a.UpdatedAt++ },
		"it is booted": func(a *s1.Agent) { a.OSStartTime++ },
		"it scans": func(a *s1.Agent) {
			a.ScanStatus, a.ScanStartedAt, a.ScanFinishedAt = "finished", 1, 2
			a.ScanAbortedAt = 0
		},
		"it scanned":           func(a *s1.Agent) { a.LastSuccessfulScanDate++; a.FullDiskScanLastUpdatedAt++ },
		"someone logs in":      func(a *s1.Agent) { a.LastLoggedInUserName, a.OSUsername = "jane", "jane" },
		"a shell is open":      func(a *s1.Agent) { a.InRemoteShellSession = s1.False },
		"the site is renamed":  func(a *s1.Agent) { a.SiteName, a.GroupName, a.AccountName = "x", "y", "z" },
		"the group is written": func(a *s1.Agent) { a.GroupUpdatedAt++; a.PolicyUpdatedAt++ },
		"a version comes out":  func(a *s1.Agent) { a.IsUpToDate, a.AppsVulnerabilityStatus = s1.False, "patch_required" },
		"a threat is counted":  func(a *s1.Agent) { a.ActiveThreats.Value++ },
		"it goes elsewhere": func(a *s1.Agent) {
			a.ExternalIP, a.LastIPToMgmt, a.GroupIP = "198.51.100.1", "10.0.0.7", "10.0.0.x"
			a.NetworkInterfaces = []s1.NetworkInterface{{Name: "tun0", Inet: []string{"10.0.0.7"}, Physical: "a4:bb:6d:00:00:01"}}
			a.LocationType, a.Locations, a.ProxyStates = "fallback", nil, &s1.ProxyStates{Console: s1.False}
		},
		"containers come": func(a *s1.Agent) {
			a.ContainerizedWorkloadCounts.PodsCount.Value++
			a.HasContainerizedWorkload = s1.False
		},
	} {
		a := laptop()
		move(a)
		assert.Equal(t, ofAgent(laptop()), ofAgent(a), name)
	}
}

func TestWhatAPersonWantsToKnowOfAnAgentIsAChange(t *testing.T) {
	for name, change := range map[string]func(*s1.Agent){
		"agentVersion":     func(a *s1.Agent) { a.AgentVersion = "24.1" },
		"mitigationMode":   func(a *s1.Agent) { a.MitigationMode = "detect" },
		"infected":         func(a *s1.Agent) { a.Infected = s1.True },
		"networkStatus":    func(a *s1.Agent) { a.NetworkStatus = "disconnected" },
		"firewallEnabled":  func(a *s1.Agent) { a.FirewallEnabled = s1.False },
		"isDecommissioned": func(a *s1.Agent) { a.IsDecommissioned = s1.True },
		"isUninstalled":    func(a *s1.Agent) { a.IsUninstalled = s1.True },
		"group":            func(a *s1.Agent) { a.GroupID = "1" },
		"site":             func(a *s1.Agent) { a.SiteID = "1" },
		"computerName":     func(a *s1.Agent) { a.ComputerName = "RENAMED" },
		"operationalState": func(a *s1.Agent) { a.OperationalState = "disabled" },
		"a tag":            func(a *s1.Agent) { a.Tags.SentinelOne[0].Value = "test" },
		"the OS":           func(a *s1.Agent) { a.OSRevision = "26100" },
		"encryption":       func(a *s1.Agent) { a.EncryptedApplications = s1.False },
		"an action":        func(a *s1.Agent) { a.UserActionsNeeded = []string{"reboot_needed"} },
	} {
		a := laptop()
		change(a)
		assert.NotEqual(t, ofAgent(laptop())[0], ofAgent(a)[0], name)
	}
}

func TestAnotherOwnerIsAnotherUser(t *testing.T) {
	a := laptop()
	a.ActiveDirectory.UserPrincipalName = "john@corp.acme.example"
	assert.NotEqual(t, entities.UserKey(laptop()), entities.UserKey(a))
}

func TestWhatTheAgentOfAThreatDoesIsNoChangeOfTheThreat(t *testing.T) {
	before, after := populated[s1.Threat](), populated[s1.Threat]()
	after.ThreatInfo.UpdatedAt++
	after.AgentRealtimeInfo.AgentComputerName, after.AgentRealtimeInfo.AgentVersion = "RENAMED", "24.1"
	after.AgentRealtimeInfo.AgentInfected, after.AgentRealtimeInfo.AgentIsActive = s1.False, s1.False
	after.AgentRealtimeInfo.AgentIsDecommissioned, after.AgentRealtimeInfo.AgentNetworkStatus = s1.False, "disconnected"
	after.AgentRealtimeInfo.ScanStatus, after.AgentRealtimeInfo.SiteName, after.AgentDetectionInfo.SiteName = "started", "x", "x"
	assert.Equal(t, stable(entities.Threat.Entity(before)), stable(entities.Threat.Entity(after)))
	for name, change := range map[string]func(*s1.ThreatInfo){
		"incidentStatus":   func(i *s1.ThreatInfo) { i.IncidentStatus = "resolved" },
		"mitigationStatus": func(i *s1.ThreatInfo) { i.MitigationStatus = "mitigated" },
		"analystVerdict":   func(i *s1.ThreatInfo) { i.AnalystVerdict = "true_positive" },
	} {
		after := populated[s1.Threat]()
		change(after.ThreatInfo)
		assert.NotEqual(t, stable(entities.Threat.Entity(before)), stable(entities.Threat.Entity(after)), name)
	}
}

func TestCountsOfChildrenAreNoChange(t *testing.T) {
	account, site, group := populated[s1.Account](), populated[s1.Site](), populated[s1.Group]()
	before := stable(entities.Account.Entity(account), entities.Site.Entity(site), entities.Group.Entity(group))
	account.ActiveAgents.Value++
	account.NumberOfSites.Value++
	account.UpdatedAt++
	site.ActiveLicenses.Value++
	site.AccountName = "renamed"
	group.TotalAgents.Value++
	assert.Equal(t, before, stable(entities.Account.Entity(account), entities.Site.Entity(site), entities.Group.Entity(group)))
	site.Name = "renamed"
	assert.NotEqual(t, before[1], stable(entities.Site.Entity(site))[0])
}

package soak_test

import (
	"fmt"
	"maps"
	"slices"

	"s1graph/alerts"
	"s1graph/config"
	"s1graph/s1/s1test"
)

// entityOf has the events of the tenant's plan that are held against what was told, and the type of what each happens to.
var entityOf = map[s1test.Event]string{
	s1test.AgentNew:            "sentinelone_agent",
	s1test.AgentGone:           "sentinelone_agent",
	s1test.AgentDecommissioned: "sentinelone_agent",
	s1test.AgentUninstalled:    "sentinelone_agent",
	s1test.AgentMovedGroup:     "sentinelone_agent",
	s1test.AgentMovedSite:      "sentinelone_agent",
	s1test.AgentUpgraded:       "sentinelone_agent",
	s1test.AgentInfected:       "sentinelone_agent",
	s1test.AgentDetecting:      "sentinelone_agent",
	s1test.AgentFirewallOff:    "sentinelone_agent",
	s1test.AgentIsolated:       "sentinelone_agent",
	s1test.AgentReconnected:    "sentinelone_agent",
	s1test.AgentRenamed:        "sentinelone_agent",
	s1test.ThreatOpened:        "sentinelone_threat",
	s1test.ThreatResolved:      "sentinelone_threat",
	s1test.ThreatReopened:      "sentinelone_threat",
	s1test.SiteRenamed:         "sentinelone_site",
}

// conditions are what is true of a change by which each of these events is known.
var conditions = map[s1test.Event]string{
	s1test.AgentNew:            `change.op == "created"`,
	s1test.AgentGone:           `change.op == "deleted"`,
	s1test.AgentDecommissioned: `change.before.isDecommissioned == false && change.after.isDecommissioned == true`,
	s1test.AgentUninstalled:    `change.before.isUninstalled == false && change.after.isUninstalled == true`,
	s1test.AgentMovedGroup:     `change.before.siteId == change.after.siteId && change.before.groupId != change.after.groupId`,
	s1test.AgentMovedSite:      `change.before.siteId != change.after.siteId`,
	s1test.AgentUpgraded:       `change.before.agentVersion != change.after.agentVersion`,
	s1test.AgentInfected:       `change.before.infected == false && change.after.infected == true`,
	s1test.AgentDetecting:      `change.before.mitigationMode == "protect" && change.after.mitigationMode == "detect"`,
	s1test.AgentFirewallOff:    `change.before.firewallEnabled == true && change.after.firewallEnabled == false`,
	s1test.AgentIsolated:       `change.before.networkStatus == "connected" && change.after.networkStatus == "disconnected"`,
	s1test.AgentReconnected:    `change.before.networkStatus == "disconnected" && change.after.networkStatus == "connected"`,
	s1test.AgentRenamed:        `change.before.computerName != change.after.computerName`,
	s1test.ThreatOpened:        `change.op == "created"`,
	s1test.ThreatResolved:      `change.before.open == true && change.after.open == false`,
	s1test.ThreatReopened:      `change.before.open == false && change.after.open == true`,
	s1test.SiteRenamed:         `change.before.name != change.after.name`,
}

// rules are one for each of these events, and all ready-made ones.
func rules() []config.Rule {
	var rules []config.Rule
	for _, event := range slices.Sorted(maps.Keys(conditions)) {
		rules = append(rules, config.Rule{
			Name: nameOf(event), Title: "{{.Name}}",
			When: fmt.Sprintf("change.type == %q && %s", entityOf[event], conditions[event]),
		})
	}
	for _, r := range alerts.Ready() {
		rules = append(rules, config.Rule{Use: r.Name})
	}
	return rules
}

// nameOf is what its rule is called.
func nameOf(event s1test.Event) string { return planted + string(event) }

const planted = "planted: "

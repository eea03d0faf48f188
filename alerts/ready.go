package alerts

import (
	"fmt"
	"slices"
	"strings"
)

// ReadyRule is a rule that need not be written, only named: use: NAME.
type ReadyRule struct {
	Name     string
	Doc      string // one sentence: what it tells of
	When     string
	Severity string // a word, or a template that gives one
	Title    string
	Text     string
	Query    string // saved query that shows more; "" where none fits better than its types say
	AtLeast  int
	Ended    bool  // the end of the state is told too
	Days     []int // that days in the configuration replaces; empty where the rule has none
}

// Ready are the ready-made rules, in the order of the documentation.
func Ready() []ReadyRule {
	all := make([]ReadyRule, len(readyRules))
	for i, r := range readyRules {
		r.When = r.when(0)
		all[i] = ReadyRule(r)
	}
	return all
}

// readyRule has DAYS in its condition where Days belong.
type readyRule ReadyRule

// when is the condition with its days: those given, else the rule's own.
func (r readyRule) when(days int) string {
	given := r.Days
	if days > 0 {
		given = []int{days}
	}
	return strings.ReplaceAll(r.When, "DAYS", strings.Trim(strings.Join(strings.Fields(fmt.Sprint(given)), ", "), "[]"))
}

func readyNamed(name string) (readyRule, bool) {
	i := slices.IndexFunc(readyRules, func(r readyRule) bool { return r.Name == name })
	if i < 0 {
		return readyRule{}, false
	}
	return readyRules[i], true
}

func readyNames() []string {
	names := make([]string, len(readyRules))
	for i, r := range readyRules {
		names[i] = r.Name
	}
	return names
}

func readyWithDays() []string {
	var names []string
	for _, r := range readyRules {
		if len(r.Days) > 0 {
			names = append(names, fmt.Sprintf("%q", r.Name))
		}
	}
	return names
}

// An agent that was taken out of service or uninstalled was told of then, and is of no concern after.
const (
	entityServes = `!(entity.isDecommissioned == true || entity.isUninstalled == true)`
	beforeServed = `!(change.before.isDecommissioned == true || change.before.isUninstalled == true)`
)

// The state of vulnerabilities, and what is told of one.
const (
	openVulnerability = `entity.type == "sentinelone_vulnerability" && entity.open == true`
	vulnerabilityText = `{{if ne .Op "ended"}}Score: {{or .Entity.score "unknown"}}. Exploit code: {{or .Entity.exploitCodeMaturity "unknown"}}. Remedy: {{or .Entity.remediationLevel "unknown"}}.` +
		`{{else if eq .Entity.open ""}}Either no device has it any more, or its severity is none of those that are read.{{end}}`

	// vulnerabilityEnded is what is true of a vulnerability that is not open any more. The record is gone where the list, which
	// has the severities that are asked for, lacks it. What follows is for one that is open still.
	vulnerabilityEnded = `{{if ne .Op "ended"}}%s{{else if eq .Entity.open ""}}{{.Name}} is no longer listed for any device` +
		`{{else if eq .Entity.open "false"}}{{.Name}} is marked as a false positive or removed on all devices{{else}}%s{{end}}`
)

var readyRules = []readyRule{
	{
		Name:     "new device",
		Doc:      "A machine that was not there before. A new agent on a known machine does not count.",
		When:     `change.type == "sentinelone_device" && change.op == "created"`,
		Severity: "info",
		Title:    "New device: {{.Name}}",
		Text:     "{{.After.osDetails}}",
	},
	{
		Name:     "agent gone",
		Doc:      "An agent that the console no longer has, though it was neither decommissioned nor uninstalled.",
		When:     `change.type == "sentinelone_agent" && change.op == "deleted" && ` + beforeServed,
		Query:    "unprotected-devices",
		Severity: "medium",
		Title:    "The agent of {{.Name}} is gone",
		Text:     `Last heard of: {{date .Before.lastSeenOn}}`,
	},
	{
		Name:     "agent silent",
		Doc:      "An agent that has not been heard of for days, 14 unless told otherwise.",
		When:     `entity.type == "sentinelone_agent" && entity.lastSeenOn > 0 && now - entity.lastSeenOn > days(DAYS) && ` + entityServes,
		Query:    "silent-agents",
		Severity: "low",
		Title:    `The agent of {{.Name}} {{if eq .Op "ended"}}no longer counts as silent{{else}}has been silent since {{date .Entity.lastSeenOn}}{{end}}`,
		Text:     `{{if eq .Op "ended"}}Last heard of: {{or (date .Entity.lastSeenOn) "unknown"}}{{end}}`,
		Days:     []int{14},
	},
	{
		Name:     "device infected",
		Doc:      "An agent that has threats which are not mitigated, and had none before.",
		When:     `change.type == "sentinelone_agent" && change.op in ["created", "updated"] && change.after.infected == true && !(change.before.infected == true)`,
		Query:    "infected-devices",
		Severity: "high",
		Title:    "{{.Name}} is infected",
		Text:     `Threats that are not mitigated: {{or .After.activeThreats "unknown"}}`,
	},
	{
		Name:     "infection cleared",
		Doc:      "An agent that had threats which were not mitigated, and now has none.",
		When:     `change.type == "sentinelone_agent" && change.op == "updated" && change.before.infected == true && change.after.infected == false`,
		Query:    "infected-devices",
		Severity: "info",
		Title:    "{{.Name}} is no longer infected",
	},
	{
		Name: "device isolated",
		Doc:  "A machine that the console has cut off from its network, or is about to.",
		When: `change.type == "sentinelone_agent" && change.op in ["created", "updated"] && change.after.networkStatus in ["disconnected", "disconnecting"] && ` +
			`!(change.before.networkStatus in ["disconnected", "disconnecting", "connecting"])`,
		Query:    "isolated-devices",
		Severity: "high",
		Title:    `{{.Name}} {{if eq .After.networkStatus "disconnecting"}}is being{{else}}was{{end}} cut off from the network`,
	},
	{
		Name: "isolation lifted",
		Doc:  "A machine that the console had cut off from its network, and has let in again.",
		When: `change.type == "sentinelone_agent" && change.op == "updated" && change.after.networkStatus == "connected" && ` +
			`change.before.networkStatus in ["disconnected", "disconnecting", "connecting"]`,
		Query:    "isolated-devices",
		Severity: "medium",
		Title:    "{{.Name}} is no longer cut off from the network",
	},
	{
		Name:     "protection to detect mode",
		Doc:      "An agent that stopped threats, and now only reports them.",
		When:     `change.type == "sentinelone_agent" && change.op == "updated" && change.before.mitigationMode == "protect" && change.after.mitigationMode != "protect"`,
		Query:    "detect-mode-agents",
		Severity: "high",
		Title:    "{{.Name}} is no longer protected: its agent only detects",
	},
	{
		Name: "firewall or encryption switched off",
		Doc:  "An agent whose firewall control, or a machine whose disk encryption, was on and is off.",
		When: `change.type == "sentinelone_agent" && change.op == "updated" && (` +
			`change.before.firewallEnabled == true && change.after.firewallEnabled == false || ` +
			`change.before.encryptedApplications == true && change.after.encryptedApplications == false)`,
		Query:    "encryption-or-firewall-off",
		Severity: "medium",
		Title: `{{.Name}}: {{if and (eq .Before.firewallEnabled "true") (eq .After.firewallEnabled "false")}}the firewall{{else}}the disk encryption{{end}} was switched off` +
			`{{if and (eq .Before.firewallEnabled "true") (eq .After.firewallEnabled "false") (eq .Before.encryptedApplications "true") (eq .After.encryptedApplications "false")}}, and so was the disk encryption{{end}}`,
	},
	{
		Name:     "agent out of date",
		Doc:      "An agent that no longer has the latest version. When the vendor publishes one, that is the whole fleet.",
		When:     `entity.type == "sentinelone_agent" && entity.isUpToDate == false && ` + entityServes,
		Query:    "outdated-agents",
		Severity: "low",
		Title:    `The agent of {{.Name}} {{if eq .Op "ended"}}no longer counts as out of date{{else}}is out of date: {{.Entity.agentVersion}}{{end}}`,
	},
	{
		Name: "agent moved to another group or site",
		Doc:  "An agent that is in another group or site, and so under another policy.",
		When: `change.type == "sentinelone_agent" && change.op == "updated" && ` +
			`(change.before.groupId != change.after.groupId || change.before.siteId != change.after.siteId)`,
		Severity: "low",
		Title:    `{{.Name}} moved to the group {{or .Group.displayName .After.groupName "unknown"}} of {{or .Site.displayName .After.siteName "unknown"}}`,
	},
	{
		Name: "agent decommissioned or uninstalled",
		Doc:  "An agent that was taken out of service or uninstalled.",
		When: `change.type == "sentinelone_agent" && change.op == "updated" && ` + beforeServed +
			` && (change.after.isDecommissioned == true || change.after.isUninstalled == true)`,
		Query:    "unprotected-devices",
		Severity: "medium",
		Title:    `The agent of {{.Name}} was {{if eq .After.isUninstalled "true"}}uninstalled{{else}}decommissioned{{end}}`,
	},
	{
		Name: "new unmitigated threat",
		Doc:  "A threat that is new, open and not mitigated; as severe as the threat.",
		When: `change.type == "sentinelone_threat" && change.op == "created" && change.after.open == true && ` +
			`!(change.after.mitigationStatus in ["mitigated", "marked_as_benign"])`,
		Query:    "unmitigated-threats",
		Severity: "{{.After.severity}}",
		Title:    `{{.After.classification}} on {{or .Agent.displayName .After.agentComputerName "an unknown machine"}}: {{.Name}}`,
	},
	{
		Name:     "threat reopened",
		Doc:      "A threat that was resolved, and is open again; as severe as the threat.",
		When:     `change.type == "sentinelone_threat" && change.op == "updated" && change.before.open == false && change.after.open == true`,
		Severity: "{{.After.severity}}",
		Title:    `Reopened: {{.Name}} on {{or .Agent.displayName .After.agentComputerName "an unknown machine"}}`,
	},
	{
		Name:     "application first seen",
		Doc:      "A version of an application that no machine of the tenant had before.",
		When:     `change.type == "sentinelone_application" && change.op == "created"`,
		Query:    "rare-applications",
		Severity: "info",
		Title:    "First seen: {{.Name}}",
		Text:     `Publisher: {{or .After.publisher "unknown"}}. For: {{or .After.osType "unknown"}}. Risk: {{or .After.riskLevel "unknown"}}.`,
	},
	{
		Name: "application risk rises",
		Doc:  "An application whose vulnerabilities are more dangerous than before.",
		When: `change.type == "sentinelone_application" && change.op == "updated" && ` +
			`rank(change.after.riskLevel) > (has(change.before.riskLevel) ? rank(change.before.riskLevel) : 0)`,
		Severity: `{{if eq .After.riskLevel "none" ""}}info{{else}}{{.After.riskLevel}}{{end}}`,
		Title:    `The risk of {{.Name}} rose from {{or .Before.riskLevel "none"}} to {{.After.riskLevel}}`,
		Text:     `Publisher: {{or .After.publisher "unknown"}}.`,
	},
	{
		Name:     "critical vulnerability",
		Doc:      "A critical vulnerability that no device of the tenant had before, or that was less severe; it ends when it is no longer listed as critical and open.",
		When:     openVulnerability + ` && entity.severity == "critical"`,
		Query:    "open-vulnerabilities",
		Severity: "critical",
		Title:    fmt.Sprintf(vulnerabilityEnded, "New critical vulnerability: {{.Name}}", `{{.Name}} is no longer critical, but {{or .Entity.severity "of unknown severity"}}`),
		Text:     vulnerabilityText,
		Ended:    true,
	},
	{
		Name: "exploitable vulnerability",
		Doc: "An open vulnerability for which there is exploit code that works: its exploitCodeMaturity is Functional or High; as severe as the vulnerability. " +
			"The console tells it of tenants with Vulnerability Management alone. It ends when it is no longer listed as open with such exploit code.",
		When:     openVulnerability + ` && entity.exploitCodeMaturity in ["Functional", "High"]`,
		Query:    "open-vulnerabilities",
		Severity: "{{.Entity.severity}}",
		Title:    fmt.Sprintf(vulnerabilityEnded, "There is exploit code for {{.Name}}", "The exploit code for {{.Name}} no longer counts as working"),
		Text:     vulnerabilityText,
		Ended:    true,
	},
	{
		Name: "vulnerable device with a threat",
		Doc: "A device that has an open threat and an open vulnerability, told once however many they are; as severe as the worst of the vulnerabilities. " +
			"It ends when one of the two is over.",
		When:     `entity.type == "sentinelone_device" && entity.openThreats > 0 && entity.openVulnerabilities > 0`,
		Query:    "threatened-devices",
		Severity: "{{.Entity.worstVulnerability}}",
		Title:    `{{.Name}} {{if eq .Op "ended"}}no longer has both an open threat and a vulnerability that is listed as open{{else}}has an open threat and open vulnerabilities{{end}}`,
		Text:     `{{if ne .Op "ended"}}Open threats: {{.Entity.openThreats}}. Open vulnerabilities: {{.Entity.openVulnerabilities}}, the worst {{or .Entity.worstVulnerability "of unknown severity"}}.{{end}}`,
		Ended:    true,
	},
	{
		Name:     "device owner changes",
		Doc:      "A machine that has another owner than before.",
		When:     `change.type == "sentinelone_user_owns_device" && change.op == "created" && has(change.previousOwner)`,
		Query:    "owners-of-several-devices",
		Severity: "info",
		Title:    `{{or .Device.displayName "A device"}} is now {{or .Owner.displayName "somebody else"}}'s`,
		Text:     `Owner before: {{or .PreviousOwner.displayName "unknown"}}`,
	},
	{
		Name:     "many agents gone",
		Doc:      "Agents that the console no longer has, 20 or more in one run.",
		When:     `change.type == "sentinelone_agent" && change.op == "deleted" && ` + beforeServed,
		Severity: "critical",
		Title:    "{{.Count}} agents are gone",
		AtLeast:  20,
	},
	{
		Name:     "runs fail",
		Doc:      "Three runs in a row failed, could not read everything, or left a store behind.",
		When:     `run.notCompleteInRow == 3`,
		Severity: "high",
		Title:    "Three runs of {{.Instance}} in a row were not complete",
		Text:     `{{if .Error}}The last run failed: {{.Error}}{{else}}The last run was {{.Status}}. Not read whole: {{or .IncompleteTypes "nothing"}}. Withheld deletions: {{or .Withheld "none"}}. Stores that are behind: {{or .Behind "none"}}.{{end}}`,
	},
	{
		Name:     "something was not seen",
		Doc:      "Rules or a store were moved past runs that they did not see, since those could not be read or took too much space, or alerts.db was damaged.",
		When:     `size(run.unseen) > 0`,
		Severity: "high",
		Title:    "s1graph did not see all that happened in {{.Instance}}",
		Text:     "{{.Unseen}}",
	},
	{
		Name:     "token expires",
		Doc:      "The API token has 30 days left, 7 or 1.",
		When:     `[DAYS].exists(d, run.tokenDaysLeft <= d && (!has(run.tokenDaysLeftBefore) || run.tokenDaysLeftBefore > d))`,
		Severity: "high",
		Title:    `The API token of {{.Instance}} expires in {{.TokenDaysLeft}} {{if eq .TokenDaysLeft "1"}}day{{else}}days{{end}}`,
		Text:     "Make a new one in the console, and put it in place of the old one.",
		Days:     []int{30, 7, 1},
	},
	{
		Name:     "device not compliant",
		Doc:      "A device that does not meet what posture demands; it ends when the device meets it again or is no longer evaluated.",
		When:     `entity.type == "sentinelone_device" && entity.compliant == false`,
		Query:    "noncompliant-devices",
		Severity: "medium",
		Title:    `{{.Name}} {{if ne .Op "ended"}}is not compliant{{else if eq .Entity.compliant "true"}}is compliant again{{else}}was not compliant, and is no longer evaluated{{end}}`,
		Text:     `{{if ne .Op "ended"}}{{.Entity.nonCompliantReasons}}{{end}}`,
		Ended:    true,
	},
}

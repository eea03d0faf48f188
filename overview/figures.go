package overview

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"s1graph/entities"
	"s1graph/graph"
)

// Figure is a number that says how the fleet is.
type Figure struct {
	Name string // in JSON, CSV and metrics
	Line string // on which people read it, beside others: agents, devices, threats, ...
	Word string // what follows the number there; of the first figure of a line it is empty
	Doc  string // one sentence: what is counted

	IsDetail bool // it is left out where there is little room

	of *graph.Type           // nil: it is not counted record by record
	is func(s *subject) bool // whether a record counts
}

// subject is a record that may count.
type subject struct {
	graph.Record
	at      time.Time // when it was read
	agents  int       // of a device: how many protect it
	isOwned bool      // of a device
}

func (s *subject) isTrue(name string) bool  { return s.Get(name).Equal(graph.Bool(true)) }
func (s *subject) isFalse(name string) bool { return s.Get(name).Equal(graph.Bool(false)) }

func (s *subject) isOneOf(name string, words ...string) bool {
	return slices.Contains(words, s.Get(name).Text())
}

// since is how long before it was read the first known one of the times was.
func (s *subject) since(names ...string) (d time.Duration, isKnown bool) {
	for _, name := range names {
		if at := s.Get(name).Int64(); at > 0 {
			return s.at.Sub(time.UnixMilli(at)), true
		}
	}
	return 0, false
}

const day = 24 * time.Hour

// SilentAfter is how long nothing must have been heard of an agent for it to be called silent: a machine may be switched off
// for a holiday.
const SilentAfter = 14 * day

// The figures that are not counted record by record.
const (
	ThreatsReopened  = "threatsReopened"
	LicensesUsed     = "licensesUsed"
	LicensesTotal    = "licensesTotal"
	DevicesEvaluated = "devicesEvaluated"
	DevicesCompliant = "devicesCompliant"
)

// VulnerabilitiesOpen is the figure of the open vulnerabilities.
const VulnerabilitiesOpen = "vulnerabilitiesOpen"

// Figures are all figures, in the order in which they are shown.
func Figures() []Figure { return slices.Clone(figures) }

var figures = slices.Concat(
	agents("agents", "", "Agents that are neither decommissioned nor uninstalled, as those of the figures below.", func(*subject) bool { return true }),
	agents("agentsInfected", "infected", "Agents with threats that are not mitigated.", func(s *subject) bool { return s.isTrue("infected") }),
	agents("agentsIsolated", "isolated", "Agents whose machine the console has cut off from its network, or is about to, or has not yet let in again.",
		func(s *subject) bool {
			return s.isOneOf("networkStatus", "disconnected", "disconnecting", "connecting")
		}),
	agents("agentsSilent", "silent for 14 days", "Agents that have not been heard of for 14 days.", func(s *subject) bool {
		d, isKnown := s.since("lastSeenOn")
		return isKnown && d > SilentAfter
	}),
	agents("agentsDetectOnly", "in detect mode", "Agents that report threats and do not stop them.", func(s *subject) bool { return s.isOneOf("mitigationMode", "detect") }),
	agents("agentsDisabled", "disabled", "Agents that do not work, or not in full: their operationalState is not na.", func(s *subject) bool { return !s.isOneOf("operationalState", "", "na") }),
	agents("agentsOutOfDate", "out of date", "Agents that do not have the latest version.", func(s *subject) bool { return s.isFalse("isUpToDate") }),
	agents("agentsOnline", "online", "Agents that are connected to the console.", func(s *subject) bool { return s.isTrue("isActive") }),
	agents("agentsOffline", "offline", "Agents that are not connected to the console.", func(s *subject) bool { return s.isFalse("isActive") }),
	[]Figure{{
		Name: "agentsDecommissioned", Line: "agents", Word: "decommissioned", Doc: "Agents that were decommissioned or uninstalled. They count in no other figure.",
		of: entities.Agent.GraphType(), is: isOutOfService,
	}},

	devices("devices", "", "Machines that agents are or were installed on.", func(*subject) bool { return true }),
	devices("devicesUnprotected", "unprotected", "Devices that no agent protects.", func(s *subject) bool { return s.agents == 0 }),
	devices("devicesNotEncrypted", "not encrypted", "Devices with an agent whose disk is not encrypted.", func(s *subject) bool { return s.agents > 0 && s.isFalse("encrypted") }),
	devices("devicesFirewallOff", "firewall off", "Devices with an agent whose firewall control is off.", func(s *subject) bool { return s.agents > 0 && s.isFalse("firewallEnabled") }),
	devices("devicesSeveralAgents", "with several agents", "Devices that two agents or more protect.", func(s *subject) bool { return s.agents > 1 }),
	devices("devicesWithoutOwner", "without owner", "Devices that are nobody's, as far as is known.", func(s *subject) bool { return !s.isOwned }),

	threats("threatsOpen", "open", "Threats whose incident is not resolved, as those of the figures below.", func(*subject) bool { return true }),
	threats("threatsCritical", "critical", "Open threats of critical severity.", func(s *subject) bool { return s.isOneOf("severity", "critical") }),
	threats("threatsHigh", "high", "Open threats of high severity.", func(s *subject) bool { return s.isOneOf("severity", "high") }),
	threats("threatsMedium", "medium", "Open threats of medium severity.", func(s *subject) bool { return s.isOneOf("severity", "medium") }),
	threats("threatsLow", "low", "Open threats of low severity.", func(s *subject) bool { return s.isOneOf("severity", "low") }),
	threats("threatsUnmitigated", "not mitigated", "Open threats that are neither mitigated nor marked as benign.",
		func(s *subject) bool { return !s.isOneOf("mitigationStatus", "mitigated", "marked_as_benign") }),
	[]Figure{{Name: ThreatsReopened, Line: "threats", Word: "reopened", Doc: "Threats that were resolved in the run before, and are open."}},
	threatsOfAge("threatsOfDay", "under a day old", "Open threats that were found less than a day ago.", 0, day),
	threatsOfAge("threatsOfWeek", "1 to 7 days", "Open threats that were found a day to a week ago.", day, 7*day),
	threatsOfAge("threatsOfMonth", "7 to 30 days", "Open threats that were found a week to 30 days ago.", 7*day, 30*day),
	threatsOfAge("threatsOlder", "over 30 days", "Open threats that were found 30 days ago or earlier.", 30*day, 1<<62),

	applications("applications", "", "Versions of applications.", func(*subject) bool { return true }),
	applications("applicationsCritical", "at critical risk", "Applications with vulnerabilities of critical risk.", func(s *subject) bool { return s.isOneOf("riskLevel", "critical") }),
	applications("applicationsHigh", "high", "Applications with vulnerabilities of high risk.", func(s *subject) bool { return s.isOneOf("riskLevel", "high") }),
	detail(applications("applicationsMedium", "medium", "Applications with vulnerabilities of medium risk.", func(s *subject) bool { return s.isOneOf("riskLevel", "medium") })),
	detail(applications("applicationsLow", "low", "Applications with vulnerabilities of low risk.", func(s *subject) bool { return s.isOneOf("riskLevel", "low") })),

	vulnerabilities(VulnerabilitiesOpen, "open", "Vulnerabilities that a device has, of the severities that are asked for, as those of the figures below.", func(*subject) bool { return true }),
	vulnerabilitiesOf("critical"), vulnerabilitiesOf("high"), detail(vulnerabilitiesOf("medium")), detail(vulnerabilitiesOf("low")),

	[]Figure{
		{Name: LicensesUsed, Line: "licenses", Word: "used", Doc: "Licenses that the sites use."},
		{Name: LicensesTotal, Line: "licenses", Word: "bought", Doc: "Licenses that sites may use, those without limit left out."},
		{Name: DevicesEvaluated, Line: "posture", Word: "evaluated", Doc: "Devices for which posture demands something."},
		{Name: DevicesCompliant, Line: "posture", Word: "compliant", Doc: "Devices that meet what posture demands."},
	},
)

var figuresOf = func() map[string][]Figure {
	by := map[string][]Figure{}
	for _, f := range figures {
		if f.of != nil {
			by[f.of.Name] = append(by[f.of.Name], f)
		}
	}
	return by
}()

// FiguresOf are the figures that count records of a type, in the order of Figures.
func FiguresOf(typeName string) []Figure { return figuresOf[typeName] }

// Type is the type whose records count; "" where it is not counted record by record.
func (f Figure) Type() string {
	if f.of == nil {
		return ""
	}
	return f.of.Name
}

// Attention are the figures that somebody should look into where they are not 0, the most urgent first.
func Attention() []string {
	return []string{
		"agentsInfected", "threatsCritical", ThreatsReopened, "threatsHigh", "agentsIsolated", "devicesUnprotected", "agentsDisabled",
		"agentsDetectOnly", "agentsSilent", VulnerabilitiesOf("critical"), "applicationsCritical",
	}
}

func isOutOfService(s *subject) bool {
	return s.isTrue("isDecommissioned") || s.isTrue("isUninstalled")
}

// agents is a figure of the agents in service.
func agents(name, word, doc string, is func(*subject) bool) []Figure {
	return []Figure{{Name: name, Line: "agents", Word: word, Doc: doc, of: entities.Agent.GraphType(), is: func(s *subject) bool { return !isOutOfService(s) && is(s) }}}
}

func devices(name, word, doc string, is func(*subject) bool) []Figure {
	return []Figure{{Name: name, Line: "devices", Word: word, Doc: doc, of: entities.Device.GraphType(), is: is}}
}

// threats is a figure of the open threats.
func threats(name, word, doc string, is func(*subject) bool) []Figure {
	return []Figure{{Name: name, Line: "threats", Word: word, Doc: doc, of: entities.Threat.GraphType(), is: func(s *subject) bool { return s.isTrue("open") && is(s) }}}
}

func threatsOfAge(name, word, doc string, from, to time.Duration) []Figure {
	return detail(threats(name, word, doc, func(s *subject) bool {
		age, isKnown := s.since("identifiedAt", "createdAt")
		return isKnown && max(age, 0) >= from && age < to // a clock of a machine may be ahead
	}))
}

func detail(figures []Figure) []Figure {
	for i := range figures {
		figures[i].IsDetail = true
	}
	return figures
}

func applications(name, word, doc string, is func(*subject) bool) []Figure {
	return []Figure{{Name: name, Line: "applications", Word: word, Doc: doc, of: entities.Application.GraphType(), is: is}}
}

// Severities are those whose open vulnerabilities are counted, the worst first.
var Severities = entities.SeveritiesOfRisks

// vulnerabilities is a figure of the vulnerabilities that a device has.
func vulnerabilities(name, word, doc string, is func(*subject) bool) []Figure {
	return []Figure{{Name: name, Line: "vulnerabilities", Word: word, Doc: doc, of: entities.Vulnerability.GraphType(), is: func(s *subject) bool { return s.isTrue("open") && is(s) }}}
}

func vulnerabilitiesOf(severity string) []Figure {
	return vulnerabilities(VulnerabilitiesOf(severity), severity, fmt.Sprintf("Open vulnerabilities of %s severity.", severity), func(s *subject) bool { return s.isOneOf("severity", severity) })
}

// VulnerabilitiesOf is the figure of the open vulnerabilities of a severity: critical, high, medium or low.
func VulnerabilitiesOf(severity string) string {
	return "vulnerabilities" + strings.ToUpper(severity[:1]) + severity[1:]
}

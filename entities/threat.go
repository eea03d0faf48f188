package entities

import (
	"cmp"
	"net/url"
	"slices"
	"strings"

	"s1graph/model"
	"s1graph/s1"
)

// Threat is something that an agent found.
var Threat = model.Entity[s1.Threat]{
	Type:   threatType,
	Class:  "Finding",
	Step:   "threats",
	Source: "/threats",
	Doc: "A threat that an agent found, with what has become of it. What is named after the agent without further word (agentVersion, " +
		"agentOsName…) is as it was when the threat was found. Command lines are never read.",
	KeyDoc:   "the threat's id",
	Revision: 2,
	Place:    model.Place{Account: "accountId", Site: "siteId", Group: "groupId"},
	Card:     []string{"severity", "mitigationStatus"},
	Key:      func(t *s1.Threat) string { return ThreatKey(t.ID) },
	WebLink:  threatLink,
	Properties: slices.Concat(
		threatIdentity, threatState, threatFile, threatOrigin, threatTechniques, threatPlace, threatAgentThen, threatAgentNow,
		threatContainer, cloudIdentity(cloudsOfThreat), cloudFacts(cloudsOfThreat),
	),
}.Define()

const threatType = "sentinelone_threat"

// ThreatKey is the key of the threat with the given id.
func ThreatKey(id string) string { return idKey(threatType, id) }

// threatLink is the form that IBM's fn_sentinelone and OpenCTI's connector for SentinelOne link to.
func threatLink(host string, t *s1.Threat) string {
	return "https://" + host + "/incidents/threats/" + url.PathEscape(t.ID) + "/overview"
}

var threatIdentity = []model.Property[s1.Threat]{
	model.Text("id", "The threat's id.", func(t *s1.Threat) string { return t.ID }),
	model.Text("name", "Name of the threat, else its id.",
		func(t *s1.Threat) string { return cmp.Or(unescaped(threatInfo(t).ThreatName), t.ID) }).Required(),
	model.Text("displayName", "As name.",
		func(t *s1.Threat) string { return cmp.Or(unescaped(threatInfo(t).ThreatName), t.ID) }).Required(),
	model.Text("category", "Always endpoint, where in JupiterOne's words findings of agents belong.",
		func(*s1.Threat) string { return "endpoint" }).Required(),
	model.Text("threatName", "Name of the threat, most often of the file.",
		func(t *s1.Threat) string { return unescaped(threatInfo(t).ThreatName) }),
	model.Text("threatId", "The threat's id, as the agent has it.",
		func(t *s1.Threat) string { return threatInfo(t).ThreatID }),
	model.Text("storyline", "Id of the chain of events that the threat is part of.",
		func(t *s1.Threat) string { return threatInfo(t).Storyline }),
	model.Text("collectionId", "Id that alike threats share.",
		func(t *s1.Threat) string { return threatInfo(t).CollectionID }),
	model.Moment("identifiedAt", "When the agent found the threat.",
		func(t *s1.Threat) s1.Time { return threatInfo(t).IdentifiedAt }),
	model.Moment("createdAt", "When the console wrote the threat down.",
		func(t *s1.Threat) s1.Time { return threatInfo(t).CreatedAt }),
	model.Moment("updatedAt", "When the console last wrote to the threat.",
		func(t *s1.Threat) s1.Time { return threatInfo(t).UpdatedAt }).Volatile(bookkeeping),
}

var threatState = []model.Property[s1.Threat]{
	model.Text("severity", "critical, high, medium or low (see the table).",
		func(t *s1.Threat) string { return severityOf(t).name }).Required(),
	model.Whole("numericSeverity", "The severity as a number, 1 to 10 (see the table).",
		func(t *s1.Threat) s1.Int { return s1.Int{Value: severityOf(t).numeric, Known: true} }).Required(),
	model.Flag("open", "Whether incidentStatus is anything but resolved.",
		func(t *s1.Threat) s1.Flag { return s1.FlagOf(!isResolved(threatInfo(t))) }).Required(),
	model.Text("classification", "What the threat is, such as Malware, Ransomware or PUA.",
		func(t *s1.Threat) string { return threatInfo(t).Classification }),
	model.Text("classificationSource", "Who classified it: Cloud, Behavioral, Static or Engine.",
		func(t *s1.Threat) string { return threatInfo(t).ClassificationSource }),
	model.Text("confidenceLevel", "How sure the engine is: malicious, suspicious or n/a.",
		func(t *s1.Threat) string { return threatInfo(t).ConfidenceLevel }),
	model.Text("analystVerdict", "What an analyst says: undefined, true_positive, false_positive or suspicious.",
		func(t *s1.Threat) string { return threatInfo(t).AnalystVerdict }),
	model.Text("incidentStatus", "State of the incident: unresolved, in_progress or resolved.",
		func(t *s1.Threat) string { return threatInfo(t).IncidentStatus }),
	model.Text("mitigationStatus", "What has become of the threat: not_mitigated, mitigated or marked_as_benign.",
		func(t *s1.Threat) string { return threatInfo(t).MitigationStatus }),
	model.Set("mitigationActions", "What was done, and with what result, as `action: status`.", func(t *s1.Threat) []string {
		actions := make([]string, len(t.MitigationStatus))
		for i, m := range t.MitigationStatus {
			actions[i] = strings.Trim(m.Action+": "+m.Status, ": ")
		}
		return actions
	}),
	model.Moment("mitigationStartedAt", "When the first action began, or last reported where it does not say.", func(t *s1.Threat) (first s1.Time) {
		for _, m := range t.MitigationStatus {
			if at := cmp.Or(m.MitigationStartedAt, m.LastUpdate); at != 0 && (first == 0 || at < first) {
				first = at
			}
		}
		return first
	}),
	model.Moment("mitigationEndedAt", "When the last action ended, or last reported where it does not say; none that is pending has ended.",
		func(t *s1.Threat) (last s1.Time) {
			for _, m := range t.MitigationStatus {
				ended := m.MitigationEndedAt
				if ended == 0 && !isPending(&m) {
					ended = m.LastUpdate
				}
				last = max(last, ended)
			}
			return last
		}),
	model.Whole("mitigationFailedCount", "How many files, processes or settings the actions failed on.", func(t *s1.Threat) s1.Int {
		return countActions(t, func(c *s1.ActionsCounters) s1.Int { return c.Failed })
	}),
	model.Whole("mitigationPendingCount", "How many of them wait for a reboot.", func(t *s1.Threat) s1.Int {
		return countActions(t, func(c *s1.ActionsCounters) s1.Int { return c.PendingReboot })
	}),
	model.Set("latestReports", "Where the console has the reports of the actions: paths of its API.", func(t *s1.Threat) []string {
		reports := make([]string, len(t.MitigationStatus))
		for i, m := range t.MitigationStatus {
			reports[i] = m.LatestReport
		}
		return reports
	}),
	model.Flag("mitigatedPreemptively", "Whether it was stopped before it ran.",
		func(t *s1.Threat) s1.Flag { return threatInfo(t).MitigatedPreemptively }),
	model.Flag("automaticallyResolved", "Whether the console closed the incident by itself.",
		func(t *s1.Threat) s1.Flag { return threatInfo(t).AutomaticallyResolved }),
	model.Flag("failedActions", "Whether an action failed.",
		func(t *s1.Threat) s1.Flag { return threatInfo(t).FailedActions }),
	model.Flag("pendingActions", "Whether an action has not been done yet.",
		func(t *s1.Threat) s1.Flag { return threatInfo(t).PendingActions }),
	model.Flag("rebootRequired", "Whether an action waits for a reboot.",
		func(t *s1.Threat) s1.Flag { return threatInfo(t).RebootRequired }),
	model.Flag("reachedEventsLimit", "Whether the threat has more events than the console keeps.",
		func(t *s1.Threat) s1.Flag { return threatInfo(t).ReachedEventsLimit }),
	model.Flag("externalTicketExists", "Whether there is a ticket elsewhere.",
		func(t *s1.Threat) s1.Flag { return threatInfo(t).ExternalTicketExists }),
	model.Text("externalTicketId", "Id of that ticket.",
		func(t *s1.Threat) string { return threatInfo(t).ExternalTicketID }),
}

var threatFile = []model.Property[s1.Threat]{
	model.Text("filePath", "Where the file was.",
		func(t *s1.Threat) string { return unescaped(string(threatInfo(t).FilePath)) }),
	model.Whole("fileSize", "Size of the file in bytes.",
		func(t *s1.Threat) s1.Int { return threatInfo(t).FileSize }),
	model.Text("fileExtension", "Extension of the file's name.",
		func(t *s1.Threat) string { return threatInfo(t).FileExtension }),
	model.Text("fileExtensionType", "Kind of the file, such as Executable.",
		func(t *s1.Threat) string { return threatInfo(t).FileExtensionType }),
	model.Text("fileVerificationType", "Whether the file is signed, and the signature good.",
		func(t *s1.Threat) string { return threatInfo(t).FileVerificationType }),
	model.Text("md5", "MD5 of the file.", func(t *s1.Threat) string { return threatInfo(t).MD5 }),
	model.Text("sha1", "SHA-1 of the file.", func(t *s1.Threat) string { return threatInfo(t).SHA1 }),
	model.Text("sha256", "SHA-256 of the file.", func(t *s1.Threat) string { return threatInfo(t).SHA256 }),
	model.Text("cloudFilesHashVerdict", "What the vendor's cloud says of the file's hash.",
		func(t *s1.Threat) string { return threatInfo(t).CloudFilesHashVerdict }),
	model.Flag("isFileless", "Whether the threat has no file.",
		func(t *s1.Threat) s1.Flag { return threatInfo(t).IsFileless }),
	model.Text("publisherName", "Who signed the file.",
		func(t *s1.Threat) string { return unescaped(threatInfo(t).PublisherName) }),
	model.Text("certificateId", "Id of the certificate that the file is signed with.",
		func(t *s1.Threat) string { return threatInfo(t).CertificateID }),
	model.Flag("isValidCertificate", "Whether that certificate is valid.",
		func(t *s1.Threat) s1.Flag { return threatInfo(t).IsValidCertificate }),
}

var threatOrigin = []model.Property[s1.Threat]{
	model.Set("detectionEngines", "Engines that found the threat.",
		func(t *s1.Threat) []string { return threatInfo(t).DetectionEngines }),
	model.Set("engines", "Engines that found the threat, as older consoles call them.",
		func(t *s1.Threat) []string { return threatInfo(t).Engines }),
	model.Text("detectionType", "static (by the file) or dynamic (by behaviour).",
		func(t *s1.Threat) string { return threatInfo(t).DetectionType }),
	model.Text("initiatedBy", "What made the agent look, such as agent_policy or full_disk_scan.",
		func(t *s1.Threat) string { return threatInfo(t).InitiatedBy }),
	model.Text("initiatingUserId", "Id of the console user who made the agent look.",
		func(t *s1.Threat) string { return threatInfo(t).InitiatingUserID }),
	model.Text("initiatingUsername", "Name of the console user who made the agent look.",
		func(t *s1.Threat) string { return threatInfo(t).InitiatingUsername }),
	model.Text("originatorProcess", "Process that brought the threat.",
		func(t *s1.Threat) string { return unescaped(threatInfo(t).OriginatorProcess) }),
	model.Text("processUser", "User whom the process ran as.",
		func(t *s1.Threat) string { return threatInfo(t).ProcessUser }),
	model.Text("browserType", "Browser that brought the threat.",
		func(t *s1.Threat) string { return threatInfo(t).BrowserType }),
}

var threatTechniques = []model.Property[s1.Threat]{
	model.Set("mitreTactics", "MITRE ATT&CK tactics that the indicators point to.", func(t *s1.Threat) []string {
		return fromTactics(t, func(tactic *s1.Tactic) []string { return []string{tactic.Name} })
	}),
	model.Set("mitreTechniques", "MITRE ATT&CK techniques that the indicators point to.", func(t *s1.Threat) []string {
		return fromTactics(t, func(tactic *s1.Tactic) []string {
			names := make([]string, len(tactic.Techniques))
			for i := range tactic.Techniques {
				names[i] = tactic.Techniques[i].Name
			}
			return names
		})
	}),
	model.Set("references", "Links to the techniques.", func(t *s1.Threat) []string {
		return fromTactics(t, func(tactic *s1.Tactic) []string {
			links := make([]string, len(tactic.Techniques))
			for i := range tactic.Techniques {
				links[i] = tactic.Techniques[i].Link
			}
			return links
		})
	}),
	model.Set("indicators", "What the threat did, as `category: description`.", func(t *s1.Threat) []string {
		indicators := make([]string, len(t.Indicators))
		for i, in := range t.Indicators {
			indicators[i] = strings.Trim(in.Category+": "+in.Description, ": ")
		}
		return indicators
	}),
}

var threatPlace = []model.Property[s1.Threat]{
	model.Text("agentId", "Id of the agent.", func(t *s1.Threat) string { return agentNow(t).AgentID }),
	model.Text("agentUuid", "UUID of the agent.",
		func(t *s1.Threat) string { return cmp.Or(agentThen(t).AgentUUID, agentNow(t).AgentUUID) }),
	model.Text("accountId", "Id of the account that the agent is in today, else that it was in.",
		func(t *s1.Threat) string { return cmp.Or(agentNow(t).AccountID, agentThen(t).AccountID) }).Volatile(otherEntity),
	model.Text("accountName", "Name of the account.",
		func(t *s1.Threat) string { return unescaped(cmp.Or(agentNow(t).AccountName, agentThen(t).AccountName)) }).Volatile(nameOfParent),
	model.Text("siteId", "Id of the site that the agent is in today, else that it was in.",
		func(t *s1.Threat) string { return cmp.Or(agentNow(t).SiteID, agentThen(t).SiteID) }).Volatile(otherEntity),
	model.Text("siteName", "Name of the site.",
		func(t *s1.Threat) string { return unescaped(cmp.Or(agentNow(t).SiteName, agentThen(t).SiteName)) }).Volatile(nameOfParent),
	model.Text("groupId", "Id of the group that the agent is in today, else that it was in.",
		func(t *s1.Threat) string { return cmp.Or(agentNow(t).GroupID, agentThen(t).GroupID) }).Volatile(otherEntity),
	model.Text("groupName", "Name of the group.",
		func(t *s1.Threat) string { return unescaped(cmp.Or(agentNow(t).GroupName, agentThen(t).GroupName)) }).Volatile(nameOfParent),
}

var threatAgentThen = []model.Property[s1.Threat]{
	model.Text("agentVersion", "Version of the agent.",
		func(t *s1.Threat) string { return cmp.Or(agentThen(t).AgentVersion, agentNow(t).AgentVersion) }).Volatile(otherwiseToday),
	model.Text("agentOsName", "Operating system of the machine.",
		func(t *s1.Threat) string { return cmp.Or(agentThen(t).AgentOSName, agentNow(t).AgentOSName) }).Volatile(otherwiseToday),
	model.Text("agentOsRevision", "Version or build of the operating system.",
		func(t *s1.Threat) string { return cmp.Or(agentThen(t).AgentOSRevision, agentNow(t).AgentOSRevision) }).Volatile(otherwiseToday),
	model.Text("agentDomain", "Domain or workgroup of the machine.",
		func(t *s1.Threat) string { return cmp.Or(agentThen(t).AgentDomain, agentNow(t).AgentDomain) }).Volatile(otherwiseToday),
	model.Text("agentMitigationMode", "What the policy did about threats: detect or protect.",
		func(t *s1.Threat) string {
			return cmp.Or(agentThen(t).AgentMitigationMode, agentNow(t).AgentMitigationMode)
		}).Volatile(otherwiseToday),
	model.Text("agentDetectionState", "How far detection was switched on.",
		func(t *s1.Threat) string { return agentThen(t).AgentDetectionState }),
	model.Text("agentIpV4", "IPv4 addresses of the machine.",
		func(t *s1.Threat) string { return agentThen(t).AgentIPV4 }),
	model.Text("agentIpV6", "IPv6 addresses of the machine.",
		func(t *s1.Threat) string { return agentThen(t).AgentIPV6 }),
	model.Text("externalIp", "Address that the console saw the agent come from.",
		func(t *s1.Threat) string { return agentThen(t).ExternalIP }),
	model.Text("agentLastLoggedInUserName", "Who had logged in last.",
		func(t *s1.Threat) string { return agentThen(t).AgentLastLoggedInUserName }),
	model.Text("agentLastLoggedInUpn", "Active Directory's name of who had logged in last.",
		func(t *s1.Threat) string { return agentThen(t).AgentLastLoggedInUPN }),
	model.Text("agentLastLoggedInUserMail", "Mail address of who had logged in last.",
		func(t *s1.Threat) string { return agentThen(t).AgentLastLoggedInUserMail }),
	model.Moment("agentRegisteredAt", "When the agent first reported to the console.",
		func(t *s1.Threat) s1.Time { return agentThen(t).AgentRegisteredAt }),
}

var threatAgentNow = []model.Property[s1.Threat]{
	model.Text("agentComputerName", "Host name of the machine today.",
		func(t *s1.Threat) string { return agentNow(t).AgentComputerName }).Volatile(otherEntity),
	model.Set("targets", "As agentComputerName, where JupiterOne looks for it.",
		func(t *s1.Threat) []string { return []string{agentNow(t).AgentComputerName} }).Volatile(otherEntity),
	model.Text("agentMachineType", "Kind of the machine today.",
		func(t *s1.Threat) string { return agentNow(t).AgentMachineType }).Volatile(otherEntity),
	model.Text("agentOsType", "Operating system of the machine today: windows, macos, linux or windows_legacy.",
		func(t *s1.Threat) string { return agentNow(t).AgentOSType }).Volatile(otherEntity),
	model.Flag("agentInfected", "Whether the agent has threats today that are not mitigated.",
		func(t *s1.Threat) s1.Flag { return agentNow(t).AgentInfected }).Volatile(otherEntity),
	model.Flag("agentIsActive", "Whether the agent is connected to the console today.",
		func(t *s1.Threat) s1.Flag { return agentNow(t).AgentIsActive }).Volatile(otherEntity),
	model.Flag("agentIsDecommissioned", "Whether the agent is out of service today.",
		func(t *s1.Threat) s1.Flag { return agentNow(t).AgentIsDecommissioned }).Volatile(otherEntity),
	model.Text("agentNetworkStatus", "Network state of the machine today.",
		func(t *s1.Threat) string { return agentNow(t).AgentNetworkStatus }).Volatile(otherEntity),
	model.Text("storageName", "Name of the storage that the threat was on.",
		func(t *s1.Threat) string { return agentNow(t).StorageName }).Volatile(otherEntity),
	model.Text("storageType", "Kind of the storage that the threat was on.",
		func(t *s1.Threat) string { return agentNow(t).StorageType }).Volatile(otherEntity),
}

var threatContainer = []model.Property[s1.Threat]{
	model.Text("containerId", "Id of the container.",
		func(t *s1.Threat) string { return container(t).ID }),
	model.Text("containerName", "Name of the container.",
		func(t *s1.Threat) string { return container(t).Name }),
	model.Text("containerImage", "Image of the container.",
		func(t *s1.Threat) string { return container(t).Image }),
	model.Set("containerLabels", "Labels of the container.",
		func(t *s1.Threat) []string { return container(t).Labels }),
	model.Flag("isContainerQuarantine", "Whether the container is cut off from the network.", func(t *s1.Threat) s1.Flag {
		return max(container(t).IsContainerQuarantine, kubernetes(t).IsContainerQuarantine)
	}),
	model.Text("kubernetesCluster", "Name of the Kubernetes cluster.",
		func(t *s1.Threat) string { return kubernetes(t).Cluster }),
	model.Text("kubernetesNamespace", "Kubernetes namespace.",
		func(t *s1.Threat) string { return kubernetes(t).Namespace }),
	model.Set("kubernetesNamespaceLabels", "Labels of the namespace.",
		func(t *s1.Threat) []string { return kubernetes(t).NamespaceLabels }),
	model.Text("kubernetesControllerKind", "Kind of the Kubernetes controller, such as Deployment.",
		func(t *s1.Threat) string { return kubernetes(t).ControllerKind }),
	model.Text("kubernetesControllerName", "Name of the Kubernetes controller.",
		func(t *s1.Threat) string { return kubernetes(t).ControllerName }),
	model.Set("kubernetesControllerLabels", "Labels of the controller.",
		func(t *s1.Threat) []string { return kubernetes(t).ControllerLabels }),
	model.Text("kubernetesPod", "Name of the Kubernetes pod.",
		func(t *s1.Threat) string { return kubernetes(t).Pod }),
	model.Set("kubernetesPodLabels", "Labels of the pod.",
		func(t *s1.Threat) []string { return kubernetes(t).PodLabels }),
	model.Text("kubernetesNode", "Name of the Kubernetes node.",
		func(t *s1.Threat) string { return kubernetes(t).Node }),
	model.Set("kubernetesNodeLabels", "Labels of the node.",
		func(t *s1.Threat) []string { return kubernetes(t).NodeLabels }),
}

// AgentOfThreat is how a threat's row names its agent: by ID and by UUID, "" where it does not.
func AgentOfThreat(t *s1.Threat) (id, uuid string) {
	return agentNow(t).AgentID, cmp.Or(agentThen(t).AgentUUID, agentNow(t).AgentUUID)
}

func cloudsOfThreat(t *s1.Threat) map[string]s1.CloudProvider { return agentThen(t).CloudProviders }

// isPending says whether an action is not over.
func isPending(m *s1.MitigationAction) bool {
	return slices.Contains([]string{"pending", "pending-reboot", "sent"}, m.Status)
}

// countActions adds up a count of all actions; it is unknown where none has it.
func countActions(t *s1.Threat, get func(*s1.ActionsCounters) s1.Int) (sum s1.Int) {
	for _, m := range t.MitigationStatus {
		if m.ActionsCounters == nil {
			continue
		}
		if n := get(m.ActionsCounters); n.Known {
			sum = s1.Int{Value: sum.Value + n.Value, Known: true}
		}
	}
	return sum
}

// fromTactics collects what get takes from the tactics of the threat's indicators. They are MITRE's, whatever a console
// calls their source.
func fromTactics(t *s1.Threat, get func(*s1.Tactic) []string) []string {
	var list []string
	for i := range t.Indicators {
		for j := range t.Indicators[i].Tactics {
			list = append(list, get(&t.Indicators[i].Tactics[j])...)
		}
	}
	return list
}

// The parts of a row may be missing; these give an empty one then.

func threatInfo(t *s1.Threat) *s1.ThreatInfo {
	if t.ThreatInfo == nil {
		return &s1.ThreatInfo{}
	}
	return t.ThreatInfo
}

func agentThen(t *s1.Threat) *s1.ThreatDetection {
	if t.AgentDetectionInfo == nil {
		return &s1.ThreatDetection{}
	}
	return t.AgentDetectionInfo
}

func agentNow(t *s1.Threat) *s1.ThreatAgent {
	if t.AgentRealtimeInfo == nil {
		return &s1.ThreatAgent{}
	}
	return t.AgentRealtimeInfo
}

func container(t *s1.Threat) *s1.ContainerInfo {
	if t.ContainerInfo == nil {
		return &s1.ContainerInfo{}
	}
	return t.ContainerInfo
}

func kubernetes(t *s1.Threat) *s1.KubernetesInfo {
	if t.KubernetesInfo == nil {
		return &s1.KubernetesInfo{}
	}
	return t.KubernetesInfo
}

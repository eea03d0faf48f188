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
	Card:     []string{"severity", "classification", "mitigationStatus"},
	List:     []string{"severity", "classification", "mitigationStatus", "incidentStatus", "sentinelone_device", "sentinelone_user", "siteName", "groupName", "identifiedAt", "?agentOsType"},
	Search:   []string{"classification", "externalIp", "filePath", "id", "md5", "sha1", "sha256"},
	Key:      func(t *s1.Threat) string { return ThreatKey(t.ID) },
	WebLink:  threatLink,
	Properties: slices.Concat(
		threatIdentity, threatState, threatFile, threatOrigin, threatTechniques, threatPlace, threatAgentThen, threatAgentNow,
		threatContainer, cloudIdentity[s1.Threat](clouds), cloudFacts[s1.Threat](clouds),
	),
}.Define()

var threatField = model.Field[s1.Threat]

// clouds is where a threat's row says which clouds the machine was in.
const clouds = "agentDetectionInfo.cloudProviders"

const threatType = "sentinelone_threat"

// ThreatKey is the key of the threat with the given id.
func ThreatKey(id string) string { return IDKey(threatType, id) }

// threatLink is the form that IBM's fn_sentinelone and OpenCTI's connector for SentinelOne link to.
func threatLink(host string, t *s1.Threat) string {
	return "https://" + host + "/incidents/threats/" + url.PathEscape(t.ID) + "/overview"
}

var threatIdentity = []model.Property[s1.Threat]{
	threatField("id", "The threat's id."),
	model.Text("name", "Name of the threat, else its id.",
		func(t *s1.Threat) string { return cmp.Or(unescaped(threatInfo(t).ThreatName), t.ID) }).Required(),
	model.Text("displayName", "As name.",
		func(t *s1.Threat) string { return cmp.Or(unescaped(threatInfo(t).ThreatName), t.ID) }).Required(),
	model.Text("category", "Always endpoint, where in JupiterOne's words findings of agents belong.",
		func(*s1.Threat) string { return "endpoint" }).Required(),
	model.Text("threatName", "Name of the threat, most often of the file.",
		func(t *s1.Threat) string { return unescaped(threatInfo(t).ThreatName) }),
	threatField("threatInfo.threatId", "The threat's id, as the agent has it."),
	threatField("threatInfo.storyline", "Id of the chain of events that the threat is part of."),
	threatField("threatInfo.collectionId", "Id that alike threats share."),
	threatField("threatInfo.identifiedAt", "When the agent found the threat."),
	threatField("threatInfo.createdAt", "When the console wrote the threat down."),
	threatField("threatInfo.updatedAt", "When the console last wrote to the threat.").Volatile(bookkeeping),
}

var threatState = []model.Property[s1.Threat]{
	model.Text("severity", "critical, high, medium or low (see the table).",
		func(t *s1.Threat) string { return severityOf(t).name }).Required(),
	model.Whole("numericSeverity", "The severity as a number, 1 to 10 (see the table).",
		func(t *s1.Threat) s1.Int { return s1.Int{Value: severityOf(t).numeric, Known: true} }).Required(),
	model.Flag("open", "Whether incidentStatus is anything but resolved.",
		func(t *s1.Threat) s1.Flag { return s1.FlagOf(!isResolved(threatInfo(t))) }).Required(),
	threatField("threatInfo.classification", "What the threat is, such as Malware, Ransomware or PUA."),
	threatField("threatInfo.classificationSource", "Who classified it: Cloud, Behavioral, Static or Engine."),
	threatField("threatInfo.confidenceLevel", "How sure the engine is: malicious, suspicious or n/a."),
	threatField("threatInfo.analystVerdict", "What an analyst says: undefined, true_positive, false_positive or suspicious."),
	threatField("threatInfo.incidentStatus", "State of the incident: unresolved, in_progress or resolved."),
	threatField("threatInfo.mitigationStatus", "What has become of the threat: not_mitigated, mitigated or marked_as_benign."),
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
	threatField("mitigationStatus.latestReport", "Where the console has the reports of the actions: paths of its API.").Named("latestReports"),
	threatField("threatInfo.mitigatedPreemptively", "Whether it was stopped before it ran."),
	threatField("threatInfo.automaticallyResolved", "Whether the console closed the incident by itself."),
	threatField("threatInfo.failedActions", "Whether an action failed."),
	threatField("threatInfo.pendingActions", "Whether an action has not been done yet."),
	threatField("threatInfo.rebootRequired", "Whether an action waits for a reboot."),
	threatField("threatInfo.reachedEventsLimit", "Whether the threat has more events than the console keeps."),
	threatField("threatInfo.externalTicketExists", "Whether there is a ticket elsewhere."),
	threatField("threatInfo.externalTicketId", "Id of that ticket."),
}

var threatFile = []model.Property[s1.Threat]{
	model.Text("filePath", "Where the file was.",
		func(t *s1.Threat) string { return unescaped(string(threatInfo(t).FilePath)) }),
	threatField("threatInfo.fileSize", "Size of the file in bytes."),
	threatField("threatInfo.fileExtension", "Extension of the file's name."),
	threatField("threatInfo.fileExtensionType", "Kind of the file, such as Executable."),
	threatField("threatInfo.fileVerificationType", "Whether the file is signed, and the signature good."),
	threatField("threatInfo.md5", "MD5 of the file."),
	threatField("threatInfo.sha1", "SHA-1 of the file."),
	threatField("threatInfo.sha256", "SHA-256 of the file."),
	threatField("threatInfo.cloudFilesHashVerdict", "What the vendor's cloud says of the file's hash."),
	threatField("threatInfo.isFileless", "Whether the threat has no file."),
	model.Text("publisherName", "Who signed the file.",
		func(t *s1.Threat) string { return unescaped(threatInfo(t).PublisherName) }),
	threatField("threatInfo.certificateId", "Id of the certificate that the file is signed with."),
	threatField("threatInfo.isValidCertificate", "Whether that certificate is valid."),
}

var threatOrigin = []model.Property[s1.Threat]{
	threatField("threatInfo.detectionEngines", "Engines that found the threat."),
	threatField("threatInfo.engines", "Engines that found the threat, as older consoles call them."),
	threatField("threatInfo.detectionType", "static (by the file) or dynamic (by behaviour)."),
	threatField("threatInfo.initiatedBy", "What made the agent look, such as agent_policy or full_disk_scan."),
	threatField("threatInfo.initiatingUserId", "Id of the console user who made the agent look."),
	threatField("threatInfo.initiatingUsername", "Name of the console user who made the agent look."),
	model.Text("originatorProcess", "Process that brought the threat.",
		func(t *s1.Threat) string { return unescaped(threatInfo(t).OriginatorProcess) }),
	threatField("threatInfo.processUser", "User whom the process ran as."),
	threatField("threatInfo.rootProcessUpn", "User principal name of whom the first process of the storyline ran as."),
	threatField("threatInfo.browserType", "Browser that brought the threat."),
}

var threatTechniques = []model.Property[s1.Threat]{
	// The tactics are MITRE's, whatever a console calls their source.
	threatField("indicators.tactics.name", "MITRE ATT&CK tactics that the indicators point to.").Named("mitreTactics"),
	threatField("indicators.tactics.techniques.name", "MITRE ATT&CK techniques that the indicators point to.").Named("mitreTechniques"),
	threatField("indicators.tactics.techniques.link", "Links to the techniques.").Named("references"),
	model.Set("indicators", "What the threat did, as `category: description`.", func(t *s1.Threat) []string {
		indicators := make([]string, len(t.Indicators))
		for i, in := range t.Indicators {
			indicators[i] = strings.Trim(in.Category+": "+in.Description, ": ")
		}
		return indicators
	}),
}

var threatPlace = []model.Property[s1.Threat]{
	threatField("agentRealtimeInfo.agentId", "Id of the agent."),
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
	threatField("agentDetectionInfo.agentDetectionState", "How far detection was switched on."),
	threatField("agentDetectionInfo.agentIpV4", "IPv4 addresses of the machine."),
	threatField("agentDetectionInfo.agentIpV6", "IPv6 addresses of the machine."),
	threatField("agentDetectionInfo.externalIp", "Address that the console saw the agent come from."),
	threatField("agentDetectionInfo.agentLastLoggedInUserName", "Who had logged in last."),
	threatField("agentDetectionInfo.agentLastLoggedInUpn", "Active Directory's name of who had logged in last."),
	threatField("agentDetectionInfo.agentLastLoggedInUserMail", "Mail address of who had logged in last."),
	threatField("agentDetectionInfo.agentRegisteredAt", "When the agent first reported to the console."),
}

var threatAgentNow = []model.Property[s1.Threat]{
	model.Text("agentComputerName", "Host name of the machine today.",
		func(t *s1.Threat) string { return unescaped(agentNow(t).AgentComputerName) }).Volatile(otherEntity),
	model.Set("targets", "As agentComputerName, where JupiterOne looks for it.",
		func(t *s1.Threat) []string { return []string{unescaped(agentNow(t).AgentComputerName)} }).Volatile(otherEntity),
	threatField("agentRealtimeInfo.agentMachineType", "Kind of the machine today.").Volatile(otherEntity),
	threatField("agentRealtimeInfo.agentOsType", "Operating system of the machine today: windows, macos, linux or windows_legacy.").Volatile(otherEntity),
	threatField("agentRealtimeInfo.agentInfected", "Whether the agent has threats today that are not mitigated.").Volatile(otherEntity),
	threatField("agentRealtimeInfo.agentIsActive", "Whether the agent is connected to the console today.").Volatile(otherEntity),
	threatField("agentRealtimeInfo.agentIsDecommissioned", "Whether the agent is out of service today.").Volatile(otherEntity),
	threatField("agentRealtimeInfo.agentNetworkStatus", "Network state of the machine today.").Volatile(otherEntity),
	threatField("agentRealtimeInfo.storageName", "Name of the storage that the threat was on.").Volatile(otherEntity),
	threatField("agentRealtimeInfo.storageType", "Kind of the storage that the threat was on.").Volatile(otherEntity),
}

var threatContainer = []model.Property[s1.Threat]{
	threatField("containerInfo.id", "Id of the container.").Named("containerId"),
	threatField("containerInfo.name", "Name of the container.").Named("containerName"),
	threatField("containerInfo.image", "Image of the container.").Named("containerImage"),
	threatField("containerInfo.labels", "Labels of the container.").Named("containerLabels"),
	model.Flag("isContainerQuarantine", "Whether the container is cut off from the network.", func(t *s1.Threat) s1.Flag {
		return max(partOf(t.ContainerInfo).IsContainerQuarantine, partOf(t.KubernetesInfo).IsContainerQuarantine)
	}),
	threatField("kubernetesInfo.cluster", "Name of the Kubernetes cluster.").Named("kubernetesCluster"),
	threatField("kubernetesInfo.namespace", "Kubernetes namespace.").Named("kubernetesNamespace"),
	threatField("kubernetesInfo.namespaceLabels", "Labels of the namespace.").Named("kubernetesNamespaceLabels"),
	threatField("kubernetesInfo.controllerKind", "Kind of the Kubernetes controller, such as Deployment.").Named("kubernetesControllerKind"),
	threatField("kubernetesInfo.controllerName", "Name of the Kubernetes controller.").Named("kubernetesControllerName"),
	threatField("kubernetesInfo.controllerLabels", "Labels of the controller.").Named("kubernetesControllerLabels"),
	threatField("kubernetesInfo.pod", "Name of the Kubernetes pod.").Named("kubernetesPod"),
	threatField("kubernetesInfo.podLabels", "Labels of the pod.").Named("kubernetesPodLabels"),
	threatField("kubernetesInfo.node", "Name of the Kubernetes node.").Named("kubernetesNode"),
	threatField("kubernetesInfo.nodeLabels", "Labels of the node.").Named("kubernetesNodeLabels"),
	threatField("ecsInfo.clusterName", "Name of the ECS cluster.").Named("ecsCluster"),
	threatField("ecsInfo.serviceName", "Name of the ECS service.").Named("ecsService"),
	threatField("ecsInfo.serviceArn", "ARN of the ECS service.").Named("ecsServiceArn"),
	threatField("ecsInfo.taskArn", "ARN of the ECS task.").Named("ecsTaskArn"),
	threatField("ecsInfo.taskAvailabilityZone", "Availability zone of the ECS task.").Named("ecsTaskAvailabilityZone"),
	threatField("ecsInfo.taskDefinitionArn", "ARN of the ECS task's definition.").Named("ecsTaskDefinitionArn"),
	threatField("ecsInfo.taskDefinitionFamily", "Family of the ECS task's definition.").Named("ecsTaskDefinitionFamily"),
	threatField("ecsInfo.taskDefinitionRevision", "Revision of the ECS task's definition.").Named("ecsTaskDefinitionRevision"),
	threatField("ecsInfo.type", "Kind of the ECS task, as the vendor has it.").Named("ecsType"),
	threatField("ecsInfo.version", "Version that the vendor gives with the ECS task.").Named("ecsVersion"),
}

// AgentOfThreat is how a threat's row names its agent: by ID and by UUID, "" where it does not.
func AgentOfThreat(t *s1.Threat) (id, uuid string) {
	return agentNow(t).AgentID, cmp.Or(agentThen(t).AgentUUID, agentNow(t).AgentUUID)
}

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

// partOf is a part of a row, an empty one where the row has none.
func partOf[T any](part *T) *T {
	if part == nil {
		return new(T)
	}
	return part
}

func threatInfo(t *s1.Threat) *s1.ThreatInfo { return partOf(t.ThreatInfo) }

func agentThen(t *s1.Threat) *s1.ThreatDetection { return partOf(t.AgentDetectionInfo) }

func agentNow(t *s1.Threat) *s1.ThreatAgent { return partOf(t.AgentRealtimeInfo) }

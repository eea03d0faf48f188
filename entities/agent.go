package entities

import (
	"cmp"
	"net/url"
	"slices"

	"github.com/go-json-experiment/json"

	"s1graph/model"
	"s1graph/s1"
)

// Agent is an installation of SentinelOne on a machine.
var Agent = model.Entity[s1.Agent]{
	Type:     agentType,
	Class:    "HostAgent",
	Step:     "agents",
	Source:   "/agents",
	Doc:      "An agent: one installation of SentinelOne on a machine, decommissioned and uninstalled ones included. Its license key is never read.",
	KeyDoc:   "the agent's id",
	Revision: 2,
	Place:    model.Place{Account: "accountId", Site: "siteId", Group: "groupId"},
	Card:     []string{"osName", "agentVersion"},
	List:     []string{"osName", "agentVersion", "siteName", "groupName", "sentinelone_user", "lastSeenOn"},
	Search:   []string{"domain", "externalId", "externalIp", "id", "lastIpToMgmt", "macAddresses", "serialNumber", "tags", "userPrincipalName", "uuid"},
	Key:      func(a *s1.Agent) string { return AgentKey(a.ID) },
	WebLink:  agentLink,
	Tags:     agentTags,
	TagsDoc:  agentTagsDoc,
	Properties: slices.Concat(
		machineFacts, agentIdentity, agentState, agentSystem, agentNetwork, agentScans, agentDirectory, agentCloud,
	),
}.Define()

var agentField = model.Field[s1.Agent]

const agentType = "sentinelone_agent"

// UnescapeNames unescapes the names in a row that several records are made of: those of the computer and of its users.
func UnescapeNames(a *s1.Agent) {
	for _, name := range []*string{&a.ComputerName, &a.LastLoggedInUserName, &a.OSUsername} {
		*name = unescaped(*name)
	}
}

// AgentKey is the key of the agent with the given id.
func AgentKey(id string) string { return IDKey(agentType, id) }

// agentLink is the list of devices with those of the agent's computer name, which is what polarityio/sentinelone links to
// in its table of fields. No form is known that leads to one agent. The name is quoted, as there.
func agentLink(host string, a *s1.Agent) string {
	if a.ComputerName == "" {
		return ""
	}
	filter, err := json.Marshal(map[string]string{"computerName__contains": `"` + a.ComputerName + `"`})
	if err != nil { // a name that is no UTF-8
		return ""
	}
	return "https://" + host + "/sentinels/devices?page=1&filter=" + url.QueryEscape(string(filter))
}

// IsProtecting says whether the agent is neither decommissioned nor uninstalled.
func IsProtecting(a *s1.Agent) bool {
	return a.IsDecommissioned != s1.True && a.IsUninstalled != s1.True
}

// lastSeenOn is when the machine was last heard of.
func lastSeenOn(a *s1.Agent) s1.Time {
	for _, seen := range []s1.Time{a.LastActiveDate, a.RegisteredAt, a.CreatedAt} {
		if seen > 0 {
			return seen
		}
	}
	return 0
}

// agentFunctions are JupiterOne's words for what an agent does.
func agentFunctions(a *s1.Agent) []string {
	functions := []string{"activity-monitor", "anti-malware", "endpoint-protection"}
	if a.FirewallEnabled == s1.True {
		functions = append(functions, "host-firewall")
	}
	return functions
}

// machineFacts are what agents and devices say alike of the machine.
var machineFacts = []model.Property[s1.Agent]{
	agentField("accountId", "Id of the account."),
	agentField("computerName", "Host name as the agent reports it."),
	agentField("domain", "Domain or workgroup of the machine."),
	agentField("machineType", "desktop, laptop, server, storage, kubernetes node, kubernetes pod, ecs task or unknown."),
	agentField("osArch", "32 bit, 64 bit or ARM64."),
	agentField("osStartTime", "When the machine was last booted.").Volatile("moves with every boot"),
	agentField("cpuId", "Model of the processor."),
	agentField("cpuCount", "Number of processors."),
	agentField("coreCount", "Number of cores."),
	agentField("totalMemory", "Memory in megabytes."),
	agentField("firewallEnabled", "Whether the agent's firewall control is on."),
}

var agentIdentity = []model.Property[s1.Agent]{
	agentField("id", "The agent's id."),
	model.Text("name", "Name of the computer, else the agent's id.",
		func(a *s1.Agent) string { return cmp.Or(a.ComputerName, a.ID) }).Required(),
	model.Text("displayName", "As name.",
		func(a *s1.Agent) string { return cmp.Or(a.ComputerName, a.ID) }).Required(),
	agentField("uuid", "The agent's UUID, which the agent makes on its machine."),
	agentField("machineSid", "Security identifier that Windows gave the machine."),
	agentField("externalId", "Identifier that the customer gave the agent."),
	model.Set("tags", "The agent's tags as they are, as `key:value`.", agentTagList),
	model.Set("tagsAssigned", "Who gave the agent which tag, and when, as `key:value: who, time`.", agentTagsAssigned),
	model.Text("accountName", "Name of the account.",
		func(a *s1.Agent) string { return unescaped(a.AccountName) }).Volatile(nameOfParent),
	agentField("siteId", "Id of the site."),
	model.Text("siteName", "Name of the site.",
		func(a *s1.Agent) string { return unescaped(a.SiteName) }).Volatile(nameOfParent),
	agentField("groupId", "Id of the group."),
	model.Text("groupName", "Name of the group.",
		func(a *s1.Agent) string { return unescaped(a.GroupName) }).Volatile(nameOfParent),
	agentField("groupUpdatedAt", "When the agent's group last changed.").
		Volatile("moves with every change of the group; a move to another group shows in groupId"),
	agentField("createdAt", "When the console first wrote the agent down."),
	agentField("registeredAt", "When the agent first reported to the console."),
	agentField("updatedAt", "When the console last wrote to the agent.").Volatile(bookkeeping),
}

var agentState = []model.Property[s1.Agent]{
	model.Set("function", "What the agent does, in JupiterOne's words: activity-monitor, anti-malware and endpoint-protection; "+
		"host-firewall where its firewall control is on.", agentFunctions).Required(),
	agentField("agentVersion", "Version of the agent."),
	agentField("isUpToDate", "Whether the agent has the latest version.").Volatile(vendorRelease),
	agentField("installerType", "Kind of package that the agent was installed from, such as .msi."),
	agentField("isActive", "Whether the agent is connected to the console.").Volatile("moves when a machine sleeps and wakes"),
	agentField("lastActiveDate", "When the agent last reported to the console.").Volatile(heartbeat),
	model.Moment("lastSeenOn", "lastActiveDate, else registeredAt, else createdAt, else 0.",
		lastSeenOn).Required().Volatile(heartbeat),
	agentField("isDecommissioned", "Whether the agent was taken out of service."),
	agentField("isUninstalled", "Whether the agent was uninstalled."),
	agentField("isPendingUninstall", "Whether the agent has been told to uninstall itself."),
	agentField("infected", "Whether the agent has threats that are not mitigated."),
	agentField("activeThreats", "Number of threats that are not mitigated.").Volatile(countOfChildren),
	agentField("threatRebootRequired", "Whether a threat's mitigation waits for a reboot."),
	agentField("mitigationMode", "What the policy does about threats: detect or protect."),
	agentField("mitigationModeSuspicious", "What the policy does about suspicious activity: detect or protect."),
	agentField("detectionState", "How far detection is switched on, as the vendor has it."),
	agentField("operationalState", "Whether the agent works or is disabled, as the vendor has it; na where it works."),
	agentField("operationalStateExpiration", "When operationalState ends by itself."),
	agentField("firstFullModeTime", "When the agent was first fully at work."),
	agentField("policyUpdatedAt", "When the agent last took over a policy.").
		Volatile("moves for all agents of a group at once; what the policy does shows in other properties"),
	agentField("networkQuarantineEnabled", "Whether the agent's firewall rules for quarantine are on."),
	agentField("encryptedApplications", "Whether the disk is encrypted."),
	agentField("allowRemoteShell", "Whether the console may open a shell on the machine."),
	agentField("inRemoteShellSession", "Whether a shell from the console is open.").
		Volatile("is how the moment of the collection happened to be"),
	agentField("remoteProfilingState", "Whether the vendor's support profiles the agent."),
	agentField("remoteProfilingStateExpiration", "When profiling ends by itself."),
	agentField("rangerStatus", "Whether the agent scans its network: Enabled, Disabled or NotApplicable."),
	agentField("rangerVersion", "Version of the network scanner."),
	agentField("consoleMigrationStatus", "Whether the agent is being moved to another console: N/A, Pending, Migrated or Failed."),
	agentField("userActionsNeeded", "What someone must do for the agent to work fully, such as reboot_needed."),
	agentField("activeProtection", "Protections that the agent has at work, as the vendor has them, such as edr."),
	agentField("missingPermissions", "Permissions that the agent lacks on a Mac."),
}

var agentSystem = []model.Property[s1.Agent]{
	agentField("osName", "Name of the operating system."),
	agentField("osType", "windows, macos, linux or windows_legacy."),
	agentField("osRevision", "Version or build of the operating system."),
	agentField("modelName", "Maker and model of the machine."),
	agentField("serialNumber", "Serial number as the firmware has it, fillers included."),
	agentField("storageName", "Name of the storage that the agent protects."),
	agentField("storageType", "Kind of the storage that the agent protects."),
	agentField("hasContainerizedWorkload", "Whether containers run on the machine.").Volatile(workload),
	agentField("containerizedWorkloadCounts.containersCount", "Number of containers on the machine.").Volatile(workload),
	agentField("containerizedWorkloadCounts.podsCount", "Number of Kubernetes pods on the machine.").Volatile(workload),
	agentField("containerizedWorkloadCounts.tasksCount", "Number of ECS tasks on the machine.").Volatile(workload),
}

var agentNetwork = []model.Property[s1.Agent]{
	agentField("networkStatus", "Whether the console has cut the machine off from its network: disconnected where it has, disconnecting where it "+
		"is about to, connecting where it is about to let the machine in again, else connected. isActive tells whether the machine is online."),
	agentField("externalIp", "Address that the console sees the agent come from.").Volatile(roaming),
	agentField("lastIpToMgmt", "The machine's own address when it last reported.").Volatile(roaming),
	agentField("groupIp", "The network that the console sorts the agent into.").Volatile(roaming),
	model.Set("macAddresses", "Hardware addresses of the network interfaces, in lower case with colons.",
		macAddressesOf).Volatile(interfaces),
	model.Set("privateIpAddresses", "The machine's own addresses in private networks.",
		func(a *s1.Agent) []string { return addressesOf(a, isPrivate) }).Volatile(roaming),
	model.Set("publicIpAddresses", "The machine's own public addresses and, if public, externalIp.",
		publicAddressesOf).Volatile(roaming),
	model.Set("gatewayIpAddresses", "Addresses of the routers that the network interfaces use.",
		gatewayAddressesOf).Volatile(roaming),
	agentField("networkInterfaces.name", "Names of the network interfaces.").Named("networkInterfaceNames").Volatile(interfaces),
	agentField("locationEnabled", "Whether the policy changes with the network that the machine is in."),
	agentField("locationType", "How the location was found: specific, fallback, not_applicable or not_supported.").Volatile(roaming),
	model.Set("locationNames", "Names of the locations that the machine is in.", func(a *s1.Agent) []string {
		names := make([]string, len(a.Locations))
		for i := range a.Locations {
			names[i] = cmp.Or(a.Locations[i].Name, a.Locations[i].ID)
		}
		return names
	}).Volatile(roaming),
	agentField("proxyStates.console", "Whether the agent reaches the console through a proxy.").Named("proxyConsole").Volatile(roaming),
	agentField("proxyStates.deepVisibility", "Whether the agent sends its telemetry through a proxy.").
		Named("proxyDeepVisibility").Volatile(roaming),
}

var agentScans = []model.Property[s1.Agent]{
	agentField("scanStatus", "State of the last full disk scan: none, started, aborted or finished.").Volatile(scanning),
	agentField("scanStartedAt", "When the last scan began.").Volatile(scanning),
	agentField("scanFinishedAt", "When the last finished scan ended.").Volatile(scanning),
	agentField("scanAbortedAt", "When a scan was last aborted.").Volatile(scanning),
	agentField("lastSuccessfulScanDate", "When the disk was last scanned in full.").Volatile(scanning),
	agentField("fullDiskScanLastUpdatedAt", "When the scan last reported.").Volatile(scanning),
	agentField("appsVulnerabilityStatus", "Whether installed applications need a patch: patch_required, up_to_date or not_applicable.").Volatile(vendorRelease),
}

var agentDirectory = []model.Property[s1.Agent]{
	agentField("lastLoggedInUserName", "Who logged in last.").Volatile(someoneLoggedIn),
	agentField("osUsername", "User of the operating system, as the agent reports it.").Volatile(someoneLoggedIn),
	agentField("activeDirectory.userPrincipalName", "Active Directory's name of who logged in last.").Volatile(someoneLoggedIn),
	agentField("activeDirectory.mail", "Mail address of who logged in last.").Volatile(someoneLoggedIn),
	agentField("activeDirectory.lastUserDistinguishedName", "Active Directory's path of who logged in last.").Volatile(someoneLoggedIn),
	agentField("activeDirectory.lastUserMemberOf", "Active Directory groups of who logged in last.").Volatile(someoneLoggedIn),
	agentField("activeDirectory.computerDistinguishedName", "The computer's path in Active Directory."),
	agentField("activeDirectory.computerMemberOf", "The computer's groups in Active Directory."),
}

// agentCloud is what clouds and orchestrators say of the machine.
var agentCloud = slices.Concat(cloudIdentity[s1.Agent]("cloudProviders"), cloudFacts[s1.Agent]("cloudProviders"), []model.Property[s1.Agent]{
	agentField("cloudProviders.kubernetesType", "Kind of Kubernetes, such as EKS."),
	agentField("cloudProviders.kubernetesVersion", "Version of Kubernetes."),
	agentField("cloudProviders.kubernetesNodeName", "Name of the Kubernetes node."),
	agentField("cloudProviders.kubernetesNodeLabels", "Labels of the Kubernetes node."),
})

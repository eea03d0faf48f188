package entities

import (
	"cmp"
	"slices"

	"s1graph/model"
	"s1graph/s1"
)

// Agent is an installation of SentinelOne on a machine.
var Agent = model.Entity[s1.Agent]{
	Type:     agentType,
	Class:    "HostAgent",
	Step:     "agents",
	Source:   "/agents",
	Doc:      "An agent: one installation of SentinelOne on a machine, decommissioned and uninstalled ones included. Its licence key is never read.",
	KeyDoc:   "the agent's id",
	Revision: 2,
	Place:    model.Place{Account: "accountId", Site: "siteId", Group: "groupId"},
	Card:     []string{"osName", "agentVersion"},
	Key:      func(a *s1.Agent) string { return AgentKey(a.ID) },
	Tags:     agentTags,
	TagsDoc:  agentTagsDoc,
	Properties: slices.Concat(
		agentIdentity, agentState, agentSystem, agentNetwork, agentScans, agentDirectory, agentCloud(),
	),
}.Define()

const agentType = "sentinelone_agent"

// AgentKey is the key of the agent with the given id.
func AgentKey(id string) string { return idKey(agentType, id) }

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

var agentIdentity = []model.Property[s1.Agent]{
	model.Text("id", "The agent's id.", func(a *s1.Agent) string { return a.ID }),
	model.Text("name", "Name of the computer, else the agent's id.",
		func(a *s1.Agent) string { return cmp.Or(a.ComputerName, a.ID) }).Required(),
	model.Text("displayName", "As name.",
		func(a *s1.Agent) string { return cmp.Or(a.ComputerName, a.ID) }).Required(),
	model.Text("uuid", "The agent's UUID, which the agent makes on its machine.",
		func(a *s1.Agent) string { return a.UUID }),
	model.Text("computerName", "Host name as the agent reports it.",
		func(a *s1.Agent) string { return a.ComputerName }),
	model.Text("externalId", "Identifier that the customer gave the agent.",
		func(a *s1.Agent) string { return a.ExternalID }),
	model.Set("tags", "The agent's tags as they are, as `key:value`.", agentTagList),
	model.Set("tagsAssigned", "Who gave the agent which tag, and when, as `key:value: who, time`.", agentTagsAssigned),
	model.Text("accountId", "Id of the account.", func(a *s1.Agent) string { return a.AccountID }),
	model.Text("accountName", "Name of the account.",
		func(a *s1.Agent) string { return unescaped(a.AccountName) }).Volatile(nameOfParent),
	model.Text("siteId", "Id of the site.", func(a *s1.Agent) string { return a.SiteID }),
	model.Text("siteName", "Name of the site.",
		func(a *s1.Agent) string { return unescaped(a.SiteName) }).Volatile(nameOfParent),
	model.Text("groupId", "Id of the group.", func(a *s1.Agent) string { return a.GroupID }),
	model.Text("groupName", "Name of the group.",
		func(a *s1.Agent) string { return unescaped(a.GroupName) }).Volatile(nameOfParent),
	model.Moment("groupUpdatedAt", "When the agent's group last changed.",
		func(a *s1.Agent) s1.Time { return a.GroupUpdatedAt }).
		Volatile("moves with every change of the group; a move to another group shows in groupId"),
	model.Moment("createdAt", "When the console first wrote the agent down.",
		func(a *s1.Agent) s1.Time { return a.CreatedAt }),
	model.Moment("registeredAt", "When the agent first reported to the console.",
		func(a *s1.Agent) s1.Time { return a.RegisteredAt }),
	model.Moment("updatedAt", "When the console last wrote to the agent.",
		func(a *s1.Agent) s1.Time { return a.UpdatedAt }).Volatile(bookkeeping),
}

var agentState = []model.Property[s1.Agent]{
	model.Set("function", "What the agent does, in JupiterOne's words: activity-monitor, anti-malware and endpoint-protection; "+
		"host-firewall where its firewall control is on.", agentFunctions).Required(),
	model.Text("agentVersion", "Version of the agent.", func(a *s1.Agent) string { return a.AgentVersion }),
	model.Flag("isUpToDate", "Whether the agent has the latest version.",
		func(a *s1.Agent) s1.Flag { return a.IsUpToDate }).Volatile(vendorRelease),
	model.Text("installerType", "Kind of package that the agent was installed from, such as .msi.",
		func(a *s1.Agent) string { return a.InstallerType }),
	model.Flag("isActive", "Whether the agent is connected to the console.",
		func(a *s1.Agent) s1.Flag { return a.IsActive }).Volatile("moves when a machine sleeps and wakes"),
	model.Moment("lastActiveDate", "When the agent last reported to the console.",
		func(a *s1.Agent) s1.Time { return a.LastActiveDate }).Volatile(heartbeat),
	model.Moment("lastSeenOn", "lastActiveDate, else registeredAt, else createdAt, else 0.",
		lastSeenOn).Required().Volatile(heartbeat),
	model.Flag("isDecommissioned", "Whether the agent was taken out of service.",
		func(a *s1.Agent) s1.Flag { return a.IsDecommissioned }),
	model.Flag("isUninstalled", "Whether the agent was uninstalled.",
		func(a *s1.Agent) s1.Flag { return a.IsUninstalled }),
	model.Flag("isPendingUninstall", "Whether the agent has been told to uninstall itself.",
		func(a *s1.Agent) s1.Flag { return a.IsPendingUninstall }),
	model.Flag("infected", "Whether the agent has threats that are not mitigated.",
		func(a *s1.Agent) s1.Flag { return a.Infected }),
	model.Whole("activeThreats", "Number of threats that are not mitigated.",
		func(a *s1.Agent) s1.Int { return a.ActiveThreats }).Volatile(countOfChildren),
	model.Flag("threatRebootRequired", "Whether a threat's mitigation waits for a reboot.",
		func(a *s1.Agent) s1.Flag { return a.ThreatRebootRequired }),
	model.Text("mitigationMode", "What the policy does about threats: detect or protect.",
		func(a *s1.Agent) string { return a.MitigationMode }),
	model.Text("mitigationModeSuspicious", "What the policy does about suspicious activity: detect or protect.",
		func(a *s1.Agent) string { return a.MitigationModeSuspicious }),
	model.Text("detectionState", "How far detection is switched on, as the vendor has it.",
		func(a *s1.Agent) string { return a.DetectionState }),
	model.Text("operationalState", "Whether the agent works or is disabled, as the vendor has it; na where it works.",
		func(a *s1.Agent) string { return a.OperationalState }),
	model.Moment("operationalStateExpiration", "When operationalState ends by itself.",
		func(a *s1.Agent) s1.Time { return a.OperationalStateExpiration }),
	model.Moment("firstFullModeTime", "When the agent was first fully at work.",
		func(a *s1.Agent) s1.Time { return a.FirstFullModeTime }),
	model.Moment("policyUpdatedAt", "When the agent last took over a policy.",
		func(a *s1.Agent) s1.Time { return a.PolicyUpdatedAt }).
		Volatile("moves for all agents of a group at once; what the policy does shows in other properties"),
	model.Flag("firewallEnabled", "Whether the agent's firewall control is on.",
		func(a *s1.Agent) s1.Flag { return a.FirewallEnabled }),
	model.Flag("networkQuarantineEnabled", "Whether the agent's firewall rules for quarantine are on.",
		func(a *s1.Agent) s1.Flag { return a.NetworkQuarantineEnabled }),
	model.Flag("encryptedApplications", "Whether the disk is encrypted.",
		func(a *s1.Agent) s1.Flag { return a.EncryptedApplications }),
	model.Flag("allowRemoteShell", "Whether the console may open a shell on the machine.",
		func(a *s1.Agent) s1.Flag { return a.AllowRemoteShell }),
	model.Flag("inRemoteShellSession", "Whether a shell from the console is open.",
		func(a *s1.Agent) s1.Flag { return a.InRemoteShellSession }).
		Volatile("is how the moment of the collection happened to be"),
	model.Text("remoteProfilingState", "Whether the vendor's support profiles the agent.",
		func(a *s1.Agent) string { return a.RemoteProfilingState }),
	model.Moment("remoteProfilingStateExpiration", "When profiling ends by itself.",
		func(a *s1.Agent) s1.Time { return a.RemoteProfilingStateExpiration }),
	model.Text("rangerStatus", "Whether the agent scans its network: Enabled, Disabled or NotApplicable.",
		func(a *s1.Agent) string { return a.RangerStatus }),
	model.Text("rangerVersion", "Version of the network scanner.",
		func(a *s1.Agent) string { return a.RangerVersion }),
	model.Text("consoleMigrationStatus", "Whether the agent is being moved to another console: N/A, Pending, Migrated or Failed.",
		func(a *s1.Agent) string { return a.ConsoleMigrationStatus }),
	model.Set("userActionsNeeded", "What someone must do for the agent to work fully, such as reboot_needed.",
		func(a *s1.Agent) []string { return a.UserActionsNeeded }),
	model.Set("missingPermissions", "Permissions that the agent lacks on a Mac.",
		func(a *s1.Agent) []string { return a.MissingPermissions }),
}

var agentSystem = []model.Property[s1.Agent]{
	model.Text("osName", "Name of the operating system.", func(a *s1.Agent) string { return a.OSName }),
	model.Text("osType", "windows, macos, linux or windows_legacy.",
		func(a *s1.Agent) string { return a.OSType }),
	model.Text("osRevision", "Version or build of the operating system.",
		func(a *s1.Agent) string { return a.OSRevision }),
	model.Text("osArch", "32 bit, 64 bit or ARM64.", func(a *s1.Agent) string { return a.OSArch }),
	model.Moment("osStartTime", "When the machine was last booted.",
		func(a *s1.Agent) s1.Time { return a.OSStartTime }).Volatile("moves with every boot"),
	model.Text("machineType", "desktop, laptop, server, storage, kubernetes node, kubernetes pod, ecs task or unknown.",
		func(a *s1.Agent) string { return a.MachineType }),
	model.Text("modelName", "Maker and model of the machine.", func(a *s1.Agent) string { return a.ModelName }),
	model.Text("serialNumber", "Serial number as the firmware has it, fillers included.",
		func(a *s1.Agent) string { return a.SerialNumber }),
	model.Text("cpuId", "Model of the processor.", func(a *s1.Agent) string { return a.CPUID }),
	model.Whole("cpuCount", "Number of processors.", func(a *s1.Agent) s1.Int { return a.CPUCount }),
	model.Whole("coreCount", "Number of cores.", func(a *s1.Agent) s1.Int { return a.CoreCount }),
	model.Whole("totalMemory", "Memory in megabytes.", func(a *s1.Agent) s1.Int { return a.TotalMemory }),
	model.Text("storageName", "Name of the storage that the agent protects.",
		func(a *s1.Agent) string { return a.StorageName }),
	model.Text("storageType", "Kind of the storage that the agent protects.",
		func(a *s1.Agent) string { return a.StorageType }),
	model.Flag("hasContainerizedWorkload", "Whether containers run on the machine.",
		func(a *s1.Agent) s1.Flag { return a.HasContainerizedWorkload }).Volatile(workload),
	model.Whole("containersCount", "Number of containers on the machine.",
		func(a *s1.Agent) s1.Int { return workloadCounts(a).ContainersCount }).Volatile(workload),
	model.Whole("podsCount", "Number of Kubernetes pods on the machine.",
		func(a *s1.Agent) s1.Int { return workloadCounts(a).PodsCount }).Volatile(workload),
	model.Whole("tasksCount", "Number of ECS tasks on the machine.",
		func(a *s1.Agent) s1.Int { return workloadCounts(a).TasksCount }).Volatile(workload),
}

func workloadCounts(a *s1.Agent) s1.ContainerizedWorkloadCounts {
	if a.ContainerizedWorkloadCounts == nil {
		return s1.ContainerizedWorkloadCounts{}
	}
	return *a.ContainerizedWorkloadCounts
}

var agentNetwork = []model.Property[s1.Agent]{
	model.Text("domain", "Domain or workgroup of the machine.", func(a *s1.Agent) string { return a.Domain }),
	model.Text("networkStatus", "Whether the console has cut the machine off from its network: disconnected where it has, disconnecting where it "+
		"is about to, connecting where it is about to let the machine in again, else connected. isActive tells whether the machine is online.",
		func(a *s1.Agent) string { return a.NetworkStatus }),
	model.Text("externalIp", "Address that the console sees the agent come from.",
		func(a *s1.Agent) string { return a.ExternalIP }).Volatile(roaming),
	model.Text("lastIpToMgmt", "The machine's own address when it last reported.",
		func(a *s1.Agent) string { return a.LastIPToMgmt }).Volatile(roaming),
	model.Text("groupIp", "The network that the console sorts the agent into.",
		func(a *s1.Agent) string { return a.GroupIP }).Volatile(roaming),
	model.Set("macAddresses", "Hardware addresses of the network interfaces, in lower case with colons.",
		macAddressesOf).Volatile(interfaces),
	model.Set("privateIpAddresses", "The machine's own addresses in private networks.",
		func(a *s1.Agent) []string { return addressesOf(a, isPrivate) }).Volatile(roaming),
	model.Set("publicIpAddresses", "The machine's own public addresses and, if public, externalIp.",
		publicAddressesOf).Volatile(roaming),
	model.Set("gatewayIpAddresses", "Addresses of the routers that the network interfaces use.",
		gatewayAddressesOf).Volatile(roaming),
	model.Set("networkInterfaceNames", "Names of the network interfaces.", func(a *s1.Agent) []string {
		names := make([]string, len(a.NetworkInterfaces))
		for i := range a.NetworkInterfaces {
			names[i] = a.NetworkInterfaces[i].Name
		}
		return names
	}).Volatile(interfaces),
	model.Flag("locationEnabled", "Whether the policy changes with the network that the machine is in.",
		func(a *s1.Agent) s1.Flag { return a.LocationEnabled }),
	model.Text("locationType", "How the location was found: specific, fallback, not_applicable or not_supported.",
		func(a *s1.Agent) string { return a.LocationType }).Volatile(roaming),
	model.Set("locationNames", "Names of the locations that the machine is in.", func(a *s1.Agent) []string {
		names := make([]string, len(a.Locations))
		for i := range a.Locations {
			names[i] = cmp.Or(a.Locations[i].Name, a.Locations[i].ID)
		}
		return names
	}).Volatile(roaming),
	model.Flag("proxyConsole", "Whether the agent reaches the console through a proxy.", func(a *s1.Agent) s1.Flag {
		if a.ProxyStates == nil {
			return s1.Unknown
		}
		return a.ProxyStates.Console
	}).Volatile(roaming),
	model.Flag("proxyDeepVisibility", "Whether the agent sends its telemetry through a proxy.", func(a *s1.Agent) s1.Flag {
		if a.ProxyStates == nil {
			return s1.Unknown
		}
		return a.ProxyStates.DeepVisibility
	}).Volatile(roaming),
}

var agentScans = []model.Property[s1.Agent]{
	model.Text("scanStatus", "State of the last full disk scan: none, started, aborted or finished.",
		func(a *s1.Agent) string { return a.ScanStatus }).Volatile(scanning),
	model.Moment("scanStartedAt", "When the last scan began.",
		func(a *s1.Agent) s1.Time { return a.ScanStartedAt }).Volatile(scanning),
	model.Moment("scanFinishedAt", "When the last finished scan ended.",
		func(a *s1.Agent) s1.Time { return a.ScanFinishedAt }).Volatile(scanning),
	model.Moment("scanAbortedAt", "When a scan was last aborted.",
		func(a *s1.Agent) s1.Time { return a.ScanAbortedAt }).Volatile(scanning),
	model.Moment("lastSuccessfulScanDate", "When the disk was last scanned in full.",
		func(a *s1.Agent) s1.Time { return a.LastSuccessfulScanDate }).Volatile(scanning),
	model.Moment("fullDiskScanLastUpdatedAt", "When the scan last reported.",
		func(a *s1.Agent) s1.Time { return a.FullDiskScanLastUpdatedAt }).Volatile(scanning),
	model.Text("appsVulnerabilityStatus", "Whether installed applications need a patch: patch_required, up_to_date or not_applicable.",
		func(a *s1.Agent) string { return a.AppsVulnerabilityStatus }).Volatile(vendorRelease),
}

var agentDirectory = []model.Property[s1.Agent]{
	model.Text("lastLoggedInUserName", "Who logged in last.",
		func(a *s1.Agent) string { return a.LastLoggedInUserName }).Volatile(someoneLoggedIn),
	model.Text("osUsername", "User of the operating system, as the agent reports it.",
		func(a *s1.Agent) string { return a.OSUsername }).Volatile(someoneLoggedIn),
	model.Text("userPrincipalName", "Active Directory's name of who logged in last.",
		func(a *s1.Agent) string { return directoryOf(a).UserPrincipalName }).Volatile(someoneLoggedIn),
	model.Text("mail", "Mail address of who logged in last.",
		func(a *s1.Agent) string { return directoryOf(a).Mail }).Volatile(someoneLoggedIn),
	model.Text("lastUserDistinguishedName", "Active Directory's path of who logged in last.",
		func(a *s1.Agent) string { return directoryOf(a).LastUserDistinguishedName }).Volatile(someoneLoggedIn),
	model.Set("lastUserMemberOf", "Active Directory groups of who logged in last.",
		func(a *s1.Agent) []string { return directoryOf(a).LastUserMemberOf }).Volatile(someoneLoggedIn),
	model.Text("computerDistinguishedName", "The computer's path in Active Directory.",
		func(a *s1.Agent) string { return directoryOf(a).ComputerDistinguishedName }),
	model.Set("computerMemberOf", "The computer's groups in Active Directory.",
		func(a *s1.Agent) []string { return directoryOf(a).ComputerMemberOf }),
}

// directoryOf is what Active Directory says of the agent's machine and last user, if anything.
func directoryOf(a *s1.Agent) *s1.ActiveDirectory {
	if a.ActiveDirectory == nil {
		return &s1.ActiveDirectory{}
	}
	return a.ActiveDirectory
}

// agentCloud is what clouds and orchestrators say of the machine.
func agentCloud() []model.Property[s1.Agent] {
	of := clouds[s1.Agent](cloudsOfAgent)
	return slices.Concat(cloudIdentity(of), cloudFacts(of), []model.Property[s1.Agent]{
		model.Text("kubernetesType", "Kind of Kubernetes, such as EKS.",
			of.text(func(c *s1.CloudProvider) string { return c.KubernetesType })),
		model.Text("kubernetesVersion", "Version of Kubernetes.",
			of.text(func(c *s1.CloudProvider) string { return c.KubernetesVersion })),
		model.Text("kubernetesNodeName", "Name of the Kubernetes node.",
			of.text(func(c *s1.CloudProvider) string { return c.KubernetesNodeName })),
		model.Set("kubernetesNodeLabels", "Labels of the Kubernetes node.",
			of.list(func(c *s1.CloudProvider) []string { return c.KubernetesNodeLabels })),
	})
}

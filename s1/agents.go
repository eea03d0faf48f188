package s1

// Agents is the list of agents.
var Agents = Endpoint[Agent]{Path: "/agents", MaxLimit: 1000}

// Agent is a row of /agents, without its licenseKey. activeProtection and machineSid are not in the API document of April
// 2024: the agent of SentinelOne's partners has them (s1buildpartners/sentinelone-go-sdk, package types), and the table
// sentinelone_agent of xybytes/steampipe-plugin-sentinelone.
type Agent struct {
	AccountID                      string                       `json:"accountId,omitzero"`
	AccountName                    string                       `json:"accountName,omitzero"`
	ActiveDirectory                *ActiveDirectory             `json:"activeDirectory,omitzero"`
	ActiveProtection               []string                     `json:"activeProtection,omitzero"`
	ActiveThreats                  Int                          `json:"activeThreats,omitzero"`
	AgentVersion                   string                       `json:"agentVersion,omitzero"`
	AllowRemoteShell               Flag                         `json:"allowRemoteShell,omitzero"`
	AppsVulnerabilityStatus        string                       `json:"appsVulnerabilityStatus,omitzero"`
	CloudProviders                 map[string]CloudProvider     `json:"cloudProviders,omitzero"`
	ComputerName                   string                       `json:"computerName,omitzero"`
	ConsoleMigrationStatus         string                       `json:"consoleMigrationStatus,omitzero"`
	ContainerizedWorkloadCounts    *ContainerizedWorkloadCounts `json:"containerizedWorkloadCounts,omitzero"`
	CoreCount                      Int                          `json:"coreCount,omitzero"`
	CPUCount                       Int                          `json:"cpuCount,omitzero"`
	CPUID                          string                       `json:"cpuId,omitzero"`
	CreatedAt                      Time                         `json:"createdAt,omitzero"`
	DetectionState                 string                       `json:"detectionState,omitzero"`
	Domain                         string                       `json:"domain,omitzero"`
	EncryptedApplications          Flag                         `json:"encryptedApplications,omitzero"`
	ExternalID                     string                       `json:"externalId,omitzero"`
	ExternalIP                     string                       `json:"externalIp,omitzero"`
	FirewallEnabled                Flag                         `json:"firewallEnabled,omitzero"`
	FirstFullModeTime              Time                         `json:"firstFullModeTime,omitzero"`
	FullDiskScanLastUpdatedAt      Time                         `json:"fullDiskScanLastUpdatedAt,omitzero"`
	GroupID                        string                       `json:"groupId,omitzero"`
	GroupIP                        string                       `json:"groupIp,omitzero"`
	GroupName                      string                       `json:"groupName,omitzero"`
	GroupUpdatedAt                 Time                         `json:"groupUpdatedAt,omitzero"`
	HasContainerizedWorkload       Flag                         `json:"hasContainerizedWorkload,omitzero"`
	ID                             string                       `json:"id,omitzero"`
	InRemoteShellSession           Flag                         `json:"inRemoteShellSession,omitzero"`
	Infected                       Flag                         `json:"infected,omitzero"`
	InstallerType                  string                       `json:"installerType,omitzero"`
	IsActive                       Flag                         `json:"isActive,omitzero"`
	IsDecommissioned               Flag                         `json:"isDecommissioned,omitzero"`
	IsPendingUninstall             Flag                         `json:"isPendingUninstall,omitzero"`
	IsUninstalled                  Flag                         `json:"isUninstalled,omitzero"`
	IsUpToDate                     Flag                         `json:"isUpToDate,omitzero"`
	LastActiveDate                 Time                         `json:"lastActiveDate,omitzero"`
	LastIPToMgmt                   string                       `json:"lastIpToMgmt,omitzero"`
	LastLoggedInUserName           string                       `json:"lastLoggedInUserName,omitzero"`
	LastSuccessfulScanDate         Time                         `json:"lastSuccessfulScanDate,omitzero"`
	LocationEnabled                Flag                         `json:"locationEnabled,omitzero"`
	LocationType                   string                       `json:"locationType,omitzero"`
	Locations                      []Location                   `json:"locations,omitzero"`
	MachineSID                     string                       `json:"machineSid,omitzero"`
	MachineType                    string                       `json:"machineType,omitzero"`
	MissingPermissions             []string                     `json:"missingPermissions,omitzero"`
	MitigationMode                 string                       `json:"mitigationMode,omitzero"`
	MitigationModeSuspicious       string                       `json:"mitigationModeSuspicious,omitzero"`
	ModelName                      string                       `json:"modelName,omitzero"`
	NetworkInterfaces              []NetworkInterface           `json:"networkInterfaces,omitzero"`
	NetworkQuarantineEnabled       Flag                         `json:"networkQuarantineEnabled,omitzero"`
	NetworkStatus                  string                       `json:"networkStatus,omitzero"`
	OperationalState               string                       `json:"operationalState,omitzero"`
	OperationalStateExpiration     Time                         `json:"operationalStateExpiration,omitzero"`
	OSArch                         string                       `json:"osArch,omitzero"`
	OSName                         string                       `json:"osName,omitzero"`
	OSRevision                     string                       `json:"osRevision,omitzero"`
	OSStartTime                    Time                         `json:"osStartTime,omitzero"`
	OSType                         string                       `json:"osType,omitzero"`
	OSUsername                     string                       `json:"osUsername,omitzero"`
	PolicyUpdatedAt                Time                         `json:"policyUpdatedAt,omitzero"`
	ProxyStates                    *ProxyStates                 `json:"proxyStates,omitzero"`
	RangerStatus                   string                       `json:"rangerStatus,omitzero"`
	RangerVersion                  string                       `json:"rangerVersion,omitzero"`
	RegisteredAt                   Time                         `json:"registeredAt,omitzero"`
	RemoteProfilingState           string                       `json:"remoteProfilingState,omitzero"`
	RemoteProfilingStateExpiration Time                         `json:"remoteProfilingStateExpiration,omitzero"`
	ScanAbortedAt                  Time                         `json:"scanAbortedAt,omitzero"`
	ScanFinishedAt                 Time                         `json:"scanFinishedAt,omitzero"`
	ScanStartedAt                  Time                         `json:"scanStartedAt,omitzero"`
	ScanStatus                     string                       `json:"scanStatus,omitzero"`
	SerialNumber                   string                       `json:"serialNumber,omitzero"`
	ShowAlertIcon                  Flag                         `json:"showAlertIcon,omitzero"`
	SiteID                         string                       `json:"siteId,omitzero"`
	SiteName                       string                       `json:"siteName,omitzero"`
	StorageName                    string                       `json:"storageName,omitzero"`
	StorageType                    string                       `json:"storageType,omitzero"`
	Tags                           *AgentTags                   `json:"tags,omitzero"`
	ThreatRebootRequired           Flag                         `json:"threatRebootRequired,omitzero"`
	TotalMemory                    Int                          `json:"totalMemory,omitzero"`
	UpdatedAt                      Time                         `json:"updatedAt,omitzero"`
	UserActionsNeeded              []string                     `json:"userActionsNeeded,omitzero"`
	UUID                           string                       `json:"uuid,omitzero"`
}

// ActiveDirectory is what the directory says of an agent's machine and of the user who was last logged in.
type ActiveDirectory struct {
	ComputerDistinguishedName string   `json:"computerDistinguishedName,omitzero"`
	ComputerMemberOf          []string `json:"computerMemberOf,omitzero"`
	LastUserDistinguishedName string   `json:"lastUserDistinguishedName,omitzero"`
	LastUserMemberOf          []string `json:"lastUserMemberOf,omitzero"`
	Mail                      string   `json:"mail,omitzero"`
	UserPrincipalName         string   `json:"userPrincipalName,omitzero"`
}

// CloudProvider is what a cloud (the key of Agent.CloudProviders: AWS, Azure, GCP…) says of the instance that an
// agent runs on.
type CloudProvider struct {
	AgentNamespace       string   `json:"agentNamespace,omitzero"`
	AgentPodName         string   `json:"agentPodName,omitzero"`
	AWSRole              string   `json:"awsRole,omitzero"`
	AWSSecurityGroups    []string `json:"awsSecurityGroups,omitzero"`
	AWSSubnetIDs         []string `json:"awsSubnetIds,omitzero"`
	AzureResourceGroup   string   `json:"azureResourceGroup,omitzero"`
	CloudAccount         string   `json:"cloudAccount,omitzero"`
	CloudImage           string   `json:"cloudImage,omitzero"`
	CloudInstanceID      string   `json:"cloudInstanceId,omitzero"`
	CloudInstanceSize    string   `json:"cloudInstanceSize,omitzero"`
	CloudLocation        string   `json:"cloudLocation,omitzero"`
	CloudNetwork         string   `json:"cloudNetwork,omitzero"`
	CloudTags            []string `json:"cloudTags,omitzero"`
	ClusterName          string   `json:"clusterName,omitzero"`
	GCPServiceAccount    string   `json:"gcpServiceAccount,omitzero"`
	KubernetesNodeLabels []string `json:"kubernetesNodeLabels,omitzero"`
	KubernetesNodeName   string   `json:"kubernetesNodeName,omitzero"`
	KubernetesType       string   `json:"kubernetesType,omitzero"`
	KubernetesVersion    string   `json:"kubernetesVersion,omitzero"`
}

// ContainerizedWorkloadCounts is how much of each kind a Kubernetes agent watches.
type ContainerizedWorkloadCounts struct {
	ContainersCount Int `json:"containersCount,omitzero"`
	PodsCount       Int `json:"podsCount,omitzero"`
	TasksCount      Int `json:"tasksCount,omitzero"`
}

// Location is a network that the console's rules recognise an agent to be in.
type Location struct {
	ID    string `json:"id,omitzero"`
	Name  string `json:"name,omitzero"`
	Scope string `json:"scope,omitzero"`
}

// NetworkInterface is an interface of an agent's machine. Physical is its MAC address, with colons or dashes;
// Inet and Inet6 are its addresses.
type NetworkInterface struct {
	GatewayIP         string   `json:"gatewayIp,omitzero"`
	GatewayMACAddress string   `json:"gatewayMacAddress,omitzero"`
	ID                string   `json:"id,omitzero"`
	Inet              []string `json:"inet,omitzero"`
	Inet6             []string `json:"inet6,omitzero"`
	Name              string   `json:"name,omitzero"`
	Physical          string   `json:"physical,omitzero"`
}

// ProxyStates is which of an agent's connections go through a proxy.
type ProxyStates struct {
	Console        Flag `json:"console,omitzero"`
	DeepVisibility Flag `json:"deepVisibility,omitzero"`
}

// AgentTags are the tags of an agent, by who manages them; s1graph reads those of the console.
type AgentTags struct {
	SentinelOne []AgentTag `json:"sentinelone,omitzero"`
}

// AgentTag is a key and a value that somebody gave an agent.
type AgentTag struct {
	AssignedAt   Time   `json:"assignedAt,omitzero"`
	AssignedBy   string `json:"assignedBy,omitzero"`
	AssignedByID string `json:"assignedById,omitzero"`
	ID           string `json:"id,omitzero"`
	Key          string `json:"key,omitzero"`
	Value        string `json:"value,omitzero"`
}

package s1

// Threats is the list of threats.
var Threats = Endpoint[Threat]{Path: "/threats", MaxLimit: 1000}

// Threat is a row of /threats, without the command-line arguments of its process. Not in the API document of April 2024 are
// ecsInfo (rapid7/insightconnect-plugins, the help of its plugin sentinelone) and rootProcessUpn (Palo-Cortex/secops-framework,
// schemas/vendors/sentinel-one/sentinelone-threat.yaml).
type Threat struct {
	AgentDetectionInfo *ThreatDetection   `json:"agentDetectionInfo,omitzero"`
	AgentRealtimeInfo  *ThreatAgent       `json:"agentRealtimeInfo,omitzero"`
	ContainerInfo      *ContainerInfo     `json:"containerInfo,omitzero"`
	ECSInfo            *ECSInfo           `json:"ecsInfo,omitzero"`
	ID                 string             `json:"id,omitzero"`
	Indicators         []Indicator        `json:"indicators,omitzero"`
	KubernetesInfo     *KubernetesInfo    `json:"kubernetesInfo,omitzero"`
	MitigationStatus   []MitigationAction `json:"mitigationStatus,omitzero"`
	ThreatInfo         *ThreatInfo        `json:"threatInfo,omitzero"`
	WhiteningOptions   []string           `json:"whiteningOptions,omitzero"`
}

// ThreatDetection is the agent of a threat as it was when the threat was found.
type ThreatDetection struct {
	AccountID                 string                   `json:"accountId,omitzero"`
	AccountName               string                   `json:"accountName,omitzero"`
	AgentDetectionState       string                   `json:"agentDetectionState,omitzero"`
	AgentDomain               string                   `json:"agentDomain,omitzero"`
	AgentIPV4                 string                   `json:"agentIpV4,omitzero"`
	AgentIPV6                 string                   `json:"agentIpV6,omitzero"`
	AgentLastLoggedInUPN      string                   `json:"agentLastLoggedInUpn,omitzero"`
	AgentLastLoggedInUserMail string                   `json:"agentLastLoggedInUserMail,omitzero"`
	AgentLastLoggedInUserName string                   `json:"agentLastLoggedInUserName,omitzero"`
	AgentMitigationMode       string                   `json:"agentMitigationMode,omitzero"`
	AgentOSName               string                   `json:"agentOsName,omitzero"`
	AgentOSRevision           string                   `json:"agentOsRevision,omitzero"`
	AgentRegisteredAt         Time                     `json:"agentRegisteredAt,omitzero"`
	AgentUUID                 string                   `json:"agentUuid,omitzero"`
	AgentVersion              string                   `json:"agentVersion,omitzero"`
	CloudProviders            map[string]CloudProvider `json:"cloudProviders,omitzero"`
	ExternalIP                string                   `json:"externalIp,omitzero"`
	GroupID                   string                   `json:"groupId,omitzero"`
	GroupName                 string                   `json:"groupName,omitzero"`
	SiteID                    string                   `json:"siteId,omitzero"`
	SiteName                  string                   `json:"siteName,omitzero"`
}

// ThreatAgent is the agent of a threat as it is now.
type ThreatAgent struct {
	AccountID             string   `json:"accountId,omitzero"`
	AccountName           string   `json:"accountName,omitzero"`
	ActiveThreats         Int      `json:"activeThreats,omitzero"`
	AgentComputerName     string   `json:"agentComputerName,omitzero"`
	AgentDomain           string   `json:"agentDomain,omitzero"`
	AgentID               string   `json:"agentId,omitzero"`
	AgentInfected         Flag     `json:"agentInfected,omitzero"`
	AgentIsActive         Flag     `json:"agentIsActive,omitzero"`
	AgentIsDecommissioned Flag     `json:"agentIsDecommissioned,omitzero"`
	AgentMachineType      string   `json:"agentMachineType,omitzero"`
	AgentMitigationMode   string   `json:"agentMitigationMode,omitzero"`
	AgentNetworkStatus    string   `json:"agentNetworkStatus,omitzero"`
	AgentOSName           string   `json:"agentOsName,omitzero"`
	AgentOSRevision       string   `json:"agentOsRevision,omitzero"`
	AgentOSType           string   `json:"agentOsType,omitzero"`
	AgentUUID             string   `json:"agentUuid,omitzero"`
	AgentVersion          string   `json:"agentVersion,omitzero"`
	GroupID               string   `json:"groupId,omitzero"`
	GroupName             string   `json:"groupName,omitzero"`
	OperationalState      string   `json:"operationalState,omitzero"`
	RebootRequired        Flag     `json:"rebootRequired,omitzero"`
	ScanAbortedAt         Time     `json:"scanAbortedAt,omitzero"`
	ScanFinishedAt        Time     `json:"scanFinishedAt,omitzero"`
	ScanStartedAt         Time     `json:"scanStartedAt,omitzero"`
	ScanStatus            string   `json:"scanStatus,omitzero"`
	SiteID                string   `json:"siteId,omitzero"`
	SiteName              string   `json:"siteName,omitzero"`
	StorageName           string   `json:"storageName,omitzero"`
	StorageType           string   `json:"storageType,omitzero"`
	UserActionsNeeded     []string `json:"userActionsNeeded,omitzero"`
}

// ContainerInfo is the container that a threat was found in.
type ContainerInfo struct {
	ID                    string   `json:"id,omitzero"`
	Image                 string   `json:"image,omitzero"`
	IsContainerQuarantine Flag     `json:"isContainerQuarantine,omitzero"`
	Labels                []string `json:"labels,omitzero"`
	Name                  string   `json:"name,omitzero"`
}

// Indicator is why an engine took a file or a process for a threat.
type Indicator struct {
	Category    string   `json:"category,omitzero"`
	Description string   `json:"description,omitzero"`
	Tactics     []Tactic `json:"tactics,omitzero"`
}

// Tactic is a tactic of MITRE ATT&CK, or of another catalogue that Source names.
type Tactic struct {
	Name       string      `json:"name,omitzero"`
	Source     string      `json:"source,omitzero"`
	Techniques []Technique `json:"techniques,omitzero"`
}

// Technique is a technique of a Tactic.
type Technique struct {
	Link string `json:"link,omitzero"`
	Name string `json:"name,omitzero"`
}

// KubernetesInfo is where in a cluster a threat was found.
type KubernetesInfo struct {
	Cluster               string   `json:"cluster,omitzero"`
	ControllerKind        string   `json:"controllerKind,omitzero"`
	ControllerLabels      []string `json:"controllerLabels,omitzero"`
	ControllerName        string   `json:"controllerName,omitzero"`
	IsContainerQuarantine Flag     `json:"isContainerQuarantine,omitzero"`
	Namespace             string   `json:"namespace,omitzero"`
	NamespaceLabels       []string `json:"namespaceLabels,omitzero"`
	Node                  string   `json:"node,omitzero"`
	NodeLabels            []string `json:"nodeLabels,omitzero"`
	Pod                   string   `json:"pod,omitzero"`
	PodLabels             []string `json:"podLabels,omitzero"`
}

// ECSInfo is where in Amazon's Elastic Container Service a threat was found.
type ECSInfo struct {
	ClusterName            string `json:"clusterName,omitzero"`
	ServiceARN             string `json:"serviceArn,omitzero"`
	ServiceName            string `json:"serviceName,omitzero"`
	TaskARN                string `json:"taskArn,omitzero"`
	TaskAvailabilityZone   string `json:"taskAvailabilityZone,omitzero"`
	TaskDefinitionARN      string `json:"taskDefinitionArn,omitzero"`
	TaskDefinitionFamily   string `json:"taskDefinitionFamily,omitzero"`
	TaskDefinitionRevision string `json:"taskDefinitionRevision,omitzero"`
	Type                   string `json:"type,omitzero"`
	Version                string `json:"version,omitzero"`
}

// MitigationAction is what was done about a threat, and how it went.
type MitigationAction struct {
	Action              string           `json:"action,omitzero"`
	ActionsCounters     *ActionsCounters `json:"actionsCounters,omitzero"`
	AgentSupportsReport Flag             `json:"agentSupportsReport,omitzero"`
	GroupNotFound       Flag             `json:"groupNotFound,omitzero"`
	LastUpdate          Time             `json:"lastUpdate,omitzero"`
	LatestReport        string           `json:"latestReport,omitzero"`
	MitigationEndedAt   Time             `json:"mitigationEndedAt,omitzero"`
	MitigationStartedAt Time             `json:"mitigationStartedAt,omitzero"`
	ReportID            string           `json:"reportId,omitzero"`
	Status              string           `json:"status,omitzero"`
}

// ActionsCounters is on how many files, processes or settings a MitigationAction had which outcome.
type ActionsCounters struct {
	Failed        Int `json:"failed,omitzero"`
	PendingReboot Int `json:"pendingReboot,omitzero"`
}

// ThreatInfo is the threat itself: what it is, where its file lies, and what became of it.
type ThreatInfo struct {
	AnalystVerdict              string `json:"analystVerdict,omitzero"`
	AnalystVerdictDescription   Text   `json:"analystVerdictDescription,omitzero"`
	AutomaticallyResolved       Flag   `json:"automaticallyResolved,omitzero"`
	BrowserType                 string `json:"browserType,omitzero"`
	CertificateID               string `json:"certificateId,omitzero"`
	Classification              string `json:"classification,omitzero"`
	ClassificationSource        string `json:"classificationSource,omitzero"`
	CloudFilesHashVerdict       string `json:"cloudFilesHashVerdict,omitzero"`
	CollectionID                string `json:"collectionId,omitzero"`
	ConfidenceLevel             string `json:"confidenceLevel,omitzero"`
	CreatedAt                   Time   `json:"createdAt,omitzero"`
	DetectionEngines            Texts  `json:"detectionEngines,omitzero"`
	DetectionType               string `json:"detectionType,omitzero"`
	Engines                     Texts  `json:"engines,omitzero"`
	ExternalTicketExists        Flag   `json:"externalTicketExists,omitzero"`
	ExternalTicketID            string `json:"externalTicketId,omitzero"`
	FailedActions               Flag   `json:"failedActions,omitzero"`
	FileExtension               string `json:"fileExtension,omitzero"`
	FileExtensionType           string `json:"fileExtensionType,omitzero"`
	FilePath                    Text   `json:"filePath,omitzero"`
	FileSize                    Int    `json:"fileSize,omitzero"`
	FileVerificationType        string `json:"fileVerificationType,omitzero"`
	IdentifiedAt                Time   `json:"identifiedAt,omitzero"`
	IncidentStatus              string `json:"incidentStatus,omitzero"`
	IncidentStatusDescription   Text   `json:"incidentStatusDescription,omitzero"`
	InitiatedBy                 string `json:"initiatedBy,omitzero"`
	InitiatedByDescription      Text   `json:"initiatedByDescription,omitzero"`
	InitiatingUserID            string `json:"initiatingUserId,omitzero"`
	InitiatingUsername          string `json:"initiatingUsername,omitzero"`
	IsFileless                  Flag   `json:"isFileless,omitzero"`
	IsValidCertificate          Flag   `json:"isValidCertificate,omitzero"`
	MD5                         string `json:"md5,omitzero"`
	MitigatedPreemptively       Flag   `json:"mitigatedPreemptively,omitzero"`
	MitigationStatus            string `json:"mitigationStatus,omitzero"`
	MitigationStatusDescription Text   `json:"mitigationStatusDescription,omitzero"`
	OriginatorProcess           string `json:"originatorProcess,omitzero"`
	PendingActions              Flag   `json:"pendingActions,omitzero"`
	ProcessUser                 string `json:"processUser,omitzero"`
	PublisherName               string `json:"publisherName,omitzero"`
	ReachedEventsLimit          Flag   `json:"reachedEventsLimit,omitzero"`
	RebootRequired              Flag   `json:"rebootRequired,omitzero"`
	RootProcessUPN              string `json:"rootProcessUpn,omitzero"`
	SHA1                        string `json:"sha1,omitzero"`
	SHA256                      string `json:"sha256,omitzero"`
	Storyline                   string `json:"storyline,omitzero"`
	ThreatID                    string `json:"threatId,omitzero"`
	ThreatName                  string `json:"threatName,omitzero"`
	UpdatedAt                   Time   `json:"updatedAt,omitzero"`
}

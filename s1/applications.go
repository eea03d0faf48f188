package s1

// InstalledApplications is the list of installations, which older consoles have.
var InstalledApplications = Endpoint[InstalledApplication]{Path: "/installed-applications", MaxLimit: 1000}

// InstalledApplication is a row of /installed-applications: one application on one agent.
type InstalledApplication struct {
	AgentID     string `json:"agentId,omitzero"`
	AgentUUID   string `json:"agentUuid,omitzero"`
	CreatedAt   Time   `json:"createdAt,omitzero"`
	ID          string `json:"id,omitzero"`
	InstalledAt Time   `json:"installedAt,omitzero"`
	Name        string `json:"name,omitzero"`
	OSType      string `json:"osType,omitzero"`
	Publisher   string `json:"publisher,omitzero"`
	RiskLevel   string `json:"riskLevel,omitzero"`
	Signed      Flag   `json:"signed,omitzero"`
	Size        Int    `json:"size,omitzero"`
	Type        string `json:"type,omitzero"`
	UpdatedAt   Time   `json:"updatedAt,omitzero"`
	Version     string `json:"version,omitzero"`
}

// Inventory is the list of applications, which newer consoles have.
var Inventory = Endpoint[InventoryApplication]{Path: "/application-management/inventory", MaxLimit: 1000}

// InventoryApplication is a row of /application-management/inventory: one application of the tenant,
// told by its name and vendor.
type InventoryApplication struct {
	ApplicationName   string `json:"applicationName,omitzero"`
	ApplicationVendor string `json:"applicationVendor,omitzero"`
	EndpointsCount    Int    `json:"endpointsCount,omitzero"`
}

// InventoryEndpoints is the list of the agents that have one application of the inventory.
var InventoryEndpoints = Endpoint[InventoryEndpoint]{Path: "/application-management/inventory/endpoints", MaxLimit: 1000}

// InventoryEndpoint is a row of /application-management/inventory/endpoints, which is asked for one
// application: one installation of it, on the agent whose ID is EndpointID.
type InventoryEndpoint struct {
	ApplicationInstallationDate Time   `json:"applicationInstallationDate,omitzero"`
	ApplicationInstallationPath string `json:"applicationInstallationPath,omitzero"`
	ApplicationName             string `json:"applicationName,omitzero"`
	Cpe                         Text   `json:"cpe,omitzero"`
	DetectionDate               Time   `json:"detectionDate,omitzero"`
	EndpointID                  string `json:"endpointId,omitzero"`
	EndpointUUID                string `json:"endpointUuid,omitzero"`
	FileSize                    Int    `json:"fileSize,omitzero"`
	ID                          string `json:"id,omitzero"`
	OSType                      string `json:"osType,omitzero"`
	Version                     string `json:"version,omitzero"`
}

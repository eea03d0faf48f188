package s1

// Licenses is what an account or a site has bought.
type Licenses struct {
	Bundles []LicenseBundle `json:"bundles,omitzero"`
	Modules []LicenseModule `json:"modules,omitzero"`
}

// LicenseBundle is a product that was bought, with the number of machines (surfaces) it may run on.
type LicenseBundle struct {
	DisplayName   string           `json:"displayName,omitzero"`
	MajorVersion  Int              `json:"majorVersion,omitzero"`
	MinorVersion  Int              `json:"minorVersion,omitzero"`
	Name          string           `json:"name,omitzero"`
	Surfaces      []LicenseSurface `json:"surfaces,omitzero"`
	TotalSurfaces Int              `json:"totalSurfaces,omitzero"`
}

// LicenseSurface is how many machines of one kind a bundle may run on.
type LicenseSurface struct {
	Count Int    `json:"count,omitzero"`
	Name  string `json:"name,omitzero"`
}

// LicenseModule is an addition to a product that was bought.
type LicenseModule struct {
	DisplayName  string `json:"displayName,omitzero"`
	MajorVersion Int    `json:"majorVersion,omitzero"`
	Name         string `json:"name,omitzero"`
}

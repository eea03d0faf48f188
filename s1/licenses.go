package s1

// Licenses is what an account or a site has bought.
type Licenses struct {
	Bundles []LicenseBundle `json:"bundles,omitzero"`
	Modules []LicenseModule `json:"modules,omitzero"`
}

// LicenseBundle is a part of the rows in this file.
type LicenseBundle struct {
	DisplayName   string           `json:"displayName,omitzero"`
	MajorVersion  Int              `json:"majorVersion,omitzero"`
	MinorVersion  Int              `json:"minorVersion,omitzero"`
	Name          string           `json:"name,omitzero"`
	Surfaces      []LicenseSurface `json:"surfaces,omitzero"`
	TotalSurfaces Int              `json:"totalSurfaces,omitzero"`
}

// LicenseSurface is a part of the rows in this file.
type LicenseSurface struct {
	Count Int    `json:"count,omitzero"`
	Name  string `json:"name,omitzero"`
}

// LicenseModule is a part of the rows in this file.
type LicenseModule struct {
	DisplayName  string `json:"displayName,omitzero"`
	MajorVersion Int    `json:"majorVersion,omitzero"`
	Name         string `json:"name,omitzero"`
}

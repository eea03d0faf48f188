package s1

// Endpoint is a list of the API. Each that s1graph reads is declared beside its row. The zero MaxLimit means that the endpoint takes no limit.
type Endpoint[T any] struct {
	Path     string // below the API's own, such as /agents
	MaxLimit int    // rows of its largest page
	List     string // name of the list inside "data"; "" where the data is the list
}

// rawEndpoint is what Raw knows of an endpoint. One without a limit gives an object, or a list in one
// piece.
type rawEndpoint struct {
	path     string // {id} stands for any one part
	maxLimit int
	list     string // name of the list inside "data", where the data is an object around a list
}

// rawEndpoints are the GET endpoints of the API description.
var rawEndpoints = []rawEndpoint{
	{path: "/accounts", maxLimit: 1000},
	{path: "/accounts/{id}/policy"},
	{path: "/activities", maxLimit: 1000},
	{path: "/activities/types"},
	{path: "/agents", maxLimit: 1000},
	{path: "/agents/applications"},
	{path: "/agents/count"},
	{path: "/agents/tags", maxLimit: 1000},
	{path: "/application-management/inventory", maxLimit: 1000},
	{path: "/application-management/inventory/endpoints", maxLimit: 1000},
	{path: "/application-management/risks", maxLimit: 1000},
	{path: "/application-management/risks/applications", maxLimit: 1000},
	{path: "/application-management/risks/cves", maxLimit: 1000},
	{path: "/application-management/risks/endpoints", maxLimit: 1000},
	{path: "/cloud-detection/alerts", maxLimit: 1000},
	{path: "/cloudnative/cloud-rogues", maxLimit: 1000, list: "resources"},
	{path: "/device-control", maxLimit: 1000},
	{path: "/exclusions", maxLimit: 1000},
	{path: "/firewall-control", maxLimit: 1000},
	{path: "/groups", maxLimit: 300},
	{path: "/groups/{id}/policy"},
	{path: "/installed-applications", maxLimit: 1000},
	{path: "/installed-applications/cves", maxLimit: 1000},
	{path: "/locations", maxLimit: 1000},
	{path: "/ranger/gateways", maxLimit: 1000},
	{path: "/ranger/table-view", maxLimit: 1000},
	{path: "/ranger/{id}/json"},
	{path: "/rbac/roles", maxLimit: 1000},
	{path: "/restrictions", maxLimit: 1000},
	{path: "/rogues/table-view", maxLimit: 1000},
	{path: "/service-users", maxLimit: 1000},
	{path: "/sites", maxLimit: 1000, list: "sites"},
	{path: "/sites/{id}/policy"},
	{path: "/system/info"},
	{path: "/system/status"},
	{path: "/tags", maxLimit: 1000},
	{path: "/tenant/policy"},
	{path: "/threats", maxLimit: 1000},
	{path: "/threats/{id}/notes", maxLimit: 1000},
	{path: "/threats/{id}/timeline", maxLimit: 1000},
	{path: "/update/agent/packages", maxLimit: 1000},
	{path: "/user"},
	{path: "/users", maxLimit: 1000},
	{path: "/users/{id}/api-token-details"},
}

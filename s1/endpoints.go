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

// rawOf is what Raw knows of a list that s1graph reads.
func rawOf[T any](e Endpoint[T]) rawEndpoint { return rawEndpoint{e.Path, e.MaxLimit, e.List} }

// rawEndpoints are the GET endpoints of the API description.
var rawEndpoints = []rawEndpoint{
	rawOf(Accounts),
	{path: "/accounts/{id}/policy"},
	{path: "/activities", maxLimit: 1000},
	{path: "/activities/types"},
	rawOf(Agents),
	{path: "/agents/applications"},
	{path: "/agents/count"},
	{path: "/agents/tags", maxLimit: 1000},
	rawOf(Inventory),
	rawOf(InventoryEndpoints),
	rawOf(Risks),
	rawOf(RiskyApplications),
	{path: "/application-management/risks/cves", maxLimit: 1000},
	{path: "/application-management/risks/endpoints", maxLimit: 1000},
	{path: "/cloud-detection/alerts", maxLimit: 1000},
	{path: "/cloudnative/cloud-rogues", maxLimit: 1000, list: "resources"},
	{path: "/device-control", maxLimit: 1000},
	{path: "/exclusions", maxLimit: 1000},
	{path: "/firewall-control", maxLimit: 1000},
	rawOf(Groups),
	{path: "/groups/{id}/policy"},
	rawOf(InstalledApplications),
	{path: "/installed-applications/cves", maxLimit: 1000},
	{path: "/locations", maxLimit: 1000},
	{path: "/ranger/gateways", maxLimit: 1000},
	{path: "/ranger/table-view", maxLimit: 1000},
	{path: "/ranger/{id}/json"},
	{path: "/rbac/roles", maxLimit: 1000},
	{path: "/restrictions", maxLimit: 1000},
	{path: "/rogues/table-view", maxLimit: 1000},
	{path: "/service-users", maxLimit: 1000},
	rawOf(Sites),
	{path: "/sites/{id}/policy"},
	{path: "/system/info"},
	{path: "/system/status"},
	{path: "/tags", maxLimit: 1000},
	{path: "/tenant/policy"},
	rawOf(Threats),
	{path: "/threats/{id}/notes", maxLimit: 1000},
	{path: "/threats/{id}/timeline", maxLimit: 1000},
	{path: "/update/agent/packages", maxLimit: 1000},
	{path: "/user"},
	{path: "/users", maxLimit: 1000},
	{path: "/users/{id}/api-token-details"},
}

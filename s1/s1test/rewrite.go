package s1test

import (
	"net/http"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Rewrite has a list give its rows as change leaves them: an object's fields by name, as JSON has them. It stands for a
// console that writes rows in another way than the API document says.
func Rewrite(change func(row map[string]any)) Effect {
	return Effect{send: func(rw http.ResponseWriter, _ *http.Request, status int, body []byte) {
		var page map[string]any
		if status == http.StatusOK && json.Unmarshal(body, &page, jsontext.AllowInvalidUTF8(true)) == nil {
			for _, row := range rowsOf(page) {
				change(row)
			}
			if changed, err := json.Marshal(page, json.Deterministic(true)); err == nil {
				body = changed
			}
		}
		rw.Header().Del("Content-Length")
		rw.WriteHeader(status)
		_, _ = rw.Write(body)
	}}
}

// rowsOf are the rows of a page; those of /sites stand one level deeper.
func rowsOf(page map[string]any) (rows []map[string]any) {
	list, _ := page["data"].([]any)
	if data, nested := page["data"].(map[string]any); nested {
		list, _ = data["sites"].([]any)
	}
	for _, row := range list {
		if object, ok := row.(map[string]any); ok {
			rows = append(rows, object)
		}
	}
	return rows
}

// Clones has /agents give agents without serial numbers that share one UUID, as those of copied images do.
func Clones() Fault {
	return Fault{Path: "/agents", Effect: Rewrite(func(row map[string]any) {
		row["serialNumber"], row["uuid"] = nil, "51fb51898bdae6799195d7a0c10ec10e"
	})}
}

// ThreatsWithoutAgentIDs has /threats name agents by their UUIDs alone.
func ThreatsWithoutAgentIDs() Fault {
	return Fault{Path: "/threats", Effect: Rewrite(func(row map[string]any) {
		if now, ok := row["agentRealtimeInfo"].(map[string]any); ok {
			now["agentId"], now["agentUuid"] = nil, nil
		}
	})}
}

// ThreatsFoundElsewhere has /threats say that each threat was found in a site and a group that no list tells of.
func ThreatsFoundElsewhere() Fault {
	return Fault{Path: "/threats", Effect: Rewrite(func(row map[string]any) {
		if then, ok := row["agentDetectionInfo"].(map[string]any); ok {
			then["siteId"], then["groupId"] = "1", "2"
		}
	})}
}

// ThreatsWithoutDetection has /threats say nothing of how the agents were.
func ThreatsWithoutDetection() Fault {
	return Fault{Path: "/threats", Effect: Rewrite(func(row map[string]any) { row["agentDetectionInfo"] = nil })}
}

// EscapedNames has a list give names with HTML's escapes.
func EscapedNames(path string) Fault {
	return Fault{Path: path, Effect: Rewrite(func(row map[string]any) {
		if name, ok := row["name"].(string); ok {
			row["name"] = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;", "'", "&#39;").Replace(name + " & 'Co'")
		}
	})}
}

// LicencesWithoutLimit has a list write -1 for any number of licences.
func LicencesWithoutLimit(path string) Fault {
	return Fault{Path: path, Effect: Rewrite(func(row map[string]any) { row["totalLicenses"] = -1 })}
}

// SharedUUID has some agents, told by their UUIDs, have the UUID of another one: in /agents, and in the inventory's
// endpoints.
func SharedUUID(shared string, others ...string) []Fault {
	write := func(field string) Effect { return Rewrite(sharingUUID(field, shared, others)) }
	return []Fault{
		{Path: "/agents", Effect: write("uuid")},
		{Path: "/application-management/inventory/endpoints", Effect: write("endpointUuid")},
	}
}

func sharingUUID(field, shared string, others []string) func(row map[string]any) {
	return func(row map[string]any) {
		if uuid, ok := row[field].(string); ok && slices.Contains(others, uuid) {
			row[field] = shared
		}
	}
}

// EndpointsWithoutAgentIDs has the inventory's endpoints name agents by their UUIDs alone, and some share one as SharedUUID has
// it.
func EndpointsWithoutAgentIDs(shared string, others ...string) Fault {
	share := sharingUUID("endpointUuid", shared, others)
	return Fault{Path: "/application-management/inventory/endpoints", Effect: Rewrite(func(row map[string]any) {
		row["endpointId"] = nil
		share(row)
	})}
}

// ApplicationWithoutVendor has the inventory name no vendor of an application. Its endpoints cannot be asked for then.
func ApplicationWithoutVendor(name string) Fault {
	return Fault{Path: "/application-management/inventory", Effect: Rewrite(func(row map[string]any) {
		if row["applicationName"] == name {
			row["applicationVendor"] = nil
		}
	})}
}

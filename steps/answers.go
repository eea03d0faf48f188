package steps

import (
	"context"
	"fmt"
	"net/url"
	"strings"

	"s1graph/graph"
	"s1graph/relationships"
)

// Answers say how a list was answered that is asked for one account, site or group at a time. Questions stand in them as
// accountIds=1.
type Answers struct {
	Asked       []string `json:"asked,omitempty"`       // it was read of them, or a fault that passes was in the way
	Unavailable []string `json:"unavailable,omitempty"` // the license, the version or the role there does not have it
}

// isIn says whether an agent is where a question asks. One that only the last graph knows counts as being everywhere.
func (r agentRef) isIn(question url.Values) bool {
	for parameter, id := range map[string]string{byGroup.Account: r.account, byGroup.Site: r.site, byGroup.Group: r.group} {
		if asked := question.Get(parameter); asked != "" && id != "" && id != asked {
			return false
		}
	}
	return true
}

// devicesIn are the keys of the devices that are protected where a question asks, by the IDs of their agents.
func (in *Input) devicesIn(question url.Values) map[string]string {
	devices := make(map[string]string)
	in.lookups.mu.RLock()
	defer in.lookups.mu.RUnlock()
	for id, ref := range in.lookups.agents {
		if ref.protecting && ref.isIn(question) {
			devices[id] = ref.device
		}
	}
	return devices
}

// DevicesUnread has the keys, now and in the last graph, of the devices that stand where the console does not give a step's
// list, so that its rows do not tell what is on them.
func (in *Input) DevicesUnread(ctx context.Context, stepID string) (map[string]bool, error) {
	devices := make(map[string]bool)
	if stepID != vulnerabilities.ID || len(in.Risks.Asked) == 0 {
		return devices, nil
	}
	agents := make(map[string]bool)
	for _, encoded := range in.Risks.Unavailable {
		question, err := url.ParseQuery(encoded)
		if err != nil {
			return nil, err
		}
		for id, device := range in.devicesIn(question) {
			agents[id], devices[device] = true, true
		}
	}
	if len(agents) == 0 {
		return devices, nil
	}
	for key, err := range graph.Keys(ctx, in.Last, relationships.AgentProtectsDevice.GraphType().Name) {
		if err != nil {
			return nil, err
		}
		if agent, device, _ := graph.RelationshipEnds(key); agents[idOf(agent)] {
			devices[strings.Clone(device)] = true
		}
	}
	return devices, nil
}

// titleOf names what a question asks for, such as account Acme (1).
func (in *Input) titleOf(question url.Values) string {
	in.lookups.mu.RLock()
	defer in.lookups.mu.RUnlock()
	for _, place := range []struct{ parameter, what string }{{byGroup.Group, "group"}, {byGroup.Site, "site"}, {byGroup.Account, "account"}} {
		if id := question.Get(place.parameter); id != "" {
			if name := in.lookups.names[id]; name != "" {
				return fmt.Sprintf("%s %s (%s)", place.what, name, id)
			}
			return place.what + " " + id
		}
	}
	return "the tenant"
}

// unavailableNote says where the list of vulnerabilities is unavailable while others have it.
func unavailableNote(reasons []string) string {
	const named = 5
	more := ""
	if n := len(reasons) - named; n > 0 {
		more = fmt.Sprintf("; and %d more", n)
		reasons = reasons[:named]
	}
	return fmt.Sprintf("Vulnerabilities are unavailable for %s%s. That is not a fault: what is known of the devices there is kept as it was, and all others are read."+
		" The license is needed there, and the token's role needs the permission %s. This is said once.", strings.Join(reasons, "; "), more, riskList.Permission)
}

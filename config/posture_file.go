package config

import (
	"maps"
	"math"
	"strings"
	"time"

	"github.com/goccy/go-yaml/ast"
)

func (d *document) readPosture(key string, node ast.Node) {
	d.layer.posture.place = d.place(node, key)
	d.list(key, node, "policies", d.readPolicy)
}

func (d *document) readPolicy(key string, node ast.Node) {
	m := d.mapping(key, node, "name", "groups", "activeThreats", "encryptedApplications", "firewallEnabled",
		"infected", "isActive", "isUpToDate", "networkStatus", "operationalState", "lastSyncedInterval")
	if m == nil {
		return
	}
	policy := PosturePolicy{}
	m.text("name", &policy.Name, isOneLine)
	m.words("groups", &policy.Groups, isID)
	m.unique("policy", policy.Name, m.places["name"])
	demands := maps.Clone(m.values)
	delete(demands, "name")
	delete(demands, "groups")
	if len(demands) == 0 && !m.broken {
		m.fault(m.places[""], "must say what devices must be like, such as firewallEnabled: true")
	}
	if _, limited := m.values["activeThreats"]; limited {
		policy.ActiveThreats = new(int)
		m.whole("activeThreats", 0, math.MaxInt32, policy.ActiveThreats)
	}
	m.flag("encryptedApplications", &policy.EncryptedApplications)
	m.flag("firewallEnabled", &policy.FirewallEnabled)
	m.flag("infected", &policy.Infected)
	m.flag("isActive", &policy.IsActive)
	m.flag("isUpToDate", &policy.IsUpToDate)
	m.words("networkStatus", &policy.NetworkStatus, isNetworkStatus)
	m.words("operationalState", &policy.OperationalState, isOneLine)
	hours := 0
	m.whole("lastSyncedInterval", 24, 24*3660, &hours)
	policy.LastSyncedInterval = time.Duration(hours) * time.Hour
	d.layer.posture.items = append(d.layer.posture.items, policy)
}

// isNetworkStatus knows the values that networkStatus of an agent has in the API document. Of operationalState it has
// none.
func isNetworkStatus(text string) error {
	return oneOf("connected", "disconnected", "connecting", "disconnecting")(strings.ToLower(text))
}

func (l *loader) readPosture() {
	l.config.Posture = l.own.posture.over(l.top.posture).items
}

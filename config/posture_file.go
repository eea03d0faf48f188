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
	m := d.mapping(key, node, "name", "groups", "active_threats", "encrypted_applications", "firewall_enabled",
		"infected", "is_active", "is_up_to_date", "network_status", "operational_state", "last_synced_interval")
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
		m.fault(m.places[""], "must say what devices must be like, such as firewall_enabled: true")
	}
	if _, limited := m.values["active_threats"]; limited {
		policy.ActiveThreats = new(int)
		m.whole("active_threats", 0, math.MaxInt32, policy.ActiveThreats)
	}
	m.flag("encrypted_applications", &policy.EncryptedApplications)
	m.flag("firewall_enabled", &policy.FirewallEnabled)
	m.flag("infected", &policy.Infected)
	m.flag("is_active", &policy.IsActive)
	m.flag("is_up_to_date", &policy.IsUpToDate)
	m.words("network_status", &policy.NetworkStatus, isNetworkStatus)
	m.words("operational_state", &policy.OperationalState, isOneLine)
	hours := 0
	m.whole("last_synced_interval", 24, 24*3660, &hours)
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

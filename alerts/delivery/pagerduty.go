package delivery

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"net/url"

	"s1graph/alerts/outbox"
)

var pagerduty = Service{
	Name:   "pagerduty",
	URL:    "pagerduty:///INTEGRATIONKEY",
	Remark: "PagerDuty gets the severity too, and knows a repetition. The end of a state closes the incident there that its beginning opened.",
	host:   func(u *url.URL) string { return cmp.Or(u.Host, "events.pagerduty.com") },
	incident: func(m outbox.Message) map[string]string {
		severities := map[string]string{"info": "info", "low": "info", "medium": "warning", "high": "error", "critical": "critical"}
		params := map[string]string{"dedup_key": m.ID, "source": m.Instance, "severity": severities[m.Severity]}
		maps.DeleteFunc(params, func(_, value string) bool { return value == "" })
		if m.Op == "began" || m.Op == "ended" {
			state := sha256.Sum256([]byte(m.Instance + "\x00" + m.Rule + "\x00" + m.Key))
			params["dedup_key"] = hex.EncodeToString(state[:])
		}
		if m.Op == "ended" {
			params["action"] = "resolve"
		}
		return params
	},
}

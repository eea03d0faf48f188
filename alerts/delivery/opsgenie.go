package delivery

import "s1graph/alerts/outbox"

var opsgenie = Service{
	Name:   "opsgenie",
	URL:    "opsgenie://HOST/APIKEY",
	Remark: "Opsgenie gets the severity too, and knows a repetition.",
	escape: lookalikes, // descriptions are HTML, a few tags of it
	titled: true,
	incident: func(m outbox.Message) map[string]string {
		priorities := map[string]string{"info": "P5", "low": "P4", "medium": "P3", "high": "P2", "critical": "P1"}
		params := map[string]string{"alias": m.ID}
		if p := priorities[m.Severity]; p != "" {
			params["priority"] = p
		}
		return params
	},
}

package delivery

// ntfy has the title in the text, and is made anew for each message: shoutrrr's gives every message the title and the
// priority of the first one.
var ntfy = Service{
	Name:     "ntfy",
	URL:      "ntfy://HOST/TOPIC",
	once:     true,
	priority: &priority{"priority", map[string]string{"info": "min", "low": "low", "medium": "default", "high": "high", "critical": "max"}},
}

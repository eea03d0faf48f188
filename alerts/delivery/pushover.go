package delivery

// pushover has a higher priority, which repeats itself until somebody acknowledges it: that is not for us to ask.
var pushover = Service{
	Name:     "pushover",
	host:     at("api.pushover.net:443"),
	titled:   true,
	priority: &priority{"priority", map[string]string{"info": "-2", "low": "-1", "medium": "0", "high": "1", "critical": "1"}},
}

package delivery

var gotify = Service{
	Name:     "gotify",
	URL:      "gotify://HOST/TOKEN",
	titled:   true,
	priority: &priority{"priority", map[string]string{"info": "1", "low": "3", "medium": "5", "high": "7", "critical": "10"}},
}

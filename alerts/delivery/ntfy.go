package delivery

// ntfy has the title in the text: shoutrrr gives every message the title of the first one.
var ntfy = Service{Name: "ntfy", URL: "ntfy://HOST/TOPIC"}

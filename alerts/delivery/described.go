package delivery

import "time"

// What docs/alerts.md tells of a delivery that fails.
const (
	FirstPause  = firstPause
	MostPause   = mostPause
	GiveUpAfter = giveUpAfter
	SendTimeout = 30 * time.Second // Config.Timeout, where it is 0
)

// Known is a service that messages can be sent through.
type Known struct {
	Name string // with which its URL begins
	URL  string // its form; "" where https://shoutrrr.nickfedor.com is to be asked
}

// Services are the services that a destination without a format may be one of, by name.
func Services() []Known {
	var all []Known
	for _, name := range services() {
		all = append(all, Known{name, forms[name]})
	}
	return all
}

package delivery

import (
	"cmp"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/nicholas-fedor/shoutrrr/pkg/types"

	"s1graph/config"
)

// services are all that a destination without a format may be one of. Each has a file of its own, which says
// everything about it: CONTRIBUTING.md tells how to add one.
var services = []*Service{
	&alertmanager,
	&bark,
	&discord,
	&generic,
	&googlechat,
	&gotify,
	&hangouts,
	&ifttt,
	&join,
	&lark,
	&matrix,
	&mattermost,
	&notifiarr,
	&ntfy,
	&opsgenie,
	&pagerduty,
	&pushbullet,
	&pushover,
	&rocketchat,
	&signal,
	&slack,
	&smtp,
	&teams,
	&telegram,
	&wecom,
	&zulip,
}

// Service is what is known of a service that brings messages to people. Only the name is needed: without more,
// shoutrrr sends to the host that the URL names, and the text is shown as it is.
type Service struct {
	Name string // that a URL of it begins with
	URL  string // its form, of several with ", or " between them; "" where shoutrrr's documentation is to be asked

	// open makes what sends to a destination, or says why its URL cannot be used. It connects to nothing, and its
	// error has nothing of the URL in it. nil: openCourier.
	open func(s *Service, to config.Destination, c Config) (sender, error)

	// adapt refuses the settings under which no alert would arrive, and changes how shoutrrr's service works
	// where that is needed. nil: nothing is refused or changed.
	adapt func(types.Service) error

	// host is where a send connects to, with a port where it is not 443; nil: the host of the URL.
	host   func(*url.URL) string
	direct bool // no proxy stands between; host then gives the port too

	// escape keeps a value from being markup, a mention or a link; nil: the service shows text as it is.
	escape func(string) string
	// isHTML says whether the URL asks for HTML, where a service can be asked; nil: it cannot.
	isHTML func(types.Service) bool
	raw    bool // a program reads it: values stand in it as they are

	titled    bool // it shows a title apart from the text
	incidents bool // it keeps incidents, which the end of a state closes
	lasting   bool // it forgets what it is not told again: the sender is a refresher
	once      bool // shoutrrr's service is good for one message

	// priority has, by severity, the values of one of shoutrrr's settings, which it names; nil: there is no such thing.
	priority *priority

	// fault is what an error that only this service makes means; not known: faultOf says it. The fault is nil
	// where the message has arrived.
	fault func(error) (f *fault, known bool)
}

// priority is a setting that tells how urgent a message is.
type priority struct {
	setting string
	values  map[string]string // by severity
}

// Services are the services that a destination without a format may be one of, sorted by name.
func Services() []*Service { return slices.Clone(services) }

// Check says whether a destination's URL is understood. Nothing is sent, and the error has nothing of the
// URL in it.
func Check(to config.Destination) error {
	_, err := open(to, Config{Clock: time.Now})
	return err
}

// KeepsIncidents says whether a destination keeps incidents, which are closed: it is told of each end on its own.
func KeepsIncidents(to config.Destination) bool {
	s, err := serviceOf(to)
	return err == nil && s.KeepsIncidents()
}

// KeepsIncidents says whether the service keeps incidents.
func (s *Service) KeepsIncidents() bool { return s.incidents }

// Forgets says whether a destination is to be told again and again of what lasts.
func Forgets(to config.Destination) bool {
	s, err := serviceOf(to)
	return err == nil && s.lasting
}

// open makes what sends to a destination.
func open(to config.Destination, c Config) (sender, error) {
	s, err := serviceOf(to)
	if err != nil {
		return nil, err
	}
	if s.open == nil {
		return openCourier(s, to, c)
	}
	return s.open(s, to, c)
}

// serviceOf is the service that a destination is of. The error does not repeat what stands in a service's
// place: that may be a token.
func serviceOf(to config.Destination) (*Service, error) {
	if to.Format == "json" {
		return &webhook, nil
	}
	scheme, _, _ := strings.Cut(to.URL.Reveal(), ":")
	scheme, _, _ = strings.Cut(strings.ToLower(scheme), "+")
	var names []string
	for _, s := range services {
		if s.Name == scheme {
			return s, nil
		}
		names = append(names, s.Name)
	}
	return nil, errors.New("the URL is of no service that is known; those are: " + strings.Join(names, ", ") +
		"; a webhook (https://…) needs format: json")
}

// misunderstood is the error for a URL that does not have the form of the service's.
func (s *Service) misunderstood() error {
	form := cmp.Or(s.URL, "what https://shoutrrr.nickfedor.com says of it")
	return fmt.Errorf("the URL is not understood: for %s it is %s", s.Name, form)
}

// at is the host of a service that has one place for all.
func at(host string) func(*url.URL) string {
	return func(*url.URL) string { return host }
}

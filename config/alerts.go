package config

import "time"

// Alerts say which changes, states and runs people are told of, and where.
type Alerts struct {
	Destinations []Destination // in the file's order
	Rules        []Rule        // in the file's order
}

// Destination is where alerts are sent to.
type Destination struct {
	Name   string
	URL    Secret // of a service that shoutrrr knows, or of a webhook; it may hold a password or a key
	Format string // "": sent through shoutrrr; json: a JSON document is posted to the URL
	Secret Secret // that the JSON document is signed with; it may not be set

	// Places has where in the file the destination's words stand, by key, as Fault.Where has it; under url
	// also what came from urlFile, under "" the destination itself.
	Places map[string]string
}

// Rule is one rule as it stands in the file. What its words mean is the alerts package's to say.
type Rule struct {
	Use      string // name of the ready-made rule that this one is made of; "" for one's own
	Name     string
	When     string // condition, in CEL
	Severity string // info, low, medium, high or critical; "" where it is not given
	Title    string // template
	Text     string // template
	To       []string
	AtLeast  int           // raised once if so many match in one run; 0: raised for each
	Mute     time.Duration // for which a key that was raised is not raised again
	Ended    *bool         // whether the end of a state is told too; nil where it is not given
	Days     int           // of ready-made rules that have a number of them; 0 where it is not given

	// Places has where in the file the rule's words stand, by key, as Fault.Where has it; under "" the rule
	// itself.
	Places map[string]string
}

// PosturePolicy is what the devices of some groups must be like. What is nil, empty or 0 is not looked at.
type PosturePolicy struct {
	Name               string
	Groups             []string      // IDs; empty: all groups
	ActiveThreats      *int          // most that are allowed
	NetworkStatus      []string      // allowed values
	OperationalState   []string      // allowed values
	LastSyncedInterval time.Duration // since the device was last heard of; at least 24 h

	EncryptedApplications, FirewallEnabled, Infected, IsActive, IsUpToDate *bool
}

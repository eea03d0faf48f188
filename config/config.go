// Package config makes one validated Config out of a file, the environment and flags. Flags win over the environment, and the
// environment over the file. All faults are found at once, each with its place and with what would be right, and no secret is
// ever printed.
//
// What a setting means is left to those who use it: this package knows neither the Management API nor
// the steps, and is told by Sources what it must know of them.
package config

import (
	"slices"
	"strings"
	"time"
)

// Config is what one invocation of s1graph was asked to do. It is made by Load, which has checked it,
// and does not change after.
type Config struct {
	URL          string // of the console, as Sources.NormalizeURL gives it; empty where a recording is replayed
	Token        Secret // set, or TokenFile or TokenCommand is; none of them where a recording is replayed
	TokenFile    string
	TokenCommand []string // program and arguments; it prints the token
	APIVersion   string   // such as v2.1

	Accounts, Sites, Groups []string // IDs that what is read is limited to; empty: all that the token sees

	Instance       string // name of the tenant here; good as the name of a folder
	AccountName    string // what JupiterOne's setup calls Account Name
	TagAccountName bool   // whether every entity gets AccountName as its tag.AccountName
	Description    string
	Interval       Schedule // when it is polled

	Store        string                   // json, or neo4j, which means both
	Dir          string                   // folder of the instance
	Applications string                   // auto, installed, inventory or off
	Skip         []string                 // IDs of steps
	Every        map[string]time.Duration // how often polls read a step, by its ID; what is not there has the step's own default

	// Vulnerabilities are the severities whose vulnerabilities are read: critical, high, medium, low and none, or all or off
	// alone.
	Vulnerabilities []string

	DeletionGuard DeletionGuard
	RunDeadline   time.Duration // for one run as a whole; 0: there is none

	ChangesKept    time.Duration // for which the changes of past runs are kept
	RunsKept       time.Duration // for which runs are kept that a store or rules have not seen
	RunsKeptGiB    float64       // how much room these may take, in GiB
	DeadAlertsKept time.Duration // for which failed alerts are kept

	Neo4j  Neo4j
	Events Events

	Alerts  *Alerts         // nil where nobody is told of anything
	Posture []PosturePolicy // empty where no device is evaluated

	PageDeadline time.Duration      // for one page of a list, from the request to its last byte
	PageSize     int                // rows of one page of a list, at most
	RateLimits   map[string]float64 // requests per second, by prefix of the path (/agents), over the vendor's
	Proxy        Secret             // URL; it may hold a password
	CAFile       string             // PEM certificates that are trusted beside the system's

	State  string // address of the bucket that keeps what Dir holds too; empty: there is none
	Worker string // what this machine is called there; set where State is

	NATS            string        // where several workers share the instances; empty: there is one
	NATSCredentials string        // file; empty: none are needed
	Claim           time.Duration // after which another worker takes the instances of one that is not heard of

	Log Log

	// Warnings are sentences on what is odd but no fault.
	Warnings []string
}

// LeavesOut says whether the configuration leaves a step out.
func (c *Config) LeavesOut(stepID string) bool {
	return slices.Contains(c.Skip, stepID) || stepID == "applications" && c.Applications == "off" ||
		stepID == "vulnerabilities" && slices.Contains(c.Vulnerabilities, "off")
}

// Severities are those whose vulnerabilities are read; empty: all.
func (c *Config) Severities() []string {
	if slices.Contains(c.Vulnerabilities, "all") {
		return nil
	}
	return c.Vulnerabilities
}

// HasNeo4j says whether the graph is written to Neo4j too.
func (c *Config) HasNeo4j() bool { return c.Store == "neo4j" }

// DeletionGuard says how much of a type one run may delete: not more than Percent of it and more than
// Count, nor all of it.
type DeletionGuard struct {
	Percent float64
	Count   int
}

// Neo4j says which database holds the graph for queries.
type Neo4j struct {
	URI          string // bolt, bolt+s, bolt+ssc, neo4j, neo4j+s or neo4j+ssc
	Username     string
	Password     Secret // read from PasswordFile where one is given
	PasswordFile string
	Database     string // empty: the user's home database
	Insecure     bool   // the network is trusted with what bolt and neo4j send to another machine in the clear
	IsUnused     bool   // URI is set, and nothing says what the store is, so that no run writes to it
}

// Events say where the changes of committed runs are published. Where URL is empty they are not.
type Events struct {
	URL             string        // nats://, tls:// (NATS that must be encrypted) or https://; of NATS several servers, joined with commas
	Form            string        // of what is posted to https: cloudevents, splunk or elasticsearch
	CredentialsFile string        // of NATS, or the value of the header Authorization
	Kept            time.Duration // for which the stream keeps them
}

// Log says what is logged.
type Log struct {
	Level  string // debug, info, warn or error; empty where nobody asks for a log
	Format string // text or json
}

// Default is the Config of one who sets nothing.
func Default() Config { return newDraft().Config }

// DefaultFile is the configuration file that is read if none is named.
const DefaultFile = "s1graph.yaml"

// Variables that are no Setting: the token and the password may stand in no file of settings and behind no flag, and
// the name of the file cannot stand in the file.
const (
	TokenVariable    = "SENTINELONE_TOKEN"
	PasswordVariable = "NEO4J_PASSWORD"
	FileVariable     = "S1GRAPH_CONFIG"
)

// Sources is where a Config comes from.
type Sources struct {
	// File is the file of --config; empty: S1GRAPH_CONFIG, else DefaultFile if there is one. That one is refused where
	// another user than this one and root owns it or can write to it.
	File string

	Environment []string          // NAME=value, as of os.Environ; empty values count as unset
	Flags       map[string]string // values given by flags, by Setting.Key; lists joined with commas

	// Recording is the name of the recording that is replayed. Where there is one, neither URL nor
	// token is needed, and the instance is called so if nothing else is said.
	Recording string

	// NoConsole is for commands that ask the database alone: neither URL nor token is needed, and the
	// settings of Neo4j are.
	NoConsole bool

	// Local is for commands that read the instance's folder alone: neither token nor database is needed, and
	// a URL only where the instance is called after it.
	Local bool

	// Stores says of a Local command that it writes to the instance's stores as well, which must be known then.
	Stores bool

	// All is for commands that were given --all: all instances of the file are meant, whatever S1GRAPH_INSTANCE says.
	// OffersAll says that the command has that flag, which is named where no instance is chosen.
	All, OffersAll bool

	CheckState   func(address string) error   // says what is wrong with the address of a bucket; nil: nobody looks
	NormalizeURL func(string) (string, error) // brings the console's URL into its one form, or says what is wrong
	Steps        []string                     // IDs of the steps that there are

	// CheckAlerts finds what is wrong with rules and destinations; nil: nothing is looked for.
	CheckAlerts func(*Alerts) Faults
}

// Given is the value that a flag or else a variable has for a setting, and which of the two; "" if neither has one.
func (s Sources) Given(key string) (value, by string) {
	setting, _, _ := find(key)
	if value := s.Flags[key]; value != "" {
		return value, "--" + setting.FlagName()
	}
	return setting.among(s.variables())
}

// variables are those of the environment that are not empty, without the blanks around their values.
func (s Sources) variables() map[string]string {
	variables := map[string]string{}
	for _, line := range s.Environment {
		name, value, _ := strings.Cut(line, "=")
		if variables[name] = strings.TrimSpace(value); variables[name] == "" {
			delete(variables, name)
		}
	}
	return variables
}

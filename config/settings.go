package config

import (
	"regexp"
	"strings"
	"time"
)

// Group says what a setting is about, so that a command can offer the flags that it heeds.
type Group string

// The groups of settings, named as the help shows them.
const (
	Console  Group = "Console"
	Scope    Group = "Scope"
	Graph    Group = "Graph"
	Sync     Group = "Sync"
	Database Group = "Neo4j"
	Publish  Group = "Events"
	Polling  Group = "Schedule" // of the service alone, for each instance
	Serving  Group = "Service"  // of the service alone, for all instances
	Fleet    Group = "Fleet"    // of several machines, for all instances
	Logging  Group = "Logging"
)

// Setting is one thing that can be set. In the file it stands under its Key, in which a dot means
// nesting; its flag and its variable are derived from that.
type Setting struct {
	Key   string
	Kind  Kind
	Group Group
	Doc   string // one line, without a full stop at its end; what stands for the value is between backquotes

	Default string   // the value where none is given; "" where there is none, or it depends on others
	Words   []string // all values that it can have; nil where they are not so few

	variable string // where it is not derived from Key
	also     string // another variable for the same, which counts where the first is not set
	tenant   bool   // it says which tenant is meant, or where that one's graph is
	apply    func(d *draft, text string) error
}

// draft is what settings are put into: a Config that is not checked yet, and what the service has beside it.
type draft struct {
	Config
	listen string
	hosts  []string
	atOnce int
}

// newDraft has the defaults.
func newDraft() (d draft) {
	for _, s := range settings {
		if s.Default != "" {
			_ = s.apply(&d, s.Default) // which a test holds to be right
		}
	}
	return d
}

// Settings are all settings, in the order in which the example file and the help show them.
func Settings() []Setting { return append([]Setting(nil), settings...) }

var (
	stores  = []string{"json", "neo4j"}
	sources = []string{"auto", "installed", "inventory", "off"}
	levels  = []string{"debug", "info", "warn", "error"}
	formats = []string{"text", "json"}

	eventForms = []string{"cloudevents", "splunk", "elasticsearch"}
)

var settings = []Setting{
	{Key: "url", Kind: Text, Group: Console, tenant: true, variable: "SENTINELONE_URL",
		Doc:   "address of the console: a `URL` such as https://example.sentinelone.net",
		apply: text(func(d *draft) *string { return &d.URL })},
	{Key: "tokenFile", Kind: Path, Group: Console, tenant: true, variable: "SENTINELONE_TOKEN_FILE",
		Doc:   "`FILE` that holds the API token and nothing else",
		apply: text(func(d *draft) *string { return &d.TokenFile })},
	{Key: "tokenCommand", Kind: Command, Group: Console, tenant: true, variable: "SENTINELONE_TOKEN_COMMAND",
		Doc:   "`COMMAND` that prints the API token, in place of a file: a program and its words, which no shell reads",
		apply: command(func(d *draft) *[]string { return &d.TokenCommand })},
	{Key: "apiVersion", Kind: Text, Group: Console,
		Doc:     "`VERSION` of the Management API",
		Default: "v2.1",
		apply:   text(func(d *draft) *string { return &d.APIVersion }, like(`v\d+\.\d+`, "a version such as v2.1"))},
	{Key: "pageDeadline", Kind: Duration, Group: Console,
		Doc:     "`DURATION` that one page of a list may take before it is asked for again",
		Default: "60s",
		apply:   atLeast(time.Second, func(d *draft) *time.Duration { return &d.PageDeadline })},
	{Key: "pageSize", Kind: Number, Group: Console,
		Doc:     "`NUMBER` of rows that are asked for in one page of a list at most, from 1 to 1000",
		Default: "1000",
		apply:   between(1, 1000, func(d *draft) *int { return &d.PageSize })},
	{Key: "rateLimits", Kind: Rates, Group: Console,
		Doc:   "requests per second by prefix of the path, over the vendor's own limits: `PATH=NUMBER`, such as /agents=25,/threats=10",
		apply: rates(func(d *draft) *map[string]float64 { return &d.RateLimits })},
	{Key: "proxy", Kind: Text, Group: Console,
		Doc:   "`URL` of a proxy to reach the console through, such as http://proxy.example:3128; else HTTPS_PROXY is heeded",
		apply: proxy},
	{Key: "caFile", Kind: Path, Group: Console,
		Doc:   "PEM `FILE` with certificates to trust beside the system's",
		apply: text(func(d *draft) *string { return &d.CAFile })},

	{Key: "accounts", Kind: List, Group: Scope, tenant: true,
		Doc:   "`ID` of an account to read; all that the token sees if none is given; may be given several times",
		apply: list(func(d *draft) *[]string { return &d.Accounts }, isID)},
	{Key: "sites", Kind: List, Group: Scope, tenant: true,
		Doc:   "`ID` of a site to read; may be given several times",
		apply: list(func(d *draft) *[]string { return &d.Sites }, isID)},
	{Key: "groups", Kind: List, Group: Scope, tenant: true,
		Doc:   "`ID` of a group to read; may be given several times",
		apply: list(func(d *draft) *[]string { return &d.Groups }, isID)},

	{Key: "instance", Kind: Text, Group: Graph, tenant: true,
		Doc:   "`NAME` of this tenant here; the console's host name, or the recording's name, if none is given",
		apply: text(func(d *draft) *string { return &d.Instance }, isInstance)},
	{Key: "accountName", Kind: Text, Group: Graph, tenant: true,
		Doc:   "`NAME` that JupiterOne's setup calls Account Name",
		apply: text(func(d *draft) *string { return &d.AccountName })},
	{Key: "tagAccountName", Kind: Flag, Group: Graph,
		Doc:   "put the account name on every entity, as tag.AccountName",
		apply: flag(func(d *draft) *bool { return &d.TagAccountName })},
	{Key: "description", Kind: Text, Group: Graph, tenant: true,
		Doc:   "description of this tenant, for people: a `TEXT`",
		apply: text(func(d *draft) *string { return &d.Description })},
	{Key: "store", Kind: Text, Group: Graph,
		Doc:     "where the graph is written: the `STORE` json, or neo4j for both",
		Default: "json",
		apply:   text(func(d *draft) *string { return &d.Store }, oneOf(stores...)), Words: stores},
	{Key: "dir", Kind: Path, Group: Graph, tenant: true,
		Doc:   "`DIR` of this tenant's graph and runs; .s1graph/INSTANCE if none is given",
		apply: text(func(d *draft) *string { return &d.Dir })},
	{Key: "changesKept", Kind: Duration, Group: Graph,
		Doc:     "`DURATION` for which the changes of past runs are kept",
		Default: "30d",
		apply:   atLeast(time.Hour, func(d *draft) *time.Duration { return &d.ChangesKept })},
	{Key: "runsKept", Kind: Duration, Group: Graph,
		Doc:     "`DURATION` for which runs are kept for a store or for alerts that are behind; past that they are moved on",
		Default: "7d",
		apply:   atLeast(time.Hour, func(d *draft) *time.Duration { return &d.RunsKept })},
	{Key: "runsKeptGiB", Kind: Number, Group: Graph,
		Doc:     "`NUMBER` of GiB that these runs may take together",
		Default: "10",
		apply:   above(0, func(d *draft) *float64 { return &d.RunsKeptGiB })},
	{Key: "deadAlertsKept", Kind: Duration, Group: Graph,
		Doc:     "`DURATION` for which failed alerts are kept",
		Default: "30d",
		apply:   atLeast(time.Hour, func(d *draft) *time.Duration { return &d.DeadAlertsKept })},

	{Key: "applications", Kind: Text, Group: Sync,
		Doc:     "where applications come from: the `SOURCE` auto, installed, inventory or off",
		Default: "auto",
		apply:   text(func(d *draft) *string { return &d.Applications }, oneOf(sources...)), Words: sources},
	{Key: "vulnerabilities.severities", Kind: List, Group: Sync,
		Doc:     "`SEVERITIES` of which vulnerabilities are read: critical, high, medium, low and none, or all or off alone; may be given several times",
		Default: "critical,high",
		apply:   severities},
	{Key: "skip", Kind: List, Group: Sync,
		Doc:   "`STEP` to leave out; what it made before stays as it is; may be given several times",
		apply: list(func(d *draft) *[]string { return &d.Skip })},
	{Key: "deletionGuard.percent", Kind: Number, Group: Sync,
		Doc:     "deletions of more than this `PERCENT` of a type, and of more than the count, are withheld",
		Default: "20",
		apply:   percent(func(d *draft) *float64 { return &d.DeletionGuard.Percent })},
	{Key: "deletionGuard.count", Kind: Number, Group: Sync,
		Doc:     "up to this `NUMBER` of deletions of a type are never withheld, unless they are all of it",
		Default: "10",
		apply:   whole(0, func(d *draft) *int { return &d.DeletionGuard.Count })},
	{Key: "runDeadline", Kind: Duration, Group: Sync,
		Doc:     "`DURATION` that a run may take before it ends and commits nothing",
		Default: "6h",
		apply:   atLeast(time.Minute, func(d *draft) *time.Duration { return &d.RunDeadline })},

	{Key: "neo4j.uri", Kind: Text, Group: Database, variable: "NEO4J_URI",
		Doc:   "`URL` of the database, such as neo4j://127.0.0.1:7687 or neo4j+s://example.databases.neo4j.io",
		apply: text(func(d *draft) *string { return &d.Neo4j.URI }, isNeo4jURI)},
	{Key: "neo4j.username", Kind: Text, Group: Database, variable: "NEO4J_USERNAME", also: "NEO4J_USER",
		Doc:     "`NAME` of the database's user",
		Default: "neo4j",
		apply:   text(func(d *draft) *string { return &d.Neo4j.Username })},
	{Key: "neo4j.passwordFile", Kind: Path, Group: Database, variable: "NEO4J_PASSWORD_FILE",
		Doc:   "`FILE` that holds the user's password and nothing else",
		apply: text(func(d *draft) *string { return &d.Neo4j.PasswordFile })},
	{Key: "neo4j.database", Kind: Text, Group: Database, variable: "NEO4J_DATABASE",
		Doc:   "`NAME` of the database; the user's home database if none is given",
		apply: text(func(d *draft) *string { return &d.Neo4j.Database })},
	{Key: "neo4j.insecure", Kind: Flag, Group: Database, variable: "NEO4J_INSECURE",
		Doc:   "trust the network between here and the database: bolt and neo4j send password and graph unencrypted",
		apply: flag(func(d *draft) *bool { return &d.Neo4j.Insecure })},

	{Key: "events.url", Kind: Text, Group: Publish,
		Doc:   "`URL` that changes are published to: nats://HOST:PORT, tls://HOST:PORT or https://HOST/PATH",
		apply: text(func(d *draft) *string { return &d.Events.URL }, isEventsURL)},
	{Key: "events.form", Kind: Text, Group: Publish,
		Doc:     "`FORM` of what is posted to https: cloudevents, splunk or elasticsearch",
		Default: "cloudevents",
		apply:   text(func(d *draft) *string { return &d.Events.Form }, oneOf(eventForms...)), Words: eventForms},
	{Key: "events.credentialsFile", Kind: Path, Group: Publish,
		Doc:   "`FILE` with the credentials of NATS, or with the value of the header Authorization for https",
		apply: text(func(d *draft) *string { return &d.Events.CredentialsFile })},
	{Key: "events.kept", Kind: Duration, Group: Publish,
		Doc:     "`DURATION` for which the stream of NATS keeps events",
		Default: "720h",
		apply:   atLeast(time.Hour, func(d *draft) *time.Duration { return &d.Events.Kept })},

	{Key: "interval", Kind: Schedules, Group: Polling,
		Doc:     "`INTERVAL` between two polls, such as 30m, a cron expression such as 0 */2 * * *, in local time, or DISABLED",
		Default: "DISABLED",
		apply:   schedule},

	{Key: "every", Kind: Intervals, Group: Polling,
		Doc:   "how often polls read a step: `STEP=DURATION`, such as applications=12h,agents=15m; 0s: with every poll",
		apply: intervals(func(d *draft) *map[string]time.Duration { return &d.Every })},

	{Key: "listen", Kind: Text, Group: Serving,
		Doc:     "`ADDRESS` of /healthz, /readyz, /metrics and /status, which ask for no password; or off",
		Default: "127.0.0.1:8338",
		apply:   text(func(d *draft) *string { return &d.listen }, isAddress)},
	{Key: "hosts", Kind: List, Group: Serving,
		Doc:   "`NAME` by which others reach that address, such as s1graph.example; IP addresses and localhost need none; may be given several times",
		apply: list(func(d *draft) *[]string { return &d.hosts }, isHost)},
	{Key: "atOnce", Kind: Number, Group: Serving,
		Doc:     "`NUMBER` of instances that run at once, at most",
		Default: "4",
		apply:   whole(1, func(d *draft) *int { return &d.atOnce })},

	{Key: "state", Kind: Text, Group: Fleet,
		Doc:   "`URL` of a bucket that keeps what the folders hold too: s3://BUCKET/PREFIX?endpoint=HOST&region=REGION or file:///PATH",
		apply: text(func(d *draft) *string { return &d.State })},
	{Key: "nats", Kind: Text, Group: Fleet,
		Doc:   "`URL` of NATS with JetStream, by which several workers share the instances: nats://a:4222,nats://b:4222,nats://c:4222, or tls://",
		apply: text(func(d *draft) *string { return &d.NATS }, isNATS)},
	{Key: "natsCredentials", Kind: Path, Group: Fleet,
		Doc:   "`FILE` with the credentials of NATS, as nsc makes it",
		apply: text(func(d *draft) *string { return &d.NATSCredentials })},
	{Key: "claim", Kind: Duration, Group: Fleet,
		Doc:     "`DURATION` after which another worker takes the instances of one that is no longer heard of; 15s at least, and the same for all",
		Default: "15s",
		apply:   atLeast(15*time.Second, func(d *draft) *time.Duration { return &d.Claim })},
	{Key: "worker", Kind: Text, Group: Fleet,
		Doc:   "`NAME` of this machine in the bucket and the fleet, which no other one has; the host's name if none is given",
		apply: text(func(d *draft) *string { return &d.Worker }, isInstance)},

	{Key: "log.level", Kind: Text, Group: Logging,
		Doc:   "least `LEVEL` that is logged: debug, info, warn or error; without it poll logs info, and other commands only what fails",
		apply: text(func(d *draft) *string { return &d.Log.Level }, oneOf(levels...)), Words: levels},
	{Key: "log.format", Kind: Text, Group: Logging,
		Doc:     "`FORMAT` of the log: text or json",
		Default: "text",
		apply:   text(func(d *draft) *string { return &d.Log.Format }, oneOf(formats...)), Words: formats},
}

// FlagName is the name of the setting's flag, without the dashes before it: token-file.
func (s Setting) FlagName() string { return s.words("-") }

// Variable is the name of the setting's environment variable: S1GRAPH_CA_FILE.
func (s Setting) Variable() string {
	if s.variable != "" {
		return s.variable
	}
	return "S1GRAPH_" + strings.ToUpper(s.words("_"))
}

// among finds the setting's value among variables, and the name of the one that has it; "" where none has.
func (s Setting) among(variables map[string]string) (value, name string) {
	for _, name := range []string{s.Variable(), s.also} {
		if value := variables[name]; value != "" {
			return value, name
		}
	}
	return "", s.Variable()
}

// beginning is where a word of a key begins, and what is not taken apart.
var beginning = regexp.MustCompile(`\.|GiB|[A-Z]`)

// words takes the key's words apart: tokenFile, deletionGuard.percent, caFile and runsKeptGiB.
func (s Setting) words(separator string) string {
	return strings.ToLower(beginning.ReplaceAllStringFunc(s.Key, func(begun string) string { return separator + strings.Trim(begun, ".") }))
}

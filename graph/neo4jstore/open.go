package neo4jstore

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/neo4j/neo4j-go-driver/v5/neo4j"
	"github.com/neo4j/neo4j-go-driver/v5/neo4j/config"
	"github.com/neo4j/neo4j-go-driver/v5/neo4j/notifications"

	"s1graph/pause"
)

// Fault says why a database cannot be used.
type Fault string

// The faults.
const (
	BadAddress   Fault = "bad address"
	Unreachable  Fault = "unreachable"
	Unauthorized Fault = "unauthorized"
	NoDatabase   Fault = "no such database"
	Offline      Fault = "database offline"
	ReadOnly     Fault = "read-only"
	TooOld       Fault = "server too old"
)

// MinimumVersion is the oldest Neo4j that has what the statements here and the question library use: the latest
// of these are COLLECT subqueries. (Cypher Manual, Additions, deprecations, removals, and compatibility, Neo4j 5.6.)
const MinimumVersion = "5.6"

// OpenError says why a database cannot be used, and what to do about it.
type OpenError struct {
	Fault  Fault
	URI    string
	Advice string // what is wrong and what to do
	Err    error  // what the driver said; nil where it said nothing
}

func (e *OpenError) Error() string {
	text := "neo4j"
	if e.URI != "" {
		text += " at " + e.URI
	}
	text += ": " + e.Advice
	if e.Err != nil {
		text += ": " + e.Err.Error()
	}
	return text
}

// Unwrap returns what the driver said.
func (e *OpenError) Unwrap() error { return e.Err }

var schemes = []string{"bolt", "bolt+s", "bolt+ssc", "neo4j", "neo4j+s", "neo4j+ssc"}

// Connect gives a driver for a database that can be read, though perhaps not written to; whoever calls it closes
// the driver. It is for those who ask the graph of any scope: Config.Scope is not heeded. If the database cannot
// be read the error is an *OpenError.
func Connect(ctx context.Context, c Config) (neo4j.DriverWithContext, error) {
	return connect(ctx, c, false)
}

// connect gives a driver for a database that can be used: be read or, if it must be, written to as well.
func connect(ctx context.Context, c Config, write bool) (neo4j.DriverWithContext, error) {
	fault := func(f Fault, err error, advice string, args ...any) (neo4j.DriverWithContext, error) {
		e := &OpenError{Fault: f, URI: c.URI, Advice: fmt.Sprintf(advice, args...), Err: err}
		if f == BadAddress {
			e.URI = "" // a password may stand in it
		}
		return nil, e
	}
	address, err := url.Parse(c.URI)
	switch {
	case err != nil || address.Host == "" || !slices.Contains(schemes, address.Scheme):
		return fault(BadAddress, nil, "the address must read like neo4j://graph.example:7687, with one of the schemes %s", strings.Join(schemes, ", "))
	case address.User != nil:
		return fault(BadAddress, nil, "the user name and the password must not stand in the address: there are settings for them")
	case write && c.Scope == "":
		return fault(BadAddress, nil, "the scope must not be empty")
	}
	defer pause.Tell(ctx, pause.Wait{What: "connecting to Neo4j at " + c.URI})()
	driver, err := neo4j.NewDriverWithContext(c.URI, neo4j.BasicAuth(c.Username, c.Password, ""), func(d *config.Config) {
		d.MaxTransactionRetryTime = c.RetryFor
		d.SocketConnectTimeout = 5 * time.Second
		d.UserAgent = "s1graph"
		d.TelemetryDisabled = true
		d.NotificationsMinSeverity = notifications.DisabledLevel
	})
	if err != nil {
		return fault(BadAddress, err, "the address cannot be used")
	}
	// Connect is called without an AnswerWithin too.
	within := min(cmp.Or(c.AnswerWithin, time.Minute), time.Minute)
	checking, cancel := context.WithTimeoutCause(ctx, within, errHangs)
	defer cancel()
	if f, advice, err := check(checking, driver, c, write); f != "" && (write || f != ReadOnly) {
		if context.Cause(checking) != nil && ctx.Err() == nil {
			err = fmt.Errorf("%w within %s", errHangs, within)
		}
		_ = driver.Close(ctx)
		return fault(f, err, "%s", advice)
	}
	return driver, nil
}

// check tells what is wrong with the server or the database, if anything is.
func check(ctx context.Context, driver neo4j.DriverWithContext, c Config, write bool) (Fault, string, error) {
	server, err := driver.GetServerInfo(ctx)
	if err != nil {
		return diagnose(err, c)
	}
	if version := strings.TrimPrefix(server.Agent(), "Neo4j/"); older(version, MinimumVersion) {
		return TooOld, fmt.Sprintf("the server is Neo4j %s, and %s or later is needed: update the server", version, MinimumVersion), nil
	}
	if works(ctx, driver, c.Database, write) {
		return "", "", nil
	}
	databases, err := show(ctx, driver, c.Database)
	if isForbidden(err) { // a user who may not look at the list may still be allowed to write
		return "", "", nil
	}
	if err != nil {
		return diagnose(err, c)
	}
	if len(databases) == 0 {
		return NoDatabase, fmt.Sprintf("there is no database %q: make it, or set another name (NEO4J_DATABASE)", c.Database), nil
	}
	online := slices.DeleteFunc(slices.Clone(databases), func(d database) bool { return d.status != "online" })
	if len(online) == 0 {
		return Offline, fmt.Sprintf("the database %q is %s: start it", databases[0].name, databases[0].status), nil
	}
	if !slices.ContainsFunc(online, func(d database) bool { return d.access == "read-write" }) {
		return ReadOnly, fmt.Sprintf("the database %q is in read-only mode: make it writable (server.databases.read_only, server.databases.default_to_read_only, or ALTER DATABASE … SET ACCESS READ WRITE), or set another name (NEO4J_DATABASE)", online[0].name), nil
	}
	return "", "", nil
}

// works says whether the database can be read or, if it must be, written to: a node is made and taken back. Only where that fails is the
// server asked for its databases, since that question takes one that was just started seconds.
func works(ctx context.Context, driver neo4j.DriverWithContext, name string, write bool) bool {
	cypher, mode := "RETURN 1", neo4j.AccessModeRead
	if write {
		cypher, mode = "CREATE (n)", neo4j.AccessModeWrite
	}
	session := driver.NewSession(ctx, neo4j.SessionConfig{DatabaseName: name, AccessMode: mode})
	defer session.Close(ctx)
	tx, err := session.BeginTransaction(ctx)
	if err != nil {
		return false
	}
	defer tx.Close(ctx) // takes it back
	result, err := tx.Run(ctx, cypher, nil)
	if err == nil {
		_, err = result.Consume(ctx)
	}
	return err == nil
}

// database is what the server says of a database; of one in a cluster there are several.
type database struct{ name, access, status string }

func show(ctx context.Context, driver neo4j.DriverWithContext, name string) ([]database, error) {
	cypher := "SHOW DATABASES YIELD name, aliases, access, currentStatus WHERE name = $name OR $name IN aliases RETURN name, access, currentStatus"
	if name == "" {
		cypher = "SHOW HOME DATABASE YIELD name, access, currentStatus"
	}
	session := driver.NewSession(ctx, neo4j.SessionConfig{DatabaseName: "system", AccessMode: neo4j.AccessModeRead})
	defer session.Close(ctx)
	result, err := session.Run(ctx, cypher, parameters{"name": strings.ToLower(name)})
	if err != nil {
		return nil, err
	}
	records, err := result.Collect(ctx)
	databases := make([]database, 0, len(records))
	for _, r := range records {
		var d database
		for i, field := range []*string{&d.name, &d.access, &d.status} {
			*field, _ = r.Values[i].(string)
		}
		databases = append(databases, d)
	}
	return databases, err
}

// diagnose says what an error of the first question means.
func diagnose(err error, c Config) (Fault, string, error) {
	var answer *neo4j.Neo4jError
	if !errors.As(err, &answer) {
		if text := err.Error(); strings.Contains(text, "Bolt version") || strings.Contains(text, "handshake") {
			return TooOld, "the server does not speak a version of Bolt that s1graph does: Neo4j " + MinimumVersion + " or later is needed, and its Bolt port (mostly 7687), not the one for HTTP", err
		}
		return Unreachable, "the server cannot be reached: look whether it runs, whether host and port are right, and whether the scheme must have +s (TLS) or +ssc (TLS with a certificate that nobody vouches for)", err
	}
	switch answer.Code {
	case "Neo.ClientError.Security.Unauthorized":
		return Unauthorized, fmt.Sprintf("the password of the user %q is wrong, or there is no such user: look at NEO4J_USERNAME and NEO4J_PASSWORD", c.Username), err
	case "Neo.ClientError.Security.AuthenticationRateLimit":
		return Unreachable, "the server refuses logins for some seconds, after several with a wrong password", err
	case "Neo.ClientError.Security.CredentialsExpired":
		return Unauthorized, fmt.Sprintf("the password of the user %q must be changed first: ALTER CURRENT USER SET PASSWORD FROM … TO …", c.Username), err
	case "Neo.ClientError.Database.DatabaseNotFound":
		return NoDatabase, fmt.Sprintf("there is no database %q: make it, or set another name (NEO4J_DATABASE)", c.Database), err
	}
	return Unreachable, "the server answers with an error", err
}

func isForbidden(err error) bool {
	var answer *neo4j.Neo4jError
	return errors.As(err, &answer) && answer.Code == "Neo.ClientError.Security.Forbidden"
}

// alreadyExists says whether a constraint could not be made for one of that name, as when two make it at once.
func alreadyExists(err error) bool {
	var answer *neo4j.Neo4jError
	return errors.As(err, &answer) && strings.HasPrefix(answer.Code, "Neo.ClientError.Schema.") && strings.HasSuffix(answer.Code, "AlreadyExists")
}

// older says whether a version such as 4.4.30 or 2025.01.0 comes before another.
func older(version, than string) bool {
	numbers := func(v string) []int {
		var list []int
		for part := range strings.SplitSeq(v, ".") {
			n, err := strconv.Atoi(part)
			if err != nil {
				break
			}
			list = append(list, n)
		}
		return list
	}
	return slices.Compare(numbers(version), numbers(than)) < 0
}

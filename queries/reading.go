package queries

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/neo4j/neo4j-go-driver/v5/neo4j"
)

// NotReading says what a statement does besides reading.
type NotReading struct{ Does string }

func (e *NotReading) Error() string { return "the statement " + e.Does }

// reading are the procedures that read the database and do nothing else. Those of APOC that run Cypher, and those that load
// from an address or a file, are not among them; those of GDS that stream read graphs that were made before.
var reading = regexp.MustCompile(`^(?:db\.(?:info|labels|ping|propertyKeys|relationshipTypes|schema\.(?:visualization|nodeTypeProperties|relTypeProperties)` +
	`|index\.(?:fulltext\.(?:listAvailableAnalyzers|queryNodes|queryRelationships)|vector\.(?:queryNodes|queryRelationships)))` +
	`|dbms\.(?:components|info|listCapabilities|listConnections|showCurrentUser)|tx\.getMetaData` +
	`|apoc\.(?:algo|coll|meta|neighbors|path|search|stats)\.[A-Za-z.]+|gds\.[A-Za-z.]+\.stream)$`)

var (
	// called finds a procedure, and loaded LOAD CSV, in an expression that the plan shows as text alone, such as a list
	// comprehension with a subquery in it.
	called = regexp.MustCompile(`(?i)(?:ResolvedCall\(|\bCALL\s+)([^\s({]+)\(`)
	loaded = regexp.MustCompile(`(?i)\bLOAD\s+CSV\b`)
	// shows finds the statements on users, databases and the like that read. Their plan does not tell them from others.
	shows = regexp.MustCompile(`(?is)^(?:\s|//[^\n]*\n|/\*.*?\*/)*SHOW\s`)
)

// CheckReading asks the database to explain a statement, and says with a *NotReading what it does besides reading: the
// server lets pass in a read transaction that a statement ends others, calls a procedure that acts, or loads a file or an
// address. Functions only read, by Neo4j's rules for them.
func (d Database) CheckReading(ctx context.Context, cypher string, arguments map[string]any) (err error) {
	session := d.Driver.NewSession(ctx, neo4j.SessionConfig{AccessMode: neo4j.AccessModeRead, DatabaseName: d.Name})
	defer func() { err = errors.Join(err, session.Close(context.WithoutCancel(ctx))) }()
	result, err := session.Run(ctx, "EXPLAIN "+cypher, arguments)
	if err != nil {
		return err
	}
	summary, err := result.Consume(ctx)
	if err != nil {
		return err
	}
	does := acts(summary.Plan())
	switch kind := summary.StatementType(); {
	case does != "":
	case kind == neo4j.StatementTypeReadWrite || kind == neo4j.StatementTypeWriteOnly:
		does = "writes"
	case kind == neo4j.StatementTypeSchemaWrite && operator(summary.Plan()) != "ProduceResults" && !shows.MatchString(cypher):
		does = "changes the database or the server"
	}
	if does != "" {
		return &NotReading{does}
	}
	return nil
}

func operator(p neo4j.Plan) string {
	if p == nil {
		return ""
	}
	name, _, _ := strings.Cut(p.Operator(), "@")
	return name
}

// acts is what an operator of a plan, or one below it, does besides reading and writing the graph; "" for nothing.
func acts(p neo4j.Plan) string {
	if p == nil {
		return ""
	}
	name, details := operator(p), fmt.Sprint(p.Arguments()["Details"])
	var procedures []string
	for _, found := range called.FindAllStringSubmatch(details, -1) {
		procedures = append(procedures, found[1])
	}
	if strings.HasSuffix(name, "ProcedureCall") {
		procedure, _, _ := strings.Cut(details, "(")
		procedures = append(procedures, procedure)
	}
	for _, procedure := range procedures {
		if !reading.MatchString(procedure) {
			return "calls " + procedure + ", which is not one of the procedures that are known to read only"
		}
	}
	switch {
	case strings.HasPrefix(name, "Terminate"):
		return "ends transactions"
	case name == "LoadCSV" || loaded.MatchString(details):
		return "has the server read a file or an address (LOAD CSV)"
	}
	for _, child := range p.Children() {
		if does := acts(child); does != "" {
			return does
		}
	}
	return ""
}

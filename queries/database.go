package queries

import (
	"cmp"
	"context"
	"errors"
	"regexp"
	"slices"

	"github.com/neo4j/neo4j-go-driver/v5/neo4j"
	"github.com/neo4j/neo4j-go-driver/v5/neo4j/notifications"
)

// Database is where statements are run.
type Database struct {
	Driver neo4j.DriverWithContext
	Name   string // "" is the user's home database
}

// Receiver takes what a statement gives. Its first error ends the statement.
type Receiver interface {
	Columns(names []string) error // once, before the first row
	Row(values []any) error       // in the order of the columns
}

// Read runs a statement in a read transaction: the server refuses one that writes. Rows are given as they
// arrive, and nothing is tried again after a fault: some of them may have been given already.
func (d Database) Read(ctx context.Context, cypher string, arguments map[string]any, to Receiver) error {
	_, err := d.ReadNoting(ctx, cypher, arguments, to)
	return err
}

// ReadNoting is Read, and returns the names in the statement that the database does not know, in their order there.
func (d Database) ReadNoting(ctx context.Context, cypher string, arguments map[string]any, to Receiver) (unknown []Unknown, err error) {
	session := d.Driver.NewSession(ctx, neo4j.SessionConfig{
		AccessMode: neo4j.AccessModeRead, DatabaseName: d.Name, NotificationsMinSeverity: notifications.WarningLevel,
	})
	defer func() { err = errors.Join(err, session.Close(context.WithoutCancel(ctx))) }()
	tx, err := session.BeginTransaction(ctx)
	if err != nil {
		return nil, err
	}
	result, err := tx.Run(ctx, cypher, arguments)
	if err != nil {
		return nil, err
	}
	names, err := result.Keys()
	if err != nil {
		return nil, err
	}
	if err := to.Columns(names); err != nil {
		return nil, err
	}
	for result.Next(ctx) {
		if err := to.Row(result.Record().Values); err != nil {
			return nil, err
		}
	}
	summary, err := result.Consume(ctx)
	if err != nil {
		return nil, err
	}
	return unknownIn(summary.Notifications()), nil
}

// Unknown is a name in a statement that nothing in the database has, so that nothing matches it.
type Unknown struct {
	What string // label, relationship type or property
	Name string
}

// unknownNames are the codes of the notifications of such names.
var unknownNames = map[string]string{
	"Neo.ClientNotification.Statement.UnknownLabelWarning":            "label",
	"Neo.ClientNotification.Statement.UnknownRelationshipTypeWarning": "relationship type",
	"Neo.ClientNotification.Statement.UnknownPropertyKeyWarning":      "property",
}

// missingName finds the name in the description of a notification: Neo4j 5 has it at the end, later ones as the first thing
// between backticks.
var missingName = regexp.MustCompile("(?s)\\(the missing [a-z ]+ is: (.*)\\)$|^[^`(]*`([^`]*)`")

func unknownIn(found []neo4j.Notification) (all []Unknown) {
	slices.SortStableFunc(found, func(a, b neo4j.Notification) int { return cmp.Compare(offset(a), offset(b)) })
	for _, n := range found {
		what, ofName := unknownNames[n.Code()]
		name := missingName.FindStringSubmatch(n.Description())
		if !ofName || name == nil {
			continue
		}
		if u := (Unknown{what, cmp.Or(name[1], name[2])}); !slices.Contains(all, u) {
			all = append(all, u)
		}
	}
	return all
}

// offset is where in the statement a notification points to.
func offset(n neo4j.Notification) int {
	if at := n.Position(); at != nil {
		return at.Offset()
	}
	return 0
}

// Scope is what the database says of an instance that it holds a graph of.
type Scope struct {
	Name     string
	UnderWay bool // the graph is being written, or was when its writer was killed: part of it may be missing
}

// Scopes are those of the database, sorted by name.
func (d Database) Scopes(ctx context.Context) ([]Scope, error) {
	var scopes scopes
	err := d.Read(ctx, "MATCH (s:S1GraphScope) RETURN s._scope AS name, s.underWay IS NOT NULL AS underWay ORDER BY name", nil, &scopes)
	return scopes, err
}

// scopes receives a row for each.
type scopes []Scope

func (s *scopes) Columns([]string) error { return nil }

func (s *scopes) Row(values []any) error {
	var scope Scope
	scope.Name, _ = values[0].(string)
	scope.UnderWay, _ = values[1].(bool)
	*s = append(*s, scope)
	return nil
}

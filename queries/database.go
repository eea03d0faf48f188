package queries

import (
	"context"
	"errors"

	"github.com/neo4j/neo4j-go-driver/v5/neo4j"
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
func (d Database) Read(ctx context.Context, cypher string, arguments map[string]any, to Receiver) (err error) {
	session := d.Driver.NewSession(ctx, neo4j.SessionConfig{AccessMode: neo4j.AccessModeRead, DatabaseName: d.Name})
	defer func() { err = errors.Join(err, session.Close(context.WithoutCancel(ctx))) }()
	tx, err := session.BeginTransaction(ctx)
	if err != nil {
		return err
	}
	result, err := tx.Run(ctx, cypher, arguments)
	if err != nil {
		return err
	}
	names, err := result.Keys()
	if err != nil {
		return err
	}
	if err := to.Columns(names); err != nil {
		return err
	}
	for result.Next(ctx) {
		if err := to.Row(result.Record().Values); err != nil {
			return err
		}
	}
	return result.Err()
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

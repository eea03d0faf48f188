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

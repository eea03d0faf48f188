package neo4jstore

import (
	"context"
	"errors"
	"strings"

	"github.com/neo4j/neo4j-go-driver/v5/neo4j"
)

// Inspection is what can be said of a database that is to hold a scope.
type Inspection struct {
	Server       string // such as Neo4j 5.26.30
	Database     string // name of the database
	Constraints  int    // of ours that are there
	Marker       Marker // of the scope
	MayWrite     bool
	MayConstrain bool
}

// Inspect looks at a database, and leaves nothing behind in it: what is tried is rolled back. If the database
// cannot be used at all the error is an *OpenError.
func Inspect(ctx context.Context, c Config) (Inspection, error) {
	store, err := Open(ctx, c)
	if err != nil {
		return Inspection{}, err
	}
	defer func() { _ = store.Close(context.WithoutCancel(ctx)) }()
	var found Inspection
	server, err := store.driver.GetServerInfo(ctx)
	if err != nil {
		return found, err
	}
	found.Server = strings.ReplaceAll(server.Agent(), "/", " ")
	records, err := store.read(ctx, "CALL db.info() YIELD name RETURN name", nil)
	if err != nil {
		return found, err
	}
	if len(records) > 0 {
		found.Database, _ = records[0].Values[0].(string)
	}
	records, err = store.read(ctx, "SHOW CONSTRAINTS YIELD name WHERE name STARTS WITH $prefix RETURN name", parameters{"prefix": constraintPrefix})
	if err != nil {
		return found, err
	}
	found.Constraints = len(records)
	m, err := store.marker(ctx)
	if err != nil {
		return found, err
	}
	found.Marker = *m
	if found.MayWrite, err = store.may(ctx, "CREATE (:S1GraphCheck {_scope: $scope})"); err != nil {
		return found, err
	}
	found.MayConstrain, err = store.may(ctx, "CREATE CONSTRAINT "+constraintPrefix+"check IF NOT EXISTS FOR (n:S1GraphCheck) REQUIRE n._scope IS UNIQUE")
	return found, err
}

// errTried rolls a transaction back that did what it was to try.
var errTried = errors.New("tried")

// may says whether the user may run a statement that writes.
func (s *Store) may(ctx context.Context, cypher string) (bool, error) {
	err := s.write(ctx, func(ctx context.Context, tx neo4j.ManagedTransaction) error {
		if _, err := collect(ctx, tx, cypher, parameters{"scope": s.config.Scope}); err != nil {
			return err
		}
		return errTried
	})
	switch {
	case errors.Is(err, errTried), alreadyExists(err): // somebody else tries it too
		return true, nil
	case isForbidden(err):
		return false, nil
	}
	return false, err
}

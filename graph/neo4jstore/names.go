package neo4jstore

import (
	"fmt"
	"strings"

	"s1graph/graph"
)

// MarkerError says that the marker of a scope names types that s1graph would never write, so that nothing that the
// marker says is used. Nothing was changed.
type MarkerError struct {
	Scope string
	Err   error // what is wrong with the names
}

func (e *MarkerError) Error() string {
	fault, _, more := strings.Cut(e.Err.Error(), "\n")
	if more {
		fault += " (and more)"
	}
	return fmt.Sprintf("the list of types in the marker of the scope %q, a node (:S1GraphScope), was not written by s1graph: %s; "+
		"look who else writes to this database, then remove the list with MATCH (m:S1GraphScope {_scope: $scope}) REMOVE m.types, and run again",
		e.Scope, fault)
}

// Unwrap returns what is wrong.
func (e *MarkerError) Unwrap() error { return e.Err }

// typesOf are the types alone.
func typesOf(all []known) []*graph.Type {
	types := make([]*graph.Type, len(all))
	for i := range all {
		types[i] = &all[i].Type
	}
	return types
}

// checkNames makes sure that all names of the target may stand in a statement.
func (t *Target) checkNames() error {
	if err := graph.CheckTypes(t.Graph.Types()); err != nil {
		return fmt.Errorf("the run %s: %w", t.RunID, err)
	}
	for _, s := range t.Overlays {
		if err := graph.CheckName(s.Type); err != nil {
			return fmt.Errorf("an overlay: %w", err)
		}
	}
	return nil
}

// quote makes a label or a relationship type of a name that was checked. One that was not is a fault of this package,
// and must reach no server.
func quote(name string) string {
	if err := graph.CheckName(name); err != nil {
		panic("neo4jstore: a statement is to have a name in it that was not checked: " + err.Error())
	}
	return "`" + name + "`"
}

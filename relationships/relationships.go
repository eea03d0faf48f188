// Package relationships declares what connects the entities of the graph: one file for each relationship type, in which
// one value says everything about the type. Which rows give rise to a relationship, and whether both its ends are in
// the graph, is the business of steps.
package relationships

// The classes, of JupiterOne's data model.
const (
	has      = "HAS"
	protects = "PROTECTS"
	owns     = "OWNS"
)

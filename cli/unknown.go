package cli

import (
	"context"
	"fmt"
	"slices"

	"s1graph/queries"
	"s1graph/steps"
)

// tellUnknown says which names in a statement nothing in the database has: what looks like an empty answer may be a misspelled
// question.
func (c *commands) tellUnknown(names []queries.Unknown) {
	known := namesInGraph()
	for _, u := range names {
		advice := suggestion(u.Name, known[u.What]) + "check the spelling"
		if slices.Contains(known[u.What], u.Name) {
			advice = "it is spelled right, and the tenants in this database have none of it"
		}
		c.complain(fmt.Sprintf("nothing in the database has the %s %s, so nothing matches it; %s", u.What, u.Name, advice))
	}
}

// namesInGraph are the names that a statement can use, by what they are.
func namesInGraph() map[string][]string {
	known := map[string][]string{"property": {"_key", "_scope", "_type"}}
	for _, d := range steps.Entities() {
		known["label"] = append(known["label"], d.Class, d.Name)
	}
	for _, d := range steps.Relationships() {
		known["relationship type"] = append(known["relationship type"], d.Class)
	}
	for _, d := range steps.Model() {
		for _, p := range d.Properties {
			known["property"] = append(known["property"], p.Name)
		}
	}
	return known
}

// demandExample is how a posture policy is written into a configuration file.
const demandExample = "posture: [{firewallEnabled: true, infected: false}]"

// policiesIn is an error where no device of a scope, nil for all, has a verdict: that none is noncompliant would be no answer.
func policiesIn(ctx context.Context, database queries.Database, scope any) error {
	var evaluated rowCount
	const cypher = "MATCH (d:Device) WHERE d.compliant IS NOT NULL AND ($scope IS NULL OR d._scope = $scope) RETURN 1 LIMIT 1"
	err := database.Read(ctx, cypher, map[string]any{"scope": scope}, &evaluated)
	if err == nil && evaluated == 0 {
		err = misuse("there is no posture policy, so no device is compliant or not: write what is demanded of devices into the configuration file, such as %s, and run s1graph run --store neo4j", demandExample)
	}
	return err
}

// rowCount receives rows and counts them.
type rowCount int

func (n *rowCount) Columns([]string) error { return nil }
func (n *rowCount) Row([]any) error        { *n++; return nil }

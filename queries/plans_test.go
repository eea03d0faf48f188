package queries_test

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/neo4j/neo4j-go-driver/v5/neo4j"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"s1graph/queries"
)

// finds says by which operators each question may find its nodes; from there it goes along relationships. A
// whole class is found by a scan of its label, where the planner may begin at either end of a relationship.
// One thing is found by the index of its type. A person is known by any of several names, some of them lists,
// on which Neo4j has no index: users are scanned.
var finds = map[string][]string{
	"detect-mode-agents":          {"NodeByLabelScan HostAgent"},
	"devices-with-application":    {"NodeByLabelScan Application"},
	"threatened-devices":          {"NodeByLabelScan Finding", "NodeByLabelScan Device", "NodeByLabelScan HostAgent"},
	"devices-with-several-agents": {"NodeByLabelScan Device", "NodeByLabelScan HostAgent"},
	"empty-sites-and-groups":      {"UnionNodeByLabelsScan Site|Group"},
	"encryption-or-firewall-off":  {"NodeByLabelScan Device"},
	"exposed-applications":        {"NodeByLabelScan Application", "NodeByLabelScan Vulnerability"},
	"exposed-owners":              {"NodeByLabelScan Vulnerability", "NodeByLabelScan Device"},
	"infected-devices":            {"NodeByLabelScan HostAgent"},
	"isolated-devices":            {"NodeByLabelScan HostAgent"},
	"license-use":                 {"NodeByLabelScan Site"},
	"new-vulnerabilities":         {"NodeByLabelScan Vulnerability", "NodeByLabelScan Device"},
	"noncompliant-devices":        {"NodeByLabelScan Device"},
	"open-vulnerabilities":        {"NodeByLabelScan Vulnerability", "NodeByLabelScan Device"},
	"open-threats":                {"NodeByLabelScan Finding"},
	"outdated-agents":             {"NodeByLabelScan HostAgent"},
	"owners-of-several-devices":   {"NodeByLabelScan User", "NodeByLabelScan Device"},
	"rare-applications":           {"NodeByLabelScan Application"},
	"recent-changes": {"NodeByLabelScan Account", "NodeByLabelScan Application", "NodeByLabelScan Device", "NodeByLabelScan Finding",
		"NodeByLabelScan Group", "NodeByLabelScan HostAgent", "NodeByLabelScan Site", "NodeByLabelScan User", "NodeByLabelScan Vulnerability",
		"UnionNodeByLabelsScan Account|Application|Device|Finding|Group|HostAgent|Site|User|Vulnerability"}, // either, as the planner sees fit
	"returned-devices":    {"NodeByLabelScan Device", "NodeByLabelScan HostAgent", "NodeUniqueIndexSeek sentinelone_agent(_scope, _key)"},
	"risky-applications":  {"NodeByLabelScan Application"},
	"same-file-elsewhere": {"NodeByLabelScan S1GraphScope", "NodeIndexScan S1GraphScope(_scope)", "NodeUniqueIndexSeek sentinelone_threat(_scope, _key)", "NodeByLabelScan Finding"},
	"silent-agents":       {"NodeByLabelScan HostAgent"},
	"unmitigated-threats": {"NodeByLabelScan Finding", "NodeByLabelScan HostAgent"},
	"unprotected-devices": {"NodeByLabelScan Device", "NodeUniqueIndexSeek sentinelone_agent(_scope, _key)"},
	"user-exposure":       {"NodeByLabelScan User"},
}

// never are operators that look at everything, or at each thing with each other.
var never = []string{"AllNodesScan", "CartesianProduct", "DirectedAllRelationshipsScan", "UndirectedAllRelationshipsScan"}

func plansAreLean(t *testing.T, driver neo4j.DriverWithContext, graphs []*known) {
	for _, q := range queries.All() {
		for _, scope := range []any{nil, graphs[0].scope} {
			t.Run(fmt.Sprintf("%s/%v", q.Name, scope != nil), func(t *testing.T) {
				given := map[string]string{}
				for _, p := range q.Parameters {
					if p.Default == queries.Required {
						given[p.Name] = "made"
					}
				}
				arguments, err := q.Arguments(given, today)
				require.NoError(t, err)
				arguments["scope"] = scope
				result, err := neo4j.ExecuteQuery(t.Context(), driver, "EXPLAIN "+q.Cypher, arguments, neo4j.EagerResultTransformer)
				require.NoError(t, err)
				for _, n := range result.Summary.Notifications() {
					// A name that no node has had yet, such as _updatedOn before anything changed, is no fault.
					assert.Equal(t, "UNRECOGNIZED", n.RawCategory(), "the server finds fault with it: %s", n.Description())
				}
				used := operators(result.Summary.Plan())
				for _, operator := range used {
					name, _, _ := strings.Cut(operator, " ")
					assert.NotContains(t, never, name)
				}
				leaves := slices.DeleteFunc(used, func(operator string) bool { return !strings.Contains(operator, " ") })
				assert.Subset(t, finds[q.Name], leaves)
			})
		}
	}
}

// found is what the server says that an operator finds: `a:HostAgent`, or `UNIQUE one:sentinelone_threat(_scope, _key) WHERE …`.
var found = regexp.MustCompile(`^(?:\w+ )*\w+:([^ ]+(?:\([^)]*\))?)`)

// operators are the names of a plan's operators, those that find nodes with what they find.
func operators(plan neo4j.Plan) []string {
	name := strings.TrimSuffix(plan.Operator(), "@neo4j")
	details, _ := plan.Arguments()["Details"].(string)
	if strings.HasSuffix(name, "Scan") || strings.HasSuffix(name, "Seek") {
		name += " " + details
		if what := found.FindStringSubmatch(details); what != nil {
			name = strings.Fields(name)[0] + " " + what[1]
		}
	}
	all := []string{name}
	for _, child := range plan.Children() {
		all = append(all, operators(child)...)
	}
	return all
}

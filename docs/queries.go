package docs

import (
	"fmt"
	"io"
	"strings"

	"s1graph/queries"
)

// WriteQueries writes docs/queries.md, in Markdown, in one call of w.Write: all questions of the library,
// with their parameters, columns and statements.
func WriteQueries(w io.Writer) error {
	var d document
	d.introduceQueries()
	d.listQueries()
	for _, q := range queries.All() {
		d.describeQuery(&q)
	}
	_, err := w.Write(d.Bytes())
	return err
}

func (d *document) introduceQueries() {
	d.line("<!-- Made by `s1graph document` from queries/. Change it there. -->")
	d.line("# The question library")
	d.line("What analysts ask of the graph in Neo4j. The classes and properties are those of [data-model.md](data-model.md).")
	d.WriteString("```sh\n" +
		"s1graph query                                       # list the questions\n" +
		"s1graph query silent-agents --param days=30         # ask one; --json or --csv for programs and spreadsheets\n" +
		"s1graph query silent-agents --scope acme            # of one instance alone\n" +
		"s1graph query silent-agents --show                  # print it with its parameters, to paste into Neo4j Browser\n" +
		"s1graph query --cypher 'MATCH (d:Device) RETURN count(d) AS devices'\n" +
		"```\n\n")
	d.line("- They need Neo4j 5.6 or later. Statements run in a read transaction: the server refuses one that writes.\n" +
		"- `scope` is the name of an instance: of one tenant among those that share the database. Without it all are asked, and the column " +
		"`scope` says whose a row is. `--scope NAME` is short for `--param scope=NAME`.\n" +
		"- `limit` is how many rows there are at most; `s1graph query` says when there may be more.\n" +
		"- A list of strings is given joined with commas. A moment is `now`, so long before now as `7d` or `36h`, or a time such as " +
		"`2026-11-20` or `2026-11-20T18:00:00Z`; in Cypher it is an integer, milliseconds since 1970-01-01 UTC.\n" +
		"- An agent in service is one that is neither decommissioned nor uninstalled: one that PROTECTS a device. A threat is not mitigated " +
		"unless its `mitigationStatus` is mitigated or marked_as_benign, and open unless its `incidentStatus` is resolved.\n" +
		"- A whole class is found by its label. One thing is found by the index on `_scope` and `_key` that each type has: that is why " +
		"some statements name a type, such as `sentinelone_agent`, where others name its class.")
}

func (d *document) listQueries() {
	var rows [][]string
	for _, q := range queries.All() {
		rows = append(rows, []string{link(q.Name), q.Title})
	}
	d.table([]string{"name", "question"}, rows)
}

func (d *document) describeQuery(q *queries.Question) {
	d.line("## " + q.Name)
	d.line("**" + q.Title + ".** " + q.Description)
	var parameters, columns [][]string
	for _, p := range q.Parameters {
		byDefault := "`" + p.Default + "`"
		if p.Default == queries.Required {
			byDefault = "**required**"
		}
		parameters = append(parameters, []string{"`" + p.Name + "`", string(p.Type), byDefault, p.Doc})
	}
	for _, c := range q.Columns {
		columns = append(columns, []string{"`" + c.Name + "`", c.Doc})
	}
	d.table([]string{"parameter", "type", "default", "what it says"}, parameters)
	d.table([]string{"column", "what it is"}, columns)
	fmt.Fprintf(d, "```cypher\n%s\n```\n\n", strings.TrimSpace(q.Cypher))
}

// Package docs writes docs/data-model.md from what the entities and relationships packages declare, so
// that the document cannot say anything else than the code does.
package docs

import (
	"bytes"
	"fmt"
	"io"
	"net/url"
	"strings"

	"s1graph/entities"
	"s1graph/graph"
	"s1graph/model"
	"s1graph/steps"
)

// WriteDataModel writes the document, in Markdown, in one call of w.Write.
func WriteDataModel(w io.Writer) error {
	var d document
	d.introduce()
	d.draw()
	d.listEntities()
	for _, e := range steps.Entities() {
		d.describeEntity(e)
	}
	d.listRelationships()
	for _, r := range steps.Relationships() {
		d.describeRelationship(r)
	}
	d.listLists()
	d.line("## Tables")
	for _, t := range entities.Tables() {
		d.line("### " + t.Title)
		d.line(t.Doc)
		d.table(t.Header, t.Rows)
	}
	_, err := w.Write(d.Bytes())
	return err
}

// document is Markdown under construction.
type document struct{ bytes.Buffer }

// line writes a paragraph.
func (d *document) line(text string) { fmt.Fprintf(d, "%s\n\n", text) }

func (d *document) table(header []string, rows [][]string) {
	d.row(header)
	d.row(strings.Split(strings.Repeat("---,", len(header)-1)+"---", ","))
	for _, row := range rows {
		d.row(row)
	}
	d.WriteByte('\n')
}

func (d *document) row(cells []string) {
	for _, cell := range cells {
		fmt.Fprintf(d, "| %s ", strings.ReplaceAll(cell, "|", `\|`))
	}
	d.WriteString("|\n")
}

func (d *document) introduce() {
	d.line("<!-- Made by `s1graph document` from entities/ and relationships/. Change it there. -->")
	d.line("# Data model")
	d.line("What s1graph makes of a SentinelOne tenant. Classes, and the properties that they demand, are those of JupiterOne's data " +
		"model (npm @jupiterone/data-model 0.64.2).")
	d.line("- Every entity has `_key`, `_type`, `_class` (a list of one), `name` and `displayName`; every relationship has `_key`, `_type`, " +
		"`_class`, `_fromEntityKey`, `_toEntityKey` and `displayName`.\n" +
		"- A value is a string, a boolean, an integer, or a list of strings. Times are integers: milliseconds since 1970-01-01 UTC. Lists " +
		"are sorted and free of duplicates.\n" +
		"- What is unknown is absent. Properties marked **demanded** are always there, because JupiterOne's data model demands them: where " +
		"they are unknown, as `\"\"`, `0`, `false` or the empty list.\n" +
		"- A field that is taken over unchanged keeps the vendor's name. Unknown words of the vendor's are taken over as they are.\n" +
		"- Properties that are volatile, with the reason in the last column, are moved by the vendor without anything having happened to the asset: they are written, but a " +
		"difference in them is no change and raises no event.\n" +
		"- Several rows can say something of one entity or relationship. It is described by one of them, as its type says, but for properties " +
		"marked **of several rows**.\n" +
		"- A hash in a key is 32 hexadecimal digits: the first half of the SHA-256 of the named parts, each in Unicode's composed form (NFC) " +
		"and preceded by its length.\n" +
		"- With the setting that puts the account's name on every entity, there is also `tag.AccountName`.")
}

// draw writes the picture of types and relationships.
func (d *document) draw() {
	d.WriteString("```mermaid\nflowchart LR\n")
	for _, e := range steps.Entities() {
		fmt.Fprintf(d, "    %s[\"%s<br/>%s\"]\n", short(e.Type.Name), e.Type.Name, e.Type.Class)
	}
	for _, r := range steps.Relationships() {
		fmt.Fprintf(d, "    %s -->|%s| %s\n", short(r.Type.From), r.Type.Class, short(r.Type.To))
	}
	d.WriteString("```\n\n")
}

func short(typeName string) string { return strings.TrimPrefix(typeName, "sentinelone_") }

func (d *document) listEntities() {
	d.line("## Entities")
	var rows [][]string
	for _, e := range steps.Entities() {
		rows = append(rows, []string{link(e.Type.Name), e.Type.Class, e.Source, "`" + e.Type.Step + "`"})
	}
	d.table([]string{"type", "class", "from", "step"}, rows)
}

func (d *document) describeEntity(e *model.Description) {
	d.line("### " + e.Type.Name)
	d.line(e.Doc)
	d.line(fmt.Sprintf("- Class: %s\n- From: %s\n- Key: `%s:` and %s", e.Type.Class, e.Source, e.Type.Name, e.Key))
	rows := propertyRows(e.Properties)
	if e.Tags != "" {
		rows = append(rows, []string{"`tag.KEY`", graph.StringKind.String(), e.Tags, ""})
	}
	d.table(propertyHeader, rows)
}

func (d *document) listRelationships() {
	d.line("## Relationships")
	d.line("The key of a relationship is the key of the entity that it starts at, its class in lower case and the key of the entity that it " +
		"ends at, joined by bars.")
	var rows [][]string
	for _, r := range steps.Relationships() {
		rows = append(rows, []string{link(r.Type.Name), link(r.Type.From), r.Type.Class, link(r.Type.To), "`" + r.Type.Step + "`"})
	}
	d.table([]string{"type", "from", "class", "to", "step"}, rows)
}

func (d *document) describeRelationship(r *model.Description) {
	d.line("### " + r.Type.Name)
	d.line(r.Doc)
	if len(r.Properties) == 1 {
		d.line(fmt.Sprintf("It has no property but `%s`. %s", r.Properties[0].Name, r.Properties[0].Doc))
		return
	}
	d.table(propertyHeader, propertyRows(r.Properties))
}

// listLists says what the steps read.
func (d *document) listLists() {
	d.line("## Lists")
	d.line("What the steps read of the Management API, always with GET. The filters are on the state of things: without them a list " +
		"leaves some out. What a whole list lacks is asked for by ID before it counts as gone, where the list can be asked so.")
	var rows [][]string
	add := func(step string, l *steps.List, standsInFor string) {
		asked := ""
		if l.Ask != "" {
			asked = "`" + l.Ask + "`"
		}
		filters, err := url.QueryUnescape(l.Filters.Encode())
		if err != nil || filters != "" {
			filters = "`" + filters + "`"
		}
		rows = append(rows, []string{"`" + step + "`", "`" + l.Path + "`", filters, asked, standsInFor})
	}
	for _, step := range steps.All() {
		for _, l := range step.Lists {
			add(step.ID, &l, "")
			if l.StandsIn != nil {
				add(step.ID, l.StandsIn, "`"+l.Path+"`")
			}
		}
	}
	d.table([]string{"step", "list", "filters", "asked by ID with", "stands in for"}, rows)
}

var propertyHeader = []string{"property", "type", "what it is", "volatile, for it"}

func propertyRows(properties []model.PropertyDescription) [][]string {
	rows := make([][]string, len(properties))
	for i, p := range properties {
		text := p.Doc
		if p.Required {
			text += " **Demanded.**"
		}
		if p.Combined != "" {
			text += fmt.Sprintf(" **Of several rows** %s.", p.Combined)
		}
		rows[i] = []string{"`" + p.Name + "`", p.Kind.String(), text, p.Volatile}
	}
	return rows
}

// link points to the heading of a type.
func link(typeName string) string { return fmt.Sprintf("[%s](#%[1]s)", typeName) }

// Package docs writes docs/data-model.md, docs/queries.md and docs/alerts.md. Their words stand in the templates beside
// this file; what the code declares is filled in, so that a document cannot say anything else than the code does.
package docs

import (
	"bytes"
	"embed"
	"fmt"
	"io"
	"net/url"
	"strings"
	"text/template"
	"time"

	"s1graph/alerts"
	"s1graph/alerts/delivery"
	"s1graph/entities"
	"s1graph/model"
	"s1graph/queries"
	"s1graph/steps"
)

// WriteDataModel writes the types that there are, in Markdown, in one call of w.Write.
func WriteDataModel(w io.Writer) error {
	return write(w, "data-model.md.tmpl", struct {
		Entities, Relationships []*model.Description
		Lists                   []readList
		Tables                  []entities.Table
	}{steps.Entities(), steps.Relationships(), readLists(), entities.Tables()})
}

// WriteQueries writes all questions of the library, in Markdown, in one call of w.Write.
func WriteQueries(w io.Writer) error {
	return write(w, "queries.md.tmpl", queries.All())
}

// WriteAlerts writes what rules can say, the ready-made ones, and how alerts are delivered, in Markdown, in one call of
// w.Write.
func WriteAlerts(w io.Writer) error {
	return write(w, "alerts.md.tmpl", struct {
		alerts.Description
		Ready    []alerts.ReadyRule
		Services []*delivery.Service

		SendTimeout, FirstPause, MostPause, RefreshEvery time.Duration
		MostAttempts                                     int
	}{
		alerts.Describe(), alerts.Ready(), delivery.Services(),
		delivery.SendTimeout, delivery.FirstPause, delivery.MostPause, delivery.RefreshEvery, delivery.MostAttempts,
	})
}

//go:embed *.tmpl
var templates embed.FS

// write fills a template in. Its actions stand in << and >>, since those of alerts have the braces themselves.
func write(w io.Writer, name string, data any) error {
	t, err := template.New(name).Delims("<<", ">>").Funcs(template.FuncMap{
		"cell":       func(text string) string { return strings.ReplaceAll(text, "|", `\|`) }, // of a table
		"isTemplate": func(text string) bool { return strings.Contains(text, "{{") },
		"link": func(heading string) string {
			return fmt.Sprintf("[%s](#%s)", heading, strings.ReplaceAll(heading, " ", "-"))
		},
		"quoted":  func(text string) string { return "'" + strings.ReplaceAll(text, "'", "''") + "'" }, // as YAML has it
		"replace": strings.ReplaceAll,
		"short":   model.ShortName,
		"spell":   spell,
	}).ParseFS(templates, name)
	if err != nil {
		return err
	}
	var document bytes.Buffer
	if err := t.Execute(&document, data); err != nil {
		return err
	}
	_, err = w.Write(document.Bytes())
	return err
}

// readList is a list that a step reads, or that stands in for one.
type readList struct {
	*steps.List
	Step, StandsInFor string
}

func readLists() (all []readList) {
	for _, step := range steps.All() {
		for _, l := range step.Lists {
			all = append(all, readList{&l, step.ID, ""})
			if l.StandsIn != nil {
				all = append(all, readList{l.StandsIn, step.ID, l.Path})
			}
		}
	}
	return all
}

// FilterText is the filters as people write them.
func (l readList) FilterText() (string, error) { return url.QueryUnescape(l.Filters.Encode()) }

func spell(t time.Duration) string {
	switch {
	case t >= time.Hour:
		return fmt.Sprintf("%d hours", t/time.Hour)
	case t >= time.Minute:
		return fmt.Sprintf("%d minutes", t/time.Minute)
	}
	return fmt.Sprintf("%d seconds", t/time.Second)
}

package alerts_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"s1graph/alerts"
	"s1graph/config"
)

func TestAllThatRulesCanSayIsDescribed(t *testing.T) {
	d := alerts.Describe()
	for _, fields := range [][]alerts.Field{d.Change, d.Entity, d.Run, d.Related, d.Words, d.OfChange, d.OfState, d.OfRun, d.Document} {
		assert.NotEmpty(t, fields)
		for _, f := range fields {
			assert.NotEmpty(t, f.Doc, f.Name)
		}
	}
	for _, f := range slices.Concat(d.Change, d.Entity, d.Run, d.Related, d.Document) {
		assert.NotEmpty(t, f.Type, f.Name)
	}
}

func TestEachDescribedFieldAndWordCanBeUsed(t *testing.T) {
	d := alerts.Describe()
	related := make([]alerts.Field, len(d.Related))
	for i, f := range d.Related {
		related[i] = alerts.Field{Name: strings.ToUpper(f.Name[:1]) + f.Name[1:]}
	}
	destinations := []config.Destination{{Name: "hook", URL: config.NewSecret("https://example.test"), Format: "json"}}
	for _, kind := range []struct {
		variable string
		fields   []alerts.Field
		words    []alerts.Field
	}{
		{"change", slices.Concat(d.Change, d.Related), slices.Concat(d.OfChange, related)},
		{"entity", slices.Concat(d.Entity, d.Related), slices.Concat(d.OfState, related)},
		{"run", d.Run, d.OfRun},
	} {
		var rules []config.Rule
		for _, f := range kind.fields {
			rules = append(rules, config.Rule{Name: "field " + f.Name, When: "has(" + kind.variable + "." + f.Name + ")"})
		}
		for _, w := range slices.Concat(d.Words, kind.words) {
			rules = append(rules, config.Rule{Name: "word " + w.Name, When: "has(" + kind.variable + "." + kind.fields[0].Name + ")", Title: "{{." + w.Name + "}}"})
		}
		_, faults := alerts.Compile(&config.Alerts{Destinations: destinations, Rules: rules})
		assert.Empty(t, faults, kind.variable)
	}
}

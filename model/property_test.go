package model_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"

	"s1graph/graph"
	"s1graph/model"
	"s1graph/s1"
)

type row struct {
	text  string
	list  []string
	flag  s1.Flag
	whole s1.Int
	at    s1.Time
}

func properties() []model.Property[row] {
	return []model.Property[row]{
		model.Text("text", "A text.", func(r *row) string { return r.text }),
		model.Set("list", "A list.", func(r *row) []string { return r.list }),
		model.Flag("flag", "A flag.", func(r *row) s1.Flag { return r.flag }),
		model.Whole("whole", "A number.", func(r *row) s1.Int { return r.whole }),
		model.Moment("at", "A time.", func(r *row) s1.Time { return r.at }),
	}
}

func TestAppendGivesWhatIsKnownInTheOrderOfTheNames(t *testing.T) {
	ps := model.Sorted(properties())
	assert.Empty(t, ps.Append(nil, &row{list: []string{"", ""}}))
	list := []string{"b", "", "a", "b"}
	assert.Equal(t, []graph.Property{
		{Name: "at", Value: graph.Int(5)},
		{Name: "flag", Value: graph.Bool(false)},
		{Name: "list", Value: graph.Strings([]string{"a", "b"})},
		{Name: "text", Value: graph.String("x")},
		{Name: "whole", Value: graph.Int(0)},
	}, ps.Append(nil, &row{text: "x", list: list, flag: s1.False, whole: s1.Int{Known: true}, at: 5}))
	assert.Equal(t, []string{"b", "", "a", "b"}, list, "the row is not changed")
}

func TestWhatIsDemandedIsThereThoughUnknown(t *testing.T) {
	ps := properties()
	for i := range ps {
		ps[i] = ps[i].Required()
	}
	assert.Equal(t, []graph.Property{
		{Name: "at", Value: graph.Int(0)},
		{Name: "flag", Value: graph.Bool(false)},
		{Name: "list", Value: graph.Strings([]string{})},
		{Name: "text", Value: graph.String("")},
		{Name: "whole", Value: graph.Int(0)},
	}, model.Sorted(ps).Append(nil, &row{}))
}

func TestWrittenPropertiesAreEncodedAsOthersAre(t *testing.T) {
	declared := append(properties(),
		model.Decimal("decimal", "A number.", func(r *row) string { return r.text }),
		model.Moment("moved", "A time.", func(r *row) s1.Time { return r.at }).Volatile("moves"),
		model.Text("required", "A text.", func(r *row) string { return r.text }).Required(),
		model.Text("requiredOrNull", "A text.", func(r *row) string { return r.text }).RequiredOrNull())
	for i := range len(declared) {
		declared = append(declared, declared[i].Named(declared[i].Name+"Volatile").Volatile("moves"))
	}
	end := &graph.Type{Name: "sentinelone_end"}
	typ := model.Relationship[row]{Type: "sentinelone_test", Class: "HAS", From: end, To: end, Properties: declared}.Define()
	const from, to = "sentinelone_end:1", "sentinelone_end:2"
	var memory graph.Written
	for _, r := range []row{
		{},
		{text: "x", list: []string{"b", "", "a", "b"}, flag: s1.True, whole: s1.Int{Value: -7, Known: true}, at: 5},
		{text: "1.5", list: []string{"", ""}, flag: s1.False, whole: s1.Int{Known: true}},
		{text: "\"\xff\\\n\u00e9", list: []string{"\"", "\xff"}},
		{},
	} {
		plain, written := typ.Between(from, to, &r), typ.WrittenBetween(&memory, from, to, &r)
		assert.Equal(t, graph.Encode(&plain), graph.Encode(&written), "%q", r.text)
		assert.Equal(t, graph.Encode(&plain), graph.Encode(&written), "%q, once more", r.text)
	}
}

func TestATaggedEntityIsEncodedAlikeWrittenOrNot(t *testing.T) {
	text := func(name string) model.Property[row] {
		return model.Text(name, "A text.", func(r *row) string { return r.text })
	}
	typ := model.Entity[row]{
		Type: "sentinelone_test", Class: "Host",
		Key:        func(*row) string { return "sentinelone_test:1" },
		Properties: []model.Property[row]{text("before"), text("tag"), text("tagsBehind").Volatile("moves"), text("yonder")},
		WebLink:    func(host string, r *row) string { return host + r.text },
		Tags: func(r *row) (tags []graph.Property) {
			for _, key := range r.list {
				tags = append(tags, graph.Property{Name: graph.TagPrefix + key, Value: graph.String(r.text)})
			}
			return tags
		},
	}.Define()
	more := []graph.Property{{Name: graph.TagPrefix + "M", Value: graph.String("of all")}}
	var memory graph.Written
	for _, host := range []string{"", "console"} {
		for _, r := range []row{{}, {text: "x"}, {text: "y", list: []string{"A", "N \"quoted\""}}, {text: "z", list: []string{"L", "M"}}} {
			plain, written := typ.EntityOn(host, &r), typ.WrittenOn(&memory, host, &r, more)
			plain.Set(more[0].Name, more[0].Value)
			assert.Equal(t, graph.Encode(&plain), graph.Encode(&written), "%v", r)
		}
	}
}

func TestOneNameTwiceIsAMistake(t *testing.T) {
	assert.PanicsWithValue(t, "the property text is declared twice", func() {
		model.Sorted(append(properties(), properties()[0]))
	})
}

func TestTheSchemaChangesWithTheMappingAndNotWithTheDocumentation(t *testing.T) {
	schema := func(revision int, change func([]model.Property[row])) string {
		ps := properties()
		change(ps)
		typ := graph.Type{Name: "t", Class: "C"}
		model.Sorted(ps).Complete(&typ, revision)
		return typ.Schema
	}
	text := func(r *row) string { return r.text }
	base := schema(1, func([]model.Property[row]) {})
	assert.Equal(t, base, schema(1, func(ps []model.Property[row]) { ps[0] = model.Text("text", "Other words.", text) }))
	assert.NotEqual(t, base, schema(2, func([]model.Property[row]) {}))
	for name, change := range map[string]func([]model.Property[row]){
		"another name": func(ps []model.Property[row]) { ps[0] = model.Text("renamed", "A text.", text) },
		"another kind": func(ps []model.Property[row]) {
			ps[0] = model.Flag("text", "A text.", func(r *row) s1.Flag { return r.flag })
		},
		"volatile": func(ps []model.Property[row]) { ps[0] = ps[0].Volatile("moves") },
		"demanded": func(ps []model.Property[row]) { ps[0] = ps[0].Required() },
		"combined": func(ps []model.Property[row]) {
			ps[0] = ps[0].Combined(model.Combination{Doc: "the first", Of: first})
		},
	} {
		assert.NotEqual(t, base, schema(1, change), name)
	}
}

func first(a, _ graph.Value) graph.Value { return a }

func ExampleProperties_Append() {
	ps := model.Sorted([]model.Property[s1.Site]{
		model.Text("name", "Name of the site.", func(s *s1.Site) string { return s.Name }),
		model.Flag("isDefault", "Whether this is the default site.", func(s *s1.Site) s1.Flag { return s.IsDefault }),
		model.Text("description", "What the site is for.", func(s *s1.Site) string { return s.Description }),
	})
	for _, p := range ps.Append(nil, &s1.Site{Name: "Berlin", IsDefault: s1.False}) {
		fmt.Println(p.Name, p.Value.Any())
	}
	// Output:
	// isDefault false
	// name Berlin
}

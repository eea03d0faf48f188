package entities_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"

	"s1graph/entities"
	"s1graph/graph"
	"s1graph/s1"
)

type row struct {
	text  string
	list  []string
	flag  s1.Flag
	whole s1.Int
	at    s1.Time
}

func properties() []entities.Property[row] {
	return []entities.Property[row]{
		entities.Text("text", "A text.", func(r *row) string { return r.text }),
		entities.Set("list", "A list.", func(r *row) []string { return r.list }),
		entities.Flag("flag", "A flag.", func(r *row) s1.Flag { return r.flag }),
		entities.Whole("whole", "A number.", func(r *row) s1.Int { return r.whole }),
		entities.Moment("at", "A time.", func(r *row) s1.Time { return r.at }),
	}
}

func TestAppendGivesWhatIsKnownInTheOrderOfTheNames(t *testing.T) {
	ps := entities.Sorted(properties())
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
	}, entities.Sorted(ps).Append(nil, &row{}))
}

func TestOneNameTwiceIsAMistake(t *testing.T) {
	assert.PanicsWithValue(t, "the property text is declared twice", func() {
		entities.Sorted(append(properties(), properties()[0]))
	})
}

func TestTheSchemaChangesWithTheMappingAndNotWithTheDocumentation(t *testing.T) {
	schema := func(revision int, change func([]entities.Property[row])) string {
		ps := properties()
		change(ps)
		typ := graph.Type{Name: "t", Class: "C"}
		entities.Sorted(ps).Complete(&typ, revision)
		return typ.Schema
	}
	text := func(r *row) string { return r.text }
	base := schema(1, func([]entities.Property[row]) {})
	assert.Equal(t, base, schema(1, func(ps []entities.Property[row]) { ps[0] = entities.Text("text", "Other words.", text) }))
	assert.NotEqual(t, base, schema(2, func([]entities.Property[row]) {}))
	for name, change := range map[string]func([]entities.Property[row]){
		"another name": func(ps []entities.Property[row]) { ps[0] = entities.Text("renamed", "A text.", text) },
		"another kind": func(ps []entities.Property[row]) {
			ps[0] = entities.Flag("text", "A text.", func(r *row) s1.Flag { return r.flag })
		},
		"volatile": func(ps []entities.Property[row]) { ps[0] = ps[0].Volatile("moves") },
		"demanded": func(ps []entities.Property[row]) { ps[0] = ps[0].Required() },
		"combined": func(ps []entities.Property[row]) {
			ps[0] = ps[0].Combined(entities.Combination{Doc: "the first", Of: first})
		},
	} {
		assert.NotEqual(t, base, schema(1, change), name)
	}
}

func first(a, _ graph.Value) graph.Value { return a }

func TestOfSeveralCloudsEachSaysWhatItKnows(t *testing.T) {
	r := entities.Device.Entity(&s1.Agent{ID: "1", CloudProviders: map[string]s1.CloudProvider{
		"Kubernetes": {ClusterName: "prod", CloudAccount: "not it"},
		"AWS":        {CloudAccount: "123456789012", CloudInstanceID: "i-0abc"},
	}})
	assert.Equal(t, []string{"AWS", "Kubernetes"}, r.Get("cloudProviders").List())
	assert.Equal(t, "123456789012", r.Get("cloudAccount").Text())
	assert.Equal(t, "i-0abc", r.Get("cloudInstanceId").Text())
	agent := entities.Agent.Entity(&s1.Agent{ID: "1", CloudProviders: map[string]s1.CloudProvider{"Kubernetes": {ClusterName: "prod"}, "AWS": {}}})
	assert.Equal(t, "prod", agent.Get("clusterName").Text())
}

func ExampleProperties_Append() {
	ps := entities.Sorted([]entities.Property[s1.Site]{
		entities.Text("name", "Name of the site.", func(s *s1.Site) string { return s.Name }),
		entities.Flag("isDefault", "Whether this is the default site.", func(s *s1.Site) s1.Flag { return s.IsDefault }),
		entities.Text("description", "What the site is for.", func(s *s1.Site) string { return s.Description }),
	})
	for _, p := range ps.Append(nil, &s1.Site{Name: "Berlin", IsDefault: s1.False}) {
		fmt.Println(p.Name, p.Value.Any())
	}
	// Output:
	// isDefault false
	// name Berlin
}

package model_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"s1graph/graph"
	"s1graph/model"
	"s1graph/s1"
)

type part struct {
	Name   string
	Labels []string
}

type whole struct {
	ID       string
	IsUp     s1.Flag
	CPUCount s1.Int
	SeenAt   s1.Time
	Tags     s1.Texts
	Part     *part
	Parts    []part
	ByName   map[string]part
	Fraction float64
}

func fields() model.Properties[whole] {
	field := model.Field[whole]
	return model.Sorted([]model.Property[whole]{
		field("id", "."), field("isUp", "."), field("cpuCount", "."), field("seenAt", "."), field("tags", "."),
		field("part.name", "."), field("parts.name", ".").Named("namesInList"), field("parts.labels", ".").Named("labelsInList"),
		field("byName", "."), field("byName.name", ".").Named("nameInMap"), field("byName.labels", ".").Named("labelsInMap"),
	})
}

func TestAFieldIsTakenOverUnderItsNameWithTheKindOfItsType(t *testing.T) {
	assert.Equal(t, []graph.Property{
		{Name: "cpuCount", Value: graph.Int(0)},
		{Name: "id", Value: graph.String("7")},
		{Name: "isUp", Value: graph.Bool(false)},
		{Name: "name", Value: graph.String("inner")},
		{Name: "seenAt", Value: graph.Int(5)},
		{Name: "tags", Value: graph.Strings([]string{"a", "b"})},
	}, fields().Append(nil, &whole{
		ID: "7", IsUp: s1.False, CPUCount: s1.Int{Known: true}, SeenAt: 5, Tags: s1.Texts{"b", "a"}, Part: &part{Name: "inner"},
	}))
}

func TestOfAListAllElementsSpeakAndOfAMapTheFirstThatKnows(t *testing.T) {
	assert.Equal(t, []graph.Property{
		{Name: "byName", Value: graph.Strings([]string{"AWS", "GCP", "Zeta"})},
		{Name: "labelsInList", Value: graph.Strings([]string{"x", "y"})},
		{Name: "labelsInMap", Value: graph.Strings([]string{"m", "n"})},
		{Name: "nameInMap", Value: graph.String("second")},
		{Name: "namesInList", Value: graph.Strings([]string{"eth0", "wlan0"})},
	}, fields().Append(nil, &whole{
		Parts:  []part{{Name: "wlan0", Labels: []string{"y"}}, {}, {Name: "eth0", Labels: []string{"x", "y"}}},
		ByName: map[string]part{"Zeta": {Name: "third", Labels: []string{"n"}}, "GCP": {Name: "second"}, "AWS": {Labels: []string{"m"}}},
	}))
}

func TestARowThatSaysNothingHasNoProperties(t *testing.T) {
	assert.Empty(t, fields().Append(nil, &whole{}))
}

func TestAFieldThatRowsDoNotHaveIsAMistake(t *testing.T) {
	assert.PanicsWithValue(t, "model_test.whole has no field part.nam", func() { model.Field[whole]("part.nam", ".") })
	assert.PanicsWithValue(t, "fraction of model_test.whole is a float64, which no property holds",
		func() { model.Field[whole]("fraction", ".") })
}

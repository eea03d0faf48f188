package graph_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"s1graph/graph"
)

func TestANameIsLettersDigitsAndUnderscores(t *testing.T) {
	for _, good := range []string{"sentinelone_agent", "HAS", "HostAgent", "x", "_", "7", strings.Repeat("x", 100)} {
		assert.NoError(t, graph.CheckName(good), good)
	}
	for _, bad := range []string{
		"", " ", "x`) DETACH DELETE n //", `x\u0060) DETACH DELETE n //`, "../../etc", "..", "a/b", `a\b`, "a-b", "a.b", "a b", "x\x00",
		"x\n", "\nx", "Gerät", "ｘ", "x\u200b", "x\xff", "$x", "x'", `x"`, "x:y", strings.Repeat("x", 101), strings.Repeat("`", 10_000),
	} {
		err := graph.CheckName(bad)
		require.Error(t, err, "%q", bad)
		assert.Less(t, len(err.Error()), 600, "a long name does not fill the screen")
	}
}

func FuzzNoOtherSignIsInAName(f *testing.F) {
	f.Add("sentinelone_agent")
	f.Add(`x\u0060) DETACH DELETE n //`)
	f.Fuzz(func(t *testing.T, name string) {
		const signs = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_"
		fits := name != "" && len(name) <= 100 && strings.Trim(name, signs) == ""
		for _, r := range name {
			fits = fits && strings.ContainsRune(signs, r)
		}
		assert.Equal(t, fits, graph.CheckName(name) == nil, "%q", name)
	})
}

func TestATypeTellsAllOfItsNamesThatAreWrong(t *testing.T) {
	entity := graph.Type{Name: "sentinelone_agent", Class: "HostAgent", Step: "agents"}
	relationship := graph.Type{Name: "a_has_b", Class: "HAS", Step: "agents", Relationship: true, From: "a", To: "b"}
	require.NoError(t, graph.CheckTypes([]*graph.Type{&entity, &relationship}))
	for field, change := range map[string]func(*graph.Type, string){
		"name":  func(t *graph.Type, s string) { t.Name = s },
		"class": func(t *graph.Type, s string) { t.Class = s },
		"step":  func(t *graph.Type, s string) { t.Step = s },
		"from":  func(t *graph.Type, s string) { t.From = s },
		"to":    func(t *graph.Type, s string) { t.To = s },
	} {
		changed := relationship
		change(&changed, "x`y")
		assert.ErrorContains(t, changed.Check(), field+": \"x`y\"", field)
	}
	all := graph.Type{Relationship: true}
	assert.Len(t, strings.Split(all.Check().Error(), "\n"), 5)
	assert.ErrorContains(t, graph.CheckTypes([]*graph.Type{&entity, nil}), "type number 2 is not there")
}

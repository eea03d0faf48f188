package graph_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"s1graph/graph"
)

func TestWhatIsPickedIsWhatTheRecordHas(t *testing.T) {
	all := entity(agents, "1",
		is("a", graph.String("")), is("b", graph.String("plain")), is("c", graph.String("a \"quote\", a \\ and a\nline")), is("d", graph.String("Zürich \U0001F600")),
		is("e", graph.Bool(true)), is("f", graph.Bool(false)), is("g", graph.Int(0)), is("h", graph.Int(-7)), is("i", graph.Int(1<<62)),
		is("j", graph.Float(1.5)), is("k", graph.Float(7)), is("l", graph.Strings([]string{"x,y", "\"}"})), is("m", graph.Strings([]string{})), is("n", graph.Null()))
	wanted := map[string]bool{}
	for i := range all.Properties {
		wanted[all.Properties[i].Name] = i%2 == 0 || i > 3 // some are passed over
	}
	picked, err := graph.Pick(graph.Encode(&all), wanted)
	require.NoError(t, err)
	assert.Equal(t, all.Key, picked.Key)
	for _, p := range all.Properties {
		if wanted[p.Name] {
			assert.Equal(t, p.Value, picked.Get(p.Name), p.Name)
		} else {
			assert.True(t, picked.Get(p.Name).IsAbsent(), p.Name)
		}
	}
}

package sorter_test

import (
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"s1graph/graph"
	"s1graph/graph/sorter"
)

// What follows from a relationship's type and key is not sorted with it. It must be there again, whatever the key is.
func TestARelationshipComesBackAsItIsWritten(t *testing.T) {
	group, agent := strings.Repeat("group", 3), strings.Repeat("agent", 3)
	for name, r := range map[string]graph.Record{
		"as all are":                         {Key: graph.RelationshipKey(group, "HAS", agent), From: group, To: agent},
		"with properties":                    {Key: graph.RelationshipKey(group, "HAS", agent), From: group, To: agent, Properties: []graph.Property{is("size", graph.Int(7))}},
		"with properties before the others":  {Key: graph.RelationshipKey(group, "HAS", agent), From: group, To: agent, Properties: []graph.Property{is("A", graph.Int(1)), is("size", graph.Int(7))}},
		"with keys that are written escaped": {Key: graph.RelationshipKey(group+`"`, "HAS", agent+`\`), From: group + `"`, To: agent + `\`},
		"with a key of its own":              {Key: "some other key", From: group, To: agent},
		"with a key of other ends":           {Key: graph.RelationshipKey(agent, "HAS", group), From: group, To: agent},
		"with a key of another class":        {Key: graph.RelationshipKey(group, "OWNS", agent), From: group, To: agent},
		"with bars in its ends":              {Key: graph.RelationshipKey(group+"|x", "HAS", agent+"|y"), From: group + "|x", To: agent + "|y"},
	} {
		r.Type = hasAgent
		for _, memory := range []int{0, 1} {
			assert.Equal(t, []string{string(graph.Encode(&r).JSON)}, built(t, newSorter(t, memory), sorter.Row{Records: []graph.Record{r}}), name)
		}
	}
}

func TestOfRelationshipsWithOneKeyTheGreatestBytesCount(t *testing.T) {
	var rows []sorter.Row
	var want []string
	for i, properties := range [][]graph.Property{nil, {is("A", graph.Int(1))}, {is("A", graph.Int(1)), is("b", graph.Int(1))}, {is("b", graph.Int(1))}, {is("b", graph.Int(2))}} {
		r := between(hasAgent, "1", "2")
		r.Properties = properties
		want = append(want, string(graph.Encode(&r).JSON))
		rows = append(rows, sorter.Row{List: "agents", ID: strconv.Itoa(i), Records: []graph.Record{r}})
	}
	for a := range rows {
		for b := range rows {
			greatest := []string{max(want[a], want[b])}
			for _, memory := range []int{0, 1} {
				assert.Equal(t, greatest, built(t, newSorter(t, memory), rows[a], rows[b]))
			}
		}
	}
	slices.Reverse(rows)
	assert.Equal(t, []string{slices.Max(want)}, built(t, newSorter(t, 0), rows...))
}

// Keys are sorted by eight bytes at a time, and a key may end where another goes on: CVE-2018-10001 and CVE-2018-1000115.
func TestAKeyComesBeforeThoseThatBeginWithIt(t *testing.T) {
	for length := range 20 {
		short := strings.Repeat("1", length)
		var rows []sorter.Row
		for i, id := range []string{short, short + "11", "9", short + "1", short, short + "11"} {
			r := entity(groups, id)
			r.Rank = int64(-len(id))
			rows = append(rows, sorter.Row{List: "groups", ID: strconv.Itoa(i), Records: []graph.Record{r}})
		}
		for _, memory := range []int{0, 1} {
			assert.Len(t, built(t, newSorter(t, memory), rows...), 4, "%d bytes", length) // in ascending order
		}
	}
}

package graph_test

import (
	"math"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"s1graph/graph"
)

func TestARecordHasOneCanonicalForm(t *testing.T) {
	r := between(protects, "1", "2")
	r.Set("zeta", graph.Strings([]string{"b", "a"}))
	r.Set("Alpha", graph.String("<&>\u2028\"\\\n"))
	r.Set("gone", graph.Value{})
	r.Set("whole", graph.Float(1))
	assert.Equal(t, `{"Alpha":"<&>`+"\u2028"+`\"\\\n","_class":"PROTECTS","_fromEntityKey":"sentinelone_agent:1","_key":"sentinelone_agent:1|protects|sentinelone_device:2","_toEntityKey":"sentinelone_device:2","_type":"sentinelone_agent_protects_device","whole":1.0,"zeta":["b","a"]}`,
		string(graph.Encode(&r).JSON))
	e := entity(groups, "1")
	assert.Equal(t, `{"_class":["Group"],"_key":"sentinelone_group:1","_type":"sentinelone_group"}`, string(graph.Encode(&e).JSON))
}

func TestVolatilePropertiesAreInFullAndNotInStable(t *testing.T) {
	a := entity(agents, "1", is("lastSeenOn", graph.Int(1)), is("osName", graph.String("Linux")))
	b := entity(agents, "1", is("lastSeenOn", graph.Int(2)), is("osName", graph.String("Linux")))
	c := entity(agents, "1", is("osName", graph.String("Linux")))
	d := entity(agents, "1", is("lastSeenOn", graph.Int(1)), is("osName", graph.String("Windows")))
	assert.Equal(t, graph.Encode(&a).Stable, graph.Encode(&b).Stable)
	assert.Equal(t, graph.Encode(&a).Stable, graph.Encode(&c).Stable)
	assert.NotEqual(t, graph.Encode(&a).Stable, graph.Encode(&d).Stable)
	assert.NotEqual(t, graph.Encode(&a).Full, graph.Encode(&b).Full)
	assert.NotEqual(t, graph.Encode(&a).Full, graph.Encode(&c).Full)
	assert.Equal(t, graph.DigestOf(graph.Encode(&a).JSON), graph.Encode(&a).Full)
}

func TestDecodeSaysWhatIsWrong(t *testing.T) {
	types := map[string]*graph.Type{groups.Name: groups}
	for json, fault := range map[string]string{
		``:                               "a record must be a JSON object",
		`[]`:                             "a record must be a JSON object",
		`{}`:                             "must have a _type and a _key",
		`{"_key":"sentinelone_group:1"}`: "must have a _type and a _key",
		`{"_type":"sentinelone_group"}`:  "must have a _type and a _key",
		`{"_type":"sentinelone_unknown","_key":"sentinelone_unknown:1"}`:                      `the type "sentinelone_unknown" is not in the data model`,
		`{"_type":"sentinelone_group","_key":"sentinelone_group:1","a":{}}`:                   "property a: a value may be",
		`{"_type":"sentinelone_group","_key":"sentinelone_group:1","a":[1]}`:                  "property a: a list may hold strings only",
		`{"_type":"sentinelone_group","_key":"sentinelone_group:1","a":1,"a":2}`:              "duplicate",
		`{"_type":"sentinelone_group","_key":"sentinelone_group:1","a":99999999999999999999}`: "property a: ",
		`{"_type":"sentinelone_group","_key":"sentinelone_group:1"} {}`:                       "after the end of the record",
		`{"_type":"sentinelone_group","_key":"sentinelone_group:1"`:                           "EOF",
		`{"_type":"sentinelone_group","_key":"sentinelone_group:1","a":"` + "\xff\"}":         "UTF-8",
		`{"_type":"sentinelone_group","_key":1}`:                                              "_key",
	} {
		_, err := graph.Decode([]byte(json), types)
		assert.ErrorContains(t, err, fault, json)
	}
}

func FuzzWhatIsEncodedIsDecoded(f *testing.F) {
	f.Add("name", "Контроллер \x00\u2028", int64(math.MinInt64), math.MaxFloat64, true, "a\nb\n")
	f.Add("BIOS", "\xff\xfe", int64(1<<53+1), 5e-324, false, "")
	f.Add("tag.A b", `"\`, int64(-1), 1.0, false, "\n")
	f.Fuzz(func(t *testing.T, name, text string, whole int64, number float64, flag bool, list string) {
		if name == "" || name[0] == '_' || !utf8.ValidString(name) {
			return // no name of a property
		}
		r := entity(agents, "1", is(name, graph.String(text)), is("lastSeenOn", graph.Int(whole)), is("number", graph.Float(number)),
			is("flag", graph.Bool(flag)), is("list", graph.Strings(strings.Split(list, "\n"))), is("none", graph.Strings([]string{})))
		e := graph.Encode(&r)
		require.NotContains(t, string(e.JSON), "\n")
		got, err := graph.Decode(e.JSON, map[string]*graph.Type{agents.Name: agents})
		require.NoError(t, err)
		require.Equal(t, e, graph.Encode(&got))
		if !utf8.ValidString(text) || !utf8.ValidString(list) {
			return
		}
		for _, p := range r.Properties {
			require.True(t, p.Value.Equal(got.Get(p.Name)), p.Name)
		}
		require.Equal(t, r.Key, got.Key)
	})
}

func FuzzDecodeReadsAnythingOrSaysWhyNot(f *testing.F) {
	f.Add([]byte(`{"_class":["HostAgent"],"_key":"sentinelone_agent:1","_type":"sentinelone_agent","a":[""],"b":1e3,"c":-0.5}`))
	f.Add([]byte(`{"_type":"sentinelone_agent","b":"\ud800","_key":"sentinelone_agent:1"}`))
	types := map[string]*graph.Type{agents.Name: agents, hasAgent.Name: hasAgent}
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := graph.Decode(b, types)
		if err != nil {
			return
		}
		e := graph.Encode(&r)
		again, err := graph.Decode(e.JSON, types)
		require.NoError(t, err)
		require.Equal(t, e, graph.Encode(&again))
	})
}

func TestAKeyIsPrintableASCIIOfSomeLength(t *testing.T) {
	assert.NoError(t, graph.CheckKey("0123456789"))
	assert.NoError(t, graph.CheckKey(strings.Repeat("k", graph.MaxKeyBytes)))
	for _, key := range []string{"", "012345678", strings.Repeat("k", graph.MaxKeyBytes+1), "0123456789\n", "0123456789ü", "0123456789\x7f"} {
		assert.Error(t, graph.CheckKey(key), key)
	}
}

func TestEachByteIsLookedAtWhereverItStands(t *testing.T) {
	typ := &graph.Type{Name: "sentinelone_test", Class: "Test"}
	for c := range 256 {
		for at := range 20 {
			text := strings.Repeat("k", at) + string([]byte{byte(c)}) + strings.Repeat("k", 20-at)
			assert.Equal(t, c >= ' ' && c <= '~', graph.CheckKey(text) == nil, "%q", text)
			want, _ := jsontext.AppendQuote(nil, text)
			e := graph.Encode(&graph.Record{Type: typ, Key: "sentinelone_test:1", Properties: []graph.Property{{Name: "name", Value: graph.String(text)}}})
			assert.Contains(t, string(e.JSON), `"name":`+string(want)+"}")
		}
	}
}

func TestTheEndsOfARelationshipCanBeReadFromItsKey(t *testing.T) {
	r := between(hasAgent, "1", "2")
	from, to, ok := graph.RelationshipEnds(r.Key)
	assert.True(t, ok)
	assert.Equal(t, []string{r.From, r.To}, []string{from, to})
	for _, key := range []string{"", "sentinelone_group:1", "sentinelone_group:1|has"} {
		_, _, ok := graph.RelationshipEnds(key)
		assert.False(t, ok, key)
	}
}

func TestTheStableDigestIsThatOfTheRecordWithoutItsVolatileProperties(t *testing.T) {
	names := []string{"1", "A", "B", "a", "b", "tag.KEY \"quoted\""}
	value := func(name string) graph.Property { return graph.Property{Name: name, Value: graph.String(name)} }
	for which := range 1 << len(names) { // every choice of them
		typ := &graph.Type{Name: "sentinelone_test", Class: "Test"}
		all, stable := graph.Record{Type: typ, Key: "sentinelone_test:1"}, graph.Record{Type: &graph.Type{Name: typ.Name, Class: typ.Class}, Key: "sentinelone_test:1"}
		for i, name := range names {
			all.Properties = append(all.Properties, value(name))
			if which&(1<<i) != 0 {
				typ.Volatile = append(typ.Volatile, name)
			} else {
				stable.Properties = append(stable.Properties, value(name))
			}
		}
		e := graph.Encode(&all)
		assert.Equal(t, graph.Encode(&stable).Full, e.Stable, typ.Volatile)
		assert.Equal(t, graph.DigestOf(e.JSON), e.Full, typ.Volatile)
	}
}

package neo4jstore_test

import (
	"errors"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"s1graph/graph"
	"s1graph/graph/neo4jstore"
)

// FuzzMarker reads markers that others wrote: none is believed whose types could be more than names in a statement.
func FuzzMarker(f *testing.F) {
	f.Add("000001-a", "", int64(2), "acme.example", `[{"name":"sentinelone_agent","class":"HostAgent","step":"agents","properties":["uuid"]}]`)
	f.Add("", "000002-b", int64(1), "", `[]`)
	f.Add("x", "y", int64(1<<40), "", ``)
	for _, name := range hostile {
		f.Add("000001-a", "", int64(2), name, `[{"name":"`+name+`","class":"`+name+`","step":"`+name+`"}]`)
	}
	f.Fuzz(func(t *testing.T, run, underWay string, format int64, host, types string) {
		m, err := neo4jstore.DecodeMarker("acme", map[string]any{"run": run, "underWay": underWay, "format": format, "host": host, "types": types})
		if err != nil {
			_, isNewer := errors.AsType[*neo4jstore.FormatError](err)
			_, isForeign := errors.AsType[*neo4jstore.MarkerError](err)
			assert.True(t, isNewer || isForeign, "%v", err)
			assert.NotEmpty(t, err.Error())
			return
		}
		assert.True(t, m.Exists)
		assert.Equal(t, run, m.Run)
		var all []graph.Type
		require.NoError(t, json.Unmarshal([]byte(types), &all))
		for _, typ := range all {
			for _, name := range []string{typ.Name, typ.Class} {
				assert.Regexp(t, `^[A-Za-z0-9_]{1,100}$`, name)
			}
		}
	})
}

package entities_test

import (
	"crypto/sha256"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"s1graph/graph"
	"s1graph/steps"
)

var update = flag.Bool("update", false, "write testdata/mapping.txt anew, where revisions allow it")

const mappingFile = "testdata/mapping.txt"

// mapping is what a line of the file says of a type: that its schema makes these records.
type mapping struct{ typeName, revision, schema, digest string }

func (m mapping) String() string {
	return strings.Join([]string{m.typeName, m.revision, m.schema, m.digest}, " ")
}

// TestAnotherMappingHasAnotherRevision keeps users from a flood of changes when a new version maps a
// property differently: the schema, which the revision is part of, tells such a type to be a baseline.
func TestAnotherMappingHasAnotherRevision(t *testing.T) {
	want := map[string]mapping{}
	file, err := os.ReadFile(mappingFile)
	if !*update {
		require.NoError(t, err)
	}
	for line := range strings.Lines(string(file)) {
		if fields := strings.Fields(line); len(fields) == 4 {
			want[fields[0]] = mapping{fields[0], fields[1], fields[2], fields[3]}
		}
	}
	records := fixedRecords()
	var lines strings.Builder
	for _, d := range steps.Entities() {
		hash := sha256.New()
		for _, r := range records[d.Type.Name] {
			e := graph.Encode(&r)
			fmt.Fprintf(hash, "%s\n%x\n", e.JSON, e.Stable)
		}
		got := mapping{d.Type.Name, fmt.Sprint(d.Revision), d.Type.Schema, fmt.Sprintf("%x", hash.Sum(nil)[:8])}
		fmt.Fprintln(&lines, got)
		if before, known := want[d.Type.Name]; known && before.digest != got.digest {
			assert.NotEqual(t, before.schema, got.schema,
				"%[1]s is mapped differently under the same schema: raise its Revision (in entities/%[2]s.go), then run go test ./entities -run Revision -update",
				d.Type.Name, strings.TrimPrefix(d.Type.Name, "sentinelone_"))
		}
		if !*update {
			assert.Equal(t, want[d.Type.Name], got, "run go test ./entities -run Revision -update")
		}
	}
	if !*update {
		assert.Equal(t, string(file), lines.String(), "a type has gone, or another name: folders of before have it")
	}
	if *update && !t.Failed() {
		require.NoError(t, os.WriteFile(mappingFile, []byte(lines.String()), 0o644))
	}
}

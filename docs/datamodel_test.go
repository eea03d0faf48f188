package docs_test

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"s1graph/docs"
	"s1graph/entities"
	"s1graph/steps"
)

func TestTheDocumentIsWhatTheCodeSays(t *testing.T) {
	var want bytes.Buffer
	require.NoError(t, docs.WriteDataModel(&want))
	got, err := os.ReadFile("data-model.md")
	require.NoError(t, err)
	assert.True(t, bytes.Equal(want.Bytes(), got), "docs/data-model.md is stale: run `s1graph document`")
}

func TestTheDocumentNamesEveryTypeAndProperty(t *testing.T) {
	var b bytes.Buffer
	require.NoError(t, docs.WriteDataModel(&b))
	text := b.String()
	for _, e := range steps.Entities() {
		assert.Contains(t, text, "\n### "+e.Type.Name+"\n")
		for _, p := range e.Properties {
			assert.Contains(t, text, "| `"+p.Name+"` | "+p.Kind.String()+" | "+p.Doc)
			assert.Contains(t, text, p.Volatile)
		}
	}
	for _, r := range steps.Relationships() {
		assert.Contains(t, text, "\n### "+r.Type.Name+"\n")
	}
	for _, table := range entities.Tables() {
		assert.Contains(t, text, "\n### "+table.Title+"\n")
	}
}

func TestEveryRowOfATableHasAsManyCellsAsItsHeader(t *testing.T) {
	var b bytes.Buffer
	require.NoError(t, docs.WriteDataModel(&b))
	bars := 0
	for line := range strings.Lines(b.String()) {
		if !strings.HasPrefix(line, "|") {
			bars = 0
			continue
		}
		n := strings.Count(strings.ReplaceAll(line, `\|`, ""), "|")
		if bars == 0 {
			bars = n
		}
		assert.Equal(t, bars, n, line)
	}
}

func ExampleWriteDataModel() {
	var b bytes.Buffer
	if err := docs.WriteDataModel(&b); err != nil {
		fmt.Println(err)
	}
	lines := strings.Split(b.String(), "\n")
	fmt.Println(lines[2])
	// Output:
	// # Data model
}

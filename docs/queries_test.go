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
	"s1graph/queries"
)

func TestTheQuestionsAreDocumentedAsTheyAre(t *testing.T) {
	var want bytes.Buffer
	require.NoError(t, docs.WriteQueries(&want))
	got, err := os.ReadFile("queries.md")
	require.NoError(t, err)
	assert.True(t, bytes.Equal(want.Bytes(), got), "docs/queries.md is stale: run `s1graph document`")
}

func TestEveryQuestionIsDocumentedWithItsParametersAndColumns(t *testing.T) {
	var b bytes.Buffer
	require.NoError(t, docs.WriteQueries(&b))
	text := b.String()
	for _, q := range queries.All() {
		_, section, found := strings.Cut(text, "\n## "+q.Name+"\n")
		require.True(t, found, q.Name)
		section, _, _ = strings.Cut(section, "\n## ")
		assert.Contains(t, section, q.Title)
		assert.Contains(t, section, "\n```cypher\n"+q.Cypher+"\n```\n")
		for _, p := range q.Parameters {
			assert.Contains(t, section, "| `"+p.Name+"` | "+string(p.Type)+" | ")
			assert.Contains(t, section, p.Doc)
		}
		for _, c := range q.Columns {
			assert.Contains(t, section, "| `"+c.Name+"` | "+c.Doc+" |\n")
		}
	}
}

func ExampleWriteQueries() {
	var b bytes.Buffer
	if err := docs.WriteQueries(&b); err != nil {
		fmt.Println(err)
	}
	lines := strings.Split(b.String(), "\n")
	fmt.Println(lines[2])
	// Output:
	// # Saved queries
}

package cli_test

import (
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestDocumentWritesTheDataModel(t *testing.T) {
	t.Chdir(t.TempDir())
	got := s1graph(t, "document")
	assert.Equal(t, outcome{0, "docs/data-model.md is written.\n", ""}, got)
	written, err := os.ReadFile("docs/data-model.md")
	require.NoError(t, err)
	assert.Contains(t, string(written), "### sentinelone_agent\n")

	assert.Equal(t, outcome{0, string(written), ""}, s1graph(t, "document", "--output", "-"))
	require.Zero(t, s1graph(t, "document", "--output", "elsewhere/model.md").code)
	assert.FileExists(t, "elsewhere/model.md")
}

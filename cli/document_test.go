package cli_test

import (
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestDocumentWritesTheDataModelTheQuestionsAndTheAlerts(t *testing.T) {
	t.Chdir(t.TempDir())
	got := s1graph(t, "document")
	assert.Equal(t, outcome{0, "docs/alerts.md is written.\ndocs/data-model.md is written.\ndocs/queries.md is written.\n", ""}, got)
	model, err := os.ReadFile("docs/data-model.md")
	require.NoError(t, err)
	assert.Contains(t, string(model), "### sentinelone_agent\n")
	questions, err := os.ReadFile("docs/queries.md")
	require.NoError(t, err)
	assert.Contains(t, string(questions), "## silent-agents\n")

	rules, err := os.ReadFile("docs/alerts.md")
	require.NoError(t, err)
	assert.Contains(t, string(rules), "### agent gone\n")

	assert.Equal(t, outcome{0, string(rules) + string(model) + string(questions), ""}, s1graph(t, "document", "--output", "-"))
	require.Zero(t, s1graph(t, "document", "--output", "else/where").code)
	assert.FileExists(t, "else/where/queries.md")
}

package deploy_test

import (
	"path/filepath"
	"regexp"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestActionsArePinnedByDigest holds workflows to naming the commit of each action: a tag can be moved to other code.
func TestActionsArePinnedByDigest(t *testing.T) {
	workflows, err := filepath.Glob("../.github/workflows/*.yml")
	require.NoError(t, err)
	require.NotEmpty(t, workflows)
	for _, workflow := range workflows {
		text := content(t, workflow)
		uses := regexp.MustCompile(`(?m)^[\s-]*uses:.*$`).FindAllString(text, -1)
		assert.NotEmpty(t, uses, workflow)
		for _, line := range uses {
			assert.Regexp(t, `uses: [a-z-]+/[a-z/-]+@[0-9a-f]{40} # v[0-9.]+$`, line, workflow)
		}
		var of struct {
			Permissions map[string]string
		}
		require.NoError(t, yaml.Unmarshal([]byte(text), &of), workflow)
		require.NotNil(t, of.Permissions, "%s says what it may", workflow)
		for name, may := range of.Permissions {
			assert.Equal(t, "read", may, "%s: %s: what may write is a job", workflow, name)
		}
	}
	assert.Contains(t, content(t, "../.github/workflows/ci.yml"), "bash .ci/run")
}

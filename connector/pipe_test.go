//go:build unix

package connector_test

import (
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"s1graph/connector"
)

func TestASummaryThatIsAPipeIsAnErrorAndNotWaitedFor(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	require.NoError(t, syscall.Mkfifo(filepath.Join(dir, "summary.json"), 0o600))
	_, err := connector.ReadSummary(dir) // which must end
	require.ErrorContains(t, err, "it is not a plain file")
}

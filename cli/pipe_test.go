//go:build unix

package cli_test

import (
	"fmt"
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// What breaks elsewhere is no reader of stdout that has seen enough. Here it is a document that is written
// into a pipe; a connection to the console breaks with the same error.
func TestAPipeThatBreaksElsewhereIsAFault(t *testing.T) {
	t.Chdir(t.TempDir())
	reader, writer, err := os.Pipe()
	require.NoError(t, err)
	defer writer.Close()
	require.NoError(t, reader.Close())
	require.NoError(t, os.Mkdir("docs", 0o700))
	require.NoError(t, os.Symlink(fmt.Sprintf("/dev/fd/%d", writer.Fd()), "docs/alerts.md"))
	assert.Equal(t, outcome{1, "", "s1graph: write docs/alerts.md: broken pipe; give another folder with --output\n"}, s1graph(t, "document"))
}

package connector_test

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"s1graph/alerts/outbox/disktest"
	"s1graph/graph/jsonstore"
)

// Some file systems of networks and containers have no hard links.
func TestWithoutHardLinksEverythingWorks(t *testing.T) {
	disktest.Run(t, func(t *testing.T) {
		for _, fault := range []syscall.Errno{syscall.EPERM, syscall.EOPNOTSUPP, syscall.EMLINK, syscall.EXDEV, syscall.ENOSYS} {
			disktest.RefuseLinks(t, fault)
			require.ErrorIs(t, os.Link(os.Args[0], filepath.Join(t.TempDir(), "link")), fault)
			c := newConsole(t, small())
			w := c.tell(newAgent)
			c.mustSync(w.of)
			c.SetDay(1)
			second := c.mustSync(w.of)
			_, keys := w.events()
			assert.Equal(t, newAgents(c.Plan(1)), keys, "%v: somebody is told", fault)
			log, err := jsonstore.ChangeLog(c.dir)
			require.NoError(t, err)
			require.NotEmpty(t, log)
			changes := 0
			for _, err := range log[len(log)-1].Changes(t.Context()) {
				require.NoError(t, err)
				changes++
			}
			assert.Equal(t, second.Run, log[len(log)-1].ID)
			assert.Len(t, second.changes, changes)
		}
	})
}

//go:build unix

package outbox_test

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"s1graph/alerts/outbox"
)

func TestALinkOrAPipeInThePlaceOfTheFileIsRefusedAndNotWaitedFor(t *testing.T) {
	nothing := func(*outbox.Tx) error { return nil }
	for name, put := range map[string]func(path, elsewhere string) error{
		"link": func(path, elsewhere string) error { return os.Symlink(elsewhere, path) },
		"pipe": func(path, _ string) error { return syscall.Mkfifo(path, 0o600) },
	} {
		t.Run(name, func(t *testing.T) {
			elsewhere := filepath.Join(t.TempDir(), "elsewhere")
			for _, file := range []string{"alerts.db", "alerts.db.lock"} {
				dir := t.TempDir()
				require.NoError(t, put(filepath.Join(dir, file), elsewhere))
				box := outbox.In(dir)
				var errs []error
				if file == "alerts.db" {
					errs = append(errs, box.View(t.Context(), nothing), box.Update(t.Context(), nothing))
				} else {
					_, err := box.TakeDelivery()
					errs = append(errs, err)
				}
				for _, err := range errs {
					assert.ErrorContains(t, err, filepath.Join(dir, file)+" is not a plain file: move it away")
				}
			}
			assert.NoFileExists(t, elsewhere)
		})
	}
}

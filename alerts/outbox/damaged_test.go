package outbox_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"s1graph/alerts/outbox"
)

func TestADamagedFileIsMovedAsideAndKeptAndANewOneTakesItsPlace(t *testing.T) {
	random := make([]byte, 1<<20)
	for i := range random {
		random[i] = byte(i * i >> 3)
	}
	for name, damage := range map[string]func(f *os.File, size int64) error{
		"written over":        func(f *os.File, size int64) error { _, err := f.WriteAt(random[:size], 0); return err },
		"cut off at a page":   func(f *os.File, _ int64) error { return f.Truncate(2 * int64(os.Getpagesize())) },
		"cut off in a page":   func(f *os.File, _ int64) error { return f.Truncate(int64(os.Getpagesize()) + 9) },
		"cut off":             func(f *os.File, size int64) error { return f.Truncate(size/2 + 17) },
		"zeros in the middle": func(f *os.File, size int64) error { _, err := f.WriteAt(make([]byte, size/2), size/4); return err },
		"words in the middle": func(f *os.File, size int64) error {
			_, err := f.WriteAt(random[:size-2*int64(os.Getpagesize())], 2*int64(os.Getpagesize()))
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			box := newBox(t)
			for i := range 300 { // so that there are pages of many kinds
				update(t, box, func(tx *outbox.Tx) {
					require.NoError(t, tx.Enqueue(message("soc", fmt.Sprint(i), strings.Repeat("k", 100))))
				})
			}
			f, err := os.OpenFile(box.Path(), os.O_RDWR, 0)
			require.NoError(t, err)
			info, err := f.Stat()
			require.NoError(t, err)
			require.NoError(t, damage(f, info.Size()))
			require.NoError(t, f.Close())
			damaged, err := os.ReadFile(box.Path())
			require.NoError(t, err)

			all := func(tx *outbox.Tx) error { _, err := tx.Queued(""); return err }
			err = box.View(t.Context(), all)
			require.ErrorIs(t, err, outbox.ErrDamaged)
			aside := asides(t, box)
			require.Len(t, aside, 1)
			assert.ErrorContains(t, err, "it is kept as "+aside[0])
			kept, err := os.ReadFile(aside[0])
			require.NoError(t, err)
			assert.True(t, bytes.Equal(damaged, kept))

			for _, box := range []*outbox.Outbox{box, outbox.At(box.Path())} { // also of another process
				update(t, box, func(tx *outbox.Tx) {
					assert.Equal(t, []string{filepath.Base(aside[0])}, tx.Asides(), "who evaluates the next run is told")
					require.NoError(t, tx.Enqueue(message("soc", "1", "a")))
				})
				view(t, box, func(tx *outbox.Tx) { assert.Equal(t, []string{"1"}, ids(tx.Queued(""))) })
			}
			update(t, box, func(tx *outbox.Tx) { require.NoError(t, tx.AsidesTold(tx.Asides())) })
			view(t, box, func(tx *outbox.Tx) { assert.Empty(t, tx.Asides()) })
		})
	}
}

func asides(t *testing.T, box *outbox.Outbox) []string {
	t.Helper()
	aside, err := filepath.Glob(box.Path() + ".damaged-*")
	require.NoError(t, err)
	return aside
}

func TestTheNewestDamagedFilesAreKeptAndNotAllOfThem(t *testing.T) {
	box := newBox(t)
	for n := range 5 {
		require.NoError(t, os.MkdirAll(filepath.Dir(box.Path()), 0o700))
		require.NoError(t, os.WriteFile(box.Path(), bytes.Repeat([]byte{byte(n)}, 1<<15), 0o600))
		require.NoError(t, os.Chtimes(box.Path(), noon, noon.Add(time.Duration(n)*time.Hour)))
		require.ErrorIs(t, box.View(t.Context(), func(*outbox.Tx) error { return nil }), outbox.ErrDamaged)
	}
	var kept []byte
	for _, path := range asides(t, box) {
		b, err := os.ReadFile(path)
		require.NoError(t, err)
		kept = append(kept, b[0])
	}
	assert.Equal(t, []byte{2, 3, 4}, kept)
}

package jsonstore_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"s1graph/graph/jsonstore"
)

// FuzzRun reads a run whose run.json somebody wrote: whatever it says, it is damage or leads to nothing but the run's own files.
func FuzzRun(f *testing.F) {
	store := open(f, filepath.Join(f.TempDir(), "acme"))
	run, err := commit(f.Context(), store, numbered(3))
	require.NoError(f, err)
	file := filepath.Join(run.Dir(), "run.json")
	written, err := os.ReadFile(file)
	require.NoError(f, err)
	f.Add(written)
	for _, content := range []string{"", "null", "[]", `{"format":99}`, `{"format":-1}`, `{"id":"../x"}`, `{"types":[null]}`, `{"types":[{"name":"../../x","step":"y","class":"z"}]}`} {
		f.Add([]byte(content))
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		require.NoError(t, os.WriteFile(file, content, 0o600))
		run, err := jsonstore.OpenRun(filepath.Dir(file))
		if err != nil {
			_, isDamaged := errors.AsType[*jsonstore.DamagedError](err)
			_, isNewer := errors.AsType[*jsonstore.NewerError](err)
			assert.True(t, isDamaged || isNewer, "%v", err)
			return
		}
		run.CheckSizes()
		run.Verify(t.Context())
		for _, typ := range run.Types() {
			assert.Regexp(t, `^[A-Za-z0-9_]{1,100}$`, typ.Name)
			var keys []string
			for digest, err := range run.Digests(t.Context(), typ.Name) {
				if err != nil {
					break
				}
				keys = append(keys, strings.Clone(digest.Key))
			}
			for range run.Fetch(t.Context(), typ.Name, keys) {
			}
		}
		for _, err := range run.Changes(t.Context()) {
			if err != nil {
				break
			}
		}
	})
}

package jsonstore_test

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"s1graph/graph/jsonstore"
)

// identityOf is what a process finds that opens the directory, and then ends.
func identityOf(t *testing.T, dir string) jsonstore.Identity {
	t.Helper()
	s, err := jsonstore.Open(dir, jsonstore.Options{})
	require.NoError(t, err)
	require.NoError(t, s.Close())
	return s.Identity()
}

func TestADirectoryHasOneIdentityForEver(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new")
	first := identityOf(t, dir)
	assert.Regexp(t, `^[0-9a-f]{32}$`, first.ID)
	assert.Len(t, first.Key, 32)
	assert.Equal(t, 2, first.Format)
	assert.Equal(t, first, identityOf(t, dir))
	assert.NotEqual(t, first.ID, identityOf(t, t.TempDir()).ID)
	assert.NotEqual(t, first.Key, identityOf(t, t.TempDir()).Key)

	info, err := os.Stat(filepath.Join(dir, "identity.json"))
	require.NoError(t, err)
	assert.Equal(t, os.FileMode(0o600), info.Mode())
}

func TestAnOlderDirectoryIsGivenAnIdentity(t *testing.T) {
	dir, ids := threeRuns(t)
	remove(t, filepath.Join(dir, "identity.json"))
	given := identityOf(t, dir)
	assert.Regexp(t, `^[0-9a-f]{32}$`, given.ID)
	assert.Equal(t, given, identityOf(t, dir))
	last, recovered := reopened(t, dir)
	assert.Equal(t, ids[2], last.Manifest().ID)
	assert.Empty(t, recovered)
}

func TestAnIdentityThatCannotBeReadIsRefusedAndKept(t *testing.T) {
	key := base64.StdEncoding.EncodeToString(make([]byte, 32))
	for name, test := range map[string]struct{ content, want string }{
		"empty":          {"", "identity.json"},
		"cut":            {`{"id":"00`, "identity.json"},
		"without a key":  {`{"id":"00112233445566778899aabbccddeeff","format":2}`, "it is not the identity"},
		"without an ID":  {`{"key":"` + key + `","format":2}`, "it is not the identity"},
		"of the future":  {`{"id":"00112233445566778899aabbccddeeff","key":"` + key + `","format":3}`, "format 3.* newer s1graph"},
		"another's file": {`{"name":"somebody"}`, "it is not the identity"},
	} {
		t.Run(name, func(t *testing.T) {
			dir, _ := threeRuns(t)
			path := filepath.Join(dir, "identity.json")
			rewrite(func([]byte) []byte { return []byte(test.content) })(t, path)
			_, err := jsonstore.Open(dir, jsonstore.Options{})
			require.Error(t, err)
			assert.Regexp(t, test.want, err.Error())
			content, err := os.ReadFile(path)
			require.NoError(t, err)
			assert.Equal(t, test.content, string(content))
		})
	}
}

func TestAPrintedIdentityTellsNoKey(t *testing.T) {
	i := identityOf(t, t.TempDir())
	assert.Equal(t, i.ID, fmt.Sprint(i))
	assert.Equal(t, i.ID, fmt.Sprintf("%+v", i))
}

func TestARunOfANewerVersionIsRefusedAndNothingTakesItsPlace(t *testing.T) {
	dir, ids := threeRuns(t)
	newest := manifestPath(dir, ids[2])
	rewrite(func([]byte) []byte { return []byte(`{"format":3,"id":["not as we know it"]}`) })(t, newest)
	for _, links := range []string{"with the link", "without the link"} {
		for range 2 {
			_, err := jsonstore.Open(dir, jsonstore.Options{})
			var newer *jsonstore.NewerError
			require.ErrorAs(t, err, &newer, links)
			assert.Equal(t, newest+" is of format 3, and this s1graph knows the formats up to 2: use a newer s1graph", err.Error())
			requireNames(t, filepath.Join(dir, "runs"), ids...)
		}
		require.NoError(t, os.RemoveAll(filepath.Join(dir, "current")))
	}
}

func TestARunSaysWhichFormatItHas(t *testing.T) {
	dir, ids := threeRuns(t)
	last, _ := reopened(t, dir)
	assert.Equal(t, 2, last.Manifest().Format)

	rewrite(func(b []byte) []byte { return bytes.Replace(b, []byte(`"format": 2,`), nil, 1) })(t, manifestPath(dir, ids[2]))
	last, recovered := reopened(t, dir)
	assert.Empty(t, recovered)
	assert.Equal(t, 1, last.Manifest().Format, "what was written before there was a format")
}

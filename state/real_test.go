package state_test

import (
	"cmp"
	"context"
	"fmt"
	"net/url"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"s1graph/gotest"
	"s1graph/state"
)

// realS3 is the address of a bucket of a real server, under a prefix of the test's own; the credentials are where AWS' tools have them.
// What is left there, if the test fails, is below s1graph-test.
func realS3(t *testing.T) string {
	t.Helper()
	const variable = "TEST_S3"
	address := os.Getenv(variable)
	if address == "" {
		gotest.Unasked(t, fmt.Errorf("no real S3 was asked: set %s to an address such as s3://BUCKET?endpoint=http://127.0.0.1:7070&region=us-east-1", variable))
	}
	u, err := url.Parse(address)
	require.NoError(t, err)
	u.Path = fmt.Sprintf("%s/s1graph-test/%s-%d", strings.TrimSuffix(u.Path, "/"), strings.ToLower(t.Name()), os.Getpid())
	t.Cleanup(func() {
		ctx := context.WithoutCancel(t.Context())
		b, err := state.Open(ctx, u.String())
		require.NoError(t, err)
		names, err := b.List(ctx, "")
		assert.NoError(t, err)
		for _, name := range names {
			assert.NoError(t, b.Delete(ctx, name))
		}
	})
	return u.String()
}

func TestAnInstanceMovesThroughARealS3(t *testing.T) {
	b := mustOpen(t, realS3(t))
	one, two := newWorker(t, b, "w1"), newWorker(t, b, "w2")
	mustRun(t, one, "a")
	mustRun(t, two, "a", "b")
	_, err := one.run(t.Context(), "x")
	require.ErrorIs(t, err, state.ErrFenced)
	for n := range 25 { // so that records and objects are swept
		mustRun(t, two, "a", "b", fmt.Sprint(n))
	}
	names, err := b.List(t.Context(), "acme/log/")
	require.NoError(t, err)
	assert.LessOrEqual(t, len(names), 21)
	dir := t.TempDir()
	require.NoError(t, state.Fetch(t.Context(), b, "acme", dir))
	assert.ElementsMatch(t, []string{"a", "b", "24"}, graphOf(t, dir))

	for n := range 1100 { // more than one page
		require.NoError(t, b.Put(t.Context(), fmt.Sprintf("many/%04d", n), strings.NewReader(cmp.Or(strings.Repeat("x", n%3), "y"))))
	}
	names, err = b.List(t.Context(), "many/")
	require.NoError(t, err)
	assert.Len(t, names, 1100)
	assert.IsIncreasing(t, names)
	assert.Empty(t, state.Warnings(t.Context(), b))
}

package jsonstore_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"s1graph/graph/jsonstore"
)

var errPublished = errors.New("somebody else has published a run")

func TestARunThatCannotBePublishedIsNotCommitted(t *testing.T) {
	s := open(t, t.TempDir())
	first, err := commit(t.Context(), s, numbered(3))
	require.NoError(t, err)
	d, err := s.Begin(time.Now())
	require.NoError(t, err)
	err = d.Commit(jsonstore.CommitInfo{Summary: []byte("{}"), Publish: func(run *jsonstore.Run) error {
		assert.FileExists(t, filepath.Join(run.Dir(), "run.json"), "all of it is there")
		last, err := jsonstore.OpenLast(s.Dir())
		require.NoError(t, err)
		assert.Equal(t, first.Manifest().ID, last.Manifest().ID, "and nothing leads to it")
		return errPublished
	}})
	require.ErrorIs(t, err, errPublished)
	require.NoError(t, d.Abort())
	assert.Equal(t, first.Manifest().ID, s.Last().Manifest().ID)
	requireNames(t, filepath.Join(s.Dir(), "runs"), first.Manifest().ID)
}

func TestADirectoryIsPreparedUnderItsLockAndBeforeItIsTidiedUp(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	require.NoError(t, s.Close())
	draft := filepath.Join(dir, "runs", "000001-20261129T120000Z-0000")
	require.NoError(t, os.MkdirAll(draft, 0o700))
	_, err := jsonstore.Open(dir, jsonstore.Options{Instance: "acme", Prepare: func() error {
		assert.DirExists(t, draft)
		var locked *jsonstore.LockedError
		require.ErrorAs(t, jsonstore.Hold(dir, time.Now(), func() error { return nil }), &locked)
		return errPublished
	}})
	require.ErrorIs(t, err, errPublished)
	assert.DirExists(t, draft, "nothing was done")
	require.NoError(t, jsonstore.Hold(dir, time.Now(), func() error { return nil }), "the lock is free again")
}

func TestTheNewestTenOfTheRunsThatWereSetAsideStay(t *testing.T) {
	dir := t.TempDir()
	var ids []string
	for i := range 12 {
		id := fmt.Sprintf("%06d-20261129T120000Z-0000", i+1)
		ids = append(ids, id)
		require.NoError(t, os.MkdirAll(filepath.Join(dir, "runs", id), 0o700))
	}
	require.NoError(t, jsonstore.SetAside(dir, ids...))
	requireNames(t, filepath.Join(dir, "set-aside"), ids[2:]...)
	require.NoError(t, jsonstore.Inspect(dir), "it is ours")
}

func TestRunsThatWereSetAsideAreBoundedAsKeptRunsAreAndTheNewestStays(t *testing.T) {
	dir := t.TempDir()
	var ids []string
	for i := range 6 {
		id := fmt.Sprintf("%06d-202611%02dT120000Z-0000", i+1, 10+i)
		ids = append(ids, id)
		require.NoError(t, os.MkdirAll(filepath.Join(dir, "runs", id), 0o700))
		require.NoError(t, os.WriteFile(filepath.Join(dir, "runs", id, "file"), make([]byte, 1000), 0o600))
	}
	require.NoError(t, jsonstore.SetAside(dir, ids...))
	s, err := jsonstore.Open(dir, jsonstore.Options{})
	require.NoError(t, err)
	defer s.Close()
	day := func(n int) time.Time { return time.Date(2026, 11, n, 0, 0, 0, 0, time.UTC) }
	require.NoError(t, s.PruneAside(jsonstore.Bounds{Since: day(11), Bytes: 1 << 30}))
	requireNames(t, filepath.Join(dir, "set-aside"), ids[1:]...)
	require.NoError(t, s.PruneAside(jsonstore.Bounds{Bytes: 3500}))
	requireNames(t, filepath.Join(dir, "set-aside"), ids[3:]...)
	require.NoError(t, s.PruneAside(jsonstore.Bounds{Since: day(20), Bytes: 10}))
	requireNames(t, filepath.Join(dir, "set-aside"), ids[5])
}

func TestWhereNothingWasSetAsideNothingIsPruned(t *testing.T) {
	dir := t.TempDir()
	s, err := jsonstore.Open(dir, jsonstore.Options{})
	require.NoError(t, err)
	defer s.Close()
	require.NoError(t, s.PruneAside(jsonstore.Bounds{}))
	assert.NoDirExists(t, filepath.Join(dir, "set-aside"))
}

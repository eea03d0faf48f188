//go:build unix

package replay_test

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"s1graph/gotest"
	"s1graph/s1"
	"s1graph/s1/replay"
)

// strange are things that are no plain files, and how each is made at a path.
var strange = map[string]func(t *testing.T, path string){
	"is a link, where a recording has ": func(t *testing.T, path string) {
		moved := filepath.Join(t.TempDir(), filepath.Base(path))
		require.NoError(t, os.Rename(path, moved))
		require.NoError(t, os.Symlink(moved, path))
	},
	"is a pipe, where a recording has ": func(t *testing.T, path string) {
		require.NoError(t, os.RemoveAll(path))
		require.NoError(t, syscall.Mkfifo(path, 0o600))
	},
	"is a socket, where a recording has ": func(t *testing.T, path string) {
		require.NoError(t, os.RemoveAll(path))
		t.Chdir(filepath.Dir(path)) // the path of a socket must be short
		listener, err := net.Listen("unix", filepath.Base(path))
		require.NoError(t, err)
		t.Cleanup(func() { listener.Close() })
	},
	"is a device, where a recording has ": func(t *testing.T, path string) {
		require.NoError(t, os.RemoveAll(path))
		if err := syscall.Mknod(path, syscall.S_IFCHR|0o600, 1<<8|5); err != nil { // as /dev/zero
			gotest.Missing(t, fmt.Errorf("this user cannot make a device: %w", err))
		}
	},
}

func TestARecordingIsReadFromPlainFilesAlone(t *testing.T) {
	for what, spoil := range strange {
		for _, name := range []string{"meta.json", "answers.jsonl", "rows/accounts.jsonl", "rows"} {
			t.Run(name+" "+what, func(t *testing.T) {
				dir := record(t, newConsole(), func(client *s1.Client) { read(t, client, s1.Accounts, "") })
				path := filepath.Join(dir, name)
				spoil(t, path)
				_, err := replay.Open(dir) // which must end
				require.Error(t, err)
				assert.Contains(t, err.Error(), path+" "+what)
			})
		}
	}
}

func TestAFileThatIsReplacedAfterTheRecordingWasOpenedIsRefusedToo(t *testing.T) {
	for what, spoil := range strange {
		for _, name := range []string{"rows/accounts.jsonl", "rows"} {
			t.Run(name+" "+what, func(t *testing.T) {
				dir := record(t, newConsole(), func(client *s1.Client) { read(t, client, s1.Accounts, "") })
				client := open(t, dir)
				spoil(t, filepath.Join(dir, name))
				got := read(t, client, s1.Accounts, "")
				assert.Contains(t, got[len(got)-1], what)
			})
		}
	}
}

func TestAFolderInThePlaceOfAFileIsRefused(t *testing.T) {
	dir := record(t, newConsole(), func(client *s1.Client) { read(t, client, s1.Accounts, "") })
	path := filepath.Join(dir, "rows", "accounts.jsonl")
	require.NoError(t, os.Remove(path))
	require.NoError(t, os.Mkdir(path, 0o700))
	_, err := replay.Open(dir)
	require.EqualError(t, err, path+" is a folder, where a recording has a plain file: put a copy of the recording there")
}

func TestARecordingMayBeNamedByALink(t *testing.T) {
	dir := record(t, newConsole(), func(client *s1.Client) { read(t, client, s1.Accounts, "") })
	link := filepath.Join(t.TempDir(), "link")
	require.NoError(t, os.Symlink(dir, link))
	assert.Equal(t, "total 2 a1 a2", ids(read(t, open(t, link), s1.Accounts, "")))
}

func TestNoRecordingIsMadeOverALink(t *testing.T) {
	elsewhere := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(elsewhere, "accounts.jsonl"), []byte("x"), 0o600))
	dir := record(t, newConsole(), func(client *s1.Client) { read(t, client, s1.Accounts, "") })
	require.NoError(t, os.RemoveAll(filepath.Join(dir, "rows")))
	require.NoError(t, os.Symlink(elsewhere, filepath.Join(dir, "rows")))
	_, err := replay.NewRecorder(dir, meta)
	require.ErrorContains(t, err, "is a link, where a recording has a folder")
	assert.FileExists(t, filepath.Join(elsewhere, "accounts.jsonl"))
}

//go:build unix

package config_test

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"s1graph/config"
	"s1graph/gotest"
)

// found is what becomes of the s1graph.yaml in the working directory if nobody names it, and if somebody does.
func found(t *testing.T) (byChance string, named error) {
	t.Helper()
	_, err := config.Load(sources(nil))
	_, serviceErr := config.LoadService(sources(nil))
	assert.Equal(t, err, serviceErr, "poll says the same of it")
	_, named = config.Load(sources(func(s *config.Sources) { s.File = "s1graph.yaml" }))
	_, variable := config.Load(sources(func(s *config.Sources) { s.Environment = append(s.Environment, "S1GRAPH_CONFIG=s1graph.yaml") }))
	assert.Equal(t, named, variable)
	if err == nil {
		return "", named
	}
	return err.Error(), named
}

// Its url, proxy or caFile would take the token.
func TestAFileFoundByChanceThatOthersCanWriteToIsRefusedUnlessItIsNamed(t *testing.T) {
	for mode, trusted := range map[os.FileMode]bool{
		0o600: true, 0o644: true, 0o755: true, 0o640: true, 0o400: true,
		0o664: false, 0o620: false, 0o666: false, 0o602: false, 0o777: false,
	} {
		t.Run(mode.String(), func(t *testing.T) {
			folder(t, map[string]string{"s1graph.yaml": "proxy: http://proxy.example:3128"})
			require.NoError(t, os.Chmod("s1graph.yaml", mode))
			said, named := found(t)
			require.NoError(t, named)
			if trusted {
				assert.Empty(t, said)
				return
			}
			assert.Regexp(t, `^s1graph\.yaml: .*others than you can write to it \(mode 0\d\d\d: chmod go-w .*--config s1graph\.yaml, else remove it`, said)
			assert.NotContains(t, said, "\n")
		})
	}
}

func TestAFileThatIsRefusedIsTheOnlyFault(t *testing.T) {
	folder(t, map[string]string{"s1graph.yaml": "url: https://example.net\nno such: setting"})
	require.NoError(t, os.Chmod("s1graph.yaml", 0o666))
	assert.Len(t, faults(t, sources(func(s *config.Sources) { s.Environment = nil })), 1)
}

func TestAFileFoundByChanceOfAnotherUserIsRefusedUnlessItIsNamed(t *testing.T) {
	asRoot(t)
	other := func(path string) { require.NoError(t, os.Lchown(path, 12345, 12345)) }
	for name, test := range map[string]struct {
		make    func()
		refused bool
	}{
		"a file": {func() { other("s1graph.yaml") }, true},
		"a link of another user to a file of ours": {func() {
			require.NoError(t, os.Rename("s1graph.yaml", "ours.yaml"))
			require.NoError(t, os.Symlink("ours.yaml", "s1graph.yaml"))
			other("s1graph.yaml")
		}, true},
		"a link of ours to a file of another user": {func() {
			require.NoError(t, os.Rename("s1graph.yaml", "theirs.yaml"))
			require.NoError(t, os.Symlink("theirs.yaml", "s1graph.yaml"))
			other("theirs.yaml")
		}, true},
		"a link of ours to a file that others can write to": {func() {
			require.NoError(t, os.Rename("s1graph.yaml", "ours.yaml"))
			require.NoError(t, os.Symlink("ours.yaml", "s1graph.yaml"))
			require.NoError(t, os.Chmod("ours.yaml", 0o666))
		}, true},
		"a link of ours to a file of ours": {func() {
			require.NoError(t, os.Rename("s1graph.yaml", "ours.yaml"))
			require.NoError(t, os.Symlink("ours.yaml", "s1graph.yaml"))
		}, false},
		"a file of ours in a folder of another user": {func() { other(".") }, false},
	} {
		t.Run(name, func(t *testing.T) {
			folder(t, map[string]string{"s1graph.yaml": "instance: acme"})
			test.make()
			said, named := found(t)
			require.NoError(t, named)
			if !test.refused {
				assert.Empty(t, said)
				return
			}
			assert.Contains(t, said, "s1graph.yaml: must be named by --config or S1GRAPH_CONFIG")
		})
	}
}

// Root's word is obeyed: it can do all that the file could.
func TestAFileOfRootIsTrustedByOthers(t *testing.T) {
	asRoot(t)
	folder(t, map[string]string{"s1graph.yaml": "instance: acme"})
	require.NoError(t, os.Chmod("s1graph.yaml", 0o644))
	require.NoError(t, os.Chown("token", 12345, 12345))
	for path := mustGetwd(t); len(path) > len(os.TempDir()); path = filepath.Dir(path) {
		require.NoError(t, os.Chmod(path, 0o755))
	}
	require.NoError(t, syscall.Setreuid(-1, 12345))
	defer func() { require.NoError(t, syscall.Setreuid(-1, 0)) }()
	said, _ := found(t)
	assert.Empty(t, said)
}

func TestAPipeFoundByChanceIsRefusedAndNotWaitedFor(t *testing.T) {
	folder(t, nil)
	require.NoError(t, syscall.Mkfifo("s1graph.yaml", 0o600))
	done := make(chan error, 1)
	go func() {
		_, err := config.Load(sources(nil))
		done <- err
	}()
	select {
	case err := <-done:
		assert.ErrorContains(t, err, "it is not a plain file")
	case <-time.After(5 * time.Minute):
		t.Fatal("it waits for somebody who writes into the pipe")
	}
}

func asRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		gotest.Missing(t, errors.New("only root can make a file of another user"))
	}
}

func mustGetwd(t *testing.T) string {
	t.Helper()
	dir, err := os.Getwd()
	require.NoError(t, err)
	return dir
}

//go:build unix

package jsonstore

import (
	"fmt"
	"io/fs"
	"os"
	"syscall"
)

// checkOwner refuses what belongs to another user, who could put something else in its place at any time. What is
// root's is taken: root can do that anyway, and volumes that a container is given are often root's.
func checkOwner(path string, info fs.FileInfo) error {
	stat, known := info.Sys().(*syscall.Stat_t)
	if !known || stat.Uid == 0 || int(stat.Uid) == os.Geteuid() {
		return nil
	}
	return &ForeignError{path, fmt.Sprintf("belongs to the user with the number %d, and this is %d: run s1graph as that user, or give another --dir", stat.Uid, os.Geteuid())}
}

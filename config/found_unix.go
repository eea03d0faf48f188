//go:build unix

package config

import (
	"fmt"
	"io/fs"
	"os"
	"syscall"
)

// distrusted says why what a file says may be another user's word; "" where only this user and root can write to
// it. What the folder allows is not looked at: whoever may put another file there owns that.
//
// A group that may write counts as others, the user's own group too: who is in it, and whom an access control list
// adds, cannot be told for certain.
func distrusted(info fs.FileInfo) string {
	owner, known := info.Sys().(*syscall.Stat_t)
	switch {
	case !known:
		return ""
	case owner.Uid != 0 && int64(owner.Uid) != int64(os.Geteuid()):
		return fmt.Sprintf("it belongs to the user with the number %d", owner.Uid)
	case info.Mode().Type() == fs.ModeSymlink: // whose mode means nothing
		return ""
	case info.Mode().Perm()&0o022 != 0:
		return fmt.Sprintf("others than you can write to it (mode %04o: chmod go-w would end that)", info.Mode().Perm())
	}
	return ""
}

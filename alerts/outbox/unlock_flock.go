//go:build linux || darwin || freebsd || netbsd || openbsd || dragonfly

package outbox

import (
	"os"
	"syscall"
)

// unlock gives back bbolt's lock on a file that stays mapped: closing it does not.
func unlock(f *os.File) error { return syscall.Flock(int(f.Fd()), syscall.LOCK_UN) }

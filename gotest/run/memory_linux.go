package main

import (
	"os"
	"syscall"
)

// memory is a new folder in memory for what tests write, which syncs it again and again: on a disk they mostly wait for
// that. It is "" where there is too little room, or where what is there cannot be run.
func memory() string {
	const place, room, tmpfs, noexec = "/dev/shm", 4 << 30, 0x01021994, 8
	var s syscall.Statfs_t
	if err := syscall.Statfs(place, &s); err != nil || s.Type != tmpfs || s.Flags&noexec != 0 || s.Bavail*uint64(s.Bsize) < room {
		return ""
	}
	dir, err := os.MkdirTemp(place, "s1graph-test-")
	if err != nil {
		return ""
	}
	return dir
}

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// memory is a folder in memory for what tests write, which syncs it again and again: on a disk they mostly wait for that. Its
// name is always the same, since go test runs tests again where a variable that they read has changed. It is "" where there
// is too little room, or where what is there cannot be run.
func memory() string {
	const place, room, tmpfs, noexec = "/dev/shm", 4 << 30, 0x01021994, 8
	var s syscall.Statfs_t
	if err := syscall.Statfs(place, &s); err != nil || s.Type != tmpfs || s.Flags&noexec != 0 || s.Bavail*uint64(s.Bsize) < room {
		return ""
	}
	dir := fmt.Sprintf("%s/s1graph-test-%d", place, os.Getuid())
	const mode = 0o711 // some tests have another user read what is theirs
	_ = os.Mkdir(dir, mode)
	info, err := os.Lstat(dir)
	if err != nil || !info.IsDir() || info.Sys().(*syscall.Stat_t).Uid != uint32(os.Getuid()) {
		return ""
	}
	if err := os.Chmod(dir, mode); err != nil {
		return ""
	}
	left, _ := os.ReadDir(dir) // by what was killed; others may be at work in it now
	for _, entry := range left {
		if info, err := entry.Info(); err == nil && time.Since(info.ModTime()) > 24*time.Hour {
			_ = os.RemoveAll(filepath.Join(dir, entry.Name()))
		}
	}
	return dir
}

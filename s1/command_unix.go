//go:build unix

package s1

import (
	"os/exec"
	"syscall"
)

// endWithAllThatItStarted makes the end of the command's time end the processes that it started too.
func endWithAllThatItStarted(c *exec.Cmd) {
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	c.Cancel = func() error { return syscall.Kill(-c.Process.Pid, syscall.SIGKILL) }
}

package neo4jtest

import (
	"os/exec"
	"syscall"
)

// bindToParent has the child killed when the thread that starts it ends.
func bindToParent(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}

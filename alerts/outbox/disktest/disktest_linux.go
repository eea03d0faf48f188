package disktest

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
)

// variable holds the name of the test that a process is there for.
const variable = "S1GRAPH_DISKTEST"

// cannot begins what a process says that may mount nothing.
const cannot = "disktest: cannot mount: "

// Run runs a test, which may make Disks, in a process of its own. It calls it there, and only there; t must be one of
// the package's, and no subtest.
func Run(t *testing.T, test func(t *testing.T)) {
	t.Helper()
	if os.Getenv(variable) == t.Name() {
		test(t)
		return
	}
	timeout := 5 * time.Minute
	if ends, limited := t.Deadline(); limited {
		timeout = time.Until(ends)
	}
	child := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v", "-test.count=1", "-test.timeout="+timeout.String())
	child.Env = append(os.Environ(), variable+"="+t.Name())
	child.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS, Pdeathsig: syscall.SIGKILL}
	if os.Geteuid() != 0 {
		child.SysProcAttr.Cloneflags = syscall.CLONE_NEWUSER
		child.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Geteuid(), Size: 1}}
		child.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getegid(), Size: 1}}
	}
	out, err := child.CombinedOutput()
	_, reason, isUnable := strings.Cut(string(out), cannot)
	var ended *exec.ExitError
	switch {
	case isUnable:
		reason, _, _ = strings.Cut(reason, "\n")
		unable(t, reason)
	case err != nil && !errors.As(err, &ended):
		unable(t, err.Error())
	case err != nil:
		t.Errorf("in its own process: %v\n%s", err, out)
	default:
		t.Logf("in its own process:\n%s", out)
	}
}

// Disk is a file system of memory, in the folder Dir. Its methods may be called from any goroutine, one at a time.
type Disk struct {
	Dir string
	t   *testing.T
}

// New mounts a Disk of so many bytes, which is there until the test ends. Only a test that Run has called can make one.
func New(t *testing.T, size int) *Disk {
	t.Helper()
	d := &Disk{Dir: t.TempDir(), t: t}
	if err := syscall.Mount("disktest", d.Dir, "tmpfs", 0, fmt.Sprintf("size=%d", size)); err != nil {
		t.Fatal(cannot + err.Error())
	}
	t.Cleanup(func() { d.check(syscall.Unmount(d.Dir, syscall.MNT_DETACH)) })
	return d
}

// Fill leaves no byte of room, and Free gives back what Fill took.
func (d *Disk) Fill() {
	f, err := os.Create(d.ballast())
	d.check(err)
	defer f.Close()
	for err == nil {
		_, err = f.Write(make([]byte, 4096))
	}
	if !errors.Is(err, syscall.ENOSPC) {
		d.check(err)
	}
}

// Free is the contrary of Fill.
func (d *Disk) Free() { d.check(os.Remove(d.ballast())) }

// ReadOnly lets nobody write, and Writable ends that. It waits for those who have a file open for writing.
func (d *Disk) ReadOnly() { d.remount(syscall.MS_RDONLY) }

// Writable is the contrary of ReadOnly.
func (d *Disk) Writable() { d.remount(0) }

func (d *Disk) remount(flags uintptr) {
	err := syscall.EBUSY
	for tries := 0; err == syscall.EBUSY && tries < 1_000_000; tries++ { // in a test's own time no clock goes on meanwhile
		err, _ = syscall.Mount("disktest", d.Dir, "tmpfs", syscall.MS_REMOUNT|flags, "").(syscall.Errno)
		runtime.Gosched()
	}
	if err != 0 {
		d.check(err)
	}
}

func (d *Disk) ballast() string { return filepath.Join(d.Dir, "ballast") }

func (d *Disk) check(err error) {
	if err != nil {
		d.t.Errorf("disktest: %v", err)
	}
}

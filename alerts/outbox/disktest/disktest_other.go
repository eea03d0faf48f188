//go:build !linux

package disktest

import (
	"syscall"
	"testing"
)

// Run skips the test.
func Run(t *testing.T, _ func(t *testing.T)) {
	t.Helper()
	unable(t, "this is not Linux")
}

// Disk is a file system that cannot be made here.
type Disk struct{ Dir string }

// New fails the test.
func New(t *testing.T, _ int) *Disk { t.Helper(); t.Fatal("disktest: Run was not called"); return nil }

func (*Disk) Fill()     {}
func (*Disk) Free()     {}
func (*Disk) ReadOnly() {}
func (*Disk) Writable() {}

// RefuseLinks does nothing, since Run does nothing.
func RefuseLinks(*testing.T, syscall.Errno) {}

// Package disktest gives tests file systems of their own, which they fill up and make read-only: root, as whom tests
// may run, is kept from writing by no mode of a file. They are mounted in a process that the test has for itself, and
// vanish with it, however it ends.
package disktest

import (
	"os"
	"testing"
)

// unable skips the test, with the reason, and fails it where CI=true.
func unable(t *testing.T, reason string) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatalf("no file system can be mounted, and with CI=true one must be: %s", reason)
	}
	t.Skipf("no file system can be mounted: %s", reason)
}

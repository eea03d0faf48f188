// Package disktest gives tests file systems of their own, which they fill up and make read-only: root, as whom tests
// may run, is kept from writing by no mode of a file. They are mounted in a process that the test has for itself, and
// vanish with it, however it ends.
package disktest

import (
	"errors"
	"testing"

	"s1graph/gotest"
)

// unable skips the test for a reason, or fails it with CI=true.
func unable(t *testing.T, reason string) {
	t.Helper()
	gotest.Missing(t, errors.New("no file system can be mounted here, which takes Linux, and root or user namespaces: "+reason))
}

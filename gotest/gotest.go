// Package gotest is what make test runs, and what tests ask for programs that may not be here: a test that needs more
// than Go is skipped where that is missing, and make test says so.
package gotest

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// Program gives the path of a program that a test needs: the first of the names that is on the PATH. Where none is, the
// test is skipped, and the package of Debian that has the program is named; with CI=true the test fails.
func Program(t testing.TB, debian string, names ...string) string {
	t.Helper()
	for _, name := range names {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	Missing(t, fmt.Errorf("there is no %s: apt-get install %s", strings.Join(names, " or "), debian))
	return ""
}

// Missing ends a test that needs what is not here: it is skipped for that reason, and fails with CI=true.
func Missing(t testing.TB, reason error) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatal(reason)
	}
	t.Skip(reason)
}

// Unasked ends a test of what no machine has by itself, such as somebody's account: it is skipped for that reason, with CI=true too.
func Unasked(t testing.TB, reason error) {
	t.Helper()
	t.Skip(reason)
}

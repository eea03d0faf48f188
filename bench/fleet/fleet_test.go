package main_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	fleet "s1graph/bench/fleet"
)

// The short form of what make bench-fleet does: a worker is killed, one is paused, one is told to end.
func TestAFleetKeepsItsPromisesThoughItsWorkersFail(t *testing.T) {
	t.Parallel()
	program := filepath.Join(t.TempDir(), "s1graph")
	out, err := exec.CommandContext(t.Context(), "go", "build", "-o", program, "s1graph").CombinedOutput()
	require.NoError(t, err, string(out))
	require.NoError(t, fleet.Short(t.Context(), os.Stdout, program, uint64(time.Now().UnixNano())))
}

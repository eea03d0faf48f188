//go:build unix

package sorter_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"s1graph/graph/sorter"
)

func init() { child = buildOnAFullDisk }

// A full disk is played by a limit on the size of files: the system refuses the write that passes it. The limit
// holds for a whole process, so it needs one of its own.
func TestAFullDiskIsAnErrorThatNamesTheFile(t *testing.T) {
	dir := t.TempDir()
	c := exec.Command(os.Args[0])
	c.Env = append(os.Environ(), childVariable+"="+dir)
	out, err := c.CombinedOutput()
	require.NoError(t, err, "%s", out)
	assert.Contains(t, string(out), dir+"/spill-")
	assert.Contains(t, string(out), syscall.EFBIG.Error())
	assert.Contains(t, string(out), "again: true")
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	assert.Empty(t, left)
}

func buildOnAFullDisk() {
	signal.Ignore(syscall.SIGXFSZ)
	limit := syscall.Rlimit{Cur: 1 << 20, Max: 1 << 20}
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
		panic(err)
	}
	b, err := sorter.New(sorter.Config{Dir: os.Getenv(childVariable), Types: model, MemoryBytes: 200_000})
	if err != nil {
		panic(err)
	}
	for i := 0; err == nil; i++ {
		err = b.Add(agentRow(fmt.Sprint(i), "10", "100", 1))
	}
	fmt.Println(err)
	fmt.Println("again:", b.Add(agentRow("1", "10", "100", 1)) != nil)
	for _, err := range b.Sorted(context.Background(), agents.Name) {
		fmt.Println("sorted:", err)
	}
	if err := b.Close(); err != nil {
		panic(err)
	}
}

// Command run runs go test with its arguments and prints what it prints, and also which tests were skipped and why:
// make test runs it. A -- between arguments separates those of one go test from those of the next, which runs when the
// first has ended, whatever came of it. After --beside stand those that run at the same time. The packages that need a Neo4j
// share one, since its start takes ten seconds.
package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"slices"

	"github.com/sourcegraph/conc/pool"

	"s1graph/gotest"
	"s1graph/graph/neo4jstore/neo4jtest"
)

func main() {
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt)
	defer cancel()
	code, err := run(ctx, os.Args[1:])
	if err != nil {
		fmt.Fprintln(os.Stderr, "go test:", err)
		os.Exit(1)
	}
	if code != 0 {
		fmt.Println("FAIL")
	}
	os.Exit(code)
}

// run gives the exit code of the first go test that failed, or 0.
func run(ctx context.Context, arguments []string) (code int, err error) {
	// t.TempDir takes GOTMPDIR before TMPDIR.
	if os.Getenv("TMPDIR") == "" && os.Getenv("GOTMPDIR") == "" {
		if dir := memory(); dir != "" {
			os.Setenv("TMPDIR", dir)
			os.Setenv("GOTMPDIR", dir)
		}
	}
	environment, stop, err := neo4jtest.ForPackages(ctx)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, stop()) }()
	rows := pool.NewWithResults[int]().WithErrors()
	for _, row := range split(arguments, "--beside") {
		rows.Go(func() (code int, err error) {
			for _, these := range split(row, "--") {
				if ctx.Err() != nil {
					break
				}
				failed, err := goTest(ctx, these, environment)
				if err != nil {
					return 0, err
				}
				code = cmp.Or(code, failed)
			}
			return code, nil
		})
	}
	codes, err := rows.Wait()
	return cmp.Or(codes...), err
}

// split gives what stands between the separators.
func split(arguments []string, separator string) (parts [][]string) {
	for {
		i := slices.Index(arguments, separator)
		if i < 0 {
			return append(parts, arguments)
		}
		parts, arguments = append(parts, arguments[:i]), arguments[i+1:]
	}
}

// goTest runs go test once and gives its exit code.
func goTest(ctx context.Context, arguments, environment []string) (int, error) {
	c := exec.CommandContext(ctx, "go", append([]string{"test", "-json"}, arguments...)...)
	c.Cancel = func() error { return c.Process.Signal(os.Interrupt) }
	c.Env, c.Stderr = slices.Concat(frugal(), os.Environ(), environment), os.Stderr
	out, err := c.StdoutPipe()
	if err != nil {
		return 0, err
	}
	if err := c.Start(); err != nil {
		return 0, err
	}
	printed := gotest.Print(os.Stdout, out)
	err = c.Wait()
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ExitCode() > 0 {
		return exit.ExitCode(), printed
	}
	return 0, errors.Join(err, printed)
}

// frugal is an environment in which tests take less time. What is set already stands behind it, and holds.
func frugal() []string {
	return []string{
		"GOGC=400", // tests hold little at once, and the memory is there
		// The race detector keeps as much again about the memory of a large buffer. It forgets by having the kernel give
		// it empty pages, each of which it then asks for again: a third of the time of tests that write files. Below this
		// size it writes zeros. It does not wait a second at the end of a process either.
		"GORACE=clear_shadow_mmap_threshold=1000000000 atexit_sleep_ms=0",
	}
}

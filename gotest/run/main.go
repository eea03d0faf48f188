// Command run runs go test with its arguments and prints what it prints, and also which tests were skipped and why:
// make test runs it. The packages that need a Neo4j share one, since its start takes ten seconds.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"

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

// run gives the exit code of go test.
func run(ctx context.Context, arguments []string) (code int, err error) {
	environment, stop, err := neo4jtest.ForPackages(ctx)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, stop()) }()
	c := exec.CommandContext(ctx, "go", append([]string{"test", "-json"}, arguments...)...)
	c.Cancel = func() error { return c.Process.Signal(os.Interrupt) }
	c.Env, c.Stderr = append(os.Environ(), environment...), os.Stderr
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
